"""Two-dimensional latents of several networks, coloured by activation, valence and emotion."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap, Normalize
from matplotlib.figure import Figure

from emometric.emotions import present
from emometric.fitting.batch import AFFECT
from emometric.report import emotion_marks
from emometric.report.palette import EMOTION_COLOURS, EMOTION_SHAPES, Theme, shade
from emometric.report.style import CorpusHeading, new_figure, style

RATED = (1.0, 5.0)  # the scale of the ratings
INSIDE = (1, 99)  # per cent of the clips whose latents set an axis's limits


def latents(
    table: pd.DataFrame,
    variants: Mapping[str, str],
    *,
    title: str,
    heading: CorpusHeading,
    theme: Theme,
) -> Figure:
    """A row for each variant, a column for each colouring; the same clips in all panels.

    table: rows (variant, emotion, activation, valence, x, y); variants: those that are drawn, in
    order, with the words for them. A column that has no labels is left out. Axes are those of each
    network's own latent space, cut to the inner 98 % of its clips, with equal units.
    """
    columns = [name for name in AFFECT if table[name].notna().any()] + ["emotion"]
    shown = [name for name in variants if (table["variant"] == name).any()]
    with style(theme):
        figure = new_figure(
            title,
            heading,
            theme=theme,
            body_in=0.7 + 2.25 * len(shown),
            note="Each row is one network's latent space; the outermost 1 % of clips on each side "
            "lie on its edge.",
        )
        grid = figure.subplots(len(shown), len(columns), squeeze=False)
        scale = ListedColormap([shade(step / 255, theme) for step in range(256)])
        for row, variant in zip(grid, shown, strict=True):
            clips = table[table["variant"] == variant]
            place = _inside(clips[["x", "y"]].to_numpy(dtype=float))
            for axes, column in zip(row, columns, strict=True):
                _draw(axes, clips, place, column, scale, theme)
            row[0].set_ylabel(variants[variant], size=9.5)
        for axes, column in zip(grid[0], columns, strict=True):
            axes.set_title(column, size=10)
        _legends(figure, grid, columns, table, scale)
    return figure


def _draw(
    axes: Axes,
    clips: pd.DataFrame,
    place: np.ndarray,
    column: str,
    scale: ListedColormap,
    theme: Theme,
) -> None:
    size = float(np.clip(2600 / max(len(clips), 1), 4, 16))
    axes.set_facecolor(theme.surface)
    if column == "emotion":
        for emotion in present(clips["emotion"]):
            own = (clips["emotion"] == emotion).to_numpy()
            axes.scatter(
                *place[own].T,
                s=size,
                color=EMOTION_COLOURS[emotion],
                marker=EMOTION_SHAPES[emotion],
                linewidths=0,
            )
    else:
        rated = clips[column].notna().to_numpy()
        axes.scatter(
            *place[rated].T,
            c=clips[column].to_numpy()[rated],
            s=size,
            cmap=scale,
            vmin=RATED[0],
            vmax=RATED[1],
            edgecolors=theme.other,
            linewidths=0.25,
        )
    axes.set_aspect("equal", adjustable="datalim")
    axes.margins(0.06)
    axes.tick_params(length=2, labelsize=7)


def _inside(place: np.ndarray) -> np.ndarray:
    """Latents with the far ones moved to the edge: one clip far away would hide all others."""
    low, high = np.percentile(place, INSIDE, axis=0) if len(place) else (0.0, 0.0)
    return place.clip(low, high)


def _legends(
    figure: Figure, grid: np.ndarray, columns: list[str], table: pd.DataFrame, scale: ListedColormap
) -> None:
    """One bar for both ratings below their columns, the emotions below theirs."""
    rated = [place for place, column in enumerate(columns) if column != "emotion"]
    if rated:
        bar = figure.colorbar(
            ScalarMappable(Normalize(*RATED), scale),
            ax=list(grid[:, rated].ravel()),
            location="bottom",
            shrink=0.5,
            aspect=35,
            pad=0.02,
        )
        bar.set_label("rating: 1 calm or negative, 5 excited or positive", size=8)
        bar.outline.set_visible(False)
    legend = grid[-1, -1].legend(
        handles=emotion_marks.marks(present(table["emotion"])),
        loc="upper center",
        bbox_to_anchor=(0.5, -0.16),
        ncols=2,
        fontsize=8,
        handletextpad=0.2,
        columnspacing=0.8,
    )
    legend.set_in_layout(False)  # beside the bar, not above it
    figure.align_ylabels(list(grid[:, 0]))

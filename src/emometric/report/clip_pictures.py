"""Pictures of single clips, one an emotion: what a network hears, and where it looks."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, LinearSegmentedColormap, ListedColormap
from matplotlib.figure import Figure

from emometric.report import panel_grid
from emometric.report.explain_figure import DIVERGING
from emometric.report.palette import EMOTION_COLOURS, Theme, shade
from emometric.report.style import CorpusHeading, new_figure, style

# Rows (frequency, lowest first) by columns of one clip.
Pictures = Mapping[str, np.ndarray]
INSIDE = (1, 99.5)  # per cent of the values that a scale spans
# Of a scale: a PNG has 256 colours, and those of the emotions must be left among them.
_STEPS = 48


def inputs(
    pictures: Pictures,
    labels: tuple[str, str],
    *,
    title: str,
    heading: CorpusHeading,
    theme: Theme,
) -> Figure:
    """One panel an emotion, in dB, all on one scale. labels: of columns (x) and of rows (y)."""
    with style(theme):
        n_rows = panel_grid.rows_of(len(pictures), 3)
        figure = new_figure(
            title,
            heading,
            theme=theme,
            body_in=0.5 + 1.75 * n_rows,
            note="One clip an emotion, all stretched to one size; in dB, one scale for all.",
        )
        grid = figure.subplots(n_rows, 3, squeeze=False)
        limits = _limits(list(pictures.values()))
        shown = panel_grid.edged(grid, len(pictures), labels)
        for axes, (emotion, picture) in zip(shown, pictures.items(), strict=True):
            drawn = _draw(axes, picture, _shades(theme), limits)
            _name(axes, emotion)
            axes.set(xticks=[], yticks=[])
        bar = figure.colorbar(drawn, ax=list(grid.ravel()), aspect=40, pad=0.015)
        bar.outline.set_visible(False)
        bar.ax.tick_params(labelsize=8, length=2)
        bar.set_label("dB", size=8.5)
    return figure


def maps(
    rows: Mapping[str, Pictures],
    signed: Sequence[str],
    *,
    note: str,
    title: str,
    heading: CorpusHeading,
    theme: Theme,
) -> Figure:
    """A row for each kind of picture, a column for each emotion; one scale along a row.

    rows: words for the kind -> a picture an emotion; signed: those rows whose zero lies in the
    middle of the scale. A clip that a row lacks stays blank.
    """
    emotions = list(dict.fromkeys(word for pictures in rows.values() for word in pictures))
    with style(theme):
        figure = new_figure(title, heading, theme=theme, body_in=0.35 + 1.0 * len(rows), note=note)
        grid = figure.subplots(len(rows), len(emotions), squeeze=False)
        for across, (words, pictures) in zip(grid, rows.items(), strict=True):
            limits = _limits(list(pictures.values()))
            if words in signed:
                limits = (-max(map(abs, limits)), max(map(abs, limits)))
            scale = _two_sided(theme) if words in signed else _shades(theme)
            for axes, emotion in zip(across, emotions, strict=True):
                axes.set(xticks=[], yticks=[])
                axes.spines[:].set_visible(False)
                if emotion in pictures:
                    drawn = _draw(axes, pictures[emotion], scale, limits)
            across[0].set_ylabel(words, size=8.5)
            bar = figure.colorbar(drawn, ax=list(across), aspect=11, pad=0.01, fraction=0.03)
            bar.outline.set_visible(False)
            bar.ax.tick_params(labelsize=7, length=2)
            bar.ax.locator_params(nbins=4)
        for axes, emotion in zip(grid[0], emotions, strict=True):
            _name(axes, emotion)
        figure.align_ylabels(list(grid[:, 0]))
    return figure


def _draw(axes: Axes, picture: np.ndarray, scale: Colormap, limits: tuple[float, float]):
    """As an image, for a mesh of so many cells would make an SVG of megabytes."""
    return axes.imshow(
        picture,
        origin="lower",
        aspect="auto",
        cmap=scale,
        vmin=limits[0],
        vmax=limits[1],
        interpolation="nearest",
    )


def _name(axes: Axes, emotion: str) -> None:
    """The emotion above its panel, over a line in its colour."""
    axes.set_title(emotion, size=9.5, pad=5)
    axes.spines["top"].set(visible=True, color=EMOTION_COLOURS[emotion], linewidth=3)


def _limits(pictures: list[np.ndarray]) -> tuple[float, float]:
    values = np.concatenate([picture.ravel() for picture in pictures])
    low, high = np.percentile(values, INSIDE)
    return (float(low), float(high)) if high > low else (float(low), float(low) + 1)


def _shades(theme: Theme) -> ListedColormap:
    return ListedColormap([shade(step / (_STEPS - 1), theme) for step in range(_STEPS)])


def _two_sided(theme: Theme) -> LinearSegmentedColormap:
    return LinearSegmentedColormap.from_list("two_sided", DIVERGING[theme.name], N=_STEPS + 1)

"""Figures of cells: the confusion matrix, and recall by speaker and emotion."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

from emometric.report.palette import LIGHT, Theme, ink_on, shade
from emometric.report.style import Heading, Interval, new_figure, percent, style


def confusion(
    counts: np.ndarray,
    emotions: Sequence[str],
    uar: Interval,
    *,
    confidence: float,
    heading: Heading,
    theme: Theme = LIGHT,
) -> Figure:
    """Confusion matrix: a cell's colour is its share of the true emotion's clips.

    counts: (truth, predicted) clips, both in the order of `emotions`. A row without clips is blank.
    """
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, totals, out=np.zeros(counts.shape), where=totals > 0)
    with style(theme):
        figure = new_figure(
            f"Confusion: UAR {percent(uar, confidence)}",
            heading,
            theme=theme,
            body_in=1.0 + 0.56 * len(emotions),
            note="Each cell: per cent of the true emotion's clips, and clips.",
        )
        axes = figure.add_subplot()
        _draw_cells(axes, shares, totals[:, 0] > 0, theme)
        for row, column in np.argwhere(counts > 0):
            ink = ink_on(shade(shares[row, column], theme))
            axes.text(
                column,
                row - 0.13,
                f"{100 * shares[row, column]:.0f} %",
                color=ink,
                ha="center",
                va="center",
                weight="bold" if row == column else "normal",
            )
            axes.text(
                column,
                row + 0.24,
                f"{counts[row, column]:d}",
                color=ink,
                ha="center",
                va="center",
                size=7.5,
            )
        rows = [
            f"{emotion} ({total:d})" for emotion, total in zip(emotions, totals[:, 0], strict=True)
        ]
        _label_cells(axes, rows, emotions)
        axes.set_ylabel("truth (clips)")
        axes.set_xlabel("predicted")
    return figure


def per_speaker(
    table: pd.DataFrame, emotions: Sequence[str], *, heading: Heading, theme: Theme = LIGHT
) -> Figure:
    """Recall of each emotion for each speaker, and the speaker's mean; blank where no clip exists.

    table: rows (speaker, emotion, n, correct) of one cell.
    """
    summed = table.groupby(["speaker", "emotion"])[["correct", "n"]].sum()
    recall = (summed["correct"] / summed["n"]).unstack("emotion").reindex(columns=list(emotions))
    clips = summed["n"].unstack("emotion").reindex(columns=list(emotions)).fillna(0).astype(int)
    shares = np.column_stack([recall.to_numpy(), recall.mean(axis=1).to_numpy()])
    with style(theme):
        figure = new_figure(
            "Recall by speaker and emotion",
            heading,
            theme=theme,
            body_in=0.75 + 0.255 * len(recall),
            note="Each cell: per cent of the clips recognised; small: how many clips there are.",
        )
        axes = figure.add_subplot()
        _draw_cells(axes, np.nan_to_num(shares), ~np.isnan(shares), theme)
        for row, column in np.argwhere(~np.isnan(shares)):
            ink = ink_on(shade(shares[row, column], theme))
            is_mean = column == len(emotions)
            axes.text(
                column + (0 if is_mean else 0.03),
                row,
                f"{100 * shares[row, column]:.0f}",
                color=ink,
                ha="center" if is_mean else "right",
                va="center",
                weight="bold" if is_mean else "normal",
                size=9,
            )
            if not is_mean:
                axes.text(
                    column + 0.1,
                    row + 0.03,
                    f"of {clips.iloc[row, column]:d}",
                    color=ink,
                    ha="left",
                    va="center",
                    size=6.5,
                )
        axes.axvline(len(emotions) - 0.5, color=theme.surface, linewidth=6)
        _label_cells(
            axes, [speaker.rsplit("/")[-1] for speaker in recall.index], [*emotions, "mean"]
        )
        axes.set_ylabel("speaker")
    return figure


def _draw_cells(axes: Axes, shares: np.ndarray, drawn: np.ndarray, theme: Theme) -> None:
    """Coloured cells with thin gaps; those not in `drawn` (rows, or cells) stay blank."""
    scale = ListedColormap([shade(step / 255, theme) for step in range(256)])
    drawn = np.broadcast_to(drawn.reshape(len(shares), -1), shares.shape)
    edges = [np.arange(length + 1) - 0.5 for length in shares.shape[::-1]]
    axes.pcolormesh(
        *edges,
        np.ma.masked_where(~drawn, shares),
        cmap=scale,
        vmin=0,
        vmax=1,
        edgecolors=theme.surface,
        linewidth=1.2,
    )
    axes.invert_yaxis()


def _label_cells(axes: Axes, rows: Sequence[str], columns: Sequence[str]) -> None:
    axes.set_yticks(range(len(rows)), rows)
    axes.set_xticks(range(len(columns)), columns)
    if len(columns) > 7:
        axes.tick_params(axis="x", labelsize=8)
    if len(columns) > 10:
        axes.tick_params(axis="x", labelrotation=35)
        for label in axes.get_xticklabels():
            label.set(ha="right", rotation_mode="anchor")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)

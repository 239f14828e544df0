"""Figures of kumar2021: maps of the test embeddings, and box plots of their angles."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from emometric.emotions import present
from emometric.report import emotion_marks
from emometric.report.palette import EMOTION_COLOURS, EMOTION_SHAPES, Theme
from emometric.report.style import CorpusHeading, new_figure, style


def maps(
    table: pd.DataFrame,
    splits: Mapping[str, str],
    *,
    title: str,
    heading: CorpusHeading,
    theme: Theme,
) -> Figure:
    """Side by side the t-SNE of test clips of one run under each division.

    table: rows (split, emotion, x, y); splits: those that are drawn, with the words for them.
    """
    shown = [name for name in splits if (table["split"] == name).any()]
    with style(theme):
        figure = new_figure(
            title,
            heading,
            theme=theme,
            body_in=4.6,
            note="t-SNE keeps neighbours, not distances: axes carry no unit.",
        )
        grid = figure.subplot_mosaic([shown, [""] * len(shown)], height_ratios=[1, 0.07])
        for split in shown:
            axes = grid[split]
            clips = table[table["split"] == split]
            size = float(np.clip(3000 / max(len(clips), 1), 6, 22))
            for emotion in present(clips["emotion"]):
                own = clips[clips["emotion"] == emotion]
                axes.scatter(
                    own["x"],
                    own["y"],
                    s=size,
                    color=EMOTION_COLOURS[emotion],
                    marker=EMOTION_SHAPES[emotion],
                    linewidths=0,
                )
            axes.set(xticks=[], yticks=[])
            axes.set_title(f"{splits[split]}: {len(clips)} test clips", size=10)
            axes.set_aspect("equal", adjustable="datalim")
            axes.margins(0.03)
            axes.spines[:].set(visible=True, color=theme.faint)
        emotion_marks.fill_with_legend(grid[""], present(table["emotion"]))
    return figure


def boxes(
    table: pd.DataFrame,
    splits: Mapping[str, str],
    *,
    title: str,
    heading: CorpusHeading,
    theme: Theme,
) -> Figure:
    """For each emotion the angles of its test clips to its own embedding, and to the nearest other.

    table: rows (split, emotion, own_deg, other_deg). Boxes: quartiles and median; whiskers: the
    5th and the 95th percentile. A clip is recognised where its own angle is the smaller.
    """
    shown = [name for name in splits if (table["split"] == name).any()]
    emotions = present(table["emotion"])
    with style(theme):
        figure = new_figure(
            title,
            heading,
            theme=theme,
            body_in=0.6 + 2.7 * len(shown),
            note="Boxes: quartiles and median of the clips; whiskers: 5th and 95th percentile.",
        )
        grid = figure.subplots(len(shown), 1, squeeze=False, sharex=True)[:, 0]
        for axes, split in zip(grid, shown, strict=True):
            clips = table[table["split"] == split]
            for place, emotion in enumerate(emotions):
                own = clips[clips["emotion"] == emotion]
                _box(axes, own["own_deg"], place - 0.18, EMOTION_COLOURS[emotion], theme)
                _box(axes, own["other_deg"], place + 0.18, theme.other, theme)
            axes.set_ylabel(f"{splits[split]}\nangle (degrees)", size=9)
            axes.set_ylim(0, 180)
            axes.set_yticks([0, 45, 90, 135, 180])
            axes.grid(axis="y")
        grid[-1].set_xticks(range(len(emotions)), emotions)
        grid[-1].tick_params(axis="x", length=0)
        marks = [
            Line2D([], [], linewidth=7, color=theme.line, label="to its own emotion (coloured)"),
            Line2D([], [], linewidth=7, color=theme.other, label="to the nearest other emotion"),
        ]
        grid[-1].legend(handles=marks, loc="upper center", bbox_to_anchor=(0.5, -0.09), ncols=2)
    return figure


def _box(axes: Axes, values: pd.Series, place: float, colour: str, theme: Theme) -> None:
    if values.empty:
        return
    drawn = axes.boxplot(
        values.to_numpy(),
        positions=[place],
        widths=0.3,
        whis=(5, 95),
        showfliers=False,
        patch_artist=True,
        manage_ticks=False,
    )
    for box in drawn["boxes"]:
        box.set(facecolor=colour, edgecolor=theme.line, linewidth=0.8)
    for part in ("whiskers", "caps"):
        for line in drawn[part]:
            line.set(color=theme.line, linewidth=0.8)
    drawn["medians"][0].set(color=theme.ink, linewidth=1.4)

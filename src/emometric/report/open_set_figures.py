"""Figures of an open dictionary: its rates, and streams of clips with what became of them."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import PercentFormatter

from emometric.emotions import present
from emometric.report import emotion_marks, panel_grid
from emometric.report.palette import EMOTION_COLOURS, EMOTION_SHAPES, Theme
from emometric.report.style import SMALL_PT, CorpusHeading, new_figure, style

_DASHED = (0, (4, 2))
_NUMBERED = 8  # founded classes at most that are numbered in a panel


def rates(
    table: pd.DataFrame,
    panels: Mapping[str, tuple[str, float]],
    *,
    title: str,
    heading: CorpusHeading,
    theme: Theme,
) -> Figure:
    """A panel a rate, a row an unknown emotion, the last row their mean; bars: intervals.

    table: rows unknown, and for each rate <rate>, <rate>_low, <rate>_high; panels: rate -> words
    for it, and what a guess reaches (NaN: no line).
    """
    names = list(table["unknown"])
    with style(theme):
        figure = new_figure(
            title,
            heading,
            theme=theme,
            body_in=0.75 + 0.32 * len(names),
            note="Bars: 95 % interval that resamples speakers. Dashed: what a guess reaches.",
        )
        grid = figure.subplots(1, len(panels), squeeze=False, sharey=True)[0]
        for axes, (rate, (words, guess)) in zip(grid, panels.items(), strict=True):
            if not np.isnan(guess):
                axes.axvline(guess, color=theme.line, linewidth=1, linestyle=_DASHED)
            for place, row in enumerate(table.to_dict("records")):
                _draw_rate(axes, row, rate, place, theme)
            axes.set_title(words, size=9)
            axes.set_xlim(-0.03, 1.03)
            axes.set_xticks([0, 0.5, 1])
            axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=""))
            axes.grid(axis="x")
            axes.tick_params(length=0, labelsize=8.5)
            axes.axhline(len(names) - 1.5, color=theme.faint, linewidth=1)
        grid[0].set_yticks(range(len(names)), names)
        grid[0].set_ylim(len(names) - 0.5, -0.5)
        grid[len(panels) // 2].set_xlabel("per cent", size=9)
    return figure


def streams(table: pd.DataFrame, *, title: str, heading: CorpusHeading, theme: Theme) -> Figure:
    """A panel an unknown emotion: the similarity of each clip as it arrives, and the events.

    table: rows unknown, place, emotion, similarity, label, is_founder, is_unknown, threshold, of
    one stream an unknown emotion.
    """
    unknown = present(table["unknown"])
    with style(theme):
        n_rows = panel_grid.rows_of(len(unknown), 2)
        figure = new_figure(
            title,
            heading,
            theme=theme,
            body_in=1.1 + 1.75 * n_rows,
            note="Each clip by its true emotion, the unknown one larger; dashed: the threshold, "
            "chosen on training speakers. A clip below it founds a class, unless a founder is "
            "similar enough. Few classes are numbered.",
        )
        frame = figure.add_gridspec(n_rows + 1, 2, height_ratios=[1.0] * n_rows + [0.36])
        grid = frame[:-1, :].subgridspec(n_rows, 2).subplots(sharex=True, squeeze=False)
        labels = ("place in the stream", "similarity")
        shown = panel_grid.edged(grid, len(unknown), labels, size=9)
        for axes, word in zip(shown, unknown, strict=True):
            own = table[table["unknown"] == word]
            _draw_stream(axes, own, word, theme)
            n_founded = int(own["is_founder"].sum())
            classes = f"{n_founded} class{'' if n_founded == 1 else 'es'} founded"
            axes.set_title(f"{word} is unknown: {classes}", size=9.5, pad=4)
        foot = figure.add_subplot(frame[-1, :])
        foot.set_axis_off()
        foot.legend(
            handles=_legend(present(table["emotion"]), theme),
            loc="center",
            ncols=3,
            handletextpad=0.4,
        )
    return figure


def _draw_rate(axes: Axes, row: Mapping, rate: str, place: int, theme: Theme) -> None:
    if pd.isna(row[rate]):
        axes.annotate("–", (0.5, place), ha="center", va="center", color=theme.muted)
        return
    colour = EMOTION_COLOURS.get(row["unknown"], theme.accent)
    if not pd.isna(row[f"{rate}_low"]):
        axes.hlines(place, row[f"{rate}_low"], row[f"{rate}_high"], color=colour, linewidth=1.6)
    mark = EMOTION_SHAPES.get(row["unknown"], "D")
    axes.plot(row[rate], place, color=colour, marker=mark, markersize=6, markeredgewidth=0)


def _draw_stream(axes: Axes, own: pd.DataFrame, word: str, theme: Theme) -> None:
    for emotion in present(own["emotion"]):
        clips = own[own["emotion"] == emotion]
        axes.scatter(
            clips["place"],
            clips["similarity"],
            s=30 if emotion == word else 16,
            color=EMOTION_COLOURS[emotion],
            marker=EMOTION_SHAPES[emotion],
            linewidths=0,
            zorder=3 if emotion == word else 2,
        )
    axes.axhline(own["threshold"].iloc[0], color=theme.ink, linewidth=0.9, linestyle=_DASHED)
    is_new = own["label"].str.startswith("new")
    founders, joined = own[own["is_founder"]], own[is_new & ~own["is_founder"]]
    ring = {"facecolors": "none", "s": 70, "zorder": 4}
    axes.scatter(founders["place"], founders["similarity"], **ring, edgecolors=theme.ink)
    axes.scatter(
        joined["place"], joined["similarity"], **ring, edgecolors=theme.muted, linestyle=":"
    )
    for row in founders.to_dict("records") if len(founders) <= _NUMBERED else ():
        axes.annotate(
            row["label"].removeprefix("new "),
            (row["place"], row["similarity"]),
            xytext=(0, -11.5),
            textcoords="offset points",
            ha="center",
            size=SMALL_PT - 1.5,
            color=theme.ink,
        )
    axes.margins(y=0.2)
    axes.tick_params(length=2, labelsize=8)


def _legend(emotions: tuple[str, ...], theme: Theme) -> list[Line2D]:
    ring = {"linestyle": "none", "marker": "o", "markersize": 9, "markerfacecolor": "none"}
    return [
        *emotion_marks.marks(emotions),
        Line2D([], [], **ring, markeredgecolor=theme.ink, label="founds a class"),
        Line2D([], [], **ring, markeredgecolor=theme.muted, label="taken for one (dotted)"),
    ]

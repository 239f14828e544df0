"""One figure of a corpus: emotions by speakers, durations by emotion, levels by speaker."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

from emometric.report.palette import EMOTION_COLOURS, LIGHT, Theme, ink_on, shade
from emometric.report.style import SMALL_PT, CorpusHeading, new_figure, style, to_png

_MOST_NAMED = 32  # speakers with a name on the axis and a number in each cell


def png(
    table: pd.DataFrame,
    counts: pd.DataFrame,
    heard: pd.Series,
    *,
    name: str,
    language: str,
    origin: str,
) -> bytes:
    """The figure (see `corpus`) as PNG."""
    heading = CorpusHeading(facts=(f"language: {language}",), origin=origin)
    return to_png(corpus(table, counts, heard, name=name, heading=heading))


def corpus(
    table: pd.DataFrame,
    counts: pd.DataFrame,
    heard: pd.Series,
    *,
    name: str,
    heading: CorpusHeading,
    theme: Theme = LIGHT,
) -> Figure:
    """Clips of each emotion (rows) and speaker (columns); beside it durations, below it levels.

    table: a row a clip (speaker, emotion, seconds, level_db). counts: clips, emotions by speakers,
    in the order to be drawn. heard: which clips have a level (a sound in them).
    """
    n_emotions, n_speakers = counts.shape
    minutes = table["seconds"].sum() / 60
    length = f"{minutes:.0f} min" if minutes < 120 else f"{minutes / 60:.1f} h"
    many = n_speakers > 1
    with style(theme):
        figure = new_figure(
            f"{name}: {len(table)} clips of {n_speakers} speaker{'s' if many else ''}, {length}",
            heading,
            theme=theme,
            body_in=0.34 * max(n_emotions, 3) + 2.9,
            note="Bars: all clips (thin), the middle half (thick), the median (dot). Level: RMS "
            "of the clip against full scale.",
        )
        grid = figure.add_gridspec(
            2, 2, width_ratios=(2.1, 1), height_ratios=(0.34 * max(n_emotions, 3), 1.7)
        )
        cells = figure.add_subplot(grid[0, 0])
        durations = figure.add_subplot(grid[0, 1], sharey=cells)
        levels = figure.add_subplot(grid[1, 0], sharex=cells)
        files = figure.add_subplot(grid[1, 1])
        _draw_counts(cells, counts, theme)
        _draw_durations(durations, table, counts.index, theme)
        _draw_levels(levels, table[heard], counts.columns, theme)
        _draw_files(files, table, theme)
    return figure


def _draw_counts(axes: Axes, counts: pd.DataFrame, theme: Theme) -> None:
    numbers = counts.to_numpy()
    n_emotions, n_speakers = numbers.shape
    shares = numbers / max(1, numbers.max())
    is_named = n_speakers <= _MOST_NAMED
    axes.pcolormesh(
        np.arange(n_speakers + 1) - 0.5,
        np.arange(n_emotions + 1) - 0.5,
        np.ma.masked_where(numbers == 0, shares),
        cmap=ListedColormap([shade(step / 255, theme) for step in range(256)]),
        vmin=0,
        vmax=1,
        edgecolors=theme.surface if is_named else "none",
        linewidth=1.0 if is_named else 0,
    )
    axes.invert_yaxis()
    if is_named:
        for row, column in np.argwhere(numbers > 0):
            axes.text(
                column,
                row,
                f"{numbers[row, column]:d}",
                ha="center",
                va="center",
                size=8 if n_speakers <= 14 else 6.5 if n_speakers <= 26 else 5.5,
                color=ink_on(shade(shares[row, column], theme)),
            )
    totals = numbers.sum(axis=1)
    rows = [f"{emotion} ({total:d})" for emotion, total in zip(counts.index, totals, strict=True)]
    axes.set_yticks(range(n_emotions), rows)
    axes.set_title("clips" if is_named else f"clips: up to {numbers.max()} a cell", **_title(theme))
    axes.tick_params(length=0, labelbottom=False)
    axes.spines[:].set_visible(False)


def _draw_durations(axes: Axes, table: pd.DataFrame, emotions: pd.Index, theme: Theme) -> None:
    labels = table["emotion"].fillna(emotions[-1])
    for row, emotion in enumerate(emotions):
        seconds = table.loc[labels == emotion, "seconds"].to_numpy()
        colour = EMOTION_COLOURS.get(emotion, theme.other)
        low, first, middle, third, high = np.quantile(seconds, [0, 0.25, 0.5, 0.75, 1])
        axes.hlines(row, low, high, color=colour, linewidth=1.2)
        axes.hlines(row, first, third, color=colour, linewidth=6)
        axes.plot(middle, row, "o", color=theme.surface, markeredgecolor=theme.ink, markersize=4)
    axes.set_xlim(left=0)
    axes.set_title("seconds", **_title(theme))
    axes.grid(axis="x")
    axes.tick_params(axis="y", length=0, labelleft=False)
    axes.spines["left"].set_visible(False)


def _draw_levels(axes: Axes, table: pd.DataFrame, speakers: pd.Index, theme: Theme) -> None:
    quantiles = (
        table.groupby("speaker")["level_db"]
        .quantile([0, 0.25, 0.5, 0.75, 1])
        .unstack()
        .reindex(speakers)
        .to_numpy()
    )
    at = np.arange(len(speakers))
    is_named = len(speakers) <= _MOST_NAMED
    axes.vlines(
        at,
        quantiles[:, 0],
        quantiles[:, 4],
        color=theme.accent,
        linewidth=1.0 if is_named else 0.6,
        alpha=1.0 if is_named else 0.4,
    )
    width = 5.0 if is_named else max(0.6, 150 / len(speakers))
    axes.vlines(at, quantiles[:, 1], quantiles[:, 3], color=theme.accent, linewidth=width)
    axes.plot(
        at,
        quantiles[:, 2],
        "o",
        color=theme.surface,
        markeredgecolor=theme.ink,
        markersize=3.6 if is_named else max(0.8, 110 / len(speakers)),
        markeredgewidth=1.0 if is_named else 0.3,
    )
    axes.set_title("level, dB", **_title(theme))
    axes.grid(axis="y")
    axes.set_xlim(-0.6, len(speakers) - 0.4)
    axes.tick_params(axis="x", length=0)
    if is_named:
        names = [speaker.rsplit("/")[-1] for speaker in speakers]
        axes.set_xticks(at, names, size=8 if len(names) <= 14 else 7)
        if max(map(len, names)) * len(names) > 60:
            axes.tick_params(axis="x", labelrotation=90)
        axes.set_xlabel("speaker")
    else:
        axes.set_xticks([])
        axes.set_xlabel(f"{len(speakers)} speakers")


def _draw_files(axes: Axes, table: pd.DataFrame, theme: Theme) -> None:
    """Rates and channels as bars: how many clips have them."""
    kinds = table.groupby(["rate_hz", "channels"]).size().sort_values(ascending=False)
    named = {1: "mono", 2: "stereo"}
    shown = kinds.iloc[:4]
    words = [
        f"{rate / 1000:g} kHz\n{named.get(channels, f'{channels} channels')}"
        for rate, channels in shown.index
    ]
    rows = np.arange(len(shown))
    axes.barh(rows, shown.to_numpy(), height=0.5, color=theme.other)
    for row, n_clips in zip(rows, shown, strict=True):
        axes.annotate(
            f"{n_clips}",
            (n_clips, row),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            size=SMALL_PT,
        )
    axes.set_yticks(rows, words, size=8)
    axes.set_ylim(max(2.5, len(shown) - 0.5), -0.6)
    axes.set_xlim(0, shown.max() * 1.3)
    more = f", {len(kinds) - 4} more kinds" if len(kinds) > 4 else ""
    axes.set_title(f"files{more}", **_title(theme))
    axes.set_xticks([])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def _title(theme: Theme) -> dict:
    return {"loc": "left", "fontsize": SMALL_PT, "color": theme.muted}

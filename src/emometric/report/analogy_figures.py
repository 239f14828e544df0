"""Figures of ntalampiras2020: accuracy against what is known, and matrices of emotions."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from emometric.report.palette import Theme, ink_on, shade
from emometric.report.style import SMALL_PT, CorpusHeading, new_figure, style

_DASHED = (0, (4, 2))
_MARKS = ("o", "s", "v", "^", "P", "X")
_LEGEND_IN = 0.2  # height of a line of the legend


@dataclass(frozen=True, kw_only=True)
class Point:
    """A value that the paper states: at x, in [0, 1]; sd is NaN where it states none."""

    x: float
    value: float
    sd: float


@dataclass(frozen=True, kw_only=True)
class Lines:
    """What a curve is drawn from.

    table: rows (series, n_known, accuracy, accuracy_sd, accuracy_low, accuracy_high); series: those
    that are drawn with the words for them, the first with its deviation as a band; solid: which
    others have a solid line; points: of the paper; chance: the accuracy of a guess.
    """

    table: pd.DataFrame
    series: Mapping[str, str]
    solid: Collection[str]
    points: Sequence[Point]
    chance: float
    x_label: str


def curve(lines: Lines, *, title: str, heading: CorpusHeading, theme: Theme) -> Figure:
    """Mean accuracy over the repeats against the number of known speakers or emotions."""
    with style(theme):
        figure = new_figure(
            title,
            heading,
            theme=theme,
            body_in=3.4 + _LEGEND_IN * (len(lines.series) + 1) / 2,
            note="Line: mean over the repeats; band: ± one standard deviation; bars: 95 % interval "
            "of the mean over speakers.",
        )
        axes = figure.add_subplot()
        axes.axhline(lines.chance, color=theme.line, linewidth=1, linestyle=_DASHED)
        for place, (name, words) in enumerate(lines.series.items()):
            own = lines.table[lines.table["series"] == name].sort_values("n_known")
            is_solid = place == 0 or name in lines.solid
            _draw_series(axes, own, words, (place, is_solid), theme)
        _draw_points(axes, lines.points, theme)
        axes.annotate(
            f"chance {100 * lines.chance:.1f} %",
            (1, lines.chance),
            xycoords=("axes fraction", "data"),
            xytext=(0, 3),
            textcoords="offset points",
            ha="right",
            size=SMALL_PT,
            color=theme.muted,
        )
        axes.set_ylim(0, 1)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
        axes.set_xlabel(lines.x_label)
        axes.set_ylabel("accuracy")
        axes.margins(x=0.08)
        axes.grid(axis="y")
        axes.tick_params(length=2)
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.15), ncols=2)
    return figure


def matrices(
    panels: Mapping[str, pd.DataFrame],
    labels: tuple[str, str],
    *,
    note: str,
    title: str,
    heading: CorpusHeading,
    theme: Theme,
) -> Figure:
    """Matrices side by side: shares in [0, 1], a row an emotion; NaN stays blank.

    panels: title -> square table with the emotions as index and columns, the same in all; labels:
    of the rows and of the columns.
    """
    scale = ListedColormap([shade(step / 255, theme) for step in range(256)])
    with style(theme):
        n_rows = max(map(len, panels.values()))
        body_in = 1.35 + 0.4 * n_rows
        figure = new_figure(title, heading, theme=theme, body_in=body_in, note=note)
        grid = figure.subplots(1, len(panels), squeeze=False, sharey=True)[0]
        for axes, (name, table) in zip(grid, panels.items(), strict=True):
            _draw_matrix(axes, table, scale, theme)
            axes.set_title(name, size=10)
            axes.set_xlabel(labels[1])
        grid[0].set_ylabel(labels[0])
        grid[0].invert_yaxis()
    return figure


def _draw_series(
    axes: Axes, own: pd.DataFrame, words: str, looks: tuple[int, bool], theme: Theme
) -> None:
    """looks: place among the series, and whether its line is solid."""
    place, is_solid = looks
    colour = theme.accent if place == 0 else theme.ink if is_solid else theme.other
    x, mean = own["n_known"].to_numpy(float), own["accuracy"].to_numpy()
    if place == 0:
        deviation = own["accuracy_sd"].fillna(0).to_numpy()
        axes.fill_between(
            x, mean - deviation, mean + deviation, color=colour, alpha=0.16, linewidth=0
        )
        ends = own[["accuracy_low", "accuracy_high"]].to_numpy()
        axes.vlines(x, ends[:, 0], ends[:, 1], color=colour, linewidth=1.6)
    axes.plot(
        x,
        mean,
        color=colour,
        linewidth=1.9 if place == 0 else 1.2,
        linestyle="-" if is_solid else _DASHED,
        marker=_MARKS[place % len(_MARKS)],
        markersize=5 if place == 0 else 4,
        label=words,
    )


def _draw_points(axes: Axes, points: Sequence[Point], theme: Theme) -> None:
    """What the paper states, a little to the right of ours."""
    for place, point in enumerate(points):
        has_sd = not np.isnan(point.sd)
        axes.errorbar(
            point.x + 0.14,
            point.value,
            yerr=point.sd if has_sd else None,
            color=theme.warning,
            marker="D",
            markersize=6,
            linewidth=0,
            elinewidth=1.4,
            capsize=3,
            label="the paper" if place == 0 else None,
        )
        words = f"{100 * point.value:.1f}{f' ± {100 * point.sd:.1f}' if has_sd else ''}"
        axes.annotate(
            words,
            (point.x + 0.14, point.value + (point.sd if has_sd else 0)),
            xytext=(7, 2 if has_sd else 0),
            textcoords="offset points",
            va="bottom" if has_sd else "center",
            size=SMALL_PT,
            color=theme.warning,
        )


def _draw_matrix(axes: Axes, table: pd.DataFrame, scale: ListedColormap, theme: Theme) -> None:
    shares = table.to_numpy(dtype=float)
    edges = [np.arange(length + 1) - 0.5 for length in shares.shape[::-1]]
    axes.pcolormesh(
        *edges,
        np.ma.masked_invalid(shares),
        cmap=scale,
        vmin=0,
        vmax=1,
        edgecolors=theme.surface,
        linewidth=1.2,
    )
    for row, column in np.argwhere(np.isfinite(shares)):
        share = shares[row, column]
        axes.text(
            column,
            row,
            f"{100 * share:.1f}".removesuffix(".0"),
            color=ink_on(shade(share, theme)),
            ha="center",
            va="center",
            size=8,
            weight="bold" if row == column else "normal",
        )
    axes.set_yticks(range(len(table)), table.index)
    axes.set_xticks(range(table.shape[1]), table.columns, rotation=35, ha="right")
    for label in axes.get_xticklabels():
        label.set_rotation_mode("anchor")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)

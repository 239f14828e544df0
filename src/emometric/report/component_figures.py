"""Figures of mocanu2021: maps under three losses, steps, grids of settings."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, PercentFormatter

from emometric.emotions import present
from emometric.report.palette import EMOTION_COLOURS, EMOTION_SHAPES, Theme
from emometric.report.style import SMALL_PT, CorpusHeading, new_figure, style

_DASHED = (0, (4, 2))


def maps(
    table: pd.DataFrame,
    panels: Mapping[str, str],
    below: Mapping[str, str],
    *,
    title: str,
    heading: CorpusHeading,
    theme: Theme,
) -> Figure:
    """Side by side the t-SNE of the same test clips under each loss; misrecognised ones are faint.

    table: rows (strategy, emotion, predicted, x, y); panels: the strategies that are drawn, with
    the words for them; below: a line under each panel.
    """
    shown = [name for name in panels if (table["strategy"] == name).any()]
    with style(theme):
        figure = new_figure(
            title,
            heading,
            theme=theme,
            body_in=3.4,
            note="t-SNE keeps neighbours, not distances: axes carry no unit. Faint: taken for "
            "another emotion.",
        )
        grid = figure.subplot_mosaic([shown, [""] * len(shown)], height_ratios=[1, 0.2])
        for name in shown:
            clips = table[table["strategy"] == name]
            _scatter(grid[name], clips, theme)
            grid[name].set_title(panels[name], size=10)
            grid[name].set_xlabel(below.get(name, ""), size=SMALL_PT, color=theme.muted)
        _emotion_legend(grid[""], present(table["emotion"]))
    return figure


def steps(
    table: pd.DataFrame,
    names: Sequence[str],
    *,
    title: str,
    heading: CorpusHeading,
    theme: Theme,
) -> Figure:
    """A row a step: what it adds to the UAR with its interval, and what the paper says it adds.

    table: rows (difference, low, high, paper) in shares, paper NaN where it says nothing, and sure,
    whether a row is more than chance; names: of the rows, from top to bottom.
    """
    with style(theme):
        figure = new_figure(
            title,
            heading,
            theme=theme,
            body_in=0.85 + 0.42 * len(table),
            note="Bars: 95 % interval over speakers, paired. The paper's steps are of accuracy.",
        )
        axes = figure.add_subplot()
        axes.axvline(0, color=theme.line, linewidth=1)
        for row, found in enumerate(table.itertuples(index=False)):
            colour = theme.accent if found.sure else theme.other
            axes.plot([found.low, found.high], [row, row], color=colour, linewidth=2.2)
            axes.scatter([found.difference], [row], s=46, color=colour, zorder=3)
            if not pd.isna(found.paper):
                axes.scatter(
                    [found.paper],
                    [row],
                    s=46,
                    marker="D",
                    facecolors=theme.surface,
                    edgecolors=theme.ink,
                    linewidths=1.1,
                    zorder=4,
                )
        axes.set_yticks(range(len(table)), names)
        axes.set_ylim(len(table) - 0.5, -0.5)
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="x")
        axes.spines["left"].set_visible(False)
        axes.xaxis.set_major_locator(MaxNLocator(7, steps=[1, 2, 5, 10]))
        axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=""))
        axes.set_xlabel("what the step adds, in points")
        _step_legend(figure, axes, theme)
    return figure


def grid(
    table: pd.DataFrame,
    settings: Mapping[str, str],
    *,
    title: str,
    heading: CorpusHeading,
    theme: Theme,
) -> Figure:
    """A panel a setting: accuracy against its values, the others as published, or at other values.

    table: rows of `studies.components.grid` (the settings, accuracy_mean, its interval,
    is_reference); settings: those that vary, with the words for them. Values stand at equal
    distances, in their order. The published point has a ring.
    """
    ends = table[["accuracy_mean", "accuracy_mean_low", "accuracy_mean_high"]]
    with style(theme):
        figure = new_figure(
            title,
            heading,
            theme=theme,
            body_in=3.1,
            note="Mean accuracy of the folds; bars: 95 % interval over speakers. All points test "
            "the same speakers, so that their differences are surer than the bars.",
        )
        panels = figure.subplots(1, len(settings), sharey=True, squeeze=False)[0]
        for axes, name in zip(panels, settings, strict=True):
            _against(axes, table, name, [one for one in settings if one != name], theme)
            axes.set_xlabel(settings[name])
        panels[0].set_ylabel("accuracy")
        low, high = np.nanmin(ends.to_numpy(float)), np.nanmax(ends.to_numpy(float))
        panels[0].set_ylim(max(0.0, low - 0.02), min(1.0, high + 0.02))
        panels[0].yaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
    return figure


def _scatter(axes: Axes, clips: pd.DataFrame, theme: Theme) -> None:
    size = float(np.clip(3200 / max(len(clips), 1), 7, 26))
    for emotion in present(clips["emotion"]):
        own = clips[clips["emotion"] == emotion]
        right = own["predicted"] == emotion
        for part, alpha in ((own[~right], 0.45), (own[right], 1.0)):
            axes.scatter(
                part["x"],
                part["y"],
                s=size,
                color=EMOTION_COLOURS[emotion],
                marker=EMOTION_SHAPES[emotion],
                alpha=alpha,
                linewidths=0,
            )
    axes.set(xticks=[], yticks=[])
    axes.set_aspect("equal", adjustable="datalim")
    axes.margins(0.04)
    axes.spines[:].set(visible=True, color=theme.faint)


def _against(
    axes: Axes, table: pd.DataFrame, name: str, others: Sequence[str], theme: Theme
) -> None:
    values = sorted(table[name].dropna().unique())
    place = {value: at for at, value in enumerate(values)}
    is_reference = table["is_reference"].to_numpy(dtype=bool)
    published = table[is_reference]
    groups = list(table.groupby(list(others), sort=True)) if others else [((), table)]
    for key, rows in groups:
        rows = rows.sort_values(name)
        is_own = bool(rows["is_reference"].astype(bool).any()) or len(groups) == 1
        x = rows[name].map(place).to_numpy(dtype=float)
        if len(rows) < 2 and len(groups) > 1:
            continue  # a point of the other panel
        y = rows["accuracy_mean"].to_numpy(dtype=float)
        colour = theme.accent if is_own else theme.other
        axes.plot(
            x,
            y,
            color=colour,
            linewidth=1.8 if is_own else 1.0,
            linestyle="-" if is_own else _DASHED,
            marker="o",
            markersize=4 if is_own else 2.5,
            zorder=3 if is_own else 2,
        )
        if is_own:
            low, high = (rows[f"accuracy_mean_{end}"].to_numpy(float) for end in ("low", "high"))
            axes.vlines(x, low, high, color=colour, linewidth=1.4, alpha=0.55)
        else:
            words = ", ".join(f"{one} {value:g}" for one, value in zip(others, key, strict=True))
            axes.annotate(
                words,
                (x[-1], y[-1]),
                xytext=(5, 0),
                textcoords="offset points",
                va="center",
                size=7,
                color=theme.muted,
            )
    for row in published.to_dict("records"):
        axes.scatter(
            [place[row[name]]],
            [row["accuracy_mean"]],
            s=90,
            facecolors="none",
            edgecolors=theme.ink,
            linewidths=1.2,
            zorder=4,
        )
    axes.set_xticks(range(len(values)), [f"{value:g}" for value in values])
    axes.set_xlim(-0.4, len(values) - 0.6)
    axes.grid(axis="y")
    axes.tick_params(length=2)


def _step_legend(figure: Figure, axes: Axes, theme: Theme) -> None:
    marks = [
        Line2D([], [], color=theme.accent, marker="o", linewidth=2.2, label="ours, beyond chance"),
        Line2D([], [], color=theme.other, marker="o", linewidth=2.2, label="ours, may be chance"),
        Line2D(
            [],
            [],
            linestyle="none",
            marker="D",
            markerfacecolor=theme.surface,
            markeredgecolor=theme.ink,
            label="the paper's",
        ),
    ]
    axes.legend(handles=marks, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3)


def _emotion_legend(axes: Axes, emotions: tuple[str, ...]) -> None:
    marks = [
        Line2D(
            [],
            [],
            linestyle="none",
            marker=EMOTION_SHAPES[word],
            color=EMOTION_COLOURS[word],
            markeredgewidth=0,
            markersize=6,
            label=word,
        )
        for word in emotions
    ]
    axes.set_axis_off()
    n_rows = -(-len(marks) // 6)
    axes.legend(
        handles=marks, loc="center", ncols=-(-len(marks) // n_rows), handletextpad=0.2
    ).set_in_layout(False)

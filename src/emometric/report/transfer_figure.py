"""UAR against the speakers of the target that grant clips, with and without a loss (feng2020)."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, PercentFormatter

from emometric.report.palette import Theme
from emometric.report.style import SMALL_PT, CorpusHeading, new_figure, style

_MARKS = ("o", "s")
_LINE_SHARE = 0.07  # height of a name, of a panel's
_DASHED = (0, (4, 2))
_FOOT_IN = 0.52


def grid(
    table: pd.DataFrame,
    variants: Mapping[str, str],
    rows: Mapping[str, str],
    lines: Mapping[str, float],
    *,
    title: str,
    heading: CorpusHeading,
    theme: Theme,
) -> Figure:
    """A column for each number of frozen layers, a row for each way of testing, a line a variant.

    table: rows (variant, tested, frozen, n_speakers, uar, uar_low, uar_high); variants: two names
    with the words for them, the second one in the accent colour; rows: values of `tested` with the
    words for them; lines: UARs to compare with, by name, drawn in every panel.
    """
    columns = sorted(table["frozen"].unique())
    ends = [*table["uar_low"].dropna(), *table["uar_high"].dropna(), *table["uar"], *lines.values()]
    with style(theme):
        figure = new_figure(
            title,
            heading,
            theme=theme,
            body_in=0.9 + 2.0 * len(rows),
            note="Bands: 95 % interval over speakers. UAR pools the test clips of all repeats.",
        )
        panels = figure.subplots(len(rows), len(columns), squeeze=False, sharex=True, sharey=True)
        panels[0][0].set_ylim(max(0.0, min(ends) - 0.02), min(1.0, max(ends) + 0.02))
        for across, tested in zip(panels, rows, strict=True):
            for axes, frozen in zip(across, columns, strict=True):
                part = table[(table["tested"] == tested) & (table["frozen"] == frozen)]
                _draw(axes, part, variants, lines, theme)
            across[0].set_ylabel(f"UAR, {rows[tested]}")
            _name(across[-1], lines, theme)
        for axes, frozen in zip(panels[0], columns, strict=True):
            axes.set_title(f"{frozen} frozen layer{'' if frozen == 1 else 's'}", size=10)
        panels[0][0].yaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
        panels[0][0].xaxis.set_major_locator(MaxNLocator(5, integer=True))
        _foot(figure, variants, theme)
    return figure


def _draw(
    axes: Axes, part: pd.DataFrame, variants: Mapping[str, str], lines: Mapping, theme: Theme
) -> None:
    for value in lines.values():
        axes.axhline(value, color=theme.line, linewidth=1, linestyle=_DASHED)
    for place, variant in enumerate(variants):
        own = part[part["variant"] == variant].sort_values("n_speakers")
        colour = (theme.other, theme.accent)[place]
        axes.fill_between(
            own["n_speakers"],
            own["uar_low"],
            own["uar_high"],
            color=colour,
            alpha=0.16,
            linewidth=0,
        )
        axes.plot(
            own["n_speakers"],
            own["uar"],
            color=colour,
            linewidth=1.8,
            marker=_MARKS[place],
            markersize=3.5,
        )
    axes.grid(axis="y")
    axes.tick_params(length=2)


def _foot(figure: Figure, variants: Mapping[str, str], theme: Theme) -> None:
    """What the x axis counts, and the legend, below all panels and no wider than the figure."""
    engine, height = figure.get_layout_engine(), figure.get_figheight()
    left, low, width, tall = engine.get()["rect"]
    engine.set(rect=(left, low + _FOOT_IN / height, width, tall - _FOOT_IN / height))
    words = figure.text(
        0.5,
        low + (_FOOT_IN - 0.02) / height,
        "speakers of the target that grant one clip of each emotion",
        ha="center",
        va="top",
    )
    legend = figure.legend(
        handles=_legend(variants, theme),
        loc="lower center",
        bbox_to_anchor=(0.5, low),
        ncols=len(variants),
    )
    for part in (words, legend):
        part.set_in_layout(False)


def _name(axes: Axes, lines: Mapping[str, float], theme: Theme) -> None:
    low, high = axes.get_ylim()
    for names, value in _apart(lines, _LINE_SHARE * (high - low)):
        axes.annotate(
            names,
            (1, value),
            xycoords=("axes fraction", "data"),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            size=SMALL_PT,
            color=theme.muted,
        )


def _apart(lines: Mapping[str, float], least: float) -> list[tuple[str, float]]:
    """Names and their heights from below; lines nearer than `least` share one, in their middle.

    >>> _apart({"IDT": 0.75, "OODT": 0.25, "chance": 0.26}, 0.05)
    [('OODT, chance', 0.255), ('IDT', 0.75)]
    """
    groups: list[list[str]] = []
    for name in sorted(lines, key=lines.__getitem__):
        if groups and lines[name] - lines[groups[-1][-1]] < least:
            groups[-1].append(name)
        else:
            groups.append([name])
    return [(", ".join(names), sum(map(lines.get, names)) / len(names)) for names in groups]


def _legend(variants: Mapping[str, str], theme: Theme) -> list[Line2D]:
    return [
        Line2D(
            [], [], color=colour, linewidth=1.8, marker=mark, markersize=4, label=variants[variant]
        )
        for variant, colour, mark in zip(variants, (theme.other, theme.accent), _MARKS, strict=True)
    ]

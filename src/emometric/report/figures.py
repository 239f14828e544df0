"""Figures with axes: map of the embeddings, folds against baselines, learning curves."""

import itertools
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, PercentFormatter

from emometric.report import emotion_marks
from emometric.report.palette import EMOTION_COLOURS, EMOTION_SHAPES, LIGHT, Theme
from emometric.report.style import SMALL_PT, Heading, Interval, new_figure, style


def tsne(
    table: pd.DataFrame, emotions: Sequence[str], *, heading: Heading, theme: Theme = LIGHT
) -> Figure:
    """Map of the embeddings: training clips faint, test clips solid, misrecognised ones ringed.

    table: rows (emotion, predicted, fold, role, x, y); predicted may be empty outside the
    test clips.
    """
    is_test = table["role"] == "test"
    wrong = is_test & (table["predicted"] != table["emotion"])
    folds = sorted(table["fold"].unique())
    which = f"fold {folds[0]}" if len(folds) == 1 else f"{len(folds)} folds"
    with style(theme):
        figure = new_figure(
            f"Embeddings of {which}: {is_test.sum()} test clips, {(~is_test).sum()} others",
            heading,
            theme=theme,
            body_in=5.6,
            note="t-SNE keeps neighbours, not distances: axes carry no unit.",
        )
        axes = figure.add_subplot()
        size = float(np.clip(9000 / max(len(table), 1), 10, 34))
        for emotion in emotions:
            _scatter(
                axes,
                table[(table["emotion"] == emotion) & ~is_test],
                emotion,
                size * 0.6,
                theme,
                0.28,
            )
        for emotion in emotions:
            _scatter(
                axes,
                table[(table["emotion"] == emotion) & is_test],
                emotion,
                size * 1.5,
                theme,
                1.0,
            )
        axes.scatter(
            table["x"][wrong],
            table["y"][wrong],
            s=size * 3.4,
            facecolors="none",
            edgecolors=theme.ink,
            linewidths=0.8,
            zorder=4,
        )
        axes.set(xticks=[], yticks=[])
        axes.set_aspect("equal", adjustable="datalim")
        axes.margins(0.03)
        axes.spines[:].set(visible=True, color=theme.faint)
        entries = _map_legend(emotions, theme)
        n_rows = -(-len(entries) // 5)
        axes.legend(
            handles=entries,
            loc="upper center",
            bbox_to_anchor=(0.5, -0.005),
            ncols=-(-len(entries) // n_rows),
            handletextpad=0.3,
            columnspacing=1.4,
        )
    return figure


def folds(
    table: pd.DataFrame,
    pooled: dict[str, Interval],
    *,
    run: str,
    n_emotions: int,
    confidence: float,
    heading: Heading,
    theme: Theme = LIGHT,
) -> Figure:
    """UAR of the run and its baselines: a dot a fold, and the pooled clips with their interval.

    table: rows (cell, fold, uar). pooled: cell -> UAR and interval over all test clips, from top
    to bottom. run: the cell of the run itself.
    """
    with style(theme):
        figure = new_figure(
            "UAR by fold, and pooled over all test clips",
            heading,
            theme=theme,
            body_in=1.25 + 0.52 * len(pooled),
            note="Dots: folds. Diamond: pooled test clips; bar: interval over speakers, "
            f"{100 * confidence:g} %.",
        )
        axes = figure.add_subplot()
        axes.axvline(1 / n_emotions, color=theme.muted, linewidth=1, linestyle=(0, (4, 3)))
        axes.annotate(
            f"chance {100 / n_emotions:.1f} %",
            (1 / n_emotions, 1),
            xycoords=("data", "axes fraction"),
            xytext=(4, 3),
            textcoords="offset points",
            size=SMALL_PT,
            color=theme.muted,
        )
        for row, (cell, (value, low, high)) in enumerate(pooled.items()):
            colour = theme.accent if cell == run else theme.other
            dots = table.loc[table["cell"] == cell, "uar"].to_numpy()
            axes.scatter(
                dots, _beeswarm(dots, row + 0.2), s=22, color=colour, alpha=0.45, linewidths=0
            )
            axes.plot(
                [low, high], [row - 0.14] * 2, color=colour, linewidth=2.2, solid_capstyle="butt"
            )
            axes.scatter([value], [row - 0.14], s=52, marker="D", color=colour, zorder=3)
            axes.annotate(
                f"{100 * value:.1f} %",
                (np.nanmax([value, high]), row - 0.14),
                xytext=(9, 0),
                textcoords="offset points",
                va="center",
                weight="bold" if cell == run else "normal",
                color=theme.ink,
            )
        axes.set_yticks(range(len(pooled)), [_words(cell, run) for cell in pooled])
        axes.set_ylim(len(pooled) - 0.45, -0.55)
        highest = np.nanmax([*table["uar"], *(end for ends in pooled.values() for end in ends)])
        axes.set_xlim(0, min(1.12, highest + 0.12))
        axes.xaxis.set_major_locator(MaxNLocator(8, steps=[1, 2, 5, 10]))
        axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="x")
        axes.spines["left"].set_visible(False)
        axes.set_xlabel("UAR (mean recall of the emotions)")
    return figure


def curves(
    table: pd.DataFrame, *, n_emotions: int, heading: Heading, theme: Theme = LIGHT
) -> Figure:
    """Training loss (above) and validation UAR (below): a faint line a fold, and their mean.

    table: rows (fold, epoch, learning_rate, train_loss, valid_uar).
    """
    with style(theme):
        figure = new_figure(
            "Learning curves",
            heading,
            theme=theme,
            body_in=4.6,
            note="Faint: folds. Strong: mean. Validation speakers are training speakers set aside.",
        )
        above, below = figure.subplots(2, 1, sharex=True)
        for axes, column in ((above, "train_loss"), (below, "valid_uar")):
            lines = table.pivot(index="epoch", columns="fold", values=column)
            for fold in lines:
                axes.plot(
                    lines.index,
                    lines[fold],
                    color=theme.accent,
                    alpha=0.28,
                    linewidth=1,
                    marker=".",
                    markersize=3,
                )
            axes.plot(
                lines.index,
                lines.mean(axis=1),
                color=theme.accent,
                linewidth=2.2,
                marker=".",
                markersize=6,
            )
            axes.grid(axis="y")
            axes.margins(x=0.02)
        above.set_ylabel("training loss")
        above.set_ylim(bottom=min(0.0, table["train_loss"].min()))
        above.tick_params(axis="x", length=0)
        below.axhline(1 / n_emotions, color=theme.muted, linewidth=1, linestyle=(0, (4, 3)))
        below.annotate(
            "chance",
            (1, 1 / n_emotions),
            xycoords=("axes fraction", "data"),
            xytext=(-2, 3),
            textcoords="offset points",
            ha="right",
            size=SMALL_PT,
            color=theme.muted,
        )
        highest = np.nanmax([*table["valid_uar"] * 1.15, 2 / n_emotions])  # nobody may validate
        below.set_ylim(0, min(1.0, highest))
        below.yaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
        below.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
        below.set_ylabel("validation UAR")
        below.set_xlabel("epoch")
        figure.align_ylabels()
    return figure


def _words(cell: str, run: str) -> str:
    return cell.replace("_", " ") + ("\n(this run)" if cell == run else "")


def _scatter(
    axes: Axes, clips: pd.DataFrame, emotion: str, size: float, theme: Theme, alpha: float
) -> None:
    axes.scatter(
        clips["x"],
        clips["y"],
        s=size,
        color=EMOTION_COLOURS[emotion],
        alpha=alpha,
        marker=EMOTION_SHAPES[emotion],
        edgecolors=theme.surface if alpha == 1 else "none",
        linewidths=0.5 if alpha == 1 else 0,
    )


def _map_legend(emotions: Sequence[str], theme: Theme) -> list[Line2D]:
    def mark(label: str, **looks) -> Line2D:
        return Line2D([], [], linestyle="none", label=label, **looks)

    entries = emotion_marks.marks(emotions, size=7)
    entries.append(
        mark(
            "not test", marker="o", color=theme.other, alpha=0.35, markersize=4.5, markeredgewidth=0
        )
    )
    entries.append(
        mark(
            "misrecognised",
            marker="o",
            markerfacecolor="none",
            markeredgecolor=theme.ink,
            markersize=9,
        )
    )
    return entries


def _beeswarm(values: np.ndarray, middle: float) -> np.ndarray:
    """Heights around `middle` that part dots of nearly equal value; by rank, nothing random."""
    heights = np.full(len(values), middle)
    order = np.argsort(values, kind="stable")
    level = 0
    for before, after in itertools.pairwise(order):
        level = level + 1 if values[after] - values[before] < 0.012 else 0
        heights[after] = middle + 0.07 * (-1 if level % 2 else 1) * ((level + 1) // 2)
    return heights

"""How alike utterances of one speaker and of two are for a network of speakers (mocanu2021)."""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from emometric.report.palette import Theme
from emometric.report.style import CorpusHeading, new_figure, style


def trials(
    table: pd.DataFrame, words: str, *, title: str, heading: CorpusHeading, theme: Theme
) -> Figure:
    """How alike two utterances are for the network: of one speaker, and of two.

    table: rows (low, high, same, different) of `studies.speaker_trials`; words: the error rate,
    in the corner.
    """
    with style(theme):
        figure = new_figure(
            title,
            heading,
            theme=theme,
            body_in=2.7,
            note="Shares of the trials of each kind; speakers that the network has not learned.",
        )
        axes = figure.add_subplot()
        edges = [*table["low"], table["high"].iloc[-1]]
        for name, colour, label in (
            ("different", theme.other, "two speakers"),
            ("same", theme.accent, "one speaker"),
        ):
            axes.stairs(table[name], edges, fill=True, color=colour, alpha=0.25)
            axes.stairs(table[name], edges, color=colour, linewidth=1.6, label=label)
        axes.set_xlabel("cosine of the embeddings of two utterances")
        axes.set_ylabel("share of trials")
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
        axes.set_ylim(0, None)
        axes.legend(loc="upper left", title=words, alignment="left", title_fontsize=9)
    return figure

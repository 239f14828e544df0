"""ntalampiras2020's figure 4, its matrices of emotions, and the open dictionary, as pictures."""

from collections.abc import Mapping, Sequence
from functools import partial

import pandas as pd

from emometric.papers import finished, ledger
from emometric.papers.ntalampiras2020_clips import heading_of
from emometric.papers.ntalampiras2020_tables import (
    PAPER,
    RATES,
    RULE,
    RULES,
    confusion,
    pair_rates,
    variant_words,
    variants,
)
from emometric.papers.shown import Plate
from emometric.report import analogy_figures, open_set_figures
from emometric.report.section import Picture

# Of each rate of the open dictionary what a guess reaches; the two of the classes have no such.
GUESSES = {"auroc": 0.5, "fpr_at_95_tpr": 0.95}


def matrices(study: finished.Study, names: Sequence[str], origin: str) -> list[Picture]:
    """Table 3 as a figure beside the paper's; Ms and Md."""
    over = heading_of(study, origin, "leave one speaker out")
    paper = pd.DataFrame(
        [
            [
                ledger.claimed(PAPER, item="table 3", setting=f"{truth}->{name}") or 0.0
                for name in names
            ]
            for truth in names
        ],
        index=list(names),
        columns=list(names),
    )
    panels = {"the paper": paper / 100, "ours": confusion(study, names)}
    plate = Plate(
        item="table_3",
        title="Table 3: what each emotion is taken for",
        heading=over,
        alt=_side_by_side(panels),
        data=_below(panels, "spoken"),
    )
    figure = partial(analogy_figures.matrices, note="Per cent of the clips of each spoken emotion.")
    found = [plate.drawn(figure, panels, ("spoken", "taken for"))]
    similar = pair_rates(study, names)
    if similar.notna().any(axis=None):
        panels = {"Ms: found similar": similar, "Md: found dissimilar": 1 - similar}
        plate = Plate(
            item="similarities",
            title="Section 4.3: pairs found similar, and dissimilar",
            heading=over,
            alt=_side_by_side(panels),
            data=_below(panels, "test clip"),
        )
        note = "Per cent of the pairs of a test and a support clip; similar from 0.5 on."
        figure = partial(analogy_figures.matrices, note=note)
        found.append(plate.drawn(figure, panels, ("test clip", "support clip")))
    return found


def curve(study: finished.Study, item: str, what: str, origin: str) -> Picture:
    """Figure 4a or 4b: accuracy against the number of known speakers or emotions."""
    table = study.tables["curve"]
    table = table.assign(series=table["variant"] + " " + table["rule"])
    names = variants(study, "curve")
    # Every rule of the first variant, and of the others what algorithm 1 makes of them.
    drawn = [(names[0], rule) for rule in RULES] + [(name, RULE) for name in names[1:]]
    series = {
        f"{variant} {rule}": f"{variant_words(variant)}: {RULES[rule]}"
        for variant, rule in drawn
        if ((table["variant"] == variant) & (table["rule"] == rule)).any()
    }
    lines = analogy_figures.Lines(
        table=table,
        series=series,
        solid=[f"{name} {RULE}" for name in names[1:]],
        points=_points() if item == "4a" else (),
        chance=1 / len(study.about["emotions"]),
        x_label=f"known {what}",
    )
    plate = Plate(
        item=f"figure_{item}",
        title=f"Figure {item}: accuracy by the number of known {what}",
        heading=heading_of(study, origin, _repeats(int(table["n_runs"].max()))),
        alt=f"Mean accuracy with its standard deviation over the repeats, rising or falling with "
        f"the number of known {what}, above a line for chance.",
        data=table.drop(columns="series"),
    )
    return plate.drawn(analogy_figures.curve, lines)


def open_set(study: finished.Study, origin: str) -> list[Picture]:
    """Rates of the open dictionary, and one stream of clips for each unknown emotion."""
    variant = variants(study, "open_set")[0]
    rates = study.rows("open_set", variant=variant)
    panels = {rate: (words, GUESSES.get(rate, float("nan"))) for rate, words in RATES.items()}
    stream = study.rows("stream", variant=variant)
    first = stream[(stream["fold"] == stream["fold"].min()) & (stream["repeat"] == 0)]
    of_rates = Plate(
        item="open_set",
        title="Section 3.4: each emotion in turn unknown to the dictionary",
        heading=heading_of(study, origin, f"{stream['fold'].nunique()} folds of speakers"),
        alt="For each unknown emotion dots with intervals: AUROC, false positive rate, accuracy on "
        "known emotions, purity and coverage of founded classes.",
        data=rates,
    )
    of_stream = Plate(
        item="stream",
        title="Section 3.4: clips stream past a dictionary that lacks an emotion",
        heading=heading_of(study, origin, f"fold {stream['fold'].min()}"),
        alt="Similarity of each arriving clip to the support against its place in the stream, with "
        "the threshold and rings around clips that found a class, a panel for each unknown "
        "emotion.",
        data=first,
    )
    return [
        of_rates.drawn(open_set_figures.rates, rates, panels),
        of_stream.drawn(open_set_figures.streams, first),
    ]


def _repeats(n: int) -> str:
    return "1 repeat" if n == 1 else f"{n} repeats"


def _side_by_side(panels: Mapping[str, pd.DataFrame]) -> str:
    return f"Two matrices of emotions: {' and '.join(panels)}."


def _below(panels: Mapping[str, pd.DataFrame], label: str) -> pd.DataFrame:
    """The panels one below the other; label: of the rows."""
    parts = [
        table.rename_axis(label).reset_index().assign(panel=name) for name, table in panels.items()
    ]
    return pd.concat(parts, ignore_index=True)


def _points() -> list[analogy_figures.Point]:
    """What the paper's text states of figure 4a."""
    claims = ledger.claims_of(PAPER)
    claims = claims[claims["setting"].str.startswith("known_speakers=")]
    found = [
        analogy_figures.Point(
            x=float(row["setting"].partition("=")[2]),
            value=float(row["value"]) / 100,
            sd=float(row["sd"]) / 100 if row["sd"] else float("nan"),
        )
        for row in claims.to_dict("records")
    ]
    return sorted(found, key=lambda point: point.x)

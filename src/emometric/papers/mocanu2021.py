"""mocanu2021's table 2 and figures 6 to 11: the paper's values where it has them, and ours."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from emometric.papers import finished, joined, ledger
from emometric.papers import mocanu2021_grids as grids
from emometric.papers import mocanu2021_pictures as pictured
from emometric.papers import mocanu2021_tables as tables
from emometric.papers.finished import Study
from emometric.papers.mocanu2021_tables import PAPER, PUBLISHED
from emometric.papers.shown import Paper, Shown
from emometric.report.section import Map, Section, Table

TITLE = (
    "Utterance Level Feature Aggregation with Deep Metric Learning for Speech Emotion Recognition"
)
ABOUT = Paper(
    key=PAPER,
    title=TITLE,
    citation=f"Mocanu, B., Tapu, R. and Zaharia, T. (2021). {TITLE}. Sensors 21(12), 4233.",
)
RESULTS = (
    "accuracy",
    "steps",
    "recalls",
    "confusion",
    "map",
    "separation",
    "grid",
    "joined",
    "verification",
    "trials",
    "summary",
)
WORDS = ("strategy", "relations", "group", "method", "stamps", "clip", "speaker", "emotion")
ITEMS = {  # what the studies of params.yaml show
    "components": "Table 2, figures 7 and 8",
    "cremad": "Table 2, figures 6 and 9",
    "subject5cv": "Table 2 under the five folds of others",
    "clusters": "Figure 10",
    "margins": "Figure 11 and alternative relations",
}
SOURCE = "speakers"
TABLE_3 = "Table 3, other systems: our copy of the paper does not say which value is whose"


def section(results: Mapping[str, Path], origin: str) -> Section:
    """The paper on the page. results: study key -> its folder of results, other papers' too."""
    done, absent = read(results)
    compared = _compared(done)
    shown = Shown(missing=[*map(_lacking, absent), TABLE_3])
    for study in compared:
        is_first = study is next(one for one in compared if one.target == study.target)
        suffix = study.target if is_first else f"{study.target}_{tables.protocol(study)}"
        shown.tables += [
            tables.table_2(study),
            *_steps(study),
            *grids.peers(study),
            *joined.tables(study, tables.STRATEGIES),
        ]
        shown.pictures += pictured.of_strategies(study, origin, suffix)
        shown.maps += _maps(study)
    for study in done:
        if tables.varied(study):
            shown.tables += grids.points(study)
            shown.pictures += pictured.of_points(study, origin)
    shown.tables += grids.verification(done)
    shown.pictures += pictured.of_trials(done, origin)
    if done:
        shown.tables.append(grids.relations(done[0]))
    return shown.section(ABOUT, " ".join(tables.said(study) for study in compared))


def ours(results: Mapping[str, Path]) -> list[ledger.Ours]:
    """Our value for each row of claims.csv, under the paper's ten folds where they were run."""
    done, _ = read(results)
    compared = _compared(done)
    return [_claim(claim, compared) for claim in ledger.claims_of(PAPER).to_dict("records")]


def read(results: Mapping[str, Path]) -> tuple[list[Study], list[Study]]:
    """The studies of this paper that were done, and those that were not.

    They start from a network of speakers; one of emotions is none of the paper's, and what starts
    from it stands beside the paper whose corpus it is tried on.
    """
    found = finished.read(results, PAPER, RESULTS, text=WORDS)
    done, absent = ([one for one in some if one.source == SOURCE] for some in found)
    return done, absent


def _compared(done: Sequence[Study]) -> list[Study]:
    """The studies that compare strategies, those under the paper's folds first."""
    found = [study for study in done if tables.is_components(study)]
    return sorted(found, key=lambda study: tables.protocol(study) != PUBLISHED)


def _claim(claim: Mapping[str, str], compared: Sequence[Study]) -> ledger.Ours:
    if claim["protocol"] == "listening test":
        return finished.nothing(claim, ledger.PEOPLE)
    study = next((one for one in compared if one.target == claim["corpus"]), None)
    if study is None:
        return finished.nothing(claim, f"no recordings of {claim['corpus']} here")
    strategy = claim["setting"][:2]
    if claim["metric"] == "recall":
        emotion = claim["setting"].partition(", ")[2]
        found, value = study.rows("recalls", strategy=strategy, emotion=emotion), "recall"
    else:
        found, value = study.rows("accuracy", strategy=strategy), "accuracy_mean"
    if found.empty:
        return finished.nothing(claim, f"the study has no {claim['setting']}")
    own = finished.own(claim, found.iloc[0].to_dict(), value)
    return replace(own, differs=tables.departures(study, strategy))


def _lacking(study: Study) -> str:
    what = ITEMS.get(study.key.removeprefix(f"{PAPER}_"), study.key)
    lacking = study.lacking.replace("speakers", "network of speakers")
    return f"{what}, {study.target}: there is no {lacking}"


def _steps(study: Study) -> list[Table]:
    return [tables.steps(study)] if len(study.tables["steps"]) else []


def _maps(study: Study) -> list[Map]:
    table = study.tables["map"]
    columns = ["clip", "speaker", "emotion", "predicted", "x", "y"]
    return [
        Map(
            title=f"{PAPER}: {tables.place(study)}, {pictured.LOSSES.get(str(name), name)}",
            clips=rows[columns].assign(role="test"),
        )
        for name, rows in table.groupby("strategy")
    ]

"""ntalampiras2020's tables 1 and 3 and figures 2 to 5: the paper's values and ours."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from emometric.papers import finished, joined, ledger
from emometric.papers import ntalampiras2020_beyond as beyond
from emometric.papers import ntalampiras2020_clips as clips
from emometric.papers import ntalampiras2020_pictures as figures
from emometric.papers import ntalampiras2020_tables as form
from emometric.papers.ntalampiras2020_tables import PAPER, PUBLISHED, RULE
from emometric.papers.shown import Paper, Shown
from emometric.report.section import Section, Table

TITLE = "Speech emotion recognition via learning analogies"
ABOUT = Paper(
    key=PAPER,
    title=TITLE,
    citation=f"Ntalampiras, S. (2021). {TITLE}. Pattern Recognition Letters 144, 21-26.",
)
TABLES = (
    "accuracy",
    "confusion",
    "curve",
    "joined",
    "maps",
    "open_set",
    "pairs",
    "similarity",
    "stream",
    "summary",
)
WORDS = ("method", "stamps", "values")
EMODB, SPEAKERS, EMOTIONS, UNKNOWN = (
    f"{PAPER}_{name}" for name in ("emodb", "speakers", "emotions", "unknown")
)
ITEMS = {  # what each study is for
    EMODB: "Section 4.4, tables 1 and 3, figures 2, 3 and 5",
    SPEAKERS: "Figure 4a",
    EMOTIONS: "Figure 4b",
    UNKNOWN: "Section 3.4, an emotion that the dictionary lacks",
}
N_CLIPS, N_REPEATS = 454, 50  # table 2 and section 4.4 of the paper


def section(results: Mapping[str, Path], origin: str) -> Section:
    """The paper on the page. results: study key -> its folder of results, other papers' too."""
    done, missing = _read(results)
    shown = Shown(missing=missing)
    if study := done.get(EMODB):
        shown.add(_of_emodb(study, origin))
        shown.tables += [*_joined(study), *beyond.tables(results, study.target)]
    for key, item, what in ((SPEAKERS, "4a", "speakers"), (EMOTIONS, "4b", "emotions")):
        if study := done.get(key):
            shown.tables.append(form.curve(study, f"fig {item}", what))
            shown.pictures.append(figures.curve(study, item, what, origin))
            shown.curves.append(_curve(study))
    study = done.get(UNKNOWN)
    if study and len(study.tables["open_set"]):
        shown.tables.append(form.open_set(study))
        shown.pictures += figures.open_set(study, origin)
    elif study:
        shown.missing.append(f"{ITEMS[UNKNOWN]}: nobody validates, so that no threshold is chosen")
    return shown.section(ABOUT, _summary(done))


def ours(results: Mapping[str, Path]) -> list[ledger.Ours]:
    """Our value for each row of claims.csv: the network as published, decided by algorithm 1."""
    done, _ = _read(results)
    return [_claim(claim, done) for claim in ledger.claims_of(PAPER).to_dict("records")]


def _read(results: Mapping[str, Path]) -> tuple[dict[str, finished.Study], list[str]]:
    """The studies that were done, by key, and a line for each that was not."""
    done, absent = finished.read(results, PAPER, TABLES, text=WORDS)
    missing = [
        f"{ITEMS.get(study.key, study.key)}, {study.target}: no {study.lacking}" for study in absent
    ]
    missing += [
        f"{words}: the study {key} is not among the studies of params.yaml"
        for key, words in ITEMS.items()
        if key not in results
    ]
    return {study.key: study for study in done}, missing


def _of_emodb(study: finished.Study, origin: str) -> Shown:
    """Leave one speaker out: tables, figures, and what the study kept nothing for."""
    names = study.about["emotions"]
    shown, of_clips = Shown(tables=[form.accuracy(study)]), clips.of_clips(study, origin)
    if study.rows("confusion", variant=PUBLISHED, rule=RULE).empty:
        shown.missing.append("Tables 1 and 3: the study does not train the network as published")
        shown.add(of_clips)
        return shown
    if len(study.rows("similarity", variant=PUBLISHED)):
        shown.tables += [form.table_1(study), form.table_3(study, names)]
        shown.tables.append(form.similarities(study, names))
    else:
        shown.tables.append(form.table_3(study, names))
        shown.missing.append("Table 1, Ms and Md: the study counted no pairs")
    shown.add(of_clips)
    shown.pictures += figures.matrices(study, names, origin)
    return shown


def _joined(study: finished.Study) -> list[Table]:
    systems = study.tables["joined"]["system"]
    return joined.tables(study, {name: form.variant_words(name) for name in systems})


def _summary(done: Mapping[str, finished.Study]) -> str:
    lines = []
    if study := done.get(EMODB):
        table = study.tables["accuracy"]
        as_published = study.rows("accuracy", variant=PUBLISHED, rule=RULE)
        if len(as_published):
            paper = ledger.claimed(PAPER, item="text 4.4")
            lines.append(
                f"On {study.target}, leaving one speaker out, the network as published is right "
                f"for {_words(as_published.iloc[0])} % of the clips (the paper: {paper:g} %)."
            )
        others = table[table["variant"] != PUBLISHED]
        if len(others):
            best = others.loc[others["accuracy"].idxmax()]
            lines.append(
                f"Of the other variants {form.variant_words(best['variant'])} goes furthest: "
                f"{_words(best)} %."
            )
    if study := done.get(SPEAKERS):
        found = study.rows("curve", variant=PUBLISHED, rule=RULE, n_known=3)
        if len(found):
            lines.append(
                f"With 3 known speakers it is right for {_words(found.iloc[0])} % "
                f"(the paper: {ledger.claimed(PAPER, item='fig 4a'):g} %)."
            )
    return " ".join(lines)


def _claim(claim: Mapping[str, str], done: Mapping[str, finished.Study]) -> ledger.Ours:
    """One row of the ledger; what was not computed has no value and says why."""
    item = claim["item"]
    study = done.get(SPEAKERS if item == "fig 4a" else EMODB)
    if study is None:
        return finished.nothing(claim, f"no finished study of {claim['corpus']} here")
    rows, value = _fitting(claim, study)
    if rows.empty or pd.isna(rows.iloc[0][value]):
        return finished.nothing(claim, "the study has no such number")
    found = finished.own(claim, rows.iloc[0], value)
    note = "all pairs of test and support clips" if item == "table 1" else ""
    return dataclasses.replace(found, differs=_differs(item, rows.iloc[0], study), note=note)


def _fitting(claim: Mapping[str, str], study: finished.Study) -> tuple[pd.DataFrame, str]:
    """The row that answers a claim, and the column of its value."""
    chosen = {"variant": PUBLISHED, "rule": RULE}
    setting = claim["setting"]
    if claim["item"] == "text 4.4":
        return study.rows("accuracy", **chosen), "accuracy"
    if claim["item"] == "fig 4a":
        n_known = int(setting.partition("=")[2])
        return study.rows("curve", **chosen, n_known=n_known), "accuracy"
    if claim["item"] == "table 1":
        return study.rows("similarity", variant=PUBLISHED, relation=setting), "rate"
    truth, predicted = setting.split("->")
    return study.rows("confusion", **chosen, truth=truth, predicted=predicted), "rate"


def _differs(item: str, row: Mapping, study: finished.Study) -> str:
    """What of the data, the protocol or the pictures is not the paper's."""
    said = []
    if item == "fig 4a":
        if row["n_runs"] != N_REPEATS:
            said.append(f"{int(row['n_runs'])} repeats, the paper {N_REPEATS}")
    else:
        accuracy = study.rows("accuracy", variant=PUBLISHED, rule=RULE)
        n_clips = int(accuracy.iloc[0]["n_clips"]) if len(accuracy) else 0
        if n_clips != N_CLIPS:
            said.append(f"{n_clips} test clips, the paper {N_CLIPS}")
    shrink = study.about["method"].get("params", {}).get("shrink", 1)
    if shrink != 1:
        said.append(f"pictures averaged over {shrink} x {shrink} places")
    return "; ".join(said)


def _curve(study: finished.Study) -> pd.DataFrame:
    """Figure 4 for `dvc plots`: mean and deviation over the repeats."""
    rows = study.tables["curve"]
    spread = rows["accuracy_sd"].fillna(0)
    return pd.DataFrame(
        {
            "study": study.key,
            "series": rows["variant"] + " " + rows["rule"],
            "x": rows["n_known"],
            "value": rows["accuracy"],
            "low": rows["accuracy"] - spread,
            "high": rows["accuracy"] + spread,
        }
    )


def _words(row: Mapping) -> str:
    return finished.estimated(row, "accuracy")

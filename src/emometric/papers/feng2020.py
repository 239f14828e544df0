"""feng2020's table 1 and figure 2: the paper's values where it has them, and ours."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from emometric import ledger
from emometric.papers.feng2020_tables import (
    N_SPEAKERS,
    ON_TEST,
    PAPER,
    PLAIN,
    RELATIVE,
    TESTED,
    Study,
    clean,
    gain,
    other_speakers,
    published,
)
from emometric.report import transfer_figure
from emometric.report.section import CURVE, Picture, Section, estimate
from emometric.report.style import CorpusHeading

TITLE = (
    "A Siamese Neural Network with Modified Distance Loss For Transfer Learning in Speech Emotion "
    "Recognition"
)
CITATION = f"Feng, K. and Chaspari, T. (2020). {TITLE}. Texas A&M University."
TABLES = ("table1", "figure2", "gain")
WORDS = ("choice", "unknown", "stamps")  # columns of text, empty where there is nothing to say


def section(results: Mapping[str, Path], origin: str) -> Section:
    """The paper on the page. results: study key -> its folder of results, other papers' too."""
    studies, missing = read(results)
    tables = [published(studies), clean(studies), gain(studies)] if studies else []
    return Section(
        paper=PAPER,
        title=TITLE,
        citation=CITATION,
        summary=" ".join(_said(study) for study in studies),
        tables=tuple(tables),
        pictures=tuple(_figure_2(study, origin) for study in studies),
        missing=tuple(missing),
        curves=_curves(studies),
    )


def ours(results: Mapping[str, Path]) -> list[ledger.Ours]:
    """Our value for each row of claims.csv. In-domain training takes any study of its target."""
    studies, _ = read(results)
    claims = ledger.claims()
    return [_claim(claim, studies) for claim in claims[claims["paper"] == PAPER].to_dict("records")]


def read(results: Mapping[str, Path]) -> tuple[list[Study], list[str]]:
    """The studies of this paper that were done, and a line for each that was not."""
    studies, missing = [], []
    for folder in results.values():
        about = json.loads(Path(folder, "study.json").read_text(encoding="utf-8"))
        if about["method"]["name"] != PAPER:
            continue
        if about["state"] != "done":
            way = f"{about['source']['corpus']} to {about['target']['corpus']}"
            lacking = " and ".join(about["missing"]) or "a clip of the emotions"
            missing.append(f"Table 1 and figure 2, {way}: no {lacking}")
            continue
        tables = {name: _read(Path(folder, f"{name}.csv")) for name in TABLES}
        studies.append(Study(about=about, **tables))
    return sorted(studies, key=lambda study: (study.source not in N_SPEAKERS, study.way)), missing


def _read(path: Path) -> pd.DataFrame:
    table = pd.read_csv(
        path, dtype=dict.fromkeys(WORDS, str), na_values=[""], keep_default_na=False
    )
    kept = [name for name in WORDS if name in table]
    return table.assign(**{name: table[name].fillna("") for name in kept})


def _figure_2(study: Study, origin: str) -> Picture:
    title = f"Figure 2: UAR against the speakers adapted to, {study.way}"
    heading = CorpusHeading(
        facts=(
            study.way,
            f"{len(study.about['emotions'])} emotions",
            f"{study.figure2['n_runs'].max()} repeats",
            f"{study.about.get('scale', '')} scale",
        ),
        origin=origin,
    )
    lines = {
        "IDT": study.row("in_domain")["uar"],
        "OODT": study.row("out_of_domain")["uar"],
        "chance": 1 / len(study.about["emotions"]),
    }
    variants = {PLAIN: "fine-tuning", RELATIVE: "with the relative distance loss"}
    return Picture(
        item=f"figure_2_{study.source}",
        title=title,
        alt=f"UAR of fine-tuning from {study.source} on {study.target} against the number of "
        "speakers that grant clips, for each number of frozen layers, with and without the "
        "relative distance loss, tested as published and on new speakers.",
        data=study.figure2,
        draw=lambda theme: transfer_figure.grid(
            study.figure2, variants, TESTED, lines, title=title, heading=heading, theme=theme
        ),
        stamps=("as published: tests speakers it adapted to",),
    )


def _curves(studies: Sequence[Study]) -> pd.DataFrame:
    """Figure 2 on new speakers, for `dvc plots`."""
    parts = []
    for study in studies:
        part = study.figure2[study.figure2["tested"] == "new_speakers"]
        loss = part["variant"].map({PLAIN: "", RELATIVE: " with the loss"})
        parts.append(
            pd.DataFrame(
                {
                    "study": study.about["study"],
                    "series": part["frozen"].map("frozen {:.0f}".format) + loss,
                    "x": part["n_speakers"],
                    "value": part["uar"],
                    "low": part["uar_low"],
                    "high": part["uar_high"],
                }
            )
        )
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(CURVE))


def _said(study: Study) -> str:
    whole = study.gain[study.gain["frozen"].isna() & (study.gain["tested"] == "new_speakers")]
    found = whole.iloc[0]
    added = estimate(found["difference"], found["low"], found["high"])
    within, out = (100 * study.row(name)["uar"] for name in ("in_domain", "out_of_domain"))
    return (
        f"From {study.way}, new speakers: the relative distance loss adds {added} points over the "
        f"whole grid (p = {found['p']:.4f}); OODT reaches {out:.1f} %, IDT {within:.1f} %."
    )


def _claim(claim: dict[str, str], studies: Sequence[Study]) -> ledger.Ours:
    key = {name: claim[name] for name in ledger.KEYS}
    source, target = claim["corpus"].split("->")
    setting = claim["setting"]
    fitting = [study for study in studies if study.target == target]
    if setting != "in_domain":
        fitting = [study for study in fitting if study.source == source]
    if not fitting:
        has_target = any(study.target == target for study in studies)
        absent = source if has_target else target
        return ledger.Ours(**key, value=None, note=f"corpus {absent} is absent")
    study = next((one for one in fitting if one.source == source), fitting[0])
    best = setting in (PLAIN, RELATIVE)
    row = study.row(setting, choice="best on test" if best else "")
    known = not pd.isna(row["uar_low"])
    return ledger.Ours(
        **key,
        value=float(100 * row["uar"]),
        low=float(100 * row["uar_low"]) if known else None,
        high=float(100 * row["uar_high"]) if known else None,
        n_speakers=int(row["n_tested"]),
        n_runs=int(row["n_runs"]),
        differs="" if setting == "in_domain" else other_speakers(study),
        note=f"{ON_TEST}: {row['frozen']:.0f} frozen layers, {row['n_speakers']:.0f} speakers"
        if best
        else "",
    )

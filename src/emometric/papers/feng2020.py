"""feng2020's table 1 and figure 2: the paper's values where it has them, and ours."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from emometric.papers import finished, ledger
from emometric.papers.feng2020_tables import (
    N_SPEAKERS,
    ON_TEST,
    PAPER,
    PLAIN,
    RELATIVE,
    TESTED,
    clean,
    gain,
    other_speakers,
    published,
    row,
)
from emometric.papers.finished import Study
from emometric.papers.shown import Paper, Plate, Shown, heading
from emometric.report import transfer_figure
from emometric.report.section import Picture, Section, estimate

TITLE = (
    "A Siamese Neural Network with Modified Distance Loss For Transfer Learning in Speech Emotion "
    "Recognition"
)
ABOUT = Paper(
    key=PAPER,
    title=TITLE,
    citation=f"Feng, K. and Chaspari, T. (2020). {TITLE}. Texas A&M University.",
)
TABLES = ("table1", "figure2", "gain")
WORDS = ("choice", "unknown", "stamps")  # columns of text, empty where there is nothing to say


def section(results: Mapping[str, Path], origin: str) -> Section:
    """The paper on the page. results: study key -> its folder of results, other papers' too."""
    studies, absent = _studies(results)
    shown = Shown(
        tables=[published(studies), clean(studies), gain(studies)] if studies else [],
        pictures=[_figure_2(study, origin) for study in studies],
        missing=[f"Table 1 and figure 2, {study.way}: no {study.lacking}" for study in absent],
        curves=[_curve(study) for study in studies],
    )
    return shown.section(ABOUT, " ".join(_said(study) for study in studies))


def ours(results: Mapping[str, Path]) -> list[ledger.Ours]:
    """Our value for each row of claims.csv. In-domain training takes any study of its target."""
    studies, _ = _studies(results)
    return [_claim(claim, studies) for claim in ledger.claims_of(PAPER).to_dict("records")]


def _studies(results: Mapping[str, Path]) -> tuple[list[Study], list[Study]]:
    """Done and not done; those with the paper's own sources first."""
    done, absent = finished.read(results, PAPER, TABLES, text=WORDS)
    return sorted(done, key=lambda study: (study.source not in N_SPEAKERS, study.way)), absent


def _figure_2(study: Study, origin: str) -> Picture:
    points = study.tables["figure2"]
    n_emotions = len(study.about["emotions"])
    lines = {
        "IDT": row(study, "in_domain")["uar"],
        "OODT": row(study, "out_of_domain")["uar"],
        "chance": 1 / n_emotions,
    }
    variants = {PLAIN: "fine-tuning", RELATIVE: "with the relative distance loss"}
    plate = Plate(
        item=f"figure_2_{study.source}",
        title=f"Figure 2: UAR against the speakers adapted to, {study.way}",
        heading=heading(
            study,
            origin,
            study.way,
            f"{n_emotions} emotions",
            f"{points['n_runs'].max()} repeats",
        ),
        alt=f"UAR of fine-tuning from {study.source} on {study.target} against the number of "
        "speakers that grant clips, for each number of frozen layers, with and without the "
        "relative distance loss, tested as published and on new speakers.",
        data=points,
        stamps=("as published: tests speakers it adapted to",),
    )
    return plate.drawn(transfer_figure.grid, points, variants, TESTED, lines)


def _curve(study: Study) -> pd.DataFrame:
    """Figure 2 on new speakers, for `dvc plots`."""
    points = study.rows("figure2", tested="new_speakers")
    loss = points["variant"].map({PLAIN: "", RELATIVE: " with the loss"})
    return pd.DataFrame(
        {
            "study": study.about["study"],
            "series": points["frozen"].map("frozen {:.0f}".format) + loss,
            "x": points["n_speakers"],
            "value": points["uar"],
            "low": points["uar_low"],
            "high": points["uar_high"],
        }
    )


def _said(study: Study) -> str:
    tested = study.rows("gain", tested="new_speakers")
    found = tested[tested["frozen"].isna()].iloc[0]
    added = estimate(found["difference"], found["low"], found["high"])
    within, out = (100 * row(study, name)["uar"] for name in ("in_domain", "out_of_domain"))
    return (
        f"From {study.way}, new speakers: the relative distance loss adds {added} points over the "
        f"whole grid (p = {found['p']:.4f}); OODT reaches {out:.1f} %, IDT {within:.1f} %."
    )


def _claim(claim: dict[str, str], studies: Sequence[Study]) -> ledger.Ours:
    source, target = claim["corpus"].split("->")
    setting = claim["setting"]
    fitting = [study for study in studies if study.target == target]
    if setting != "in_domain":
        fitting = [study for study in fitting if study.source == source]
    if not fitting:
        has_target = any(study.target == target for study in studies)
        absent = source if has_target else target
        return finished.nothing(claim, f"corpus {absent} is absent")
    study = next((one for one in fitting if one.source == source), fitting[0])
    best = setting in (PLAIN, RELATIVE)
    found = row(study, setting, choice="best on test" if best else "")
    cell = f"{found['frozen']:.0f} frozen layers, {found['n_speakers']:.0f} speakers"
    return replace(
        finished.own(claim, found, "uar"),
        n_speakers=int(found["n_tested"]),
        differs="" if setting == "in_domain" else other_speakers(study),
        note=f"{ON_TEST}: {cell}" if best else "",
    )

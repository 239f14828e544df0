"""das2022's tables 1 to 4 and figure 3: the paper's values where they are known, and ours."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from emometric import ledger
from emometric.batch import AFFECT
from emometric.papers.das2022_tables import (
    VARIANTS,
    Study,
    grid,
    table_1,
    table_2,
    table_3,
    table_4,
)
from emometric.report import latent_figure
from emometric.report.section import Map, Picture, Section, estimate
from emometric.report.style import CorpusHeading

PAPER = "das2022"
TITLE = (
    "Continuous Metric Learning For Transferable Speech Emotion Recognition and Embedding Across "
    "Low-resource Languages"
)
CITATION = (
    "Das, S., Lund, N. L., Lønfeldt, N. N., Pagsberg, A. K. and Clemmensen, L. H. (2022). "
    f"{TITLE}. arXiv:2203.14867."
)
SUPERB = (
    "Table 4, SUPERB: the classifier on frozen HuBERT-large is not built; its weights are not here"
)


def section(results: Mapping[str, Path], origin: str) -> Section:
    """The paper on the page. results: study key -> its folder of results, other papers' too."""
    studies, missing = read(results)
    tables = [*table_1(studies), *table_2(studies)]
    for source in dict.fromkeys(study.source for study in studies):
        tables += [*table_3(studies, source), *table_4(studies, source), grid(studies, source)]
    pictures, maps = _figure_3(studies, origin)
    return Section(
        paper=PAPER,
        title=TITLE,
        citation=CITATION,
        summary=_summary(studies),
        tables=tuple(tables),
        pictures=pictures,
        maps=maps,
        missing=(*missing, SUPERB),
    )


def ours(results: Mapping[str, Path]) -> list[ledger.Ours]:
    """Our value for each row of claims.csv: IEMOCAP, folds and settings as published."""
    studies, _ = read(results)
    study = next((one for one in studies if one.is_within and one.source == "iemocap"), None)
    return [_claim(claim, study) for claim in _claims()]


def read(results: Mapping[str, Path]) -> tuple[list[Study], list[str]]:
    """The studies of this paper that were done, and a line for each that was not."""
    studies, missing = [], []
    for folder in results.values():
        about = json.loads(Path(folder, "study.json").read_text(encoding="utf-8"))
        if about["method"]["name"] != PAPER:
            continue
        source, target = about["source"]["corpus"], about["target"]["corpus"]
        if about["state"] != "done":
            lacking = " and ".join(about["missing"]) or "a clip of the four emotions"
            missing.append(f"Tables 1, 3, 4 and figure 3, {source} to {target}: no {lacking}")
            continue
        names = ("affect", "pairs", "latents", "summary")
        tables = {name: pd.read_csv(Path(folder, f"{name}.csv")) for name in names}
        scale = about.get("scale", "")
        studies.append(Study(source=source, target=target, scale=scale, tables=tables))
    return studies, missing


def _figure_3(studies: Sequence[Study], origin: str) -> tuple[tuple[Picture, ...], tuple[Map, ...]]:
    shown = {name: VARIANTS[name] for name in ("unsupervised", "metric_act", "metric_val")}
    pictures, maps = [], []
    for study in studies:
        table = study.tables["latents"]
        table = table[table["variant"].isin(shown)]
        if table.empty or table[list(AFFECT)].isna().all(axis=None):
            continue
        way = study.source if study.is_within else f"{study.source} to {study.target}"
        title = f"Figure 3: latents, {way}"
        n_clips = table["clip"].nunique()
        heading = CorpusHeading(
            facts=(way, f"{n_clips} test clips of the first fold", f"{study.scale} scale"),
            origin=origin,
        )
        pictures.append(
            Picture(
                item=f"figure_3_{study.source}_{study.target}",
                title=title,
                alt=f"Two-dimensional latents of {n_clips} clips, {way}, for three networks, "
                "coloured by activation, valence and emotion.",
                data=table,
                draw=lambda theme, table=table, title=title, heading=heading: latent_figure.latents(
                    table, shown, title=title, heading=heading, theme=theme
                ),
            )
        )
        own = table[table["variant"] == "metric_act"].drop(columns="variant")
        if len(own):
            own = own.assign(predicted=None, role="test")
            maps.append(Map(title=f"das2022: {way}, metric-act", clips=own))
    return tuple(pictures), tuple(maps)


def _summary(studies: Sequence[Study]) -> str:
    said = []
    for study in studies:
        if study.is_within:
            rows = study.rows(
                "affect",
                variant="metric_act",
                folds="speakers",
                settings="paper",
                distance="euclidean",
                label="activation",
            )
            for row in rows.to_dict("records"):
                base = row["r2"] - row["gain"]
                gain = estimate(row["gain"], row["gain_low"], row["gain_high"], scale=1, digits=3)
                said.append(
                    f"On {study.source}, speakers apart, the metric on activation changes the "
                    f"adjusted R2 of activation from {base:.3f} to {row['r2']:.3f}, by {gain}."
                )
    return " ".join(said)


def _claims() -> list[dict[str, str]]:
    claims = ledger.claims()
    return claims[claims["paper"] == PAPER].to_dict("records")


def _claim(claim: dict[str, str], study: Study | None) -> ledger.Ours:
    key = {name: claim[name] for name in ledger.KEYS}
    if study is None:
        return ledger.Ours(**key, value=None, note="corpus iemocap is absent")
    chosen = {"folds": "stratified", "settings": "paper", "distance": "euclidean"}
    if claim["item"] == "table 1":
        variant, label = claim["setting"].split(", ")
        rows = study.rows("pairs", **chosen, variant=variant.replace("-", "_"), label=label)
        value, low, high, scale = "r2", "r2_low", "r2_high", 1
    else:
        rows = study.rows("summary", **chosen, variant="unsupervised", classes=4)
        value, low, high, scale = "uar", "uar_low", "uar_high", 100
    if rows.empty:
        return ledger.Ours(**key, value=None, note="the study's settings leave this cell out")
    row = rows.iloc[0]
    ends = [None if pd.isna(row[end]) else scale * float(row[end]) for end in (low, high)]
    return ledger.Ours(
        **key,
        value=scale * float(row[value]),
        low=ends[0],
        high=ends[1],
        n_speakers=int(row["n_speakers"]),
        n_runs=int(row["n_runs"]),
    )

"""das2022's tables 1 to 4 and figure 3: the paper's values where they are known, and ours."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from emometric.fitting.batch import AFFECT
from emometric.papers import finished, ledger
from emometric.papers.das2022_tables import (
    VARIANTS,
    grid,
    table_1,
    table_2,
    table_3,
    table_4,
)
from emometric.papers.finished import Study, estimated
from emometric.papers.shown import Paper, Plate, Shown, heading
from emometric.report import latent_figure
from emometric.report.section import Map, Section

PAPER = "das2022"
TITLE = (
    "Continuous Metric Learning For Transferable Speech Emotion Recognition and Embedding Across "
    "Low-resource Languages"
)
ABOUT = Paper(
    key=PAPER,
    title=TITLE,
    citation="Das, S., Lund, N. L., Lønfeldt, N. N., Pagsberg, A. K. and Clemmensen, L. H. (2022). "
    f"{TITLE}. arXiv:2203.14867.",
)
TABLES = ("affect", "pairs", "latents", "summary")
METRICS = ("metric_act", "metric_val")
CHOSEN = {"folds": "speakers", "settings": "paper", "distance": "euclidean"}
SUPERB = (
    "Table 4, SUPERB: the classifier on frozen HuBERT-large is not built; its weights are not here"
)


def section(results: Mapping[str, Path], origin: str) -> Section:
    """The paper on the page. results: study key -> its folder of results, other papers' too."""
    studies, absent = finished.read(results, PAPER, TABLES)
    shown = Shown(tables=[*table_1(studies), *table_2(studies)])
    for source in dict.fromkeys(study.source for study in studies):
        shown.tables += [*table_3(studies, source), *table_4(studies, source)]
        shown.tables.append(grid(studies, source))
    for study in studies:
        shown.add(_figure_3(study, origin))
    shown.missing += [*map(_not_done, absent), *_unrated(studies), SUPERB]
    return shown.section(ABOUT, _summary(studies))


def ours(results: Mapping[str, Path]) -> list[ledger.Ours]:
    """Our value for each row of claims.csv: IEMOCAP, folds and settings as published."""
    studies, _ = finished.read(results, PAPER, TABLES)
    study = next((one for one in studies if one.is_within and one.source == "iemocap"), None)
    return [_claim(claim, study) for claim in ledger.claims_of(PAPER).to_dict("records")]


def _not_done(study: Study) -> str:
    return f"Tables 1, 3, 4 and figure 3, {study.way}: no {study.lacking}"


def _figure_3(study: Study, origin: str) -> Shown:
    """The latents as a figure, and those of metric-act as a map; neither without ratings."""
    variants = {name: VARIANTS[name] for name in ("unsupervised", "metric_act", "metric_val")}
    table = study.tables["latents"]
    table = table[table["variant"].isin(variants)]
    if table.empty or table[list(AFFECT)].isna().all(axis=None):
        return Shown()
    way = study.source if study.is_within else study.way
    n_clips = table["clip"].nunique()
    plate = Plate(
        item=f"figure_3_{study.source}_{study.target}",
        title=f"Figure 3: latents, {way}",
        heading=heading(study, origin, way, f"{n_clips} test clips of the first fold"),
        alt=f"Two-dimensional latents of {n_clips} clips, {way}, for three networks, "
        "coloured by activation, valence and emotion.",
        data=table,
    )
    shown = Shown(pictures=[plate.drawn(latent_figure.latents, table, variants)])
    own = table[table["variant"] == "metric_act"].drop(columns="variant")
    if len(own):
        own = own.assign(predicted=None, role="test")
        shown.maps.append(Map(title=f"das2022: {way}, metric-act", clips=own))
    return shown


def _unrated(studies: Sequence[Study]) -> list[str]:
    """A line for each corpus whose clips nobody rated: what cannot be there without."""
    lines = []
    none = "has no labels of activation and valence"
    for target in dict.fromkeys(study.target for study in studies):
        own = [study for study in studies if study.target == target]
        if any(len(study.tables["affect"]) for study in own):
            continue
        tables = "Tables 1 and 3" if any(study.is_within for study in own) else "Table 3"
        lines.append(f"{tables} and figure 3, tested on {target}: {target} {none}")
    for source in dict.fromkeys(study.source for study in studies):
        own = [study for study in studies if study.source == source]
        asked = set(METRICS).intersection(own[0].about["method"]["params"]["variants"])
        if asked and not any(
            asked.intersection(study.tables["summary"]["variant"]) for study in own
        ):
            names = " and ".join(VARIANTS[name] for name in METRICS if name in asked)
            lines.append(f"{names}, learned from {source}: {source} {none}")
    return lines


def _summary(studies: Sequence[Study]) -> str:
    """A sentence a corpus: what the metric gains; without ratings, what the latents tell apart."""
    return " ".join(
        said for study in studies if study.is_within for said in (_gain(study) or _classes(study))
    )


def _gain(study: Study) -> list[str]:
    chosen = {**CHOSEN, "variant": "metric_act", "label": "activation"}
    said = []
    for row in study.fitting("affect", **chosen).to_dict("records"):
        base = row["r2"] - row["gain"]
        gain = estimated(row, "gain", scale=1, digits=3)
        said.append(
            f"On {study.source}, speakers apart, the metric on activation changes the "
            f"adjusted R2 of activation from {base:.3f} to {row['r2']:.3f}, by {gain}."
        )
    return said


def _classes(study: Study) -> list[str]:
    rates = {}
    for variant in ("unsupervised", "svc_egemaps"):
        for row in study.fitting("summary", **CHOSEN, variant=variant, classes=4).to_dict(
            "records"
        ):
            rates[variant] = estimated(row, "uar")
    if len(rates) < 2:
        return []
    return [
        f"On {study.source}, speakers apart and without labels of activation and valence, a "
        f"linear SVC on the unsupervised latents reaches a balanced accuracy of "
        f"{rates['unsupervised']} %, on eGeMAPS itself {rates['svc_egemaps']} %."
    ]


def _claim(claim: dict[str, str], study: Study | None) -> ledger.Ours:
    if study is None:
        return finished.nothing(claim, "corpus iemocap is absent")
    chosen = {"folds": "stratified", "settings": "paper", "distance": "euclidean"}
    if claim["item"] == "table 1":
        variant, label = claim["setting"].split(", ")
        rows = study.fitting("pairs", **chosen, variant=variant.replace("-", "_"), label=label)
        value, scale = "r2", 1
    else:
        rows = study.fitting("summary", **chosen, variant="unsupervised", classes=4)
        value, scale = "uar", 100
    if rows.empty:
        return finished.nothing(claim, "the study's settings leave this cell out")
    return finished.own(claim, rows.iloc[0], value, scale=scale)

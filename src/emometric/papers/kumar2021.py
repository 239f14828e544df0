"""kumar2021's tables I to VII and figures 4 and 5: the paper's values beside ours."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from emometric.papers import finished, ledger
from emometric.papers.finished import Study
from emometric.papers.kumar2021_tables import (
    ACCURACY,
    NETWORK,
    NETWORKS,
    PAPER,
    PUBLISHED,
    SHARED,
    SPLITS,
    accuracy,
    angles,
    deviations,
    gap,
    stated,
    table_1,
)
from emometric.papers.shown import Paper, Plate, Shown, heading
from emometric.report import angle_figures
from emometric.report.section import Map, Picture, Section

TITLE = "End-to-end Triplet Loss based Emotion Embedding System for Speech Emotion Recognition"
ABOUT = Paper(
    key=PAPER,
    title=TITLE,
    citation="Kumar, P., Jain, S., Raman, B., Roy, P. P. and Iwamura, M. (2021). "
    f"{TITLE}. arXiv:2010.06200.",
)
ABLATION = "kumar2021_ablation"
TABLES = ("accuracy", "angles", "deviations", "gap", "map", "of_clips", "summary")
DIFFERS = {"ravdess": "speech only: the paper took the songs too", "iemocap": ""}


def section(results: Mapping[str, Path], origin: str) -> Section:
    """The paper on the page. results: study key -> its folder of results, other papers' too."""
    studies, absent = finished.read(results, PAPER, TABLES)
    shown = Shown(missing=[_not_done(study) for study in absent])
    for study in studies:
        if study.key == ABLATION:
            shown.tables.append(table_1(study))
            continue
        shown.tables += [accuracy(study), *gap(study), angles(study), deviations(study)]
        shown.pictures += _pictures(study, origin)
        shown.maps += _maps(study)
    return shown.section(ABOUT, _summary(studies))


def ours(results: Mapping[str, Path]) -> list[ledger.Ours]:
    """Our value for each row of claims.csv, under the division that the paper used."""
    studies, _ = finished.read(results, PAPER, TABLES)
    by_key = {study.key: study for study in studies}
    return [_claim(claim, by_key) for claim in ledger.claims_of(PAPER).to_dict("records")]


def _not_done(study: Study) -> str:
    tables = "Table I" if study.key == ABLATION else "Accuracy, angles, deviations, figures 4 and 5"
    return f"{tables}, {study.source}: there is no {study.lacking}"


def _pictures(study: Study, origin: str) -> list[Picture]:
    clips, place = study.rows("of_clips", network=NETWORK), study.rows("map", network=NETWORK)
    over = heading(study, origin, study.source, "ResNet-11, class weights")
    figure_4 = Plate(
        item=f"figure_4_{study.source}",
        title=f"Figure 4: embeddings of test clips, {study.source}",
        heading=over,
        alt=f"t-SNE of the embeddings of {study.source}'s test clips under both divisions, "
        "coloured by emotion.",
        data=place,
        stamps=(SHARED,),
    )
    figure_5 = Plate(
        item=f"figure_5_{study.source}",
        title=f"Figure 5: angles of test clips to emotions, {study.source}",
        heading=over,
        alt="For each emotion box plots of the angles between its test clips and its own "
        "embedding, and the nearest other emotion's.",
        data=clips,
        stamps=(SHARED,),
    )
    figures = ((figure_4, angle_figures.maps), (figure_5, angle_figures.boxes))
    return [plate.drawn(figure, plate.data, SPLITS) for plate, figure in figures if len(plate.data)]


def _maps(study: Study) -> list[Map]:
    table = study.rows("map", network=NETWORK)
    return [
        Map(
            title=f"kumar2021: {study.source}, {SPLITS[split]}",
            clips=rows.drop(columns=["network", "split"]).assign(role="test"),
        )
        for split, rows in table.groupby("split")
    ]


def _summary(studies: Sequence[Study]) -> str:
    """One sentence a corpus: the published division, whole speakers, what the paper reports."""
    lines = []
    for study in studies:
        if study.key == ABLATION:
            continue
        chosen = {"network": NETWORK, "decision": "class_weights"}
        shares = {
            split: study.rows("accuracy", split=split, **chosen)["accuracy"].mean()
            for split in SPLITS
        }
        item, _ = ACCURACY.get(study.source, ("", ""))
        paper = stated(item, study, "full method")
        claimed = "" if paper is None else f" (the paper: {paper:g} %)"
        lines.append(
            f"On {study.source} the smallest angle is right for {100 * shares[PUBLISHED]:.1f} % of "
            f"the clips under the random division{claimed} and for "
            f"{100 * shares['speaker_folds']:.1f} % with whole speakers apart."
        )
    return " ".join(lines)


def _claim(claim: Mapping[str, str], studies: Mapping[str, Study]) -> ledger.Ours:
    """One row of the ledger; a study that was not done leaves it without a value."""
    ablation = claim["item"] == "table I"
    study = studies.get(ABLATION if ablation else f"kumar2021_{claim['corpus']}")
    if study is None:
        return finished.nothing(claim, f"no recordings of {claim['corpus']} here")
    differs = DIFFERS.get(claim["corpus"], "")
    if claim["metric"] != "accuracy":
        value, n_runs = _degrees(claim, study)
        if value is None:
            return finished.nothing(claim, "the run had no clip of an emotion")
        own = finished.own(claim, {"deg": value, "n_runs": n_runs}, "deg", scale=1)
        return replace(own, differs=differs, note=SHARED)
    network = next((part for part, name in NETWORKS.items() if name == claim["setting"]), NETWORK)
    chosen = {"network": network, "split": PUBLISHED, "decision": "class_weights"}
    rows = study.rows("accuracy", **chosen)
    if rows.empty:
        return finished.nothing(claim, "the study does not train this network")
    row = rows.rename(columns={end: f"accuracy_{end}" for end in ("low", "high")}).iloc[0]
    return replace(finished.own(claim, row, "accuracy"), differs=differs, note=SHARED)


def _degrees(claim: Mapping[str, str], study: Study) -> tuple[float | None, int | None]:
    """Our angle or deviation for a row of claims.csv, and the runs behind it."""
    chosen = {"network": NETWORK, "split": PUBLISHED, "decision": "class_weights"}
    if "deviation" in claim["metric"]:
        kind = claim["metric"].partition("_")[0]
        rows = study.rows("deviations", emotion=claim["setting"], **chosen)
        values = rows[f"{kind}_deg"]
    elif claim["metric"] == "angle_deg":
        one, other = claim["setting"].split("|")
        angles = study.rows("angles", **chosen)
        is_pair = (angles["row"] == one) & (angles["column"] == other)
        is_pair |= (angles["row"] == other) & (angles["column"] == one)
        rows = angles[is_pair]
        values = rows["angle_deg"]
    else:
        angles = study.rows("angles", **chosen)
        within = angles["row"] == angles["column"]
        rows = angles[within if claim["metric"].startswith("intra") else ~within]
        values = rows["angle_deg"]
    if values.isna().all():
        return None, None
    return float(values.mean()), int(rows["n_runs"].max())

"""kumar2021's tables I to VII and figures 4 and 5: the paper's values beside ours."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from emometric import ledger
from emometric.report import angle_figures
from emometric.report.section import Map, Picture, Section, Table, estimate
from emometric.report.style import CorpusHeading

PAPER = "kumar2021"
TITLE = "End-to-end Triplet Loss based Emotion Embedding System for Speech Emotion Recognition"
CITATION = (
    "Kumar, P., Jain, S., Raman, B., Roy, P. P. and Iwamura, M. (2021). "
    f"{TITLE}. International Conference on Pattern Recognition."
)
ABLATION = "kumar2021_ablation"
NETWORK = "resnet11"
NETWORKS = {
    "fc7": "fc-7",
    "cnn8": "cnn-8",
    "rnn8": "rnn-8",
    "lstm7": "lstm-7",
    "gru8": "gru-8",
    "resnet11": "resnet-11",
}
PUBLISHED = "random_holdout"
SPLITS = {PUBLISHED: "random 70/30, as published", "speaker_folds": "whole speakers apart"}
DECISIONS = {
    "class_weights": "smallest angle to the class weights",
    "class_means": "to class means",
}
ACCURACY = {"ravdess": ("table IV", "Table IV"), "iemocap": ("table V", "Table V")}
ANGLES = {"ravdess": ("table II", "Table II"), "iemocap": ("table III", "Table III")}
DEVIATIONS = {"ravdess": ("table VI", "Table VI"), "iemocap": ("table VII", "Table VII")}
METRICS = {"intra": "intra_class_deviation_deg", "inter": "inter_class_deviation_deg"}
SHARED = "speakers and sentences are in training and test"
DIFFERS = {"ravdess": "speech only: the paper took the songs too", "iemocap": ""}


@dataclass(frozen=True, kw_only=True)
class Study:
    """One finished study: its key, its corpus, and the tables that `methods.kumar2021` made."""

    key: str
    corpus: str
    scale: str
    tables: Mapping[str, pd.DataFrame]

    def rows(self, table: str, **wanted: str) -> pd.DataFrame:
        """Rows with these settings."""
        found = self.tables[table]
        for name, value in wanted.items():
            found = found[found[name] == value]
        return found


def section(results: Mapping[str, Path], origin: str) -> Section:
    """The paper on the page. results: study key -> its folder of results, other papers' too."""
    studies, missing = read(results)
    tables, pictures, maps = [], [], []
    for study in studies:
        if study.key == ABLATION:
            tables.append(_table_1(study))
            continue
        tables += [_accuracy(study), *_gap(study), _angles(study), _deviations(study)]
        pictures += _pictures(study, origin)
        maps += _maps(study)
    return Section(
        paper=PAPER,
        title=TITLE,
        citation=CITATION,
        summary=_summary(studies),
        tables=tuple(tables),
        pictures=tuple(pictures),
        maps=tuple(maps),
        missing=tuple(missing),
    )


def ours(results: Mapping[str, Path]) -> list[ledger.Ours]:
    """Our value for each row of claims.csv, under the division that the paper used."""
    studies, _ = read(results)
    by_key = {study.key: study for study in studies}
    return [
        _claim(claim, by_key)
        for claim in ledger.claims().to_dict("records")
        if claim["paper"] == PAPER
    ]


def read(results: Mapping[str, Path]) -> tuple[list[Study], list[str]]:
    """The studies of this paper that were done, and a line for each that was not."""
    studies, missing = [], []
    for key, folder in results.items():
        about = json.loads(Path(folder, "study.json").read_text(encoding="utf-8"))
        if about["method"]["name"] != PAPER:
            continue
        corpus = about["source"]["corpus"]
        if about["state"] != "done":
            what = "Table I" if key == ABLATION else "Accuracy, angles, deviations, figures 4 and 5"
            missing.append(f"{what}, {corpus}: there is no {' and no '.join(about['missing'])}")
            continue
        names = ("accuracy", "angles", "deviations", "gap", "map", "of_clips", "summary")
        tables = {name: pd.read_csv(Path(folder, f"{name}.csv")) for name in names}
        studies.append(Study(key=key, corpus=corpus, scale=about.get("scale", ""), tables=tables))
    return studies, missing


def _table_1(study: Study) -> Table:
    rows = {}
    for network, name in NETWORKS.items():
        found = study.rows("accuracy", network=network, split=PUBLISHED, decision="class_weights")
        paper = _paper("table I", study.corpus, name)
        rows[name] = {"paper": paper, "ours": _estimate(found)}
    return Table(
        title="Table I: networks of the ablation, accuracy on RAVDESS, in per cent",
        rows=_frame(rows, "network"),
        note="At most 200 clips an emotion (here 96 neutral and 192 of the others: speech alone). "
        "In brackets the interval that resamples speakers.",
        stamps=(SHARED,),
        digits=2,
    )


def _accuracy(study: Study) -> Table:
    item, title = ACCURACY.get(study.corpus, ("", "Accuracy"))
    rows = {}
    for split, words in SPLITS.items():
        for decision, how in DECISIONS.items():
            chosen = {"network": NETWORK, "split": split, "decision": decision}
            found, rates = study.rows("accuracy", **chosen), study.rows("summary", **chosen)
            if found.empty:
                continue
            claimed = split == PUBLISHED and decision == "class_weights" and item
            rate = rates.iloc[0]
            rows[words, how] = {
                "paper": _paper(item, study.corpus, "full method") if claimed else None,
                "ours": _estimate(found),
                "UAR": estimate(rate["uar"], rate["uar_low"], rate["uar_high"]),
                "majority, UAR": 100 * rate["majority_uar"],
                "speaker lookup, UAR": 100 * rate["speaker_lookup_uar"],
                "stamp": SHARED if split == PUBLISHED else "",
            }
    return Table(
        title=f"{title}: accuracy on {study.corpus}, in per cent",
        rows=_frame(rows, ("division", "decision")),
        note='Accuracy is what the paper calls "un-weighted accuracy": correct over all. In '
        "brackets the interval that resamples speakers.",
        digits=2,
    )


def _gap(study: Study) -> list[Table]:
    gap = study.tables["gap"]
    if gap.empty:
        return []
    rows = {
        DECISIONS[row["decision"]]: {
            "shared": 100 * row["shared_uar"],
            "apart": 100 * row["disjoint_uar"],
            "gap": estimate(row["gap"], row["gap_low"], row["gap_high"]),
        }
        for row in gap.to_dict("records")
        if row["network"] == NETWORK
    }
    return [
        Table(
            title=f"What sharing speakers and sentences is worth on {study.corpus}: UAR, in points",
            rows=_frame(rows, "decision"),
            note="UAR of the random division minus UAR of whole speakers apart; in brackets the "
            "interval that resamples the same speakers in both.",
        )
    ]


def _angles(study: Study) -> Table:
    item, title = ANGLES.get(study.corpus, ("", "Angles"))
    shown = study.rows("angles", network=NETWORK, split=PUBLISHED, decision="class_weights")
    rows = {}
    for row in shown.to_dict("records"):
        pair = f"{row['row']}|{row['column']}"
        sd = "" if pd.isna(row["sd_deg"]) else f" ± {row['sd_deg']:.1f}"
        rows[row["row"], row["column"]] = {
            "paper": _paper(item, study.corpus, pair) if item else None,
            "ours": f"{row['angle_deg']:.1f}{sd}",
        }
    return Table(
        title=f"{title}: angles between emotions of {study.corpus}, in degrees",
        rows=_frame(rows, ("emotion", "and")),
        note="Between the class weights of two emotions; of an emotion with itself: the mean angle "
        "of its test clips to its class weights. Mean ± deviation over the runs.",
        stamps=(SHARED,),
        digits=2,
    )


def _deviations(study: Study) -> Table:
    item, title = DEVIATIONS.get(study.corpus, ("", "Deviations"))
    rows = {}
    for split, words in SPLITS.items():
        found = study.rows("deviations", network=NETWORK, split=split, decision="class_weights")
        for row in found.to_dict("records"):
            cells = {}
            for kind in ("intra", "inter"):
                claimed = split == PUBLISHED and item
                cells[f"{kind}-class", "paper"] = (
                    _paper(item, study.corpus, row["emotion"], METRICS[kind]) if claimed else None
                )
                cells[f"{kind}-class", "ours"] = row[f"{kind}_deg"]
            rows[words, row["emotion"]] = cells
    return Table(
        title=f"{title}: deviation of angles to an emotion, {study.corpus}, in degrees",
        rows=_frame(rows, ("division", "emotion")),
        note="Standard deviation over the test clips of the emotion (intra) and of all others "
        "(inter); the paper does not say of what its deviations are.",
        digits=2,
    )


def _pictures(study: Study, origin: str) -> list[Picture]:
    clips, place = study.rows("of_clips", network=NETWORK), study.rows("map", network=NETWORK)
    heading = CorpusHeading(
        facts=(study.corpus, "ResNet-11, class weights", f"{study.scale} scale"), origin=origin
    )
    pictures = []
    if len(place):
        title = f"Figure 4: embeddings of test clips, {study.corpus}"
        pictures.append(
            Picture(
                item=f"figure_4_{study.corpus}",
                title=title,
                alt=f"t-SNE of the embeddings of {study.corpus}'s test clips under both divisions, "
                "coloured by emotion.",
                data=place,
                draw=lambda theme: angle_figures.maps(
                    place, SPLITS, title=title, heading=heading, theme=theme
                ),
                stamps=(SHARED,),
            )
        )
    if len(clips):
        name = f"Figure 5: angles of test clips to emotions, {study.corpus}"
        pictures.append(
            Picture(
                item=f"figure_5_{study.corpus}",
                title=name,
                alt="For each emotion box plots of the angles between its test clips and its own "
                "embedding, and the nearest other emotion's.",
                data=clips,
                draw=lambda theme: angle_figures.boxes(
                    clips, SPLITS, title=name, heading=heading, theme=theme
                ),
                stamps=(SHARED,),
            )
        )
    return pictures


def _maps(study: Study) -> list[Map]:
    table = study.rows("map", network=NETWORK)
    return [
        Map(
            title=f"kumar2021: {study.corpus}, {SPLITS[split]}",
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
        item, _ = ACCURACY.get(study.corpus, ("", ""))
        paper = _paper(item, study.corpus, "full method") if item else None
        claimed = "" if paper is None else f" (the paper: {paper:g} %)"
        lines.append(
            f"On {study.corpus} the smallest angle is right for {100 * shares[PUBLISHED]:.1f} % of "
            f"the clips under the random division{claimed} and for "
            f"{100 * shares['speaker_folds']:.1f} % with whole speakers apart."
        )
    return " ".join(lines)


def _claim(claim: Mapping[str, str], studies: Mapping[str, Study]) -> ledger.Ours:
    """One row of the ledger; a study that was not done leaves it without a value."""
    key = {name: claim[name] for name in ledger.KEYS}
    ablation = claim["item"] == "table I"
    study = studies.get(ABLATION if ablation else f"kumar2021_{claim['corpus']}")
    if study is None:
        return ledger.Ours(**key, value=None, note=f"no recordings of {claim['corpus']} here")
    differs = DIFFERS.get(claim["corpus"], "")
    if claim["metric"] == "accuracy":
        network = next(
            (part for part, name in NETWORKS.items() if name == claim["setting"]), NETWORK
        )
        chosen = {"network": network, "split": PUBLISHED, "decision": "class_weights"}
        rows = study.rows("accuracy", **chosen)
        if rows.empty:
            return ledger.Ours(**key, value=None, note="the study does not train this network")
        row = rows.iloc[0]
        low, high = (None if pd.isna(row[end]) else 100 * row[end] for end in ("low", "high"))
        return ledger.Ours(
            **key,
            value=100 * row["accuracy"],
            low=low,
            high=high,
            n_speakers=int(row["n_speakers"]),
            n_runs=int(row["n_runs"]),
            differs=differs,
            note=SHARED,
        )
    value, n_runs = _degrees(claim, study)
    if value is None:
        return ledger.Ours(**key, value=None, note="the run had no clip of an emotion")
    return ledger.Ours(**key, value=value, n_runs=n_runs, differs=differs, note=SHARED)


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


def _paper(item: str, corpus: str, setting: str, metric: str | None = None) -> float | None:
    """The paper's value of a row of claims.csv; None where it states none."""
    claims = ledger.claims()
    found = claims[
        (claims["paper"] == PAPER) & (claims["item"] == item) & (claims["corpus"] == corpus)
    ]
    one, _, other = setting.partition("|")
    found = found[found["setting"].isin([setting, f"{other}|{one}"])]
    if metric:
        found = found[found["metric"] == metric]
    return None if found.empty else float(found["value"].iloc[0])


def _estimate(rows: pd.DataFrame) -> str:
    if rows.empty:
        return "–"
    row = rows.iloc[0]
    return estimate(row["accuracy"], row["low"], row["high"])


def _frame(rows: Mapping, heads: str | tuple[str, ...]) -> pd.DataFrame:
    table = pd.DataFrame(list(rows.values()))
    if isinstance(heads, str):
        table.index = pd.Index(list(rows), name=heads)
    else:
        table.index = pd.MultiIndex.from_tuples(list(rows), names=heads)
    return table

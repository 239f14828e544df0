"""kumar2021's tables I to VII from finished studies, in the paper's form."""

import pandas as pd

from emometric.papers import ledger
from emometric.papers.finished import Study, estimated, frame
from emometric.report.section import Table, estimate

PAPER = "kumar2021"
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


def table_1(study: Study) -> Table:
    rows = {}
    for network, name in NETWORKS.items():
        found = study.rows("accuracy", network=network, split=PUBLISHED, decision="class_weights")
        paper = stated("table I", study, name)
        rows[name] = {"paper": paper, "ours": _estimate(found)}
    return Table(
        title="Table I: networks of the ablation, accuracy on RAVDESS, in per cent",
        rows=frame(rows, "network"),
        note="At most 200 clips an emotion (here 96 neutral and 192 of the others: speech alone). "
        f"In brackets the interval that resamples speakers.{_scales(study)}",
        stamps=(SHARED,),
        digits=2,
    )


def accuracy(study: Study) -> Table:
    item, title = ACCURACY.get(study.source, ("", "Accuracy"))
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
                "paper": stated(item, study, "full method") if claimed else None,
                "ours": _estimate(found),
                "UAR": estimated(rate, "uar"),
                "majority, UAR": 100 * rate["majority_uar"],
                "speaker lookup, UAR": 100 * rate["speaker_lookup_uar"],
                "stamp": SHARED if split == PUBLISHED else "",
            }
    return Table(
        title=f"{title}: accuracy on {study.source}, in per cent",
        rows=frame(rows, ("division", "decision")),
        note='Accuracy is what the paper calls "un-weighted accuracy": correct over all. In '
        "brackets the interval that resamples speakers.",
        digits=2,
    )


def gap(study: Study) -> list[Table]:
    found = study.tables["gap"]
    if found.empty:
        return []
    rows = {
        DECISIONS[row["decision"]]: {
            "shared": 100 * row["shared_uar"],
            "apart": 100 * row["disjoint_uar"],
            "gap": estimated(row, "gap"),
        }
        for row in found.to_dict("records")
        if row["network"] == NETWORK
    }
    return [
        Table(
            title=f"What sharing speakers and sentences is worth on {study.source}: UAR, in points",
            rows=frame(rows, "decision"),
            note="UAR of the random division minus UAR of whole speakers apart; in brackets the "
            "interval that resamples the same speakers in both.",
        )
    ]


def angles(study: Study) -> Table:
    item, title = ANGLES.get(study.source, ("", "Angles"))
    shown = study.rows("angles", network=NETWORK, split=PUBLISHED, decision="class_weights")
    rows = {}
    for row in shown.to_dict("records"):
        sd = "" if pd.isna(row["sd_deg"]) else f" ± {row['sd_deg']:.1f}"
        rows[row["row"], row["column"]] = {
            "paper": _angle(item, study, row["row"], row["column"]),
            "ours": f"{row['angle_deg']:.1f}{sd}",
        }
    return Table(
        title=f"{title}: angles between emotions of {study.source}, in degrees",
        rows=frame(rows, ("emotion", "and")),
        note="Between the class weights of two emotions; of an emotion with itself: the mean angle "
        "of its test clips to its class weights. Mean ± deviation over the runs.",
        stamps=(SHARED,),
        digits=2,
    )


def deviations(study: Study) -> Table:
    item, title = DEVIATIONS.get(study.source, ("", "Deviations"))
    rows = {}
    for split, words in SPLITS.items():
        found = study.rows("deviations", network=NETWORK, split=split, decision="class_weights")
        for row in found.to_dict("records"):
            cells = {}
            for kind in ("intra", "inter"):
                claimed = split == PUBLISHED and item
                cells[f"{kind}-class", "paper"] = (
                    stated(item, study, row["emotion"], METRICS[kind]) if claimed else None
                )
                cells[f"{kind}-class", "ours"] = row[f"{kind}_deg"]
            rows[words, row["emotion"]] = cells
    return Table(
        title=f"{title}: deviation of angles to an emotion, {study.source}, in degrees",
        rows=frame(rows, ("division", "emotion")),
        note="Standard deviation over the test clips of the emotion (intra) and of all others "
        "(inter); the paper does not say of what its deviations are.",
        digits=2,
    )


def stated(item: str, study: Study, setting: str, metric: str = "accuracy") -> float | None:
    """The paper's value of a row of claims.csv; None where it states none."""
    key = {"item": item, "corpus": study.source, "metric": metric}
    return ledger.claimed(PAPER, **key, setting=setting) if item else None


def _angle(item: str, study: Study, one: str, other: str) -> float | None:
    """The paper's angle between two emotions, which it prints once."""
    pairs = dict.fromkeys((f"{one}|{other}", f"{other}|{one}"))
    found = [stated(item, study, pair, "angle_deg") for pair in pairs]
    return next((angle for angle in found if angle is not None), None)


def _scales(study: Study) -> str:
    """What chose the scale of the logits, where a network had several."""
    scale = study.about["method"].get("params", {}).get("scale")
    if not isinstance(scale, list):
        return ""
    words = " or ".join(f"{one:g}" for one in scale)
    return f" Each network's logits have the scale, {words}, that its validation clips favour."


def _estimate(rows: pd.DataFrame) -> str:
    if rows.empty:
        return "–"
    row = rows.iloc[0]
    return estimate(row["accuracy"], row["low"], row["high"])

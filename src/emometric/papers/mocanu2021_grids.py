"""mocanu2021's grids of settings, relations of emotions, verification of speakers, and peers."""

from collections.abc import Sequence

import pandas as pd

from emometric.papers.finished import Study, estimated, frame
from emometric.papers.mocanu2021_tables import (
    PEERS,
    STRATEGIES,
    epochs,
    mean,
    panels,
    place,
    protocol,
    taught,
)
from emometric.report.section import Table, estimate

ON_WHEEL = ("sadness", "fear", "disgust", "anger", "surprise", "happiness", "calm")  # § 3.3
FIVE_FOLDS = "ravdess_subject5cv.json"
# Recall or accuracy, in per cent, that others print for the same five folds of RAVDESS's speech.
OTHERS = (
    (
        "residual LSTM from scratch",
        "UAR",
        62.3,
        "Krasnoproshin and Vashkevich 2026, mean of 10 runs",
    ),
    ("CNN-14, pre-trained", "accuracy", 76.6, "Luna-Jiménez and others 2021, Sensors 21, 7665"),
    ("XLSR, fine-tuned", "accuracy", 81.8, "Luna-Jiménez and others 2022, Appl. Sci. 12, 327"),
    ("WavLM-large, frozen", "UAR", 72.0, "without a publication; its folds were not checked"),
)


def points(study: Study) -> list[Table]:
    """Figures 10 and 11 in numbers, and the alternative relations: each against the published."""
    return [_points(study, *panel) for panel in panels(study)]


def _points(study: Study, item: str, names: dict[str, str], table: pd.DataFrame) -> Table:
    rows = {}
    for row in table.to_dict("records"):
        head = tuple(_word(row[name]) for name in names)
        rows[head if len(head) > 1 else head[0]] = {
            "accuracy": mean(pd.Series(row)),
            "UAR": estimated(row, "uar"),
            "minus the published": "published"
            if row["is_reference"]
            else estimate(row["difference"], row["low"], row["high"]),
            "p": "" if pd.isna(row["p"]) else f"{row['p']:.4f}",
        }
    heads = tuple(names.values())
    return Table(
        title=f"{item}: {' and '.join(heads)} on {place(study)}, in per cent",
        rows=frame(rows, heads if len(heads) > 1 else heads[0]),
        note=f"Each point learned in {epochs(study)}. Against the published point: UAR, paired "
        "over speakers; p is not corrected for the number of points. The paper chose its values by "
        "what they scored on the test clips.",
        stamps=("the best point is not to be chosen here: these are test clips",),
    )


def relations(study: Study) -> Table:
    """Polarities on Mikels' wheel: what the loss is told of each emotion, in each variant."""
    params = study.about["method"]["params"]
    told = {
        name: {**params["polarity"], **(changed or {})}
        for name, changed in params["relations"].items()
    }
    rows = {
        emotion: {
            **{name: one[emotion] for name, one in told.items()},
            "paper": "placed" if emotion in ON_WHEEL else "not placed",
        }
        for emotion in params["polarity"]
    }
    return Table(
        title="Relations of emotions on Mikels' wheel, as the emotion constraint knows them",
        rows=frame(rows, "emotion"),
        note="Emotions of one polarity are related, those of the other are opposite; a neutral one "
        "has neither. The paper places seven and puts neutral at the centre, without saying what "
        "is related to it; the others are our choice, and so is each variant but "
        f"'{params['relation']}', which the other studies use.",
    )


def verification(studies: Sequence[Study]) -> list[Table]:
    """Whether the start has learned to tell speakers, and what it adds to emotions (S1 to S2)."""
    told = next((one for one in studies if len(one.tables["verification"])), None)
    if told is None:
        return []
    rows = {}
    for row in told.tables["verification"].to_dict("records"):
        before = [row.get(f"untrained_eer{end}", float("nan")) for end in ("", "_low", "_high")]
        rows[str(row["group"])] = {
            "equal error rate": estimated(row, "eer"),
            "before training": estimate(*before),
            "speakers": _count(row["n_speakers"]),
            "trials": _count(row["n_trials"]),
        }
    n_speakers, n_clips = taught(told)
    gains = [
        f"On {place(study)} the start adds {estimate(row['difference'], row['low'], row['high'])} "
        f"points of UAR (S1 to S2, p = {row['p']:.4f})."
        for study in studies
        for row in study.tables["steps"].to_dict("records")
        if (row["first"], row["then"]) == ("S1", "S2")
    ]
    return [
        Table(
            title="Pre-training on speakers: verification of speakers not learned, in per cent",
            rows=frame(rows, "held out"),
            note=f"Learned from {n_speakers} speakers, {n_clips} clips; none of them is tested. "
            + " ".join(gains),
        )
    ]


def peers(study: Study) -> list[Table]:
    """Others' results under the five folds of RAVDESS, beside ours under the same."""
    params = study.about["method"]["params"]
    if protocol(study) != "foreign" or not params["path"].endswith(FIVE_FOLDS):
        return []
    rows = {}
    measured = study.tables["accuracy"].set_index("strategy")
    for strategy, words in {**STRATEGIES, **PEERS}.items():
        if strategy not in measured.index:
            continue
        row = measured.loc[strategy]
        rows[words] = {
            "UAR": estimated(row, "uar"),
            "accuracy": mean(row),
            "source": "measured here" + ("" if strategy in PEERS else f", {epochs(study)}"),
        }
    for name, metric, value, source in OTHERS:
        rows[name] = {metric: f"{value:.1f}", "source": source}
    return [
        Table(
            title="Peers under the five folds of RAVDESS's actors, in per cent",
            rows=frame(rows, "system"),
            note="Others' values are as they report them, under these or comparable folds; the "
            "residual LSTM's features were standardised over all clips, tested ones too.",
        )
    ]


def _word(value: object) -> str:
    if isinstance(value, str):
        return value
    return "–" if pd.isna(value) else f"{value:g}"


def _count(value: float) -> int | None:
    return None if pd.isna(value) else int(value)

"""Made-up results of a run in the shape of the three corpora, as the evaluate stage writes them."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

# corpus id: (name, emotions, speakers, clips of one speaker and emotion)
SHAPES = {
    "emodb": (
        "Emo-DB",
        ("anger", "boredom", "disgust", "fear", "happiness", "neutral", "sadness"),
        10,
        8,
    ),
    "ravdess": (
        "RAVDESS",
        ("anger", "calm", "disgust", "fear", "happiness", "neutral", "sadness", "surprise"),
        24,
        8,
    ),
    "urdu": ("URDU", ("anger", "happiness", "neutral", "sadness"), 29, 14),
}
N_FOLDS = 4
N_EPOCHS = 8
BASELINES = ("majority", "speaker_lookup", "egemaps_svm_linear")


@dataclass
class Fabricated:
    """Tables of one run; `clips` holds one row a test clip."""

    corpus: str
    name: str
    emotions: tuple[str, ...]
    clips: pd.DataFrame
    tsne: pd.DataFrame
    folds: pd.DataFrame
    curves: pd.DataFrame
    per_speaker: pd.DataFrame


def fabricate(corpus: str, seed: int = 0) -> Fabricated:
    """Results in which neighbouring emotions are confused, speakers differ and folds scatter."""
    name, emotions, n_speakers, n_each = SHAPES[corpus]
    draw = np.random.default_rng(seed)
    rows = []
    for speaker in range(n_speakers):
        skill = draw.uniform(0.35, 0.9)
        own = emotions
        if corpus == "urdu" and speaker > 3:
            own = (emotions[speaker % 4],)  # most URDU speakers show a single emotion
        for emotion in own:
            for take in range(max(1, int(draw.integers(n_each // 2, n_each + 1)))):
                right = draw.random() < skill
                near = (emotions.index(emotion) + int(draw.integers(1, 3))) % len(emotions)
                predicted = emotion if right else emotions[near]
                clip = f"{corpus}/{speaker:02d}{emotion[:2]}{take}"
                rows.append((clip, f"{corpus}/{speaker + 3:02d}", emotion, predicted))
    clips = pd.DataFrame(rows, columns=["clip", "speaker", "truth", "predicted"])
    clips["fold"] = [int(speaker.split("/")[1]) % N_FOLDS for speaker in clips["speaker"]]
    return Fabricated(
        corpus=corpus,
        name=name,
        emotions=emotions,
        clips=clips,
        tsne=_tsne(clips, emotions, draw),
        folds=_folds(clips, emotions, draw),
        curves=_curves(emotions, draw),
        per_speaker=_per_speaker(clips),
    )


def _tsne(clips, emotions, draw) -> pd.DataFrame:
    angle = 2 * np.pi * np.array([emotions.index(word) for word in clips["predicted"]])
    angle = angle / len(emotions)
    spread = draw.normal(0, 5.5, (len(clips), 2))
    is_test = clips["fold"] == 0
    return pd.DataFrame(
        {
            "clip": clips["clip"],
            "speaker": clips["speaker"],
            "emotion": clips["truth"],
            "predicted": clips["predicted"].where(is_test),
            "fold": 0,
            "role": np.where(is_test, "test", np.where(clips["fold"] == 1, "valid", "train")),
            "x": (20 * np.cos(angle) + spread[:, 0]).round(3),
            "y": (20 * np.sin(angle) + spread[:, 1]).round(3),
        }
    )


def _folds(clips, emotions, draw) -> pd.DataFrame:
    rows = []
    for fold, part in clips.groupby("fold"):
        hit = part["truth"] == part["predicted"]
        rows.append(("triplet", fold, hit.groupby(part["truth"]).mean().mean(), hit.mean()))
        rows.append(("majority", fold, 1 / len(emotions), 0.23))
        rows.append(("speaker_lookup", fold, 1 / len(emotions), 0.23))
        rows.append(("egemaps_svm_linear", fold, draw.uniform(0.4, 0.62), draw.uniform(0.4, 0.6)))
    table = pd.DataFrame(rows, columns=["cell", "fold", "uar", "accuracy"])
    return table.sort_values(["cell", "fold"], ignore_index=True)


def _curves(emotions, draw) -> pd.DataFrame:
    rows = []
    for fold in range(N_FOLDS):
        for epoch in range(1, N_EPOCHS + 1):
            loss = 0.21 * np.exp(-epoch / 5) + draw.uniform(0, 0.02)
            uar = 0.62 - (0.62 - 1 / len(emotions)) * np.exp(-epoch / 3) + draw.normal(0, 0.03)
            rows.append((fold, epoch, 1e-3 if epoch <= 5 else 1e-4, round(loss, 5), round(uar, 5)))
    columns = ["fold", "epoch", "learning_rate", "train_loss", "valid_uar"]
    return pd.DataFrame(rows, columns=columns)


def _per_speaker(clips) -> pd.DataFrame:
    grouped = (clips["truth"] == clips["predicted"]).groupby([clips["speaker"], clips["truth"]])
    table = grouped.agg(n="size", correct="sum").reset_index()
    table = table.rename(columns={"truth": "emotion"})
    return table.assign(study="run", cell="triplet")[
        ["study", "cell", "speaker", "emotion", "n", "correct"]
    ]


def _audit(made: Fabricated) -> dict:
    """What the audit stage says of speaker-disjoint folds with one near duplicate across them."""
    numbers = sorted(set(made.clips["fold"]))
    n_test = made.clips["fold"].value_counts()
    folds = [
        {
            "fold": int(number),
            "repeat": 0,
            "n_train": len(made.clips) - int(n_test[number]) - 20,
            "n_valid": 20,
            "n_test": int(n_test[number]),
            "n_enrol": 0,
            "shared_speakers": 0,
            "shared_sentences": 10,
            "enrolled_speakers": 0,
            "byte_duplicates": 0,
            "near_duplicates": int(number == 0),
            "unlabelled": "",
        }
        for number in numbers
    ]
    pair = dict(zip(("clip", "other"), made.clips["clip"].iloc[[0, -1]], strict=True))
    pair |= dict(
        zip(("speaker", "other_speaker"), made.clips["speaker"].iloc[[0, -1]], strict=True)
    )
    pair |= {"kind": "near", "error": 0.0625, "shift_s": 0.32}
    pair |= {"emotion": made.emotions[0], "other_emotion": made.emotions[0]}
    return {
        "verdict": "stamped",
        "stamps": ["near duplicates across training and test"],
        "findings": ["No speaker of training or validation is tested.", "1 pair of <clips>."],
        "knows_sentences": True,
        "folds": folds,
        "balance": [
            {"fold": int(number), "repeat": 0, "role": role, "emotion": emotion, "n": 7}
            for number in numbers
            for role in ("train", "valid", "test", "enrol")
            for emotion in made.emotions
        ],
        "duplicates": [pair],
    }


def write(made: Fabricated, origin: str, folder: Path) -> None:
    """Write the results folder of a run as the evaluate stage does."""
    folder.mkdir(parents=True)
    hit = made.clips["truth"] == made.clips["predicted"]
    guess = {"uar": round(1 / len(made.emotions), 4), "accuracy": 0.23}
    rates = {
        "uar": round(float(hit.groupby(made.clips["truth"]).mean().mean()), 4),
        "uar_low": 0.5512,
        "uar_high": 0.6714,
        "uar_fold_mean": 0.6055,
        "uar_fold_sd": 0.0812,
        "accuracy": round(float(hit.mean()), 4),
        "n_clips": len(made.clips),
        "n_speakers": made.clips["speaker"].nunique(),
        "n_folds": N_FOLDS,
        "majority": guess,
        "speaker_lookup": guess,
        "egemaps_svm_linear": {"uar": 0.51, "uar_low": 0.46, "uar_high": 0.57, "accuracy": 0.52},
        "gain": {"uar": 0.1023, "uar_low": 0.031, "uar_high": 0.17, "p": 0.012},
    }
    run = {
        "study": "run",
        "origin": origin,
        "scale": "quick",
        "seed": 7,
        "feature": "spectrogram",
        "encoder": "se_resnet34",
        "loss": "triplet",
        "decision": "svm_rbf",
        "protocol": "speaker_folds",
        "baseline": "egemaps_svm_linear",
        "confidence": 0.95,
        "emotions": {e: int((made.clips["truth"] == e).sum()) for e in made.emotions},
        "corpus": {
            "id": made.corpus,
            "name": made.name,
            "licence": "free, no licence text",
            "licence_url": "https://example.org/licence",
            "citation": "Burkhardt, F. et al. (2005). A database of German emotional speech.",
            "language": "de",
            "n_clips": len(made.clips),
            "n_speakers": made.clips["speaker"].nunique(),
            "seconds": 1487.2,
            "n_rejects": 1,
            "n_excluded": 0,
        },
        "audit": _audit(made),
        "rejects": [{"path": "wav/<odd>.wav", "reason": "unknown name"}],
    }
    for name, value in (("metrics", rates), ("run", run)):
        (folder / f"{name}.json").write_text(json.dumps(value), encoding="utf-8")
    tables = {
        "confusion": made.clips[["truth", "predicted"]],
        "folds": made.folds.round(4),
        "per_speaker": made.per_speaker,
        "tsne": made.tsne,
        "curves": made.curves,
    }
    for name, table in tables.items():
        table.to_csv(folder / f"{name}.csv", index=False, lineterminator="\n")

"""Audit a split before anything is trained on it: what its training clips say of its test clips.

What is labelled in a fold are its train, valid and enrol clips; what of them is found again among
the test clips is shared. Speakers and sentences are compared by name, sentences within a corpus;
recordings by their samples and by their fingerprints.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import joblib
import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from emometric import emotions, splits
from emometric.audit import fingerprint
from emometric.audit.audit_text import findings, leaks, stamps
from emometric.base.errors import SplitError
from emometric.scoring import baselines, metrics
from emometric.sound import audio
from emometric.splits import Promises
from emometric.storage.clip import Fold

DUPLICATES = (
    "kind",
    "clip",
    "other",
    "error",
    "shift_s",
    "speaker",
    "other_speaker",
    "emotion",
    "other_emotion",
)
_CHUNK = 512  # clips in memory at once while they are fingerprinted


@dataclass(frozen=True, kw_only=True)
class Audit:
    """What was found. `facts` holds only what JSON can: numbers, stamps, sentences.

    folds: a row a fold. balance: (fold, repeat, role, emotion, n). duplicates: a row a pair, see
    `find_duplicates`. leaks: a sentence for everything that the protocol does not admit.
    """

    facts: dict[str, Any]
    folds: pd.DataFrame
    balance: pd.DataFrame
    duplicates: pd.DataFrame
    leaks: tuple[str, ...]

    def check(self) -> None:
        """Raise SplitError where the split gives away what its protocol does not admit."""
        if self.leaks:
            raise SplitError(self.leaks[0])


def find_duplicates(
    clips: pd.DataFrame, read: Callable[[str], np.ndarray], *, n_jobs: int = 1
) -> pd.DataFrame:
    """Pairs of clips that are one recording: columns DUPLICATES, byte duplicates first.

    clips: rows with id, speaker, emotion and content; read: from an id to int16 samples at
    audio.RATE_HZ. `kind` is "byte" for equal samples (each clip beside the first of its like) and
    "near" for equal fingerprints of unequal samples (`fingerprint.near_duplicates`), with the share
    of bits that differ and how much later the sound lies in `clip` than in `other`.
    """
    clips = clips.sort_values("id", ignore_index=True)
    first = clips.groupby("content")["id"].transform("first")
    rows = [
        ("byte", one, other, 0.0, 0.0)
        for one, other in zip(first, clips["id"], strict=True)
        if one != other
    ]
    ids = clips.loc[first == clips["id"], "id"].tolist()
    prints = _fingerprints(ids, read, n_jobs)
    rows += [
        ("near", ids[match.first], ids[match.second], round(match.error, 4), match.shift_s)
        for match in fingerprint.near_duplicates(prints)
    ]
    found = pd.DataFrame(rows, columns=list(DUPLICATES[:5]))
    by_id = clips.set_index("id")
    for column in ("speaker", "emotion"):
        found[column] = by_id[column].reindex(found["clip"]).to_numpy()
        found[f"other_{column}"] = by_id[column].reindex(found["other"]).to_numpy()
    return found[list(DUPLICATES)].sort_values(["kind", "clip", "other"], ignore_index=True)


def audit(
    clips: pd.DataFrame, folds: Sequence[Fold], admitted: Promises, duplicates: pd.DataFrame
) -> Audit:
    """Look at every fold of a split.

    clips: rows with id, corpus, speaker, emotion and sentence (or None); folds: their ids;
    duplicates: of `find_duplicates`. Nothing is raised for what is found; see `Audit.check`.
    """
    clips = clips.sort_values("id", ignore_index=True)
    table = _fold_table(clips, folds, duplicates)
    balance = _balance(clips, folds)
    guesses = _guesses(clips, folds)
    conflicts = duplicates[duplicates["emotion"] != duplicates["other_emotion"]]
    tested = {clip for fold in folds for clip in fold.test}
    facts = {
        "verdict": "clean",
        "stamps": [],
        "findings": [],
        "admitted": asdict(admitted),
        "n_clips": len(clips),
        "n_speakers": int(clips["speaker"].nunique()),
        "n_folds": len(folds),
        "n_repeats": len({fold.repeat for fold in folds}),
        "n_untested": len(clips) - len(tested),
        "knows_sentences": bool(clips["sentence"].notna().any()),
        "byte_duplicates": int((duplicates["kind"] == "byte").sum()),
        "near_duplicates": int((duplicates["kind"] == "near").sum()),
        "conflicts": len(conflicts),
        **guesses,
        "folds": table.to_dict("records"),
        "balance": balance.to_dict("records"),
        "duplicates": duplicates.to_dict("records"),
    }
    facts["stamps"] = stamps(facts)
    facts["verdict"] = "stamped" if facts["stamps"] else "clean"
    facts["findings"] = findings(facts)
    return Audit(
        facts=facts,
        folds=table,
        balance=balance,
        duplicates=duplicates,
        leaks=tuple(leaks(facts)),
    )


def _fingerprints(
    ids: list[str], read: Callable[[str], np.ndarray], n_jobs: int
) -> list[fingerprint.Fingerprint]:
    prints: list[fingerprint.Fingerprint] = []
    # Threads: the transforms work outside the interpreter's lock.
    with joblib.Parallel(n_jobs=n_jobs, prefer="threads") as parallel:
        for start in range(0, len(ids), _CHUNK):
            prints += parallel(
                joblib.delayed(fingerprint.fingerprint)(audio.from_pcm16(read(clip)))
                for clip in ids[start : start + _CHUNK]
            )
    return prints


def _fold_table(
    clips: pd.DataFrame, folds: Sequence[Fold], duplicates: pd.DataFrame
) -> pd.DataFrame:
    """A row a fold: its sizes, and how much of it training and test share.

    shared_speakers, shared_sentences: how many of train and valid are tested; enrolled_speakers: of
    enrol; byte_duplicates, near_duplicates: test clips that have one among the labelled clips, not
    counting as near what is equal; unlabelled: emotions tested that no labelled clip has.
    """
    place = pd.Index(clips["id"])
    speaker = clips["speaker"].to_numpy(dtype=object)
    emotion = clips["emotion"].to_numpy(dtype=object)
    said = zip(clips["corpus"], clips["sentence"], strict=True)
    sentence = np.array(
        [f"{corpus}/{one}" if isinstance(one, str) else None for corpus, one in said], dtype=object
    )
    same = _recordings(place, duplicates[duplicates["kind"] == "byte"])
    alike = _recordings(place, duplicates)
    rows = []
    for number, fold in enumerate(folds):
        at = {role: place.get_indexer(list(getattr(fold, role))) for role in splits.ROLES}
        trained = np.concatenate([at["train"], at["valid"]])
        labelled, test = np.concatenate([trained, at["enrol"]]), at["test"]
        equal = np.isin(same[test], same[labelled])
        near = np.isin(alike[test], alike[labelled]) & ~equal
        rows.append(
            {
                "fold": number,
                "repeat": fold.repeat,
                **{f"n_{role}": len(at[role]) for role in splits.ROLES},
                "shared_speakers": len(set(speaker[trained]) & set(speaker[test])),
                "shared_sentences": len(set(sentence[trained]) & set(sentence[test]) - {None}),
                "enrolled_speakers": len(set(speaker[at["enrol"]]) & set(speaker[test])),
                "byte_duplicates": int(equal.sum()),
                "near_duplicates": int(near.sum()),
                "unlabelled": " ".join(sorted(set(emotion[test]) - set(emotion[labelled]))),
            }
        )
    return pd.DataFrame(rows)


def _recordings(place: pd.Index, pairs: pd.DataFrame) -> np.ndarray:
    """The recording of each clip: (clips,) int, equal for all that pairs tie together."""
    one, other = (place.get_indexer(pairs[column]) for column in ("clip", "other"))
    ties = coo_array((np.ones(len(one)), (one, other)), shape=(len(place), len(place)))
    return connected_components(ties, directed=False)[1]


def _balance(clips: pd.DataFrame, folds: Sequence[Fold]) -> pd.DataFrame:
    """Clips of each emotion in each role of each fold: (fold, repeat, role, emotion, n)."""
    emotion_of = dict(zip(clips["id"], clips["emotion"], strict=True))
    names = emotions.present(clips["emotion"])
    rows = []
    for number, fold in enumerate(folds):
        for role in splits.ROLES:
            found = pd.Series([emotion_of[clip] for clip in getattr(fold, role)], dtype=object)
            counts = found.value_counts()
            rows += [(number, fold.repeat, role, name, int(counts.get(name, 0))) for name in names]
    return pd.DataFrame(rows, columns=["fold", "repeat", "role", "emotion", "n"])


def _guesses(clips: pd.DataFrame, folds: Sequence[Fold]) -> dict[str, dict[str, float]]:
    """UAR and accuracy of guesses that hear nothing, over the test clips of all folds together."""
    by_id = clips.set_index("id", drop=False)
    names = emotions.present(clips["emotion"])
    truth: list[str] = []
    guessed: dict[str, list[str]] = {"majority": [], "speaker_lookup": []}
    for fold in folds:
        labelled = by_id.loc[[*fold.train, *fold.valid, *fold.enrol]]
        test = by_id.loc[list(fold.test)]
        truth += test["emotion"].tolist()
        for name, guess in guessed.items():
            scores = getattr(baselines, name)(labelled, test, names)
            guess += [names[best] for best in scores.argmax(axis=1)]
    return {
        name: {
            "uar": round(metrics.uar(truth, guess), 4),
            "accuracy": round(metrics.accuracy(truth, guess), 4),
        }
        for name, guess in guessed.items()
    }

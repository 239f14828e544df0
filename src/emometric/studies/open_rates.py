"""Open-set rates of a stream under weights of its speakers, so that these can be resampled.

`change_detection.evaluate` gives the same rates of one stream where every speaker counts once. What
the stream did (its classes, its labels) stays as it was; only how much a clip counts changes.
"""

import numpy as np
import pandas as pd

NEW = "new "  # before the number of a class that a stream has founded
RATES = ("auroc", "fpr_at_95_tpr", "known_accuracy", "purity", "coverage")
_TPR = 0.95

# Of each resample the numerator and the denominator of a rate: (resamples,) each.
Fraction = tuple[np.ndarray, np.ndarray]


def fractions(stream: pd.DataFrame, weights: pd.DataFrame) -> dict[str, Fraction]:
    """The `RATES` of one stream, as fractions that add up over streams.

    stream: rows speaker, emotion, similarity, label, is_unknown of its clips; weights: a column a
    speaker, a row a resample. Both numbers are 0 where nothing counts for a rate. AUROC counts
    pairs of a known and an unknown clip, a pair by the product of their weights, ties half. FPR is
    at the highest threshold that keeps 95 % of the known clips' weight.
    """
    weight = weights[stream["speaker"]].to_numpy(np.float64)
    unknown = stream["is_unknown"].to_numpy(bool)
    similarity = stream["similarity"].to_numpy(np.float64)
    sides = [(similarity[side], weight[:, side]) for side in (~unknown, unknown)]
    right = (stream["label"] == stream["emotion"]).to_numpy() & ~unknown
    pure, in_founded, covered = _classes(stream, weight)
    return {
        "auroc": _auroc(*sides),
        "fpr_at_95_tpr": _fpr(*sides),
        "known_accuracy": (weight[:, right].sum(axis=1), weight[:, ~unknown].sum(axis=1)),
        "purity": (pure, in_founded),
        "coverage": (covered, weight[:, unknown].sum(axis=1)),
    }


def _auroc(known: tuple, unknown: tuple) -> Fraction:
    (high, by_known), (low, by_unknown) = known, unknown
    wins = (high[:, None] > low) + 0.5 * (high[:, None] == low)
    part = ((by_known @ wins) * by_unknown).sum(axis=1)
    return part, by_known.sum(axis=1) * by_unknown.sum(axis=1)


def _fpr(known: tuple, unknown: tuple) -> Fraction:
    (high, by_known), (low, by_unknown) = known, unknown
    if len(high) == 0:
        return np.zeros(len(by_known)), np.zeros(len(by_known))
    order = np.argsort(-high, kind="stable")
    kept = np.cumsum(by_known[:, order], axis=1)
    total = kept[:, -1]
    place = (kept < _TPR * total[:, None] - 1e-9).sum(axis=1)  # as change_detection rounds
    threshold = high[order][place]
    part = (by_unknown * (low[None] >= threshold[:, None])).sum(axis=1)
    is_told = total > 0
    return part * is_told, by_unknown.sum(axis=1) * is_told


def _classes(stream: pd.DataFrame, weight: np.ndarray) -> tuple[np.ndarray, ...]:
    """Weight of the clips of each founded class's main emotion; of all in founded classes; and of
    the unknown clips in classes whose main emotion is theirs. A tie goes to the earlier word."""
    founded = stream["label"].str.startswith(NEW).to_numpy(bool)
    classes, of_class = np.unique(stream["label"][founded].to_numpy(str), return_inverse=True)
    words, of_word = np.unique(stream["emotion"][founded].to_numpy(str), return_inverse=True)
    if len(classes) == 0:
        return (np.zeros(len(weight)),) * 3
    cell = np.eye(len(classes) * len(words))[of_class * len(words) + of_word]
    counts = (weight[:, founded] @ cell).reshape(len(weight), len(classes), len(words))
    main = counts.argmax(axis=2)
    largest = counts.max(axis=2)
    lacked = set(stream["emotion"][stream["is_unknown"].to_numpy(bool)])
    is_lacked = np.array([word in lacked for word in words])
    covered = (largest * is_lacked[main]).sum(axis=1)
    return largest.sum(axis=1), counts.sum(axis=(1, 2)), covered

"""Notice an emotion that the dictionary lacks, and amend the dictionary as clips stream in.

ntalampiras2020, section 3.4: a change is detected when every similarity to the support falls below
a threshold; the clip then founds a new class, and later clips can match it. The paper leaves the
threshold "predefined" and reports no rates; `training_similarities` and `choose_threshold` take it
from training speakers alone, and detection is measured as open-set recognition.

Similarity is larger for clips that are more alike, of any scale. Labels are whole numbers: known
emotions from 0, classes that the stream founds from `first_new` on.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from emometric.base.errors import SplitError


@dataclass(frozen=True)
class Labels:
    """Emotion and speaker of some clips, (n,) each, of any kind that compares."""

    emotion: np.ndarray
    speaker: np.ndarray


@dataclass(frozen=True, kw_only=True)
class Detection:
    """What became of each clip of a stream, in its order.

    label: (n,) int64, the class that it was given; similarity: (n,) float64, the largest one to the
    dictionary as it was before the clip, -inf for an empty one; is_new: (n,) bool, founded a class.
    """

    label: np.ndarray
    similarity: np.ndarray
    is_new: np.ndarray


@dataclass(frozen=True, kw_only=True)
class OpenSet:
    """Rates of a stream in which some emotions are unknown; NaN where nothing counts for one.

    auroc, fpr_at_95_tpr: of telling known from unknown clips (positive: known) by their similarity
    to the known support. accuracy: of the clips of known emotions, share given their own emotion.
    purity: of the clips in founded classes, share whose emotion is that class's most frequent one.
    coverage: of the clips of unknown emotions, share in a founded class whose most frequent emotion
    is theirs.
    """

    auroc: float
    fpr_at_95_tpr: float
    accuracy: float
    purity: float
    coverage: float
    n_founded: int


def training_similarities(
    similarity: np.ndarray, clips: Labels, support: Labels
) -> tuple[np.ndarray, np.ndarray]:
    """Largest similarity of each clip, with its emotion known, and as if it were unknown.

    similarity: (n, m) of clips to a support, both of training speakers; they may be the same clips.
    A network rates clips that it was fitted to as too similar: give clips of speakers whom it did
    not learn from (the validation speakers), or the threshold lies too high for new ones. A clip is
    compared with other speakers' clips, as at test time; without its own emotion's they stand for
    a dictionary that lacks it. Returns (known, unknown), of the clips that have both kinds of
    support. SplitError where none has: one speaker, or one emotion.
    """
    others = clips.speaker[:, None] != support.speaker
    same = clips.emotion[:, None] == support.emotion
    usable = (others & same).any(axis=1) & (others & ~same).any(axis=1)
    if not usable.any():
        raise SplitError(
            "a threshold needs training clips of two speakers and two emotions at least; "
            "choose a protocol that trains on them."
        )
    known = np.where(others, similarity, -np.inf).max(axis=1)
    unknown = np.where(others & ~same, similarity, -np.inf).max(axis=1)
    return known[usable], unknown[usable]


def choose_threshold(known: np.ndarray, unknown: np.ndarray) -> float:
    """The threshold that tells known from unknown best: a clip below it is new.

    The largest mean of two rates: known clips at or above it, unknown ones below. It lies midway
    between neighbouring similarities; of equally good ones the lowest is taken: fewer false alarms.

    >>> choose_threshold(np.array([8.0, 7.0, 6.0]), np.array([4.0, 1.0]))
    5.0
    >>> choose_threshold(np.array([8.0, 2.0]), np.array([6.0, 0.0]))
    1.0
    """
    values = np.unique(np.concatenate([known, unknown]))
    between = (values[:-1] + values[1:]) / 2
    places = np.concatenate([values[:1], between])  # at the lowest value nothing is new
    kept = (known[None] >= places[:, None]).sum(axis=1)
    caught = (unknown[None] < places[:, None]).sum(axis=1)
    # The sum of the two rates in whole numbers, so that rounding decides no tie.
    return float(places[np.argmax(kept * len(unknown) + caught * len(known))])


def detect(
    to_support: np.ndarray,
    among: np.ndarray,
    support: np.ndarray,
    threshold: float,
    *,
    first_new: int,
) -> Detection:
    """Let clips stream past a dictionary, one by one, that grows by every new class.

    to_support: (n, m) similarities of the stream's clips, in their order, to the support; among:
    (n, n) to each other, of which only earlier clips count; support: (m,) int64 labels, m may be 0.
    A clip whose similarities all lie below `threshold` founds the class `first_new`, then the next
    number; any other takes the label of the most similar (of equals: support before stream, then
    the earlier). Only founders join the dictionary, as in the paper: with recognised clips too, one
    mistake would draw in the next.
    """
    n = len(to_support)
    label = np.empty(n, np.int64)
    best = np.full(n, -np.inf)
    is_new = np.zeros(n, bool)
    for clip in range(n):
        founders = np.flatnonzero(is_new[:clip])
        values = np.concatenate([to_support[clip], among[clip, founders]])
        labels = np.concatenate([support, label[founders]])
        best[clip] = values.max(initial=-np.inf)
        is_new[clip] = len(values) == 0 or best[clip] < threshold
        label[clip] = first_new + len(founders) if is_new[clip] else labels[values.argmax()]
    return Detection(label=label, similarity=best, is_new=is_new)


def evaluate(
    detection: Detection, known_similarity: np.ndarray, truth: np.ndarray, known: Sequence[int]
) -> OpenSet:
    """Open-set rates of a stream; `OpenSet` defines them.

    known_similarity: (n,) the largest similarity to the known support alone; truth: (n,) int64 true
    emotions; known: those that the support holds. Every label of `detection` that is not among
    `known` counts as a founded class.
    """
    is_known = np.isin(truth, known)
    positive, negative = known_similarity[is_known], known_similarity[~is_known]
    founded = ~np.isin(detection.label, known)
    pure, covered = 0, 0
    for one in np.unique(detection.label[founded]):
        labels, counts = np.unique(truth[detection.label == one], return_counts=True)
        pure += counts.max()
        main = labels[counts.argmax()]  # a tie goes to the smaller label
        covered += 0 if main in known else counts.max()
    return OpenSet(
        auroc=auroc(positive, negative),
        fpr_at_95_tpr=fpr_at_tpr(positive, negative, 0.95),
        accuracy=_share((detection.label == truth)[is_known].sum(), is_known.sum()),
        purity=_share(pure, founded.sum()),
        coverage=_share(covered, (~is_known).sum()),
        n_founded=int(detection.is_new.sum()),
    )


def auroc(positive: np.ndarray, negative: np.ndarray) -> float:
    """Share of (positive, negative) pairs in which the positive is larger; ties count half.

    NaN without one of them.

    >>> auroc(np.array([3.0, 2.0]), np.array([2.0, 1.0]))
    0.875
    """
    if len(positive) == 0 or len(negative) == 0:
        return float("nan")
    negative = np.sort(negative)
    below = np.searchsorted(negative, positive, "left")
    not_above = np.searchsorted(negative, positive, "right")
    return float((below + not_above).mean() / 2 / len(negative))


def fpr_at_tpr(positive: np.ndarray, negative: np.ndarray, rate: float) -> float:
    """Share of negatives at or above the highest threshold that keeps `rate` of the positives.

    NaN without one of them.

    >>> fpr_at_tpr(np.array([4.0, 3.0, 2.0, 1.0]), np.array([2.5, 1.5, 0.5]), 0.75)
    0.3333333333333333
    """
    if len(positive) == 0 or len(negative) == 0:
        return float("nan")
    n_kept = int(np.ceil(rate * len(positive) - 1e-9))  # 0.95 x 20 is 19, not 20 by rounding
    threshold = np.sort(positive)[::-1][max(n_kept, 1) - 1]
    return float((negative >= threshold).mean())


def _share(part: int, whole: int) -> float:
    return float(part / whole) if whole else float("nan")

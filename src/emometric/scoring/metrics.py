"""Recognition rates: sequences of truth and of predictions in, numbers out.

Conventions: `truth` comes first; labels are any values that sort (words or numbers); a recall is
the share of a label's clips that are recognised, in [0, 1]. Sequences that are empty or of
unequal length raise PipelineError.
"""

from collections.abc import Sequence

import numpy as np

from emometric.base.errors import PipelineError


def uar(truth: Sequence, predicted: Sequence) -> float:
    """Unweighted average recall: the mean of the recalls of the labels that occur in `truth`.

    In [0, 1]; every label counts alike, however many clips it has. Predictions of a label that
    `truth` lacks are wrong, but no recall of it enters the mean. Also "balanced accuracy" and,
    in papers on emotion, "UA".

    >>> uar(["anger", "anger", "anger", "fear"], ["anger", "anger", "fear", "fear"])
    0.8333333333333333
    """
    return float(np.mean(list(recall_by_emotion(truth, predicted).values())))


def accuracy(truth: Sequence, predicted: Sequence) -> float:
    """Share of clips that are recognised, in [0, 1]; in papers on emotion, "WA".

    >>> accuracy(["anger", "anger", "anger", "fear"], ["anger", "anger", "fear", "fear"])
    0.75
    """
    truth, predicted = _paired(truth, predicted)
    return float(np.mean(truth == predicted))


def recall_by_emotion(truth: Sequence, predicted: Sequence) -> dict:
    """Recall of each label that occurs in `truth`, in sorted order.

    >>> recall_by_emotion(["fear", "anger", "anger"], ["fear", "anger", "joy"])
    {'anger': 0.5, 'fear': 1.0}
    """
    truth, predicted = _paired(truth, predicted)
    labels, position = np.unique(truth, return_inverse=True)
    n = np.bincount(position)
    correct = np.bincount(position, weights=truth == predicted)
    return dict(zip(labels.tolist(), (correct / n).tolist(), strict=True))


def confusion(truth: Sequence, predicted: Sequence, emotions: Sequence) -> np.ndarray:
    """Counts of (truth, predicted): (emotions, emotions) int64, a row for each truth.

    `emotions` gives rows and columns their order; a label outside it raises PipelineError.

    >>> confusion(["anger", "anger", "fear"], ["anger", "fear", "fear"], ["anger", "fear"]).tolist()
    [[1, 1], [0, 1]]
    """
    truth, predicted = _paired(truth, predicted)
    position = {emotion: index for index, emotion in enumerate(emotions)}
    counts = np.zeros((len(position), len(position)), dtype=np.int64)
    for true, guess in zip(truth.tolist(), predicted.tolist(), strict=True):
        for label in (true, guess):
            if label not in position:
                known = ", ".join(map(str, position))
                raise PipelineError(f"the label '{label}' is none of {known}; add it to them.")
        counts[position[true], position[guess]] += 1
    return counts


def _paired(truth: Sequence, predicted: Sequence) -> tuple[np.ndarray, np.ndarray]:
    truth, predicted = np.asarray(truth), np.asarray(predicted)
    if truth.shape != predicted.shape or truth.ndim != 1:
        raise PipelineError(
            f"truth has shape {truth.shape} and predicted {predicted.shape}; "
            "give one prediction for each clip."
        )
    if len(truth) == 0:
        raise PipelineError("no recognition rate exists for no clips; give at least one.")
    return truth, predicted

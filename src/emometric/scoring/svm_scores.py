"""Scores of a support vector machine of many classes whose largest is its own prediction."""

import numpy as np
from sklearn.svm import SVC

from emometric.base.errors import SplitError


def check_emotions(emotion: np.ndarray) -> None:
    """Raise SplitError for a single emotion: an SVM needs two to tell apart."""
    if len(np.unique(emotion)) < 2:
        raise SplitError(
            "a support vector machine cannot learn from clips of one emotion; "
            "choose a protocol or a corpus that trains on two at least."
        )


def scores(svm: SVC, features: np.ndarray, n_emotions: int) -> np.ndarray:
    """(m, n_emotions) float64, larger = more likely; -inf for an emotion that `svm` never saw.

    svm: fitted on labels in [0, n_emotions), one-against-one; features: (m, dim).

    A score is the number of duels won plus the bounded sum of their confidences (scikit-learn's
    `decision_function`, "ovr"); of two emotions it is the signed distance from the boundary and
    its negative. Where several emotions win equally many duels, SVC predicts the smallest label
    whatever the confidences; there its score and the largest one change places.
    """
    values = svm.decision_function(features)
    if values.ndim == 1:
        values = np.column_stack([-values, values])
    rows = np.arange(len(values))
    predicted = np.searchsorted(svm.classes_, svm.predict(features))
    largest = values.argmax(axis=1)
    values[rows, predicted], values[rows, largest] = (
        values[rows, largest],
        values[rows, predicted],
    )
    out = np.full((len(values), n_emotions), -np.inf)
    out[:, svm.classes_] = values
    return out

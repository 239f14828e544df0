"""Linear support vector machine on features that are standardised on the data of the fit."""

from dataclasses import dataclass

import numpy as np
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from emometric.base.errors import ParameterError
from emometric.scoring import svm_scores


@dataclass(frozen=True, kw_only=True)
class Params:
    """`c`: the cost of a clip inside the margin, above 0; large values fit closer."""

    c: float

    def __post_init__(self) -> None:
        if not isinstance(self.c, (int, float)) or not 0 < self.c < np.inf:
            raise ParameterError(
                f"params.yaml: decisions.svm_linear.c is '{self.c}'; write a number above 0."
            )


class Decision:
    """Zero mean and unit variance of each column, then a linear SVM with balanced classes."""

    def __init__(self, params: Params, n_emotions: int) -> None:
        self.n_emotions = n_emotions
        self.scaler = StandardScaler()
        self.svm = SVC(kernel="linear", C=params.c, class_weight="balanced")

    def fit(self, embedding: np.ndarray, emotion: np.ndarray) -> "Decision":
        """embedding: (n, dim) float; emotion: (n,) int64 in [0, n_emotions), two at least."""
        svm_scores.check_emotions(emotion)
        self.svm.fit(self.scaler.fit_transform(np.asarray(embedding, dtype=np.float64)), emotion)
        return self

    def scores(self, embedding: np.ndarray) -> np.ndarray:
        """(m, n_emotions) float64, larger = more likely: `svm_scores.scores`."""
        standardised = self.scaler.transform(np.asarray(embedding, dtype=np.float64))
        return svm_scores.scores(self.svm, standardised, self.n_emotions)

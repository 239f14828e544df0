"""Support vector machine with a Gaussian kernel, on the embeddings as they are."""

from dataclasses import dataclass

import numpy as np
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
                f"params.yaml: decisions.svm_rbf.c is '{self.c}'; write a number above 0."
            )


class Decision:
    """RBF-SVM with balanced classes; the kernel's width follows the variance of the fit's data.

    The classifier on the embeddings of mocanu2021, which names neither cost nor width: gamma is
    scikit-learn's "scale", 1 / (dim x variance of all values).
    """

    def __init__(self, params: Params, n_emotions: int) -> None:
        self.n_emotions = n_emotions
        self.svm = SVC(kernel="rbf", C=params.c, gamma="scale", class_weight="balanced")

    def fit(self, embedding: np.ndarray, emotion: np.ndarray) -> "Decision":
        """embedding: (n, dim) float; emotion: (n,) int64 in [0, n_emotions), two at least."""
        svm_scores.check_emotions(emotion)
        self.svm.fit(np.asarray(embedding, dtype=np.float64), emotion)
        return self

    def scores(self, embedding: np.ndarray) -> np.ndarray:
        """(m, n_emotions) float64, larger = more likely: `svm_scores.scores`."""
        embedding = np.asarray(embedding, dtype=np.float64)
        return svm_scores.scores(self.svm, embedding, self.n_emotions)

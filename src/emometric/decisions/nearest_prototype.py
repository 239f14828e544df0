"""The emotion whose prototype, its mean embedding, is nearest."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Params:
    """Nothing to choose."""


class Decision:
    """Nearest prototype by Euclidean distance.

    Snell et al. 2017 (eq. 1) square the distance (section 2.4): the same decision.
    """

    def __init__(self, params: Params, n_emotions: int) -> None:
        self.n_emotions = n_emotions

    def fit(self, embedding: np.ndarray, emotion: np.ndarray) -> "Decision":
        """embedding: (n, dim) float, n from 1; emotion: (n,) int64 in [0, n_emotions)."""
        embedding, emotion = np.asarray(embedding, dtype=np.float64), np.asarray(emotion)
        self.seen = np.unique(emotion)
        self.prototypes = np.stack([embedding[emotion == one].mean(axis=0) for one in self.seen])
        return self

    def scores(self, embedding: np.ndarray) -> np.ndarray:
        """(m, n_emotions) float64: the negative distance; -inf for an emotion unseen in the fit.

        >>> fitted = Decision(Params(), 3).fit([[0.0, 0], [2, 0], [9, 0]], [0, 0, 2])
        >>> fitted.scores([[4.0, 0], [6, 0]]).tolist()
        [[-3.0, -inf, -5.0], [-5.0, -inf, -3.0]]
        """
        embedding = np.asarray(embedding, dtype=np.float64)
        scores = np.full((len(embedding), self.n_emotions), -np.inf)
        for one, prototype in zip(self.seen, self.prototypes, strict=True):
            scores[:, one] = -np.linalg.norm(embedding - prototype, axis=1)
        return scores

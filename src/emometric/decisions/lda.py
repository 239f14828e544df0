"""Nearest emotion mean under a learned Mahalanobis distance: linear discriminant analysis.

Fisher (1936) with the covariance within emotions shrunk as Ledoit and Wolf (2004) estimate: the
closed form of metric learning, in which clips of one emotion lie close.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri
from sklearn.covariance import ledoit_wolf_shrinkage
from sklearn.preprocessing import StandardScaler

from emometric.base.errors import ParameterError

_NONE = 1e-9  # of the largest singular value: an axis along which nothing varies


@dataclass(frozen=True, kw_only=True)
class Params:
    """`shrinkage`: share of the covariance that is alike in all directions, from above 0 to 1;
    None: as much as Ledoit and Wolf estimate. `ranks`: each column counts by its rank among the
    clips of the fit, as a normal score (van der Waerden), so that no outlier pulls."""

    shrinkage: float | None = None
    ranks: bool = False

    def __post_init__(self) -> None:
        share = self.shrinkage
        if share is not None and not (isinstance(share, (int, float)) and 0 < share <= 1):
            raise ParameterError(
                f"params.yaml: decisions.lda.shrinkage is '{share}'; write a number above 0, at "
                "most 1, or leave it empty for an estimate."
            )
        if not isinstance(self.ranks, bool):
            raise ParameterError(
                f"params.yaml: decisions.lda.ranks is '{self.ranks}'; write true or false."
            )


class Decision:
    """Columns of one scale, then the metric, then the nearest mean.

    The scale: zero mean and unit variance on the clips of the fit, or normal scores. Emotions
    count alike, however many clips they have. Wide features are no burden: only the directions in
    which the clips of the fit vary matter.
    """

    def __init__(self, params: Params, n_emotions: int) -> None:
        self.params, self.n_emotions = params, n_emotions
        self.scaler = StandardScaler(with_std=not params.ranks)
        self.known = np.empty((0, 0))

    def fit(self, embedding: np.ndarray, emotion: np.ndarray) -> "Decision":
        """embedding: (n, dim) float; emotion: (n,) int64 in [0, n_emotions)."""
        values = np.asarray(embedding, dtype=np.float64)
        self.known = np.sort(values, axis=0)
        standard = self.scaler.fit_transform(self._scored(values))
        self.emotions = np.unique(emotion)
        _, sizes, axes = np.linalg.svd(standard, full_matrices=False)
        axes = axes[sizes > _NONE * sizes.max(initial=0.0)].T
        found = standard @ axes
        means = np.stack([found[emotion == one].mean(axis=0) for one in self.emotions])
        within = found - means[np.searchsorted(self.emotions, emotion)]
        self.metric = axes @ _whitening(within, self.params.shrinkage)
        self.means = np.stack([standard[emotion == one].mean(axis=0) for one in self.emotions])
        self.means = self.means @ self.metric
        return self

    def scores(self, embedding: np.ndarray) -> np.ndarray:
        """(m, n_emotions) float64: negative distances, -inf for an emotion that was not there."""
        values = self._scored(np.asarray(embedding, dtype=np.float64))
        found = self.scaler.transform(values) @ self.metric
        out = np.full((len(found), self.n_emotions), -np.inf)
        out[:, self.emotions] = -np.linalg.norm(found[:, None] - self.means, axis=2)
        return out

    def _scored(self, values: np.ndarray) -> np.ndarray:
        """The values, or their normal scores; equal values share the middle of their ranks."""
        if not self.params.ranks:
            return values
        below = np.empty(values.shape)
        for column, (known, asked) in enumerate(zip(self.known.T, values.T, strict=True)):
            sides = (np.searchsorted(known, asked, side) for side in ("left", "right"))
            below[:, column] = sum(sides) / 2
        return ndtri((below + 0.5) / (len(self.known) + 1))


def _whitening(within: np.ndarray, shrinkage: float | None) -> np.ndarray:
    """(k, k): behind it the shrunk covariance of these rows, whose mean is 0, is the identity."""
    n_clips, width = within.shape
    covariance = within.T @ within / n_clips
    level = np.trace(covariance) / max(width, 1)
    if level == 0:  # no two clips of an emotion differ
        return np.eye(width)
    share = shrinkage
    if share is None:
        share = ledoit_wolf_shrinkage(within, assume_centered=True)
    share = max(share, _NONE)  # else a direction that only emotions differ in would decide alone
    shrunk = (1 - share) * covariance + share * level * np.eye(width)
    sizes, axes = np.linalg.eigh(shrunk)
    return axes / np.sqrt(sizes)

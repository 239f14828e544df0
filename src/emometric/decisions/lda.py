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

_NONE = 1e-9  # of the largest variance: an axis along which nothing varies


@dataclass(frozen=True, kw_only=True)
class Params:
    """`shrinkage`: share of the covariance that is alike in all directions, from above 0 to 1;
    None: as much as Ledoit and Wolf estimate. `ranks`: each column counts by its rank among the
    clips of the fit (`normal_scores`), so that no outlier pulls."""

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

    def fit(self, embedding: np.ndarray, emotion: np.ndarray) -> "Decision":
        """embedding: (n, dim) float; emotion: (n,) int64 in [0, n_emotions)."""
        self.known = np.asarray(embedding, dtype=np.float64)
        standard = self.scaler.fit_transform(self._scaled(self.known))
        within = Within(standard, emotion, np.ones(len(standard)))
        self.within, self.share = within, self.params.shrinkage or within.likely_share()
        return self

    def scores(self, embedding: np.ndarray) -> np.ndarray:
        """(m, n_emotions) float64: negative distances, -inf for an emotion that was not there."""
        standard = self.scaler.transform(self._scaled(np.asarray(embedding, dtype=np.float64)))
        return self.within.scores(standard, self.share, self.n_emotions)

    def _scaled(self, values: np.ndarray) -> np.ndarray:
        return normal_scores(values, self.known) if self.params.ranks else values


class Within:
    """How clips of one emotion differ: their means and the directions of what is left.

    standard: (n, dim), each column of one scale; weight: (n,), how much a clip counts. `means`
    (emotions, dim), `residuals` (n, rank): clips less the mean of their emotion, along the axes.
    """

    def __init__(self, standard: np.ndarray, emotion: np.ndarray, weight: np.ndarray) -> None:
        self.emotions = np.unique(emotion)
        self.means = np.stack(
            [
                np.average(standard[emotion == one], axis=0, weights=weight[emotion == one])
                for one in self.emotions
            ]
        )
        axes = _axes(standard - standard.mean(axis=0))
        left = standard - self.means[np.searchsorted(self.emotions, emotion)]
        self.residuals = left @ axes
        covariance = (self.residuals * weight[:, None]).T @ self.residuals / weight.sum()
        sizes, turned = np.linalg.eigh(covariance)
        self.sizes, self.axes = np.maximum(sizes, 0.0), axes @ turned

    def likely_share(self) -> float:
        """Ledoit and Wolf's estimate of the share that `metric` takes, above 0."""
        if not self.residuals.any():
            return 1.0
        return max(ledoit_wolf_shrinkage(self.residuals, assume_centered=True), _NONE)

    def metric(self, share: float) -> np.ndarray:
        """(dim, rank): behind it the covariance, shrunk by `share`, is the identity."""
        level = self.sizes.mean() if self.sizes.size else 0.0
        if level == 0:  # no two clips of an emotion differ
            return self.axes
        return self.axes / np.sqrt((1 - share) * self.sizes + share * level)

    def scores(self, standard: np.ndarray, share: float, n_emotions: int) -> np.ndarray:
        """(m, n_emotions) float64: negative distances to the means under `metric`, -inf for an
        emotion that was not there."""
        metric = self.metric(share)
        apart = (standard @ metric)[:, None] - self.means @ metric
        out = np.full((len(standard), n_emotions), -np.inf)
        out[:, self.emotions] = -np.linalg.norm(apart, axis=2)
        return out


def normal_scores(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Each column's ranks among those of `known` as quantiles of the normal distribution.

    values: (m, dim); known: (n, dim). Van der Waerden's scores: rank / (n + 1), where equal values
    share the middle of their ranks; what lies between two known values counts half a rank more
    than the lower.
    """
    below = np.empty(values.shape)
    for column, (those, asked) in enumerate(zip(np.sort(known, axis=0).T, values.T, strict=True)):
        below[:, column] = np.searchsorted(those, asked, "left")
        below[:, column] += np.searchsorted(those, asked, "right")
    return ndtri((below / 2 + 0.5) / (len(known) + 1))


def _axes(centred: np.ndarray) -> np.ndarray:
    """(dim, rank): orthonormal directions in which rows vary; by whichever side is shorter."""
    wide = centred.shape[1] > centred.shape[0]
    sizes, turned = np.linalg.eigh(centred @ centred.T if wide else centred.T @ centred)
    kept = sizes > _NONE * sizes.max(initial=0.0)
    if not wide:
        return turned[:, kept]
    return centred.T @ (turned[:, kept] / np.sqrt(sizes[kept]))

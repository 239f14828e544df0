"""What a convolutional network sees of a stored spectrogram: fewer bins, a gentler scale."""

from dataclasses import dataclass

import numpy as np

from emometric import ranges
from emometric.base import parts
from emometric.base.errors import ParameterError

COMPRESSIONS = ("none", "log", "decibel")
CENTRE_DB, SPREAD_DB = -40.0, 20.0  # of `log_mel`: about its mean less half a deviation, and that
LOG_GAIN = 10.0  # deviations of a bin above its smallest value, before 1 is added


@dataclass(frozen=True, kw_only=True)
class Params:
    """join_bins: neighbours of which the mean is taken, 1: none (a last group that is not full is
    left out); compress: "log" or "none", as published, of a spectrogram, and "decibel" of a feature
    that has these; where: block of params.yaml to name."""

    join_bins: int
    compress: str
    where: str

    def __post_init__(self):
        ranges.check_whole(f"{self.where}.join_bins", self.join_bins, 1)
        parts.check_name(f"{self.where}.compress", self.compress, COMPRESSIONS)


def prepared(frames: np.ndarray, params: Params) -> np.ndarray:
    """A clip's picture for the network: (frames, bins // join_bins) float16.

    frames: (frames, bins), z-scores of each bin over the clip, as `features.spectrogram` has them;
    or levels, as `features.log_mel` has.
    "log": z - min z of a bin is its magnitude above the clip's smallest, in deviations; of that
    log(1 + LOG_GAIN x), brought to zero mean and unit variance again. Linear magnitudes are some
    few peaks above much that looks like zero; mocanu2021 has them so ("none"). A bin that does not
    vary stays zero. "decibel": two constants bring levels near 0 and 1, so that a clip keeps its
    colour and a bin its share of the energy. Bins are joined last.

    >>> prepared(np.array([[0.0, 2.0, 9.0], [1.0, 1.0, 9.0]]), Params(join_bins=2, compress="none",
    ...     where="here")).tolist()
    [[1.0], [1.0]]
    """
    values = np.asarray(frames, dtype=np.float32)
    if params.compress == "log":
        values = np.log1p(LOG_GAIN * (values - values.min(axis=0)))
        values -= values.mean(axis=0)
        deviation = values.std(axis=0)
        values = values / np.where(deviation > 1e-5, deviation, 1.0)
    elif params.compress == "decibel":
        values = (values - CENTRE_DB) / SPREAD_DB
    n_joined = values.shape[1] // params.join_bins
    if n_joined == 0:
        raise ParameterError(
            f"params.yaml: {params.where}.join_bins is {params.join_bins}, more than the "
            f"{values.shape[1]} bins of the feature; write a smaller number."
        )
    joined = values[:, : n_joined * params.join_bins].reshape(len(values), n_joined, -1)
    return joined.mean(axis=2).astype(np.float16)

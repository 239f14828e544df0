"""The 64 values of feng2020: mean and deviation of the INTERSPEECH 2009 descriptors."""

from dataclasses import dataclass
from functools import cache

import numpy as np

from emometric.extraction import smile

KIND = "functionals"
VERSION = 1  # raise it with every change that changes values, in smile.py too
DTYPE = "float32"
PACKAGES = smile.PACKAGES  # whose versions decide on the values too
SET = "IS09"  # of opensmile.FeatureSet
_MOMENTS = ("_amean", "_stddev")  # openSMILE's names of mean and standard deviation


@dataclass(frozen=True, kw_only=True)
class Params:
    """silence: what happens to unvoiced parts before extraction: keep, trim or remove."""

    silence: str = "keep"

    def __post_init__(self):
        smile.check_silence(self.silence, "params.yaml: features.is09_moments")


def names(params: Params) -> tuple[str, ...]:
    """Of the 384 names of the set those of means and standard deviations, in openSMILE's order."""
    return tuple(smile.names(SET)[column] for column in _columns())


def extract(waveform: np.ndarray, rate_hz: int, params: Params) -> np.ndarray:
    """Moments of a waveform in [-1, 1], its silence treated already: (1, 64) float32.

    16 low-level descriptors (RMS energy, MFCC 1-12, zero-crossing rate, voicing probability, F0)
    and their 16 first derivatives, over the clip: arithmetic mean and standard deviation of each
    (feng2020, section 3). openSMILE smooths descriptors over three frames before.
    A clip below 60 ms is filled with zeros to that length. Silence gives finite values. AudioError
    for NaN or infinite samples.
    """
    every = smile.functionals(waveform, rate_hz, SET, where="is09_moments")
    return every[:, list(_columns())]


@cache
def _columns() -> tuple[int, ...]:
    return tuple(column for column, name in enumerate(smile.names(SET)) if name.endswith(_MOMENTS))

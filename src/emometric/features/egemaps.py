"""eGeMAPSv02: 88 functionals of a clip (Eyben et al. 2016), computed by openSMILE."""

from dataclasses import dataclass

import numpy as np

from emometric.extraction import smile

KIND = "functionals"
VERSION = 1  # raise it with every change that changes values, in smile.py too
DTYPE = "float32"
PACKAGES = smile.PACKAGES  # whose versions decide on the values too
SET = "eGeMAPSv02"  # of opensmile.FeatureSet


@dataclass(frozen=True, kw_only=True)
class Params:
    """silence: what happens to unvoiced parts before extraction: keep, trim or remove."""

    silence: str = "keep"

    def __post_init__(self):
        smile.check_silence(self.silence, "params.yaml: features.egemaps")


def names(params: Params) -> tuple[str, ...]:
    """The 88 names that openSMILE gives, in its order."""
    return smile.names(SET)


def extract(waveform: np.ndarray, rate_hz: int, params: Params) -> np.ndarray:
    """Functionals of a waveform in [-1, 1], its silence treated already: (1, 88) float32.

    A clip below 60 ms is filled with zeros to that length. Silence gives finite values. AudioError
    for NaN or infinite samples.
    """
    return smile.functionals(waveform, rate_hz, SET, where="egemaps")

"""eGeMAPSv02: 88 functionals of a clip (Eyben et al. 2016), computed by openSMILE."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import opensmile

from emometric import audio
from emometric.errors import ParameterError
from emometric.vad import SILENCE

KIND = "functionals"
VERSION = 1  # raise it with every change that changes values
DTYPE = "float32"
PACKAGES = ("opensmile",)  # whose versions decide on the values too
WINDOW_S = 0.06  # the longest analysis window of the set: that of the pitch


@dataclass(frozen=True, kw_only=True)
class Params:
    """silence: what happens to unvoiced parts before extraction: keep, trim or remove."""

    silence: str = "keep"

    def __post_init__(self):
        if self.silence not in SILENCE:
            raise ParameterError(
                f"params.yaml: features.egemaps.silence is '{self.silence}'; write "
                f"{', '.join(SILENCE)}."
            )


def names(params: Params) -> tuple[str, ...]:
    """The 88 names that openSMILE gives, in its order."""
    return tuple(_smile().feature_names)


def extract(waveform: np.ndarray, rate_hz: int, params: Params) -> np.ndarray:
    """Functionals of a waveform in [-1, 1], its silence treated already: (1, 88) float32.

    A clip below 60 ms is filled with zeros to that length. Silence gives finite values. AudioError
    for NaN or infinite samples.
    """
    audio.check_waveform(waveform, where="egemaps")
    missing = max(0, round(WINDOW_S * rate_hz) - len(waveform))
    # openSMILE hears 16 bits, and its wrapper would let a sample of 1.0 wrap to -1.0.
    heard = audio.from_pcm16(audio.to_pcm16(np.pad(waveform, (0, missing))))
    return _smile().process_signal(heard, rate_hz).to_numpy(np.float32)


@cache
def _smile() -> opensmile.Smile:
    """One for each process; it keeps nothing from one clip to the next."""
    return opensmile.Smile(
        opensmile.FeatureSet.eGeMAPSv02, opensmile.FeatureLevel.Functionals, loglevel=0
    )

"""The magnitude spectrogram of mocanu2021: 257 bins from Hamming windows of 32 ms every 10 ms."""

from dataclasses import dataclass

import numpy as np

from emometric.base.errors import ParameterError
from emometric.extraction import spectra
from emometric.sound import audio

KIND = "frames"
VERSION = 2  # raise it with every change that changes values, in spectra.py too
DTYPE = "float16"  # values are z-scores: the step is below 0.1 % of each
PACKAGES = spectra.PACKAGES  # whose versions decide on the values too
_CONSTANT = 1e-6  # a deviation below this part of the mean is rounding
_WHERE = "params.yaml: features.spectrogram"


@dataclass(frozen=True, kw_only=True)
class Params:
    """Settings of the spectrogram; the defaults are the paper's (mocanu2021, section 3).

    silence: keep, trim or remove, before extraction. normalise: zero mean and unit variance of
    each frequency "bin" over the clip's frames, or of the whole "clip" at once; the paper does
    not say which.
    """

    silence: str = "remove"
    window_s: float = 0.032
    hop_s: float = 0.01
    n_fft: int = 512
    normalise: str = "bin"

    def __post_init__(self):
        spectra.check(self, _WHERE)
        if self.normalise not in ("bin", "clip"):
            raise ParameterError(f"{_WHERE}.normalise is '{self.normalise}'; write bin or clip.")


def names(params: Params) -> tuple[str, ...]:
    """One name for each frequency bin, from 0 Hz to half the rate."""
    return tuple(f"bin_{number:03d}" for number in range(params.n_fft // 2 + 1))


def extract(waveform: np.ndarray, rate_hz: int, params: Params) -> np.ndarray:
    """Normalised magnitudes of a waveform, its silence treated already: (frames, bins) float32.

    Frames lie wholly within the clip (no centring, no padding at the ends): there are
    1 + (samples - window) // hop, and a last part of a hop is left out. A clip shorter than one
    window is filled with zeros to one. A bin that does not vary (silence; a single frame) is zero.
    ParameterError where the window is longer than n_fft, AudioError for NaN or infinite samples.
    """
    audio.check_waveform(waveform, where="spectrogram")
    values = magnitude(waveform, rate_hz, params)
    axis = 0 if params.normalise == "bin" else None
    mean = values.mean(axis=axis, keepdims=True, dtype=np.float64)
    values -= mean.astype(np.float32)
    rest = mean - mean.astype(np.float32)
    deviation = np.sqrt(np.maximum(_mean_square(values, axis) - rest**2, 0.0))
    scale = np.zeros_like(deviation)
    np.divide(1.0, deviation, out=scale, where=deviation > _CONSTANT * mean)
    values *= scale.astype(np.float32)
    return values


def _mean_square(values: np.ndarray, axis: int | None) -> np.ndarray:
    """Mean of squares over frames, or over all; (1, bins) or (1, 1) float64."""
    total = np.zeros(values.shape[1])
    for start in range(0, len(values), 64):  # of which a square stays in a core's cache
        total += np.square(values[start : start + 64]).sum(axis=0, dtype=np.float64)
    mean = total[None, :] / len(values)
    return mean if axis == 0 else mean.mean(axis=1, keepdims=True)


def magnitude(waveform: np.ndarray, rate_hz: int, params: Params) -> np.ndarray:
    """|STFT| with a periodic Hamming window, (frames, bins) float32, before normalisation."""
    window, hop = spectra.samples_of(params, rate_hz, _WHERE)
    shape = (spectra.n_frames(len(waveform), window, hop), params.n_fft // 2 + 1)
    values = np.empty(shape, np.float32)
    for rows, block in spectra.magnitudes(waveform, spectra.hamming(window), hop, params.n_fft):
        values[rows] = block
    return values

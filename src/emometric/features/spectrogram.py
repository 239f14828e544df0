"""The magnitude spectrogram of mocanu2021: 257 bins from Hamming windows of 32 ms every 10 ms."""

from dataclasses import dataclass

import numpy as np

from emometric import audio
from emometric.errors import ParameterError
from emometric.vad import SILENCE

KIND = "frames"
VERSION = 1  # raise it with every change that changes values
DTYPE = "float16"  # values are z-scores: the step is below 0.1 % of each
PACKAGES = ("numpy",)  # whose versions decide on the values too
_CONSTANT = 1e-6  # a deviation below this part of the mean is rounding


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
        where = "params.yaml: features.spectrogram"
        if self.silence not in SILENCE:
            raise ParameterError(
                f"{where}.silence is '{self.silence}'; write {', '.join(SILENCE)}."
            )
        if self.normalise not in ("bin", "clip"):
            raise ParameterError(f"{where}.normalise is '{self.normalise}'; write bin or clip.")
        for name in ("window_s", "hop_s"):
            value = getattr(self, name)
            if not (isinstance(value, int | float) and 0.001 <= value <= 1.0):
                raise ParameterError(f"{where}.{name} is '{value}'; write seconds, 0.001 to 1.")
        if not (isinstance(self.n_fft, int) and self.n_fft >= 2):
            raise ParameterError(f"{where}.n_fft is {self.n_fft}; write a whole number from 2.")


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
    magnitudes = magnitude(waveform, rate_hz, params)
    axis = 0 if params.normalise == "bin" else None
    mean = magnitudes.mean(axis=axis, keepdims=True, dtype=np.float64)
    deviation = magnitudes.std(axis=axis, keepdims=True, dtype=np.float64)
    scale = np.zeros_like(deviation)
    np.divide(1.0, deviation, out=scale, where=deviation > _CONSTANT * mean)
    return ((magnitudes - mean) * scale).astype(np.float32)


def magnitude(waveform: np.ndarray, rate_hz: int, params: Params) -> np.ndarray:
    """|STFT| with a periodic Hamming window, (frames, bins) float32, before normalisation."""
    window, hop = round(params.window_s * rate_hz), round(params.hop_s * rate_hz)
    if window > params.n_fft:
        raise ParameterError(
            f"params.yaml: features.spectrogram.n_fft is {params.n_fft}, a window of "
            f"{params.window_s} s has {window} samples; write {window} or more."
        )
    waveform = np.asarray(waveform, np.float32)
    waveform = np.pad(waveform, (0, max(0, window - len(waveform))))
    frames = np.lib.stride_tricks.sliding_window_view(waveform, window)[::hop]
    phase = 2.0 * np.pi * np.arange(window) / window
    hamming = (0.54 - 0.46 * np.cos(phase)).astype(np.float32)
    return np.abs(np.fft.rfft(frames * hamming, params.n_fft, axis=1))

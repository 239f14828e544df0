"""MFCC with their first and second derivatives, 39 values a frame (kumar2021)."""

from dataclasses import dataclass
from functools import cache

import numpy as np

from emometric.base.errors import ParameterError
from emometric.extraction import spectra
from emometric.sound import audio

KIND = "frames"
VERSION = 1  # raise it with every change that changes values, in spectra.py too
DTYPE = "float16"  # the step is below 0.1 % of each value
PACKAGES = spectra.PACKAGES  # whose versions decide on the values too
_WHERE = "params.yaml: features.mfcc"


@dataclass(frozen=True, kw_only=True)
class Params:
    """Settings of the MFCC; the paper gives 13, their derivatives, and trimmed silence.

    The rest is open there and usual elsewhere. n_mels: Mel bands; n_mfcc: coefficients, the 0th
    among them. delta_frames: odd, frames over which a derivative is taken. range_db: no band
    energy counts as less than this far below the clip's largest (None: only 1e-10 is a floor).
    """

    silence: str = "trim"
    window_s: float = 0.025
    hop_s: float = 0.01
    n_fft: int = 512
    n_mels: int = 40
    range_db: float | None = 80.0
    n_mfcc: int = 13
    delta_frames: int = 9

    def __post_init__(self):
        spectra.check(self, _WHERE)
        if not (isinstance(self.n_mfcc, int) and 1 <= self.n_mfcc <= self.n_mels):
            raise ParameterError(
                f"{_WHERE}.n_mfcc is {self.n_mfcc}; write a whole number from 1 to n_mels."
            )
        width = self.delta_frames
        if not (isinstance(width, int) and 3 <= width <= 99 and width % 2 == 1):
            raise ParameterError(f"{_WHERE}.delta_frames is {width}; write an odd number, 3 to 99.")


def names(params: Params) -> tuple[str, ...]:
    """mfcc_00.. , then delta_00.. , then delta_delta_00.. ."""
    return tuple(
        f"{kind}_{number:02d}"
        for kind in ("mfcc", "delta", "delta_delta")
        for number in range(params.n_mfcc)
    )


def extract(waveform: np.ndarray, rate_hz: int, params: Params) -> np.ndarray:
    """MFCC, deltas, delta-deltas, a waveform's silence treated already: (frames, 3 n_mfcc) float32.

    The orthonormal DCT-II over the dB of Mel bands (`spectra.mel_db`). The derivatives, in units of
    a frame, are those of the straight line and of the parabola that fit `delta_frames` frames best
    (Savitzky-Golay, as in librosa). At the ends the first and the last frame are repeated, so that
    they are defined for any length; a single frame has zeros.
    Frames lie wholly within the clip; a clip shorter than one window is filled with zeros to one.
    ParameterError where the window is longer than n_fft, AudioError for NaN or infinite samples.
    """
    audio.check_waveform(waveform, where="mfcc")
    bands = spectra.mel_db(waveform, rate_hz, params, _WHERE)
    n = params.n_mfcc
    half = params.delta_frames // 2
    padded = np.empty((len(bands) + 2 * half, n), np.float32)
    with spectra.one_thread():
        np.matmul(bands, _dct(params.n_mels, n), out=padded[half : len(bands) + half])
    padded[:half] = padded[half]
    padded[len(bands) + half :] = padded[len(bands) + half - 1]
    values = np.empty((len(bands), 3 * n), np.float32)
    values[:, :n] = padded[half : len(bands) + half]
    values[:, n : 2 * n], values[:, 2 * n :] = _derivatives(padded, half)
    return values


@cache
def _dct(n_mels: int, n_mfcc: int) -> np.ndarray:
    """The orthonormal DCT-II as a matrix, (n_mels, n_mfcc) float32."""
    angle = np.pi * (np.arange(n_mels)[:, None] + 0.5) * np.arange(n_mfcc) / n_mels
    matrix = np.cos(angle) * np.sqrt(2.0 / n_mels)
    matrix[:, 0] /= np.sqrt(2.0)
    return matrix.astype(np.float32)


def _derivatives(padded: np.ndarray, half: int) -> np.ndarray:
    """First and second derivative by least squares, (2, frames, n); padded by `half` a side."""
    n_frames, n = len(padded) - 2 * half, padded.shape[1]
    # Row k: all frames, k later; of each the values follow each other, so this is a view.
    shape, strides = (2 * half + 1, n_frames * n), (n * padded.itemsize, padded.itemsize)
    later = np.lib.stride_tricks.as_strided(padded, shape, strides, writeable=False)
    return np.einsum("dk,kv->dv", _fits(half), later).reshape(2, n_frames, n)


@cache
def _fits(half: int) -> np.ndarray:
    """What a frame weighs in the slope and in the curvature, (2, 2 half + 1) float32."""
    step = np.arange(-half, half + 1)
    parabola = step**2 - np.mean(step**2)
    fits = np.stack([step / np.sum(step**2), 2.0 * parabola / np.sum(parabola**2)])
    return fits.astype(np.float32)

"""Short-time spectra: frames, windows, one batched Fourier transform, Mel bands."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Protocol

import numpy as np
import scipy.fft
import threadpoolctl

from emometric.base.errors import ParameterError
from emometric.sound.vad import SILENCE

PACKAGES = ("numpy", "scipy")  # whose versions decide on the values
LEAST_POWER = 1e-10  # what a logarithm takes in place of less: -100 dB
# Frames are transformed in blocks of this many samples, which most clips fill once, so that memory
# does not grow with the clip.
_BLOCK = 2**18
# And multiplied by Mel filters in pieces of this many: the number of rows is part of how BLAS adds
# up, so that another would change last digits.
_PRODUCT = 2**16

# glibc's malloc gives memory back to the system after each clip, and the system fills every page
# with zeros for the next: measured half of the time. Once a large array was freed it keeps up to
# twice its size. No page of this one is ever touched; other allocators don't mind.
_ = np.empty(2**23, np.uint8)
del _


# Looked for here, where few libraries are loaded yet that it would have to look at.
_BLAS = threadpoolctl.ThreadpoolController().select(user_api="blas").lib_controllers


class Framing(Protocol):
    """Settings of every feature made of short-time spectra."""

    silence: str
    window_s: float
    hop_s: float
    n_fft: int


class MelFraming(Framing, Protocol):
    """Settings of a feature made of Mel bands."""

    n_mels: int
    range_db: float | None


def check(params: Framing, where: str) -> None:
    """Raise ParameterError where a setting of `Framing`, or of `MelFraming`, is out of range.

    where: what stands before the setting's name in the sentence, `params.yaml: features.<name>`.
    """
    if params.silence not in SILENCE:
        raise ParameterError(f"{where}.silence is '{params.silence}'; write {', '.join(SILENCE)}.")
    for name in ("window_s", "hop_s"):
        value = getattr(params, name)
        if not (isinstance(value, int | float) and 0.001 <= value <= 1.0):
            raise ParameterError(f"{where}.{name} is '{value}'; write seconds, 0.001 to 1.")
    if not (isinstance(params.n_fft, int) and params.n_fft >= 2):
        raise ParameterError(f"{where}.n_fft is {params.n_fft}; write a whole number from 2.")
    if not hasattr(params, "n_mels"):
        return
    if not (isinstance(params.n_mels, int) and params.n_mels >= 1):
        raise ParameterError(f"{where}.n_mels is {params.n_mels}; write a whole number from 1.")
    check_range_db(params.range_db, where)


def check_range_db(value: object, where: str) -> None:
    """Raise ParameterError where `range_db` is neither null nor a positive number of dB."""
    if value is not None and not (isinstance(value, int | float) and 0.0 < value <= 1000.0):
        raise ParameterError(f"{where}.range_db is '{value}'; write dB above 0, or null.")


def samples_of(params: Framing, rate_hz: int, where: str) -> tuple[int, int]:
    """Samples of a window and of a hop; ParameterError where the window is longer than n_fft."""
    window, hop = round(params.window_s * rate_hz), max(1, round(params.hop_s * rate_hz))
    if window > params.n_fft:
        raise ParameterError(
            f"{where}.n_fft is {params.n_fft}, a window of {params.window_s} s has {window} "
            f"samples; write {window} or more."
        )
    return max(1, window), hop


def n_frames(n_samples: int, window: int, hop: int) -> int:
    """Frames that lie wholly within a clip, and at least one.

    >>> [n_frames(n, 400, 160) for n in (0, 400, 559, 560)]
    [1, 1, 1, 2]
    """
    return 1 + max(0, n_samples - window) // hop


@cache
def hamming(n_samples: int) -> np.ndarray:
    """The periodic Hamming window, (n_samples,) float32; read only.

    >>> hamming(4).round(2).tolist() == np.float32([0.08, 0.54, 1.0, 0.54]).tolist()
    True
    """
    phase = 2.0 * np.pi * np.arange(n_samples) / n_samples
    window = (0.54 - 0.46 * np.cos(phase)).astype(np.float32)
    window.flags.writeable = False
    return window


def frames(waveform: np.ndarray, length: int, hop: int) -> np.ndarray:
    """Frames of a waveform, (frames, length) float32, each `hop` behind the one before; read only.

    Frames lie wholly within the clip (no centring, no padding at the ends); a last part of a hop
    is left out. A clip shorter than one frame is filled with zeros to one.
    """
    waveform = np.ascontiguousarray(waveform, np.float32)
    if len(waveform) < length:
        waveform = np.pad(waveform, (0, length - len(waveform)))
    shape = (n_frames(len(waveform), length, hop), length)
    step = waveform.itemsize
    cut = np.ndarray(shape, np.float32, waveform, strides=(hop * step, step))
    cut.flags.writeable = False
    return cut


def magnitudes(
    waveform: np.ndarray, window: np.ndarray, hop: int, n_fft: int
) -> Iterator[tuple[slice, np.ndarray]]:
    """|STFT| of a waveform, piece by piece: which frames, and their (frames, n_fft // 2 + 1).

    window: (length,) float32, length <= n_fft; each windowed frame is filled with zeros to n_fft.
    A piece is yours to change until you ask for the next, which is put in its place.
    """
    cut = frames(waveform, len(window), hop)
    n_rows = min(max(1, _BLOCK // n_fft), len(cut))
    padded = np.zeros((n_rows, n_fft), np.float32)
    found = np.empty((n_rows, n_fft // 2 + 1), np.float32)
    for start in range(0, len(cut), n_rows):
        piece = cut[start : start + n_rows]
        n_here = len(piece)
        np.multiply(piece, window, out=padded[:n_here, : len(window)])
        # scipy transforms several frames at once; numpy.fft took ten times as long
        spectrum = scipy.fft.rfft(padded[:n_here], axis=1)
        yield slice(start, start + n_here), np.abs(spectrum, out=found[:n_here])


@contextmanager
def one_thread() -> Iterator[None]:
    """Within it BLAS multiplies matrices in one thread.

    For products as small as a clip's several threads wait longer than they work (30 times as long
    on two busy cores), and their number would change the last digit.
    """
    before = [(one, n) for one in _BLAS if (n := one.get_num_threads()) != 1]
    for library, _ in before:
        library.set_num_threads(1)
    try:
        yield
    finally:
        for library, n_threads in before:
            library.set_num_threads(n_threads)


def mel_db(waveform: np.ndarray, rate_hz: int, params: MelFraming, where: str) -> np.ndarray:
    """Energies of Mel bands in dB, (frames, n_mels) float32.

    Hamming window; |STFT| squared; `mel_filters`; `to_db`. Frames as in `frames`. ParameterError
    where the window is longer than n_fft.
    """
    window, hop = samples_of(params, rate_hz, where)
    pieces = _mel_pieces(rate_hz, params.n_fft, params.n_mels)
    energy = np.empty((n_frames(len(waveform), window, hop), params.n_mels), np.float32)
    n_rows = max(1, _PRODUCT // params.n_fft)
    with one_thread():
        for rows, block in magnitudes(waveform, hamming(window), hop, params.n_fft):
            np.square(block, out=block)
            into = energy[rows]
            for start in range(0, len(block), n_rows):
                some = slice(start, start + n_rows)
                for bins, bands, weights in pieces:
                    np.matmul(block[some, bins], weights, out=into[some, bands])
    return to_db(energy, params.range_db)


def to_db(power: np.ndarray, range_db: float | None) -> np.ndarray:
    """10 log10 of powers, in place: at least -100 dB, at most `range_db` below the largest.

    >>> to_db(np.array([1.0, 0.1, 1e-6, 0.0]), 80.0).tolist()
    [0.0, -10.0, -60.0, -80.0]
    """
    # Against one number np.maximum takes three times as long as np.clip between two.
    np.clip(power, LEAST_POWER, np.inf, out=power)
    np.log10(power, out=power)
    power *= 10.0
    if range_db is not None:
        np.clip(power, power.max() - range_db, np.inf, out=power)
    return power


@cache
def mel_filters(rate_hz: int, n_fft: int, n_mels: int) -> np.ndarray:
    """Triangles over FFT bins, (n_fft // 2 + 1, n_mels) float32, 0 Hz to half the rate; read only.

    Their corners are equally wide on Slaney's Mel scale (1998, Auditory Toolbox: linear to 1 kHz,
    logarithmic above) and each has the area 1 Hz, as in librosa's default.
    """
    corners = _hz(np.linspace(0.0, _mel(rate_hz / 2), n_mels + 2))
    bins = np.arange(n_fft // 2 + 1)[:, None] * (rate_hz / n_fft)
    rising = (bins - corners[:-2]) / (corners[1:-1] - corners[:-2])
    falling = (corners[2:] - bins) / (corners[2:] - corners[1:-1])
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    filters = (triangles * 2.0 / (corners[2:] - corners[:-2])).astype(np.float32)
    filters.flags.writeable = False
    return filters


@cache
def _mel_pieces(
    rate_hz: int, n_fft: int, n_mels: int
) -> tuple[tuple[slice, slice, np.ndarray], ...]:
    """`mel_filters` cut into bands beside each other, without the zeros on both sides.

    Each: which bins, which bands, and their weights (bins, bands).
    """
    filters = mel_filters(rate_hz, n_fft, n_mels)
    pieces = []
    for start in range(0, n_mels, 20):  # measured: more at once multiply zeros, fewer only wait
        bands = slice(start, min(start + 20, n_mels))
        there = np.flatnonzero(filters[:, bands].any(axis=1))
        bins = slice(int(there[0]), int(there[-1]) + 1) if len(there) else slice(0, 1)
        pieces.append((bins, bands, np.ascontiguousarray(filters[bins, bands])))
    return tuple(pieces)


_LINEAR_HZ = 200.0 / 3.0  # one Mel of Slaney's scale below 1 kHz
_BREAK_HZ = 1000.0
_LOG_STEP = np.log(6.4) / 27.0  # one Mel above: 27 of them from 1 to 6.4 kHz


def _mel(hz: float) -> float:
    if hz < _BREAK_HZ:
        return hz / _LINEAR_HZ
    return _BREAK_HZ / _LINEAR_HZ + np.log(hz / _BREAK_HZ) / _LOG_STEP


def _hz(mel: np.ndarray) -> np.ndarray:
    above = mel - _BREAK_HZ / _LINEAR_HZ
    return np.where(above < 0, mel * _LINEAR_HZ, _BREAK_HZ * np.exp(_LOG_STEP * above))

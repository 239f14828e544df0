"""The temporal modulation spectrogram of ntalampiras2020: acoustic x modulation frequency.

Source: coherent demodulation by the spectral centre of gravity (Schimmel, Atlas and Nie, ICASSP
2007; Clark and Atlas, IEEE Trans. Signal Processing 57, 2009), with the settings that the
Modulation Toolbox 2.1 for Matlab (Atlas, Clark and Schimmel, 2010) documents for `modspectrum`.
The program here is our own; `extract` says what is computed and where it departs.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
import scipy.fft

from emometric.base.errors import ParameterError
from emometric.extraction import spectra
from emometric.sound import audio
from emometric.sound.vad import SILENCE

KIND = "frames"  # of which each is an acoustic band, not a time: there is no hop_s
VERSION = 1  # raise it with every change that changes values, in spectra.py too
DTYPE = "float16"  # dB of about -100 to 60: the step is at most 1/16 dB
PACKAGES = spectra.PACKAGES  # whose versions decide on the values too
_WHERE = "params.yaml: features.modulation"
_SHARPNESS = 15  # length of a subband's filter, in periods of the band's width


@dataclass(frozen=True, kw_only=True)
class Params:
    """Settings of the modulation spectrogram; the first two are the toolbox's own.

    silence: keep, trim or remove, before extraction. bandwidth_hz: of an acoustic band (about:
    the rate over a whole number). carrier_s: the window in which a carrier's frequency is taken,
    every half of it. window_s: of the Fourier transform along time; its inverse is the step of
    modulation frequency. range_db: no power counts as less than this far below the clip's largest
    (None: only 1e-10 is a floor).
    """

    silence: str = "keep"
    bandwidth_hz: float = 150.0
    carrier_s: float = 0.1
    window_s: float = 1.0
    range_db: float | None = 80.0

    def __post_init__(self):
        if self.silence not in SILENCE:
            raise ParameterError(
                f"{_WHERE}.silence is '{self.silence}'; write {', '.join(SILENCE)}."
            )
        for name, low, high, unit in (
            ("bandwidth_hz", 20, 2000, "Hz"),
            ("carrier_s", 0.02, 10, "seconds"),
            ("window_s", 0.05, 60, "seconds"),
        ):
            value = getattr(self, name)
            if not (isinstance(value, int | float) and low <= value <= high):
                raise ParameterError(
                    f"{_WHERE}.{name} is '{value}'; write {unit}, {low} to {high}."
                )
        spectra.check_range_db(self.range_db, _WHERE)


def names(params: Params) -> tuple[str, ...]:
    """Modulation frequencies from 0 Hz to half a band's width, every 1 / window_s Hz."""
    count = int(params.bandwidth_hz / 2 * params.window_s) + 1
    return tuple(f"modulation_{number / params.window_s:g}_hz" for number in range(count))


def extract(waveform: np.ndarray, rate_hz: int, params: Params) -> np.ndarray:
    """Modulation power in dB, silence treated already: (acoustic bands, modulations) float32.

    Bands from 0 Hz to half the rate, in steps of rate / N with N = floor(rate / bandwidth_hz): 54
    at 16 kHz. Then for each band:
    1. Subband: the waveform shifted down by the band's centre, low-pass filtered (Hamming-windowed
       sinc of 15 N taps, cut-off at half the band's width) and sampled at `modulator_hz`.
    2. Carrier: in Hamming windows of carrier_s, every half of one, the centre of gravity of the
       power spectrum within the band, sum(f P(f)) / sum(P(f)); between windows on straight lines;
       its sum over time is the carrier's phase. A window without power has the band's centre.
    3. Modulator: the subband times the conjugate carrier; complex, of low frequency.
    4. Modulation power: |Fourier transform|^2 of the modulator in Hann windows of window_s (of unit
       energy), at least half overlapping and spread evenly over the clip, averaged; the powers at
       f and at -f are added. A clip below window_s is filled with zeros. Then `spectra.to_db`.

    A steady tone gives power at 0 Hz, whatever its place in the band; amplitude modulation with
    f_m adds power at f_m.

    Departures from the toolbox: one transform of the whole clip there, untapered, so that the axis
    hangs on the clip's length; averaged windows here, for one axis in all clips. A spline through
    the carrier's frequencies there, which can overshoot; straight lines here. And the negative
    half of the axis is folded. The paper names no setting; it combines this with log-Mel.
    """
    audio.check_waveform(waveform, where="modulation")
    n_bands, decimation = _grid(rate_hz, params)
    subbands = _subbands(np.asarray(waveform, np.float32), n_bands, decimation)
    modulator_hz = rate_hz / decimation
    offset = _carrier_offset(subbands, modulator_hz, rate_hz / n_bands, params.carrier_s)
    modulators = subbands * _conjugate_carrier(offset / modulator_hz)
    window = max(2, round(params.window_s * modulator_hz))
    power = _mean_power(modulators, window)
    count = len(names(params))
    folded = power[:, :count].copy()
    folded[:, 1:] += power[:, :-count:-1]
    return spectra.to_db(folded, params.range_db)


def _grid(rate_hz: int, params: Params) -> tuple[int, int]:
    """N, bands around the whole circle, and how many samples of the clip one modulator sample is.

    At 16 kHz and 150 Hz: 106 and 50, so that modulators have 320 Hz. The toolbox takes the largest
    decimation without aliasing, rate / (2 bandwidth), rounded down; here it divides the rate too,
    and a second is a whole number of samples.
    """
    n_bands = int(rate_hz / params.bandwidth_hz)
    most = int(rate_hz / (2 * params.bandwidth_hz))
    if most < 1:
        raise ParameterError(
            f"{_WHERE}.bandwidth_hz is {params.bandwidth_hz}; write half of the rate {rate_hz} Hz "
            f"at most."
        )
    return n_bands, max(number for number in range(1, most + 1) if rate_hz % number == 0)


@cache
def _taps(n_bands: int) -> np.ndarray:
    """The low-pass filter, (15, N) float32, its gain at 0 Hz 1; centre at tap 15 N // 2."""
    length = n_bands * _SHARPNESS
    time = np.arange(length) - length // 2
    taps = np.sinc(time / n_bands) * (0.54 + 0.46 * np.cos(2 * np.pi * time / length))
    return (taps / taps.sum()).astype(np.float32).reshape(_SHARPNESS, n_bands)


def _subbands(waveform: np.ndarray, n_bands: int, decimation: int) -> np.ndarray:
    """All bands shifted to 0 Hz, (N // 2 + 1, ceil(samples / decimation)) complex64.

    A filter bank by Fourier transform: a windowed piece of 15 N samples, folded to N, holds every
    15th bin of its spectrum. Outside the clip there are zeros.
    """
    taps = _taps(n_bands)
    centre = taps.size // 2
    n_out = max(1, -(-len(waveform) // decimation))
    padded = np.zeros((n_out - 1) * decimation + taps.size, np.float32)
    there = min(len(waveform), len(padded) - centre)
    padded[centre : centre + there] = waveform[:there]
    pieces = spectra.frames(padded, taps.size, decimation).reshape(n_out, *taps.shape)
    folded = np.einsum("tqn,qn->tn", pieces, taps)
    spectrum = scipy.fft.rfft(folded, axis=1)
    # The transform counts time from the piece's first sample; a subband counts from the clip's.
    spectrum *= _turns(n_bands)[(np.arange(n_out) * decimation - centre) % n_bands]
    return np.ascontiguousarray(spectrum.T)


@cache
def _turns(n_bands: int) -> np.ndarray:
    """exp(-2 pi i k n / N) for n = 0 .. N - 1 and each band k, (N, N // 2 + 1) complex64."""
    turn = np.arange(n_bands)[:, None] * np.arange(n_bands // 2 + 1) % n_bands
    return np.exp(-2j * np.pi * turn / n_bands).astype(np.complex64)


def _carrier_offset(
    subbands: np.ndarray, modulator_hz: float, width_hz: float, carrier_s: float
) -> np.ndarray:
    """Frequency of each band's carrier above the band's centre in Hz: (bands, samples) float64."""
    hop = max(1, round(carrier_s * modulator_hz / 2))
    window = spectra.hamming(2 * hop)
    n_samples = subbands.shape[1]
    n_windows = 1 + -(-n_samples // hop)
    padded = np.zeros((len(subbands), (n_windows + 1) * hop), np.complex64)
    padded[:, hop : hop + n_samples] = subbands  # a window's middle lies at each multiple of hop
    pieces = np.lib.stride_tricks.sliding_window_view(padded, 2 * hop, axis=1)[:, ::hop]
    n_fft = scipy.fft.next_fast_len(4 * hop)
    power = np.square(np.abs(scipy.fft.fft(pieces * window, n_fft, axis=2)))
    hz = scipy.fft.fftfreq(n_fft, 1.0 / modulator_hz)
    within = np.flatnonzero(np.abs(hz) <= width_hz / 2)
    power, hz = power[:, :, within].astype(np.float64), hz[within]
    total = power.sum(axis=2)
    centre = np.zeros_like(total)
    np.divide(power @ hz, total, out=centre, where=total > 0)
    index, part = np.divmod(np.arange(n_samples), hop)
    part = part / hop
    return centre[:, index] * (1 - part) + centre[:, index + 1] * part


def _conjugate_carrier(cycles: np.ndarray) -> np.ndarray:
    """exp(-i phase) where the phase advances by `cycles` a sample: same shape, complex64."""
    phase = np.cumsum(cycles, axis=1)
    phase = ((phase - np.rint(phase)) * (2 * np.pi)).astype(np.float32)
    carrier = np.empty(phase.shape, np.complex64)
    np.cos(phase, out=carrier.real)
    np.sin(-phase, out=carrier.imag)
    return carrier


def _mean_power(modulators: np.ndarray, window: int) -> np.ndarray:
    """Mean |Fourier transform|^2 over windows in time: (bands, window) float32, 0 Hz first."""
    missing = max(0, window - modulators.shape[1])
    modulators = np.pad(modulators, ((0, 0), (0, missing)))
    room = modulators.shape[1] - window
    n_windows = 1 + -(-room // max(1, window // 2))
    taper = 1.0 - np.cos(2 * np.pi * (np.arange(window) + 0.5) / window)
    taper = (taper / np.linalg.norm(taper)).astype(np.float32)
    power = np.zeros((len(modulators), window), np.float32)
    for start in np.linspace(0, room, n_windows).round().astype(int):
        piece = modulators[:, start : start + window] * taper
        power += np.square(np.abs(scipy.fft.fft(piece, axis=1)))
    return power / np.float32(n_windows)

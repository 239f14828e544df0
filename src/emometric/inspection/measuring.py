"""Measure a recording as its owner made it: length, level, rate and channels of the file."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from emometric.sound import audio

SILENT_DB = -120.0  # the level of a recording without a sound


@dataclass(frozen=True, kw_only=True)
class Measures:
    """seconds; level_db: RMS, and peak_db: largest sample, both in dB against full scale."""

    seconds: float
    level_db: float
    peak_db: float
    rate_hz: int
    channels: int


def measure(path: Path, *, channel: str = "mean") -> Measures:
    """Measures of a recording, decoded whole; channel: which is heard, as in audio.read_waveform.

    Raises AudioError where it cannot be used.
    """
    samples, rate_hz = audio.read_channels(path)
    waveform = samples[:, 0] if channel == "left" else samples.mean(axis=1)
    audio.check_waveform(waveform, where=path)
    return of_samples(waveform, rate_hz, channels=samples.shape[1])


def of_samples(waveform: np.ndarray, rate_hz: int, *, channels: int = 1) -> Measures:
    """Measures of (samples,) in [-1, 1].

    >>> measures = of_samples(np.array([0.5, -0.5, 0.5, -0.5]), 8)
    >>> measures.seconds, round(measures.level_db, 2), round(measures.peak_db, 2)
    (0.5, -6.02, -6.02)
    """
    power = float(np.mean(np.square(waveform, dtype=np.float64)))
    return Measures(
        seconds=len(waveform) / rate_hz,
        level_db=_decibels(power**0.5),
        peak_db=_decibels(float(np.abs(waveform).max())),
        rate_hz=rate_hz,
        channels=channels,
    )


def _decibels(amplitude: float) -> float:
    floor = 10 ** (SILENT_DB / 20)
    return float(20 * np.log10(max(amplitude, floor)))

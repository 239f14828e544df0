"""Sounds like speech, each of its own, and noise upon them."""

import numpy as np

from emometric.sound.audio import RATE_HZ


def utterance(generator: np.random.Generator, seconds: float = 2.0) -> np.ndarray:
    """Harmonics of a gliding pitch whose levels come and go as those of vowels do."""
    times = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    pitch = np.interp(times, np.linspace(0, seconds, 6), generator.uniform(100, 250, 6))
    phase = 2 * np.pi * np.cumsum(pitch) / RATE_HZ
    knots = np.linspace(0, seconds, int(12 * seconds))
    waveform = np.zeros(len(times))
    for harmonic in range(1, 25):
        level = np.exp(generator.normal(0, 1.5, len(knots))) / harmonic
        waveform += np.interp(times, knots, level) * np.sin(harmonic * phase)
    return (0.5 * waveform / np.abs(waveform).max()).astype(np.float32)


def with_noise(waveform: np.ndarray, snr_db: float, generator: np.random.Generator) -> np.ndarray:
    level = np.sqrt(np.mean(waveform**2)) * 10 ** (-snr_db / 20)
    return waveform + generator.normal(0, level, len(waveform)).astype(np.float32)

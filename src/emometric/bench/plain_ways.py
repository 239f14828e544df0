"""How the field extracts these features: librosa or openSMILE, as one writes it in a notebook."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from emometric.base import parts
from emometric.base.errors import PipelineError
from emometric.sound import audio

# Extract a feature of all recordings, so many times; what it gives, if it can be called, clears up.
Way = Callable[[int], object]

OPENSMILE_WORKERS = "opensmile, process_files"


def opensmile_ways(feature_set: str, files: Sequence[Path], n_jobs: int) -> dict[str, Way]:
    """`process_file` in a loop, and `process_files` with n_jobs workers where that is several.

    feature_set: a member of opensmile.FeatureSet by name.
    """
    import opensmile

    chosen = opensmile.FeatureSet[feature_set]
    one = opensmile.Smile(chosen, "func", loglevel=0)
    several = opensmile.Smile(chosen, "func", loglevel=0, num_workers=n_jobs)
    paths = [str(path) for path in files]
    ways: dict[str, Way] = {
        "opensmile, process_file": lambda n_laps: [
            one.process_file(path) for path in paths * n_laps
        ]
    }
    if n_jobs > 1:
        ways[OPENSMILE_WORKERS] = lambda n_laps: several.process_files(paths * n_laps)
    return ways


def librosa_ways(feature: str, recordings: Sequence[Path | np.ndarray]) -> dict[str, Way]:
    """One recording at a time, from files or samples at 16 kHz; empty where librosa has none."""
    extract = librosa_feature(feature)
    if extract is None:
        return {}
    import librosa

    def one_at_a_time(n_laps: int) -> list[np.ndarray]:
        return [
            extract(one if isinstance(one, np.ndarray) else librosa.load(one, sr=audio.RATE_HZ)[0])
            for one in list(recordings) * n_laps
        ]

    return {"librosa": one_at_a_time}


def librosa_feature(feature: str) -> Callable[[np.ndarray], np.ndarray] | None:
    """What one writes for the same values; its frames are centred on the clip, as is the default.

    From samples at 16 kHz to (bins, frames). None for a feature that librosa does not have.
    """
    if feature not in ("spectrogram", "log_mel", "mfcc"):
        return None
    try:
        import librosa
    except ImportError:
        raise PipelineError(
            "librosa, which this compares with, is not installed; pip install 'emometric[test]'."
        ) from None
    params = parts.load("features", feature).Params()
    stft = {
        "n_fft": params.n_fft,
        "win_length": round(params.window_s * audio.RATE_HZ),
        "hop_length": round(params.hop_s * audio.RATE_HZ),
        "window": "hamming",
    }
    rate_hz = audio.RATE_HZ

    def spectrogram(y: np.ndarray) -> np.ndarray:
        values = np.abs(librosa.stft(y, **stft))
        mean = values.mean(axis=1, keepdims=True)
        return (values - mean) / (values.std(axis=1, keepdims=True) + 1e-8)

    def log_mel(y: np.ndarray) -> np.ndarray:
        bands = librosa.feature.melspectrogram(y=y, sr=rate_hz, n_mels=params.n_mels, **stft)
        return librosa.power_to_db(bands)

    def mfcc(y: np.ndarray) -> np.ndarray:
        still = librosa.feature.mfcc(
            y=y, sr=rate_hz, n_mfcc=params.n_mfcc, n_mels=params.n_mels, **stft
        )
        delta, delta_delta = (librosa.feature.delta(still, order=order) for order in (1, 2))
        return np.vstack([still, delta, delta_delta])

    return {"spectrogram": spectrogram, "log_mel": log_mel, "mfcc": mfcc}[feature]

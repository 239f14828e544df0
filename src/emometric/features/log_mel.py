"""The log-Mel spectrogram of ntalampiras2020: 128 bands from Hamming windows of 30 ms."""

from dataclasses import dataclass

import numpy as np

from emometric.extraction import spectra
from emometric.sound import audio

KIND = "frames"
VERSION = 1  # raise it with every change that changes values, in spectra.py too
DTYPE = "float16"  # dB of about -100 to 60: the step is at most 1/16 dB
PACKAGES = spectra.PACKAGES  # whose versions decide on the values too
_WHERE = "params.yaml: features.log_mel"


@dataclass(frozen=True, kw_only=True)
class Params:
    """Settings of the log-Mel spectrogram; the defaults are the paper's (section 3.3).

    silence: keep, trim or remove, before extraction. range_db: no energy counts as less than this
    far below the clip's largest; None: only 1e-10 is a floor. The paper names neither; 80 dB is
    what librosa does.
    """

    silence: str = "keep"
    window_s: float = 0.03
    hop_s: float = 0.015
    n_fft: int = 1024
    n_mels: int = 128
    range_db: float | None = 80.0

    def __post_init__(self):
        spectra.check(self, _WHERE)


def names(params: Params) -> tuple[str, ...]:
    """One name for each Mel band, from the lowest."""
    return tuple(f"mel_{number:03d}" for number in range(params.n_mels))


def extract(waveform: np.ndarray, rate_hz: int, params: Params) -> np.ndarray:
    """Energies of Mel bands in dB, a waveform's silence treated already: (frames, bands) float32.

    10 log10 of the energies (|STFT| squared, periodic Hamming window) under `spectra.mel_filters`;
    the paper's "equal-width" is taken as equally wide on the Mel scale. Nothing is normalised.
    Frames lie wholly within the clip; a clip shorter than one window is filled with zeros to one.
    ParameterError where the window is longer than n_fft, AudioError for NaN or infinite samples.
    """
    audio.check_waveform(waveform, where="log_mel")
    return spectra.mel_db(waveform, rate_hz, params, _WHERE)

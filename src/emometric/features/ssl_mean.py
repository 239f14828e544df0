"""Mean over time of a frozen wav2vec2, HuBERT, WavLM or Whisper encoder's states."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from emometric.extraction import speech_models
from emometric.sound import audio

KIND = "functionals"
VERSION = 1  # raise it with every change that changes values, in speech_models.py too
DTYPE = "float32"
PACKAGES = speech_models.PACKAGES  # whose versions decide on the values too
in_threads = speech_models.one_thread  # extraction: one model for all cores, not one for each
_WHERE = "params.yaml: features.ssl_mean"


@dataclass(frozen=True, kw_only=True)
class Params(speech_models.Settings):
    """Those of `speech_models.Settings`."""

    def __post_init__(self):
        speech_models.check(self, _WHERE)


def cache_settings(params: Params) -> dict[str, Any]:
    """What the values follow from: the digest of the model's files stands for its name."""
    return speech_models.cache_settings(params, _WHERE)


def names(params: Params) -> tuple[str, ...]:
    """One name for each value: as many as the model is wide."""
    return tuple(f"state_{number:04d}" for number in range(speech_models.width(params, _WHERE)))


def extract(waveform: np.ndarray, rate_hz: int, params: Params) -> np.ndarray:
    """Mean over a clip's frames of `speech_models.states`, its silence treated: (1, width) float32.

    What das2022's reference and SUPERB's emotion task feed to a linear layer: there the weights of
    the layers are learned, here they are equal. ParameterError where the model is missing or does
    not load, AudioError for NaN or infinite samples.
    """
    audio.check_waveform(waveform, where="ssl_mean")
    return speech_models.states(waveform, rate_hz, params, _WHERE).mean(axis=0, keepdims=True)

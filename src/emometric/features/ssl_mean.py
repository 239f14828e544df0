"""Mean over time of a frozen wav2vec2, HuBERT, WavLM or Whisper encoder's states."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from emometric import audio, speech_models

KIND = "functionals"
VERSION = 1  # raise it with every change that changes values, in speech_models.py too
DTYPE = "float32"
PACKAGES = speech_models.PACKAGES  # whose versions decide on the values too
_WHERE = "params.yaml: features.ssl_mean"


@dataclass(frozen=True, kw_only=True)
class Params:
    """Which layer of which model.

    silence: keep, trim or remove, before extraction. model: a folder with config.json,
    preprocessor_config.json and safetensors, or a name on the Hugging Face hub; None: refused when
    it is used. revision: of the hub's, a branch or commit; None: main. layer: 0 (before the first)
    to the number of layers, or mean, of all. piece_s: a longer clip is cut into overlapping pieces
    (`speech_models.states`).
    """

    silence: str = "keep"
    model: str | None = None
    revision: str | None = None
    layer: int | str = speech_models.MEAN
    piece_s: float = 30.0

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

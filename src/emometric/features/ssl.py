"""Frames of a frozen wav2vec2, HuBERT, WavLM or Whisper encoder: one of its layers, or all."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from emometric.base.errors import AudioError, ParameterError
from emometric.extraction import speech_models
from emometric.sound import audio

KIND = "frames"
VERSION = 1  # raise it with every change that changes values, in speech_models.py too
DTYPE = "float16"  # of numbers that the layers compute to about 1e-3 of their size
PACKAGES = speech_models.PACKAGES  # whose versions decide on the values too
in_threads = speech_models.one_thread  # extraction: one model for all cores, not one for each
_WHERE = "params.yaml: features.ssl"


@dataclass(frozen=True, kw_only=True)
class Params(speech_models.Settings):
    """Those of `speech_models.Settings`, and hop_s: of the model's frames, which training crops
    by."""

    hop_s: float = 0.02

    def __post_init__(self):
        speech_models.check(self, _WHERE)


def cache_settings(params: Params) -> dict[str, Any]:
    """What the values follow from: the digest of the model's files stands for its name."""
    return speech_models.cache_settings(params, _WHERE)


def names(params: Params) -> tuple[str, ...]:
    """One name for each value of a frame: as many as the model is wide."""
    return tuple(f"state_{number:04d}" for number in range(speech_models.width(params, _WHERE)))


def extract(waveform: np.ndarray, rate_hz: int, params: Params) -> np.ndarray:
    """States of a layer, a waveform's silence treated already: (frames, width) float32.

    `speech_models.states` says what is computed. ParameterError where the model is missing, does
    not load, or has another hop or rate; AudioError for NaN or infinite samples, or where a state
    is too large for the 16 bits of the store.
    """
    audio.check_waveform(waveform, where="ssl")
    hop_s = speech_models.hop_s(params, _WHERE)
    if abs(params.hop_s - hop_s) > 1e-9:
        raise ParameterError(f"{_WHERE}.hop_s is {params.hop_s}, the model's is {hop_s}; write it.")
    values = speech_models.states(waveform, rate_hz, params, _WHERE)
    largest = float(np.abs(values).max())
    if not largest <= float(np.finfo(DTYPE).max):
        raise AudioError(f"ssl: a state is {largest:g}, too large to store; choose another layer.")
    return values

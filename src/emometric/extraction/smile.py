"""Functionals of a waveform by openSMILE, set up once for many clips."""

import threading
from functools import cache

import numpy as np
import opensmile
from opensmile.core.config import config

from emometric.base.errors import AudioError, ParameterError
from emometric.sound import audio
from emometric.sound.vad import SILENCE

PACKAGES = ("opensmile",)  # whose versions decide on the values
WINDOW_S = 0.06  # the longest analysis window of any set: that of the pitch
# A set-up is renewed after so many clips: the wrapper keeps something of each until then.
_CLIPS_A_SETUP = 256

_ready = threading.local()  # a set-up serves one thread at a time


def check_silence(silence: str, where: str) -> None:
    """Raise ParameterError where `silence`, the setting `<where>.silence`, is not keep/trim/remove.

    where: `params.yaml: features.<name>`.
    """
    if silence not in SILENCE:
        raise ParameterError(f"{where}.silence is '{silence}'; write {', '.join(SILENCE)}.")


def names(feature_set: str) -> tuple[str, ...]:
    """Names of a set's functionals, such as those of "IS09", in openSMILE's order."""
    return tuple(_smile(feature_set).feature_names)


def functionals(waveform: np.ndarray, rate_hz: int, feature_set: str, *, where: str) -> np.ndarray:
    """Functionals of a waveform in [-1, 1], (1, names) float32.

    feature_set: a member of opensmile.FeatureSet by name. What openSMILE hears are the samples as
    16 bits, clipped at full scale. A clip below 60 ms is filled with zeros to that length. Equal,
    bit for bit, to `opensmile.Smile.process_signal`, which sets openSMILE up anew for each clip;
    here it is reset. AudioError, naming `where`, for NaN or infinite samples.
    """
    audio.check_waveform(waveform, where=where)
    missing = max(0, round(WINDOW_S * rate_hz) - len(waveform))
    samples = np.pad(audio.to_pcm16(waveform), (0, missing))
    engine = _engine(feature_set, rate_hz)
    rows: list[np.ndarray] = []
    # A clip that fails leaves no set-up behind: `_engine` has taken it out, and the last line
    # alone puts it back.
    engine.smile.external_sink_set_callback_ex(
        config.EXTERNAL_OUTPUT_COMPONENT, lambda values, _: rows.append(values[0].copy())
    )
    whole = engine.smile.external_audio_source_write_data(
        config.EXTERNAL_SOURCE_COMPONENT, samples.tobytes()
    )
    if not whole:
        raise AudioError(f"{where}: {len(samples)} samples are more than openSMILE takes; cut it.")
    engine.smile.external_audio_source_set_eoi(config.EXTERNAL_SOURCE_COMPONENT)
    engine.smile.run()
    engine.put_back()
    if len(rows) != 1:
        raise AudioError(f"{where}: openSMILE gives {len(rows)} rows, not one; remove the clip.")
    return rows[0][None, :].astype(np.float32, copy=False)


class _Engine:
    """openSMILE set up for a set of functionals and a rate, and what it still has to give."""

    def __init__(self, feature_set: str, rate_hz: int):
        wrapper = _smile(feature_set)
        source = f"{wrapper.default_config_root}/{config.EXTERNAL_INPUT_CONFIG}"
        options = {"source": source, "sampleRate": rate_hz, "nBits": 16}
        self.key = feature_set, rate_hz
        self.smile = wrapper._smile(options=wrapper._options() | options)
        self.clips_left = _CLIPS_A_SETUP

    def put_back(self) -> None:
        """Ready for the next clip of this thread, or free its memory after the last."""
        self.clips_left -= 1
        if self.clips_left:
            self.smile.reset()
            _ready.__dict__[self.key] = self
        else:
            self.smile.free()


def _engine(feature_set: str, rate_hz: int) -> _Engine:
    return _ready.__dict__.pop((feature_set, rate_hz), None) or _Engine(feature_set, rate_hz)


@cache
def _smile(feature_set: str) -> opensmile.Smile:
    """openSMILE's wrapper; it keeps nothing from one clip to the next."""
    return opensmile.Smile(
        opensmile.FeatureSet[feature_set], opensmile.FeatureLevel.Functionals, loglevel=0
    )

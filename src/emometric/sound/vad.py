"""Find where somebody speaks, however quietly the clip was recorded (WebRTC's detector)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import webrtcvad

from emometric.base import console
from emometric.base.errors import ParameterError
from emometric.sound import audio
from emometric.storage import store
from emometric.storage.clip import MANIFEST_SCHEMA

SILENCE = ("keep", "trim", "remove")
Interval = tuple[int, int]

_ACTIVE_DB = 25.0  # frames less than this below the loudest one count towards the level
_LEVEL_FRAME_S = 0.03


@dataclass(frozen=True, kw_only=True)
class Params:
    """Settings of the detector.

    mode: 0 (keeps most) to 3 (drops most); frame_s: 0.01, 0.02 or 0.03. level_db: the level, in
    dB below full scale, to which the detector's copy of a clip is brought (None: as it is).
    pad_s is kept on both sides of a voiced stretch; a stretch below min_speech_s is dropped.
    """

    mode: int = 2
    frame_s: float = 0.03
    level_db: float | None = -23.0
    pad_s: float = 0.06
    min_speech_s: float = 0.06

    def __post_init__(self):
        if self.mode not in (0, 1, 2, 3):
            raise ParameterError(f"params.yaml: vad.mode is {self.mode}; write 0, 1, 2 or 3.")
        if self.frame_s not in (0.01, 0.02, 0.03):
            raise ParameterError(
                f"params.yaml: vad.frame_s is {self.frame_s}; write 0.01, 0.02 or 0.03."
            )
        if self.level_db is not None and not _within(self.level_db, -60.0, 0.0):
            raise ParameterError(
                f"params.yaml: vad.level_db is {self.level_db}; write a level of -60 to 0, or null."
            )
        for name in ("pad_s", "min_speech_s"):
            if not _within(getattr(self, name), 0.0, 10.0):
                raise ParameterError(
                    f"params.yaml: vad.{name} is {getattr(self, name)}; write seconds, 0 to 10."
                )


def _within(value: object, low: float, high: float) -> bool:
    return isinstance(value, int | float) and low <= value <= high


def voiced(waveform: np.ndarray, rate_hz: int, params: Params) -> list[Interval]:
    """Voiced intervals [start, end) in samples: sorted, disjoint, within the clip; [] for none.

    waveform: (samples,) float in [-1, 1]; rate_hz: 8000, 16000, 32000 or 48000.

    WebRTC's detector compares energies with absolute thresholds, so that it misses speech which
    was recorded quietly. It therefore hears a copy at the level `level_db` (see `at_level`): the
    answer does not change with the clip's gain. Order: decide for each frame (a last part of a
    frame is filled with zeros), drop short stretches, pad, merge what overlaps or touches.
    """
    heard = waveform if params.level_db is None else at_level(waveform, rate_hz, params.level_db)
    samples = audio.to_pcm16(heard)
    frame = round(params.frame_s * rate_hz)
    n_frames = -(-len(samples) // frame)
    padded = np.zeros(n_frames * frame, np.int16)
    padded[: len(samples)] = samples
    detector = webrtcvad.Vad(params.mode)  # a new one for each clip: it adapts to what it hears
    speech = np.array(
        [detector.is_speech(part.tobytes(), rate_hz) for part in padded.reshape(-1, frame)], bool
    )
    edges = np.flatnonzero(np.diff(np.concatenate(([False], speech, [False])).astype(np.int8)))
    stretches = edges.reshape(-1, 2) * frame
    long_enough = stretches[stretches[:, 1] - stretches[:, 0] >= params.min_speech_s * rate_hz]
    pad = round(params.pad_s * rate_hz)
    return _merge([(int(a) - pad, int(b) + pad) for a, b in long_enough], len(waveform))


def at_level(waveform: np.ndarray, rate_hz: int, level_db: float) -> np.ndarray:
    """The clip as float64, scaled so that its active parts have the RMS level `level_db`.

    Active are frames of 30 ms within 25 dB of the loudest: a share of silence does not raise the
    gain. Where that would clip the peak, the peak stays at full scale instead. All zeros stay so.
    The result is the same for every gain of the input, but for rounding.
    """
    waveform = np.asarray(waveform, np.float64)
    frame = round(_LEVEL_FRAME_S * rate_hz)
    padded = np.zeros(-(-len(waveform) // frame) * frame)
    padded[: len(waveform)] = waveform
    power = (padded.reshape(-1, frame) ** 2).mean(axis=1)
    loudest = power.max(initial=0.0)
    if loudest == 0.0:
        return waveform
    active = power[power >= loudest * 10 ** (-_ACTIVE_DB / 10)].mean()
    gain = min(10 ** (level_db / 20) / np.sqrt(active), 1.0 / np.abs(waveform).max())
    return waveform * gain


def apply_silence(waveform: np.ndarray, voiced: Sequence[Interval], mode: str) -> np.ndarray:
    """The clip with its silence kept, trimmed (both ends) or removed (voiced parts joined).

    voiced: sorted, disjoint intervals; none means that no speech was found: the whole clip stays.

    >>> apply_silence(np.arange(9), [(1, 3), (5, 6)], "trim").tolist()
    [1, 2, 3, 4, 5]
    >>> apply_silence(np.arange(9), [(1, 3), (5, 6)], "remove").tolist()
    [1, 2, 5]
    """
    if mode not in SILENCE:
        raise ParameterError(f"params.yaml: silence is '{mode}'; write {', '.join(SILENCE)}.")
    if mode == "keep" or not voiced:
        return waveform
    if mode == "trim":
        return waveform[voiced[0][0] : voiced[-1][1]]
    return np.concatenate([waveform[start:end] for start, end in voiced])


def mark(labels: pa.Table, clips: store.Ragged, params: Params) -> pa.Table:
    """The manifest: labels (clip.LABELS_SCHEMA) with the voiced intervals of every clip.

    clips: their int16 samples at 16 kHz. A clip in which no speech is found is kept whole:
    `voiced` is the whole clip and `speech_found` False. Sorted by id.
    """
    rows = sorted(labels.to_pylist(), key=lambda row: row["id"])
    for row in console.progress(rows, what="voice activity", unit="clips"):
        samples = clips.read(row["id"])
        found = voiced(audio.from_pcm16(samples), audio.RATE_HZ, params)
        row["speech_found"] = bool(found)
        row["voiced"] = found or [(0, len(samples))]
        row["voiced_s"] = sum(end - start for start, end in row["voiced"]) / audio.RATE_HZ
    return pa.Table.from_pylist(rows, MANIFEST_SCHEMA)


def _merge(intervals: list[Interval], n_samples: int) -> list[Interval]:
    merged: list[Interval] = []
    for start, end in intervals:
        start, end = max(start, 0), min(end, n_samples)
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], end)
        elif start < end:
            merged.append((start, end))
    return merged

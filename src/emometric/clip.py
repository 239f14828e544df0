"""A clip: one recording with its labels; and a fold: which clips play which role."""

from dataclasses import dataclass

import pyarrow as pa


@dataclass(frozen=True, kw_only=True)
class Clip:
    """One recording as its owner labels it.

    `id` is `<corpus>/<owner's name without ending>` and `speaker` is `<corpus>/<owner's code>`, so
    both stay unique when corpora are pooled. `path` is relative to the corpus root, with slashes.
    `emotion` is a word of `emotions.EMOTIONS`, or None where the owner's label lies outside it.
    """

    corpus: str
    id: str
    path: str
    speaker: str
    emotion: str | None
    sentence: str | None = None
    intensity: str | None = None


@dataclass(frozen=True, kw_only=True)
class Reject:
    """A file that was left out, with the reason; listed in rejects.csv, never dropped silently."""

    path: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Fold:
    """Clip ids by role; no id has two roles.

    `enrol` holds the labelled clips that a few-shot protocol grants of the test speakers.
    """

    train: tuple[str, ...]
    valid: tuple[str, ...]
    test: tuple[str, ...]
    enrol: tuple[str, ...] = ()


LABELS_SCHEMA = pa.schema(
    [
        ("corpus", pa.string()),
        ("id", pa.string()),
        ("path", pa.string()),
        ("speaker", pa.string()),
        ("emotion", pa.string()),
        ("sentence", pa.string()),
        ("intensity", pa.string()),
        ("seconds", pa.float64()),
        ("peak", pa.float64()),  # largest |sample|, full scale = 1
        ("content", pa.string()),  # blake2b of the 16 kHz samples: equal audio, equal hash
    ]
)

# What `vad` adds. Intervals are sample positions [start, end) at audio.RATE_HZ.
MANIFEST_SCHEMA = pa.schema(
    [
        *LABELS_SCHEMA,
        ("voiced_s", pa.float64()),
        ("speech_found", pa.bool_()),  # False: the clip is kept whole
        ("voiced", pa.list_(pa.list_(pa.int64(), 2))),
    ]
)

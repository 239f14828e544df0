"""A clip: one recording with its labels; and a fold: which clips play which role."""

from dataclasses import dataclass

import pyarrow as pa


@dataclass(frozen=True, kw_only=True)
class Clip:
    """One recording as its owner labels it.

    `id` is `<corpus>/<owner's name without ending>` and `speaker` is `<corpus>/<owner's code>`, so
    both stay unique when corpora are pooled. `path` is relative to the corpus root, with slashes.
    `emotion` is a word of `emotions.EMOTIONS`, or None where the owner's label lies outside it.
    `activation`, `valence`, `dominance`: on the scale of whoever rated them (IEMOCAP and das2022:
    1 to 5, calm, negative and weak at 1). `recognition`, `naturalness`: the share of listeners, 0
    to 1, who heard the emotion and who found it natural, where the owner asked some (Emo-DB).
    `session`: the owner's, where speakers met in sessions.
    `split`: the role that a user's own table gives the clip. What nobody says is None.
    """

    corpus: str
    id: str
    path: str
    speaker: str
    emotion: str | None
    sentence: str | None = None
    intensity: str | None = None
    activation: float | None = None
    valence: float | None = None
    dominance: float | None = None
    recognition: float | None = None
    naturalness: float | None = None
    session: str | None = None
    split: str | None = None


@dataclass(frozen=True, kw_only=True)
class Reject:
    """A file that was left out, with the reason; listed in rejects.csv, never dropped silently.

    kind: "rejected" where it cannot be used, "excluded" where it could be, but is a known fault of
    the corpus (exclusions.csv).
    """

    path: str
    reason: str
    kind: str = "rejected"


@dataclass(frozen=True, kw_only=True)
class Fold:
    """Clip ids by role; no id has two roles.

    `enrol` holds labelled clips that stand apart from training; a decision may use them, and an
    adaptation: what a few-shot protocol grants of the test speakers or of others of the target
    corpus, or what shows emotions that the network must not know. `repeat` counts the rounds of a
    protocol that draws at random more than once; within a round no clip is tested twice.
    """

    train: tuple[str, ...]
    valid: tuple[str, ...]
    test: tuple[str, ...]
    enrol: tuple[str, ...] = ()
    repeat: int = 0


LABELS_SCHEMA = pa.schema(
    [
        ("corpus", pa.string()),
        ("id", pa.string()),
        ("path", pa.string()),
        ("speaker", pa.string()),
        ("emotion", pa.string()),
        ("sentence", pa.string()),
        ("intensity", pa.string()),
        ("activation", pa.float64()),
        ("valence", pa.float64()),
        ("dominance", pa.float64()),
        ("recognition", pa.float64()),  # shares of listeners
        ("naturalness", pa.float64()),
        ("session", pa.string()),
        ("split", pa.string()),
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

"""What a stand-in consists of: who says what, how, under which name, recorded in which way."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Utterance:
    """One clip to speak.

    path: the owner's folder and name below the corpus root. language: an eSpeak NG voice.
    sex: "f" or "m". emotion: None where the owner names none; it is then spoken as neutral.
    strength: how strongly the emotion shows, 1 = as in the literature.
    cut_s: the clip is a piece of this length from a longer stretch of speech; None: all of it.
    sounds_as: path of the clip that this one repeats sample by sample, where the owner's do;
    performed: the emotion that is heard there, where the label says another. fault: "silent" for a
    recording without a sound in it, "unreadable" for a file that cannot be decoded.
    """

    corpus: str
    path: str
    text: str
    language: str
    speaker: str
    sex: str
    emotion: str | None
    strength: float = 1.0
    channels: int = 1
    cut_s: float | None = None
    sounds_as: str | None = None
    performed: str | None = None
    fault: str | None = None


@dataclass(frozen=True, kw_only=True)
class Recording:
    """How the owner recorded; pairs are the ends of a range from which each clip draws.

    rate_hz: sampling rate of the files. level_db: RMS of speech against full scale, before speaker
    and emotion shift it; None: every clip's peak is at full scale. noise_db: room noise below
    the RMS of speech. lead_s, tail_s: silence before and after speech. spacing_s: where
    there are two channels, how much later sound reaches the second microphone; 0: the channels
    are equal.
    """

    rate_hz: int
    level_db: float | None
    noise_db: tuple[float, float]
    lead_s: tuple[float, float]
    tail_s: tuple[float, float]
    spacing_s: float = 0.0


def thin(utterances: Iterable[Utterance], max_clips: int | None) -> Iterator[Utterance]:
    """At most `max_clips` of each speaker and emotion, spread evenly over their order; None: all.

    No speaker and no emotion of a speaker is ever lost.
    """
    groups: dict[tuple[str, str | None], list[Utterance]] = {}
    for utterance in utterances:
        groups.setdefault((utterance.speaker, utterance.emotion), []).append(utterance)
    for group in groups.values():
        n_kept = len(group) if max_clips is None else min(max_clips, len(group))
        yield from (group[position * len(group) // n_kept] for position in range(n_kept))


def generator(*names: str) -> np.random.Generator:
    """Random numbers that depend on these names and on nothing else."""
    digest = blake2b("\n".join(names).encode(), digest_size=16).digest()
    return np.random.default_rng(int.from_bytes(digest, "little"))

"""EMOVO: six Italian actors speak fourteen sentences in six emotions and neutral (588 clips).

Names such as `dis-f1-b1`: emotion (the Italian word's first letters), actor (f woman, m man),
sentence (b short, l long, n nonsense, d question). The folder repeats the actor.

The owner's files are stereo: two microphones some way apart. Their mean would colour the voice
(what reaches one later adds to some frequencies and takes from others), so the left one is read.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from emometric.acquisition.listing import UnknownName, labelled
from emometric.download.fetch import Remote
from emometric.storage.clip import Clip, Reject

NAME = "EMOVO"
LANGUAGE = "it"
URL = "https://aclanthology.org/L14-1478/"
LICENCE = "non-commercial research"
LICENCE_URL = "https://aclanthology.org/L14-1478/"
CITATION = (
    "Costantini, G., Iaderola, I., Paoloni, A. and Todisco, M. (2014). EMOVO corpus: an Italian "
    "emotional speech database. LREC 2014, 3501-3504. https://aclanthology.org/L14-1478/"
)
CHANNEL = "left"
REMOTES: tuple[Remote, ...] = ()  # the owner states neither size nor checksum of the archive
ACCESS = (
    "EMOVO is given out by the Fondazione Ugo Bordoni at "
    "http://voice.fub.it/activities/corpora/emovo/index.html; unpack its archive so that the "
    "folder emovo holds f1, f2, f3, m1, m2 and m3 with files such as f1/dis-f1-b1.wav."
)

# disgusto, gioia, neutro, paura, rabbia, sorpresa, tristezza.
EMOTIONS = {
    "dis": "disgust",
    "gio": "happiness",
    "neu": "neutral",
    "pau": "fear",
    "rab": "anger",
    "sor": "surprise",
    "tri": "sadness",
}
SPEAKERS = ("f1", "f2", "f3", "m1", "m2", "m3")
SENTENCES = ("b1", "b2", "b3", "d1", "d2", "l1", "l2", "l3", "l4", "n1", "n2", "n3", "n4", "n5")

N_CLIPS = 588
N_SPEAKERS = 6
CLIPS_BY_EMOTION = {
    "anger": 84,
    "disgust": 84,
    "fear": 84,
    "happiness": 84,
    "neutral": 84,
    "sadness": 84,
    "surprise": 84,
}

_GRAMMAR = re.compile(r"([a-z]{3})-([fm]\d)-([a-z]\d)")


@dataclass(frozen=True, kw_only=True)
class Params:
    """exclusions: leave the known faults out, when the corpus is acquired (exclusions.csv)."""

    exclusions: bool = True


def clips(root: Path, _params: Params) -> Iterator[Clip | Reject]:
    """Every recording below `root`, sorted by path; a folder `f1` must agree with names."""
    return labelled(root, read_name)


def read_name(path: PurePosixPath) -> Clip:
    """The clip of a path below the root; UnknownName where the owner has no such name."""
    match = _GRAMMAR.fullmatch(path.stem)
    if match is None:
        raise UnknownName("not a name of EMOVO such as dis-f1-b1")
    code, speaker, sentence = match.groups()
    if code not in EMOTIONS:
        raise UnknownName(f"EMOVO has no emotion {code}")
    if speaker not in SPEAKERS:
        raise UnknownName(f"EMOVO has no actor {speaker}")
    if sentence not in SENTENCES:
        raise UnknownName(f"EMOVO has no sentence {sentence}")
    for folder in path.parts[:-1]:
        if folder.lower() in SPEAKERS and folder.lower() != speaker:
            raise UnknownName(f"actor {speaker} by its name, but in the folder {folder}")
    return Clip(
        corpus="emovo",
        id=f"emovo/{path.stem}",
        path=str(path),
        speaker=f"emovo/{speaker}",
        emotion=EMOTIONS[code],
        sentence=sentence,
    )

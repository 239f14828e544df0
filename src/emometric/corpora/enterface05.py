"""eNTERFACE'05: 44 people of many countries react in English to six stories (1293 films).

Names such as `subject 1/anger/sentence 1/s1_an_1.avi`: subject, emotion, and which of the five
sentences of this emotion; sentences are never shared between emotions, so they give the emotion
away. Some names differ: `s_3_su_1`, `s16_su_3avi`, and the films of subject 11 are all named s12:
the folder tells the subject, and stands in the id where the name says another one
(`enterface05/11/s12_an_1`). Subject 2's first two sentences of anger are each in the folder of the
other: the name counts.

The owner's paper counts 42 subjects and 1166 films, of which two people approved the emotion; the
archive holds more, all 30 of every subject but two: subject 23 lacks three of happiness, and
subject 6 has one uncut film of each emotion, up to two minutes long, which has no sentence. Those
six are left out by default (exclusions.csv): 1287 films of 43 subjects remain.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from emometric.acquisition.listing import UnknownName, labelled
from emometric.download.fetch import Remote
from emometric.storage.clip import Clip, Reject

NAME = "eNTERFACE'05"
LANGUAGE = "en"
URL = "https://enterface.net/enterface05/emotion.html"
LICENCE = "research use only"
LICENCE_URL = "https://enterface.net/enterface05/emotion.html"
CITATION = (
    "Martin, O., Kotsia, I., Macq, B. and Pitas, I. (2006). The eNTERFACE'05 audio-visual emotion "
    "database. 22nd International Conference on Data Engineering Workshops. "
    "doi:10.1109/ICDEW.2006.145"
)
CHANNEL = "mean"
# The owner publishes neither size nor checksum.
REMOTES = (
    Remote("https://enterface.net/enterface05/docs/results/databases/project2_database.zip"),
)
ACCESS = (
    "Fetch project2_database.zip, linked from https://enterface.net/enterface05/emotion.html, and "
    "unpack it as enterface05/, which then holds subject 1/anger/sentence 1/s1_an_1.avi and its "
    "like, at any depth."
)

EMOTIONS = {
    "an": "anger",
    "di": "disgust",
    "fe": "fear",
    "ha": "happiness",
    "sa": "sadness",
    "su": "surprise",
}

N_CLIPS = 1293
N_SPEAKERS = 44
CLIPS_BY_EMOTION = {
    "anger": 216,
    "disgust": 216,
    "fear": 216,
    "happiness": 213,
    "sadness": 216,
    "surprise": 216,
}

_GRAMMAR = re.compile(r"s_?([1-9]\d?)_([a-z]{2})(?:_(\d)(?:avi)?)?")
_FOLDER = re.compile(r"subject[ _-]?([1-9]\d?)", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Params:
    """exclusions: leave the known faults out, when the corpus is acquired (exclusions.csv)."""

    exclusions: bool = True


def clips(root: Path, params: Params) -> Iterator[Clip | Reject]:
    """Every film below `root`, sorted by path; a folder of an emotion must agree with names."""
    return labelled(root, read_name)


def read_name(path: PurePosixPath) -> Clip:
    """The clip of a path below the root; UnknownName where the owner has no such name."""
    match = _GRAMMAR.fullmatch(path.stem)
    if match is None:
        raise UnknownName("not a name of eNTERFACE'05 such as s1_an_1")
    named, code, sentence = match.groups()
    folders = [match[1] for folder in path.parts[:-1] if (match := _FOLDER.fullmatch(folder))]
    subject = folders[-1] if folders else named
    if int(subject) > N_SPEAKERS:
        raise UnknownName(f"eNTERFACE'05 has no subject {subject}")
    if code not in EMOTIONS:
        raise UnknownName(f"eNTERFACE'05 has no emotion {code}")
    if sentence is not None and sentence not in "12345":
        raise UnknownName(f"eNTERFACE'05 has no sentence {sentence}")
    for folder in path.parts[:-1]:
        if folder in EMOTIONS.values() and folder != EMOTIONS[code]:
            raise UnknownName(f"{EMOTIONS[code]} by its name, but in the folder {folder}")
    return Clip(
        corpus="enterface05",
        id=f"enterface05/{path.stem}" if subject == named else f"enterface05/{subject}/{path.stem}",
        path=str(path),
        speaker=f"enterface05/{subject}",
        emotion=EMOTIONS[code],
        sentence=f"{code}_{sentence}" if sentence else None,
    )

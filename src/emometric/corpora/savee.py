"""SAVEE: four British men speak 15 sentences in each of six emotions, 30 in neutral (480 clips).

Names such as `sa03` in a folder of the speaker, `DC/sa03.wav`, or with the speaker in the name in
the edition that has one folder only, `DC_sa03.wav`: sadness, sentence 3. Both editions give the
same ids, `savee/DC_sa03`.

The first three sentences of each emotion are the same. Of the others, two were chosen for the
emotion and ten are of this emotion alone; neutral also has the six times two chosen ones, under
numbers that the names do not tell: a sentence of neutral may be one of another emotion.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from emometric.acquisition.listing import UnknownName, labelled
from emometric.download.fetch import Remote
from emometric.storage.clip import Clip, Reject

NAME = "SAVEE"
LANGUAGE = "en-GB"
URL = "https://kahlan.eps.surrey.ac.uk/savee/"
LICENCE = "research use, after registration"
LICENCE_URL = "https://kahlan.eps.surrey.ac.uk/savee/"
CITATION = (
    "Haq, S. and Jackson, P. J. B. (2010). Multimodal emotion recognition. In: Wang, W. (ed.), "
    "Machine Audition: Principles, Algorithms and Systems. IGI Global, 398-423. "
    "doi:10.4018/978-1-61520-919-4.ch017"
)
CHANNEL = "mean"
REMOTES: tuple[Remote, ...] = ()
ACCESS = (
    "Register at http://kahlan.eps.surrey.ac.uk/savee/ (page Download), fetch AudioData.zip and "
    "unpack it as savee/, which then holds AudioData/DC/a01.wav and its like; DC_a01.wav and its "
    "like in one folder are read as well."
)

EMOTIONS = {
    "a": "anger",
    "d": "disgust",
    "f": "fear",
    "h": "happiness",
    "n": "neutral",
    "sa": "sadness",
    "su": "surprise",
}
SPEAKERS = ("DC", "JE", "JK", "KL")
N_COMMON = 3  # sentences 1 to 3 are those of every emotion

N_CLIPS = 480
N_SPEAKERS = 4
CLIPS_BY_EMOTION = {
    "anger": 60,
    "disgust": 60,
    "fear": 60,
    "happiness": 60,
    "neutral": 120,
    "sadness": 60,
    "surprise": 60,
}

_GRAMMAR = re.compile(r"(?:([A-Z]{2})_)?([a-z]{1,2})(\d\d)")


@dataclass(frozen=True, kw_only=True)
class Params:
    """exclusions: leave the known faults out, when the corpus is acquired (exclusions.csv)."""

    exclusions: bool = True


def clips(root: Path, params: Params) -> Iterator[Clip | Reject]:
    """Every recording below `root`, sorted by path, of either edition."""
    return labelled(root, read_name)


def read_name(path: PurePosixPath) -> Clip:
    """The clip of a path below the root; UnknownName where the owner has no such name."""
    match = _GRAMMAR.fullmatch(path.stem)
    if match is None:
        raise UnknownName("not a name of SAVEE such as DC/sa03 or DC_sa03")
    named, code, number = match.groups()
    folders = [folder for folder in path.parts[:-1] if folder in SPEAKERS]
    speaker = named or (folders[-1] if folders else None)
    if speaker is None:
        raise UnknownName("not in a folder of a speaker such as DC, nor named as DC_a01")
    if speaker not in SPEAKERS:
        raise UnknownName(f"SAVEE has no speaker {speaker}")
    if folders and folders[-1] != speaker:
        raise UnknownName(f"speaker {speaker} by its name, but in the folder {folders[-1]}")
    if code not in EMOTIONS:
        raise UnknownName(f"SAVEE has no emotion {code}")
    if not 1 <= int(number) <= (30 if code == "n" else 15):
        raise UnknownName(f"SAVEE has no sentence {number} of {EMOTIONS[code]}")
    return Clip(
        corpus="savee",
        id=f"savee/{speaker}_{code}{number}",
        path=str(path),
        speaker=f"savee/{speaker}",
        emotion=EMOTIONS[code],
        sentence=number if int(number) <= N_COMMON else f"{code}{number}",
    )

"""URDU: spontaneous Urdu of television talk shows in four emotions (400 clips).

Names such as `SM1_F4_A04`: speaker SM1 (M male, F female), that speaker's file 4 in this emotion,
and clip 4 of anger (A, H, N, S), written behind a zero. The folder repeats the emotion.

The owner's README counts 38 speakers, 27 male and 11 female. The names run to SM27 and SF11 but
leave SM8 to SM16 out, so 29 codes occur; a code is one speaker here, in whichever emotion it
occurs. Only SM3, SM5 and SM6 have more than one emotion, and anger has four speakers: speaker and
emotion are nearly the same thing, which any result on this corpus must keep in view.
"""

import re
from pathlib import PurePosixPath

from emometric.acquisition import affect_labels
from emometric.acquisition.listing import UnknownName
from emometric.download.fetch import Remote
from emometric.storage.clip import Clip

NAME = "URDU"
LANGUAGE = "ur"
URL = "https://github.com/siddiquelatif/URDU-Dataset"
LICENCE = "research use only"
LICENCE_URL = "https://github.com/siddiquelatif/URDU-Dataset/blob/master/README.md"
CITATION = (
    "Latif, S., Qayyum, A., Usman, M. and Qadir, J. (2018). Cross lingual speech emotion "
    "recognition: Urdu vs. Western languages. FIT 2018, 88-93. doi:10.1109/FIT.2018.00023"
)
CHANNEL = "mean"
# GitHub packs the archive anew for each request, so that it has no checksum; its files have theirs.
REMOTES = (
    Remote(
        "https://github.com/siddiquelatif/URDU-Dataset/archive/4b546d4.zip",
        name="URDU-Dataset-4b546d4.zip",
    ),
)
ACCESS = (
    "Fetch https://github.com/siddiquelatif/URDU-Dataset at commit 4b546d4 as urdu/, which then "
    "holds Angry/*.wav, Happy/*.wav, Neutral/*.wav and Sad/*.wav."
)

EMOTIONS = {"A": "anger", "H": "happiness", "N": "neutral", "S": "sadness"}
FOLDERS = {"A": "Angry", "H": "Happy", "N": "Neutral", "S": "Sad"}

N_CLIPS = 400
N_SPEAKERS = 29
CLIPS_BY_EMOTION = {"anger": 100, "happiness": 100, "neutral": 100, "sadness": 100}

_GRAMMAR = re.compile(r"(S[MF][1-9]\d?)_F([1-9]\d?)_([A-Z])0([1-9]\d{0,2})")


def read_name(path: PurePosixPath) -> Clip:
    """The clip of a path below the root; UnknownName where the owner has no such name.

    A folder of an emotion must agree with names. What was said is not published: no sentence.
    """
    match = _GRAMMAR.fullmatch(path.stem)
    if match is None:
        raise UnknownName("not a name of URDU such as SM1_F4_A04")
    speaker, _file, letter, _number = match.groups()
    if letter not in EMOTIONS:
        raise UnknownName(f"URDU has no emotion {letter}")
    for folder in path.parts[:-1]:
        if folder in FOLDERS.values() and folder != FOLDERS[letter]:
            raise UnknownName(f"{EMOTIONS[letter]} by its name, but in the folder {folder}")
    return Clip(
        corpus="urdu",
        id=f"urdu/{path.stem}",
        path=str(path),
        speaker=f"urdu/{speaker}",
        emotion=EMOTIONS[letter],
    )


Params = affect_labels.Params
clips, label_files, label_tables = affect_labels.reader("urdu", read_name)

"""CaFE: twelve actors of Quebec speak six French sentences in seven emotions (936 clips).

Names such as `01-C-1-1`: actor 01 (odd numbers are men), emotion (the French word's letter),
intensity (1 faible, 2 fort; neutral has 1 only), sentence. The folders repeat emotion and
intensity, `Colère/Faible/`. The archive does not say in which alphabet their accents are written,
so programs unpack `Dégoût` in several ways, all of which are understood.
"""

import re
from pathlib import PurePosixPath

from emometric.acquisition import affect_labels
from emometric.acquisition.listing import UnknownName
from emometric.download.fetch import Remote
from emometric.storage.clip import Clip

NAME = "CaFE"
LANGUAGE = "fr-CA"
URL = "https://doi.org/10.5281/zenodo.1478765"
LICENCE = "CC BY-NC-SA 4.0"
LICENCE_URL = "https://creativecommons.org/licenses/by-nc-sa/4.0/"
CITATION = (
    "Gournay, P., Lahaie, O. and Lefebvre, R. (2018). A Canadian French emotional speech dataset. "
    "MMSys 2018, 399-402. doi:10.1145/3204949.3208121"
)
CHANNEL = "mean"
# Zenodo states size and MD5 of the archive; they are not known here.
REMOTES = (Remote("https://zenodo.org/records/1478765/files/CaFE_48k.zip"),)
ACCESS = (
    "Fetch CaFE_48k.zip from https://doi.org/10.5281/zenodo.1478765 and unpack it as cafe/, which "
    "then holds CaFE_48k/Colère/Faible/01-C-1-1.wav and its like."
)

# Colère, dégoût, joie, neutre, peur, surprise, tristesse.
EMOTIONS = {
    "C": "anger",
    "D": "disgust",
    "J": "happiness",
    "N": "neutral",
    "P": "fear",
    "S": "surprise",
    "T": "sadness",
}
FOLDERS = {
    "C": "Colère",
    "D": "Dégoût",
    "J": "Joie",
    "N": "Neutre",
    "P": "Peur",
    "S": "Surprise",
    "T": "Tristesse",
}
INTENSITIES = {"1": "mild", "2": "strong"}
INTENSITY_FOLDERS = {"1": "Faible", "2": "Fort"}

N_CLIPS = 936
N_SPEAKERS = 12
CLIPS_BY_EMOTION = {
    "anger": 144,
    "disgust": 144,
    "fear": 144,
    "happiness": 144,
    "neutral": 72,
    "sadness": 144,
    "surprise": 144,
}

_GRAMMAR = re.compile(r"(\d\d)-([A-Z])-(\d)-(\d)")
# An accented letter may have become one to three others on the way through an archive.
_FOLDER = re.compile(
    r"(C)ol.{1,3}re|(D).{1,3}go.{1,3}t|(J)oie|(N)eutre|(P)eur|(S)urprise|(T)ristesse"
)


def read_name(path: PurePosixPath) -> Clip:
    """The clip of a path below the root; UnknownName where the owner has no such name.

    Folders must agree with names.
    """
    match = _GRAMMAR.fullmatch(path.stem)
    if match is None:
        raise UnknownName("not a name of CaFE such as 01-C-1-1")
    actor, letter, intensity, sentence = match.groups()
    _check(
        (1 <= int(actor) <= N_SPEAKERS, f"CaFE has no actor {actor}"),
        (letter in EMOTIONS, f"CaFE has no emotion {letter}"),
        (intensity in INTENSITIES, f"CaFE has no intensity {intensity}"),
        ((letter, intensity) != ("N", "2"), "CaFE has no strong intensity of neutral"),
        (sentence in "123456", f"CaFE has no sentence {sentence}"),
    )
    for folder in path.parts[:-1]:
        named = _FOLDER.fullmatch(folder)
        if named and letter not in named.groups():
            raise UnknownName(f"{EMOTIONS[letter]} by its name, but in the folder {folder}")
        if folder in INTENSITY_FOLDERS.values() and folder != INTENSITY_FOLDERS[intensity]:
            raise UnknownName(f"intensity {intensity} by its name, but in the folder {folder}")
    return Clip(
        corpus="cafe",
        id=f"cafe/{path.stem}",
        path=str(path),
        speaker=f"cafe/{actor}",
        emotion=EMOTIONS[letter],
        sentence=sentence,
        intensity=INTENSITIES[intensity] if letter != "N" else None,
    )


def _check(*claims: tuple[bool, str]) -> None:
    for holds, reason in claims:
        if not holds:
            raise UnknownName(reason)


Params = affect_labels.Params
clips, label_files, label_tables = affect_labels.reader("cafe", read_name)

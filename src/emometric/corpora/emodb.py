"""Emo-DB: ten German actors speak ten sentences in seven emotions (535 clips).

Names such as `03a01Fa`: speaker 03, sentence a01, emotion F (the German word's letter), take a.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from emometric.acquisition import affect_labels
from emometric.acquisition.listing import UnknownName, labelled
from emometric.clip import Clip, Reject
from emometric.download.fetch import Remote

NAME = "Emo-DB"
LANGUAGE = "de"
URL = "https://doi.org/10.5281/zenodo.7447302"
LICENCE = "CC0 1.0"
LICENCE_URL = "https://creativecommons.org/publicdomain/zero/1.0/"
CITATION = (
    "Burkhardt, F., Paeschke, A., Rolfes, M., Sendlmeier, W. F. and Weiss, B. (2005). A database "
    "of German emotional speech. Interspeech 2005, 1517-1520. doi:10.21437/Interspeech.2005-446"
)
CHANNEL = "mean"
# The owner publishes neither size nor checksum of it; only this archive has the listeners' rates.
REMOTES = (Remote("http://emodb.bilderbar.info/download/download.zip", folder="download"),)
ACCESS = (
    "Fetch download.zip from http://emodb.bilderbar.info/download/ and unpack it as "
    "emodb/download/, which then holds wav/*.wav and erkennung.txt; "
    "https://doi.org/10.5281/zenodo.7447302 has the same recordings (emodb.zip)."
)

# Wut, Langeweile, Ekel, Angst, Freude, Trauer, neutral.
EMOTIONS = {
    "W": "anger",
    "L": "boredom",
    "E": "disgust",
    "A": "fear",
    "F": "happiness",
    "T": "sadness",
    "N": "neutral",
}
SPEAKERS = ("03", "08", "09", "10", "11", "12", "13", "14", "15", "16")
SENTENCES = ("a01", "a02", "a04", "a05", "a07", "b01", "b02", "b03", "b09", "b10")

N_CLIPS = 535
N_SPEAKERS = 10
CLIPS_BY_EMOTION = {
    "anger": 127,
    "boredom": 81,
    "disgust": 46,
    "fear": 69,
    "happiness": 71,
    "neutral": 79,
    "sadness": 62,
}

_GRAMMAR = re.compile(r"(\d\d)([ab]\d\d)([A-Z])([a-z])")


@dataclass(frozen=True, kw_only=True)
class Params:
    """exclusions: leave the known faults out, when the corpus is acquired (exclusions.csv).

    affect: das2022's activation and valence labels, as a path of their file or folder; None: from
    a folder `das2022` in or beside the corpus's own, where there is one.
    """

    exclusions: bool = True
    affect: str | None = None


def clips(root: Path, params: Params) -> Iterator[Clip | Reject]:
    """Every recording below `root`, sorted by path; the folders it lies in say nothing."""
    return affect_labels.rated(labelled(root, read_name), "emodb", root, params.affect)


def label_files(root: Path, params: Params) -> list[Path]:
    """What says more than the names do: das2022's labels, where they are."""
    path = affect_labels.label_file("emodb", root, params.affect)
    return [path] if path else []


def read_name(path: PurePosixPath) -> Clip:
    """The clip of a path below the root; UnknownName where the owner has no such name."""
    match = _GRAMMAR.fullmatch(path.stem)
    if match is None:
        raise UnknownName("not a name of Emo-DB such as 03a01Fa")
    speaker, sentence, letter, _take = match.groups()
    if speaker not in SPEAKERS:
        raise UnknownName(f"Emo-DB has no speaker {speaker}")
    if sentence not in SENTENCES:
        raise UnknownName(f"Emo-DB has no sentence {sentence}")
    if letter not in EMOTIONS:
        raise UnknownName(f"Emo-DB has no emotion {letter}")
    return Clip(
        corpus="emodb",
        id=f"emodb/{path.stem}",
        path=str(path),
        speaker=f"emodb/{speaker}",
        emotion=EMOTIONS[letter],
        sentence=sentence,
    )

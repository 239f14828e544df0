"""VoxCeleb2: celebrities in videos, labelled by speaker alone (1,128,246 clips).

Names such as `id00012/21Uxsk56VDQ/00001`: speaker, video (the code that it has at YouTube), and
the piece of that video; the last three parts of a path are the name, since pieces are numbered
anew in each video. Development and test speakers are published apart (folders `dev`, `test`).
Nobody said which emotion is heard: no clip has one.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from emometric.acquisition.listing import UnknownName, labelled
from emometric.download.fetch import Remote
from emometric.storage.clip import Clip, Reject

NAME = "VoxCeleb2"
LANGUAGE = "en"  # most of it; its speakers come from 145 countries
URL = "https://www.robots.ox.ac.uk/~vgg/data/voxceleb/vox2.html"
LICENCE = "CC BY 4.0"
LICENCE_URL = "https://creativecommons.org/licenses/by/4.0/"
CITATION = (
    "Chung, J. S., Nagrani, A. and Zisserman, A. (2018). VoxCeleb2: Deep speaker recognition. "
    "Interspeech 2018, 1086-1090. doi:10.21437/Interspeech.2018-1929"
)
CHANNEL = "mean"
REMOTES: tuple[Remote, ...] = ()  # the archives are given out with a personal key
ACCESS = (
    "VoxCeleb2 needs a key: ask for it by the form at "
    "https://www.robots.ox.ac.uk/~vgg/data/voxceleb/vox2.html and unpack vox2_dev_aac.zip and "
    "vox2_test_aac.zip so that the folder voxceleb2 holds files such as "
    "dev/aac/id00012/21Uxsk56VDQ/00001.m4a."
)

EMOTIONS: dict[str, str] = {}

N_CLIPS = 1_128_246
N_SPEAKERS = 6112
CLIPS_BY_EMOTION: dict[str, int] = {}
# Speakers and clips of each published part; no speaker is in both.
SPLITS = {"dev": (5994, 1_092_009), "test": (118, 36_237)}

_SPEAKER = re.compile(r"id\d{5}")
_VIDEO = re.compile(r"[\w-]{11}", re.ASCII)
_PIECE = re.compile(r"\d{5}")


@dataclass(frozen=True, kw_only=True)
class Params:
    """exclusions: leave the known faults out, when the corpus is acquired (exclusions.csv)."""

    exclusions: bool = True


def clips(root: Path, _params: Params) -> Iterator[Clip | Reject]:
    """Every recording below `root`, sorted by path, without an emotion."""
    return labelled(root, read_name)


def read_name(path: PurePosixPath) -> Clip:
    """The clip of a path below the root; UnknownName where the owner has no such name."""
    name = path.with_suffix("").parts[-3:]
    if len(name) < 3 or not all(
        grammar.fullmatch(part)
        for grammar, part in zip((_SPEAKER, _VIDEO, _PIECE), name, strict=True)
    ):
        raise UnknownName("not a name of VoxCeleb2 such as id00012/21Uxsk56VDQ/00001")
    speaker = name[0]
    if speaker >= "id10000":  # numbered on from there: id10001 to id11251
        raise UnknownName(f"{speaker} is a speaker of VoxCeleb1")
    return Clip(
        corpus="voxceleb2",
        id=f"voxceleb2/{'/'.join(name)}",
        path=str(path),
        speaker=f"voxceleb2/{speaker}",
        emotion=None,
    )

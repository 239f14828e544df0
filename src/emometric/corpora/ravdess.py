"""RAVDESS, its speech: 24 English-speaking actors, two sentences, eight emotions (1440 clips).

Names such as `03-01-06-02-01-02-12`: modality (03 audio only), vocal channel (01 speech, 02 song),
emotion, intensity (01 normal, 02 strong; neutral has no strong), sentence, repetition, actor. The
owner publishes film and song under the same grammar; they are not part of this corpus.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from emometric.acquisition.listing import UnknownName, labelled
from emometric.download.fetch import Remote
from emometric.storage.clip import Clip, Reject

NAME = "RAVDESS"
LANGUAGE = "en"
URL = "https://doi.org/10.5281/zenodo.1188976"
LICENCE = "CC BY-NC-SA 4.0"
LICENCE_URL = "https://creativecommons.org/licenses/by-nc-sa/4.0/"
CITATION = (
    "Livingstone, S. R. and Russo, F. A. (2018). The Ryerson Audio-Visual Database of Emotional "
    "Speech and Song (RAVDESS). PLoS ONE 13(5): e0196391. doi:10.1371/journal.pone.0196391"
)
CHANNEL = "mean"  # five clips are stereo, with equal channels
REMOTES = (
    Remote(
        "https://zenodo.org/records/1188976/files/Audio_Speech_Actors_01-24.zip?download=1",
        n_bytes=208468073,
        md5="bc696df654c87fed845eb13823edef8a",
    ),
)
ACCESS = (
    "Fetch Audio_Speech_Actors_01-24.zip from https://doi.org/10.5281/zenodo.1188976 and unpack it "
    "as ravdess/, which then holds Actor_01/*.wav to Actor_24/*.wav."
)

EMOTIONS = {
    "01": "neutral",
    "02": "calm",
    "03": "happiness",
    "04": "sadness",
    "05": "anger",
    "06": "fear",
    "07": "disgust",
    "08": "surprise",
}
INTENSITIES = {"01": "normal", "02": "strong"}

N_CLIPS = 1440
N_SPEAKERS = 24
CLIPS_BY_EMOTION = {
    "anger": 192,
    "calm": 192,
    "disgust": 192,
    "fear": 192,
    "happiness": 192,
    "neutral": 96,
    "sadness": 192,
    "surprise": 192,
}

_GRAMMAR = re.compile("-".join([r"(\d\d)"] * 7))
_FOLDER = re.compile(r"actor_(\d\d)", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Params:
    """exclusions: leave the known faults out, when the corpus is acquired (exclusions.csv)."""

    exclusions: bool = True


def clips(root: Path, params: Params) -> Iterator[Clip | Reject]:
    """Every recording below `root`, sorted by path; an `Actor_07` folder must agree with names."""
    return labelled(root, read_name)


def read_name(path: PurePosixPath) -> Clip:
    """The clip of a path below the root; UnknownName where it is no speech clip of the owner's."""
    match = _GRAMMAR.fullmatch(path.stem)
    if match is None:
        raise UnknownName("not a name of RAVDESS such as 03-01-06-02-01-02-12")
    modality, channel, emotion, intensity, sentence, repetition, actor = match.groups()
    _check(
        (modality == "03", f"modality {modality} is not 03, audio only"),
        (channel == "01", f"vocal channel {channel} is not 01, speech"),
        (emotion in EMOTIONS, f"RAVDESS has no emotion {emotion}"),
        (intensity in INTENSITIES, f"RAVDESS has no intensity {intensity}"),
        (
            (emotion, intensity) != ("01", "02"),
            "RAVDESS has no strong intensity of neutral",
        ),
        (sentence in ("01", "02"), f"RAVDESS has no sentence {sentence}"),
        (repetition in ("01", "02"), f"RAVDESS has no repetition {repetition}"),
        (1 <= int(actor) <= N_SPEAKERS, f"RAVDESS has no actor {actor}"),
    )
    for folder in path.parts[:-1]:
        named = _FOLDER.fullmatch(folder)
        if named and named[1] != actor:
            raise UnknownName(f"actor {actor} by its name, but in the folder {folder}")
    return Clip(
        corpus="ravdess",
        id=f"ravdess/{path.stem}",
        path=str(path),
        speaker=f"ravdess/{actor}",
        emotion=EMOTIONS[emotion],
        sentence=sentence,
        intensity=INTENSITIES[intensity],
    )


def _check(*claims: tuple[bool, str]) -> None:
    for holds, reason in claims:
        if not holds:
            raise UnknownName(reason)

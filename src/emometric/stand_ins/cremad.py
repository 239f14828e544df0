"""The stand-in of CREMA-D: its twelve sentences in English, 91 actors, 7442 names, and votes.

As in the original, three pairs of clips hold the same sound under two labels, one clip is silent,
and listeners who only hear the voice say neutral far more often than was acted.
"""

import csv
import io
from collections.abc import Iterator, Sequence
from itertools import product

import numpy as np

from emometric.corpora.cremad import EMOTIONS, FIRST_ACTOR, N_SPEAKERS, SUMMARY, VOTES
from emometric.stand_ins.utterance import Recording, Utterance, generator, thin

NAMES_ARE_PUBLISHED = True  # at full scale: all of the owner's, and no other
RECORDING = Recording(
    rate_hz=16000, level_db=-27.0, noise_db=(28.0, 44.0), lead_s=(0.25, 0.6), tail_s=(0.2, 0.6)
)

_TEXTS = {
    "IEO": "It's eleven o'clock.",
    "TIE": "That is exactly what happened.",
    "IOM": "I'm on my way to the meeting.",
    "IWW": "I wonder what this is about.",
    "TAI": "The airplane is almost full.",
    "MTI": "Maybe tomorrow it will be cold.",
    "IWL": "I would like a new alarm clock.",
    "ITH": "I think I have a doctor's appointment.",
    "DFA": "Don't forget a jacket.",
    "ITS": "I think I've seen this before.",
    "TSI": "The surface is slick.",
    "WSI": "We'll stop in a couple of minutes.",
}
_STRENGTHS = {"LO": 0.6, "MD": 1.0, "HI": 1.5, "XX": 1.0}
_WOMEN = {
    *(1002, 1003, 1004, 1006, 1007, 1008, 1009, 1010, 1012, 1013, 1018, 1020, 1021, 1024, 1025),
    *(1028, 1029, 1030, 1037, 1043, 1046, 1047, 1049, 1052, 1053, 1054, 1055, 1056, 1058, 1060),
    *(1061, 1063, 1072, 1073, 1074, 1075, 1076, 1078, 1079, 1082, 1084, 1089, 1091),
}
# What the owner's 91 times 82 names lack: a sentence of an actor, whole or in one emotion.
_NEVER_SPOKEN = {"1008_WSI", "1009_MTI", "1019_ITH", "1002_TIE_NEU", "1076_ITS_NEU"}
_REPEATS = {
    "1006_TIE_HAP_XX": "1006_TIE_NEU_XX",
    "1013_WSI_DIS_XX": "1013_WSI_SAD_XX",
    "1017_IWW_FEA_XX": "1017_IWW_ANG_XX",
}
_SILENT = "1076_MTI_SAD_XX"

_N_LISTENERS = 10
_VOTE = ("Vote", "Level")
# How many of 100 listeners name the emotion that was spoken at full strength. Most others hear
# neutral in a voice, and anything in a face.
_RECOGNISED = {
    "Voice": {"A": 46, "D": 36, "F": 36, "H": 34, "N": 70, "S": 33},
    "Face": {"A": 60, "D": 62, "F": 55, "H": 90, "N": 75, "S": 45},
    "MultiModal": {"A": 68, "D": 65, "F": 62, "H": 88, "N": 78, "S": 48},
}
_NEUTRAL_OF_THE_REST = {"Voice": 0.65, "Face": 0.45, "MultiModal": 0.5}


def utterances(max_clips: int | None) -> Iterator[Utterance]:
    """The 7442 clips, or at most `max_clips` of each actor and emotion."""
    return thin(_all(), max_clips)


def label_files(utterances: Sequence[Utterance]) -> Iterator[tuple[str, str]]:
    """The table of votes on these clips, as the owner writes it."""
    text = io.StringIO()
    table = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
    table.writerow(["", "FileName", *(f"{how}{what}" for how in _RECOGNISED for what in _VOTE)])
    for number, utterance in enumerate(utterances, start=1):
        votes = (_votes(utterance, how) for how in _RECOGNISED)
        table.writerow([number, _name(utterance), *(cell for pair in votes for cell in pair)])
    yield SUMMARY, text.getvalue()


def _all() -> Iterator[Utterance]:
    for actor, sentence, emotion in product(
        range(FIRST_ACTOR, FIRST_ACTOR + N_SPEAKERS), _TEXTS, EMOTIONS
    ):
        if _NEVER_SPOKEN & {f"{actor}_{sentence}", f"{actor}_{sentence}_{emotion}"}:
            continue
        graded = sentence == "IEO" and emotion != "NEU"
        for level in ("LO", "MD", "HI") if graded else ("XX",):
            name = f"{actor}_{sentence}_{emotion}_{level}"
            heard = _REPEATS.get(name)
            yield Utterance(
                corpus="cremad",
                path=f"AudioWAV/{name}.wav",
                text=_TEXTS[sentence],
                language="en-us",
                speaker=str(actor),
                sex="f" if actor in _WOMEN else "m",
                emotion=EMOTIONS[emotion],
                strength=_STRENGTHS[level],
                sounds_as=f"AudioWAV/{heard}.wav" if heard else None,
                performed=EMOTIONS[heard.split("_")[2]] if heard else None,
                fault="silent" if name == _SILENT else None,
            )


def _name(utterance: Utterance) -> str:
    return utterance.path.removeprefix("AudioWAV/").removesuffix(".wav")


def _votes(utterance: Utterance, how: str) -> tuple[str, str]:
    """Letters with most votes and their mean levels, ties joined by colons as in `A:D`."""
    random = generator("votes", how, utterance.sounds_as or utterance.path)
    letters = tuple(VOTES)
    spoken = letters.index(
        {emotion: letter for letter, emotion in VOTES.items()}[
            utterance.performed or utterance.emotion
        ]
    )
    share = np.zeros(len(letters))
    # A weak emotion is heard less often; nothing makes neutral more or less so.
    strength = 1.0 if letters[spoken] == "N" else utterance.strength
    recognised = _RECOGNISED[how][letters[spoken]] / 100
    share[spoken] = 0.0 if _unheard(utterance, how) else min(recognised * strength**0.5, 0.95)
    share[letters.index("N")] += (1 - share.sum()) * _NEUTRAL_OF_THE_REST[how]
    share += (1 - share.sum()) / len(letters)
    counts = random.multinomial(_N_LISTENERS, share)
    winners = np.flatnonzero(counts == counts.max())
    levels = np.clip(60 * strength**0.3 + random.normal(0, 12, len(winners)), 5, 98)
    return (
        ":".join(letters[winner] for winner in winners),
        ":".join(f"{level:.4g}" for level in levels),
    )


def _unheard(utterance: Utterance, how: str) -> bool:
    return how == "Voice" and utterance.fault == "silent"

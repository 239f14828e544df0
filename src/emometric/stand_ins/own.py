"""The stand-in of somebody's own corpus: four speakers, four emotions, and the table of it.

What a user's table may say is all in it: numbers that follow the emotions, a split by speaker, and
a clip of no emotion.
"""

import csv
import io
from collections.abc import Iterable, Iterator
from itertools import product

from emometric.acquisition.clip_table import COLUMNS
from emometric.stand_ins.utterance import Recording, Utterance, thin

RECORDING = Recording(
    rate_hz=44100, level_db=-20.0, noise_db=(30.0, 45.0), lead_s=(0.1, 0.4), tail_s=(0.1, 0.4)
)

_TEXTS = (
    "The parcel arrived this morning.",
    "She left her keys on the table.",
    "We are meeting at the station.",
    "He said it twice, and then he left.",
)
# Speakers: sex, and the split that the table gives them.
_SPEAKERS = {
    "anna": ("f", "train"),
    "bert": ("m", "train"),
    "cleo": ("f", "valid"),
    "dave": ("m", "test"),
}
# Emotions: activation and valence of the table, 1 to 5.
_AFFECT = {
    "anger": (4.5, 1.5),
    "happiness": (4.0, 4.5),
    "neutral": (2.5, 3.0),
    "sadness": (1.5, 1.5),
}
_NAMELESS = "recordings/anna/neutral_1.wav"  # whose row names no emotion


def utterances(max_clips: int | None) -> Iterator[Utterance]:
    """64 clips, or at most `max_clips` of each speaker and emotion."""
    return thin(_all(), max_clips)


def label_files(utterances: Iterable[Utterance]) -> Iterator[tuple[str, str]]:
    """The table, `table.csv`."""
    text = io.StringIO()
    table = csv.DictWriter(text, COLUMNS, lineterminator="\n", restval="")
    table.writeheader()
    for utterance in utterances:
        activation, valence = _AFFECT[utterance.performed or utterance.emotion]
        table.writerow(
            {
                "file": utterance.path,
                "speaker": utterance.speaker,
                "emotion": utterance.emotion or "",
                "sentence": _TEXTS.index(utterance.text) + 1,
                "activation": activation,
                "valence": valence,
                "split": _SPEAKERS[utterance.speaker][1],
            }
        )
    yield "table.csv", text.getvalue()


def _all() -> Iterator[Utterance]:
    for speaker, emotion, number in product(_SPEAKERS, _AFFECT, range(1, len(_TEXTS) + 1)):
        path = f"recordings/{speaker}/{emotion}_{number}.wav"
        yield Utterance(
            corpus="own",
            path=path,
            text=_TEXTS[number - 1],
            language="en",
            speaker=speaker,
            sex=_SPEAKERS[speaker][0],
            emotion=None if path == _NAMELESS else emotion,
            performed=emotion if path == _NAMELESS else None,
        )

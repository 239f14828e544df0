"""What listeners would rate a spoken stand-in: activation and valence, as das2022 writes them.

Activation follows the sound itself: what is fast, high, wide, loud and bright is rated as active.
Valence is hardly heard in single cues; it follows the emotion, after Russell 1980, and the clip's
own chance. The sizes are ours.
"""

import csv
import io
from collections.abc import Iterable, Iterator

import numpy as np

from emometric.acquisition.affect_labels import COLUMNS, FILES, FOLDER, SCALE
from emometric.stand_ins.prosody import prosody
from emometric.stand_ins.utterance import Utterance, generator

# Cue -> how far from neutral speech a quite active voice is, in the units of Prosody.
_ACTIVE = {"rate": 0.3, "pitch": 4.0, "pitch_range": 0.6, "level": 6.0, "tilt": 2.0}
_VALENCE = {
    "anger": 1.5,
    "boredom": 2.0,
    "calm": 4.0,
    "disgust": 1.5,
    "excitement": 4.5,
    "fear": 1.5,
    "frustration": 2.0,
    "happiness": 4.5,
    "neutral": 3.0,
    "sadness": 1.5,
    "surprise": 3.5,
}
_SPREAD = 0.4  # of one clip's ratings
_STEP = 0.5


def ratings(utterance: Utterance) -> tuple[float, float]:
    """Activation and valence of a clip, 1 to 5 in steps of 0.5."""
    manner = prosody(utterance)
    active = np.mean([getattr(manner, cue) / size for cue, size in _ACTIVE.items()])
    valence = _VALENCE[utterance.performed or utterance.emotion or "neutral"]
    clip = generator("ratings", utterance.corpus, utterance.sounds_as or utterance.path)
    noise = _SPREAD * clip.standard_normal(2)
    values = np.array([2.75 + 1.6 * active, valence]) + noise
    activation, valence = np.clip(np.rint(values / _STEP) * _STEP, *SCALE)
    return float(activation), float(valence)


def das2022(corpus: str, utterances: Iterable[Utterance]) -> Iterator[tuple[str, str]]:
    """The label file that das2022 publishes of a corpus, with ratings of its stand-in."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    for utterance in utterances:
        name = utterance.path.rpartition("/")[2]
        if utterance.fault == "unreadable":
            table.writerow((name, "nan", "nan"))
        else:
            table.writerow((name, *(f"{rating:g}" for rating in ratings(utterance))))
    yield f"{FOLDER}/{FILES[corpus]}", text.getvalue()

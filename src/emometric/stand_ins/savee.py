"""The stand-in of SAVEE: four British men, 480 names in folders of the speakers.

The sentences are our own. As in the original, the first three are common to all emotions, two more
belong to each emotion, and neutral has those as well.
"""

from collections.abc import Iterator
from itertools import product

from emometric.corpora.savee import EMOTIONS, N_COMMON, SPEAKERS
from emometric.stand_ins.utterance import Recording, Utterance, thin

NAMES_ARE_PUBLISHED = True  # at full scale: all of the owner's, and no other
RECORDING = Recording(
    rate_hz=44100, level_db=-24.0, noise_db=(32.0, 46.0), lead_s=(0.1, 0.3), tail_s=(0.1, 0.4)
)

_SUBJECTS = (
    "The old clock",
    "My neighbour",
    "A yellow bus",
    "His younger sister",
    "Our teacher",
    "The wooden boat",
    "Every visitor",
    "The evening train",
    "That tall man",
    "The new baker",
)
_PREDICATES = (
    "stands behind the church.",
    "comes back on Thursday morning.",
    "was seen near the river twice.",
    "never stops at the corner shop.",
    "belongs to another village.",
    "will be here before the rain.",
    "goes round the garden slowly.",
    "has been there since last winter.",
    "turned left at the second bridge.",
)
_N_TEXTS = len(_SUBJECTS) * len(_PREDICATES)
_N_OWN = 2  # sentences of each emotion that neutral has too


def utterances(max_clips: int | None) -> Iterator[Utterance]:
    """The 480 clips, or at most `max_clips` of each speaker and emotion."""
    return thin(_all(), max_clips)


def _all() -> Iterator[Utterance]:
    for speaker, code in product(SPEAKERS, EMOTIONS):
        for number in range(1, (30 if code == "n" else 15) + 1):
            yield Utterance(
                corpus="savee",
                path=f"AudioData/{speaker}/{code}{number:02}.wav",
                text=_text(code, number),
                language="en-gb-x-rp",
                speaker=speaker,
                sex="m",
                emotion=EMOTIONS[code],
            )


def _text(code: str, number: int) -> str:
    """What a sentence says: common to all, chosen for one emotion, or of this emotion alone."""
    if number <= N_COMMON:
        return _sentence(number - 1)
    emotions = [other for other in EMOTIONS if other != "n"]
    n_shared = N_COMMON + _N_OWN * len(emotions)  # then those of one emotion alone begin
    if code == "n":
        return _sentence(number - 1 if number <= n_shared else _N_TEXTS - 31 + number)
    place = emotions.index(code)
    if number <= N_COMMON + _N_OWN:
        return _sentence(number - 1 + _N_OWN * place)
    return _sentence(n_shared + 10 * place + number - N_COMMON - _N_OWN - 1)


def _sentence(place: int) -> str:
    # Neighbours differ in both halves.
    subject = _SUBJECTS[place % len(_SUBJECTS)]
    return f"{subject} {_PREDICATES[(place + place // len(_SUBJECTS)) % len(_PREDICATES)]}"

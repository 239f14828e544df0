"""The stand-in of eNTERFACE'05: the paper's sentences in English, 44 subjects, 1293 films.

As in the original, a few names and folders differ from the rest, subject 6 has one film of each
emotion with all its sentences, and subject 23 lacks three films. The owner does not say which
fifth of the subjects are women, nor who has which accent: both are ours.
"""

from collections.abc import Iterator
from itertools import product

from emometric.corpora.enterface05 import EMOTIONS, N_SPEAKERS
from emometric.stand_ins.utterance import Recording, Utterance, thin

NAMES_ARE_PUBLISHED = True  # at full scale: all of the owner's, and no other
RECORDING = Recording(
    rate_hz=48000, level_db=-26.0, noise_db=(24.0, 40.0), lead_s=(0.1, 0.4), tail_s=(0.1, 0.4)
)

_TEXTS = {
    "an": (
        "What? No, no, no, listen! I need this money!",
        "I don't care about your coffee! Please serve me!",
        "I can have you fired, you know!",
        "Is your coffee more important than my money?",
        "You're getting paid to work, not drink coffee!",
    ),
    "di": (
        "That's horrible! I'll never eat noodles again.",
        "Something is moving inside my plate.",
        "Ah, a cockroach!",
        "Eek, this is disgusting!",
        "That's gross!",
    ),
    "fe": (
        "Oh my god, there is someone in the house!",
        "Someone is climbing up the stairs.",
        "Please don't kill me.",
        "I'm not alone! Go away!",
        "I have nothing to give you! Please don't hurt me!",
    ),
    "ha": (
        "That's great, I'm rich now!",
        "I won: this is great! I'm so happy!",
        "Wahoo! This is so great.",
        "I'm so lucky!",
        "I'm so excited!",
    ),
    "sa": (
        "Life won't be the same now.",
        "Oh no, tell me this is not true, please!",
        "Everything was so perfect! I just don't understand!",
        "I still loved him.",
        "He was my life.",
    ),
    "su": (
        "You have never told me that!",
        "I didn't expect that!",
        "Wahoo, I would never have believed this!",
        "I never saw that coming!",
        "Oh my god, that's so weird!",
    ),
}
_ACCENTS = ("en-us", "en-gb-x-rp")
_UNCUT = 6  # this subject's films were never divided
_MISSING = {(23, "ha", 1), (23, "ha", 2), (23, "ha", 3)}


def utterances(max_clips: int | None) -> Iterator[Utterance]:
    """The 1293 films, or at most `max_clips` of each subject and emotion."""
    return thin(_all(), max_clips)


def _all() -> Iterator[Utterance]:
    for subject, code in product(range(1, N_SPEAKERS + 1), EMOTIONS):
        folder = f"subject {subject}/{EMOTIONS[code]}"
        if subject == _UNCUT:
            yield _film(subject, code, f"{folder}/s{subject}_{code}.avi", " ".join(_TEXTS[code]))
            continue
        for number, text in enumerate(_TEXTS[code], start=1):
            if (subject, code, number) not in _MISSING:
                path = f"{folder}/{_place(subject, code, number)}.avi"
                yield _film(subject, code, path, text)


def _place(subject: int, code: str, number: int) -> str:
    """Folder and name of a sentence; the exceptions are the owner's."""
    folder, name = f"sentence {number}", f"s{subject}_{code}_{number}"
    if (subject, code) == (2, "an") and number in (1, 2):
        folder = f"sentence {3 - number}"
    if subject == 3 and (code in ("ha", "sa", "su") or (code, number) == ("fe", 5)):
        name = f"s_{subject}_{code}_{number}"
    if subject == 11:
        name = f"s12_{code}_{number}"
    if (subject, code, number) == (16, "su", 3):
        name += "avi"
    return f"{folder}/{name}"


def _film(subject: int, code: str, path: str, text: str) -> Utterance:
    return Utterance(
        corpus="enterface05",
        path=path,
        text=text,
        language=_ACCENTS[subject % len(_ACCENTS)],
        speaker=str(subject),
        sex="m" if subject % 5 else "f",
        emotion=EMOTIONS[code],
        channels=2,
    )

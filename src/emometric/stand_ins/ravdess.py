"""The stand-in of RAVDESS's speech: its two sentences in English, 24 actors, 1440 names.

As in the original, five clips have two equal channels, one clip of actor 07 repeats another, and
many are very quiet.
"""

from collections.abc import Iterator
from itertools import product

from emometric.corpora.ravdess import EMOTIONS, INTENSITIES, N_SPEAKERS
from emometric.stand_ins.utterance import Recording, Utterance, thin

# Actors stood away from the microphone: about a second of silence, and levels far below full scale.
RECORDING = Recording(
    rate_hz=48000, level_db=-36.0, noise_db=(45.0, 60.0), lead_s=(0.6, 1.05), tail_s=(0.3, 1.05)
)
NAMES_ARE_PUBLISHED = True  # at full scale: all of the owner's, and no other

_TEXTS = {"01": "Kids are talking by the door.", "02": "Dogs are sitting by the door."}
_STRENGTHS = {"normal": 0.75, "strong": 1.25}
_STEREO = {
    "Actor_01/03-01-02-01-01-02-01.wav",
    "Actor_01/03-01-08-01-02-02-01.wav",
    "Actor_05/03-01-02-01-02-02-05.wav",
    "Actor_20/03-01-03-01-02-01-20.wav",
    "Actor_20/03-01-06-01-01-02-20.wav",
}
_REPEATS = {"Actor_07/03-01-03-01-02-02-07.wav": "Actor_07/03-01-03-01-02-01-07.wav"}


def utterances(max_clips: int | None) -> Iterator[Utterance]:
    """The 1440 clips, or at most `max_clips` of each actor and emotion."""
    return thin(_all(), max_clips)


def _all() -> Iterator[Utterance]:
    for actor, emotion, intensity, sentence, repetition in product(
        range(1, N_SPEAKERS + 1), EMOTIONS, INTENSITIES, _TEXTS, ("01", "02")
    ):
        if EMOTIONS[emotion] == "neutral" and INTENSITIES[intensity] == "strong":
            continue
        name = f"03-01-{emotion}-{intensity}-{sentence}-{repetition}-{actor:02}"
        path = f"Actor_{actor:02}/{name}.wav"
        yield Utterance(
            corpus="ravdess",
            path=path,
            text=_TEXTS[sentence],
            language="en-us",
            speaker=f"{actor:02}",
            sex="m" if actor % 2 else "f",
            emotion=EMOTIONS[emotion],
            strength=_STRENGTHS[INTENSITIES[intensity]],
            channels=2 if path in _STEREO else 1,
            sounds_as=_REPEATS.get(path),
        )

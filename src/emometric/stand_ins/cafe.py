"""The stand-in of CaFE: its six sentences in French, twelve actors, 936 names."""

from collections.abc import Iterable, Iterator
from itertools import product

from emometric.corpora.cafe import EMOTIONS, FOLDERS, INTENSITY_FOLDERS, N_SPEAKERS
from emometric.stand_ins.ratings import das2022
from emometric.stand_ins.utterance import Recording, Utterance, thin

NAMES_ARE_PUBLISHED = True  # at full scale: all of the owner's, and no other
RECORDING = Recording(
    rate_hz=48000, level_db=-26.0, noise_db=(42.0, 56.0), lead_s=(0.4, 0.8), tail_s=(0.4, 0.9)
)

_TEXTS = {
    "1": "Un cheval fou dans mon jardin.",
    "2": "Deux ânes aigris au pelage brun.",
    "3": "Trois cygnes aveugles au bord du lac.",
    "4": "Quatre vieilles truies éléphantesques.",
    "5": "Cinq pumas fiers et passionnés.",
    "6": "Six ours aimants domestiqués.",
}
_STRENGTHS = {"1": 0.7, "2": 1.3}


def utterances(max_clips: int | None) -> Iterator[Utterance]:
    """The 936 clips, or at most `max_clips` of each actor and emotion."""
    return thin(_all(), max_clips)


def label_files(utterances: Iterable[Utterance]) -> Iterator[tuple[str, str]]:
    """Activation and valence, as das2022 published them for the original."""
    return das2022("cafe", utterances)


def _all() -> Iterator[Utterance]:
    for actor, letter, intensity, sentence in product(
        range(1, N_SPEAKERS + 1), EMOTIONS, INTENSITY_FOLDERS, _TEXTS
    ):
        folder = f"CaFE_48k/{FOLDERS[letter]}"
        if letter == "N" and intensity == "2":
            continue
        if letter != "N":
            folder += f"/{INTENSITY_FOLDERS[intensity]}"
        yield Utterance(
            corpus="cafe",
            path=f"{folder}/{actor:02}-{letter}-{intensity}-{sentence}.wav",
            text=_TEXTS[sentence],
            language="fr",
            speaker=f"{actor:02}",
            sex="m" if actor % 2 else "f",
            emotion=EMOTIONS[letter],
            strength=_STRENGTHS[intensity],
        )

"""The stand-in of EMOVO: its fourteen sentences in Italian, six actors, 588 names.

As in the original, files are stereo, of two microphones some way apart: who takes their mean
hears another voice than who takes the left one.
"""

from collections.abc import Iterator
from itertools import product

from emometric.corpora.emovo import EMOTIONS, SPEAKERS
from emometric.stand_ins.utterance import Recording, Utterance, thin

NAMES_ARE_PUBLISHED = True  # at full scale: all of the owner's, and no other

# A quiet studio; half a metre between the microphones.
RECORDING = Recording(
    rate_hz=48000,
    level_db=-26.0,
    noise_db=(40.0, 55.0),
    lead_s=(0.1, 0.4),
    tail_s=(0.1, 0.4),
    spacing_s=0.0015,
)

_TEXTS = {
    "b1": "Gli operai si alzano presto.",
    "b2": "I vigili sono muniti di pistola.",
    "b3": "La cascata fa molto rumore.",
    "l1": "L'autunno prossimo Tony partirà per la Spagna nella prima metà di ottobre.",
    "l2": "Ora prendo la felpa di là ed esco per fare una passeggiata.",
    "l3": "Un attimo dopo s'è incamminato ed è inciampato.",
    "l4": "Vorrei il numero telefonico del Signor Piatti.",
    "n1": "La casa forte vuole col pane.",
    "n2": "La forza trova il passo e l'aglio rosso.",
    "n3": "Il gatto sta scorrendo nella pera.",
    "n4": "Insalata pastasciutta coscia d'agnello limoncello.",
    "n5": "Uno quarantatré dieci mille cinquantasette venti.",
    "d1": "Sabato sera cosa farà?",
    "d2": "Porti con te quella cosa?",
}


def utterances(max_clips: int | None) -> Iterator[Utterance]:
    """The 588 clips, or at most `max_clips` of each actor and emotion."""
    return thin(_all(), max_clips)


def _all() -> Iterator[Utterance]:
    for actor, code, sentence in product(SPEAKERS, EMOTIONS, _TEXTS):
        yield Utterance(
            corpus="emovo",
            path=f"{actor}/{code}-{actor}-{sentence}.wav",
            text=_TEXTS[sentence],
            language="it",
            speaker=actor,
            sex=actor[0],
            emotion=EMOTIONS[code],
            channels=2,
        )

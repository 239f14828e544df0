"""The stand-in of AESDD: Greek sentences of our own, six actors, 605 names.

As in the original, a few names are missing, some have a second take, five write the actor as
`(01)`, and one file cannot be decoded. The owner does not say which actors are women: ours are 1,
3 and 5.
"""

from collections.abc import Iterable, Iterator
from itertools import product

from emometric.corpora.aesdd import EMOTIONS, IMPROVISED, N_SPEAKERS
from emometric.stand_ins.ratings import das2022
from emometric.stand_ins.utterance import Recording, Utterance, generator, thin

NAMES_ARE_PUBLISHED = True  # at full scale: all of the owner's, and no other
RECORDING = Recording(
    rate_hz=44100, level_db=-22.0, noise_db=(36.0, 52.0), lead_s=(0.1, 0.4), tail_s=(0.2, 0.6)
)

_TEXTS = (
    "Το τρένο φεύγει σε λίγη ώρα.",
    "Η πόρτα ήταν ανοιχτή όλη τη νύχτα.",
    "Αύριο θα μιλήσουμε ξανά.",
    "Δεν ξέρω πού άφησα τα κλειδιά.",
    "Το παιδί παίζει στην αυλή.",
    "Κάποιος χτύπησε το κουδούνι.",
    "Ήρθε το γράμμα που περίμενες.",
    "Το φαγητό είναι στο τραπέζι.",
    "Όλοι κοιτούσαν προς το παράθυρο.",
    "Ο γείτονας πούλησε το σπίτι του.",
    "Μου είπε να τον περιμένω εδώ.",
    "Το τηλέφωνο χτυπάει από το πρωί.",
    "Έτσι γίνεται κάθε φορά.",
    "Η βάρκα βγήκε από το λιμάνι.",
    "Τους είδα χθες στην αγορά.",
    "Αυτό δεν το είχα ξανακούσει.",
    "Σε λίγο θα αρχίσει να βρέχει.",
    "Ο δρόμος τελειώνει στη θάλασσα.",
    "Θα μείνουμε μέχρι το βράδυ.",
)
_MISSING = {"d18 (5)", "f02 (4)", "h11 (3)"}
_TWICE = {"a06 (5)", "d01 (5)", "d03 (5)", "d04 (5)", "f18 (5)", "s02 (5)", "s04 (5)"}
_LETTERED = {"s01 (5)"}  # whose takes are both marked, (5)a and (5)b
_ZEROED = {"d03 (1)", "f10 (1)", "f11 (1)", "f12 (1)", "f13 (1)"}
_UNREADABLE = "s05 (3)"


def utterances(max_clips: int | None) -> Iterator[Utterance]:
    """The 605 clips, or at most `max_clips` of each actor and emotion."""
    return thin(_all(), max_clips)


def label_files(utterances: Iterable[Utterance]) -> Iterator[tuple[str, str]]:
    """Activation and valence, as das2022 published them for the original."""
    return das2022("aesdd", utterances)


def _all() -> Iterator[Utterance]:
    for letter, number, actor in product(
        EMOTIONS, range(1, IMPROVISED + 1), range(1, N_SPEAKERS + 1)
    ):
        for name in _names(f"{letter}{number:02} ({actor})"):
            yield Utterance(
                corpus="aesdd",
                path=f"{EMOTIONS[letter]}/{name}.wav",
                text=_text(letter, number, actor),
                language="el",
                speaker=str(actor),
                sex="f" if actor % 2 else "m",
                emotion=EMOTIONS[letter],
                fault="unreadable" if name == _UNREADABLE else None,
            )


def _names(name: str) -> tuple[str, ...]:
    if name in _MISSING:
        return ()
    if name in _LETTERED:
        return (f"{name}a", f"{name}b")
    if name in _TWICE:
        return (name, f"{name}b")
    return (name.replace("(", "(0") if name in _ZEROED else name,)


def _text(letter: str, number: int, actor: int) -> str:
    if number < IMPROVISED:
        return _TEXTS[number - 1]
    said = generator("text", "aesdd", letter, str(actor)).permutation(len(_TEXTS))[:2]
    return " ".join(_TEXTS[place] for place in said)

"""AESDD: six Greek actors speak 19 sentences, and one of their own, in five emotions (605 files).

Names such as `a03 (4)`: emotion (anger), utterance 3, actor 4; five times the actor stands as
`(01)`. `a06 (5)b` is a second take of `a06 (5)`. Utterance 20 is improvised, so it has no sentence.
Of the 600 names that the grammar allows, `d18 (5)`, `f02 (4)` and `h11 (3)` are missing; eight more
takes make 605. `s05 (3)` cannot be decoded, which leaves 604.
"""

import re
from pathlib import PurePosixPath

from emometric.acquisition import affect_labels
from emometric.acquisition.listing import UnknownName
from emometric.download.fetch import Remote
from emometric.storage.clip import Clip

NAME = "AESDD"
LANGUAGE = "el"
URL = "https://m3c.web.auth.gr/research/aesdd-speech-emotion-recognition/"
LICENCE = "research use; see the owner's page"
LICENCE_URL = "https://m3c.web.auth.gr/research/aesdd-speech-emotion-recognition/"
CITATION = (
    "Vryzas, N., Kotsakis, R., Liatsou, A., Dimoulas, C. A. and Kalliris, G. (2018). Speech "
    "emotion recognition for performance interaction. Journal of the Audio Engineering Society "
    "66(6), 457-467. doi:10.17743/jaes.2018.0036"
)
CHANNEL = "mean"
REMOTES: tuple[Remote, ...] = ()
ACCESS = (
    "Follow the link on https://m3c.web.auth.gr/research/aesdd-speech-emotion-recognition/ and "
    "unpack the archive as aesdd/, which then holds anger/*.wav, disgust/*.wav, fear/*.wav, "
    "happiness/*.wav and sadness/*.wav."
)

EMOTIONS = {"a": "anger", "d": "disgust", "f": "fear", "h": "happiness", "s": "sadness"}
IMPROVISED = 20  # the utterance that each actor made up

N_CLIPS = 605
N_SPEAKERS = 6
CLIPS_BY_EMOTION = {"anger": 121, "disgust": 122, "fear": 120, "happiness": 119, "sadness": 123}

_GRAMMAR = re.compile(r"([a-z])(\d\d) \(0?(\d)\)([ab]?)")


def read_name(path: PurePosixPath) -> Clip:
    """The clip of a path below the root; UnknownName where the owner has no such name.

    An emotion's folder must agree with names.
    """
    match = _GRAMMAR.fullmatch(path.stem)
    if match is None:
        raise UnknownName("not a name of AESDD such as a03 (4)")
    letter, utterance, actor, _take = match.groups()
    if letter not in EMOTIONS:
        raise UnknownName(f"AESDD has no emotion {letter}")
    if not 1 <= int(utterance) <= IMPROVISED:
        raise UnknownName(f"AESDD has no utterance {utterance}")
    if not 1 <= int(actor) <= N_SPEAKERS:
        raise UnknownName(f"AESDD has no actor {actor}")
    for folder in path.parts[:-1]:
        if folder in EMOTIONS.values() and folder != EMOTIONS[letter]:
            raise UnknownName(f"{EMOTIONS[letter]} by its name, but in the folder {folder}")
    return Clip(
        corpus="aesdd",
        id=f"aesdd/{path.stem}",
        path=str(path),
        speaker=f"aesdd/{actor}",
        emotion=EMOTIONS[letter],
        sentence=utterance if int(utterance) < IMPROVISED else None,
    )


Params = affect_labels.Params
clips, label_files, label_tables = affect_labels.reader("aesdd", read_name)

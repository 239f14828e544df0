"""The stand-in of LibriSpeech: 40 readers in two of its parts, as FLAC, with its label files.

Readers and chapters are numbered at random within the owner's grammar; SPEAKERS.TXT and the
transcripts lie where the owner puts them.
"""

import re
from collections.abc import Iterator, Sequence
from functools import cache

from emometric.stand_ins.utterance import Recording, Utterance, generator, thin

# Volunteers at home, each with a microphone of their own.
RECORDING = Recording(
    rate_hz=16000,
    level_db=-22.0,
    noise_db=(28.0, 50.0),
    lead_s=(0.1, 0.4),
    tail_s=(0.1, 0.4),
)

PARTS = ("dev-clean", "test-clean")
_N_READERS = 40
_N_CHAPTERS, _N_UTTERANCES = 2, 4

# Our own sentences, in the manner of old books.
_TEXTS = (
    "The road went up between two walls, and at the top of it stood the house.",
    "He had been told to wait, and so he waited until the lamps were lit.",
    "There was no wind that night, and the boats lay still upon the water.",
    "She put the letter back into the drawer, and said nothing of it to her sister.",
    "In the spring the river rose, and the lower fields were under water for a week.",
    "An old man sat beside the door, mending a net that had no end.",
    "Of all the rooms in the castle, this was the only one with a fire.",
    "They walked on in silence, for neither of them knew the way.",
    "The captain counted his men, and found that two of them were missing.",
    "It was a custom of the village to ring the bell at the end of harvest.",
    "Nobody could remember who had planted the tree, or why.",
    "At length the door was opened, and a voice asked what he wanted.",
    "The snow had covered every track, and the dog would go no further.",
    "Her father owned a mill, a barn, and the best horse in the county.",
    "He read the page twice, and then he closed the book and went out.",
    "From the window one could see the harbour and the hills behind it.",
)

_SPEAKERS_HEAD = """\
; Some pipe(|) separated metadata about all readers of this stand-in.
;
;ID  |SEX| SUBSET           |MINUTES| NAME
"""


def utterances(max_clips: int | None) -> Iterator[Utterance]:
    """Eight clips of each of the 40 readers, or at most `max_clips` of each."""
    return thin(_all(), max_clips)


def label_files(utterances: Sequence[Utterance]) -> Iterator[tuple[str, str]]:
    """SPEAKERS.TXT, and a `*.trans.txt` in every chapter's folder."""
    spoken = {utterance.speaker for utterance in utterances}
    rows = [
        f"{reader:<4} | {sex.upper()} | {part:<16} | 8.00  | Reader {reader}\n"
        for reader, sex, part in _readers()
        if reader in spoken
    ]
    yield "LibriSpeech/SPEAKERS.TXT", _SPEAKERS_HEAD + "".join(rows)
    lines: dict[str, list[str]] = {}
    for utterance in utterances:
        folder, _, file = utterance.path.rpartition("/")
        name = file.removesuffix(".flac")
        chapter = name.rpartition("-")[0]
        lines.setdefault(f"{folder}/{chapter}.trans.txt", []).append(
            f"{name} {_transcript(utterance.text)}\n"
        )
    for path, text in lines.items():
        yield path, "".join(sorted(text))


def _transcript(text: str) -> str:
    """As the owner writes it: capitals, without marks.

    >>> _transcript("There was no wind, and the boats lay still.")
    'THERE WAS NO WIND AND THE BOATS LAY STILL'
    """
    return re.sub(r"[^A-Z' ]", "", text.upper())


@cache
def _readers() -> tuple[tuple[str, str, str], ...]:
    """Reader, sex and part, in the order of their numbers."""
    random = generator("readers", "librispeech")
    numbers = sorted(random.choice(9000, _N_READERS, replace=False).tolist())
    return tuple(
        (str(number + 1), "fm"[position // 2 % 2], PARTS[position % 2])
        for position, number in enumerate(numbers)
    )


def _all() -> Iterator[Utterance]:
    for reader, sex, part in _readers():
        random = generator("chapters", "librispeech", reader)
        chapters = random.choice(300_000, _N_CHAPTERS, replace=False).tolist()
        said = random.permutation(len(_TEXTS))
        for position, chapter in enumerate(sorted(chapters)):
            for number in range(_N_UTTERANCES):
                name = f"{reader}-{chapter}-{number:04}"
                yield Utterance(
                    corpus="librispeech",
                    path=f"LibriSpeech/{part}/{reader}/{chapter}/{name}.flac",
                    text=_TEXTS[said[position * _N_UTTERANCES + number]],
                    language="en-us",
                    speaker=reader,
                    sex=sex,
                    emotion=None,
                )

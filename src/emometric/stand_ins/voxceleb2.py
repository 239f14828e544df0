"""The stand-in of VoxCeleb2: 120 of its 6112 speakers, each in three videos, as M4A.

Numbers and video codes follow the owner's grammar and are drawn at random; so is the grouping:
100 development and 20 test speakers. It is enough to pre-train on speakers, no more.
"""

import string
from collections.abc import Iterator, Sequence
from functools import cache

from emometric.stand_ins.utterance import Recording, Utterance, generator, thin

# Interviews, red carpets and press rooms: clips of at least four seconds, with noise of all kinds.
RECORDING = Recording(
    rate_hz=16000,
    level_db=-20.0,
    noise_db=(14.0, 36.0),
    lead_s=(0.0, 0.1),
    tail_s=(0.0, 0.1),
)
_LENGTHS_S = (4.0, 5.0)

N_SPEAKERS = {"dev": 100, "test": 20}
_N_VIDEOS, _N_PIECES = 3, 2
_LARGEST = 9272  # speakers of VoxCeleb2 are numbered up to here

# Our own sentences.
_TEXTS = (
    "We started the whole thing with very little money and a lot of patience.",
    "I grew up in a small town, and everybody there knew my family.",
    "The second season is going to be a little different from the first.",
    "People ask me that question every week, and I never know what to say.",
    "My brother taught me how to play when I was nine years old.",
    "It took us about three months to find the right place for it.",
    "She called me in the morning and told me about the part.",
    "There is a scene near the end that we had to do twenty times.",
    "I think the team has worked very hard over the last few years.",
    "You learn something new from every person that you work with.",
    "We are going to travel for most of the summer, as far as I know.",
    "The weather was bad, so we stayed inside and wrote another song.",
)
_N_TEXTS = 2  # long enough to cut five seconds from


def utterances(max_clips: int | None) -> Iterator[Utterance]:
    """Six clips of each of the 120 speakers, or at most `max_clips` of each."""
    return thin(_all(), max_clips)


def label_files(utterances: Sequence[Utterance]) -> Iterator[tuple[str, str]]:
    """vox2_meta.csv, with its owner's blanks: speaker, number in VGGFace2, gender, part."""
    spoken = {utterance.speaker for utterance in utterances}
    rows = [
        f"{speaker} ,n{number:06} ,{sex} ,{part}"
        for number, (speaker, sex, part) in enumerate(_speakers(), start=1)
        if speaker in spoken
    ]
    yield "vox2_meta.csv", "\n".join(["VoxCeleb2 ID ,VGGFace2 ID ,Gender ,Set ", *rows, ""])


@cache
def _speakers() -> tuple[tuple[str, str, str], ...]:
    """Speaker, sex and part, in the order of their numbers."""
    random = generator("speakers", "voxceleb2")
    n_speakers = sum(N_SPEAKERS.values())
    numbers = sorted(random.choice(_LARGEST, n_speakers, replace=False).tolist())
    in_test = set(random.choice(n_speakers, N_SPEAKERS["test"], replace=False).tolist())
    return tuple(
        (f"id{number + 1:05}", "fm"[position % 2], "test" if position in in_test else "dev")
        for position, number in enumerate(numbers)
    )


def _all() -> Iterator[Utterance]:
    for speaker, sex, part in _speakers():
        random = generator("videos", "voxceleb2", speaker)
        letters = string.ascii_letters + string.digits + "-_"
        for video in ("".join(random.choice(list(letters), 11)) for _ in range(_N_VIDEOS)):
            # A video yields some of its pieces only; their numbers have gaps.
            pieces = sorted(random.choice(400, _N_PIECES, replace=False).tolist())
            for piece in pieces:
                path = f"{part}/aac/{speaker}/{video}/{piece + 1:05}.m4a"
                said = generator("text", "voxceleb2", path).permutation(len(_TEXTS))[:_N_TEXTS]
                yield Utterance(
                    corpus="voxceleb2",
                    path=path,
                    text=" ".join(_TEXTS[position] for position in said),
                    language="en-us",
                    speaker=speaker,
                    sex=sex,
                    emotion=None,
                    cut_s=_LENGTHS_S[piece % 2],
                )

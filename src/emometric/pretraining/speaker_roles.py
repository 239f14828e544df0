"""Who teaches a network of speakers, who chooses it and who tries it; and pieces to try it on.

A speaker has one role. Those who test need several utterances; one utterance is cut into pieces
that share no sample, and pieces of one recording are never set against others in the final trials.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

ROLES = ("train", "valid", "test")
LEAST_TESTED = 2  # speakers of a corpus, else it has no trial of two
N_PIECES = 4  # of a validating speaker
_TEST_PART = re.compile(r"(^|[-_])test($|[-_])")  # a folder such as test or librispeech_test-other
_LEAST_DEVIATION = 1e-3


@dataclass(frozen=True, kw_only=True)
class Shares:
    """test: of a corpus's speakers with several utterances, where its owner names no test part;
    valid: of those that are left; clips: of one speaker, at most."""

    test: float
    valid: float
    clips: int


def assign(clips: pd.DataFrame, shares: Shares, seed: Sequence[int]) -> np.ndarray:
    """The role of each clip, (n,) of `ROLES` or "" (not used).

    clips: rows with id, path, corpus and speaker. Corpus by corpus, whole speakers: those whose
    clips lie in a folder of the owner's named test (LibriSpeech's test-other, VoxCeleb2's test)
    test, if there are others; else `shares.test` of those with several utterances, rounded up, and
    at least two, where there are twice as many; nobody, where that share is 0. Testing speakers
    with one utterance are not used. Of the others `shares.valid`, rounded down, validate; fewer
    than two: none, since trials need two. Of a speaker's clips, `shares.clips` are drawn at most.
    The same whatever the rows' order.
    """
    role = np.full(len(clips), "", dtype=object)
    corpora = clips["corpus"].to_numpy(str)
    for number, corpus in enumerate(np.unique(corpora)):
        rows = np.flatnonzero(corpora == corpus)
        rows = rows[np.argsort(clips["id"].to_numpy(str)[rows], kind="stable")]
        generator = np.random.default_rng([*seed, number])
        role[rows] = _assign_corpus(clips.iloc[rows], shares, generator)
    return role


def cut(frames: np.ndarray, n_pieces: int, least: int, gap: int) -> list[np.ndarray]:
    """At most `n_pieces` equal pieces of an utterance, at least `least` frames each, `gap` frames
    apart, so that their windows share no sample. Too short for two: no piece.

    >>> [piece.tolist() for piece in cut(np.arange(8), 4, 3, 1)]
    [[0, 1, 2], [4, 5, 6]]
    """
    n = min(n_pieces, (len(frames) + gap) // (least + gap))
    if n < 2:
        return []
    length = (len(frames) + gap) // n - gap
    return [frames[start : start + length] for start in range(0, n * (length + gap), length + gap)]


def standardise(piece: np.ndarray, normalise: str | None) -> np.ndarray:
    """Zero mean and unit variance again, as if the piece had been the clip: float32.

    piece: (frames, bins) of a clip standardised as `normalise` says: of each "bin", or of the whole
    "clip"; None: left alone. So a piece knows nothing of the rest of its clip. A bin that hardly
    varies becomes zero.
    """
    piece = np.asarray(piece, np.float32)
    if normalise is None:
        return piece
    axis = 0 if normalise == "bin" else None
    centred = piece - piece.mean(axis=axis, keepdims=True, dtype=np.float64)
    deviation = np.sqrt(np.mean(centred**2, axis=axis, keepdims=True))
    return (
        centred * (deviation > _LEAST_DEVIATION) / np.maximum(deviation, _LEAST_DEVIATION)
    ).astype(np.float32)


def _assign_corpus(
    clips: pd.DataFrame, shares: Shares, generator: np.random.Generator
) -> np.ndarray:
    speaker = clips["speaker"].to_numpy(str)
    names, place, counts = np.unique(speaker, return_inverse=True, return_counts=True)
    several = counts > 1
    owners = np.array([_in_test_part(path) for path in clips["path"]], dtype=bool)
    named = np.bincount(place, weights=owners, minlength=len(names)) > 0
    role_of = np.full(len(names), "train", dtype=object)
    if named.any() and not named.all():
        role_of[named] = np.where(several[named], "test", "")
    elif shares.test and several.sum() >= 2 * LEAST_TESTED:
        n_tested = max(math.ceil(shares.test * several.sum()), LEAST_TESTED)
        role_of[generator.permutation(np.flatnonzero(several))[:n_tested]] = "test"
    left = np.flatnonzero(role_of == "train")
    n_valid = math.floor(shares.valid * len(left))
    if n_valid >= 2:
        role_of[generator.permutation(left)[:n_valid]] = "valid"
    role = role_of[place]
    for number in range(len(names)):
        own = generator.permutation(np.flatnonzero(place == number))
        role[own[shares.clips :]] = ""
    return role


def _in_test_part(path: str) -> bool:
    return any(_TEST_PART.search(folder) for folder in str(path).split("/")[:-1])

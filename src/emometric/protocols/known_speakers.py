"""A few speakers, drawn at random, are known; all others are tested (ntalampiras2020, fig. 4a)."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from emometric import ranges
from emometric.base.errors import SplitError
from emometric.division import speakers
from emometric.storage.clip import Fold

SHARES_SPEAKERS = False
SHARES_SENTENCES = True
ENROLS_TESTED = False


@dataclass(frozen=True, kw_only=True)
class Params:
    """`n_known` speakers from 1, drawn anew in each of `repeats` rounds, from 1; `valid_share` of
    their clips validates, in [0, 1)."""

    n_known: int
    repeats: int
    valid_share: float

    def __post_init__(self) -> None:
        ranges.check_whole("protocols.known_speakers.n_known", self.n_known, 1)
        ranges.check_whole("protocols.known_speakers.repeats", self.repeats, 1)
        ranges.check_share("protocols.known_speakers.valid_share", self.valid_share)


def split(clips: pd.DataFrame, params: Params, seed: int) -> Iterator[Fold]:
    """Draw the known speakers, train on them and test on all others, `repeats` times.

    clips: rows with id, speaker and emotion; their order is irrelevant. A round is one fold; the
    draws are apart from each other. Whole known speakers validate (`speakers.choose_valid`).
    Nothing keeps an emotion of few speakers in training. Raises SplitError unless there are more
    speakers than known ones.
    """
    names, _ = speakers.count(clips)
    if len(names) <= params.n_known:
        raise SplitError(
            f"{len(names)} speaker{'s' * (len(names) > 1)} with {params.n_known} of them known "
            "leave nobody to test; set protocols.known_speakers.n_known lower, or use a corpus of "
            "more speakers."
        )
    generator = np.random.default_rng(seed)
    for repeat in range(params.repeats):
        known = set(generator.permutation(names)[: params.n_known])
        train = clips["speaker"].isin(known).to_numpy()
        yield speakers.fold(
            clips,
            train,
            ~train,
            valid_share=params.valid_share,
            generator=generator,
            repeat=repeat,
        )

"""Ten folds by speaker: eight tenths train, one validates, one is tested (mocanu2021)."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from emometric.base.errors import ParameterError, SplitError
from emometric.division import speakers
from emometric.storage.clip import Fold

SHARES_SPEAKERS = False
SHARES_SENTENCES = True
ENROLS_TESTED = False

N_TENTHS = 10
TENTHS = ("consecutive", "balanced")


@dataclass(frozen=True, kw_only=True)
class Params:
    """`tenths`: "consecutive" speakers in sorted order, or "balanced" in emotion and size."""

    tenths: str

    def __post_init__(self) -> None:
        if self.tenths not in TENTHS:
            raise ParameterError(
                f"params.yaml: protocols.speaker_80_10_10.tenths is '{self.tenths}'; "
                f"write {' or '.join(TENTHS)}."
            )


def split(clips: pd.DataFrame, params: Params, seed: int) -> Iterator[Fold]:
    """Test each tenth of the speakers in turn; the tenth before it validates.

    clips: rows with id, speaker and emotion; their order is irrelevant. Consecutive tenths end at
    the speakers n/10, 2n/10, ..., rounded down: the blocks 1-9, 10-18, 55-63, 73-81, 82-91 that are
    left of mocanu2021's table 1 for the 91 actors of CREMA-D; the seed changes nothing about them.
    That the tenth before validates is read from its row "train 82-91; 1-63, test 73-81". Balanced
    tenths: `speakers.deal`. Nothing keeps an emotion of few speakers in training. Raises SplitError
    for fewer than ten speakers.
    """
    names, counts = speakers.count(clips)
    if len(names) < N_TENTHS:
        raise SplitError(
            f"{len(names)} speakers make no ten groups; use the protocol speaker_folds with fewer."
        )
    if params.tenths == "consecutive":
        ends = np.arange(1, N_TENTHS + 1) * len(names) // N_TENTHS
        tenth = np.searchsorted(ends, np.arange(len(names)), side="right")
    else:
        tenth = speakers.deal(counts, N_TENTHS, np.random.default_rng(seed))
    tenth_of = clips["speaker"].map(dict(zip(names, tenth, strict=True))).to_numpy()
    for number in range(N_TENTHS):
        test, valid = tenth_of == number, tenth_of == (number - 1) % N_TENTHS
        yield Fold(
            train=speakers.ids(clips, ~test & ~valid),
            valid=speakers.ids(clips, valid),
            test=speakers.ids(clips, test),
        )

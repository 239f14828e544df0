"""Folds of whole speakers, balanced in emotion and size: each speaker is tested once."""

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
    """`n_folds` from 2; `valid_share` of the training speakers' clips validates, in [0, 1)."""

    n_folds: int
    valid_share: float

    def __post_init__(self) -> None:
        ranges.check_whole("protocols.speaker_folds.n_folds", self.n_folds, 2)
        ranges.check_share("protocols.speaker_folds.valid_share", self.valid_share)


def split(clips: pd.DataFrame, params: Params, seed: int) -> Iterator[Fold]:
    """Divide the speakers into `n_folds` groups that are alike and test on each in turn.

    clips: rows with id, speaker and emotion; their order is irrelevant. Groups: `speakers.deal`,
    which spreads every emotion over two groups or more, so that it can be learned in every fold,
    unless the corpus makes that impossible; an emotion of a single speaker cannot be learned in
    the fold that tests this speaker. Validation: `speakers.choose_valid`. Raises SplitError for
    fewer speakers than folds.
    """
    names, counts = speakers.count(clips)
    if len(names) < params.n_folds:
        raise SplitError(
            f"{len(names)} speakers cannot fill {params.n_folds} folds; "
            f"set protocols.speaker_folds.n_folds to {max(len(names), 2)} or less."
        )
    generator = np.random.default_rng(seed)
    fold_of = dict(zip(names, speakers.deal(counts, params.n_folds, generator), strict=True))
    number_of = clips["speaker"].map(fold_of).to_numpy()
    for number in range(params.n_folds):
        test = number_of == number
        yield speakers.fold(clips, ~test, test, valid_share=params.valid_share, generator=generator)

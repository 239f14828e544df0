"""Folds of clips at random, each emotion alike; they share speakers (das2022's released folds)."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from emometric import ranges
from emometric.base.errors import SplitError
from emometric.division import speakers, strata
from emometric.storage.clip import Fold

SHARES_SPEAKERS = True
SHARES_SENTENCES = True
ENROLS_TESTED = False


@dataclass(frozen=True, kw_only=True)
class Params:
    """`n_folds` from 2; `valid_share` of the training clips validates, in [0, 1)."""

    n_folds: int
    valid_share: float

    def __post_init__(self) -> None:
        ranges.check_whole("protocols.random_stratified.n_folds", self.n_folds, 2)
        ranges.check_share("protocols.random_stratified.valid_share", self.valid_share)


def split(clips: pd.DataFrame, params: Params, seed: int) -> Iterator[Fold]:
    """Divide the clips of each emotion at random into `n_folds` and test on each in turn.

    clips: rows with id, speaker and emotion; their order is irrelevant. Validation is drawn at
    random from the training clips, emotion by emotion. Every speaker is likely to be on all sides:
    what is measured is how well known voices are recognised. Raises SplitError for fewer clips than
    folds.
    """
    speakers.count(clips)
    clips = clips.sort_values("id", ignore_index=True)
    if len(clips) < params.n_folds:
        raise SplitError(
            f"{len(clips)} clips cannot fill {params.n_folds} folds; "
            f"set protocols.random_stratified.n_folds to {max(len(clips), 2)} or less."
        )
    generator = np.random.default_rng(seed)
    emotion = clips["emotion"].to_numpy(dtype=str)
    fold_of = strata.deal(emotion, params.n_folds, generator)
    for number in range(params.n_folds):
        rest = np.flatnonzero(fold_of != number)
        validates = strata.draw(emotion[rest], params.valid_share, generator)
        yield Fold(
            train=tuple(clips["id"][rest[~validates]]),
            valid=tuple(clips["id"][rest[validates]]),
            test=tuple(clips["id"][fold_of == number]),
        )

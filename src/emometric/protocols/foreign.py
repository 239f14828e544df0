"""Folds that somebody else drew, from a CSV or JSON file of clips or speakers."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from emometric import ranges
from emometric.base.errors import ParameterError, SplitError
from emometric.division import fold_file, speakers, strata
from emometric.storage.clip import Fold

SHARES_SPEAKERS = True  # Params.shares_speakers says whether these do
SHARES_SENTENCES = True
ENROLS_TESTED = False


@dataclass(frozen=True, kw_only=True)
class Params:
    """`path` of the file (see fold_file.py); `test` and `valid`: in a JSON file, the keys of the
    lists of folds, `valid` null where there are none. `shares_speakers`: whether the folds may
    have a speaker on both sides; then they are stamped. `complete`: every clip has to be tested.
    Where the file names no validation, `valid_share` of the training clips validates, in [0, 1).
    """

    path: str
    test: str = "test_folds"
    valid: str | None = None
    shares_speakers: bool
    complete: bool
    valid_share: float

    def __post_init__(self) -> None:
        if not isinstance(self.path, str) or Path(self.path).suffix not in fold_file.SUFFIXES:
            raise ParameterError(
                f"params.yaml: protocols.foreign.path is '{self.path}'; "
                "name a .json or a .csv file of folds."
            )
        ranges.check_flag("protocols.foreign.shares_speakers", self.shares_speakers)
        ranges.check_flag("protocols.foreign.complete", self.complete)
        ranges.check_share("protocols.foreign.valid_share", self.valid_share)


def split(clips: pd.DataFrame, params: Params, seed: int) -> Iterator[Fold]:
    """The folds of the file, in its order.

    clips: rows with id, speaker and emotion; their order is irrelevant. Where a fold names no
    training clips, all that it does not name train; where the file names no validation, the seed
    draws it: whole speakers (`speakers.choose_valid`), or clips at random where speakers are
    shared anyway. Raises SplitError for a file that cannot be read, a name that is no clip or
    speaker, clips that two folds test, and, with `complete`, clips that none tests.
    """
    speakers.count(clips)
    clips = clips.sort_values("id", ignore_index=True)
    folds = fold_file.resolve(
        fold_file.read(params.path, test=params.test, valid=params.valid), clips, params.path
    )
    _check_tested(folds, clips, params)
    generator = np.random.default_rng(seed)
    has_valid = any(fold["valid"] for fold in folds)
    for fold in folds:
        test, valid = (clips["id"].isin(fold[role]).to_numpy() for role in ("test", "valid"))
        train = clips["id"].isin(fold["train"]).to_numpy() if fold["train"] else ~test & ~valid
        if not has_valid:
            valid = _draw_valid(clips, train, params, generator)
            train &= ~valid
        yield Fold(
            train=speakers.ids(clips, train),
            valid=speakers.ids(clips, valid),
            test=speakers.ids(clips, test),
        )


def _draw_valid(
    clips: pd.DataFrame, train: np.ndarray, params: Params, generator: np.random.Generator
) -> np.ndarray:
    """Which of the training clips validate: (clips,) bool."""
    if not params.shares_speakers:
        names, counts = speakers.count(clips[train])
        validates = names[speakers.choose_valid(counts, params.valid_share, generator)]
        return train & clips["speaker"].isin(set(validates)).to_numpy()
    valid = np.zeros(len(clips), dtype=bool)
    emotion = clips["emotion"].to_numpy(dtype=str)[train]
    valid[train] = strata.draw(emotion, params.valid_share, generator)
    return valid


def _check_tested(folds: list[dict[str, set[str]]], clips: pd.DataFrame, params: Params) -> None:
    fold_of: dict[str, int] = {}
    for number, fold in enumerate(folds):
        for clip in sorted(fold["test"]):
            if clip in fold_of:
                raise SplitError(
                    f"{params.path}: the folds {fold_of[clip]} and {number} both test the clip "
                    f"{clip}; let each clip or speaker be tested once."
                )
            fold_of[clip] = number
    left = sorted(set(clips["id"]) - set(fold_of))
    if left and params.complete:
        raise SplitError(
            f"{params.path}: no fold tests {len(left)} of {len(clips)} clips, the first is "
            f"{left[0]}; add them, or set protocols.foreign.complete to false if this is meant."
        )

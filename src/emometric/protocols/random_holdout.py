"""A share of the clips held out at random, again and again; speakers are shared (kumar2021)."""

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
    """`test_share` of the clips is tested, in (0, 1), in each of `repeats` rounds, from 1;
    `valid_share` of the others validates, in [0, 1)."""

    test_share: float
    repeats: int
    valid_share: float

    def __post_init__(self) -> None:
        ranges.check_share("protocols.random_holdout.test_share", self.test_share, from_zero=False)
        ranges.check_whole("protocols.random_holdout.repeats", self.repeats, 1)
        ranges.check_share("protocols.random_holdout.valid_share", self.valid_share)


def split(clips: pd.DataFrame, params: Params, seed: int) -> Iterator[Fold]:
    """Draw `test_share` of each emotion's clips to test and train on the others, `repeats` times.

    clips: rows with id, speaker and emotion; their order is irrelevant. A round is one fold; rounds
    are drawn apart, so that a clip may be tested in several and in none. kumar2021 (section IV):
    70/30 and "10-fold cross-validation", read as ten such rounds. Raises SplitError where
    `test_share` of the clips is less than one.
    """
    speakers.count(clips)
    clips = clips.sort_values("id", ignore_index=True)
    emotion = clips["emotion"].to_numpy(dtype=str)
    generator = np.random.default_rng(seed)
    for repeat in range(params.repeats):
        test = strata.draw(emotion, params.test_share, generator)
        if not test.any():
            raise SplitError(
                f"{params.test_share:g} of {len(clips)} clips is no clip to test; "
                "set protocols.random_holdout.test_share higher."
            )
        rest = np.flatnonzero(~test)
        validates = strata.draw(emotion[rest], params.valid_share, generator)
        yield Fold(
            train=tuple(clips["id"][rest[~validates]]),
            valid=tuple(clips["id"][rest[validates]]),
            test=tuple(clips["id"][test]),
            repeat=repeat,
        )

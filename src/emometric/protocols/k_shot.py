"""A few labelled clips of each test speaker are granted; that speaker's others are asked."""

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
ENROLS_TESTED = True


@dataclass(frozen=True, kw_only=True)
class Params:
    """`shots` clips of each emotion are granted, from 1, drawn anew in each of `repeats` rounds,
    from 1; `valid_share` of the training speakers' clips validates, in [0, 1)."""

    shots: int
    repeats: int
    valid_share: float

    def __post_init__(self) -> None:
        ranges.check_whole("protocols.k_shot.shots", self.shots, 1)
        ranges.check_whole("protocols.k_shot.repeats", self.repeats, 1)
        ranges.check_share("protocols.k_shot.valid_share", self.valid_share)


def split(clips: pd.DataFrame, params: Params, seed: int) -> Iterator[Fold]:
    """Test each speaker in turn, in every round, with a support set of the speaker's own.

    clips: rows with id, speaker and emotion; their order is irrelevant. `enrol` is the support set,
    `test` the query set. An emotion of which the speaker has no more than `shots` clips can have no
    query beside its support: those clips have no role where this speaker is tested. A speaker who
    has less than two emotions left is never tested and always trained on. The training and
    validation clips of a speaker's folds are the same in all rounds. Raises SplitError for a
    single speaker, and where nobody can be tested.
    """
    names, counts = speakers.count(clips)
    if len(names) < 2:
        raise SplitError(f"{len(names)} speaker cannot be left out; use a corpus of at least two.")
    tested = names[(counts > params.shots).sum(axis=1) >= 2]
    if len(tested) == 0:
        raise SplitError(
            f"no speaker has more than {params.shots} clips of two emotions; "
            "set protocols.k_shot.shots lower."
        )
    clips = clips.sort_values("id", ignore_index=True)
    generator = np.random.default_rng(seed)
    for name in tested:
        own = (clips["speaker"] == name).to_numpy()
        known = speakers.fold(clips, ~own, own, valid_share=params.valid_share, generator=generator)
        for repeat in range(params.repeats):
            enrol, test = _draw(clips[own], params.shots, generator)
            yield Fold(train=known.train, valid=known.valid, test=test, enrol=enrol, repeat=repeat)


def _draw(own: pd.DataFrame, shots: int, generator: np.random.Generator):
    """Ids of the support and of the query set among a speaker's clips, each sorted."""
    enrol: list[str] = []
    test: list[str] = []
    for _, some in own.groupby("emotion")["id"]:
        if len(some) > shots:
            drawn = generator.permutation(some.to_numpy(dtype=object))
            enrol += drawn[:shots].tolist()
            test += drawn[shots:].tolist()
    return tuple(sorted(enrol)), tuple(sorted(test))

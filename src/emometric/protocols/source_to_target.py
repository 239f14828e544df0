"""Train on one corpus, test on another, with or without a few labelled clips of it (feng2020)."""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from emometric import ranges
from emometric.base.errors import ParameterError, SplitError
from emometric.division import speakers
from emometric.storage.clip import Fold

SHARES_SPEAKERS = False
SHARES_SENTENCES = False
ENROLS_TESTED = True  # with some settings; see Params.enrols_tested


@dataclass(frozen=True, kw_only=True)
class Params:
    """`source` and `target`: ids of two corpora. `n_adapted` speakers of the target, from 0, grant
    one clip of each emotion; they are drawn anew in each of `repeats` rounds, from 1. With
    `tests_adapted` their other clips are tested too, as in feng2020; without, they have no role.
    `valid_share` of the source speakers' clips validates, in [0, 1)."""

    source: str
    target: str
    n_adapted: int
    tests_adapted: bool
    repeats: int
    valid_share: float

    def __post_init__(self) -> None:
        for name in ("source", "target"):
            if not isinstance(getattr(self, name), str) or self.source == self.target:
                raise ParameterError(
                    f"params.yaml: protocols.source_to_target.{name} is '{getattr(self, name)}'; "
                    "write the ids of two corpora, such as cremad and ravdess."
                )
        ranges.check_whole("protocols.source_to_target.n_adapted", self.n_adapted, 0)
        ranges.check_flag("protocols.source_to_target.tests_adapted", self.tests_adapted)
        ranges.check_whole("protocols.source_to_target.repeats", self.repeats, 1)
        ranges.check_share("protocols.source_to_target.valid_share", self.valid_share)

    @property
    def enrols_tested(self) -> bool:
        """Whether speakers who grant clips are tested; a protocol that admits it is stamped."""
        return self.tests_adapted and self.n_adapted > 0


def split(clips: pd.DataFrame, params: Params, seed: int) -> Iterator[Fold]:
    """Train on the source; test on the target, apart from the clips that `enrol` grants of it.

    clips: rows with id, speaker, emotion and corpus, of both corpora; their order is irrelevant,
    and other corpora have no role. Without adapted speakers there is one fold, whatever `repeats`:
    every round would be the same. The source's division into train and valid is the same in all
    rounds. Emotions that only the target has cannot be learned: leave them out beforehand. Raises
    SplitError where one of the corpora has no clips, or nobody is left to test.
    """
    speakers.count(clips)
    corpus = clips["corpus"].to_numpy(dtype=str)
    for name in (params.source, params.target):
        if name not in corpus:
            raise SplitError(
                f"there are no clips of '{name}' to go from {params.source} to {params.target}; "
                "give the clips of both corpora."
            )
    generator = np.random.default_rng(seed)
    source, target = corpus == params.source, corpus == params.target
    plain = speakers.fold(
        clips, source, target, valid_share=params.valid_share, generator=generator
    )
    if params.n_adapted == 0:
        yield plain
        return
    clips = clips[target].sort_values("id", ignore_index=True)
    names = np.unique(clips["speaker"].to_numpy(dtype=object))
    if len(names) < params.n_adapted + (not params.tests_adapted):
        raise SplitError(
            f"{params.n_adapted} of the {len(names)} speakers of '{params.target}' cannot grant "
            "clips; set protocols.source_to_target.n_adapted lower."
        )
    for repeat in range(params.repeats):
        adapted = set(generator.permutation(names)[: params.n_adapted])
        is_adapted = clips["speaker"].isin(adapted)
        drawn = clips.loc[generator.permutation(np.flatnonzero(is_adapted))]
        enrol = set(drawn.drop_duplicates(["speaker", "emotion"])["id"])
        tested = ~clips["id"].isin(enrol) if params.tests_adapted else ~is_adapted
        yield dataclasses.replace(
            plain,
            test=speakers.ids(clips, tested.to_numpy()),
            enrol=tuple(sorted(enrol)),
            repeat=repeat,
        )

"""Folds of whole speakers, balanced in emotion and size: each speaker is tested once."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from emometric import speakers
from emometric.clip import Fold
from emometric.errors import ParameterError, SplitError

SHARES_SPEAKERS = False

N_DRAWS = 100  # orders in which speakers are dealt out; the best division is kept


@dataclass(frozen=True, kw_only=True)
class Params:
    """`n_folds` from 2; `valid_share` of the training speakers' clips validates, in [0, 1)."""

    n_folds: int
    valid_share: float

    def __post_init__(self) -> None:
        if not isinstance(self.n_folds, int) or self.n_folds < 2:
            raise ParameterError(
                f"params.yaml: protocols.speaker_folds.n_folds is '{self.n_folds}'; "
                "write a whole number from 2."
            )
        if not isinstance(self.valid_share, (int, float)) or not 0 <= self.valid_share < 1:
            raise ParameterError(
                f"params.yaml: protocols.speaker_folds.valid_share is '{self.valid_share}'; "
                "write a number from 0 and below 1."
            )


def split(clips: pd.DataFrame, params: Params, seed: int) -> Iterator[Fold]:
    """Divide the speakers into `n_folds` groups and test on each in turn.

    clips: rows with id, speaker and emotion; their order is irrelevant. Each fold's share of every
    emotion and of all clips is made as equal as whole speakers allow. An emotion of two or more
    speakers is spread over two folds or more, so that it can be learned in every fold, unless the
    corpus makes that impossible; an emotion of a single speaker cannot be learned in the fold that
    tests this speaker. Validation: `speakers.choose_valid`. Raises SplitError for fewer speakers
    than folds.

    Greedy dealing after scikit-learn's StratifiedGroupKFold, with two departures: the best of
    many orders is kept, and an emotion's presence in training goes before balance.
    """
    names, counts = speakers.count(clips)
    if len(names) < params.n_folds:
        raise SplitError(
            f"{len(names)} speakers cannot fill {params.n_folds} folds; "
            f"set protocols.speaker_folds.n_folds to {max(len(names), 2)} or less."
        )
    generator = np.random.default_rng(seed)
    fold_of = _deal(counts, params.n_folds, generator)
    for number in range(params.n_folds):
        rest = np.flatnonzero(fold_of != number)
        validates = speakers.choose_valid(counts[rest], params.valid_share, generator)
        yield Fold(
            train=speakers.ids_of(clips, names[rest[~validates]]),
            valid=speakers.ids_of(clips, names[rest[validates]]),
            test=speakers.ids_of(clips, names[fold_of == number]),
        )


def _deal(counts: np.ndarray, n_folds: int, generator: np.random.Generator) -> np.ndarray:
    """The fold of each speaker: (speakers,) int; no fold stays empty."""
    shares = np.column_stack([counts / counts.sum(axis=0), counts.sum(axis=1) / counts.sum()])
    can_spread = (counts > 0).sum(axis=0) > 1
    best, best_cost = None, None
    for _ in range(N_DRAWS):
        fold_of = np.empty(len(counts), dtype=np.int64)
        held = np.zeros((n_folds, shares.shape[1]))
        for speaker in generator.permutation(len(counts)):
            # The variance over folds grows least where the product is smallest; it is zero
            # for an empty fold and for no other, so that every fold gets a speaker.
            fold_of[speaker] = np.argmin(held @ shares[speaker])
            held[fold_of[speaker]] += shares[speaker]
        confined = can_spread & ((held[:, :-1] > 0).sum(axis=0) < 2)
        cost = (int(confined.sum()), float((held**2).sum()))
        if best is None or cost < best_cost:
            best, best_cost = fold_of, cost
    return best

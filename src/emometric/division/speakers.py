"""Whole groups of clips as the unit of every division: speakers, or sentences, or corpora."""

from itertools import product

import numpy as np
import pandas as pd

from emometric.base.errors import SplitError
from emometric.storage.clip import Fold

N_DRAWS = 20  # orders of the speakers that are tried for validation; the best one is kept
N_DIVISIONS = 4096  # tried one by one
N_DEALS = 100  # orders in which speakers are dealt out to folds; the best division is kept


def count(clips: pd.DataFrame, unit: str = "speaker") -> tuple[np.ndarray, np.ndarray]:
    """Speakers, sorted, and their clips by emotion: (speakers,) str and (speakers, emotions) int.

    clips: rows with id, speaker and emotion, in any order; `unit` names another column to count
    by. Raises SplitError where one of these is missing or an id occurs twice.
    """
    for column in dict.fromkeys(("id", "speaker", "emotion", unit)):
        if column not in clips or clips[column].isna().any():
            raise SplitError(f"a clip without {column} cannot be split; leave such clips out.")
    if clips["id"].duplicated().any():
        twice = clips.loc[clips["id"].duplicated(), "id"].min()
        raise SplitError(f"the clip {twice} occurs twice; give every clip an id of its own.")
    names, row = np.unique(clips[unit].to_numpy(dtype=str), return_inverse=True)
    emotions, column = np.unique(clips["emotion"].to_numpy(dtype=str), return_inverse=True)
    counts = np.bincount(row * len(emotions) + column, minlength=len(names) * len(emotions))
    return names.astype(object), counts.reshape(len(names), len(emotions))


def fold(
    clips: pd.DataFrame,
    train: np.ndarray,
    test: np.ndarray,
    *,
    valid_share: float,
    generator: np.random.Generator,
    unit: str = "speaker",
    repeat: int = 0,
) -> Fold:
    """A fold in which whole speakers of `train` validate (`choose_valid`).

    clips: rows with id, speaker and emotion, in any order; train, test: (clips,) bool. `unit`
    names another column whose groups validate as a whole.
    """
    names, counts = count(clips[train], unit)
    validates = names[choose_valid(counts, valid_share, generator)]
    valid = train & clips[unit].isin(set(validates)).to_numpy()
    return Fold(
        train=ids(clips, train & ~valid),
        valid=ids(clips, valid),
        test=ids(clips, test),
        repeat=repeat,
    )


def ids(clips: pd.DataFrame, chosen: np.ndarray) -> tuple[str, ...]:
    """Ids of the clips where `chosen` (clips,) bool holds, sorted."""
    return tuple(sorted(clips["id"].to_numpy(dtype=object)[chosen]))


def choose_valid(counts: np.ndarray, share: float, generator: np.random.Generator) -> np.ndarray:
    """Which speakers of the training part validate: (speakers,) bool.

    counts: (speakers, emotions) clips of the training part. `share` of its clips is aimed at, in
    sum and within each emotion; whole speakers seldom allow it exactly. At least one speaker is
    taken, but no emotion ever loses its last training speaker: where that forbids every speaker
    (each is the only one of some emotion), or with a share of 0, nobody validates.
    """
    best, best_cost = np.zeros(len(counts), dtype=bool), np.inf
    if share == 0:
        return best
    totals = counts.sum(axis=0)
    counts, totals = counts[:, totals > 0], totals[totals > 0]
    shares = np.column_stack([counts / totals, counts.sum(axis=1) / totals.sum()])
    for _ in range(N_DRAWS):
        chosen, held, cost = np.zeros(len(counts), dtype=bool), np.zeros(shares.shape[1]), np.inf
        left = totals.copy()
        for speaker in generator.permutation(len(counts)):
            if not np.all(left > counts[speaker]):
                continue
            # The sum weighs as much as all emotions together.
            off = (held + shares[speaker] - share) ** 2
            new_cost = off[:-1].mean() + off[-1]
            if new_cost < cost:
                chosen[speaker], cost = True, new_cost
                held, left = held + shares[speaker], left - counts[speaker]
        if cost < best_cost:
            best, best_cost = chosen, cost
    return best


def deal(counts: np.ndarray, n_folds: int, generator: np.random.Generator) -> np.ndarray:
    """Deal speakers out to folds that are alike: the fold of each, (speakers,) int; none is empty.

    counts: (speakers, emotions), at least `n_folds` speakers. Each fold's share of every emotion
    and of all clips is made as equal as whole speakers allow. An emotion of two or more speakers
    is spread over two folds or more, unless the corpus makes that impossible: so that presence in
    training goes before balance.

    Every division is tried where there are at most `N_DIVISIONS`, and the generator is not used;
    else the best of `N_DEALS` greedy deals is kept, after scikit-learn's StratifiedGroupKFold.
    """
    shares = np.column_stack([counts / counts.sum(axis=0), counts.sum(axis=1) / counts.sum()])
    can_spread = (counts > 0).sum(axis=0) > 1
    if n_folds ** len(counts) <= N_DIVISIONS:
        divisions = product(range(n_folds), repeat=len(counts))
        deals = (np.array(one) for one in divisions if len(set(one)) == n_folds)
    else:
        deals = (_greedy(shares, n_folds, generator) for _ in range(N_DEALS))

    def cost(fold_of: np.ndarray) -> tuple[int, float]:
        held = np.array([shares[fold_of == number].sum(axis=0) for number in range(n_folds)])
        confined = can_spread & ((held[:, :-1] > 0).sum(axis=0) < 2)
        return int(confined.sum()), float((held**2).sum())

    return min(deals, key=cost)


def _greedy(shares: np.ndarray, n_folds: int, generator: np.random.Generator) -> np.ndarray:
    """Speakers in random order, each to the fold where the variance over folds grows least."""
    fold_of = np.empty(len(shares), dtype=np.int64)
    held = np.zeros((n_folds, shares.shape[1]))
    for speaker in generator.permutation(len(shares)):
        # It grows least where the product is smallest; the product is zero for an empty fold and
        # for no other, so that every fold gets a speaker.
        fold_of[speaker] = np.argmin(held @ shares[speaker])
        held[fold_of[speaker]] += shares[speaker]
    return fold_of

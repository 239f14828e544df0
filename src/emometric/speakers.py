"""Speakers as the unit of every division: their clips by emotion, and who of them validates."""

import numpy as np
import pandas as pd

from emometric.errors import SplitError

N_DRAWS = 20  # orders of the speakers that are tried; the best one is kept


def count(clips: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Speakers, sorted, and their clips by emotion: (speakers,) str and (speakers, emotions) int.

    clips: rows with id, speaker and emotion, in any order. Raises SplitError where one of these
    is missing or an id occurs twice.
    """
    for column in ("id", "speaker", "emotion"):
        if clips[column].isna().any():
            raise SplitError(f"a clip without {column} cannot be split; leave such clips out.")
    if clips["id"].duplicated().any():
        twice = clips.loc[clips["id"].duplicated(), "id"].min()
        raise SplitError(f"the clip {twice} occurs twice; give every clip an id of its own.")
    table = pd.crosstab(clips["speaker"], clips["emotion"])  # sorts both
    return table.index.to_numpy(dtype=object), table.to_numpy(dtype=np.int64)


def ids_of(clips: pd.DataFrame, speakers: np.ndarray) -> tuple[str, ...]:
    """Ids of all clips of `speakers`, sorted."""
    return tuple(sorted(clips.loc[clips["speaker"].isin(set(speakers)), "id"]))


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

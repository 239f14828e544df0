"""Two systems that decide together: their scores, brought to one scale clip by clip, are added.

A question beyond the papers: does a network hear what functionals do not? Nothing is trained or
fitted here, and nothing is chosen: both weigh alike.
"""

import numpy as np
import pandas as pd

from emometric import cells, evaluation
from emometric.studies import statistics
from emometric.studies.cell import Stored

COLUMNS = (
    "strategy",
    "accuracy",
    "uar",
    "uar_low",
    "uar_high",
    "gain",
    "gain_low",
    "gain_high",
    "p",
    "n_clips",
    "n_speakers",
)
_KEY = ["fold", "repeat", "seed", "clip"]


def joined(stored: Stored, rules: evaluation.Params, beside: str) -> pd.DataFrame:
    """Each strategy together with the strategy `beside`: a row each, in the strategies' order.

    Rates of the sum (shares), UAR with its interval over speakers; gain: its UAR minus that of
    `beside` alone, with interval and p of `statistics.over_speakers`. No rows where the study lacks
    `beside`, or where a strategy has several settings.
    """
    names = stored.numbers.drop_duplicates("cell").set_index("cell")
    if "strategy" not in names or not names["strategy"].is_unique:
        return pd.DataFrame(columns=COLUMNS)
    cell_of = {strategy: cell for cell, strategy in names["strategy"].items()}
    decided = dict(tuple(stored.cells.groupby("cell")))
    other = decided.get(cell_of.get(beside))
    rows = []
    for strategy in sorted(cell_of):
        own = decided.get(cell_of[strategy])
        if own is None or other is None or strategy == beside:
            continue
        both = _added(own, other)
        rates = evaluation.summarise(both, rules, stored.seed)
        gain = statistics.over_speakers(
            pd.concat([both, other]), "both", cell_of[beside], rules, stored.seed
        )
        found = {name: rates[name] for name in COLUMNS[1:5]}
        found |= {"gain": gain.difference, "gain_low": gain.low, "gain_high": gain.high}
        counts = {name: rates[name] for name in ("n_clips", "n_speakers")}
        rows.append({"strategy": strategy, **found, "p": gain.p, **counts})
    return pd.DataFrame(rows, columns=COLUMNS)


def standard(scores: np.ndarray) -> np.ndarray:
    """Each row less its mean, by its standard deviation: (n, emotions); a row of equals is zeros.

    -inf, an emotion that was not learned, stays and counts for nothing.

    >>> standard(np.array([[1.0, 3.0], [5.0, 5.0]])).tolist()
    [[-1.0, 1.0], [0.0, 0.0]]
    """
    finite = np.isfinite(scores)
    known = np.where(finite, scores, np.nan)
    centred = known - np.nanmean(known, axis=1, keepdims=True)
    spread = np.nanstd(known, axis=1, keepdims=True)
    return np.where(finite, centred / np.where(spread > 0, spread, 1.0), -np.inf)


def _added(first: pd.DataFrame, second: pd.DataFrame) -> pd.DataFrame:
    """The cells table of both together, as cell `both`, of the clips that both decided."""
    columns = [name for name in first.columns if name.startswith(cells.SCORE)]
    ours, theirs = first.set_index(_KEY), second.set_index(_KEY)
    shared = ours.index.intersection(theirs.index)
    ours, theirs = ours.loc[shared], theirs.loc[shared]
    total = standard(ours[columns].to_numpy()) + standard(theirs[columns].to_numpy())
    names = np.array([name.removeprefix(cells.SCORE) for name in columns])
    both = ours.assign(cell="both", predicted=names[total.argmax(axis=1)])
    both[columns] = total
    return both.reset_index()[list(first.columns)]

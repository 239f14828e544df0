"""Two systems that decide together: their scores, brought to one scale clip by clip, are added.

A question beyond the papers: does a network hear what functionals do not? Nothing is trained or
fitted here, and nothing is chosen: both weigh alike.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from emometric.scoring import cells, evaluation
from emometric.studies import statistics
from emometric.studies.cell import Stored

COLUMNS = (
    "system",
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


def joined(
    stored: Stored, rules: evaluation.Params, systems: Mapping[str, str], beside: str
) -> pd.DataFrame:
    """Each system together with the system `beside`: a row each, in the order of `systems`.

    systems: name of a system -> its cell. Rates of the sum (shares), UAR with its interval over
    speakers; gain: its UAR minus that of `beside` alone, with interval and p of
    `statistics.over_speakers`. No rows where the study lacks `beside`.
    """
    decided = dict(tuple(stored.cells.groupby("cell")))
    other = decided.get(systems.get(beside))
    rows = []
    for system, cell in systems.items():
        own = decided.get(cell)
        if own is None or other is None or system == beside:
            continue
        both = _added(own, other)
        rates = evaluation.summarise(both, rules, stored.seed)
        gain = statistics.over_speakers(
            pd.concat([both, other]), "both", systems[beside], rules, stored.seed
        )
        found = {name: rates[name] for name in COLUMNS[1:5]}
        found |= {"gain": gain.difference, "gain_low": gain.low, "gain_high": gain.high}
        counts = {name: rates[name] for name in ("n_clips", "n_speakers")}
        rows.append({"system": system, **found, "p": gain.p, **counts})
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

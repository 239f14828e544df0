"""Similar or not: how the pairs of a test and a support clip are judged (ntalampiras2020).

Counts come from the numbers of a study's runs: `pairs_<a>_<b>`, pairs of a test clip of emotion a
and a support clip of emotion b, and `similar_<a>_<b>`, how many of them score at least 0.5. They
are summed over the runs; where each run tests speakers of its own, whole runs are resampled.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from emometric.scoring import evaluation, resampling
from emometric.studies import statistics
from emometric.studies.cell import Stored

KEYS = ("variant", "n_known", "unknown")
COUNTS = ("n_speakers", "n_runs")
RATE = ("rate", "rate_low", "rate_high")
RELATIONS = (
    "similar->similar",
    "similar->dissimilar",
    "dissimilar->similar",
    "dissimilar->dissimilar",
    "mean of the diagonal",
)


def similarity(stored: Stored, names: Sequence[str], rules: evaluation.Params) -> pd.DataFrame:
    """Table 1: of pairs of one emotion, and of different ones, the share that is found similar.

    Columns variant, n_known, unknown, relation (presented->predicted, of `RELATIONS`), rate with
    its interval, n_pairs, n_speakers, n_runs. `rate` is of the presented pairs; the last relation
    is the mean of similar->similar and dissimilar->dissimilar, the paper's "average recognition
    rate".
    """
    same = np.eye(len(names), dtype=bool)
    found = []
    for settings, counts, similar in _cells(stored, names):
        n, n_similar = (
            np.stack([table[:, same].sum(axis=1), table[:, ~same].sum(axis=1)], axis=1)
            for table in (counts, similar)
        )
        parts = np.stack(
            [n_similar[:, 0], n[:, 0] - n_similar[:, 0], n_similar[:, 1], n[:, 1] - n_similar[:, 1]]
        ).T
        whole = n[:, [0, 0, 1, 1]]
        drawn = _drawn(whole, settings.pop("are_apart"), stored.seed, rules)
        values = [_shares(parts.sum(axis=0), whole.sum(axis=0))]
        values += [_shares(drawn @ parts, drawn @ whole)] if len(drawn) else []
        values = [np.column_stack([one.reshape(-1, 4), _diagonal(one)]) for one in values]
        low, high = _bounds(values[1], rules) if len(drawn) else np.full((2, 5), np.nan)
        n_pairs = [*whole.sum(axis=0).tolist(), n.sum()]
        found += [
            {**settings, "relation": relation, "n_pairs": n_of}
            | dict(zip(RATE, (values[0][0, place], low[place], high[place]), strict=True))
            for place, (relation, n_of) in enumerate(zip(RELATIONS, n_pairs, strict=True))
        ]
    return pd.DataFrame(found, columns=[*KEYS, "relation", *RATE, "n_pairs", *COUNTS])


def pairs(stored: Stored, names: Sequence[str], rules: evaluation.Params) -> pd.DataFrame:
    """Section 4.3: for each pair of emotions the share of clip pairs that are found similar (Ms).

    Columns variant, n_known, unknown, test, support (emotions), rate with its interval, n_pairs,
    n_speakers, n_runs. Md, the share found dissimilar, is 1 - rate in every cell.
    """
    found = []
    for settings, counts, similar in _cells(stored, names):
        are_apart = settings.pop("are_apart")
        rate, low, high = shares(similar, counts, stored.seed, rules, are_apart=are_apart)
        found += [
            {
                **settings,
                "test": one,
                "support": other,
                "n_pairs": counts[:, row, column].sum(),
                **dict(
                    zip(RATE, (rate[row, column], low[row, column], high[row, column]), strict=True)
                ),
            }
            for row, one in enumerate(names)
            for column, other in enumerate(names)
        ]
    return pd.DataFrame(found, columns=[*KEYS, "test", "support", *RATE, "n_pairs", *COUNTS])


def shares(
    part: np.ndarray,
    whole: np.ndarray,
    seed: int,
    rules: evaluation.Params,
    *,
    are_apart: bool = True,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sums of part over sums of whole, and the percentiles under resampling of the first axis.

    part, whole: counts (units, rows, columns), whole may broadcast. Returns rate, low, high: (rows,
    columns) each; NaN where whole is 0 throughout. are_apart: whether the units are independent;
    else low and high are NaN, as they are for a single unit.
    """
    part, whole = np.broadcast_arrays(part, whole)
    shape = part.shape[1:]
    part, whole = (table.reshape(len(part), -1).astype(np.float64) for table in (part, whole))
    rate = _shares(part.sum(axis=0), whole.sum(axis=0))
    drawn = _drawn(whole, are_apart, seed, rules)
    bounds = np.full((2, len(rate)), np.nan)
    if len(drawn):
        bounds = _bounds(_shares(drawn @ part, drawn @ whole), rules)
    return rate.reshape(shape), bounds[0].reshape(shape), bounds[1].reshape(shape)


def _cells(stored: Stored, names: Sequence[str]):
    """Of each cell with counts: settings and n_speakers, n_runs, are_apart; counts, similar.

    The latter: (runs, test emotions, support emotions). are_apart: no speaker in two runs.
    """
    numbers = stored.numbers
    columns = [[f"{kind}_{a}_{b}" for a in names for b in names] for kind in ("pairs", "similar")]
    has = numbers.reindex(columns=columns[0]).notna().any(axis=1)
    for cell, rows in numbers[has].groupby("cell", sort=False):
        counts, similar = (
            rows.reindex(columns=own).fillna(0).to_numpy(np.float64).reshape(-1, *[len(names)] * 2)
            for own in columns
        )
        tested = stored.cells[stored.cells["cell"] == cell]
        tested = tested[[*statistics.RUN, "speaker"]].drop_duplicates()
        first = rows.iloc[0]
        yield (
            {name: first.get(name) for name in KEYS}
            | {"n_speakers": tested["speaker"].nunique(), "n_runs": len(rows)}
            | {"are_apart": not tested["speaker"].duplicated().any()},
            counts,
            similar,
        )


def _drawn(whole: np.ndarray, are_apart: bool, seed: int, rules: evaluation.Params) -> np.ndarray:
    """How often each unit enters each resample; no rows where none can be drawn."""
    if len(whole) < 2 or not are_apart:
        return np.zeros((0, len(whole)))
    generator = np.random.default_rng(seed)
    drawn = resampling.draw_speakers(whole, rules.n_resamples, generator)
    return drawn if len(drawn) == rules.n_resamples else drawn[:0]


def _shares(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.full(np.shape(part), np.nan), where=whole > 0)


def _diagonal(rates: np.ndarray) -> np.ndarray:
    """Mean of the first and the last of the four rates of table 1: (n,)."""
    rates = rates.reshape(-1, 4)
    return (rates[:, 0] + rates[:, 3]) / 2


def _bounds(values: np.ndarray, rules: evaluation.Params) -> np.ndarray:
    """Percentiles over the first axis: (2, columns); NaN for a column that has a NaN."""
    tails = [(1 - rules.confidence) / 2, (1 + rules.confidence) / 2]
    return np.quantile(values, tails, axis=0)

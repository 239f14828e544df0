"""Two settings of a study against each other: the difference, its interval, and an exact method.

The units of a pair are speakers, whose clips resemble each other, or runs (folds and repeats),
which share training clips: a p over runs says what another draw of the folds would change, not
what other people would.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from emometric.base.errors import PipelineError
from emometric.scoring import evaluation, resampling

RUN = ("fold", "repeat")


@dataclass(frozen=True, kw_only=True)
class Difference:
    """UAR of one setting minus that of another; `method` says in words how p was found.

    difference, low, high: in [-1, 1]; low and high are NaN where no interval can be drawn; p in
    (0, 1]; n_units: speakers or runs that were paired.
    """

    difference: float
    low: float
    high: float
    p: float
    n_units: int
    method: str


def spread(values: np.ndarray) -> tuple[float, float]:
    """Mean and standard deviation over runs; the latter divides by n - 1, NaN for a single run.

    >>> spread(np.array([0.5, 0.7]))
    (0.6, 0.14142135623730948)
    """
    values = np.asarray(values, dtype=np.float64)
    sd = float(values.std(ddof=1)) if len(values) > 1 else float("nan")
    return float(values.mean()) if len(values) else float("nan"), sd


def over_speakers(
    table: pd.DataFrame, cell: str, other: str, params: evaluation.Params, seed: int
) -> Difference:
    """Two settings in pairs of speakers, from a cells table; the UARs are pooled over the runs.

    See `evaluation.compare` for interval and p. Raises PipelineError where the two did not test
    equally many clips of each speaker and emotion.
    """
    rows = [_of(table, name) for name in (cell, other)]
    recalls = [evaluation.by_speaker(part) for part in rows]
    found = evaluation.compare(*recalls, params, seed)
    n_differing = len(_parts(*recalls))
    return Difference(
        difference=found.difference,
        low=found.low,
        high=found.high,
        p=found.p,
        n_units=recalls[0]["speaker"].nunique(),
        method=_method("speakers", recalls[0]["speaker"].nunique(), n_differing, params),
    )


def over_runs(
    table: pd.DataFrame, cell: str, other: str, params: evaluation.Params, seed: int
) -> Difference:
    """Two settings in pairs of runs, the same fold and repeat of both, from a cells table.

    The difference is the mean over runs of UAR minus the other's UAR; its interval resamples the
    runs (percentiles), its p flips the sign of whole runs. Raises PipelineError where the two do
    not have the same runs.
    """
    first, second = (by_run(_of(table, name)) for name in (cell, other))
    if list(first.index) != list(second.index):
        raise PipelineError(
            f"'{cell}' has the runs (fold, repeat) {list(first.index)} and '{other}' "
            f"{list(second.index)}; compare settings of the same folds and repeats."
        )
    parts = (first - second).to_numpy() / len(first)
    low, high = _interval(parts, params, seed)
    return Difference(
        difference=float(parts.sum()),
        low=low,
        high=high,
        p=resampling.flip_p(
            parts, n_resamples=params.n_resamples, generator=np.random.default_rng(seed)
        ),
        n_units=len(parts),
        method=_method("runs", len(parts), np.count_nonzero(parts), params),
    )


def by_run(table: pd.DataFrame) -> pd.Series:
    """UAR of each run of one cell's rows: indexed by (fold, repeat), sorted."""
    correct = table.assign(correct=table["truth"] == table["predicted"])
    return correct.groupby([*RUN, "truth"])["correct"].mean().groupby(list(RUN)).mean()


def _of(table: pd.DataFrame, cell: str) -> pd.DataFrame:
    rows = table[table["cell"] == cell]
    if rows.empty:
        raise PipelineError(
            f"the table has no cell '{cell}'; compare some of "
            f"{', '.join(sorted(set(table['cell']))) or 'none'}."
        )
    return rows


def _parts(recalls: pd.DataFrame, other: pd.DataFrame) -> np.ndarray:
    """What each speaker adds to the difference, without the zeros, as `sign_flip_p` counts them."""
    both = recalls.merge(other, on=["speaker", "emotion"], suffixes=("", "_other"))
    total = both.groupby("emotion")["n"].transform("sum")
    share = (both["correct"] - both["correct_other"]) / total
    parts = share.groupby(both["speaker"]).sum().to_numpy()
    return parts[np.abs(parts) > 1e-15]


def _interval(parts: np.ndarray, params: evaluation.Params, seed: int) -> tuple[float, float]:
    if len(parts) < 2:
        return float("nan"), float("nan")
    generator = np.random.default_rng(seed)
    picks = generator.integers(len(parts), size=(params.n_resamples, len(parts)))
    tails = [(1 - params.confidence) / 2, (1 + params.confidence) / 2]
    low, high = np.quantile(parts[picks].sum(axis=1), tails)
    return float(low), float(high)


def _method(units: str, n_units: int, n_differing: int, params: evaluation.Params) -> str:
    """Such as: paired sign-flip permutation over 24 speakers (2000 random sign vectors)."""
    if resampling.is_exact(np.ones(n_differing), params.n_resamples):
        how = f"exact: all {2**n_differing} sign vectors of the {n_differing} that differ"
    else:
        how = f"{params.n_resamples} random sign vectors"
    return f"paired sign-flip permutation over {n_units} {units} ({how})"

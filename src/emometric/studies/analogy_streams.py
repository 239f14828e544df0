"""Clips stream past a dictionary that lacks an emotion: open-set rates (ntalampiras2020, 3.4).

From the embeddings with the role `stream`, of each run of the study `unknown`: a row a test clip
whose vector is [place in the stream, similarity to the known support, label given, founded a class
(0 or 1)]. A label is the number of an emotion, or from `FIRST_NEW` on of a class that the stream
has founded. The `threshold` of a run stands in its numbers.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from emometric.base.errors import StoreError
from emometric.scoring import evaluation, resampling
from emometric.studies import statistics
from emometric.studies.cell import Stored
from emometric.studies.open_rates import NEW, RATES, fractions

FIRST_NEW = 100
ROLE = "stream"
MEAN = "mean"  # the row over all unknown emotions
KEYS = ("variant", "unknown")
RUN = ("cell", *statistics.RUN)
STREAM = (
    *KEYS,
    *RUN,
    "place",
    "clip",
    "speaker",
    "emotion",
    "similarity",
    "label",
    "is_founder",
    "is_unknown",
    "threshold",
)
OPEN_SET = (
    *KEYS,
    *(f"{rate}{end}" for rate in RATES for end in ("", "_low", "_high")),
    "n_founded",
    "n_clips",
    "n_speakers",
    "n_runs",
)


def stream(stored: Stored, names: Sequence[str], clips: pd.DataFrame) -> pd.DataFrame:
    """Each clip of each stream in its order, with what became of it; columns `STREAM`.

    label: the emotion that it was taken for, or `new 1`, `new 2`, ... in the order of founding.
    emotion: the truth; is_unknown: whether the dictionary lacked it. clips: rows with id, speaker,
    emotion. StoreError for a clip that is not among them.
    """
    rows = stored.embeddings[stored.embeddings["role"] == ROLE]
    if rows.empty or not {*KEYS, "threshold"} <= set(stored.numbers.columns):
        return pd.DataFrame(columns=list(STREAM))
    vectors = np.stack(rows["embedding"].to_list()).astype(np.float64)
    labels = [
        names[int(one)] if one < FIRST_NEW else f"{NEW}{int(one) - FIRST_NEW + 1}"
        for one in vectors[:, 2]
    ]
    table = rows[[*RUN, "id"]].assign(
        place=vectors[:, 0].astype(np.int64),
        similarity=vectors[:, 1],
        label=labels,
        is_founder=vectors[:, 3] > 0.5,
    )
    table = table.merge(clips[["id", "speaker", "emotion"]], on="id", how="left")
    if table["emotion"].isna().any():
        lost = table["id"][table["emotion"].isna()].iloc[0]
        raise StoreError(f"the clip '{lost}' of a stream is not in the corpus; run the study anew.")
    table = table.merge(stored.numbers[[*RUN, *KEYS, "threshold"]], on=list(RUN))
    table = table.assign(is_unknown=table["emotion"] == table["unknown"])
    table = table.rename(columns={"id": "clip"})[list(STREAM)]
    return table.sort_values([*KEYS, *RUN, "place"], ignore_index=True)


def open_set(table: pd.DataFrame, seed: int, rules: evaluation.Params) -> pd.DataFrame:
    """Open-set rates for each unknown emotion, and their mean (unknown = `MEAN`).

    table: of `stream`. Columns `OPEN_SET`; `open_rates` defines the rates, whose fractions are
    summed over the runs: a pair of clips counts for AUROC only within a run, for two networks'
    similarities cannot be compared. Resampled are the tested speakers, the same ones for every
    unknown emotion. NaN where nothing counts for a rate; the mean then, too. n_founded: classes,
    over all runs.
    """
    found = []
    for variant, own in table.groupby("variant", sort=False):
        weights = _weights(own, seed, rules)
        streams = own.groupby("unknown", sort=False)
        rows = streams.agg(n_founded=("is_founder", "sum"), n_clips=("clip", "size"))
        rows["n_runs"] = streams.apply(lambda part: part.groupby(list(RUN)).ngroups)
        rows.loc[MEAN] = rows.sum()
        by_emotion = [_rates(part, weights) for _, part in streams]
        for rate in RATES:
            values = np.column_stack([one[rate] for one in by_emotion])
            values = np.column_stack([values, values.mean(axis=1)])
            rows[rate] = values[0]
            rows[f"{rate}_low"], rows[f"{rate}_high"] = _bounds(values[1:], rules)
        rows["n_speakers"] = own["speaker"].nunique()
        found.append(rows.reset_index().assign(variant=variant))
    every = pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=list(OPEN_SET))
    return every[list(OPEN_SET)]


def _weights(own: pd.DataFrame, seed: int, rules: evaluation.Params) -> pd.DataFrame:
    """How often each speaker counts: once in the first row, as drawn in those behind it."""
    clips = own.drop_duplicates("clip")
    n = pd.crosstab(clips["speaker"], clips["emotion"])
    drawn = np.zeros((0, len(n)))
    if len(n) > 1:
        generator = np.random.default_rng(seed)
        drawn = resampling.draw_speakers(n.to_numpy(), rules.n_resamples, generator)
        drawn = drawn if len(drawn) == rules.n_resamples else drawn[:0]
    return pd.DataFrame(np.vstack([np.ones((1, len(n))), drawn]), columns=n.index)


def _rates(part: pd.DataFrame, weights: pd.DataFrame) -> dict[str, np.ndarray]:
    """Each rate of one unknown emotion, over its runs: (rows of weights,)."""
    each = [fractions(stream, weights) for _, stream in part.groupby(list(RUN))]
    found = {}
    for rate in RATES:
        above, below = (sum(one[rate][side] for one in each) for side in (0, 1))
        found[rate] = np.divide(above, below, out=np.full(len(below), np.nan), where=below > 0)
    return found


def _bounds(values: np.ndarray, rules: evaluation.Params) -> np.ndarray:
    """Percentiles over the resamples that have a value: (2, columns); NaN where none has."""
    tails = [(1 - rules.confidence) / 2, (1 + rules.confidence) / 2]
    bounds = np.full((2, values.shape[1]), np.nan)
    for column, own in enumerate(values.T):
        if np.isfinite(own).any():
            bounds[:, column] = np.quantile(own[np.isfinite(own)], tails)
    return bounds

"""Speaker verification: are two utterances one person's? Trials, their equal error rate, intervals.

Conventions: a score is a similarity, larger = more alike; a trial is a pair of utterances of one
corpus, `same` where one speaker says both. Pairs across corpora are no trials: room, microphone
and language tell corpora apart, so that such pairs are easy for a network that knows no voice.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from emometric.base.errors import PipelineError

COLUMNS = ("group", "first", "second", "same", "score")
LEAST_SPEAKERS = 5  # of an interval: fewer say nothing of how speakers differ
_CHUNK = 2**21  # weights in memory at once


def trials(clips: pd.DataFrame, embedding: np.ndarray) -> pd.DataFrame:
    """Every pair of utterances of each corpus: columns `COLUMNS`, in the order of the rows.

    clips: rows with id, corpus and speaker; embedding: (rows, dim), of any length but zero.
    `group` is the corpus, `same` 0 or 1, `score` the cosine.
    """
    length = np.linalg.norm(embedding, axis=1, keepdims=True)
    unit = np.asarray(embedding, np.float64) / np.maximum(length, np.finfo(np.float32).tiny)
    corpus, speaker = clips["corpus"].to_numpy(str), clips["speaker"].to_numpy(str)
    ids = clips["id"].to_numpy(object)
    tables = []
    for name in np.unique(corpus):
        rows = np.flatnonzero(corpus == name)
        first, second = np.triu_indices(len(rows), k=1)
        score = (unit[rows] @ unit[rows].T)[first, second]
        first, second = rows[first], rows[second]
        same = (speaker[first] == speaker[second]).astype(np.int64)
        columns = (np.full(len(first), name, object), ids[first], ids[second], same, score)
        tables.append(pd.DataFrame(dict(zip(COLUMNS, columns, strict=True))))
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=COLUMNS)


def eer(same: Sequence[int], score: Sequence[float]) -> float:
    """Equal error rate: where as large a share of the same speakers is refused as of different
    ones is accepted. In [0, 1]; 0.5 is what scores without knowledge give, 1 is all reversed.

    same: (n,) 0 or 1, of both at least one; score: (n,). Trials of equal score are accepted
    together; between two thresholds both error rates are taken as straight lines, and the
    crossing is theirs (the ROC curve's with the diagonal).

    >>> eer([1, 1, 0, 0], [0.9, 0.4, 0.6, 0.1])
    0.5
    >>> eer([1, 1, 0, 0], [0.9, 0.7, 0.6, 0.1])
    0.0
    """
    same, score = np.asarray(same), np.asarray(score)
    if same.shape != score.shape or same.ndim != 1 or set(same.tolist()) != {0, 1}:
        raise PipelineError(
            "an equal error rate needs a score for each trial, and trials of one speaker and of "
            "two; give both."
        )
    return float(_crossing(*error_rates(same, score))[0])


def error_rates(
    same: np.ndarray, score: np.ndarray, weights: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """(false accepts, false refusals) at falling thresholds, from (0, 1) to (1, 0).

    same, score: (n,); weights: (resamples, n), of the trials, or None: each counts once. Returns
    two (resamples, thresholds + 1) float64, NaN where a resample has no trial of a kind.
    """
    order = np.argsort(-np.asarray(score), kind="stable")
    ends = np.flatnonzero(np.append(np.diff(np.asarray(score)[order]) != 0, True))
    same = np.asarray(same, bool)[order]
    weights = np.ones((1, len(order))) if weights is None else weights[:, order]
    rates = []
    for kind in (~same, same):
        passed = np.cumsum(weights * kind, axis=1)[:, ends]
        with np.errstate(invalid="ignore"):
            share = passed / passed[:, -1:]
        rates.append(np.concatenate([np.zeros((len(share), 1)), share], axis=1))
    return rates[0], 1 - rates[1]


def interval(
    found: pd.DataFrame,
    clips: pd.DataFrame,
    *,
    n_resamples: int,
    confidence: float,
    generator: np.random.Generator,
) -> tuple[float, float]:
    """Percentile interval of the EER of `found` under resampling of speakers: (low, high).

    found: a table of `trials`; clips: rows with id, corpus and speaker. Speakers are drawn with
    replacement within their corpus. A trial of one speaker weighs as often as the speaker is drawn,
    one of two speakers the product of both; a speaker's copies are no two speakers. Resamples
    without trials of both kinds are left out. NaN with fewer than `LEAST_SPEAKERS` speakers, or
    where most resamples are left out.
    """
    of_clip = clips.set_index("id")["speaker"]
    sides = [of_clip.reindex(found[side]).to_numpy(str) for side in ("first", "second")]
    names, place = np.unique(np.concatenate(sides), return_inverse=True)
    first, second = place.reshape(2, -1)
    if len(names) < LEAST_SPEAKERS:
        return float("nan"), float("nan")
    corpus = np.empty(len(names), object)
    corpus[first] = found["group"].to_numpy(object)
    corpus[second] = found["group"].to_numpy(object)
    same, score = found["same"].to_numpy(), found["score"].to_numpy()
    values: list[np.ndarray] = []
    rows = max(1, _CHUNK // len(found))
    for start in range(0, n_resamples, rows):
        drawn = _draw(corpus, min(rows, n_resamples - start), generator)
        weights = np.where(same == 1, drawn[:, first], drawn[:, first] * drawn[:, second])
        values.append(_crossing(*error_rates(same, score, weights)))
    kept = np.concatenate(values)
    kept = kept[np.isfinite(kept)]
    if len(kept) < n_resamples / 2:
        return float("nan"), float("nan")
    low, high = np.quantile(kept, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def _draw(corpus: np.ndarray, n_resamples: int, generator: np.random.Generator) -> np.ndarray:
    """How often each speaker enters each resample, within each corpus: (resamples, speakers)."""
    drawn = np.empty((n_resamples, len(corpus)))
    for name in sorted(set(corpus)):
        own = np.flatnonzero(corpus == name)
        drawn[:, own] = generator.multinomial(
            len(own), np.full(len(own), 1 / len(own)), n_resamples
        )
    return drawn


def _crossing(accepts: np.ndarray, refusals: np.ndarray) -> np.ndarray:
    """Where the two rates are equal, on straight lines between thresholds: (resamples,)."""
    gap = accepts - refusals  # rises from -1 to 1
    after = (gap >= 0).argmax(axis=1)
    row = np.arange(len(gap))
    before = np.maximum(after - 1, 0)
    step = gap[row, after] - gap[row, before]
    with np.errstate(invalid="ignore", divide="ignore"):
        share = -gap[row, before] / step
        return accepts[row, before] + share * (accepts[row, after] - accepts[row, before])

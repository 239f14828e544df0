"""How much of activation or valence a latent space explains: adjusted R2, F-test, and speakers.

Regressions are ordinary least squares with a constant. They are computed from sums over the clips
of each speaker, so that an interval that resamples speakers is one weighted sum: clips of one
speaker resemble each other, and the F-test, which takes them for independent, finds too much.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

N_CHUNK = 4096  # resamples that are solved at once


@dataclass(frozen=True, kw_only=True)
class Fit:
    """r2: adjusted, at most 1, below 0 where the regressors explain less than chance would; p: of
    the F-test that all slopes are zero; n: rows. NaN where the response or every regressor is
    constant, or where there are no more rows than coefficients."""

    r2: float
    p: float
    n: int


NOTHING = Fit(r2=float("nan"), p=float("nan"), n=0)


def ols(regressors: np.ndarray, response: np.ndarray) -> Fit:
    """The regression of (n,) on (n, k) and a constant; regressors may be collinear.

    >>> round(ols(np.array([[0.0], [1.0], [2.0], [3.0]]), np.array([0.0, 1.0, 2.0, 4.0])).r2, 4)
    0.9486
    """
    sums = clip_sums(regressors, response, np.zeros(len(response), dtype=np.int64))
    return _fit(sums[0])


def clip_sums(regressors: np.ndarray, response: np.ndarray, speaker: np.ndarray) -> np.ndarray:
    """Sums of products by speaker: (speakers, k + 2, k + 2).

    Of the columns 1, response, regressors; speaker: (n,) int64 from 0. Columns are centred first,
    which changes no R2 and keeps digits.
    """
    columns = np.column_stack([response, regressors]).astype(np.float64)
    columns = np.column_stack([np.ones(len(columns)), columns - columns.mean(axis=0)])
    n_speakers = int(speaker.max(initial=-1)) + 1
    return np.stack([columns[speaker == s].T @ columns[speaker == s] for s in range(n_speakers)])


def resampled_r2(sums: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Adjusted R2 of each resample: (resamples,); weights (resamples, speakers), how often."""
    found = [
        _adjusted(np.tensordot(weights[first : first + N_CHUNK].astype(float), sums, axes=1))
        for first in range(0, len(weights), N_CHUNK)
    ]
    return np.concatenate([r2 for r2, _, _ in found])


def pairs(latents: np.ndarray, labels: np.ndarray) -> Fit:
    """The regression of dz on dy over all pairs of clips (das2022, section 3.2 and table 1).

    latents: (n, dim); labels: (n,). dz, dy: Euclidean distances. The p takes pairs for independent,
    which they are not even with independent clips.
    """
    sums = pair_sums(latents, labels, np.zeros(len(labels), dtype=np.int64))
    return _fit(sums[0, 0])


def pair_sums(latents: np.ndarray, labels: np.ndarray, speaker: np.ndarray) -> np.ndarray:
    """Sums of products over pairs of clips, by their two speakers: (speakers, speakers, 3, 3).

    Of the columns 1, dz, dy (centred). A pair of two speakers counts half in each of the two
    places, so that the sum over all places is that over all pairs i < j.
    """
    steps = [one[:, None] - one for one in np.asarray(latents, dtype=np.float64).T]
    dz = np.sqrt(sum(step * step for step in steps))
    dy = np.abs(labels[:, None] - labels)
    n = len(labels)
    n_ordered = max(n * (n - 1), 1)
    apart = 1.0 - np.eye(n)
    dz, dy = apart * (dz - dz.sum() / n_ordered), apart * (dy - dy.sum() / n_ordered)
    of_speaker = (speaker[:, None] == np.arange(int(speaker.max(initial=-1)) + 1)).astype(float)
    sums = np.empty((of_speaker.shape[1],) * 2 + (3, 3))
    columns = (apart, dz, dy)
    for i, first in enumerate(columns):
        for j, second in enumerate(columns[: i + 1]):
            blocks = of_speaker.T @ (first * second) @ of_speaker / 2
            sums[..., i, j] = sums[..., j, i] = blocks
    return sums


def resampled_pair_r2(sums: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Adjusted R2 over pairs of each resample of the speakers: (resamples,).

    A pair counts as often as its two speakers were drawn, multiplied; within a speaker, as often
    as the speaker was drawn: copies of a clip are no pair.
    """
    n_speakers = sums.shape[0]
    within = np.arange(n_speakers)
    found = []
    for first in range(0, len(weights), N_CHUNK):
        drawn = weights[first : first + N_CHUNK].astype(float)
        both = drawn[:, :, None] * drawn[:, None, :]
        both[:, within, within] = drawn
        found.append(_adjusted(np.tensordot(both, sums, axes=2))[0])
    return np.concatenate(found)


def draws(n_speakers: int, n_resamples: int, seed: int) -> np.ndarray:
    """How often each speaker enters each resample: (n_resamples, speakers), whole speakers."""
    generator = np.random.default_rng(seed)
    return generator.multinomial(n_speakers, np.full(n_speakers, 1 / n_speakers), size=n_resamples)


def interval(values: np.ndarray, confidence: float) -> tuple[float, float]:
    """Percentile interval of resampled values; NaN where fewer than nine in ten of them exist."""
    known = values[np.isfinite(values)]
    if len(known) < 0.9 * max(len(values), 1) or not len(known):
        return float("nan"), float("nan")
    low, high = np.quantile(known, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def speaker_lookup(response: np.ndarray, speaker: Sequence) -> Fit:
    """What a table that knows who speaks and hears nothing explains: a mean for each speaker.

    The regression on one indicator a speaker; adjusted R2 and F-test as of any other. NaN for a
    single speaker, or where each clip has a speaker of its own.
    """
    _, place = np.unique(np.asarray(speaker, dtype=str), return_inverse=True)
    indicators = (place[:, None] == np.arange(1, place.max(initial=0) + 1)).astype(float)
    return ols(indicators, response) if indicators.shape[1] else NOTHING


def _fit(sums: np.ndarray) -> Fit:
    (r2,), (f,), (rank,) = _adjusted(sums[None])
    n = round(sums[0, 0])
    p = float(stats.f.sf(f, rank, n - rank - 1)) if np.isfinite(f) else float("nan")
    return Fit(r2=float(r2), p=0.0 if f == np.inf else p, n=n)


def _adjusted(sums: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Adjusted R2, F and rank of each (k + 2, k + 2) table of sums: 1, response, regressors."""
    n = sums[:, 0, 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = sums[:, 0, :] / n[:, None]
        centred = sums - n[:, None, None] * mean[:, :, None] * mean[:, None, :]
        spread = np.sqrt(np.einsum("rii->ri", centred)[:, 1:].clip(min=0))
        scale = np.where(spread > 1e-9 * np.sqrt(n)[:, None], spread, np.inf)
        correlation = centred[:, 1:, 1:] / (scale[:, :, None] * scale[:, None, :])
    correlation = np.nan_to_num(correlation, posinf=0.0, neginf=0.0)
    values, vectors = np.linalg.eigh(correlation[:, 1:, 1:])
    kept = values > 1e-10
    along = np.einsum("rij,ri->rj", vectors, correlation[:, 1:, 0])
    explained = np.where(kept, along**2 / np.where(kept, values, 1.0), 0.0).sum(axis=1)
    rank = kept.sum(axis=1)
    free = n - rank - 1
    exists = (correlation[:, 0, 0] > 0) & (rank > 0) & (free > 0)
    explained = np.where(exists, explained.clip(max=1.0), np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        r2 = 1 - (1 - explained) * (n - 1) / free
        f = np.where(exists, (explained / rank) / ((1 - explained) / free), np.nan)
    return np.where(exists, r2, np.nan), f, rank

"""What a UAR is worth: resample or flip whole speakers, whose clips resemble each other.

Counts stand for clips throughout: `n` (speakers, emotions) clips and `correct`, of the same
shape, how many of them were recognised. A pooled UAR needs no more, so that a resample of the
speakers is one weighted sum.
"""

import itertools

import numpy as np

N_TRIES = 50  # resamples drawn for each one that is wanted, before giving up


def pooled_uar(n: np.ndarray, correct: np.ndarray) -> float:
    """Mean over emotions of correct / n, both summed over speakers; emotions without clips do
    not count. In [0, 1].

    >>> pooled_uar(np.array([[2, 1], [2, 0]]), np.array([[1, 1], [2, 0]]))
    0.875
    """
    held = n.sum(axis=0) > 0
    return float(np.mean(correct.sum(axis=0)[held] / n.sum(axis=0)[held]))


def draw_speakers(n: np.ndarray, n_resamples: int, generator: np.random.Generator) -> np.ndarray:
    """How often each speaker enters each resample: (n_resamples, speakers) int.

    As many as there are speakers, with replacement; a resample that loses an emotion is drawn
    again. Where fewer than one in `N_TRIES` keeps them all (nearly every emotion with one speaker
    of its own), too few rows return: conditioned so hard, resampling says nothing.
    """
    n_speakers = len(n)
    has = (n[:, n.sum(axis=0) > 0] > 0).astype(np.float64)
    kept, n_kept, n_drawn = [], 0, 0
    while n_kept < n_resamples and n_drawn < N_TRIES * n_resamples:
        picks = generator.integers(n_speakers, size=(n_resamples - n_kept, n_speakers))
        rows = np.arange(len(picks))[:, None] * n_speakers
        weights = np.bincount((picks + rows).ravel(), minlength=picks.size)
        weights = weights.reshape(picks.shape)
        whole = weights[(weights @ has > 0).all(axis=1)]
        kept.append(whole)
        n_kept, n_drawn = n_kept + len(whole), n_drawn + len(picks)
    return np.concatenate(kept)


def resampled_uar(n: np.ndarray, correct: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Pooled UAR of each resample: (resamples,), weights as `draw_speakers` returns them."""
    held = n.sum(axis=0) > 0
    return ((weights @ correct[:, held]) / (weights @ n[:, held])).mean(axis=1)


def bootstrap_by_speaker(
    n: np.ndarray,
    correct: np.ndarray,
    *,
    n_resamples: int,
    confidence: float,
    generator: np.random.Generator,
) -> tuple[float, float]:
    """Percentile interval of the pooled UAR under resampling of speakers: (low, high).

    Both NaN where there is nothing to resample: a single speaker, or too few resamples that hold
    every emotion (`draw_speakers`). With few speakers per emotion the interval is too narrow, as
    every bootstrap of few units is (Efron & Tibshirani 1993, chapter 13).
    """
    return paired_interval(
        n, correct, None, n_resamples=n_resamples, confidence=confidence, generator=generator
    )


def paired_interval(
    n: np.ndarray,
    correct: np.ndarray,
    other: np.ndarray | None,
    *,
    n_resamples: int,
    confidence: float,
    generator: np.random.Generator,
) -> tuple[float, float]:
    """Percentile interval of UAR minus the UAR of `other` (None: 0) under the same resamples.

    correct, other: (speakers, emotions), of the same clips. NaN as in `bootstrap_by_speaker`.
    """
    if len(n) < 2:
        return float("nan"), float("nan")
    weights = draw_speakers(n, n_resamples, generator)
    if len(weights) < n_resamples:
        return float("nan"), float("nan")
    values = resampled_uar(n, correct, weights)
    if other is not None:
        values = values - resampled_uar(n, other, weights)
    low, high = np.quantile(values, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def sign_flip_p(
    n: np.ndarray,
    correct: np.ndarray,
    other: np.ndarray,
    *,
    n_resamples: int,
    generator: np.random.Generator,
) -> float:
    """Two-sided p of the paired permutation (sign-flip) test with whole speakers as units.

    Null: for each speaker the two systems may change places. A speaker's part in the difference
    of the pooled UARs is the sum over emotions of (correct - other) / n of all speakers, divided
    by the number of emotions; swapping the systems flips its sign. p is the share of sign vectors
    whose |difference| is at least the observed one: of all 2^speakers where these are no more
    than `n_resamples` (exact), else of random ones with the observed one counted in
    (Phipson & Smyth 2010). In (0, 1]; 1 where nothing differs.
    """
    held = n.sum(axis=0) > 0
    parts = ((correct - other)[:, held] / n.sum(axis=0)[held]).mean(axis=1)
    return flip_p(parts, n_resamples=n_resamples, generator=generator)


def is_exact(parts: np.ndarray, n_resamples: int) -> bool:
    """Whether `flip_p` tries every sign vector: those of the parts that are not zero."""
    return 2.0 ** np.count_nonzero(parts) <= n_resamples


def flip_p(parts: np.ndarray, *, n_resamples: int, generator: np.random.Generator) -> float:
    """Two-sided p of the sign-flip test: parts (units,), whose sum is the statistic.

    The share of sign vectors whose |sum| is at least the observed one: of all of them where
    `is_exact`, else of `n_resamples` random ones with the observed one counted in.
    """
    parts = parts[parts != 0]  # flipping nothing changes nothing
    observed = abs(parts.sum())
    if is_exact(parts, n_resamples):
        signs = np.array(list(itertools.product((-1, 1), repeat=len(parts))))
        return float(np.mean(np.abs(signs @ parts) >= observed - 1e-12))
    signs = generator.choice((-1, 1), size=(n_resamples, len(parts)))
    n_extreme = int(np.sum(np.abs(signs @ parts) >= observed - 1e-12))
    return (1 + n_extreme) / (1 + n_resamples)

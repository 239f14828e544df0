"""Divide clips at random, each emotion alike; who speaks is not looked at."""

import numpy as np


def deal(emotion: np.ndarray, n_folds: int, generator: np.random.Generator) -> np.ndarray:
    """The fold of each clip: (clips,) int; sizes differ by one at most, in sum and by emotion.

    emotion: (clips,) of anything that sorts, in an order that is fixed beforehand.
    """
    fold_of = np.empty(len(emotion), dtype=np.int64)
    start = 0
    for one in np.unique(emotion):
        clips = generator.permutation(np.flatnonzero(emotion == one))
        fold_of[clips] = (start + np.arange(len(clips))) % n_folds
        start += len(clips)
    return fold_of


def draw(emotion: np.ndarray, share: float, generator: np.random.Generator) -> np.ndarray:
    """Which clips are drawn: (clips,) bool, `share` of each emotion and of all.

    Emotions are rounded down or up to whole clips so that the sum is `share` of all clips, to the
    nearest one; those with the largest remainder are rounded up. One clip of each emotion is
    always left, even where less than `share` is drawn for that.

    >>> draw(np.array(list("aaabbbcc")), 0.5, np.random.default_rng(0)).tolist().count(True)
    4
    """
    names, clips = np.unique(emotion, return_counts=True)
    exact = share * clips
    taken = np.minimum(np.floor(exact).astype(np.int64), clips - 1)
    for one in np.argsort(taken - exact, kind="stable"):  # largest remainder first
        if taken.sum() < round(share * clips.sum()) and taken[one] < clips[one] - 1:
            taken[one] += 1
    drawn = np.zeros(len(emotion), dtype=bool)
    for name, number in zip(names, taken, strict=True):
        drawn[generator.permutation(np.flatnonzero(emotion == name))[:number]] = True
    return drawn

"""Draw short windows of consecutive frames from a clip, as kumar2021 trains on them."""

import numpy as np


def draw(
    frames: np.ndarray, length: int, n_windows: int, generator: np.random.Generator
) -> np.ndarray:
    """Windows of `length` consecutive frames: (n_windows, length, bins), dtype of `frames`.

    frames: (frames, bins). Every place where a whole window fits is equally likely, and one window
    tells nothing of the next. A clip of fewer frames gives the clip itself with zeros behind it.
    kumar2021, section III: 10 frames of 39 MFCC, 390 values a sample.

    >>> draw(np.array([[1, 2], [3, 4]]), 3, 1, np.random.default_rng(0)).tolist()
    [[[1, 2], [3, 4], [0, 0]]]
    """
    if len(frames) < length:
        frames = np.pad(frames, ((0, length - len(frames)), (0, 0)))
    starts = generator.integers(0, len(frames) - length + 1, n_windows)
    return frames[starts[:, None] + np.arange(length)]

"""Windows of consecutive frames: whole, evenly placed, padded where a clip is short."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emometric import windows


def clip(n_frames, bins=39):
    """Every value tells its frame and its bin."""
    return (100 * np.arange(1, n_frames + 1)[:, None] + np.arange(bins)).astype(np.float32)


def test_a_sample_of_kumar2021_has_390_values():
    drawn = windows.draw(clip(200), 10, 4, np.random.default_rng(0))
    assert drawn.reshape(4, -1).shape == (4, 390)
    assert drawn.dtype == np.float32


@settings(max_examples=60, deadline=None)
@given(n_frames=st.integers(1, 40), length=st.integers(1, 15), seed=st.integers(0, 99))
def test_windows_are_runs_of_the_clip(n_frames, length, seed):
    frames = clip(n_frames, bins=3)
    for window in windows.draw(frames, length, 5, np.random.default_rng(seed)):
        real = min(length, n_frames)
        start = int(window[0, 0]) // 100 - 1
        np.testing.assert_array_equal(window[:real], frames[start : start + real])
        assert real == length or start == 0
        assert not window[real:].any()


def test_every_place_is_equally_likely():
    starts = windows.draw(clip(14, 1), 10, 50_000, np.random.default_rng(1))[:, 0, 0] // 100
    counts = np.bincount(starts.astype(int))[1:]
    assert len(counts) == 5  # frames 1..5 can be the first of ten
    np.testing.assert_allclose(counts, 10_000, atol=4 * np.sqrt(10_000 * 0.8))  # 4 sigma


def test_the_generator_alone_decides():
    frames = clip(90)
    one, two = (windows.draw(frames, 10, 8, np.random.default_rng(5)) for _ in range(2))
    np.testing.assert_array_equal(one, two)
    other = windows.draw(frames, 10, 8, np.random.default_rng(6))
    assert not np.array_equal(one, other)


@pytest.mark.parametrize("n_frames", [3, 30])
def test_the_clip_stays(n_frames):
    frames = clip(n_frames)
    before = frames.copy()
    windows.draw(frames, 10, 3, np.random.default_rng(0))[:] = -1
    np.testing.assert_array_equal(frames, before)

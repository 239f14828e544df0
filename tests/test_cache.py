"""The clip cache: what was put comes back, damage does not, writers do not collide."""

import os
import time
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emometric.cache import ClipCache, key

NAME = key("content", {"silence": "keep"}, "1")


@pytest.fixture
def cache(tmp_path):
    return ClipCache(tmp_path, "spectrogram")


@pytest.mark.parametrize("dtype", ["float16", "float32"])
@pytest.mark.parametrize("shape", [(3, 4), (1, 88), (0, 5)])
def test_what_was_put_comes_back(cache, dtype, shape):
    assert cache.get(NAME) is None
    array = np.random.default_rng(0).normal(size=shape).astype(dtype)
    cache.put(NAME, array)
    found = cache.get(NAME)
    np.testing.assert_array_equal(found, array)
    assert found.dtype == array.dtype
    assert cache.path(NAME).parent.name == NAME[:2]
    assert [path.name for path in cache.path(NAME).parent.iterdir()] == [f"{NAME}.npy"]


@pytest.mark.parametrize("at", [0, 20, 60, 200, -1])
def test_a_changed_byte_is_noticed_and_mended(cache, at):
    cache.put(NAME, np.ones((4, 8)))
    data = bytearray(cache.path(NAME).read_bytes())
    data[at] ^= 1
    cache.path(NAME).write_bytes(data)
    assert cache.get(NAME) is None
    cache.put(NAME, np.ones((4, 8)))
    np.testing.assert_array_equal(cache.get(NAME), np.ones((4, 8)))


@pytest.mark.parametrize("kept", [0, 10, 16, 17, 150])
def test_a_truncated_entry_is_noticed(cache, kept):
    cache.put(NAME, np.ones((4, 8)))
    cache.path(NAME).write_bytes(cache.path(NAME).read_bytes()[:kept])
    assert cache.get(NAME) is None


def test_an_entry_in_the_place_of_another_is_noticed(cache):
    other = key("other", {}, "1")
    cache.put(NAME, np.ones(3))
    cache.path(other).parent.mkdir(parents=True, exist_ok=True)
    cache.path(other).write_bytes(cache.path(NAME).read_bytes())
    assert cache.get(other) is None


def test_pickled_content_is_never_loaded(cache):
    with pytest.raises(ValueError, match="allow_pickle"):
        cache.put(NAME, np.array([object()]))
    assert cache.get(NAME) is None


@given(
    st.dictionaries(
        st.text(), st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
    )
)
def test_keys_follow_content_settings_and_version_alone(settings):
    name = key("a", settings, "1")
    assert name == key("a", dict(reversed(settings.items())), "1")
    assert len({name, key("b", settings, "1"), key("a", settings, "2")}) == 3
    assert name != key("a", {**settings, "one more": 1}, "1")


def _write_often(folder):
    cache = ClipCache(folder, "spectrogram")
    for _ in range(60):
        cache.put(NAME, np.arange(5000))


def test_writers_at_work_never_show_half_an_entry(tmp_path):
    cache = ClipCache(tmp_path, "spectrogram")
    cache.put(NAME, np.arange(5000))
    with ProcessPoolExecutor(2) as pool:
        writers = [pool.submit(_write_often, tmp_path) for _ in range(2)]
        deadline = time.monotonic() + 20
        while not all(writer.done() for writer in writers) and time.monotonic() < deadline:
            np.testing.assert_array_equal(cache.get(NAME), np.arange(5000))
        for writer in writers:
            writer.result(timeout=20)
    assert len(os.listdir(cache.path(NAME).parent)) == 1

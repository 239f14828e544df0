"""Ten times as many clips need no more memory, neither to compute them nor to write their store."""

import tracemalloc

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from emometric import cache, extraction, parts, store
from emometric.clip import MANIFEST_SCHEMA

FEW, MANY = 150, 1500


def build(folder, n_clips):
    """A corpus of short clips, made row by row."""
    generator = np.random.default_rng(0)
    noise = generator.integers(-9000, 9000, 40_000).astype("i2")

    def clips():
        for number in range(n_clips):
            yield f"clip/{number:06d}", noise[number % 30_000 :][:1700]

    store.write_ragged(folder / "audio", clips(), dtype="int16", shard_bytes=2**19)
    rows = [{"id": name, "content": name, "voiced": [(0, 1700)]} for name, _ in clips()]
    pq.write_table(pa.Table.from_pylist(rows, MANIFEST_SCHEMA), folder / "manifest.parquet")
    return folder


@pytest.fixture(scope="module")
def corpora(tmp_path_factory):
    return {n: build(tmp_path_factory.mktemp("corpus"), n) for n in (FEW, MANY)}


@pytest.fixture
def small(monkeypatch):
    """Every limit a thirtieth, so that these corpora are as large as a million clips are."""
    monkeypatch.setattr(extraction, "_REMEMBERED", 100)
    monkeypatch.setattr(extraction, "_SEEN", 100)
    monkeypatch.setattr(extraction, "_TASK_S", (0.5, 2.0))
    monkeypatch.setattr(extraction, "_COMMIT_S", 0.0)
    monkeypatch.setattr(cache, "_AT_ONCE", 100)
    monkeypatch.setattr(store, "SHARD_BYTES", 2**17)
    monkeypatch.setattr(store, "_GROUP_BYTES", 2**15)
    monkeypatch.setattr(store, "_BATCH_ROWS", 64)
    monkeypatch.setattr(store, "_STACKED", 64)


def peak_bytes(corpus, feature, folder):
    """What Python, numpy and Arrow hold at most while a feature is extracted."""
    part = parts.load("features", feature)
    part.names(part.Params())  # what is set up once does not count
    before = pa.default_memory_pool()
    pool = pa.proxy_memory_pool(before)  # which counts from here
    pa.set_memory_pool(pool)
    tracemalloc.start()
    try:
        done = extraction.extract_corpus(
            feature, part.Params(), corpus / "manifest.parquet", corpus / "audio",
            folder / "features", cache_folder=folder / "cache",
        )  # fmt: skip
        return done.n_clips, tracemalloc.get_traced_memory()[1] + pool.max_memory()
    finally:
        tracemalloc.stop()
        pa.set_memory_pool(before)


@pytest.mark.usefixtures("small")
# Parquet describes each column of each row group at the end of the file: that part grows.
@pytest.mark.parametrize(("feature", "slack"), [("mfcc", 2**18), ("is09_moments", 2**19)])
def test_memory_does_not_grow_with_the_corpus(corpora, tmp_path, feature, slack):
    peaks = {}
    for n_clips, corpus in corpora.items():
        n_stored, peaks[n_clips] = peak_bytes(corpus, feature, tmp_path / f"{n_clips}")
        assert n_stored == n_clips
        again = peak_bytes(corpus, feature, tmp_path / f"{n_clips}")  # from the cache
        assert again[1] < 1.2 * peaks[n_clips] + slack
    assert peaks[MANY] < 1.3 * peaks[FEW] + slack, peaks

"""Ten times as many clips need no more memory, neither to compute them nor to write their store."""

import tracemalloc

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from emometric.extraction import cache, extracting, feature_store
from emometric.features import mfcc
from emometric.storage import store
from emometric.storage.clip import MANIFEST_SCHEMA

FEW, MANY = 300, 3000


def build(folder, n_clips):
    """A corpus of short clips, made row by row."""
    generator = np.random.default_rng(0)
    noise = generator.integers(-9000, 9000, 40_000).astype("i2")

    def clips():
        for number in range(n_clips):
            yield f"clip/{number:06d}", noise[number % 30_000 :][:1000]

    store.write_ragged(folder / "audio", clips(), dtype="int16", shard_bytes=2**19)
    rows = [{"id": name, "content": name, "voiced": [(0, 1000)]} for name, _ in clips()]
    pq.write_table(pa.Table.from_pylist(rows, MANIFEST_SCHEMA), folder / "manifest.parquet")
    return folder


@pytest.fixture(scope="module")
def corpora(tmp_path_factory):
    return {n: build(tmp_path_factory.mktemp("corpus"), n) for n in (FEW, MANY)}


@pytest.fixture
def small(monkeypatch):
    """Every limit a thirtieth, so that these corpora are as large as a million clips are."""
    monkeypatch.setattr(extracting, "_REMEMBERED", 100)
    monkeypatch.setattr(extracting, "_SEEN", 100)
    monkeypatch.setattr(extracting, "_WORTH_S", 1e9)  # no workers, nor what they import
    monkeypatch.setattr(extracting, "_TASK_S", (0.5, 2.0))
    monkeypatch.setattr(extracting, "_COMMIT_S", 0.0)
    monkeypatch.setattr(cache, "_AT_ONCE", 100)
    monkeypatch.setattr(feature_store, "AT_ONCE", 64)
    monkeypatch.setattr(store, "SHARD_BYTES", 2**17)
    monkeypatch.setattr(store, "_GROUP_BYTES", 2**15)
    monkeypatch.setattr(store, "_BATCH_ROWS", 64)
    monkeypatch.setattr(store, "_STACKED", 64)


def peak_bytes(work):
    """What Python, numpy and Arrow hold at most while a function runs."""
    before = pa.default_memory_pool()
    pool = pa.proxy_memory_pool(before)  # which counts from here
    pa.set_memory_pool(pool)
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1] + pool.max_memory()
    finally:
        tracemalloc.stop()
        pa.set_memory_pool(before)


@pytest.mark.usefixtures("small")
def test_extraction(corpora, tmp_path):
    peaks = {}
    for n_clips, corpus in corpora.items():
        folder = tmp_path / f"{n_clips}"

        def extract(corpus=corpus, folder=folder, n_clips=n_clips):
            done = extracting.extract_corpus(
                "mfcc", mfcc.Params(), corpus / "manifest.parquet", corpus / "audio",
                folder / "features", cache_folder=folder / "cache",
            )  # fmt: skip
            assert done.n_clips == n_clips

        peaks[n_clips] = peak_bytes(extract), peak_bytes(extract)  # then from the cache
    for few, many in zip(peaks[FEW], peaks[MANY], strict=True):
        assert many < 1.3 * few + 2**20, peaks


def test_functionals(tmp_path, monkeypatch):
    """Of 18 MB; a row group waits, as one table and as Parquet."""
    monkeypatch.setattr(store, "_GROUP_BYTES", 2**20)
    monkeypatch.setattr(store, "_STACKED", 64)
    names = [f"functional {number}" for number in range(1500)]
    values = np.random.default_rng(0).normal(size=(3040, 1500)).astype("f4")

    def write():
        rows = ((f"clip/{number:04d}", row.copy()) for number, row in enumerate(values))
        store.write_functional_rows(tmp_path / "f.parquet", names, rows, dtype="f4")

    assert peak_bytes(write) < 8e6
    ids, _, found = store.read_functionals(tmp_path / "f.parquet")
    assert len(ids) == len(values) and pq.read_metadata(tmp_path / "f.parquet").num_row_groups > 9
    np.testing.assert_array_equal(found, values)


def test_reading_an_index(corpora):
    def read(corpus):
        for _ in store.read_index(corpus / "audio"):
            pass

    few, many = (peak_bytes(lambda corpus=corpus: read(corpus)) for corpus in corpora.values())
    assert many < 1.5 * few + 2**20

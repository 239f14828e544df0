"""One process, several, a Dask cluster, workers on other machines: all give the same bytes."""

import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from emometric.base.errors import ParameterError, PipelineError
from emometric.extraction import cache, clip_tasks, extracting, workers
from emometric.features import spectrogram
from emometric.storage import store
from emometric.storage.clip import MANIFEST_SCHEMA

N_CLIPS = 24


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """A folder with a manifest and the samples of some clips."""
    folder = tmp_path_factory.mktemp("corpus")
    generator = np.random.default_rng(3)
    clips = {
        f"c/{number:02d}": generator.integers(-9000, 9000, 6000 + 900 * number).astype("i2")
        for number in range(N_CLIPS)
    }
    store.write_ragged(folder / "audio", clips.items(), dtype="int16")
    rows = [{"id": name, "content": name, "voiced": [(0, 5000)]} for name in clips]
    pq.write_table(pa.Table.from_pylist(rows, MANIFEST_SCHEMA), folder / "manifest.parquet")
    return folder


@pytest.fixture
def small_tasks(monkeypatch):
    monkeypatch.setattr(extracting, "_ALONE_S", 0.0)
    monkeypatch.setattr(extracting, "_TASK_S", (1.0, 1.5))


@pytest.fixture
def not_here(monkeypatch):
    """This process must not compute anything; its workers have the program as it is."""

    def fail(*_):
        raise AssertionError("computed by the caller")

    monkeypatch.setattr(clip_tasks, "compute", fail)


def extract(corpus, folder, n_jobs=1, cache_folder=None):
    """The store's bytes, and how many clips were computed."""
    done = extracting.extract_corpus(
        "spectrogram",
        spectrogram.Params(),
        corpus / "manifest.parquet",
        corpus / "audio",
        folder / "features",
        cache_folder=cache_folder or folder / "cache",
        n_jobs=n_jobs,
    )
    files = sorted((folder / "features").iterdir())
    return {path.name: path.read_bytes() for path in files}, done.n_computed


@pytest.fixture(scope="module")
def expected(corpus, tmp_path_factory):
    return extract(corpus, tmp_path_factory.mktemp("alone"))[0]


def n_packs(folder):
    return len(list((folder / "cache").rglob("*.pack")))


def test_several_processes_give_the_bytes_of_one(corpus, expected, tmp_path, small_tasks, not_here):
    with workers.use() as n_jobs:
        assert n_jobs >= 1
        assert extract(corpus, tmp_path, 2) == (expected, N_CLIPS)
    assert n_packs(tmp_path) > 8  # one a task


# -- Dask -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def cluster():
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    ) as started:
        yield started


@pytest.mark.usefixtures("small_tasks", "not_here")
def test_a_dask_cluster_gives_the_same_bytes(cluster, corpus, expected, tmp_path, monkeypatch):
    monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", "")
    with workers.use(backend="dask", scheduler=cluster.scheduler_address) as n_jobs:
        assert extract(corpus, tmp_path, n_jobs) == (expected, N_CLIPS)
        assert n_packs(tmp_path) > 8  # the workers wrote them, since they see the same folders
        assert extract(corpus, tmp_path, n_jobs) == (expected, 0)


@pytest.mark.skipif(not Path("/proc/self/cwd").exists(), reason="no /proc")
@pytest.mark.parametrize("theirs", ["nothing", "another cache"])
@pytest.mark.usefixtures("small_tasks", "not_here")
def test_workers_on_another_machine(cluster, corpus, expected, tmp_path, monkeypatch, theirs):
    """They see nothing, or something else, under the caller's names: clips and results travel.

    A path below /proc/self/cwd stands for another folder in each process.
    """
    here, there = tmp_path / "here", tmp_path / "there"
    for folder in (here, there):
        folder.mkdir()
    shutil.copytree(corpus, here / "corpus")
    if theirs == "another cache":
        shutil.copytree(corpus, there / "corpus")
        store_there = store.Ragged(there / "corpus/audio")
        rows = [(name, store_there.read(name) // 2) for name in store_there.ids]
        shutil.rmtree(there / "corpus/audio")
        store.write_ragged(there / "corpus/audio", rows, dtype="int16")
        cache.identity(there / "cache", create=True)
    before = sorted(there.rglob("*"))
    monkeypatch.chdir(here)
    where = Path("/proc/self/cwd")
    with workers.use(backend="dask", scheduler=cluster.scheduler_address) as n_jobs:
        from distributed import Client

        with Client(cluster) as client:
            home = client.run(os.getcwd)
            client.run(os.chdir, str(there))
        try:
            found = extract(where / "corpus", here, n_jobs, where / "cache")
        finally:
            with Client(cluster) as client:
                client.run(os.chdir, next(iter(home.values())))
    assert found == (expected, N_CLIPS)
    assert sorted(there.rglob("*")) == before  # nobody wrote there
    with workers.use():
        assert extract(corpus, here) == (expected, 0)


@pytest.mark.usefixtures("small_tasks")
def test_an_error_in_a_worker_arrives(cluster, corpus, tmp_path):
    wrong = tmp_path / "wrong"
    shutil.copytree(corpus, wrong)
    shard = wrong / "audio/000.npz"
    shard.write_bytes(shard.read_bytes()[:-2000])
    with (
        workers.use(backend="dask", scheduler=cluster.scheduler_address) as n_jobs,
        pytest.raises(PipelineError, match=r"000\.npz is damaged; build it again"),
    ):
        extract(wrong, tmp_path, n_jobs)


def test_other_versions_of_the_program_are_refused(corpus, tmp_path):
    """A worker's entry would lie under the caller's version in the cache."""
    work = clip_tasks.Work(
        feature="spectrogram",
        params=spectrogram.Params(),
        version="0,float16,numpy-1.0",
        clips=str(corpus / "audio"),
        clips_digest=clip_tasks.index_digest(corpus / "audio"),
        cache=str(tmp_path),
        cache_identity="",
    )
    with pytest.raises(PipelineError, match=r"a worker has spectrogram as .* install the same"):
        clip_tasks.run(clip_tasks.Task(work=work, jobs=()))


def test_what_is_wrong_is_said(monkeypatch):
    with pytest.raises(ParameterError, match="backend is 'spark'; write loky or dask"), \
            workers.use(backend="spark"):  # fmt: skip
        pass
    pytest.importorskip("distributed")
    monkeypatch.setattr(workers, "_PATIENCE_S", 1)
    with pytest.raises(PipelineError, match=r"tcp://127\.0\.0\.1:9: no Dask scheduler"), \
            workers.use(backend="dask", scheduler="tcp://127.0.0.1:9"):  # fmt: skip
        pass
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(PipelineError, match=r"pip install 'emometric\[dask\]'"), \
            workers.use(backend="dask"):  # fmt: skip
        pass

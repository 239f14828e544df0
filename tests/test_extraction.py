"""Extraction: only what is new is computed; the bytes are those of a clean build, killed or not."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emometric.base import parts
from emometric.base.errors import StoreError
from emometric.extraction import clip_tasks, extracting, feature_store, packs
from emometric.extraction.cache import ClipCache
from emometric.features import egemaps, spectrogram
from emometric.sound import audio, vad
from emometric.storage import store
from emometric.storage.clip import MANIFEST_SCHEMA

RATE_HZ = 16000
N_CLIPS = 6


def samples_of(number, seconds=0.6):
    generator = np.random.default_rng(number)
    return generator.integers(-9000, 9000, round(seconds * RATE_HZ) + 100 * number).astype(np.int16)


def build(folder, numbers, seconds=0.6):
    """Audio and manifest of clips made from their numbers; half of each is voiced."""
    shutil.rmtree(folder, ignore_errors=True)
    clips = {f"c/{number:03d}": samples_of(number, seconds) for number in numbers}
    store.write_ragged(folder / "audio", clips.items(), dtype="int16")
    rows = [
        {
            "corpus": "c",
            "id": clip_id,
            "path": f"{clip_id}.wav",
            "speaker": "c/s",
            "content": audio.content_hash(samples),
            "voiced": [(100, len(samples) // 2)],
        }
        for clip_id, samples in sorted(clips.items())
    ]
    return pa.Table.from_pylist(rows, MANIFEST_SCHEMA), store.Ragged(folder / "audio")


def files(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


class Project:
    """A folder with a corpus, a cache and the feature store made of them."""

    def __init__(self, folder):
        self.folder = folder
        self.use(range(N_CLIPS))

    def use(self, numbers):
        self.manifest, self.clips = build(self.folder / "corpus", numbers)

    def extract(self, feature="spectrogram", params=None, cache="cache", n_jobs=1):
        params = params or parts.load("features", feature).Params()
        out = self.folder / "features"
        done = extracting.extract_corpus(
            feature,
            params,
            self.manifest,
            self.clips.folder,
            out,
            cache_folder=self.folder / cache,
            n_jobs=n_jobs,
        )
        assert done.n_clips == len(self.manifest)
        return done.n_computed, files(out)

    def clean(self, feature="spectrogram", params=None):
        """The bytes of a build that found an empty cache."""
        shutil.rmtree(self.folder / "no cache", ignore_errors=True)
        return self.extract(feature, params, cache="no cache")[1]


@pytest.fixture
def project(tmp_path):
    return Project(tmp_path)


@pytest.fixture(params=["spectrogram", "egemaps"])
def feature(request):
    return request.param


def test_the_store_holds_what_the_extractor_gives(project):
    params = spectrogram.Params(silence="remove")
    project.extract(params=params)
    ragged = store.Ragged(project.folder / "features")
    ragged.check()
    for row in project.manifest.to_pylist():
        waveform = audio.from_pcm16(project.clips.read(row["id"]))
        spoken = vad.apply_silence(waveform, row["voiced"], "remove")
        assert len(spoken) < len(waveform)
        expected = spectrogram.extract(spoken, RATE_HZ, params).astype(np.float16)
        np.testing.assert_array_equal(ragged.read(row["id"]), expected)


def test_functionals_hold_what_the_extractor_gives(project):
    project.extract("egemaps")
    ids, names, values = store.read_functionals(project.folder / "features/functionals.parquet")
    assert ids == project.clips.ids and names == egemaps.names(egemaps.Params())
    for row, clip_id in enumerate(ids):
        waveform = audio.from_pcm16(project.clips.read(clip_id))
        expected = egemaps.extract(waveform, RATE_HZ, egemaps.Params())
        np.testing.assert_array_equal(values[row : row + 1], expected)


def test_adding_one_clip_computes_one_clip(project, feature):
    assert project.extract(feature)[0] == N_CLIPS
    assert project.extract(feature)[0] == 0
    project.use(range(N_CLIPS + 1))
    n_computed, found = project.extract(feature)
    assert n_computed == 1
    assert found == project.clean(feature)


def test_removing_a_clip_gives_the_bytes_of_a_clean_build(project, feature):
    project.extract(feature)
    project.use([0, 1, 3, 4])
    n_computed, found = project.extract(feature)
    assert n_computed == 0
    assert found == project.clean(feature)


def test_changing_settings_gives_the_bytes_of_a_clean_build(project):
    one, two = spectrogram.Params(), spectrogram.Params(hop_s=0.02, silence="trim")
    before = project.extract(params=one)[1]
    n_computed, found = project.extract(params=two)
    assert n_computed == N_CLIPS
    assert found == project.clean(params=two) != before
    assert project.extract(params=one) == (0, before)


def test_other_intervals_matter_only_where_silence_is_not_kept(project):
    kept, removed = spectrogram.Params(silence="keep"), spectrogram.Params(silence="remove")
    for params in (kept, removed):
        project.extract(params=params)
    rows = project.manifest.to_pylist()
    rows[2]["voiced"] = [(0, 5000)]
    project.manifest = pa.Table.from_pylist(rows, MANIFEST_SCHEMA)
    assert project.extract(params=kept)[0] == 0
    n_computed, found = project.extract(params=removed)
    assert n_computed == 1
    assert found == project.clean(params=removed)


def test_another_version_of_the_extractor_computes_anew(project, monkeypatch):
    project.extract()
    monkeypatch.setattr(spectrogram, "VERSION", 99)
    assert project.extract()[0] == N_CLIPS


def test_another_version_of_a_package_computes_anew(project, monkeypatch):
    project.extract()
    monkeypatch.setattr(clip_tasks, "package_version", lambda name: f"{name} of tomorrow")
    assert project.extract()[0] == N_CLIPS


def damage_entries(project):
    """Cut one entry off its pack, garble the head of another and the values of a third."""
    (pack,) = (project.folder / "cache").rglob("*.pack")
    data = bytearray(pack.read_bytes())
    entries = list(packs.heads(pack))
    data[entries[1].start - 12] ^= 4
    data[entries[3].start + 40] ^= 4
    del data[entries[5].start + 7 :]
    pack.write_bytes(data)


def test_a_corrupt_entry_is_computed_again(project):
    before = project.extract()[1]
    damage_entries(project)
    shutil.rmtree(project.folder / "features")
    assert project.extract() == (3, before)
    assert project.extract() == (0, before)


def test_equal_audio_is_computed_once(project):
    project.manifest, project.clips = build(project.folder / "corpus", [1, 2])
    rows = project.manifest.to_pylist()
    twin = {**rows[0], "id": "c/twin"}
    clips = [(row["id"], project.clips.read(row["id"])) for row in rows]
    clips.append(("c/twin", clips[0][1]))
    store.write_ragged(project.folder / "more", clips, dtype="int16")
    project.manifest = pa.Table.from_pylist([*rows, twin], MANIFEST_SCHEMA)
    project.clips = store.Ragged(project.folder / "more")
    assert project.extract()[0] == 2
    assert store.Ragged(project.folder / "features").ids == ("c/001", "c/002", "c/twin")


@pytest.mark.parametrize(
    ("method", "call", "remembered"),
    # When all was found; when it is looked up again, since memory held nothing; when it is read.
    [("heads", "after 1", 2**15), ("heads", "before 2", 0), ("read", "before 1", 2**15)],
)
def test_entries_that_vanish_meanwhile_are_no_trouble(
    project, feature, monkeypatch, method, call, remembered
):
    before = project.extract(feature)[1]
    shutil.rmtree(project.folder / "features")
    n_calls = 0

    def vanishing(cache, *arguments):
        nonlocal n_calls
        n_calls += 1
        remove(f"before {n_calls}")
        found = original(cache, *arguments)
        remove(f"after {n_calls}")
        return found

    def remove(now):
        if now == call:
            for pack in (project.folder / "cache").rglob("*.pack"):
                pack.unlink()

    original = getattr(ClipCache, method)
    monkeypatch.setattr(extracting, "_REMEMBERED", remembered)
    monkeypatch.setattr(ClipCache, method, vanishing)
    assert project.extract(feature) == (N_CLIPS, before)


@pytest.mark.parametrize("remembered", [0, 1, 2**15])
def test_the_index_is_asked_once_for_each_clip_and_for_some_together(
    project, monkeypatch, remembered
):
    before = project.extract()[1]
    asked = []
    original = ClipCache.heads

    def heads(cache, names):
        asked.extend([len(names)] if names else [])
        return original(cache, names)

    monkeypatch.setattr(ClipCache, "heads", heads)
    monkeypatch.setattr(extracting, "_REMEMBERED", remembered)
    monkeypatch.setattr(feature_store, "AT_ONCE", 4)
    shutil.rmtree(project.folder / "features")
    assert project.extract() == (0, before)
    assert sum(asked) == 2 * N_CLIPS - min(remembered, N_CLIPS)
    assert asked[:2] == [4, N_CLIPS - 4]


def test_of_shards_that_stay_the_cache_is_asked_nothing(project, monkeypatch, feature):
    monkeypatch.setattr(store, "SHARD_BYTES", 20_000)
    project.use(range(N_CLIPS + 1))
    clean = project.clean(feature)
    project.use(range(N_CLIPS))
    before = project.extract(feature)[1]
    asked = []
    for name in ("heads", "read"):
        monkeypatch.setattr(ClipCache, name, listening(getattr(ClipCache, name), asked))
    assert project.extract(feature) == (0, before)
    assert asked == []
    project.use(range(N_CLIPS + 1))
    assert project.extract(feature) == (1, clean)
    assert len(asked) == (3 if feature == "spectrogram" else 3 * (N_CLIPS + 1) - N_CLIPS)


def listening(method, asked):
    def heard(cache, wanted):
        wanted = list(wanted)
        asked.extend(wanted)
        return method(cache, wanted)

    return heard


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    numbers=st.sets(st.integers(0, N_CLIPS - 1), min_size=1),
    shard_bytes=st.sampled_from([20_000, 2**25]),
    which=st.integers(0, 99),
    where=st.floats(0, 1, exclude_max=True),
    change=st.integers(1, 255),
    is_cut=st.booleans(),
)
def test_damage_to_an_earlier_store_does_not_show(
    project, clean_bytes, numbers, shard_bytes, which, where, change, is_cut
):
    """Whatever byte of it is another, in its shards or its index, or wherever it ends."""
    shutil.rmtree(project.folder / "features")
    project.use(numbers)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "SHARD_BYTES", shard_bytes)
        project.extract()
    paths = sorted((project.folder / "features").iterdir())
    path = paths[which % len(paths)]
    content = bytearray(path.read_bytes())
    place = int(where * len(content))
    content[place] ^= change
    path.write_bytes(content[:place] if is_cut else content)
    project.use(range(N_CLIPS))
    assert project.extract()[1] == clean_bytes


@pytest.fixture
def clean_bytes(project):
    return project.clean()


def test_what_the_store_held_does_not_show(project, monkeypatch):
    """Shards that still hold the same are taken over; a damaged one is not."""
    monkeypatch.setattr(store, "SHARD_BYTES", 20_000)
    clean = project.extract()[1]
    shards = sorted((project.folder / "features").glob("*.npz"))
    assert len(shards) > 3
    inode = [path.stat().st_ino for path in shards]
    data = bytearray(shards[1].read_bytes())
    data[-900] ^= 1
    shards[1].write_bytes(data)
    shards[2].unlink()
    assert project.extract() == (0, clean)
    again = [path.stat().st_ino for path in shards]
    assert again[0] == inode[0] and again[1] != inode[1] and again[3] == inode[3]
    for numbers in ([0, 2, 3, 5], range(1, N_CLIPS + 2), [], range(N_CLIPS)):
        project.use(numbers)
        found = project.extract()[1]
        shutil.rmtree(project.folder / "features")
        assert found == project.extract()[1]
    assert found == clean


def test_the_manifest_may_be_a_file_or_in_any_order(project):
    clean = project.extract()[1]
    table = project.manifest
    project.manifest = table.take(list(reversed(range(N_CLIPS))))
    assert project.extract() == (0, clean)
    path = project.folder / "manifest.parquet"
    pq.write_table(table, path, row_group_size=2)
    done = extracting.extract_corpus(
        "spectrogram", spectrogram.Params(silence="remove"), path, project.clips.folder,
        project.folder / "features", cache_folder=project.folder / "cache",
    )  # fmt: skip
    assert (done.n_computed, files(project.folder / "features")) == (0, clean)
    pq.write_table(project.manifest, path)
    with pytest.raises(StoreError, match=r"manifest\.parquet: 'c/004' comes after 'c/005'"):
        extracting.extract_corpus(
            "spectrogram", spectrogram.Params(), path, project.clips.folder,
            project.folder / "features", cache_folder=project.folder / "cache",
        )  # fmt: skip


def test_a_clip_without_samples_is_named(project):
    project.clips = build(project.folder / "fewer", [0, 1, 3, 4, 5])[1]
    with pytest.raises(StoreError, match="there is no clip 'c/002'; build it again"):
        project.extract()


def test_an_absent_corpus_gives_an_empty_store(project, feature):
    project.use([])
    assert project.extract(feature)[0] == 0
    if feature == "egemaps":
        path = project.folder / "features/functionals.parquet"
        ids, names, values = store.read_functionals(path)
        assert ids == () and len(names) == 88 and values.shape == (0, 88)
    else:
        assert store.Ragged(project.folder / "features").ids == ()


# -- The stage, killed ----------------------------------------------------------------------------


class Stage:
    """`stages/features.py` in a project of its own, on generated audio."""

    def __init__(self, folder, project_root, n_clips=40):
        self.folder, self.script = folder, project_root / "stages/features.py"
        folder.mkdir()
        shutil.copy(project_root / "params.yaml", folder)
        manifest, _ = build(folder / "data/synthetic/corpora/emodb", range(n_clips), 0.8)
        (folder / "data/synthetic/manifests").mkdir()
        pq.write_table(manifest, folder / "data/synthetic/manifests/emodb.parquet")
        self.started = []

    def start(self):
        # Workers from the beginning, however little there is to do.
        program = (
            "import runpy, sys; from emometric.extraction import extracting; "
            "extracting._ALONE_S = 0.0; sys.argv = sys.argv[1:]; "
            "runpy.run_path(sys.argv[0], run_name='__main__')"
        )
        command = [sys.executable, "-c", program, str(self.script), "--origin", "synthetic"]
        process = subprocess.Popen(
            [*command, "--corpus", "emodb", "--feature", "egemaps"],
            cwd=self.folder,
            env={**os.environ, "EMOMETRIC_CACHE": str(self.folder / "cache")},
            start_new_session=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.started.append(process)
        return process

    def finish(self, process):
        output, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
        return output, files(self.folder / "data/synthetic/features")

    def n_cached(self):
        found = 0
        for pack in (self.folder / "cache").rglob("[0-9a-f]*.pack"):
            with contextlib.suppress(FileNotFoundError):  # moved from `new` to its place
                found += sum(1 for _ in packs.heads(pack))
        return found

    def wait_for(self, n_cached, process):
        deadline = time.monotonic() + 40
        while self.n_cached() < n_cached and process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.005)

    def clear(self):
        """End every process that a killed stage may have left, by its own group."""
        for process in self.started:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()


@pytest.fixture
def stage(tmp_path, project_root):
    made = Stage(tmp_path / "project", project_root)
    yield made
    made.clear()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, project_root):
    """What the stage leaves when nothing happens to it."""
    made = Stage(tmp_path_factory.mktemp("undisturbed") / "project", project_root)
    output, found = made.finish(made.start())
    assert "40 clips, 40 computed" in output
    assert list(found) == ["emodb/egemaps/functionals.parquet"]
    return found


def test_a_killed_stage_resumes_to_the_same_bytes(stage, undisturbed):
    for n_cached in (1, 15, 39):
        process = stage.start()
        stage.wait_for(n_cached, process)
        os.kill(process.pid, signal.SIGKILL)  # its workers become orphans
        process.wait(timeout=10)
        if n_cached == 39:  # it may be at work on the store already, or done
            break
        assert not (stage.folder / "data/synthetic/features/emodb/egemaps").exists()
        assert n_cached <= stage.n_cached() < 40
    there = stage.n_cached()
    output, found = stage.finish(stage.start())
    # An orphan may have finished some more after they were counted.
    assert 0 <= int(re.search(r"40 clips, (\d+) computed", output).group(1)) <= 40 - there
    assert found == undisturbed


def test_an_orphan_at_work_beside_the_next_run_spoils_nothing(stage, undisturbed):
    orphan = stage.start()
    stage.wait_for(5, orphan)
    os.kill(orphan.pid, signal.SIGSTOP)
    assert stage.finish(stage.start())[1] == undisturbed
    os.kill(orphan.pid, signal.SIGCONT)
    assert stage.finish(orphan)[1] == undisturbed

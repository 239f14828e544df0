"""Acquisition: good files become clips, bad ones are listed, nothing hangs on place or order."""

import csv
import os
import runpy
import shutil
import subprocess
import sys

import numpy as np
import pyarrow.parquet as pq
import pytest
import soundfile

from emometric.acquisition import acquiring
from emometric.base.errors import CorpusError
from emometric.corpora import emodb, urdu
from emometric.sound import audio
from emometric.storage import store
from emometric.storage.clip import LABELS_SCHEMA

NAMES = ("03a01Fa", "03a02Wa", "08b01Na", "16b10Tb")


def write_clip(path, number=0, rate_hz=16000, subtype="PCM_16"):
    path.parent.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(number)
    samples = generator.uniform(-0.5, 0.5, round((0.3 + 0.1 * number) * rate_hz))
    soundfile.write(path, samples, rate_hz, subtype=subtype)


@pytest.fixture
def tree(tmp_path):
    root = tmp_path / "emodb"
    for number, name in enumerate(NAMES):
        write_clip(root / "wav" / f"{name}.wav", number)
    return root


def files(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def rejects(folder):
    with (folder / "rejects.csv").open(encoding="utf-8", newline="") as file:
        return {row["path"]: row["reason"] for row in csv.DictReader(file)}


def test_clips_labels_and_samples(tree, tmp_path):
    out = tmp_path / "out"
    done = acquiring.acquire("emodb", emodb.Params(), tree, out)
    assert (done.n_clips, done.n_excluded, done.n_rejected) == (4, 0, 0)
    table = pq.read_table(out / "labels.parquet")
    assert table.schema.equals(LABELS_SCHEMA)
    rows = table.to_pylist()
    assert [row["id"] for row in rows] == [f"emodb/{name}" for name in NAMES]
    assert [row["emotion"] for row in rows] == ["happiness", "anger", "neutral", "sadness"]
    clips = store.Ragged(out / "audio")
    clips.check()
    assert clips.ids == tuple(row["id"] for row in rows)
    for row in rows:
        expected, _ = soundfile.read(tree / row["path"], dtype="int16")
        samples = clips.read(row["id"])
        np.testing.assert_array_equal(samples, expected)
        assert row["seconds"] == len(expected) / 16000
        assert row["peak"] == np.abs(expected.astype(int)).max() / 32768
        assert row["content"] == audio.content_hash(samples)


def test_bad_files_are_listed_and_left_out(tree, tmp_path):
    folder = tree / "wav"
    good = files(tree)
    (folder / "03a01Wa.wav").write_bytes(good["wav/03a01Fa.wav"][:5000])
    (folder / "03a02Na.wav").write_bytes(b"")
    (folder / "03a04Na.wav").write_text("hello\n" * 99)
    (folder / "03a05Na.wav").write_text("version https://git-lfs.github.com/spec/v1\nsize 9\n")
    soundfile.write(folder / "03a07Na.wav", [0.1] * 5000 + [np.nan], 16000, subtype="FLOAT")
    soundfile.write(folder / "03b01Na.wav", np.full(320, 0.1), 16000)
    write_clip(folder / "holiday.wav")
    out = tmp_path / "out"
    done = acquiring.acquire("emodb", emodb.Params(), tree, out, n_jobs=2)
    assert (done.n_clips, done.n_excluded, done.n_rejected) == (4, 0, 7)
    found = rejects(out)
    assert list(found) == sorted(found)
    for name, reason in {
        "03a01Wa": "truncated",
        "03a02Na": "empty",
        "03a04Na": "no recording",
        "03a05Na": "git lfs pull",
        "03a07Na": "sample 5000 is nan",
        "03b01Na": "0.020 s",
        "holiday": "",
    }.items():
        assert reason in found[f"wav/{name}.wav"]
    assert not any(str(tmp_path) in reason for reason in found.values())
    assert len(store.Ragged(out / "audio")) == 4


def test_same_bytes_wherever_the_tree_lies_and_whatever_the_jobs(tree, tmp_path):
    (tree / "wav" / "03a04Na.wav").write_bytes(b"RIFF")
    acquiring.acquire("emodb", emodb.Params(), tree, tmp_path / "one", n_jobs=1)
    shutil.move(tree, tmp_path / "elsewhere")
    acquiring.acquire("emodb", emodb.Params(), tmp_path / "elsewhere", tmp_path / "two", n_jobs=2)
    assert files(tmp_path / "one") == files(tmp_path / "two")


def test_many_chunks_lose_nothing(tree, tmp_path, monkeypatch):
    acquiring.acquire("emodb", emodb.Params(), tree, tmp_path / "one")
    monkeypatch.setattr(acquiring, "_CHUNK", 3)
    acquiring.acquire("emodb", emodb.Params(), tree, tmp_path / "two", n_jobs=2)
    assert files(tmp_path / "one") == files(tmp_path / "two")


def test_an_absent_corpus_gives_empty_tables(tmp_path):
    done = acquiring.acquire("urdu", urdu.Params(), None, tmp_path / "out")
    assert (done.n_clips, done.n_excluded, done.n_rejected) == (0, 0, 0)
    table = pq.read_table(tmp_path / "out" / "labels.parquet")
    assert table.schema.equals(LABELS_SCHEMA) and len(table) == 0
    assert rejects(tmp_path / "out") == {}
    assert store.Ragged(tmp_path / "out" / "audio").ids == ()


def test_two_files_of_one_clip_are_refused(tree, tmp_path, monkeypatch):
    write_clip(tree / "flac" / "03a01Fa.flac")
    paths = sorted(path.relative_to(tree) for path in tree.rglob("*.*"))
    monkeypatch.setattr(emodb, "clips", lambda root, params: map(emodb.read_name, paths))
    with pytest.raises(CorpusError, match=r"flac/03a01Fa\.flac and wav/03a01Fa\.wav"):
        acquiring.acquire("emodb", emodb.Params(), tree, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_folder_without_recordings_is_refused(tmp_path):
    (tmp_path / "emodb").mkdir()
    with pytest.raises(CorpusError, match="no recording of emodb here; point at the folder"):
        acquiring.acquire("emodb", emodb.Params(), tmp_path / "emodb", tmp_path / "out")


def test_a_corpus_of_pointers_alone_is_refused_and_the_last_state_stays(tree, tmp_path):
    out = tmp_path / "out"
    acquiring.acquire("emodb", emodb.Params(), tree, out)
    before = files(out)
    for path in tree.rglob("*.wav"):
        path.write_text("version https://git-lfs.github.com/spec/v1\nsize 9\n")
    with pytest.raises(CorpusError, match=r"none of the 4 files.*git lfs pull"):
        acquiring.acquire("emodb", emodb.Params(), tree, out)
    assert files(out) == before
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


@pytest.mark.original
def test_real_corpora_are_whole(corpora_root, tmp_path):
    for part, n_clips, n_excluded in ((emodb, 535, 0), (urdu, 395, 5)):
        corpus = part.__name__.rpartition(".")[2]
        done = acquiring.acquire(
            corpus, part.Params(), corpora_root / corpus, tmp_path / corpus, n_jobs=2
        )
        assert (done.n_clips, done.n_excluded, done.n_rejected) == (n_clips, n_excluded, 0)


@pytest.mark.parametrize("stage", ["acquire", "vad", "features"])
def test_stages_start_fast_without_torch(project_root, stage):
    code = (
        f"import runpy, sys; runpy.run_path('stages/{stage}.py', run_name='stage');"
        "assert 'torch' not in sys.modules and 'sklearn' not in sys.modules"
    )
    subprocess.run(
        [sys.executable, "-c", code], cwd=project_root, env={**os.environ}, check=True, timeout=30
    )


def test_a_corpus_without_a_stand_in_is_empty(project_root, tmp_path, capsys):
    stage = runpy.run_path(str(project_root / "stages/acquire.py"))
    assert stage["_speak"]("nosuch", tmp_path / "nosuch", 1, 1) is None
    assert "stand_ins/nosuch.py" in capsys.readouterr().out
    assert not (tmp_path / "nosuch").exists()

"""What counts as untouched since it was written, and what does not."""

import os
import time

import pytest

from emometric.extraction import untouched

OLD_NS = time.time_ns() - 10**10


@pytest.fixture
def store(tmp_path):
    """Three files of ten seconds ago."""
    folder = tmp_path / "store"
    folder.mkdir()
    for name in ("000.npz", "001.npz", "index.parquet"):
        (folder / name).write_bytes(name.encode())
        os.utime(folder / name, ns=(OLD_NS, OLD_NS))
    return folder


def test_all_is_untouched_that_nobody_touched(store, tmp_path):
    cache = tmp_path / "cache"
    assert untouched.names(cache, store) == set()
    untouched.note(cache, store)
    assert untouched.names(cache, store) == {"000.npz", "001.npz", "index.parquet"}
    assert untouched.names(cache, tmp_path / "other") == set()
    # A link more, or another name of the folder above, is no change of a file.
    os.link(store / "000.npz", tmp_path / "linked")
    assert "000.npz" in untouched.names(cache, store)


def longer(path):
    path.write_bytes(path.read_bytes() + b"!")
    os.utime(path, ns=(OLD_NS, OLD_NS))


def replaced(path):
    path.with_suffix(".new").write_bytes(path.read_bytes())
    os.utime(path.with_suffix(".new"), ns=(OLD_NS, OLD_NS))
    os.replace(path.with_suffix(".new"), path)


@pytest.mark.parametrize(
    "change", [lambda path: path.write_bytes(b"!!!.npz"), longer, replaced, os.unlink]
)
def test_a_changed_file_is_not_untouched(store, tmp_path, change):
    untouched.note(tmp_path, store)
    change(store / "001.npz")
    assert untouched.names(tmp_path, store) == {"000.npz", "index.parquet"}


def test_what_was_written_just_now_may_be_written_again_unnoticed(store, tmp_path):
    (store / "001.npz").write_bytes(b"x")
    untouched.note(tmp_path, store)
    assert untouched.names(tmp_path, store) == {"000.npz", "index.parquet"}


@pytest.mark.parametrize("damage", [b"", b"[]", b"null", b"\xff", b'{"000.npz": 7}'])
def test_a_damaged_record_knows_nothing(store, tmp_path, damage):
    untouched.note(tmp_path, store)
    (record,) = (tmp_path / untouched.FOLDER).iterdir()
    record.write_bytes(damage)
    assert untouched.names(tmp_path, store) == set()

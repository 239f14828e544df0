"""Atomic writes: all or nothing, whoever else writes and whatever died before."""

import os
import subprocess
import sys

import pytest

from emometric.base import atomic


def test_file_appears_whole_or_not_at_all(tmp_path):
    target = tmp_path / "table.csv"
    target.write_text("old")
    with pytest.raises(RuntimeError, match="stop"), atomic.new_file(target) as aside:
        aside.write_text("half")
        raise RuntimeError("stop")
    assert target.read_text() == "old"
    with atomic.new_file(target) as aside:
        aside.write_text("new")
        assert target.read_text() == "old"
    assert target.read_text() == "new"
    assert [entry.name for entry in tmp_path.iterdir()] == ["table.csv"]


def test_folder_replaces_the_old_one_and_nothing_of_it_stays(tmp_path):
    target = tmp_path / "store"
    target.mkdir()
    (target / "stale").write_text("old")
    with atomic.new_folder(target) as aside:
        (aside / "fresh").write_text("new")
    assert [entry.name for entry in target.iterdir()] == ["fresh"]
    with pytest.raises(RuntimeError, match="stop"), atomic.new_folder(target) as aside:
        (aside / "half").write_text("half")
        raise RuntimeError("stop")
    assert [entry.name for entry in target.iterdir()] == ["fresh"]
    assert [entry.name for entry in tmp_path.iterdir()] == ["store"]


def test_two_writers_do_not_meet(tmp_path):
    target = tmp_path / "store"
    with atomic.new_folder(target) as first, atomic.new_folder(target) as second:
        (first / "a").write_text("first")
        (second / "a").write_text("second")
    assert (target / "a").read_text() == "first"  # the outer block ends last
    assert [entry.name for entry in tmp_path.iterdir()] == ["store"]


def test_what_a_killed_writer_left_is_removed_and_a_living_one_is_spared(tmp_path):
    code = (
        "import os, signal, sys; from emometric.base import atomic\n"
        "with atomic.new_folder(sys.argv[1]) as aside:\n"
        "    (aside / 'half').write_text('x'); os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    target = tmp_path / "store"
    killed = subprocess.run([sys.executable, "-c", code, str(target)], check=False)
    assert killed.returncode == -9
    assert len(list(tmp_path.glob(".store.*.part"))) == 1
    with atomic.new_folder(target) as outer, atomic.new_folder(target):  # this process lives
        assert outer.is_dir()
    assert os.listdir(tmp_path) == ["store"]

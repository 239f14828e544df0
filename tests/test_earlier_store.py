"""Which files of an earlier store stay, and which do not."""

import os

import numpy as np
import pytest

from emometric.extraction import earlier_store
from emometric.extraction.clip_tasks import Job
from emometric.extraction.earlier_store import Earlier, Made, inputs_of
from emometric.storage import store


def jobs_of(numbers):
    return [Job(f"c/{n}", f"{n:040x}", (), shard=0, row=n, n_samples=9) for n in numbers]


JOBS = jobs_of(range(5))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A store of two shards, of jobs 0 to 2 and 3 to 4, behind which the second does not end."""
    folder = tmp_path / "store"
    rows = [(job.id, np.full((5, 1), job.row, "u1")) for job in JOBS]
    monkeypatch.setattr(store.shards, "ends", lambda row_id, *_: row_id == "c/2")
    monkeypatch.setattr(store, "SHARD_BYTES", 100)
    store.write_ragged(folder, rows, dtype="u1")
    assert {path.name for path in folder.iterdir()} == {"000.npz", "001.npz", "index.parquet"}
    return folder


@pytest.fixture
def cache(tmp_path, folder):
    files = [
        Made("000.npz", "c/0", 3, inputs_of(JOBS[:3]), ends=True),
        Made("001.npz", "c/3", 2, inputs_of(JOBS[3:]), ends=False),
    ]
    known = earlier_store.described(folder, files)
    earlier_store.note(tmp_path / "cache", folder, known)
    return tmp_path / "cache"


def spans(cache, folder, jobs):
    """Names of the files that stay, or the numbers of the jobs that none holds."""
    return [
        made.name if made else [job.row for job in some]
        for made, some in Earlier(cache, folder).spans(jobs)
    ]


@pytest.mark.parametrize(
    ("numbers", "found"),
    [
        ([0, 1, 2, 3, 4], ["000.npz", "001.npz"]),
        ([0, 1, 2, 3, 4, 5], ["000.npz", [3, 4, 5]]),  # more would have come into the last
        ([0, 1, 2, 5], ["000.npz", [5]]),
        ([0, 1, 2], ["000.npz"]),
        ([0, 1], [[0, 1]]),
        ([0, 2, 3, 4], [[0, 2], "001.npz"]),
        ([3, 4], ["001.npz"]),
        ([1, 2, 3, 4], [[1, 2], "001.npz"]),
        ([4, 5], [[4, 5]]),
        ([], []),
    ],
)
def test_a_file_stays_where_it_holds_just_the_next_jobs(cache, folder, numbers, found):
    assert spans(cache, folder, jobs_of(numbers)) == found


def test_another_key_is_another_row(cache, folder):
    jobs = [*JOBS[:1], JOBS[1]._replace(entry="f" * 40), *JOBS[2:]]
    assert spans(cache, folder, jobs) == [[0, 1, 2], "001.npz"]


def test_other_sizes_of_shards_keep_nothing(cache, folder, monkeypatch):
    monkeypatch.setattr(store, "SHARD_BYTES", 11)
    assert spans(cache, folder, JOBS) == [[0, 1, 2, 3, 4]]


def test_jobs_of_no_file_come_some_at_a_time(tmp_path, folder, monkeypatch):
    monkeypatch.setattr(earlier_store, "_AT_ONCE", 2)
    assert spans(tmp_path / "none", folder, JOBS) == [[0, 1], [2, 3], [4]]


def test_a_long_file_is_not_remembered(tmp_path, folder, monkeypatch):
    monkeypatch.setattr(earlier_store, "_MOST_ROWS", 2)
    files = [
        Made("000.npz", "c/0", 3, inputs_of(JOBS[:3]), ends=True),
        Made("001.npz", "c/3", 2, inputs_of(JOBS[3:]), ends=False),
    ]
    earlier_store.note(tmp_path, folder, earlier_store.described(folder, files))
    assert spans(tmp_path, folder, JOBS) == [[0, 1, 2], "001.npz"]


def changed(path):
    path.write_bytes(path.read_bytes()[:-1] + b"!")


def put_back(path):
    """Another content, the old time and size."""
    times = path.stat().st_atime_ns, path.stat().st_mtime_ns
    path.with_suffix(".new").write_bytes(path.read_bytes()[:-1] + b"!")
    os.utime(path.with_suffix(".new"), ns=times)
    os.replace(path.with_suffix(".new"), path)


@pytest.mark.parametrize("change", [changed, put_back, os.unlink])
def test_a_touched_file_does_not_stay(cache, folder, change):
    """Also where it was touched as soon as it was written, and another store is known by nobody."""
    change(folder / "000.npz")
    assert spans(cache, folder, JOBS) == [[0, 1, 2], "001.npz"]
    assert spans(cache, folder.with_name("other"), JOBS) == [[0, 1, 2, 3, 4]]


def test_under_another_index_nothing_stays(cache, folder):
    changed(folder / "index.parquet")
    assert spans(cache, folder, JOBS) == [[0, 1, 2, 3, 4]]


@pytest.mark.parametrize(
    "damage", [b"", b"[]", b"null", b"\xff", b"{}", b'{"index": "x"}', b'{"000.npz": 7}']
)
def test_a_damaged_record_knows_nothing(cache, folder, damage):
    (record,) = (cache / earlier_store.FOLDER).iterdir()
    record.write_bytes(damage)
    assert spans(cache, folder, JOBS) == [[0, 1, 2, 3, 4]]


def test_rows_of_the_index_come_under_another_number(cache, folder):
    old = Earlier(cache, folder)
    second = [made for made, _ in old.spans(JOBS)][1]
    rows = old.index(second, 7)
    assert [(row.id, row.shard, row.row, row.length) for row in rows] == [
        ("c/3", 7, 0, 5),
        ("c/4", 7, 1, 5),
    ]
    assert [row.digest for row in rows] == [
        row[4] for row in store.read_index(folder) if row[0] in ("c/3", "c/4")
    ]


def test_a_file_is_taken_over_by_a_link_or_a_copy_of_what_others_have_linked(
    cache, folder, tmp_path
):
    first, second = (made for made, _ in Earlier(cache, folder).spans(JOBS))
    os.link(folder / second.name, tmp_path / "of somebody else")
    for made, is_link in ((first, True), (second, False)):
        assert Earlier(cache, folder).take_over(made, tmp_path / made.name)
        assert os.path.samefile(tmp_path / made.name, folder / made.name) == is_link
        assert (tmp_path / made.name).read_bytes() == (folder / made.name).read_bytes()


@pytest.mark.parametrize("change", [changed, os.unlink])
def test_what_is_touched_at_the_last_moment_is_not_taken_over(cache, folder, tmp_path, change):
    old = Earlier(cache, folder)
    first = next(old.spans(JOBS))[0]
    change(folder / first.name)
    assert not old.take_over(first, tmp_path / "new.npz")
    assert not (tmp_path / "new.npz").exists()

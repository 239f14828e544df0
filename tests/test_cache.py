"""The clip cache: what was put comes back, damage does not, writers do not collide."""

import contextlib
import hashlib
import json
import os
import sqlite3
import subprocess
import sys
import time
import zlib
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emometric.extraction import cache as caches
from emometric.extraction import cache_index, earlier_store, packs
from emometric.extraction.cache import ClipCache, key
from emometric.storage import shards
from emometric.upkeep import cache_files

NAME, OTHER, THIRD = (key(content, {"silence": "keep"}, "1") for content in "abc")


@pytest.fixture
def cache(tmp_path):
    with ClipCache(tmp_path, "spectrogram", "1,float16") as opened:
        yield opened


def pack_of(cache, name=NAME):
    (path,) = cache.folder.rglob(f"{cache.head(name).pack}.pack")
    return path


def again(cache):
    """The same cache, opened by another process."""
    return ClipCache(cache.folder.parents[2], "spectrogram", "1,float16")


@pytest.mark.parametrize("dtype", ["float16", "float32"])
@pytest.mark.parametrize("shape", [(3, 4), (1, 88), (0, 5)])
def test_what_was_put_comes_back(cache, dtype, shape):
    assert cache.get(NAME) is None and cache.head(NAME) is None
    array = np.random.default_rng(0).normal(size=shape).astype(dtype)
    cache.put(NAME, array)
    for _ in range(2):  # in `new`, then in its place
        found, head = cache.get(NAME), cache.head(NAME)
        np.testing.assert_array_equal(found, array)
        assert found.dtype == array.dtype
        assert (head.shape, head.n_bytes) == (shape, array.nbytes)
        assert head.digest == shards.digest(array)
        cache.commit()
    with again(cache) as other:
        np.testing.assert_array_equal(other.get(NAME), array)


def test_a_pack_holds_many_entries(cache):
    arrays = {NAME: np.arange(5.0), OTHER: np.zeros((0, 3)), THIRD: np.ones((2, 2), "f2")}
    with cache.packing() as pack:
        for name, array in arrays.items():
            pack.add(name, array)
        assert cache.get(NAME) is None  # nobody sees it before it is whole
    cache.adopt(pack.name)
    cache.commit()
    for name, array in arrays.items():
        np.testing.assert_array_equal(cache.get(name), array)
    (found,) = cache_files.packs_of(*where(cache))
    assert found.n_entries == 3 and cache_files.is_intact(found)
    assert found.n_bytes == os.stat(pack_of(cache)).st_size


def where(cache):
    root = cache.folder.parents[2]
    ((part, version),) = cache_files.parts(root)
    assert (part, version) == ("spectrogram", "1,float16")
    return root, part, version


def test_an_error_leaves_no_pack(cache):
    def fail():
        with cache.packing() as pack:
            pack.add(NAME, np.ones(3))
            raise RuntimeError("the clip is broken")

    with pytest.raises(RuntimeError):
        fail()
    assert [path for path in cache.folder.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("at", [0, 20, 60, 200, -1])
def test_a_changed_byte_is_noticed_and_mended(cache, at):
    cache.put(NAME, np.ones((4, 8)))
    cache.commit()
    path = pack_of(cache)
    with open(path, "rb") as file:
        data = bytearray(file.read())
    data[at] ^= 1
    with open(path, "wb") as file:
        file.write(data)
    assert cache.get(NAME) is None
    (pack,) = cache_files.packs_of(*where(cache))
    assert not cache_files.is_intact(pack)
    cache.put(NAME, np.ones((4, 8)))
    np.testing.assert_array_equal(cache.get(NAME), np.ones((4, 8)))
    cache.commit()
    with again(cache) as other:
        np.testing.assert_array_equal(other.get(NAME), np.ones((4, 8)))


@pytest.mark.parametrize("kept", [0, 10, 16, 17, 150, -1])
def test_a_truncated_entry_is_noticed(cache, kept):
    cache.put(NAME, np.ones((4, 8)))
    path = pack_of(cache)
    with open(path, "rb") as file:
        data = file.read()
    with open(path, "wb") as file:
        file.write(data[:kept])
    assert cache.head(NAME) is None and cache.get(NAME) is None


def test_a_wrong_place_is_noticed(cache):
    for name in (NAME, OTHER):
        cache.put(name, np.ones(3))
    cache.commit()
    here, there = pack_of(cache), pack_of(cache, OTHER)
    os.replace(there, here)
    assert cache.get(NAME) is None and cache.get(OTHER) is None


def test_objects_are_never_kept(cache):
    with pytest.raises(ValueError, match="allow_pickle"):
        cache.put(NAME, np.array([object()]))
    assert list(cache_files.packs_of(*where(cache))) == []


def test_keys_stay_what_they_were():
    """Caches that people have are found by them: blake2b of this JSON."""
    text = '["a", {"hop_s": 0.01, "voiced": [[1, 2]]}, "[1]"]'
    wanted = hashlib.blake2b(text.encode(), digest_size=20).hexdigest()
    assert key("a", {"voiced": ((1, 2),), "hop_s": 0.01}, "[1]") == wanted
    assert caches.keys({"hop_s": 0.01}, "[1]", "voiced")("a", "[[1, 2]]") == wanted


def test_packs_of_an_earlier_program_are_read(cache):
    """The line before an entry is JSON, as it always was."""
    array = np.arange(6, dtype="<f4").reshape(2, 3)
    text = json.dumps(
        {"key": NAME, "dtype": "<f4", "shape": [2, 3], "digest": shards.digest(array),
         "crc": zlib.crc32(array.tobytes())}
    ).encode()  # fmt: skip
    entry = b"%08x %s\n" % (zlib.crc32(text), text) + array.tobytes()
    with cache.packing() as pack:
        pack.file.write(entry)
    cache.adopt(pack.name)
    np.testing.assert_array_equal(cache.get(NAME), array)
    cache.put(OTHER, array)
    assert (
        pack_of(cache, OTHER).read_bytes().replace(OTHER.encode(), b"")[9:]
        == (entry.replace(NAME.encode(), b"")[9:])
    )


@given(
    st.dictionaries(
        st.text(), st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
    )
)
def test_keys_follow_content_settings_and_version_alone(settings):
    assert caches.keys(settings, "1", "voiced")("ü", "[[1, 2], [3, 4]]") == key(
        "ü", {**settings, "voiced": [[1, 2], [3, 4]]}, "1"
    )
    name = key("a", settings, "1")
    assert name == key("a", dict(reversed(settings.items())), "1")
    assert len({name, key("b", settings, "1"), key("a", settings, "2")}) == 3
    assert name != key("a", {**settings, "one more": 1}, "1")


# -- The index ------------------------------------------------------------------------------------


def fill(cache, n=40):
    names = [key(str(number), {}, "1") for number in range(n)]
    for start in range(0, n, 7):
        with cache.packing() as pack:
            for name in names[start : start + 7]:
                pack.add(name, np.arange(int(name[:2], 16)))
        cache.adopt(pack.name)
    cache.commit()
    return names


def check(cache, names):
    for name in names:
        np.testing.assert_array_equal(cache.get(name), np.arange(int(name[:2], 16)))


EARLIER = """
CREATE TABLE entries (key BLOB PRIMARY KEY, pack BLOB, position INTEGER) WITHOUT ROWID;
INSERT INTO entries VALUES (x'00', x'00', 0);
"""


@pytest.mark.parametrize("damage", ["removed", "no index", "truncated", "garbled", "earlier form"])
def test_a_lost_or_damaged_index_is_made_anew(cache, damage):
    names = fill(cache)
    cache.close()
    path = cache.folder / cache_index.FILE
    if damage == "removed":
        path.unlink()
    elif damage == "no index":
        path.write_bytes(b"this was something else " * 100)
    elif damage == "truncated":
        path.write_bytes(path.read_bytes()[:5000])
    elif damage == "earlier form":
        path.unlink()
        for name in cache_index.EARLIER:
            with contextlib.closing(sqlite3.connect(cache.folder / name)) as earlier:
                earlier.executescript(EARLIER)
    else:
        data = bytearray(path.read_bytes())
        data[4096:] = os.urandom(len(data) - 4096)
        path.write_bytes(data)
    with again(cache) as other:
        check(other, names)
        other.put(NAME, np.ones(2))
    with again(cache) as other:
        check(other, names)
        np.testing.assert_array_equal(other.get(NAME), np.ones(2))
    assert not any((cache.folder / name).exists() for name in cache_index.EARLIER)


def changed_byte(place):
    return lambda head: head[:place] + bytes([head[place] ^ 1]) + head[place + 1 :]


@pytest.mark.parametrize(
    "change",
    [*map(changed_byte, [0, 5, 22, 30, 45, -3, -1]), lambda head: head[:40],
     lambda head: head + b",1", lambda _: b"", lambda _: "text", lambda _: 7, lambda _: None],
)  # fmt: skip
def test_a_changed_row_of_the_index_is_noticed(cache, change):
    """SQLite does not notice it; what is computed again takes its place."""
    names = fill(cache)
    cache.close()
    key = bytes.fromhex(names[3])
    with contextlib.closing(sqlite3.connect(cache.folder / cache_index.FILE)) as index:
        (head,) = index.execute("SELECT head FROM heads WHERE key = ?", (key,)).fetchone()
        index.execute("UPDATE heads SET head = ? WHERE key = ?", (change(head), key))
        index.commit()
    with again(cache) as other:
        assert set(other.heads(names)) == set(names) - {names[3]}
        other.put(names[3], np.arange(int(names[3][:2], 16)))
    with again(cache) as other:
        check(other, names)


def test_nothing_but_the_index_is_read_to_find_what_is_there(cache, monkeypatch):
    names = fill(cache, 1200)  # asked for in several questions
    wanted = cache.heads(names)
    cache.close()

    def fail(*_):
        raise AssertionError("a pack is opened")

    monkeypatch.setattr(packs, "heads", fail)
    monkeypatch.setattr(packs, "read", fail)
    with again(cache) as other:
        found = other.heads([*names, NAME])
    assert found == wanted and list(map(len, (names, found))) == [1200, 1200]
    for name in names[::100]:
        array = np.arange(int(name[:2], 16))
        head = found[name]
        assert (head.dtype, head.shape) == (array.dtype.str, array.shape)
        assert head.digest == shards.digest(array)


def test_a_pack_that_is_looked_for_counts_as_used(cache):
    cache.put(NAME, np.ones(3))
    cache.commit()
    long_ago = time.time() - 9 * 86400
    os.utime(pack_of(cache), (long_ago, long_ago))
    path = next(cache.folder.rglob("*.pack"))
    os.utime(path, (long_ago, long_ago))
    with again(cache) as other:
        assert other.head(NAME) is not None
    status = path.stat()
    assert time.time() - status.st_atime < 60
    assert status.st_mtime == pytest.approx(long_ago, abs=1)


def test_an_index_of_the_past_does_no_harm(cache):
    """It names packs that are gone, and does not name one that is waiting."""
    names = fill(cache)
    gone = pack_of(cache, names[0])
    lost = [head.key for head in packs.heads(gone)]
    os.unlink(gone)
    with again(cache) as other, other.packing() as pack:
        pack.add(NAME, np.ones(2))
    with again(cache) as other:
        check(other, set(names) - set(lost))
        assert [other.get(name) for name in lost] == [None] * len(lost)
        np.testing.assert_array_equal(other.get(NAME), np.ones(2))
    assert not list((cache.folder / "new").iterdir())


def test_a_stopped_process_at_the_index_is_not_waited_for_long(cache, monkeypatch):
    """It may have been stopped while it wrote; entries are kept without the index then."""
    names = fill(cache)
    cache.close()
    monkeypatch.setattr(cache_index, "_PATIENCE_S", 0.1)
    holder = sqlite3.connect(cache.folder / cache_index.FILE, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    began = time.monotonic()
    with again(cache) as other:
        assert [other.get(name) for name in names] == [None] * len(names)
        other.put(NAME, np.ones(2))
        np.testing.assert_array_equal(other.get(NAME), np.ones(2))
    assert time.monotonic() - began < 5
    holder.execute("ROLLBACK")
    holder.close()
    with again(cache) as other:
        check(other, names)
        np.testing.assert_array_equal(other.get(NAME), np.ones(2))


def test_a_cache_that_is_not_there_is_not_made_by_looking(tmp_path):
    with ClipCache(tmp_path / "none", "mfcc", "1") as cache:
        assert cache.get(NAME) is None
    assert not (tmp_path / "none").exists()
    assert cache_files.parts(tmp_path / "none") == []
    assert caches.identity(tmp_path / "none", create=False) is None


def test_a_cache_keeps_its_identity(tmp_path):
    one = caches.identity(tmp_path, create=True)
    assert one == caches.identity(tmp_path, create=True) == caches.identity(tmp_path, create=False)
    assert one != caches.identity(tmp_path / "other", create=True)


# -- What is no entry -----------------------------------------------------------------------------


def test_leftovers_are_what_killed_writers_and_earlier_layouts_left(tmp_path):
    with ClipCache(tmp_path, "mfcc", "1") as cache:
        names = fill(cache)
    record = cache.folder / earlier_store.FOLDER / "a.json"
    record.parent.mkdir()
    record.write_text("{}")
    assert list(cache_files.leftovers(tmp_path)) == []
    killed = cache.folder / "new/.abc.part"
    killed.write_bytes(b"half")
    earlier = tmp_path / "egemaps/3f" / f"{NAME}.npy"
    earlier.parent.mkdir(parents=True)
    earlier.write_bytes(b"one")
    (tmp_path / "cells/ab").mkdir(parents=True)
    (tmp_path / "cells/ab/x.zip").write_bytes(b"not ours")
    assert set(cache_files.leftovers(tmp_path)) == {killed, earlier}
    for pack in cache_files.packs_of(tmp_path, "mfcc", "1"):
        cache_files.remove(pack)
        cache_files.remove(pack)
    assert {cache.folder / cache_index.FILE, record} <= set(cache_files.leftovers(tmp_path))
    with ClipCache(tmp_path, "mfcc", "1") as cache:
        assert cache.get(names[0]) is None


# -- Several writers ------------------------------------------------------------------------------


def _write_often(folder):
    for _ in range(30):
        with ClipCache(folder, "spectrogram", "1") as cache:
            cache.put(NAME, np.arange(5000))


def test_writers_at_work_never_show_half_an_entry(tmp_path):
    with ClipCache(tmp_path, "spectrogram", "1") as cache, ProcessPoolExecutor(2) as pool:
        cache.put(NAME, np.arange(5000))
        cache.commit()
        writers = [pool.submit(_write_often, tmp_path) for _ in range(2)]
        deadline = time.monotonic() + 20
        while not all(writer.done() for writer in writers) and time.monotonic() < deadline:
            np.testing.assert_array_equal(cache.get(NAME), np.arange(5000))
        for writer in writers:
            writer.result(timeout=20)
    assert not list((cache.folder / "new").iterdir())


def test_killed_at_any_moment_it_opens_again(tmp_path):
    program = (
        "import sys; import numpy as np; from emometric.extraction.cache import ClipCache, key\n"
        "for number in range(10**6):\n"
        "    with ClipCache(sys.argv[1], 'mfcc', '1') as cache:\n"
        "        cache.put(key(str(number), {}, '1'), np.arange(50))\n"
        "        print(number, flush=True)\n"
    )
    for _ in range(3):
        process = subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True
        )
        done = [int(process.stdout.readline()) for _ in range(15)]
        process.kill()
        process.communicate()
        with ClipCache(tmp_path, "mfcc", "1") as cache:
            for number in done:
                np.testing.assert_array_equal(cache.get(key(str(number), {}, "1")), np.arange(50))

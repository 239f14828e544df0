"""Keep what was computed for a clip, so that a rerun computes only what is new.

`<root>/clips/<part>/<version>/` holds packs of many entries, `<2 hex digits>/<name>.pack`, and
`index.sqlite`, which says where each key lies. A worker writes a pack aside and moves it to `new/`;
whoever owns the run enters its keys into the index, then moves it to its place. The index follows
from the packs: without it, or where it is damaged, it is made anew. What it says is checked against
the entry's own line each time.
"""

import hashlib
import json
import os
import re
import sqlite3
import threading
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from emometric import atomic, packs
from emometric.packs import Head

CLIPS = "clips"  # the folder of a cache's root that is ours; others keep theirs beside it
INDEX, SUFFIX = "index.sqlite", ".pack"
_NEW = "new"
_AT_ONCE = 2**14  # entries that wait in memory for the index
_PATIENCE_S = 5.0  # for another process that writes to the index


def key(content: str, settings: Mapping[str, Any], version: str) -> str:
    """Name of an entry: blake2b (40 hex digits) over everything that the result follows from.

    content: hash of the clip's audio; settings: anything that JSON can hold, in any order of
    keys; version: of the program that computes.

    >>> key("a", {"x": 1, "y": 2}, "1") == key("a", {"y": 2, "x": 1}, "1")
    True
    """
    text = json.dumps([content, settings, version], sort_keys=True, allow_nan=False)
    return hashlib.blake2b(text.encode(), digest_size=20).hexdigest()


@dataclass(frozen=True)
class Packer:
    """A pack that is being written: its name, by which it is adopted, and its file."""

    name: str
    file: BinaryIO

    def add(self, name: str, array: np.ndarray) -> None:
        """Write an entry."""
        packs.append(self.file, name, array)


class ClipCache:
    """The entries of one part in one version: arrays by key.

    An entry appears whole or not at all, and equal keys hold equal arrays: any number of writers
    may work at once, and a kill leaves at most what `leftovers` names. version: a readable name of
    the program that computes; what is no letter, digit or `.,+-` in it becomes `_`.
    """

    def __init__(self, root: str | Path, part: str, version: str):
        self.folder = Path(root, CLIPS, part, folder_name(version))
        self._adopted: dict[str, tuple[str, int]] = {}  # what the index does not hold yet
        self._waiting: list[str] = []  # packs with these
        self._index: sqlite3.Connection | None = None
        self._is_up, self._may_write, self._is_anew = True, True, False
        self._lock = threading.RLock()  # joblib asks in its own threads

    def head(self, name: str) -> Head | None:
        """Where the entry lies and what it is; None where there is none, or it is damaged."""
        with self._lock:
            place = self._adopted.get(name) or self._find(name)
        if place is None:
            return None
        for path in self._paths(place[0]):
            with suppress(FileNotFoundError):
                return packs.head_at(path, place[1], name)
        return None

    def get(self, name: str) -> np.ndarray | None:
        """The array; None where there is no entry, or it is damaged."""
        head = self.head(name)
        return None if head is None else self.read(head)

    def read(self, head: Head) -> np.ndarray | None:
        """The array behind a head, in any thread; None where its pack is gone, or it is damaged."""
        for path in self._paths(Path(head.path).stem):
            with suppress(FileNotFoundError):
                return packs.read(head, path)
        return None

    def put(self, name: str, array: np.ndarray) -> None:
        """Write an entry in a pack of its own, in place of an earlier or a damaged one."""
        with self.packing() as pack:
            pack.add(name, array)
        self.adopt(pack.name)

    @contextmanager
    def packing(self) -> Iterator[Packer]:
        """A new pack, which others see when the block ends without an error; needs no index."""
        pack = uuid.uuid4().hex
        aside = self.folder / _NEW / f".{pack}.part"
        aside.parent.mkdir(parents=True, exist_ok=True)
        try:
            with aside.open("xb") as file:
                yield Packer(pack, file)
            os.replace(aside, self._new(pack))
        finally:
            aside.unlink(missing_ok=True)

    def adopt(self, pack: str) -> None:
        """Know the entries of a pack that some process has closed."""
        for path in self._paths(pack):
            with suppress(FileNotFoundError), self._lock:
                for position, head in packs.heads(path):
                    self._adopted[head.key] = (pack, position)
                self._waiting.append(pack)
                return

    def commit(self) -> None:
        """Let other processes know what was adopted; what cannot be said now, they find in `new`.

        A process that was stopped just while it wrote to the index is waited for some seconds.
        """
        with self._lock:
            self._commit()

    def _commit(self) -> None:
        index = self._opened() if self._waiting and self._may_write else None
        if index is None:
            return
        rows = (
            (bytes.fromhex(name), bytes.fromhex(pack), position)
            for name, (pack, position) in self._adopted.items()
        )
        try:
            index.execute("BEGIN IMMEDIATE")
            index.executemany("INSERT OR REPLACE INTO entries VALUES (?, ?, ?)", rows)
            index.execute("COMMIT")
        except sqlite3.OperationalError:  # another process holds it for too long
            if index.in_transaction:
                index.execute("ROLLBACK")
            self._may_write = False
            return
        except sqlite3.DatabaseError as error:
            self._throw_away(error)
            return
        for pack in self._waiting:
            path = Path(self._path(pack))
            path.parent.mkdir(parents=True, exist_ok=True)
            with suppress(FileNotFoundError):  # another process has moved it
                os.replace(self._new(pack), path)
        self._adopted, self._waiting = {}, []

    def close(self) -> None:
        """Commit, and close the index."""
        with self._lock:
            self._commit()
            if self._index is not None:
                self._index.close()
                self._index = None

    def __enter__(self) -> "ClipCache":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _path(self, pack: str) -> str:
        return f"{self.folder}/{pack[:2]}/{pack}{SUFFIX}"

    def _new(self, pack: str) -> str:
        return f"{self.folder}/{_NEW}/{pack}{SUFFIX}"

    def _paths(self, pack: str) -> tuple[str, str, str]:
        """Where a pack may be; it may be moved between two looks."""
        return self._path(pack), self._new(pack), self._path(pack)

    def _find(self, name: str) -> tuple[str, int] | None:
        index = self._opened()
        if index is None:
            return None
        try:
            row = index.execute(
                "SELECT pack, position FROM entries WHERE key = ?", (bytes.fromhex(name),)
            ).fetchone()
        except sqlite3.OperationalError:  # another process holds it for too long
            self._is_up = False
            return None
        except sqlite3.DatabaseError as error:
            self._throw_away(error)
            return self._find(name)
        # A column of a damaged index may hold anything.
        if row is None or not isinstance(row[0], bytes) or not isinstance(row[1], int):
            return None
        return row[0].hex(), row[1]

    def _opened(self) -> sqlite3.Connection | None:
        """The index; None while another process does not let it go, or there is no cache yet."""
        if self._index is None and self._is_up and self.folder.is_dir():
            is_new = not (self.folder / INDEX).exists()
            try:
                self._index = _connect(self.folder / INDEX)
            except sqlite3.OperationalError:
                self._is_up = False
                return None
            except sqlite3.DatabaseError as error:
                self._throw_away(error)
                return self._opened()
            for file in self.folder.glob(f"{'*' if is_new else _NEW}/[!.]*{SUFFIX}"):
                self.adopt(file.stem)
                if len(self._adopted) > _AT_ONCE:
                    self.commit()
            self.commit()
        return self._index

    def _throw_away(self, error: sqlite3.DatabaseError) -> None:
        """Remove a damaged index; the next look at it makes it anew, once."""
        if type(error) is not sqlite3.DatabaseError:  # not of the file: a mistake of ours
            raise error
        self._is_up, self._is_anew = not self._is_anew, True
        if self._index is not None:
            self._index.close()
            self._index = None
        (self.folder / INDEX).unlink(missing_ok=True)


def identity(root: str | Path, *, create: bool) -> str | None:
    """What tells a cache from another under the same name on another machine; None: has none yet.

    create: give it one, which it keeps.
    """
    path = Path(root, CLIPS, "identity")
    if create and not path.exists():
        with atomic.new_file(path) as aside:
            aside.write_text(uuid.uuid4().hex, encoding="ascii")
    try:
        return path.read_text(encoding="ascii")
    except FileNotFoundError:
        return None


def folder_name(version: str) -> str:
    """The folder of a version.

    >>> folder_name("1,float16,numpy-2.3.1")
    '1,float16,numpy-2.3.1'
    """
    return re.sub(r"[^A-Za-z0-9.,+-]", "_", version)


def _connect(path: Path) -> sqlite3.Connection:
    index = sqlite3.connect(
        path, timeout=_PATIENCE_S, isolation_level=None, check_same_thread=False
    )
    try:
        index.execute("PRAGMA synchronous = OFF")  # it can be made anew
        index.execute(
            "CREATE TABLE IF NOT EXISTS entries "
            "(key BLOB PRIMARY KEY, pack BLOB, position INTEGER) WITHOUT ROWID"
        )
        index.execute("BEGIN")  # as long as which nobody else changes its length
        (n_pages,), (page_bytes,) = (
            index.execute(f"PRAGMA {name}").fetchone() for name in ("page_count", "page_size")
        )
        if n_pages * page_bytes != path.stat().st_size:  # SQLite takes what is missing for zeros
            raise sqlite3.DatabaseError("truncated")
        index.execute("COMMIT")
    except BaseException:
        index.close()
        raise
    return index

"""Keep what was computed for a clip, so that a rerun computes only what is new.

`<root>/clips/<part>/<version>/` holds packs of many entries, `<2 hex digits>/<name>.pack`, and
`entries.sqlite`, which says what each key's entry is and where it lies. A worker writes a pack
aside and moves it to `new/`; whoever owns the run enters its keys into the index, then moves it to
its place. The index follows from the packs: without it, or where it is damaged, it is made anew.
What it says is compared with the entry's own line when the values are read.
"""

import hashlib
import json
import os
import re
import sqlite3
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from emometric.base import atomic
from emometric.extraction import cache_index, packs
from emometric.extraction.packs import Head

CLIPS = "clips"  # the folder of a cache's root that is ours; others keep theirs beside it
SUFFIX = ".pack"
_NEW = "new"
_AT_ONCE = 2**14  # entries that wait in memory for the index
_DAY_S = 86400.0  # so often it is noted that a pack is in use
_encode = json.JSONEncoder(sort_keys=True, allow_nan=False).encode
_quoted = json.encoder.encode_basestring_ascii  # what it does to text


def key(content: str, settings: Mapping[str, Any], version: str) -> str:
    """Name of an entry: blake2b (40 hex digits) over everything that the result follows from.

    content: hash of the clip's audio; settings: anything that JSON can hold, in any order of
    keys; version: of the program that computes.

    >>> key("a", {"x": 1, "y": 2}, "1") == key("a", {"y": 2, "x": 1}, "1")
    True
    """
    return _digest(_encode([content, settings, version]))


def keys(settings: Mapping[str, Any], version: str, own: str | None) -> Callable[[str, str], str]:
    """`key` of many clips, of which each may have its own value of one setting; takes a third.

    What is returned takes the content and that value as JSON, as `json.dumps` writes it; where own
    is None it counts for nothing.

    >>> keys({"x": 1}, "1", "y")("a", "2") == key("a", {"x": 1, "y": 2}, "1")
    True
    >>> keys({"x": 1}, "1", None)("a", "2") == key("a", {"x": 1}, "1")
    True
    """
    if own is None:
        rest = _encode([settings, version]).removeprefix("[")
        return lambda content, _: _digest(f"[{_quoted(content)}, {rest}")
    mark = uuid.uuid4().hex
    before, after = _encode([{**settings, own: mark}, version]).removeprefix("[").split(f'"{mark}"')
    return lambda content, value: _digest(f"[{_quoted(content)}, {before}{value}{after}")


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
        self._adopted: dict[str, Head] = {}  # what the index does not hold yet
        self._waiting: list[str] = []  # packs with these
        self._index: sqlite3.Connection | None = None
        self._is_up, self._may_write, self._is_anew = True, True, False
        self._lock = threading.RLock()  # joblib asks in its own threads

    def heads(self, names: Sequence[str]) -> dict[str, Head]:
        """What the entries of these names are; lacks those that are not there.

        An entry is there if its pack is, and is long enough; damage shows when it is read.
        """
        with self._lock:
            self._opened()  # which may adopt
            found = {name: self._adopted[name] for name in names if name in self._adopted}
            found |= self._find([name for name in names if name not in found])
        lengths = {pack: self._length(pack) for pack in {head.pack for head in found.values()}}
        return {name: head for name, head in found.items() if head.end <= lengths[head.pack]}

    def head(self, name: str) -> Head | None:
        """The same of one entry; None where there is none."""
        return self.heads([name]).get(name)

    def get(self, name: str) -> np.ndarray | None:
        """The array; None where there is no entry, or it is damaged."""
        head = self.head(name)
        return None if head is None else next(self.read([head]))

    def read(self, heads: Iterable[Head]) -> Iterator[np.ndarray | None]:
        """The arrays behind heads, in their order and in any thread.

        None where a pack is gone, or the entry is damaged. Those side by side in one pack are read
        faster.
        """
        for pack, some in groupby(heads, attrgetter("pack")):
            with self._open(pack) as file:
                for head in some:
                    yield None if file is None else packs.read(file, head)

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
                self._adopted |= {head.key: head for head in packs.heads(path)}
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
        try:
            cache_index.enter(index, self._adopted.values())
        except sqlite3.OperationalError:  # another process holds it for too long
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

    def _open(self, pack: str) -> AbstractContextManager[BinaryIO | None]:
        for path in self._paths(pack):
            with suppress(FileNotFoundError):
                return open(path, "rb", buffering=0)
        return nullcontext()

    def _length(self, pack: str) -> int:
        """Bytes of a pack, 0 where it is gone; notes that it is in use, for `upkeep`."""
        for path in self._paths(pack):
            with suppress(FileNotFoundError):
                status = os.stat(path)
                if time.time() - max(status.st_atime, status.st_mtime) > _DAY_S:
                    with suppress(OSError):  # somebody else's
                        os.utime(path, ns=(time.time_ns(), status.st_mtime_ns))
                return status.st_size
        return 0

    def _find(self, names: Sequence[str]) -> dict[str, Head]:
        index = self._opened() if names else None
        if index is None:
            return {}
        try:
            return {head.key: head for head in cache_index.find(index, names)}
        except sqlite3.OperationalError:  # another process holds it for too long
            self._is_up = False
            return {}
        except sqlite3.DatabaseError as error:
            self._throw_away(error)
            return self._find(names)

    def _opened(self) -> sqlite3.Connection | None:
        """The index; None while another process does not let it go, or there is no cache yet."""
        if self._index is None and self._is_up and self.folder.is_dir():
            path = self.folder / cache_index.FILE
            is_new = not path.exists()
            try:
                self._index = cache_index.connect(path)
            except sqlite3.OperationalError:
                self._is_up = False
                return None
            except sqlite3.DatabaseError as error:
                self._throw_away(error)
                return self._opened()
            if is_new:
                for name in cache_index.EARLIER:
                    (self.folder / name).unlink(missing_ok=True)
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
        (self.folder / cache_index.FILE).unlink(missing_ok=True)


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


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=20).hexdigest()


def folder_name(version: str) -> str:
    """The folder of a version.

    >>> folder_name("1,float16,numpy-2.3.1")
    '1,float16,numpy-2.3.1'
    """
    return re.sub(r"[^A-Za-z0-9.,+-]", "_", version)

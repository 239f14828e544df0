"""Files of a store that stands where a new one is to be written: which can stay as they are.

A file stays, unread, where it was made of the same clips by the same program, and nobody has
touched it since. As DVC tells: by device, inode, size and time of the last write. What a disk
spoils by itself shows in `emometric store verify`. What is known of a store lies in the clip cache.
"""

import hashlib
import json
import os
import shutil
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from emometric.base import atomic
from emometric.extraction.clip_tasks import Job, index_digest
from emometric.storage import store

FOLDER = "stores"  # in the clip cache of a part's version
_TICK_NS = 50_000_000  # more than a file system's clock stands still
_AT_ONCE = 2**9  # jobs that come together where no file holds them
_MOST_ROWS = 2**15  # of a file: its jobs are in memory together


class Made(NamedTuple):
    """A file of a store, and what it was made of.

    first: id of its first row; inputs: `inputs_of` its rows; ends: whether it ends behind its last
    row whatever follows.
    """

    name: str
    first: str
    n_rows: int
    inputs: str
    ends: bool


def inputs_of(jobs: Iterable[Job]) -> str:
    """Digest of all that the rows of a file, and where it ends, follow from."""
    found = hashlib.blake2b(f"{store.SHARD_BYTES}".encode(), digest_size=20)
    for job in jobs:
        found.update(f"\n{job.entry} {job.id}".encode())
    return found.hexdigest()


class Earlier:
    """What is known of a store; cache: of the part's version, where `note` has left a record."""

    def __init__(self, cache: Path, folder: Path):
        self._folder = folder
        self._made: dict[str, Made] = {}  # by the id of the first row
        self._facts: dict[str, list[int]] = {}
        with suppress(OSError, ValueError, TypeError, KeyError):  # none, or damaged
            record = json.loads(_record(cache, folder).read_text(encoding="utf-8"))
            if record["index"] == index_digest(folder):
                for fields, facts in record["files"]:
                    made = Made(*fields)
                    self._made[made.first], self._facts[made.name] = made, facts
        self._rows = store.read_index(folder)
        self._row: tuple | None = None

    def close(self) -> None:
        """Read no more of the index."""
        self._rows.close()

    def spans(self, jobs: Iterable[Job]) -> Iterator[tuple[Made | None, list[Job]]]:
        """Jobs in their order: all those of a file that holds just them, or some of no file."""
        jobs = iter(jobs)
        ahead: deque[Job] = deque()
        others: list[Job] = []
        while True:
            if not ahead:
                ahead.extend(islice(jobs, 1))
            made = self._made.get(ahead[0].id) if ahead else None
            if made is not None:
                ahead.extend(islice(jobs, max(0, made.n_rows + 1 - len(ahead))))
                if not self._holds(made, ahead):
                    made = None
            if others and (made is not None or not ahead or len(others) == _AT_ONCE):
                yield None, others
                others = []
            if not ahead:
                return
            if made is None:
                others.append(ahead.popleft())
            else:
                yield made, [ahead.popleft() for _ in range(made.n_rows)]

    def index(self, made: Made, shard: int) -> list[store.Indexed]:
        """Rows of the new store's index for a shard that stays under another number.

        Ids ascend from call to call, since the index is read but once.
        """
        while self._row is None or self._row[0] < made.first:
            self._row = next(self._rows)
        rows = [self._row, *islice(self._rows, made.n_rows - 1)]
        self._row = rows[-1]
        return [store.Indexed(clip_id, shard, *rest) for clip_id, _, *rest in rows]

    def take_over(self, made: Made, path: Path) -> bool:
        """Put a file at `path`; whether it could be, since somebody may have touched it now."""
        old = self._folder / made.name
        try:
            # What DVC or somebody else has linked is not ours to link again.
            if old.is_symlink() or old.stat().st_nlink > 1:
                shutil.copyfile(old, path)
            else:
                os.link(old, path)
            if _facts(old) == self._facts[made.name]:
                return True
        except OSError:  # another writer put his folder there meanwhile, or no links here
            pass
        path.unlink(missing_ok=True)
        return False

    def _holds(self, made: Made, ahead: deque[Job]) -> bool:
        """Whether a file holds just the next jobs, of which one more is there if any follows."""
        if not (made.ends or len(ahead) <= made.n_rows):
            return False
        return inputs_of(islice(ahead, made.n_rows)) == made.inputs and self._is_untouched(made)

    def _is_untouched(self, made: Made) -> bool:
        try:
            return _facts(self._folder / made.name) == self._facts[made.name]
        except OSError:
            return False


def described(aside: Path, files: Sequence[Made]) -> dict[str, Any]:
    """What is to be known of a store, as JSON holds it; aside: where it lies before its folder
    takes the place of another, so that nobody else has written there."""
    found = []
    for made in files:
        path = aside / made.name
        status = path.stat()
        if status.st_mtime_ns > time.time_ns() - _TICK_NS:
            # Set back, so that whoever writes there next leaves another time, however soon.
            os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns - _TICK_NS))
        if made.n_rows <= _MOST_ROWS:
            found.append((made, _facts(path)))
    return {"index": index_digest(aside), "files": found}


def note(cache: Path, folder: Path, known: dict[str, Any]) -> None:
    """Remember what was `described`, now that it lies at `folder`; cache: of the part's version."""
    with atomic.new_file(_record(cache, folder)) as aside:
        aside.write_text(json.dumps(known), encoding="utf-8")


def _record(cache: Path, folder: Path) -> Path:
    name = hashlib.blake2b(str(folder.absolute()).encode(), digest_size=20).hexdigest()
    return cache / FOLDER / f"{name}.json"


def _facts(path: Path) -> list[int]:
    """Device, inode, bytes, time of the last write."""
    status = path.stat()
    return [status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns]

"""The index of a clip cache: what each entry is and where it lies, in one SQLite table.

It follows from the packs, so that whoever finds it damaged (`sqlite3.DatabaseError`) may remove it
and make it anew. `sqlite3.OperationalError`, which is one of those, says that another process holds
it for too long.
"""

import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from emometric.extraction.packs import Head

FILE = "heads.sqlite"
EARLIER = "index.sqlite"  # of an earlier form, which said nothing but the place
_PATIENCE_S = 5.0  # for another process that writes
_ASKED = 500  # keys in one question


def connect(path: Path) -> sqlite3.Connection:
    """Open an index; an empty one where there is none."""
    index = sqlite3.connect(
        path, timeout=_PATIENCE_S, isolation_level=None, check_same_thread=False
    )
    try:
        index.execute("PRAGMA synchronous = OFF")  # it can be made anew
        index.execute(
            "CREATE TABLE IF NOT EXISTS heads (key BLOB PRIMARY KEY, dtype TEXT, shape TEXT, "
            "digest BLOB, crc INTEGER, pack BLOB, start INTEGER, checksum INTEGER) WITHOUT ROWID"
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


def enter(index: sqlite3.Connection, heads: Iterable[Head]) -> None:
    """Add entries, or put them in place of others with the same key; all or none."""
    try:
        index.execute("BEGIN IMMEDIATE")
        index.executemany(
            "INSERT OR REPLACE INTO heads VALUES (?, ?, ?, ?, ?, ?, ?, ?)", map(_row, heads)
        )
        index.execute("COMMIT")
    except sqlite3.OperationalError:
        if index.in_transaction:
            index.execute("ROLLBACK")
        raise


def find(index: sqlite3.Connection, keys: Sequence[str]) -> Iterator[Head]:
    """The entries that there are with these keys, in any order."""
    for start in range(0, len(keys), _ASKED):
        some = [bytes.fromhex(key) for key in keys[start : start + _ASKED]]
        marks = ",".join("?" * len(some))
        for *row, check in index.execute(f"SELECT * FROM heads WHERE key IN ({marks})", some):
            if check == _check(row):
                yield _head(*row)


def _row(head: Head) -> tuple:
    row = [
        bytes.fromhex(head.key),
        head.dtype,
        ",".join(map(str, head.shape)),
        bytes.fromhex(head.digest),
        head.crc,
        bytes.fromhex(head.pack),
        head.start,
    ]
    return *row, _check(row)


def _check(row: list) -> int:
    """What tells a row from one of a damaged index, which may hold anything."""
    return zlib.crc32(repr(row).encode())


def _head(
    key: bytes, dtype: str, shape: str, digest: bytes, crc: int, pack: bytes, start: int
) -> Head:
    sizes = tuple(map(int, shape.split(",")))
    return Head(key.hex(), dtype, sizes, digest.hex(), crc, pack.hex(), start)

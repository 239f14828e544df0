"""The index of a clip cache: what each entry is and where it lies, in one SQLite table.

It follows from the packs, so that whoever finds it damaged (`sqlite3.DatabaseError`) may remove it
and make it anew. `sqlite3.OperationalError`, which is one of those, says that another process holds
it for too long.
"""

import sqlite3
import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from emometric.extraction.packs import Head

FILE = "entries.sqlite"
EARLIER = ("index.sqlite", "heads.sqlite")  # of earlier forms
_PATIENCE_S = 5.0  # for another process that writes
_ASKED = 500  # keys in one question
_CHECK = struct.Struct("<I")
_NUMBERS = struct.Struct("<16sI16sQ")  # digest, CRC of the values, pack, where they start


def connect(path: Path) -> sqlite3.Connection:
    """Open an index; an empty one where there is none."""
    index = sqlite3.connect(
        path, timeout=_PATIENCE_S, isolation_level=None, check_same_thread=False
    )
    try:
        index.execute("PRAGMA synchronous = OFF")  # it can be made anew
        index.execute(
            "CREATE TABLE IF NOT EXISTS heads (key BLOB PRIMARY KEY, head BLOB) WITHOUT ROWID"
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
        index.executemany("INSERT OR REPLACE INTO heads VALUES (?, ?)", map(_row, heads))
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
        for key, packed in index.execute(f"SELECT * FROM heads WHERE key IN ({marks})", some):
            if (head := _head(key, packed)) is not None:
                yield head


def _row(head: Head) -> tuple[bytes, bytes]:
    """Its key and all else, behind a checksum which tells it from a row of a damaged index."""
    key, digest, pack = map(bytes.fromhex, (head.key, head.digest, head.pack))
    kind = ",".join([head.dtype, *map(str, head.shape)]).encode()
    rest = _NUMBERS.pack(digest, head.crc, pack, head.start) + kind
    return key, _CHECK.pack(zlib.crc32(key + rest)) + rest


def _head(key: bytes, packed: bytes) -> Head | None:
    if not (isinstance(key, bytes) and isinstance(packed, bytes)):  # a damaged index holds anything
        return None
    rest = packed[_CHECK.size :]
    if packed[: _CHECK.size] != _CHECK.pack(zlib.crc32(key + rest)):
        return None
    digest, crc, pack, start = _NUMBERS.unpack_from(rest)
    dtype, *sizes = rest[_NUMBERS.size :].decode().split(",")
    return Head(key.hex(), dtype, tuple(map(int, sizes)), digest.hex(), crc, pack.hex(), start)

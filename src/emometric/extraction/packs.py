"""Packs: files of many arrays, each behind its own checksums; what the clip cache consists of.

An entry is one line of ASCII, then the values as they lie in a feature store. The line is the
CRC-32 (8 hex digits) of the rest of the line, which is a JSON object: key, dtype, shape, digest
(`shards.digest` of the values) and the CRC-32 of their bytes. Entries follow each other.
"""

import json
import math
import os
import zlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

from emometric.storage import shards

_HEAD_BYTES = 512  # more than a line has


class Head(NamedTuple):
    """An entry without its values, and where those begin in which pack (its name)."""

    key: str
    dtype: str
    shape: tuple[int, ...]
    digest: str
    crc: int
    pack: str
    start: int

    @property
    def n_bytes(self) -> int:
        """Bytes of the values."""
        return _item_bytes(self.dtype) * math.prod(self.shape)

    @property
    def end(self) -> int:
        """Where the values end, and the next entry begins."""
        return self.start + self.n_bytes


def append(file: BinaryIO, key: str, array: np.ndarray) -> None:
    """Write an entry behind others; ValueError for an array of objects, which is never written."""
    array = shards.as_stored(array, array.dtype)
    if array.dtype.hasobject:
        raise ValueError(f"{key}: an array of objects cannot be kept (there is no allow_pickle).")
    values = shards.bytes_of(array)
    digest, crc = shards.digest(array), zlib.crc32(values)
    file.write(line(Head(key, array.dtype.str, array.shape, digest, crc, "", 0)))
    file.write(values)


def line(head: Head) -> bytes:
    """What stands before an entry's values.

    >>> line(Head("f0", "<f2", (3, 4), "9c", 7, "a pack", 0))
    b'da4be607 {"key": "f0", "dtype": "<f2", "shape": [3, 4], "digest": "9c", "crc": 7}\\n'
    """
    # As json.dumps writes it, which takes longer.
    text = (
        f'{{"key": "{head.key}", "dtype": "{head.dtype}", "shape": {list(head.shape)}, '
        f'"digest": "{head.digest}", "crc": {head.crc}}}'
    ).encode()
    return b"%08x %s\n" % (zlib.crc32(text), text)


def heads(path: str | Path) -> Iterator[Head]:
    """The entries of a pack, as far as the file is whole."""
    path = Path(path)
    with path.open("rb", buffering=0) as file:
        n_bytes = os.fstat(file.fileno()).st_size
        position = 0
        while position < n_bytes:
            head = _head(file.fileno(), path.stem, position)
            if head is None or head.end > n_bytes:
                return
            yield head
            position = head.end


def read(file: BinaryIO, head: Head) -> np.ndarray | None:
    """The array of an entry of a pack, in any thread; None where it, or its line, is damaged."""
    before = line(head)
    there = bytearray(len(before))
    values = np.empty(head.shape, head.dtype)
    room = values.data.cast("B") if values.size else b""
    parts = [there, room] if room else [there]
    n_bytes = os.preadv(file.fileno(), parts, head.start - len(before))
    is_whole = n_bytes == len(before) + len(room) and there == before
    return values if is_whole and zlib.crc32(room) == head.crc else None


def is_intact(path: str | Path) -> bool:
    """Whether every entry of a pack is what was written there; reads all of it."""
    end = 0
    with open(path, "rb", buffering=0) as file:
        for head in heads(path):
            if read(file, head) is None:
                return False
            end = head.end
        return end == os.fstat(file.fileno()).st_size


@cache
def _item_bytes(dtype: str) -> int:
    return np.dtype(dtype).itemsize


def _head(file: int, pack: str, position: int) -> Head | None:
    data = os.pread(file, _HEAD_BYTES, position)
    end = data.find(b"\n")
    text = data[9:end]
    if end < 9 or data[:9] != b"%08x " % zlib.crc32(text):
        return None
    found = json.loads(text)
    return Head(**found | {"shape": tuple(found["shape"])}, pack=pack, start=position + end + 1)

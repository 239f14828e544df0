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
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from emometric import shards

_HEAD_BYTES = 512  # more than a line has


@dataclass(frozen=True, kw_only=True, slots=True)
class Head:
    """An entry without its values, and where they begin in which file."""

    key: str
    dtype: str
    shape: tuple[int, ...]
    digest: str
    crc: int
    path: str
    start: int

    @property
    def n_bytes(self) -> int:
        """Bytes of the values."""
        return np.dtype(self.dtype).itemsize * math.prod(self.shape)


def append(file: BinaryIO, key: str, array: np.ndarray) -> None:
    """Write an entry behind others; ValueError for an array of objects, which is never written."""
    array = shards.as_stored(array, array.dtype)
    if array.dtype.hasobject:
        raise ValueError(f"{key}: an array of objects cannot be kept (there is no allow_pickle).")
    values = shards.bytes_of(array)
    head = {
        "key": key,
        "dtype": array.dtype.str,
        "shape": array.shape,
        "digest": shards.digest(array),
        "crc": zlib.crc32(values),
    }
    text = json.dumps(head).encode()
    file.write(b"%08x %s\n" % (zlib.crc32(text), text))
    file.write(values)


def heads(path: str | Path) -> Iterator[tuple[int, Head]]:
    """Where each entry of a pack begins, and its head, as far as the file is whole."""
    with open(path, "rb", buffering=0) as file:
        n_bytes = os.fstat(file.fileno()).st_size
        position = 0
        while position < n_bytes:
            head = _head(file.fileno(), str(path), position)
            if head is None or head.start + head.n_bytes > n_bytes:
                return
            yield position, head
            position = head.start + head.n_bytes


def head_at(path: str, position: int, key: str) -> Head | None:
    """The entry at a place, if it is there, whole by its length, and has this key.

    FileNotFoundError where there is no file.
    """
    file = os.open(path, os.O_RDONLY)
    try:
        head = _head(file, path, position)
        if head is None or head.key != key:
            return None
        return head if head.start + head.n_bytes <= os.fstat(file).st_size else None
    finally:
        os.close(file)


def read(head: Head, path: str | None = None) -> np.ndarray | None:
    """The array of an entry; None where it is damaged. path: where the pack was moved to.

    FileNotFoundError where there is no file.
    """
    values = np.empty(head.shape, head.dtype)
    if not values.size:
        return values
    with open(path or head.path, "rb", buffering=0) as file:
        file.seek(head.start)
        room = values.data.cast("B")
        there = file.readinto(room)
    return values if there == len(room) and zlib.crc32(room) == head.crc else None


def is_intact(path: str | Path) -> bool:
    """Whether every entry of a pack is what was written there; reads all of it."""
    end = 0
    for _, head in heads(path):
        if read(head) is None:
            return False
        end = head.start + head.n_bytes
    return end == os.stat(path).st_size


def _head(file: int, path: str, position: int) -> Head | None:
    data = os.pread(file, _HEAD_BYTES, position)
    end = data.find(b"\n")
    text = data[9:end]
    if end < 9 or data[:9] != b"%08x " % zlib.crc32(text):
        return None
    found = json.loads(text)
    return Head(
        key=found["key"],
        dtype=found["dtype"],
        shape=tuple(found["shape"]),
        digest=found["digest"],
        crc=found["crc"],
        path=path,
        start=position + end + 1,
    )

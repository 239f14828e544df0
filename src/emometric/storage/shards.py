"""The files of a ragged store: uncompressed NPZ shards whose bytes follow from their rows alone."""

import hashlib
import math
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, pairwise
from pathlib import Path
from typing import BinaryIO, Generic, TypeVar

import numpy as np
from numpy.lib import format as npy

Row = TypeVar("Row")

# What a damaged or missing file raises.
DAMAGE = (OSError, ValueError, KeyError, struct.error, zipfile.BadZipFile)
_WRITE_BYTES = 2**19
_SPLIT = 8  # shards, on average, in the place of one that is full
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip file can hold


def as_stored(array: np.ndarray, dtype: str | np.dtype) -> np.ndarray:
    """The array as its bytes lie in a store: little-endian `dtype`, C order."""
    return np.ascontiguousarray(array, np.dtype(dtype).newbyteorder("<"))


def digest(array: np.ndarray) -> str:
    """blake2b (32 hex digits) of an array: its type, its shape and its bytes."""
    found = hashlib.blake2b(f"{array.dtype.str}{array.shape}".encode(), digest_size=16)
    found.update(bytes_of(array))
    return found.hexdigest()


def bytes_of(array: np.ndarray) -> memoryview | bytes:
    """The bytes of an array, without a copy where it lies in C order."""
    return memoryview(np.ascontiguousarray(array)).cast("B") if array.size else b""


def grouped(
    rows: Iterable[Row], of: Callable[[Row], tuple[str, int]], shard_bytes: int
) -> Iterator[list[Row]]:
    """Rows by shard, in their order; of: a row's id and bytes.

    >>> list(grouped("abcde", lambda row: (row, 2), 64))
    [['a', 'b', 'c'], ['d', 'e']]
    """
    group: Group[Row] = Group(shard_bytes)
    for row in rows:
        yield from group.add(row, *of(row))
    if group.rows:
        yield group.rows


class Group(Generic[Row]):
    """Rows on their way into a shard: at most `shard_bytes` together, or one longer row.

    Where a shard ends behind a row, by `ends`, its id and bytes alone say: a row more or less
    changes one shard or two, not all that follow.
    """

    def __init__(self, shard_bytes: int):
        self.rows: list[Row] = []
        self._shard_bytes, self._n_bytes = shard_bytes, 0

    def add(self, row: Row, row_id: str, n_bytes: int) -> Iterator[list[Row]]:
        """Take a row; the shards that are complete now: none, one or two."""
        if self.rows and self._n_bytes + n_bytes > self._shard_bytes:
            yield self._taken()
        self.rows.append(row)
        self._n_bytes += n_bytes
        if ends(row_id, n_bytes, self._shard_bytes):
            yield self._taken()

    def _taken(self) -> list[Row]:
        rows, self.rows, self._n_bytes = self.rows, [], 0
        return rows


def ends(row_id: str, n_bytes: int, shard_bytes: int) -> bool:
    """Whether a shard ends behind a row, as one of so many bytes does by chance once in an eighth
    of `shard_bytes`."""
    return zlib.crc32(row_id.encode()) * shard_bytes < n_bytes * _SPLIT << 32


def name(number: int) -> str:
    """File name of a shard.

    >>> name(7)
    '007.npz'
    """
    return f"{number:03d}.npz"


def write(
    path: Path, ids: Sequence[str], lengths: Sequence[int], pieces: Iterable[np.ndarray]
) -> None:
    """One NPZ file of rows, `as_stored`; all have the same shape behind their length.

    pieces: of one row or of several each. ValueError where they have not these lengths together.
    Not through np.savez: the bytes must not hang on its or zipfile's defaults.
    """
    pieces = iter(pieces)
    first = next(pieces)
    offsets = np.cumsum([0, *lengths]).astype("<i8")
    encoded = np.array([clip_id.encode() for clip_id in ids])  # fixed width, UTF-8
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        shape = (int(offsets[-1]), *first.shape[1:])
        _write_member(archive, "values", shape, first.dtype, chain([first], pieces))
        _write_member(archive, "offsets", offsets.shape, offsets.dtype, [offsets])
        _write_member(archive, "ids", encoded.shape, encoded.dtype, [encoded])


def open_member(path: Path, member: str) -> np.ndarray:
    """A member of a shard as an array on the file itself; nothing is read yet.

    A damaged file raises one of `DAMAGE`.
    """
    with zipfile.ZipFile(path) as archive, path.open("rb") as file:
        _seek(file, archive.getinfo(f"{member}.npy"))
        npy.read_magic(file)
        shape, _, dtype = npy.read_array_header_1_0(file)
        if 0 in shape:
            return np.empty(shape, dtype)
        return np.memmap(path, dtype, "r", file.tell(), shape)


def read_rows(path: Path, rows: Iterable[int]) -> Iterator[np.ndarray]:
    """Rows of a shard, one after the other, each a copy of its own.

    A damaged file, or one that does not have such a row, raises one of `DAMAGE`.
    """
    values = open_member(path, "values")
    offsets = np.array(open_member(path, "offsets"))  # a view of a map takes longer than the read
    with path.open("rb", buffering=0) as file:
        for row in rows:
            yield from read_run(file, values, offsets, row, 1)


def read_run(
    file: BinaryIO, values: np.ndarray, offsets: np.ndarray, first: int, n_rows: int
) -> list[np.ndarray]:
    """Rows that lie side by side in a shard's file, each by itself: views of one piece of memory.

    values, offsets: its members, as `open_member` gives them; ValueError where they, or the file,
    do not fit.
    """
    found = read_piece(file, values, offsets, first, n_rows)
    cut = offsets[first : first + n_rows + 1]
    return [found[start:end] for start, end in pairwise((cut - cut[0]).tolist())]


def read_piece(
    file: BinaryIO, values: np.ndarray, offsets: np.ndarray, first: int, n_rows: int
) -> np.ndarray:
    """The same in one array. Read, not copied from a map of the file: for what is needed once, half
    the time."""
    cut = offsets[first : first + n_rows + 1] if first >= 0 else offsets[:0]
    if len(cut) != n_rows + 1 or not 0 <= cut[0] <= cut[-1] <= len(values):
        raise ValueError("the shard does not fit its index")
    found = np.empty((int(cut[-1] - cut[0]), *values.shape[1:]), values.dtype)
    if found.size:
        file.seek(values.offset + int(cut[0]) * (values.nbytes // len(values)))
        if file.readinto(found.data.cast("B")) != found.nbytes:
            raise ValueError("the shard is too short")
    return found


def rows_of(values: np.ndarray, offsets: np.ndarray, row: int) -> np.ndarray:
    """A copy of one row; ValueError where the members do not fit each other."""
    if not 0 <= row < len(offsets) - 1 or offsets[row + 1] > len(values):
        raise ValueError("the shard does not fit its index")
    return np.array(values[offsets[row] : offsets[row + 1]])


def is_intact(path: Path) -> bool:
    """Whether every member of a shard has the checksum (CRC-32) that the file states."""
    room = memoryview(bytearray(2**18))
    try:
        with zipfile.ZipFile(path) as archive, path.open("rb", buffering=0) as file:
            for info in archive.infolist():
                _seek(file, info)
                crc, rest = 0, info.file_size
                while rest and (n_bytes := file.readinto(room[:rest])):
                    crc = zlib.crc32(room[:n_bytes], crc)
                    rest -= n_bytes
                if rest or crc != info.CRC:
                    return False
    except DAMAGE:
        return False
    return True


def _seek(file: BinaryIO, info: zipfile.ZipInfo) -> None:
    """To the first byte of a member."""
    file.seek(info.header_offset)
    name_length, extra_length = struct.unpack("<26xHH", file.read(30))
    file.seek(info.header_offset + 30 + name_length + extra_length)


def _write_member(
    archive: zipfile.ZipFile,
    member: str,
    shape: tuple[int, ...],
    dtype: np.dtype,
    pieces: Iterable[np.ndarray],
) -> None:
    info = zipfile.ZipInfo(f"{member}.npy", _EPOCH)
    info.create_system = 3
    head = {"descr": dtype.str, "fortran_order": False, "shape": shape}
    with archive.open(info, "w", force_zip64=True) as file:
        npy.write_array_header_1_0(file, head)
        n_bytes = sum(file.write(b"".join(some)) for some in _bunched(map(bytes_of, pieces)))
    if n_bytes != dtype.itemsize * math.prod(shape):
        raise ValueError(f"{archive.filename}: rows are not as long as was said")


def _bunched(pieces: Iterable[memoryview | bytes]) -> Iterator[list[memoryview | bytes]]:
    """Pieces, so many together that a write is worth its while."""
    some: list[memoryview | bytes] = []
    size = 0
    for piece in pieces:
        some.append(piece)
        size += len(piece)
        if size >= _WRITE_BYTES:
            yield some
            some, size = [], 0
    yield some

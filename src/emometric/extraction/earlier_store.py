"""A store that stands already where a new one is to be written: what of it is still right."""

import os
import shutil
import zlib
from collections.abc import Container, Generator, Iterator, Sequence
from contextlib import suppress
from itertools import chain, groupby, repeat
from pathlib import Path

import numpy as np

from emometric.base.errors import StoreError
from emometric.extraction.packs import Head
from emometric.storage import shards, store

Places = Sequence[tuple[int, int] | None]  # (shard, row) of each row, None for a new one
_ROWS = 2**5  # that are read together


class Earlier:
    """An earlier ragged store, or none: where rows of the new one lie in it, and what it holds.

    untouched: names of its files that are known to be intact. Close it, since its index stays open
    until it is read to its end.
    """

    def __init__(self, folder: Path, untouched: Container[str] = ()):
        self._folder, self._untouched = folder, untouched
        self._rows = _index_of(folder)
        self._next = next(self._rows, None)

    def close(self) -> None:
        """Read no more of the index."""
        self._rows.close()

    def places(self, rows: Sequence[store.Indexed]) -> Places:
        """Where the rows of the same id, length and digest are.

        Ids ascend, also from call to call, since the index is read but once.
        """
        found: list[tuple[int, int] | None] = []
        for row in rows:
            while self._next is not None and self._next.id < row.id:
                self._next = next(self._rows, None)
            old = self._next
            is_same = old is not None and (old.id, *old[3:]) == (row.id, *row[3:])
            found.append((old.shard, old.row) if old is not None and is_same else None)
        return found

    def take_over(self, places: Places, path: Path) -> bool:
        """Put a shard at `path` if these are all its rows and it is intact."""
        first = places[0]
        if first is None or list(places) != [(first[0], row) for row in range(len(places))]:
            return False
        old = self._path(first[0])
        try:
            if len(shards.open_member(old, "offsets")) != len(places) + 1:
                return False
        except shards.DAMAGE:
            return False
        is_intact = old.name in self._untouched or shards.is_intact(old)
        return is_intact and _linked(old, path)

    def read(
        self, places: Places, heads: Sequence[Head]
    ) -> Iterator[tuple[int, np.ndarray | None]]:
        """Rows at these places, some at a time: how many these are, and their values in one piece.

        None for its values where there are none, or not what `heads` say.
        """
        # Rows lie side by side where the shard, and the distance from one store to the other, stay.
        runs = [place and (place[0], place[1] - number) for number, place in enumerate(places)]
        for run, numbers in groupby(range(len(places)), runs.__getitem__):
            first, *rest = numbers
            wanted = heads[first : first + 1 + len(rest)]
            pieces = self._pieces(run[0], first + run[1], wanted) if run else ()
            starts = range(0, len(wanted), _ROWS)
            for start, piece in zip(starts, chain(pieces, repeat(None)), strict=False):
                yield len(wanted[start : start + _ROWS]), piece

    def _pieces(self, shard: int, first: int, heads: Sequence[Head]) -> Iterator[np.ndarray | None]:
        """`_ROWS` rows each, side by side from `first` on; ends where the shard is damaged."""
        with suppress(*shards.DAMAGE):
            path = self._path(shard)
            values, offsets = (shards.open_member(path, name) for name in ("values", "offsets"))
            with path.open("rb", buffering=0) as file:
                for start in range(0, len(heads), _ROWS):
                    some = heads[start : start + _ROWS]
                    piece = shards.read_piece(file, values, offsets, first + start, len(some))
                    yield piece if _is_of(piece, some) else None

    def _path(self, shard: int) -> Path:
        return self._folder / shards.name(shard)


def _index_of(folder: Path) -> Generator[store.Indexed, None, None]:
    with suppress(StoreError):  # there is none, or it is damaged from here on
        yield from map(store.Indexed._make, store.read_index(folder))


def _is_of(piece: np.ndarray, heads: Sequence[Head]) -> bool:
    """Whether several rows in one piece have the type, the shapes and the checksums stated."""
    if piece.nbytes != sum(head.n_bytes for head in heads):
        return False
    room, start = memoryview(shards.bytes_of(piece)), 0
    for head in heads:
        end = start + head.n_bytes
        is_like = piece.dtype.str == head.dtype and piece.shape[1:] == head.shape[1:]
        if not is_like or zlib.crc32(room[start:end]) != head.crc:
            return False
        start = end
    return True


def _linked(old: Path, path: Path) -> bool:
    try:
        # What DVC or somebody else has linked is not ours to link again.
        if old.is_symlink() or old.stat().st_nlink > 1:
            shutil.copyfile(old, path)
        else:
            os.link(old, path)
    except OSError:  # another writer put his folder there meanwhile, or no links here
        path.unlink(missing_ok=True)
        return False
    return True

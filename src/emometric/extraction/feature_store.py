"""Write the store of a feature from the clip cache, a shard at a time."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from emometric.base.errors import StoreError
from emometric.extraction.cache import ClipCache
from emometric.extraction.clip_tasks import Job
from emometric.extraction.earlier_store import Earlier, Places
from emometric.extraction.packs import Head
from emometric.storage import shards, store

FUNCTIONALS_FILE = "functionals.parquet"
AT_ONCE = 2**9  # clips that are looked up in the cache together
_N_THREADS = 4  # at most: each holds a shard
_ATTEMPTS = 3  # somebody may prune the cache just now


class Row(NamedTuple):
    """A clip of the store, and what the cache holds for it."""

    job: Job
    head: Head


class Source:
    """A feature's arrays from the cache; what it has lost is computed again and put there.

    heads: by key, what the caller has looked up already.
    """

    def __init__(
        self, cache: ClipCache, compute: Callable[[Job], np.ndarray], heads: Mapping[str, Head]
    ):
        self.cache, self._compute, self._heads = cache, compute, heads
        self.mended: set[str] = set()  # keys of what was lost

    def rows(self, jobs: Iterable[Job]) -> Iterator[Row]:
        """What the cache holds for clips; looks up some at a time."""
        jobs = iter(jobs)
        while some := list(islice(jobs, AT_ONCE)):
            found = self.cache.heads([job.entry for job in some if job.entry not in self._heads])
            for job in some:
                head = self._heads.get(job.entry) or found.get(job.entry)
                yield Row(job, head or self._head(job))

    def values(self, rows: Sequence[Row]) -> Iterator[np.ndarray]:
        """The arrays of clips; may be called in any thread."""
        for row, found in zip(rows, self.cache.read(row.head for row in rows), strict=True):
            yield self._mend(row.job) if found is None else found

    def _head(self, job: Job) -> Head:
        for _ in range(_ATTEMPTS):
            head = self.cache.head(job.entry)
            if head is not None:
                return head
            self._mend(job)
        raise StoreError(
            f"{self.cache.folder}: what was just written there is gone; check the disk."
        )

    def _mend(self, job: Job) -> np.ndarray:
        found = self._compute(job)
        self.cache.put(job.entry, found)
        self.mended.add(job.entry)
        return found


def write_functionals(folder: Path, jobs: Iterable[Job], source: Source, names: Sequence[str],
                      dtype: str) -> int:  # fmt: skip
    """Write `functionals.parquet`; jobs by ascending id. The number of clips."""

    def written() -> Iterator[tuple[str, np.ndarray]]:
        rows = source.rows(jobs)
        while some := list(islice(rows, AT_ONCE)):
            for row, values in zip(some, source.values(some), strict=True):
                yield row.job.id, values[0]

    path = folder / FUNCTIONALS_FILE
    return store.write_functional_rows(path, names, written(), dtype=dtype)


def write_frames(
    folder: Path, jobs: Iterable[Job], source: Source, old: Earlier, *, n_jobs: int
) -> int:
    """Write a ragged store, jobs by ascending id; the bytes of `store.write_ragged`.

    old: the store that may stand there already. Its shards that hold the same rows are taken over,
    and so are such rows in others, where their checksums are right. n_jobs: shards written at once,
    4 at most; memory: as many shards. The number of clips.
    """
    n_clips = 0
    groups = shards.grouped(source.rows(jobs), _size, store.SHARD_BYTES)

    def planned() -> Iterator[_Shard]:
        for shard, group in enumerate(groups):
            index = [
                store.Indexed(row.job.id, shard, number, row.head.shape[0], row.head.digest)
                for number, row in enumerate(group)
            ]
            yield _Shard(group, index, old.places(index))

    def write(shard: _Shard) -> list[store.Indexed]:
        path = folder / shards.name(shard.index[0].shard)
        if not old.take_over(shard.places, path):
            ids, lengths = [row.id for row in shard.index], [row.length for row in shard.index]
            shards.write(path, ids, lengths, _pieces(shard, source, old))
        return shard.index

    with closing(old), store.IndexWriter(folder) as index:
        for shard in _in_threads(write, planned(), max(1, min(n_jobs, _N_THREADS))):
            for row in shard:
                index.add(row)
            n_clips += len(shard)
    return n_clips


def _size(row: Row) -> tuple[str, int]:
    return row.job.id, row.head.n_bytes


class _Shard(NamedTuple):
    """What a shard of the new store is to hold: its rows, and where they lie in the earlier one."""

    rows: list[Row]
    index: list[store.Indexed]
    places: Places


def _pieces(shard: _Shard, source: Source, earlier: Earlier) -> Iterator[np.ndarray]:
    """Values of a shard's rows: from the earlier store, or else from the cache."""
    done = 0
    for n_rows, piece in earlier.read(shard.places, [row.head for row in shard.rows]):
        if piece is None:
            yield from source.values(shard.rows[done : done + n_rows])
        else:
            yield piece
        done += n_rows


def _in_threads(work: Callable, items: Iterable, n_threads: int) -> Iterator[Any]:
    """`work` of each item, in their order; no more than `n_threads` items are taken in advance."""
    if n_threads == 1:
        yield from map(work, items)
        return
    waiting: list[Future] = []
    with ThreadPoolExecutor(n_threads) as pool:
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) == n_threads:
                yield waiting.pop(0).result()
        for future in waiting:
            yield future.result()

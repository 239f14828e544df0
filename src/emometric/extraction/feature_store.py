"""Write the store of a feature from the clip cache, a shard at a time."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from emometric.base.errors import StoreError
from emometric.extraction.cache import ClipCache
from emometric.extraction.clip_tasks import Job
from emometric.extraction.earlier_store import Earlier, Made, inputs_of
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


def write_functionals(
    folder: Path,
    jobs: Iterable[Job],
    source: Source,
    old: Earlier,
    *,
    names: Sequence[str],
    dtype: str,
) -> list[Made]:
    """Write `functionals.parquet`; jobs by ascending id, as often as they are wanted. The file.

    old: the store that may stand there already. Its file is taken over where it holds the same.
    """
    path = folder / FUNCTIONALS_FILE
    made, some = next(old.spans(jobs), (None, []))
    if made is not None and old.take_over(made, path):
        return [made]

    def written() -> Iterator[tuple[str, np.ndarray]]:
        rows = source.rows(jobs)
        while several := list(islice(rows, AT_ONCE)):
            for row, values in zip(several, source.values(several), strict=True):
                yield row.job.id, values[0]

    n_rows = store.write_functional_rows(path, names, written(), dtype=dtype)
    first = some[0].id if some else ""
    return [Made(path.name, first, n_rows, inputs_of(jobs), ends=False)]


def write_frames(
    folder: Path, jobs: Iterable[Job], source: Source, old: Earlier, *, n_jobs: int
) -> list[Made]:
    """Write a ragged store, jobs by ascending id; the bytes of `store.write_ragged`. The shards.

    old: the store that may stand there already. Its shards that hold the same rows are taken over.
    n_jobs: shards written at once, 4 at most; memory: as many shards.
    """

    def write(shard: _Shard) -> tuple[Made, list[store.Indexed]]:
        name = shards.name(shard.number)
        if shard.old is not None and old.take_over(shard.old, folder / name):
            return shard.old._replace(name=name), shard.index
        rows = shard.rows or list(source.rows(shard.jobs))
        index = [
            store.Indexed(row.job.id, shard.number, number, row.head.shape[0], row.head.digest)
            for number, row in enumerate(rows)
        ]
        ids, lengths = [row.id for row in index], [row.length for row in index]
        shards.write(folder / name, ids, lengths, source.values(rows))
        ends = shards.ends(*_size(rows[-1]), store.SHARD_BYTES)
        return Made(name, ids[0], len(ids), inputs_of(row.job for row in rows), ends), index

    files = []
    planned = _planned(jobs, source, old)
    with store.IndexWriter(folder) as index:
        for made, rows in _in_threads(write, planned, max(1, min(n_jobs, _N_THREADS))):
            files.append(made)
            for row in rows:
                index.add(row)
    return files


class _Shard(NamedTuple):
    """What a shard of the new store is to hold: `rows`, or what `old` of the earlier one holds,
    with its jobs and its part of the index."""

    number: int
    rows: Sequence[Row] = ()
    old: Made | None = None
    jobs: Sequence[Job] = ()
    index: Sequence[store.Indexed] = ()


def _planned(jobs: Iterable[Job], source: Source, old: Earlier) -> Iterator[_Shard]:
    """The shards of the new store, in their order."""
    number = 0
    waiting = shards.Group(store.SHARD_BYTES)
    for made, some in old.spans(jobs):
        if made is not None and not waiting.rows:
            yield _Shard(number, old=made, jobs=some, index=old.index(made, number))
            number += 1
            continue
        for row in source.rows(some):
            for rows in waiting.add(row, *_size(row)):
                yield _Shard(number, rows)
                number += 1
    if waiting.rows:
        yield _Shard(number, waiting.rows)


def _size(row: Row) -> tuple[str, int]:
    return row.job.id, row.head.n_bytes


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

"""Write the store of a feature from the clip cache, a shard at a time."""

import hashlib
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from emometric import shards, store
from emometric.cache import ClipCache
from emometric.clip_tasks import Job
from emometric.errors import StoreError
from emometric.packs import Head

FUNCTIONALS_FILE = "functionals.parquet"
_N_THREADS = 4  # at most: each holds a shard
_ATTEMPTS = 3  # somebody may prune the cache just now


@dataclass(frozen=True)
class Row:
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

    def row(self, job: Job) -> Row:
        """What the cache holds for a clip."""
        if job.entry in self._heads:
            return Row(job, self._heads[job.entry])
        for _ in range(_ATTEMPTS):
            head = self.cache.head(job.entry)
            if head is not None:
                return Row(job, head)
            self._mend(job)
        raise StoreError(
            f"{self.cache.folder}: what was just written there is gone; check the disk."
        )

    def values(self, row: Row) -> np.ndarray:
        """The array of a clip; may be called in any thread."""
        found = self.cache.read(row.head)
        return self._mend(row.job) if found is None else found

    def _mend(self, job: Job) -> np.ndarray:
        found = self._compute(job)
        self.cache.put(job.entry, found)
        self.mended.add(job.entry)
        return found


def write_functionals(folder: Path, jobs: Iterable[Job], source: Source, names: Sequence[str],
                      dtype: str) -> int:  # fmt: skip
    """Write `functionals.parquet`; jobs by ascending id. The number of clips."""
    rows = ((row.job.id, source.values(row)[0]) for row in map(source.row, jobs))
    return store.write_functional_rows(folder / FUNCTIONALS_FILE, names, rows, dtype=dtype)


def write_frames(
    folder: Path, jobs: Iterable[Job], source: Source, *, earlier: Path, n_jobs: int
) -> int:
    """Write a ragged store, jobs by ascending id; the bytes of `store.write_ragged`.

    earlier: a folder where the store may stand already. Its shards that hold the same rows, and
    whose checksum is right, are taken over. n_jobs: shards written at once, 4 at most; memory: as
    many shards. The number of clips.
    """
    n_clips = 0
    known = _known_shards(earlier)
    rows = map(source.row, jobs)
    groups = shards.grouped(rows, lambda row: row.head.n_bytes, store.SHARD_BYTES)

    def write(numbered: tuple[int, list[Row]]) -> list[store.Indexed]:
        shard, group = numbered
        index = [
            store.Indexed(row.job.id, shard, number, row.head.shape[0], row.head.digest)
            for number, row in enumerate(group)
        ]
        path = folder / shards.name(shard)
        if not _taken_over(known.get(_fingerprint(index)), path):
            shards.write(path, [row.job.id for row in group], [source.values(row) for row in group])
        return index

    with store.IndexWriter(folder) as index:
        for shard in _in_threads(write, enumerate(groups), max(1, min(n_jobs, _N_THREADS))):
            for row in shard:
                index.add(row)
            n_clips += len(shard)
    return n_clips


def _known_shards(folder: Path) -> dict[bytes, Path]:
    """Shards of a store by what their rows are; none where there is no store, or a damaged one."""
    known = {}
    with suppress(StoreError):
        rows = (store.Indexed(*row) for row in store.read_index(folder))
        for shard, group in groupby(rows, lambda row: row.shard):
            known[_fingerprint(group)] = folder / shards.name(shard)
    return known


def _fingerprint(rows: Iterable[store.Indexed]) -> bytes:
    """Of the rows of a shard, wherever in the store it stands."""
    found = hashlib.blake2b(digest_size=16)
    for row in rows:
        found.update(repr((row.id, row.length, row.digest)).encode())
    return found.digest()


def _taken_over(earlier: Path | None, path: Path) -> bool:
    """Put an earlier shard at `path` if it is intact."""
    if earlier is None or not shards.is_intact(earlier):
        return False
    try:
        # What DVC or somebody else has linked is not ours to link again.
        if earlier.is_symlink() or earlier.stat().st_nlink > 1:
            shutil.copyfile(earlier, path)
        else:
            os.link(earlier, path)
    except OSError:  # another writer put his folder there meanwhile, or no links here
        path.unlink(missing_ok=True)
        return False
    return True


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

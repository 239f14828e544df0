"""What a worker does at a time: compute a feature of some clips and put it into the clip cache."""

import hashlib
import socket
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from itertools import groupby
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from emometric.base import parts
from emometric.base.errors import PipelineError, StoreError
from emometric.extraction.cache import ClipCache, identity
from emometric.sound import audio, vad
from emometric.storage import shards, store

_PACK_S = 2.0  # after which a pack is closed


class Job(NamedTuple):
    """A clip to extract: the cache's key, its voiced intervals, and where its samples lie.

    voiced is empty where silence is kept. n_samples: of the clip as it is stored.
    """

    id: str
    entry: str
    voiced: tuple[tuple[int, int], ...]
    shard: int
    row: int
    n_samples: int


@dataclass(frozen=True, kw_only=True)
class Work:
    """What all tasks of an extraction share.

    clips: folder of the ragged store of int16 samples, and the digest of its index; cache: root
    of the clip cache, and its `cache.identity`. The two tell a worker on another machine whether
    what it finds under these names is the same.
    """

    feature: str
    params: Any
    version: str
    clips: str
    clips_digest: str
    cache: str
    cache_identity: str


@dataclass(frozen=True, kw_only=True)
class Task:
    """Some clips; samples: theirs, where the worker cannot read them."""

    work: Work
    jobs: tuple[Job, ...]
    samples: tuple[np.ndarray, ...] | None = None


@dataclass(frozen=True, kw_only=True)
class Done:
    """What became of a task.

    packs: names of those that it put into the cache. computed: (key, values) that it could not put
    there, since the cache is elsewhere. unread: the task, undone, since the clips are elsewhere;
    send samples.
    """

    n_clips: int = 0
    n_samples: int = 0
    packs: tuple[str, ...] = ()
    computed: tuple[tuple[str, np.ndarray], ...] = ()
    unread: Task | None = None


def run(task: Task) -> Done:
    """Do a task, in any process that can import the package.

    Raises what the extractor raises, and PipelineError where its version is not the caller's; what
    was computed before is kept, but for the last seconds.
    """
    work = task.work
    if task.samples is None and not has_clips(work):
        return Done(unread=task)
    part = parts.load("features", work.feature)
    if folder_of(part) != work.version:
        raise PipelineError(
            f"{socket.gethostname()}: a worker has {work.feature} as {folder_of(part)}, the caller "
            f"as {work.version}; install the same versions there."
        )
    samples = read_samples(work.clips, task.jobs) if task.samples is None else task.samples
    computed = _computed(part, work, zip(task.jobs, samples, strict=True))
    is_shared = identity(work.cache, create=False) == work.cache_identity
    packs = tuple(_packed(work, computed)) if is_shared else ()
    return Done(
        n_clips=len(task.jobs),
        n_samples=sum(job.n_samples for job in task.jobs),
        packs=packs,
        computed=tuple(computed),  # nothing is left of it where it was packed
    )


def _computed(
    part: ModuleType, work: Work, clips: Iterable[tuple[Job, np.ndarray]]
) -> Iterator[tuple[str, np.ndarray]]:
    for job, pcm in clips:
        yield job.entry, compute(part, work.params, job, pcm)


def _packed(work: Work, computed: Iterator[tuple[str, np.ndarray]]) -> Iterator[str]:
    """Put arrays into packs; the name of each. A kill loses what was not in one yet: seconds."""
    known = ClipCache(work.cache, work.feature, work.version)
    more = next(computed, None)
    while more is not None:
        until = time.monotonic() + _PACK_S
        with known.packing() as pack:
            while more is not None and time.monotonic() < until:
                pack.add(*more)
                more = next(computed, None)
        yield pack.name


def folder_of(part: ModuleType) -> str:
    """Version of an extractor and of the packages that compute its values, as people read it."""
    packages = (f"{name}-{package_version(name)}" for name in part.PACKAGES)
    return ",".join([str(part.VERSION), part.DTYPE, *packages])


@cache
def package_version(name: str) -> str:
    """Version of an installed package; finding it takes milliseconds."""
    return metadata.version(name)


def compute(part: ModuleType, params: Any, job: Job, pcm: np.ndarray) -> np.ndarray:
    """One clip's feature as it is stored; pcm: (samples,) int16."""
    # Silence is cut from the integers: less is converted then.
    spoken = vad.apply_silence(pcm, job.voiced, params.silence)
    return part.extract(audio.from_pcm16(spoken), audio.RATE_HZ, params).astype(part.DTYPE)


def read_samples(clips: str | Path, jobs: Sequence[Job]) -> Iterator[np.ndarray]:
    """The clips' samples, one after the other; StoreError where a shard is missing or damaged."""
    for number, some in groupby(jobs, lambda job: job.shard):
        path = Path(clips, shards.name(number))
        try:
            yield from shards.read_rows(path, (job.row for job in some))
        except shards.DAMAGE:
            state = "damaged" if path.exists() else "missing"
            raise StoreError(f"{path} is {state}; build it again (`dvc repro`).") from None


def has_clips(work: Work) -> bool:
    """Whether the store of clips under this name is the one that is meant."""
    known = work.clips, work.clips_digest
    if known not in _seen and index_digest(work.clips) == work.clips_digest:
        _seen.add(known)
    return known in _seen


def index_digest(folder: str | Path) -> str | None:
    """blake2b of a store's index, which holds the digest of every row; None: there is no index."""
    try:
        with Path(folder, store.INDEX).open("rb") as file:
            return hashlib.file_digest(file, "blake2b").hexdigest()
    except FileNotFoundError:
        return None


_seen: set[tuple[str, str]] = set()  # of this process

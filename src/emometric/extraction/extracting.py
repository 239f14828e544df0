"""Extract one feature of a whole corpus: what the cache lacks in parallel, then the store."""

import gc
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from types import ModuleType
from typing import Any

import joblib
import numpy as np
import pyarrow as pa
import threadpoolctl
from joblib.parallel import LokyBackend, get_active_backend
from tqdm import tqdm

from emometric.base import atomic, console, parts
from emometric.extraction import cache, clip_tasks, corpus_jobs, earlier_store, feature_store
from emometric.extraction.cache import ClipCache
from emometric.extraction.clip_tasks import Done, Job, Task, Work
from emometric.extraction.clip_tasks import folder_of as folder_of
from emometric.extraction.earlier_store import Earlier
from emometric.extraction.feature_store import FUNCTIONALS_FILE as FUNCTIONALS_FILE
from emometric.extraction.packs import Head
from emometric.sound import audio

# So long this process extracts by itself. Others are started if the rest would take it longer than
# _WORTH_S: that is what they need to start.
_ALONE_S, _WORTH_S = 0.5, 2.0
_TASK_S = (4.0, 300.0)  # audio of a task, at least and at most
_TASKS = 16  # or else so many for each worker: the last to finish is not late
_COMMIT_S = 1.0  # how often the cache's index is written
_REMEMBERED = 2**15  # jobs that are kept in memory; of a larger corpus they are read again
_SEEN = 2**16  # keys among which equal audio is noticed


@dataclass(frozen=True, kw_only=True)
class Extracted:
    """How many clips the store holds, and how many of them had to be computed."""

    n_clips: int
    n_computed: int


def extract_corpus(
    feature: str,
    params: Any,
    manifest: pa.Table | str | Path,
    clips: str | Path,
    folder: str | Path,
    *,
    cache_folder: str | Path,
    n_jobs: int = 1,
) -> Extracted:
    """Write a feature of every clip in the manifest; takes the place of `folder` at once.

    params: the `Params` of the feature; manifest: clip.MANIFEST_SCHEMA, or the path of such a
    Parquet file, sorted by id; clips: folder of a ragged store of int16 samples at 16 kHz.
    `folder` becomes a ragged store, or holds `functionals.parquet`, by the feature's KIND. Only
    clips that the cache lacks are computed, each put there as soon as it is done; the result is
    the same bytes whatever the cache or `folder` held. Memory does not grow with the corpus, given
    the manifest's path; equal audio is computed once if it lies not too far apart.

    `n_jobs` and the backend are joblib's: processes here, or what `joblib.parallel_config` names.
    Workers read the clips and fill the cache themselves. A worker on another machine, which does
    not see the same folders under the same names, is sent samples and sends its results.
    """
    part = parts.load("features", feature)
    gc.freeze()  # as `console.main`, with what the part has imported
    corpus_jobs.settings_of(part, params)  # says what it lacks before anything starts
    work = Work(
        feature=feature,
        params=params,
        version=folder_of(part),
        clips=str(Path(clips).absolute()),
        clips_digest=clip_tasks.index_digest(clips) or "",
        cache=str(Path(cache_folder).absolute()),
        cache_identity=cache.identity(Path(cache_folder).absolute(), create=True) or "",
    )
    with (
        ClipCache(work.cache, feature, work.version) as known,
        closing(Earlier(known.folder, Path(folder))) as old,
    ):
        jobs = corpus_jobs.Jobs(part, params, manifest, clips, _REMEMBERED)
        heads: dict[str, Head] = {}
        missing = _Missing(jobs, old, known, heads)
        n_missing, n_samples = missing.size()
        if n_missing:
            _fill(work, known, missing, n_missing, n_samples, n_jobs)
        source = feature_store.Source(known, lambda job: _alone(part, work, job), heads)
        with atomic.new_folder(folder) as aside:
            if part.KIND == "functionals":
                names = part.names(params)
                files = feature_store.write_functionals(
                    aside, jobs, source, old, names=names, dtype=part.DTYPE
                )
            else:
                n_threads = joblib.cpu_count() if n_jobs < 0 else n_jobs
                files = feature_store.write_frames(aside, jobs, source, old, n_jobs=n_threads)
            described = earlier_store.described(aside, files)
        earlier_store.note(known.folder, Path(folder), described)
    n_clips = sum(made.n_rows for made in files)
    return Extracted(n_clips=n_clips, n_computed=n_missing + len(source.mended))


class _Missing:
    """Jobs whose entry neither the earlier store nor the cache holds, as often as they are wanted;
    of clips with equal audio the first. What the first look finds in the cache is put into `heads`,
    as much as memory shall hold."""

    def __init__(self, jobs: Iterable[Job], old: Earlier, known: ClipCache, heads: dict[str, Head]):
        self._jobs, self._old, self._known, self._heads = jobs, old, known, heads
        self._kept: list[Job] | None = None

    def size(self) -> tuple[int, int]:
        """How many there are, and how many samples they have."""
        kept: list[Job] = []
        n_missing = n_samples = 0
        for job in self._look():
            n_missing += 1
            n_samples += job.n_samples
            if len(kept) <= _REMEMBERED:
                kept.append(job)
        if n_missing <= _REMEMBERED:
            self._kept = kept
        return n_missing, n_samples

    def __iter__(self) -> Iterator[Job]:
        return iter(self._kept) if self._kept is not None else self._look()

    def _look(self) -> Iterator[Job]:
        seen: set[str] = set()
        spans = self._old.spans(self._jobs)
        lacking = chain.from_iterable(some for made, some in spans if made is None)
        jobs = (job for job in lacking if job.entry not in self._heads)
        while some := list(islice(jobs, feature_store.AT_ONCE)):
            found = self._known.heads([job.entry for job in some])
            for job in some:
                if job.entry in found:
                    if len(self._heads) < _REMEMBERED:
                        self._heads[job.entry] = found[job.entry]
                elif job.entry not in seen:
                    if len(seen) == _SEEN:
                        seen.clear()
                    seen.add(job.entry)
                    yield job


class _Filling:
    """What was computed so far of what the cache lacks: kept there, and shown."""

    def __init__(self, known: ClipCache, bar: tqdm):
        self.n_samples = 0
        self.unread: list[Task] = []
        self._known, self._bar = known, bar
        self._began = self._committed = time.monotonic()

    def keep(self, done: Done) -> None:
        """See to it that the cache knows what a task has computed."""
        for pack in done.packs:
            self._known.adopt(pack)
        if done.computed:
            with self._known.packing() as pack:
                for entry, values in done.computed:
                    pack.add(entry, values)
            self._known.adopt(pack.name)
        if done.unread:
            self.unread.append(done.unread)
        if time.monotonic() > self._committed + _COMMIT_S:
            self._known.commit()
            self._committed = time.monotonic()
        self.n_samples += done.n_samples
        self._bar.set_postfix_str(f"{self.speed():.0f} x real time", refresh=False)
        self._bar.update(done.n_clips)

    def speed(self) -> float:
        """Seconds of audio for each second so far."""
        return self.n_samples / audio.RATE_HZ / max(self.seconds(), 1e-9)

    def seconds(self) -> float:
        """Since it began."""
        return time.monotonic() - self._began


def _fill(
    work: Work, known: ClipCache, jobs: Iterable[Job], n_clips: int, n_samples: int, n_jobs: int
) -> None:
    """Compute what the cache lacks: so many clips, with so many samples."""
    missing = iter(jobs)
    least, most = (round(seconds * audio.RATE_HZ) for seconds in _TASK_S)
    with console.progress(total=n_clips, what=work.feature, unit="clips") as bar:
        filling = _Filling(known, bar)
        size = least
        # Twice as much each time: the first clips, which are slow, say little of the others.
        while filling.seconds() < _ALONE_S and (task := next(_tasks(work, missing, size), None)):
            filling.keep(clip_tasks.run(task))
            size *= 2
        rest = n_samples - filling.n_samples
        alone = bool(_ALONE_S) and rest / audio.RATE_HZ < _WORTH_S * filling.speed()
        n_tasks = _TASKS * (1 if alone else joblib.effective_n_jobs(n_jobs))
        tasks: Iterable[Task] = _tasks(work, missing, min(max(rest // n_tasks, least), most))
        while tasks or filling.unread:
            waiting = _with_samples(tasks, filling.unread)
            for done in map(clip_tasks.run, waiting) if alone else _parallel(work, waiting, n_jobs):
                filling.keep(done)
            tasks = ()
    known.commit()


def _parallel(work: Work, tasks: Iterable[Task], n_jobs: int) -> Iterator[Done]:
    """Do tasks where joblib's backend says; of processes here, in threads if the part wants that:
    they share a model that each process would have to hold."""
    in_threads = getattr(parts.load("features", work.feature), "in_threads", None)
    backend = None
    with ExitStack() as stack:
        if in_threads and isinstance(get_active_backend()[0], LokyBackend):
            backend = "threading"
            # Once for all: each thread restores at its end what it found, as the others still work.
            stack.enter_context(threadpoolctl.threadpool_limits(1))
            stack.enter_context(in_threads())
        parallel = joblib.Parallel(
            n_jobs=n_jobs,
            backend=backend,
            batch_size=1,
            pre_dispatch="2*n_jobs",
            return_as="generator_unordered",
        )
        yield from parallel(joblib.delayed(clip_tasks.run)(task) for task in tasks)


def _tasks(work: Work, jobs: Iterable[Job], n_samples: int) -> Iterator[Task]:
    """Jobs in pieces of about so many samples; takes no job in advance."""
    waiting: list[Job] = []
    room = n_samples
    for job in jobs:
        waiting.append(job)
        room -= job.n_samples
        if room <= 0:
            yield Task(work=work, jobs=tuple(waiting))
            waiting, room = [], n_samples
    if waiting:
        yield Task(work=work, jobs=tuple(waiting))


def _with_samples(tasks: Iterable[Task], unread: list[Task]) -> Iterator[Task]:
    """Tasks as they are, until one comes back unread: that one and all behind it with samples."""
    sending = bool(unread)
    for task in tasks:
        sending = sending or bool(unread)
        while unread:
            yield _sent(unread.pop())
        yield _sent(task) if sending else task
    while unread:
        yield _sent(unread.pop())


def _sent(task: Task) -> Task:
    samples = tuple(clip_tasks.read_samples(task.work.clips, task.jobs))
    return Task(work=task.work, jobs=task.jobs, samples=samples)


def _alone(part: ModuleType, work: Work, job: Job) -> np.ndarray:
    (pcm,) = clip_tasks.read_samples(work.clips, [job])
    return clip_tasks.compute(part, work.params, job, pcm)

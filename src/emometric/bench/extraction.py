"""How fast features are extracted, against the plain way of the field, in one interleaved run.

Who is compared, for each feature, on the same recordings:
- Spectra, "decoded": librosa, one clip at a time, as in `plain_ways`, from samples in memory,
  against the pipeline's own path from its store of decoded clips; both give float32.
- Spectra, "file": the same with decoding the files on both sides.
- openSMILE's sets, "file": `Smile.process_file` in a loop and `process_files` with workers.
- What has no plain way in Python (modulation): ours alone.
- "Stored", from decoded clips: all of `extracting.extract_corpus`, which begins with an empty clip
  cache and ends with that and a feature store on the disk. No plain way writes anything. The
  clips are taken so often that it lasts some 6 s on one core; of more, workers take a larger part.
Two ways are compared round by round, turn against turn: what slows the machine for a while slows
both. The median of these quotients counts, and their range stands beside it.
Silence is kept on both sides. "One core": everything in this process, BLAS with one thread. "All
cores": joblib's processes, each with one thread, started and warm, as extraction has them after a
second, in tasks as large as extraction's; the values stay with the workers, as they do there.
"""

import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import joblib
import numpy as np
import threadpoolctl

from emometric.base import parts
from emometric.base.errors import ParameterError
from emometric.bench import plain_ways, recordings
from emometric.bench.plain_ways import Way
from emometric.extraction import clip_tasks, extracting
from emometric.extraction.clip_tasks import Job
from emometric.sound import audio
from emometric.storage import store

FEATURES = (
    "spectrogram",
    "log_mel",
    "mfcc",
    "modulation",
    "egemaps",
    "is09",
    "is09_moments",
    "compare",
)
STARTS = ("decoded", "file")
OURS, OURS_ALL = "emometric, one core", "emometric, all cores"
STORED, STORED_ALL = "emometric stored, one core", "emometric stored, all cores"
_LEAST_S = 1.5  # a turn that is shorter takes the clips several times
# Extraction works alone for its first half second, and to the end if little is left: of a corpus
# that takes less than this the workers see nothing.
_LEAST_STORED_S = 6.0
_TASKS = 16  # for each process, as in `extraction`


@dataclass(frozen=True, kw_only=True)
class Row:
    """One way to extract one feature.

    x_real_time: seconds of audio for each second, at the median round. How many times as fast it
    is: ratio, as the first row of its feature and start, which is the plain way where there is one;
    scaling, on all cores as on one; of_workers, on all cores as openSMILE's own workers. None where
    it means nothing. Each is the median of the rounds' quotients; its range: least and most.
    """

    feature: str
    start: str
    way: str
    x_real_time: float
    ratio: float
    ratio_range: tuple[float, float]
    scaling: float | None
    scaling_range: tuple[float, float] | None
    of_workers: float | None
    of_workers_range: tuple[float, float] | None
    median_s: float
    fastest_s: float
    slowest_s: float


@dataclass(frozen=True, kw_only=True)
class Bench:
    """What was measured, on what, beside which load (1-minute averages before and after)."""

    n_clips: int
    audio_s: float
    n_rounds: int
    n_jobs: int
    load_before: float
    load_after: float
    rows: tuple[Row, ...]


def features(
    files: Sequence[Path], names: Sequence[str], *, n_rounds: int = 5, n_jobs: int = -1
) -> Bench:
    """Time the extractors of these names on these recordings.

    In each round every way to extract a feature has one turn; who is first changes from round to
    round. n_jobs: of "all cores", joblib's meaning.
    """
    if n_rounds < 1:
        raise ParameterError(f"rounds is {n_rounds}; write a whole number from 1.")
    n_jobs = joblib.effective_n_jobs(n_jobs)
    load_before = os.getloadavg()[0]
    with (
        threadpoolctl.threadpool_limits(1),
        joblib.parallel_config(backend="loky", inner_max_num_threads=1),
    ):
        waveforms = tuple(audio.read_waveform(path) for path in files)
        audio_s = sum(map(len, waveforms)) / audio.RATE_HZ
        rows: list[Row] = []
        for name in names:
            for start in STARTS:
                with tempfile.TemporaryDirectory() as folder:
                    task = _Task(name, start, tuple(files), waveforms, Path(folder))
                    timings = _interleave(_ways(task, n_jobs), n_rounds)
                rows += _rows(name, start, timings, audio_s)
    return Bench(
        n_clips=len(files),
        audio_s=audio_s,
        n_rounds=n_rounds,
        n_jobs=n_jobs,
        load_before=load_before,
        load_after=os.getloadavg()[0],
        rows=tuple(rows),
    )


def as_json(bench: Bench) -> dict:
    """The same as plain lists and dicts."""
    return asdict(bench)


@dataclass(frozen=True)
class _Task:
    """One feature of some recordings, as files and as samples; folder: for what is written."""

    feature: str
    start: str
    files: tuple[Path, ...]
    waveforms: tuple[np.ndarray, ...]
    folder: Path


def _ways(task: _Task, n_jobs: int) -> dict[str, Way]:
    """Every way to extract a feature; the plain ones first."""
    from_file = task.start == "file"
    feature_set = getattr(parts.load("features", task.feature), "SET", None)
    if feature_set is None:
        ways = plain_ways.librosa_ways(task.feature, task.files if from_file else task.waveforms)
    elif from_file:
        ways = plain_ways.opensmile_ways(feature_set, task.files, n_jobs)
    else:
        ways = {}
    if from_file or feature_set is None:
        clips = str(_decoded(task, 1).clips)
        sources = task.files if from_file else tuple(_jobs(clips))
        ways[OURS] = lambda n_laps: _values(task.feature, sources * n_laps, clips)
        if n_jobs > 1:
            ways[OURS_ALL] = lambda n_laps: _all_cores(
                task.feature, sources * n_laps, clips, n_jobs
            )
    if not from_file:
        ways[STORED] = lambda n_laps: _store(task, n_laps, 1)
        if n_jobs > 1:
            ways[STORED_ALL] = lambda n_laps: _store(task, n_laps, n_jobs)
    return ways


def _jobs(clips: str) -> Iterator[Job]:
    for clip_id, shard, row, length in store.read_index(clips, ("id", "shard", "row", "length")):
        yield Job(id=clip_id, entry="", voiced=(), shard=shard, row=row, n_samples=length)


def _all_cores(feature: str, sources: Sequence[Path | Job], clips: str, n_jobs: int) -> int:
    size = max(1, round(len(sources) / (_TASKS * n_jobs)))
    pieces = (sources[start : start + size] for start in range(0, len(sources), size))
    with joblib.Parallel(n_jobs=n_jobs, batch_size=1) as parallel:
        return sum(parallel(joblib.delayed(_values)(feature, each, clips) for each in pieces))


def _values(feature: str, sources: Sequence[Path | Job], clips: str) -> int:
    """Extract from files, or from clips of a store; the number of values, which are dropped."""
    part = parts.load("features", feature)
    params = replace(part.Params(), silence="keep")
    if sources and isinstance(sources[0], Path):
        waveforms = map(audio.read_waveform, sources)
    else:
        waveforms = map(audio.from_pcm16, clip_tasks.read_samples(clips, sources))
    return sum(part.extract(waveform, audio.RATE_HZ, params).size for waveform in waveforms)


def _store(task: _Task, n_laps: int, n_jobs: int) -> Callable[[], None]:
    """Extract a corpus whole; what removes the store and the cache that this wrote."""
    part = parts.load("features", task.feature)
    corpus = _decoded(task, n_laps)
    folder = Path(tempfile.mkdtemp(dir=task.folder))
    extracting.extract_corpus(
        task.feature,
        replace(part.Params(), silence="keep"),
        corpus.manifest,
        corpus.clips,
        folder / "features",
        cache_folder=folder / "cache",
        n_jobs=n_jobs,
    )
    return lambda: shutil.rmtree(folder)


def _decoded(task: _Task, n_laps: int) -> recordings.Decoded:
    """The clips so many times over, decoded once (in a turn that does not count)."""
    folder = task.folder / f"{n_laps} laps"
    if not folder.exists():
        recordings.decode(task.files, folder, n_laps=n_laps)
    return recordings.Decoded(
        manifest=folder / "manifest.parquet", clips=folder / "clips", audio_s=0.0
    )


def _interleave(ways: dict[str, Way], n_rounds: int) -> dict[str, list[float]]:
    """Seconds that each way takes for all recordings, one figure a round."""
    n_laps = {}
    for name, way in ways.items():
        _turn_s(way, 1)  # warm: imports, tables, the files in memory
        least_s = _LEAST_STORED_S if name in (STORED, STORED_ALL) else _LEAST_S
        n_laps[name] = max(1, round(least_s / _turn_s(way, 1)))
        if name == STORED_ALL:
            n_laps[name] = n_laps[STORED]  # laps are the corpus: the same on one core and on all
        _turn_s(way, n_laps[name])  # and workers, which a short turn does without
    timings: dict[str, list[float]] = {name: [] for name in ways}
    order = list(ways)
    for _ in range(n_rounds):
        for name in order:
            timings[name].append(_turn_s(ways[name], n_laps[name]) / n_laps[name])
        order = order[1:] + order[:1]
    return timings


def _turn_s(way: Way, n_laps: int) -> float:
    began = time.perf_counter()
    clear = way(n_laps)
    seconds = time.perf_counter() - began
    if callable(clear):
        clear()
    return seconds


def _rows(feature: str, start: str, timings: dict[str, list[float]], audio_s: float) -> list[Row]:
    first = next(iter(timings), None)
    alone = {OURS_ALL: OURS, STORED_ALL: STORED}
    rows = []
    for way, seconds in timings.items():
        ratio, ratio_range = _quotient(timings, first, way)
        scaling, scaling_range = _quotient(timings, alone.get(way), way)
        workers = plain_ways.OPENSMILE_WORKERS if way == OURS_ALL else None
        of_workers, of_workers_range = _quotient(timings, workers, way)
        rows.append(
            Row(
                feature=feature,
                start=start,
                way=way,
                x_real_time=audio_s / statistics.median(seconds),
                ratio=ratio,
                ratio_range=ratio_range,
                scaling=scaling,
                scaling_range=scaling_range,
                of_workers=of_workers,
                of_workers_range=of_workers_range,
                median_s=statistics.median(seconds),
                fastest_s=min(seconds),
                slowest_s=max(seconds),
            )
        )
    return rows


def _quotient(
    timings: dict[str, list[float]], reference: str | None, way: str
) -> tuple[float, tuple[float, float]] | tuple[None, None]:
    """How many times as fast a way is as the reference: the median of the rounds' quotients, and
    the least and the most; twice None where there is no reference."""
    if reference not in timings:
        return None, None
    rounds = [one / other for one, other in zip(timings[reference], timings[way], strict=True)]
    return statistics.median(rounds), (min(rounds), max(rounds))

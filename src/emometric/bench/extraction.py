"""How fast features are extracted, against the plain way of the field, in one interleaved run.

Who is compared, for each feature, on the same recordings:
- Spectra, "decoded": librosa, one clip at a time, as in `plain_ways`, from samples in memory,
  against the pipeline's own path from its store of decoded clips.
- Spectra, "file": the same with reading the file on both sides.
- openSMILE's sets, "file": `Smile.process_file` in a loop and `process_files` with workers.
- What has no plain way in Python (modulation): ours alone.
"One core": everything in this process, BLAS with one thread. "All cores": joblib's processes, each
with one thread, started and warm, as extraction has them after a second; each takes its clips from
the files or the store by itself, and the values stay with the workers, as they do in extraction.
"""

import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import joblib
import numpy as np
import threadpoolctl

from emometric import audio, parts, store
from emometric.bench import plain_ways
from emometric.bench.plain_ways import Way
from emometric.errors import AudioError, ParameterError

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
_LEAST_S = 0.5  # a turn that is shorter repeats the clips until it lasts so long
_PIECE_S = 0.02  # of work to hand to a worker at once


@dataclass(frozen=True, kw_only=True)
class Row:
    """One way to extract one feature.

    x_real_time: seconds of audio for each second, at the median round; ratio: to the first row of
    its feature and start, which is the plain way where there is one; scaling: all cores against one
    core of the same program, None elsewhere.
    """

    feature: str
    start: str
    way: str
    x_real_time: float
    ratio: float
    scaling: float | None
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


def sample(folder: str | Path, n_clips: int) -> list[Path]:
    """The same clips each time: `n_clips` recordings below a folder, evenly spaced by name."""
    files = sorted(
        path for path in Path(folder).rglob("*") if path.suffix.lower() in audio.SUFFIXES
    )
    if not files:
        raise AudioError(f"{folder}: there are no recordings; name a folder that holds some.")
    return [files[place] for place in np.linspace(0, len(files) - 1, n_clips).round().astype(int)]


def features(
    files: Sequence[Path], names: Sequence[str], *, n_rounds: int = 5, n_jobs: int = -1
) -> Bench:
    """Time the extractors of these names on these recordings.

    In each round every way to extract a feature has one turn; who is first changes from round to
    round. The median of the rounds counts. n_jobs: of "all cores", joblib's meaning.
    """
    if n_rounds < 1:
        raise ParameterError(f"rounds is {n_rounds}; write a whole number from 1.")
    n_jobs = joblib.effective_n_jobs(n_jobs)
    load_before = os.getloadavg()[0]
    with (
        tempfile.TemporaryDirectory() as folder,
        threadpoolctl.threadpool_limits(1),
        joblib.parallel_config(backend="loky", inner_max_num_threads=1),
        joblib.Parallel(n_jobs=n_jobs, batch_size=1, pre_dispatch="all") as workers,
    ):
        waveforms = [audio.read_waveform(path) for path in files]
        ids = [f"{number:06d}" for number in range(len(files))]
        pcm = zip(ids, map(audio.to_pcm16, waveforms), strict=True)
        store.write_ragged(folder, pcm, dtype="int16")
        audio_s = sum(map(len, waveforms)) / audio.RATE_HZ
        rows: list[Row] = []
        for name in names:
            for start in STARTS:
                task = _Task(name, start, tuple(files), tuple(waveforms), folder, tuple(ids))
                timings = _interleave(_ways(task, workers, n_jobs), n_rounds)
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
    """One feature of some recordings: as files, as samples, and as a store of int16 samples."""

    feature: str
    start: str
    files: tuple[Path, ...]
    waveforms: tuple[np.ndarray, ...]
    folder: str
    ids: tuple[str, ...]


def _ways(task: _Task, workers: joblib.Parallel, n_jobs: int) -> dict[str, Way]:
    """Every way to extract a feature; the plain ones first."""
    feature_set = getattr(parts.load("features", task.feature), "SET", None)
    if feature_set is not None and task.start == "decoded":
        return {}
    from_file = task.start == "file"
    if feature_set is not None:
        ways = plain_ways.opensmile_ways(feature_set, task.files, n_jobs)
    else:
        ways = plain_ways.librosa_ways(task.feature, task.files if from_file else task.waveforms)
    sources, folder = (task.files, None) if from_file else (task.ids, task.folder)
    ways[OURS] = lambda n_laps: _extract(task.feature, sources * n_laps, folder)
    if n_jobs > 1:
        _extract(task.feature, sources[:1], folder)  # what is set up once is no part of a clip
        clip_s = _turn_s(ways[OURS], 1) / len(sources)
        size = max(1, round(_PIECE_S / clip_s))

        def all_cores(n_laps: int) -> object:
            rest = sources * n_laps
            pieces = [rest[at : at + size] for at in range(0, len(rest), size)]
            return workers(joblib.delayed(_extract)(task.feature, each, folder) for each in pieces)

        ways[OURS_ALL] = all_cores
    return ways


def _extract(feature: str, sources: Sequence[Path | str], folder: str | None) -> int:
    """Extract from files, or from ids in a store; the number of values, which are dropped."""
    part = parts.load("features", feature)
    params = part.Params()
    clips = None if folder is None else _opened(folder)
    n_values = 0
    for source in sources:
        if clips is None:
            waveform = audio.read_waveform(source)
        else:
            waveform = audio.from_pcm16(clips.read(source))
        n_values += part.extract(waveform, audio.RATE_HZ, params).size
    return n_values


@cache
def _opened(folder: str) -> store.Ragged:
    """A store is opened once in each process."""
    return store.Ragged(folder)


def _interleave(ways: dict[str, Way], n_rounds: int) -> dict[str, list[float]]:
    """Seconds that each way takes for all recordings, one figure a round."""
    n_laps = {}
    for name, way in ways.items():
        way(1)  # warm: imports, tables, workers, the files in memory
        n_laps[name] = max(1, round(_LEAST_S / _turn_s(way, 1)))
    timings: dict[str, list[float]] = {name: [] for name in ways}
    order = list(ways)
    for _ in range(n_rounds):
        for name in order:
            timings[name].append(_turn_s(ways[name], n_laps[name]) / n_laps[name])
        order = order[1:] + order[:1]
    return timings


def _turn_s(way: Way, n_laps: int) -> float:
    began = time.perf_counter()
    way(n_laps)
    return time.perf_counter() - began


def _rows(feature: str, start: str, timings: dict[str, list[float]], audio_s: float) -> list[Row]:
    medians = {way: statistics.median(seconds) for way, seconds in timings.items()}
    first = next(iter(medians.values()), None)
    return [
        Row(
            feature=feature,
            start=start,
            way=way,
            x_real_time=audio_s / medians[way],
            ratio=first / medians[way],
            scaling=medians[OURS] / medians[way] if way == OURS_ALL else None,
            median_s=medians[way],
            fastest_s=min(seconds),
            slowest_s=max(seconds),
        )
        for way, seconds in timings.items()
    ]

"""What a feature of a whole corpus costs: extraction, one clip more, nothing new, memory, disk.

A whole run is timed as a process of its own, from its start to its end, as a stage has it; the
median of some rounds. "Start-up" is the same with no clip. What little work takes beyond start-up
is less than one start differs from the next: such a process extracts no clip twice before, and the
work is held against the second, so that what is loaded late with it counts. What the disk holds in
its cache is warm.
"""

import json
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import joblib
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from scipy import stats

from emometric.base import parts
from emometric.base.errors import ParameterError
from emometric.bench import memory, recordings
from emometric.storage import store
from emometric.storage.clip import MANIFEST_SCHEMA

_HOUR_S = 3600.0
_N_READS = 15
_N_PROCESSES = 15  # that do little work, of each kind
_CONFIDENCE = 0.95


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Costs of one feature of one corpus.

    Seconds: start_s with no clip; full_s with an empty cache on all cores, full_one_core_s on one;
    unchanged_s when all is there already. Beyond start-up, medians of 15 processes with their 95 %
    intervals: unchanged_more_s; added_last_more_s and added_first_more_s when one clip is new and
    comes behind or before all others. added_last_share, added_first_share: these two of full_s,
    which has start-up in it. core_s_per_hour: of one core for an hour of speech, without start-up.

    peak_bytes: of all processes together, of which there were n_processes, while everything was
    computed on all cores. read_gb_s: the store, ids and index included, into memory, in 10^9 of its
    bytes a second; it was read before, so that the disk does not show.
    """

    feature: str
    n_clips: int
    audio_s: float
    n_jobs: int
    start_s: float
    full_s: float
    full_one_core_s: float
    unchanged_s: float
    unchanged_more_s: float
    unchanged_more_interval: tuple[float, float]
    added_last_more_s: float
    added_last_more_interval: tuple[float, float]
    added_last_share: float
    added_first_more_s: float
    added_first_more_interval: tuple[float, float]
    added_first_share: float
    core_s_per_hour: float
    peak_bytes: int | None
    n_processes: int
    cache_bytes: int
    cache_files: int
    cache_index_bytes: int
    store_bytes: int
    store_files: int
    store_index_bytes: int
    read_gb_s: float


def measure(
    files: Sequence[Path], names: Sequence[str], folder: Path, *, n_rounds: int, n_jobs: int
) -> list[Cost]:
    """Costs of these features on these recordings; folder: for all that is written meanwhile."""
    if n_rounds < 1:
        raise ParameterError(f"rounds is {n_rounds}; write a whole number from 1.")
    n_jobs = joblib.effective_n_jobs(n_jobs)
    corpus = recordings.decode(files, folder / "corpus", n_jobs=n_jobs, voiced=True)
    return [_Case(name, corpus, folder, n_jobs).cost(n_rounds) for name in names]


def as_json(costs: Sequence[Cost]) -> list[dict]:
    """The same as plain lists and dicts."""
    return [asdict(cost) for cost in costs]


@dataclass(frozen=True)
class _Case:
    feature: str
    corpus: recordings.Decoded
    folder: Path
    n_jobs: int

    def cost(self, n_rounds: int) -> Cost:
        """All costs; full runs last as long as they do, so that a round may take minutes."""
        everything, none = self._step(self.corpus.manifest), self._none()
        times: list[dict[str, float]] = []
        for _ in range(n_rounds):
            self._clear()
            one_core = self._timed({**everything, "n_jobs": 1})
            self._clear()
            times.append(
                {
                    "full_one_core_s": one_core,
                    "full_s": self._timed(everything),
                    "unchanged_s": self._timed(everything),
                    "start_s": self._timed(none),
                }
            )
        median = {what: statistics.median(one[what] for one in times) for what in times[0]}
        more = self._more_s()
        self._clear()
        _, peak_bytes, n_processes = memory.peak(self._command([everything]))
        hours = self.corpus.audio_s / _HOUR_S
        stored = _disk("store", self.folder / "features", "index.parquet")
        return Cost(
            feature=self.feature,
            n_clips=pq.read_metadata(self.corpus.manifest).num_rows,
            audio_s=self.corpus.audio_s,
            n_jobs=self.n_jobs,
            **median,
            **{f"{what}_more_s": statistics.median(pairs) for what, pairs in more.items()},
            **{f"{what}_more_interval": _interval(pairs) for what, pairs in more.items()},
            added_last_share=statistics.median(more["added_last"]) / median["full_s"],
            added_first_share=statistics.median(more["added_first"]) / median["full_s"],
            core_s_per_hour=(median["full_one_core_s"] - median["start_s"]) / hours,
            peak_bytes=peak_bytes,
            n_processes=n_processes,
            **_disk("cache", self.folder / "cache", "*.sqlite"),
            **stored,
            read_gb_s=stored["store_bytes"] / self._read_s() / 1e9,
        )

    def _more_s(self) -> dict[str, list[float]]:
        """Seconds beyond an extraction of no clip, of each process: unchanged, added_last (one clip
        more, behind all others), added_first (before them)."""
        table = pq.read_table(self.corpus.manifest)
        content = table.schema.get_field_index("content")
        kinds = {
            "unchanged": (table, table[:0]),
            "added_last": (table[:-1], table[-1:]),
            "added_first": (table[1:], table[:1]),
        }
        none = self._none()
        found: dict[str, list[float]] = {}
        for what, (before, clip) in kinds.items():
            there = self._step(self._manifest("before", before))
            self._seconds([there])
            found[what] = []
            for number in range(_N_PROCESSES):
                contents = pa.array([f"never heard, {what} {number}"] * len(clip), pa.string())
                new = clip.set_column(content, "content", contents)
                after = pa.concat_tables([before, new]).sort_by("id")
                wanted = self._step(self._manifest("after", after))
                _, none_s, wanted_s, _ = self._seconds([none, none, wanted, there])
                found[what].append(wanted_s - none_s)
        return found

    def _none(self) -> dict:
        return self._step(self._manifest("none", MANIFEST_SCHEMA.empty_table()), "nothing")

    def _step(self, manifest: Path, folder: str = "features") -> dict:
        """An extraction as `bench.one_process` takes it."""
        return {
            "feature": self.feature,
            "manifest": str(manifest),
            "clips": str(self.corpus.clips),
            "folder": str(self.folder / folder),
            "cache": str(self.folder / "cache"),
            "n_jobs": self.n_jobs,
        }

    def _command(self, steps: Sequence[dict]) -> list[str]:
        path = self.folder / "steps.json"
        path.write_text(json.dumps(steps))
        return [sys.executable, "-m", "emometric.bench.one_process", str(path)]

    def _seconds(self, steps: Sequence[dict]) -> list[float]:
        """What each of some extractions takes, one after the other in one fresh process."""
        command = self._command(steps)
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        return json.loads(done.stdout)

    def _timed(self, step: dict) -> float:
        """A process with one extraction, from its start to its end."""
        began = time.perf_counter()
        self._seconds([step])
        return time.perf_counter() - began

    def _manifest(self, name: str, rows: pa.Table) -> Path:
        path = self.folder / f"{name}.parquet"
        pq.write_table(rows, path)
        return path

    def _clear(self) -> None:
        for name in ("cache", "features"):
            shutil.rmtree(self.folder / name, ignore_errors=True)

    def _read_s(self) -> float:
        """Opening the store and reading all of it, after a first read, which nobody times."""
        folder = self.folder / "features"
        read = partial(_read_frames, folder)
        if parts.load("features", self.feature).KIND == "functionals":
            read = partial(store.read_functionals, folder / "functionals.parquet")
        read()
        seconds = []
        for _ in range(_N_READS):
            began = time.perf_counter()
            read()
            seconds.append(time.perf_counter() - began)
        return statistics.median(seconds)


def _interval(seconds: Sequence[float]) -> tuple[float, float]:
    """95 % confidence interval of the median, by order statistics."""
    found = stats.quantile_test(seconds, p=0.5).confidence_interval(_CONFIDENCE)
    return float(found.low), float(found.high)


def _read_frames(folder: Path) -> list[np.ndarray]:
    ragged = store.Ragged(folder)
    return ragged.read_many(ragged.ids)


def _disk(name: str, folder: Path, index: str) -> dict[str, int]:
    """Bytes and files below a folder, and bytes of its index."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {
        f"{name}_bytes": sum(path.stat().st_size for path in files),
        f"{name}_files": len(files),
        f"{name}_index_bytes": sum(path.stat().st_size for path in folder.rglob(index)),
    }

"""What a feature of a whole corpus costs: extraction, one clip more, nothing new, memory, disk.

Each time is that of a process of its own, from its start to its end, as a stage has it; the median
of some rounds. "Start-up" is the same with no clip. What the disk holds in its cache is warm.
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

from emometric.base import parts
from emometric.base.errors import ParameterError
from emometric.bench import memory, recordings
from emometric.storage import store

_HOUR_S = 3600.0
_N_READS = 15


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Costs of one feature of one corpus.

    Seconds: start_s with no clip; full_s with an empty cache on all cores, full_one_core_s on one;
    unchanged_s when all is there already; added_last_s and added_first_s when one clip is new and
    comes behind or before all others. Each of these three is timed just after a start of its own,
    and what it takes longer than that is unchanged_more_s, added_last_more_s, added_first_more_s.
    added_share: added_last_more_s / full_s. core_s_per_hour: of one core for an hour of speech,
    without start-up.

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
    added_last_s: float
    added_first_s: float
    unchanged_more_s: float
    added_last_more_s: float
    added_first_more_s: float
    added_share: float
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
        table = pq.read_table(self.corpus.manifest)
        none = self._manifest("none", table[:0])
        times: dict[str, list[float]] = {}

        def timed(what: str, manifest: Path, n_jobs: int) -> None:
            times.setdefault(what, []).append(self._timed(manifest, n_jobs))

        def after_a_start(what: str, manifest: Path) -> None:
            times.setdefault("start", []).append(self._timed(none, self.n_jobs, "nothing"))
            timed(what, manifest, self.n_jobs)
            more = times[what][-1] - times["start"][-1]
            times.setdefault(f"{what}_more", []).append(more)

        for number in range(n_rounds):
            self._clear()
            timed("full_one_core", self.corpus.manifest, 1)
            self._clear()
            timed("full", self.corpus.manifest, self.n_jobs)
            after_a_start("unchanged", self.corpus.manifest)
            for place, rest in (("last", table[:-1]), ("first", table[1:])):
                self._timed(self._manifest("rest", rest), self.n_jobs)
                clip = table[-1:] if place == "last" else table[:1]
                new = clip.set_column(
                    clip.schema.get_field_index("content"), "content",
                    pa.array([f"never seen, {place} {number}"]),
                )  # fmt: skip
                both = [rest, new] if place == "last" else [new, rest]
                after_a_start(f"added_{place}", self._manifest("more", pa.concat_tables(both)))
        median = {f"{what}_s": statistics.median(seconds) for what, seconds in times.items()}
        self._clear()
        _, peak_bytes, n_processes = memory.peak(self._command(self.corpus.manifest, self.n_jobs))
        hours = self.corpus.audio_s / _HOUR_S
        stored = _disk("store", self.folder / "features", "index.parquet")
        return Cost(
            feature=self.feature,
            n_clips=len(table),
            audio_s=self.corpus.audio_s,
            n_jobs=self.n_jobs,
            **median,
            added_share=median["added_last_more_s"] / median["full_s"],
            core_s_per_hour=(median["full_one_core_s"] - median["start_s"]) / hours,
            peak_bytes=peak_bytes,
            n_processes=n_processes,
            **_disk("cache", self.folder / "cache", "*.sqlite"),
            **stored,
            read_gb_s=stored["store_bytes"] / self._read_s() / 1e9,
        )

    def _timed(self, manifest: Path, n_jobs: int, folder: str = "features") -> float:
        command = self._command(manifest, n_jobs, folder)
        began = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - began

    def _command(self, manifest: Path, n_jobs: int, folder: str = "features") -> list[str]:
        wanted = {
            "feature": self.feature,
            "manifest": str(manifest),
            "clips": str(self.corpus.clips),
            "folder": str(self.folder / folder),
            "cache": str(self.folder / "cache"),
            "n_jobs": n_jobs,
        }
        return [sys.executable, "-m", "emometric.bench.one_run", json.dumps(wanted)]

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

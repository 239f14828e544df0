"""Extract one feature of a whole corpus: what the cache lacks in parallel, then the store."""

import importlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

import joblib
import numpy as np
import pyarrow as pa

from emometric import atomic, audio, console, parts, store, vad
from emometric.cache import ClipCache, key

FUNCTIONALS_FILE = "functionals.parquet"


@dataclass(frozen=True, kw_only=True)
class Extracted:
    """How many clips the store holds, and how many of them had to be computed."""

    n_clips: int
    n_computed: int


@dataclass(frozen=True)
class _Job:
    """One clip to extract: everything that its feature follows from."""

    id: str
    entry: str
    voiced: tuple[tuple[int, int], ...]


def extract_corpus(
    feature: str,
    params: Any,
    manifest: pa.Table,
    clips: store.Ragged,
    folder: str | Path,
    *,
    cache_folder: str | Path,
    n_jobs: int = 1,
) -> Extracted:
    """Write a feature of every clip in the manifest; takes the place of `folder` at once.

    params: the `Params` of the feature; manifest: clip.MANIFEST_SCHEMA; clips: the int16 samples
    at 16 kHz. `folder` becomes a ragged store, or holds `functionals.parquet`, by the feature's
    KIND. Only clips that the cache lacks are computed, each put there as soon as it is done; the
    result is the same bytes whatever the cache held.

    `n_jobs` and the backend are joblib's: processes here, or what `joblib.parallel_config` names.
    """
    part = parts.load("features", feature)
    cache = ClipCache(cache_folder, feature)
    jobs = [_job(part, params, row) for row in _rows(manifest)]
    n_computed = _fill(part, params, jobs, clips, cache, n_jobs)
    rows = _cached(part, params, jobs, clips, cache)
    with atomic.new_folder(folder) as aside:
        if part.KIND == "functionals":
            _write_functionals(aside / FUNCTIONALS_FILE, rows, part, params)
        else:
            store.write_ragged(aside, rows, dtype=part.DTYPE)
    return Extracted(n_clips=len(jobs), n_computed=n_computed)


def _rows(manifest: pa.Table) -> list[dict]:
    return manifest.select(["id", "content", "voiced"]).to_pylist()


def _job(part: ModuleType, params: Any, row: dict) -> _Job:
    voiced = tuple((start, end) for start, end in row["voiced"])
    settings = asdict(params)
    if params.silence != "keep":  # else the intervals do not matter, and may change
        settings["voiced"] = voiced
    return _Job(row["id"], key(row["content"], settings, _version(part)), voiced)


def _version(part: ModuleType) -> str:
    """Version of the extractor's own text and of the packages that compute its values."""
    return json.dumps([part.VERSION, part.DTYPE, *map(metadata.version, part.PACKAGES)])


def _fill(
    part: ModuleType,
    params: Any,
    jobs: list[_Job],
    clips: store.Ragged,
    cache: ClipCache,
    n_jobs: int,
) -> int:
    """Compute what the cache lacks; the number of clips computed."""
    # Equal audio has equal entries: each is computed once.
    missing = {job.entry: job for job in jobs if cache.get(job.entry) is None}
    tasks = (
        joblib.delayed(_compute)(part.__name__, params, job, clips.read(job.id))
        for job in missing.values()
    )
    # No process is started for nothing, or for one clip.
    n_jobs = max(1, min(n_jobs, len(missing))) if n_jobs > 0 else n_jobs
    done = joblib.Parallel(n_jobs=n_jobs, return_as="generator_unordered")(tasks)
    what = part.__name__.rpartition(".")[2]
    for entry, values in console.progress(done, total=len(missing), what=what, unit="clips"):
        cache.put(entry, values)
    return len(missing)


def _compute(module: str, params: Any, job: _Job, samples: np.ndarray) -> tuple[str, np.ndarray]:
    """One clip's feature as it is stored; runs in any process that can import the package."""
    part = importlib.import_module(module)
    waveform = vad.apply_silence(audio.from_pcm16(samples), job.voiced, params.silence)
    return job.entry, part.extract(waveform, audio.RATE_HZ, params).astype(part.DTYPE)


def _cached(
    part: ModuleType, params: Any, jobs: list[_Job], clips: store.Ragged, cache: ClipCache
) -> Iterator[tuple[str, np.ndarray]]:
    for job in jobs:
        values = cache.get(job.entry)
        if values is None:  # somebody cleared the cache meanwhile
            _, values = _compute(part.__name__, params, job, clips.read(job.id))
        yield job.id, values


def _write_functionals(
    path: Path, rows: Iterator[tuple[str, np.ndarray]], part: ModuleType, params: Any
) -> None:
    names = part.names(params)
    found = dict(rows)
    values = np.concatenate([np.empty((0, len(names)), part.DTYPE), *found.values()])
    store.write_functionals(path, list(found), names, values)

"""The clips of a corpus as jobs: their keys in the cache, and where their samples lie."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow as pa

from emometric.base.errors import StoreError
from emometric.extraction import cache, clip_tasks
from emometric.extraction.clip_tasks import Job
from emometric.sound import vad
from emometric.storage import store


class Jobs:
    """The jobs of a corpus by ascending id, as often as they are wanted.

    manifest, clips: as `extraction.extract_corpus` has them. Up to n_kept jobs are kept in memory;
    those of a larger corpus are read again.
    """

    def __init__(
        self,
        part: ModuleType,
        params: Any,
        manifest: pa.Table | str | Path,
        clips: str | Path,
        n_kept: int,
    ):
        self._part, self._params, self._manifest, self._clips = part, params, manifest, clips
        self._n_kept = n_kept
        self._kept: list[Job] | None = None

    def __iter__(self) -> Iterator[Job]:
        if self._kept is not None:
            yield from self._kept
            return
        kept: list[Job] = []
        for job in self._read():
            if len(kept) <= self._n_kept:
                kept.append(job)
            yield job
        if len(kept) <= self._n_kept:
            self._kept = kept

    def _read(self) -> Iterator[Job]:
        settings = settings_of(self._part, self._params)
        version = _version(self._part)
        cut = self._params.silence != "keep"  # else the intervals do not matter, and may change
        columns = ["id", "content", "voiced"] if cut else ["id", "content"]
        key_of = cache.keys(settings, version, "voiced" if cut else None)
        index = store.read_index(self._clips, ("id", "shard", "row", "length"))
        place = next(index, None)
        for clip_id, content, voiced in _rows(self._manifest, columns):
            while place is not None and place[0] < clip_id:
                place = next(index, None)
            if place is None or place[0] != clip_id:
                raise StoreError(
                    f"{self._clips}: there is no clip '{clip_id}'; build it again (`dvc repro`)."
                )
            yield Job(
                id=clip_id,
                entry=key_of(content, _as_json(voiced)),
                voiced=voiced,
                shard=place[1],
                row=place[2],
                n_samples=place[3],
            )


def _rows(
    manifest: pa.Table | str | Path, columns: list[str]
) -> Iterator[tuple[str, str, tuple[vad.Interval, ...]]]:
    """(id, content, voiced) by ascending id, some at a time; voiced is () where not asked for."""
    if isinstance(manifest, pa.Table):
        batches = manifest.select(columns).sort_by("id").to_batches(2**12)
    else:
        batches = store.read_batches(manifest, columns)
    before = ""
    for batch in batches:
        ids, contents = batch["id"].to_pylist(), batch["content"].to_pylist()
        voiced = _intervals(batch["voiced"]) if "voiced" in columns else [()] * len(ids)
        for row in zip(ids, contents, voiced, strict=True):
            if row[0] < before:
                raise StoreError(
                    f"{manifest}: '{row[0]}' comes after '{before}', where ids have to ascend; "
                    "build it again (`dvc repro`)."
                )
            before = row[0]
            yield row


def _intervals(column: pa.ListArray) -> list[tuple[vad.Interval, ...]]:
    """A list of pairs in each row as tuples; `to_pylist` takes ten times as long."""
    flat = column.values.flatten().to_pylist()
    pairs = list(zip(flat[::2], flat[1::2], strict=True))
    return [tuple(pairs[start:end]) for start, end in pairwise(column.offsets.to_pylist())]


def _as_json(voiced: tuple[vad.Interval, ...]) -> str:
    """As `json.dumps` writes it, which takes three times as long."""
    return f"[{', '.join([f'[{start}, {end}]' for start, end in voiced])}]"


def settings_of(part: ModuleType, params: Any) -> dict[str, Any]:
    """What a value follows from beside the audio: the part's settings, or what it names itself."""
    return getattr(part, "cache_settings", asdict)(params)


def _version(part: ModuleType) -> str:
    """Version of the extractor's own text and of the packages that compute its values."""
    return json.dumps([part.VERSION, part.DTYPE, *map(clip_tasks.package_version, part.PACKAGES)])

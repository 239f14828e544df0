"""Read a corpus for a study: its labels joined with its features, and what decides on them."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.compute as pc

from emometric.base.errors import StoreError
from emometric.storage import store
from emometric.storage.clip import LABELS_SCHEMA
from emometric.studies.cell import Table

# Neither where a recording lies nor how it sounds: what a method may know of a clip.
_LEFT_OUT = ("path", "peak", "content")
NETWORK = ("network.safetensors", "network.json")  # what decides on a network
COLUMNS = tuple(name for name in LABELS_SCHEMA.names if name not in _LEFT_OUT)


def read(corpus: str, manifest: str | Path, folder: str | Path, features: Sequence[str]) -> Table:
    """All clips of a corpus with their features; an absent corpus has none.

    folder: a folder for each of `features`, be it functionals or frames; the table holds the first,
    the others stand beside it. Or the folder of a network, which `emometric.pretraining` wrote:
    then the clips are those that it has learned from. Clips without an emotion are there too.
    Raises StoreError where a file is missing, or where the clips are not those of the manifest.
    """
    labels = store.read_table(manifest)
    labels = labels.take(pc.sort_indices(labels, [("id", "ascending")])).select(COLUMNS)
    clips = labels.to_pandas()
    weights, description = (Path(folder, name) for name in NETWORK)
    if description.is_file():  # without weights where nobody was there to learn from
        nothing = np.zeros((len(clips), 0), np.float32)
        network = Path(folder) if weights.is_file() else None
        return Table(corpus=corpus, clips=clips, values=nothing, names=(), network=network)
    first, *others = (_read_feature(corpus, clips, Path(folder, name)) for name in features)
    beside = dict(zip(features[1:], others, strict=True))
    return replace(first, beside=beside)


def _read_feature(corpus: str, clips: pd.DataFrame, folder: Path) -> Table:
    functionals = folder / "functionals.parquet"
    if functionals.is_file():
        (ids, names, values), lengths = store.read_functionals(functionals), None
    else:
        ids, names, values, lengths = _frames(folder)
    if list(ids) != clips["id"].tolist():
        raise StoreError(
            f"{folder} does not hold the clips of the manifest of {corpus}; run `dvc repro` to "
            "extract them."
        )
    return Table(corpus=corpus, clips=clips, values=values, names=names, lengths=lengths)


def _frames(
    folder: str | Path,
) -> tuple[list[str], tuple[str, ...], np.ndarray, np.ndarray]:
    """Ids, sorted; a name for each bin; the frames of all clips end to end; how many each has."""
    stored = store.Ragged(folder)
    ids = sorted(stored.ids)
    frames = stored.read_many(ids)
    values = np.concatenate(frames) if frames else np.zeros((0, 0), np.float32)
    names = tuple(f"bin_{number:03d}" for number in range(values.shape[1]))
    return ids, names, values, np.array([len(one) for one in frames], dtype=np.int64)


def digest(table: Table) -> str:
    """32 hex digits over all that a table holds."""
    state = hashlib.blake2b(digest_size=16)
    columns = sorted(table.clips.columns)
    rows = table.clips[columns].to_csv(index=False, lineterminator="\n")
    for text in (table.corpus, "\n".join(table.names), rows):
        state.update(f"{len(text)}:{text}".encode())
    if table.lengths is not None:
        state.update(table.lengths.tobytes())
    state.update(np.ascontiguousarray(table.values).view(np.uint8).data)
    for name in sorted(table.beside):
        state.update(f"{name}:{digest(table.beside[name])}".encode())
    if table.network is not None:
        for name in NETWORK:
            state.update(Path(table.network, name).read_bytes())
    return state.hexdigest()

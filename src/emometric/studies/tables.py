"""Read a corpus for a study: its labels joined with its features, and what decides on them."""

import hashlib
from pathlib import Path

import numpy as np
import pyarrow.compute as pc

from emometric import store
from emometric.clip import LABELS_SCHEMA
from emometric.errors import StoreError
from emometric.studies.cell import Table

# Neither where a recording lies nor how it sounds: what a method may know of a clip.
_LEFT_OUT = ("path", "peak", "content")
COLUMNS = tuple(name for name in LABELS_SCHEMA.names if name not in _LEFT_OUT)


def read(corpus: str, manifest: str | Path, features: str | Path) -> Table:
    """All clips of a corpus with their features; an absent corpus has none.

    features: the folder of a feature, be it functionals or frames. Clips without an emotion are
    there too. Raises StoreError where a file is missing or where the two do not hold the same
    clips.
    """
    labels = store.read_table(manifest)
    labels = labels.take(pc.sort_indices(labels, [("id", "ascending")])).select(COLUMNS)
    functionals = Path(features, "functionals.parquet")
    if functionals.is_file():
        (ids, names, values), lengths = store.read_functionals(functionals), None
    else:
        ids, names, values, lengths = _frames(features)
    if list(ids) != labels["id"].to_pylist():
        raise StoreError(
            f"{features} does not hold the clips of {manifest}; run `dvc repro` to extract them."
        )
    clips = labels.to_pandas()
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
    return state.hexdigest()

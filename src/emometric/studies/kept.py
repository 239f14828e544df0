"""Keep the outcomes of a group of cells, so that a kill loses one group and a rerun trains none."""

import hashlib
import json
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from emometric.base import atomic
from emometric.studies.cell import CLIP_COLUMNS, EMBEDDING_COLUMNS, Cell, Outcome

MEMBERS = ("decided", "embedding", "numbers")
_EMBEDDING = pa.schema(
    [
        ("row", pa.int64()),
        ("id", pa.string()),
        ("role", pa.string()),
        ("embedding", pa.list_(pa.float32())),
    ]
)


def key(decided_by: object, cells: Sequence[Cell]) -> str:
    """Name of a group's entry, 40 hex digits, from whatever JSON can hold and the cells."""
    runs = [[dict(cell.settings), cell.fold, cell.repeat, cell.seed] for cell in cells]
    text = json.dumps([decided_by, runs], sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=20).hexdigest()


class Kept:
    """Outcomes of groups in files `<folder>/cells/<method>/<version>/<key>.zip`.

    An entry appears whole or not at all; a damaged one counts as none.
    """

    def __init__(self, folder: str | Path, method: str, version: int):
        self.folder = Path(folder, "cells", method, f"{version}")

    def get(self, name: str, cells: Sequence[Cell]) -> list[Outcome] | None:
        """The outcomes of these cells, in their order, or None where they are not kept."""
        try:
            with zipfile.ZipFile(self.folder / f"{name}.zip") as archive:
                # Reading a member compares its CRC; the comment tells a file in another's place.
                found = {member: archive.read(member) for member in MEMBERS}
                is_other = archive.comment != name.encode()
        except (OSError, KeyError, EOFError, zipfile.BadZipFile):
            return None
        return None if is_other else _unpack(found, cells)

    def put(self, name: str, outcomes: Sequence[Outcome]) -> None:
        """Keep the outcomes of a group, in place of an earlier or a damaged entry."""
        with (
            atomic.new_file(self.folder / f"{name}.zip") as aside,
            zipfile.ZipFile(aside, "w", zipfile.ZIP_STORED) as archive,
        ):
            for member, packed in _pack(outcomes).items():
                archive.writestr(member, packed)
            archive.comment = name.encode()


def _pack(outcomes: Sequence[Outcome]) -> dict[str, bytes]:
    """A Parquet file for each of `MEMBERS`; their column `row` counts the cells."""
    clips = pd.concat(
        [one.clips[list(CLIP_COLUMNS)].assign(row=row) for row, one in enumerate(outcomes)]
    )
    scores = np.concatenate([np.asarray(one.scores, dtype=np.float64) for one in outcomes])
    decided = pa.table(
        {
            "row": pa.array(clips["row"].to_numpy(dtype=np.int64)),
            **{name: pa.array(clips[name].tolist(), pa.string()) for name in CLIP_COLUMNS},
            **{f"{place}": pa.array(scores[:, place]) for place in range(scores.shape[1])},
        }
    )
    embedding = [
        (row, *values)
        for row, one in enumerate(outcomes)
        for values in one.embedding[list(EMBEDDING_COLUMNS)].itertuples(index=False)
    ]
    columns = zip(*embedding, strict=True) if embedding else [()] * len(_EMBEDDING)
    numbers = pa.array([json.dumps(_numbers(one)) for one in outcomes], pa.string())
    tables = (
        decided,
        pa.table([list(column) for column in columns], schema=_EMBEDDING),
        pa.table([numbers], ["json"]),
    )
    return {name: _parquet(table) for name, table in zip(MEMBERS, tables, strict=True)}


def _parquet(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    return sink.getvalue().to_pybytes()


def _numbers(outcome: Outcome) -> dict[str, float]:
    return {name: float(value) for name, value in sorted(outcome.numbers.items())}


def _unpack(packed: dict[str, bytes], cells: Sequence[Cell]) -> list[Outcome]:
    decided, embedding, numbers = (
        pq.read_table(pa.BufferReader(packed[name])).to_pandas() for name in MEMBERS
    )
    width = len(decided.columns) - 1 - len(CLIP_COLUMNS)
    scores = decided[[f"{place}" for place in range(width)]].to_numpy(dtype=np.float64)
    of_clip, of_embedding = (table["row"].to_numpy() for table in (decided, embedding))
    return [
        Outcome(
            cell=cell,
            clips=decided.loc[of_clip == row, list(CLIP_COLUMNS)].reset_index(drop=True),
            scores=scores[of_clip == row],
            embedding=embedding.loc[of_embedding == row, list(EMBEDDING_COLUMNS)].reset_index(
                drop=True
            ),
            numbers=json.loads(numbers["json"].iloc[row]),
        )
        for row, cell in enumerate(cells)
    ]

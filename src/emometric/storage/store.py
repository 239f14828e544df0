"""Store what clips give: ragged frame sequences in NPZ shards, functionals in Parquet.

A ragged store is a folder of `000.npz`, `001.npz`, ... (members `values`, `offsets`, `ids`;
uncompressed) and `index.parquet` (id, shard, row, length, digest). Rows lie in the order of their
ids and every byte follows from the rows alone: neither the order in which they came nor the time
shows. Nothing is pickled.

A table of functionals has the columns `id` and `values`, a list of fixed length, whose names stand
in the schema's metadata, `names`, as JSON. A column for each name would take ten times as long to
read: 6373 of ComParE are described one by one.
"""

import io
import json
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from emometric.base import atomic
from emometric.base.errors import StoreError
from emometric.storage import shards
from emometric.storage.row_groups import GROUP_ROWS, TableWriter

SHARD_BYTES = 32 * 2**20
INDEX = "index.parquet"
INDEX_SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("shard", pa.int32()),
        ("row", pa.int32()),
        ("length", pa.int64()),
        ("digest", pa.string()),
    ]
)
# Functionals that wait in memory until they are written; row groups are no larger.
_GROUP_BYTES = 64 * 2**20
_BATCH_ROWS = 2**12  # rows of a table that are in memory as Python objects
_STACKED = 2**9  # and of functionals, of which a row may be long
_CURE = "build it again (`dvc repro`)"


class Indexed(NamedTuple):
    """A row of a store's index: where a clip lies, how long it is, and what it must be."""

    id: str
    shard: int
    row: int
    length: int
    digest: str


def write_ragged(
    folder: str | Path,
    rows: Iterable[tuple[str, np.ndarray]],
    *,
    dtype: str | np.dtype,
    shard_bytes: int = SHARD_BYTES,
) -> int:
    """Write rows of unequal length as a ragged store; the number of rows written.

    rows: (id, array (frames, ...)) in any order, ids unique, the shape behind `frames` and the
    kind of number the same for all. They are stored as little-endian `dtype`. A shard holds whole
    rows, at most `shard_bytes` of them, or one longer row. Memory: one shard, since rows wait in
    a file until their order is known. The folder must not hold a store yet; for a write that a
    kill cannot spoil, give the folder of `atomic.new_folder`.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    dtype = np.dtype(dtype).newbyteorder("<")
    with tempfile.TemporaryFile(dir=folder) as spool, IndexWriter(folder) as index:
        waiting, tail = _spool(spool, rows, dtype, folder)
        sizes = ((clip_id, waiting[clip_id][2]) for clip_id in sorted(waiting))
        groups = shards.grouped(sizes, lambda size: size, shard_bytes)
        for shard, group in enumerate(groups):
            ids, arrays = [clip_id for clip_id, _ in group], []
            for clip_id in ids:
                position, length, n_bytes = waiting[clip_id]
                spool.seek(position)
                arrays.append(np.frombuffer(spool.read(n_bytes), dtype).reshape(length, *tail))
            shards.write(folder / shards.name(shard), ids, list(map(len, arrays)), arrays)
            for row, (clip_id, array) in enumerate(zip(ids, arrays, strict=True)):
                index.add(Indexed(clip_id, shard, row, len(array), shards.digest(array)))
    return len(waiting)


class IndexWriter:
    """Write `index.parquet` of a new store row by row, ids ascending; memory: a part of it."""

    def __init__(self, folder: Path):
        if (folder / INDEX).exists():
            raise StoreError(f"{folder}: there is a store already; write into an empty folder.")
        self._path = folder / INDEX
        self._table = TableWriter(self._path, INDEX_SCHEMA)
        self._rows: list[Indexed] = []

    def __enter__(self) -> "IndexWriter":
        return self

    def __exit__(self, kind, error, trace) -> None:
        if kind is None:
            self._flush()
        self._table.close()
        if kind is not None:
            self._path.unlink()

    def add(self, row: Indexed) -> None:
        """Append a row."""
        self._rows.append(row)
        if len(self._rows) == _BATCH_ROWS:
            self._flush()

    def _flush(self) -> None:
        columns = zip(*self._rows, strict=True) if self._rows else [[]] * len(INDEX_SCHEMA)
        self._table.add([pa.array(c, f.type) for c, f in zip(columns, INDEX_SCHEMA, strict=True)])
        self._rows = []


def read_index(folder: str | Path, columns: Sequence[str] | None = None) -> Iterator[tuple]:
    """Rows of a store's index, ids ascending, some at a time in memory; columns: all by default.

    Raises StoreError where the index is missing or damaged.
    """
    names = list(columns or INDEX_SCHEMA.names)
    for batch in read_batches(Path(folder, INDEX), names):
        yield from zip(*(batch[name].to_pylist() for name in names), strict=True)


class Ragged:
    """A ragged store to read from; opening it reads the index alone."""

    def __init__(self, folder: str | Path):
        self.folder = Path(folder)
        index = read_table(self.folder / INDEX)
        self.ids: tuple[str, ...] = tuple(index["id"].to_pylist())
        self.lengths: dict[str, int] = dict(zip(self.ids, index["length"].to_pylist(), strict=True))
        self._place = {clip_id: place for place, clip_id in enumerate(self.ids)}
        self._shards, self._rows = index["shard"].to_numpy(), index["row"].to_numpy()
        self._digests = index["digest"]
        self._open: dict[int, tuple[np.ndarray, np.ndarray]] = {}

    def __len__(self) -> int:
        return len(self.ids)

    def __getstate__(self) -> dict:
        return {**self.__dict__, "_open": {}}  # another process maps the shards anew

    def read(self, clip_id: str) -> np.ndarray:
        """One row, (frames, ...): a copy of its own."""
        shard, row = self._where(clip_id)
        values, offsets = self._shard(shard)
        try:
            return shards.rows_of(values, offsets, row)
        except ValueError:
            raise self._unfit(shard) from None

    def read_many(self, ids: Iterable[str]) -> list[np.ndarray]:
        """Several rows, in the order asked for; each may be changed without changing another.

        Rows that lie side by side are read at once and stay in one piece of memory.
        """
        ids = list(ids)
        places = [self._where(clip_id) for clip_id in ids]
        found: list[np.ndarray] = [np.empty(0)] * len(ids)
        order = sorted(range(len(ids)), key=places.__getitem__)
        for run in _runs(order, places):
            rows = self._read_run(*places[run[0]], len(run))
            for number, row in zip(run, rows, strict=True):
                found[number] = row
        return found

    def check(self) -> None:
        """Compare every row with its digest; StoreError names the first that differs."""
        for clip_id, digest in zip(self.ids, self._digests.to_pylist(), strict=True):
            if shards.digest(self.read(clip_id)) != digest:
                path = self._path(self._where(clip_id)[0])
                raise StoreError(f"{path}: '{clip_id}' is damaged; {_CURE}.")

    def _where(self, clip_id: str) -> tuple[int, int]:
        place = self._place.get(clip_id)
        if place is None:
            raise StoreError(f"{self.folder}: there is no clip '{clip_id}'; {_CURE}.")
        return int(self._shards[place]), int(self._rows[place])

    def _path(self, shard: int) -> Path:
        return self.folder / shards.name(shard)

    def _unfit(self, shard: int) -> StoreError:
        return StoreError(f"{self._path(shard)} does not fit its index; {_CURE}.")

    def _shard(self, shard: int) -> tuple[np.ndarray, np.ndarray]:
        if shard not in self._open:
            path = self._path(shard)
            try:
                self._open[shard] = (
                    shards.open_member(path, "values"),
                    shards.open_member(path, "offsets"),
                )
            except shards.DAMAGE:
                state = "damaged" if path.exists() else "missing"
                raise StoreError(f"{path} is {state}; {_CURE}.") from None
        return self._open[shard]

    def _read_run(self, shard: int, first: int, n_rows: int) -> list[np.ndarray]:
        """Rows that lie side by side, in one piece of memory."""
        values, offsets = self._shard(shard)
        try:
            with open(self._path(shard), "rb", buffering=0) as file:
                return shards.read_run(file, values, offsets, first, n_rows)
        except ValueError:
            raise self._unfit(shard) from None


def write_functionals(
    path: str | Path, ids: Sequence[str], names: Sequence[str], values: np.ndarray
) -> None:
    """Write functionals as Parquet.

    values: (clips, names), any float type, kept. Rows are sorted by id. Replaces `path` at once.
    """
    path = Path(path)
    values = np.asarray(values)
    if values.shape != (len(ids), len(names)):
        raise StoreError(
            f"{path}: values of shape {values.shape} do not fit {len(ids)} clips and "
            f"{len(names)} names; give one row a clip and one column a name."
        )
    if len(set(ids)) < len(ids) or len(set(names)) < len(names):
        raise StoreError(f"{path}: an id or a name occurs twice; give each once.")
    order = sorted(range(len(ids)), key=lambda row: ids[row])
    rows = ((ids[row], values[row]) for row in order)
    write_functional_rows(path, names, rows, dtype=values.dtype)


def write_functional_rows(
    path: str | Path,
    names: Sequence[str],
    rows: Iterable[tuple[str, np.ndarray]],
    *,
    dtype: str | np.dtype,
) -> int:
    """The same from (id, values (names,)), ids ascending; the number of rows written.

    Memory: some rows. A table of many clips has several row groups, each of at most 64 MiB.
    """
    dtype = np.dtype(dtype)
    schema = _functionals_schema(names, dtype)
    group = max(1, min(GROUP_ROWS, _GROUP_BYTES // max(1, dtype.itemsize * len(names))))
    n_rows = 0
    with atomic.new_file(path) as aside:
        table = TableWriter(aside, schema, group, plain=True)
        rows = iter(rows)
        while several := list(islice(rows, min(group, _STACKED))):
            values = np.stack([row for _, row in several]).astype(dtype, copy=False)
            ids = pa.array([clip_id for clip_id, _ in several], pa.string())
            kind = schema.field("values").type
            table.add([ids, pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), type=kind)])
            n_rows += len(several)
        table.close()
    return n_rows


def _functionals_schema(names: Sequence[str], dtype: np.dtype) -> pa.Schema:
    # Nothing may be null: what is never looked for is read in two thirds of the time.
    number = pa.field("element", pa.from_numpy_dtype(dtype), nullable=False)
    return pa.schema(
        [
            pa.field("id", pa.string(), nullable=False),
            pa.field("values", pa.list_(number, len(names)), nullable=False),
        ],
        metadata={"names": json.dumps(list(names))},
    )


def read_functionals(path: str | Path) -> tuple[tuple[str, ...], tuple[str, ...], np.ndarray]:
    """Functionals as (ids, names, values (clips, names)): sorted by id, as they were stored."""
    table = read_table(path)
    names = functional_names(table.schema)
    if names is None:
        raise StoreError(f"{path} holds no functionals of this version; {_CURE}.")
    return tuple(table["id"].to_pylist()), names, _matrix(table["values"], len(names))


def functional_names(schema: pa.Schema) -> tuple[str, ...] | None:
    """What the values of a table of functionals are called; None where it is no such table."""
    try:
        names = tuple(json.loads((schema.metadata or {})[b"names"]))
        fits = schema.names == ["id", "values"] and schema.field(1).type.list_size == len(names)
    except (AttributeError, KeyError, TypeError, ValueError):
        return None
    return names if fits else None


def _matrix(column: pa.ChunkedArray, width: int) -> np.ndarray:
    """Lists of one length as (rows, width); one row group is not copied, and may be changed."""
    dtype = column.type.value_type.to_pandas_dtype()
    pieces = [
        np.frombuffer(chunk.values.buffers()[1], dtype).reshape(-1, width)
        for chunk in column.chunks
        if len(chunk)
    ]
    if len(pieces) == 1:
        return pieces[0]
    return np.concatenate(pieces) if pieces else np.empty((0, width), dtype)


def read_table(path: str | Path) -> pa.Table:
    """A Parquet file that an earlier stage wrote; StoreError where it is missing or damaged."""
    path = Path(path)
    if not path.is_file():
        raise StoreError(f"{path}: there is no such table; {_CURE}.")
    try:
        # Nothing is read ahead, nor by other threads: few columns of large pages take longer then.
        with pq.ParquetFile(path, page_checksum_verification=True, pre_buffer=False) as file:
            return file.read(use_threads=False)
    except (OSError, pa.ArrowException):
        raise StoreError(f"{path} is damaged; {_CURE}.") from None


def read_batches(path: str | Path, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """Some columns of a Parquet file, some thousand rows at a time; errors as in `read_table`."""
    path = Path(path)
    if not path.is_file():
        raise StoreError(f"{path}: there is no such table; {_CURE}.")
    try:
        # Nothing is read ahead by other threads: so few rows take longer then.
        with pq.ParquetFile(path, page_checksum_verification=True, pre_buffer=False) as file:
            wanted = list(columns)
            for batch in file.iter_batches(_BATCH_ROWS, columns=wanted, use_threads=False):
                yield batch.select(wanted)
    except (OSError, KeyError, UnicodeDecodeError, pa.ArrowException):
        raise StoreError(f"{path} is damaged; {_CURE}.") from None


def _runs(order: list[int], places: list[tuple[int, int]]) -> Iterator[list[int]]:
    """Numbers of rows that lie side by side in one shard: each run is one read."""
    run: list[int] = []
    for number in order:
        shard, row = places[number]
        if run and places[run[-1]] != (shard, row - 1):
            yield run
            run = []
        run.append(number)
    if run:
        yield run


def _spool(
    spool: io.BufferedRandom, rows: Iterable[tuple[str, np.ndarray]], dtype: np.dtype, folder: Path
) -> tuple[dict[str, tuple[int, int, int]], tuple[int, ...]]:
    """Put rows into a file as they come: {id: (position, length, bytes)} and the common shape."""
    waiting: dict[str, tuple[int, int, int]] = {}
    tail: tuple[int, ...] | None = None
    position = 0
    for clip_id, array in rows:
        if clip_id in waiting:
            raise StoreError(f"{folder}: the clip '{clip_id}' comes twice; give each once.")
        array = np.asarray(array)
        tail = array.shape[1:] if tail is None else tail
        if array.ndim == 0 or array.shape[1:] != tail:
            raise StoreError(
                f"{folder}: '{clip_id}' has the shape {array.shape}, others (frames, "
                f"{', '.join(map(str, tail))}); store clips of one feature together."
            )
        data = np.ascontiguousarray(array, dtype).tobytes()
        spool.write(data)
        waiting[clip_id] = (position, len(array), len(data))
        position += len(data)
    return waiting, tail or ()

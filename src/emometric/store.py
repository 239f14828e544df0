"""Store what clips give: ragged frame sequences in NPZ shards, functionals in Parquet.

A ragged store is a folder of `000.npz`, `001.npz`, ... (members `values`, `offsets`, `ids`;
uncompressed) and `index.parquet` (id, shard, row, length, digest). Rows lie in the order of their
ids and every byte follows from the rows alone: neither the order in which they came nor the time
shows. Nothing is pickled.
"""

import hashlib
import io
import struct
import tempfile
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.lib import format as npy

from emometric import atomic
from emometric.errors import StoreError

SHARD_BYTES = 32 * 2**20
INDEX_SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("shard", pa.int32()),
        ("row", pa.int32()),
        ("length", pa.int64()),
        ("digest", pa.string()),
    ]
)
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip file can hold
_CURE = "build it again (`dvc repro`)"


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
    if (folder / "index.parquet").exists():
        raise StoreError(f"{folder}: there is a store already; write into an empty folder.")
    with tempfile.TemporaryFile(dir=folder) as spool:
        waiting, tail = _spool(spool, rows, dtype, folder)
        index = []
        for shard, ids in enumerate(_shards(waiting, shard_bytes)):
            arrays = []
            for row, clip_id in enumerate(ids):
                position, length, n_bytes = waiting[clip_id]
                spool.seek(position)
                array = np.frombuffer(spool.read(n_bytes), dtype).reshape(length, *tail)
                arrays.append(array)
                index.append((clip_id, shard, row, length, _digest(array)))
            _write_shard(folder / f"{shard:03d}.npz", ids, arrays)
    columns = list(zip(*index, strict=True)) if index else [[]] * len(INDEX_SCHEMA)
    table = pa.table([pa.array(c, f.type) for c, f in zip(columns, INDEX_SCHEMA, strict=True)],
                     schema=INDEX_SCHEMA)  # fmt: skip
    pq.write_table(table, folder / "index.parquet")
    return len(index)


class Ragged:
    """A ragged store to read from; opening it reads the index alone."""

    def __init__(self, folder: str | Path):
        self.folder = Path(folder)
        columns = read_table(self.folder / "index.parquet").to_pydict()
        self.ids: tuple[str, ...] = tuple(columns["id"])
        self.lengths: dict[str, int] = dict(zip(self.ids, columns["length"], strict=True))
        self._place = dict(
            zip(self.ids, zip(columns["shard"], columns["row"], strict=True), strict=True)
        )
        self._digests = dict(zip(self.ids, columns["digest"], strict=True))
        self._open: dict[int, tuple[np.ndarray, np.ndarray]] = {}

    def __len__(self) -> int:
        return len(self.ids)

    def __getstate__(self) -> dict:
        return {**self.__dict__, "_open": {}}  # another process maps the shards anew

    def read(self, clip_id: str) -> np.ndarray:
        """One row, (frames, ...): a copy of its own."""
        if clip_id not in self._place:
            raise StoreError(f"{self.folder}: there is no clip '{clip_id}'; {_CURE}.")
        shard, row = self._place[clip_id]
        values, offsets = self._shard(shard)
        if not 0 <= row < len(offsets) - 1 or offsets[row + 1] > len(values):
            raise StoreError(f"{self._path(shard)} does not fit its index; {_CURE}.")
        return np.array(values[offsets[row] : offsets[row + 1]])

    def read_many(self, ids: Iterable[str]) -> list[np.ndarray]:
        """Several rows, in the order asked for."""
        return [self.read(clip_id) for clip_id in ids]

    def check(self) -> None:
        """Compare every row with its digest; StoreError names the first that differs."""
        for clip_id in self.ids:
            if _digest(self.read(clip_id)) != self._digests[clip_id]:
                shard = self._place[clip_id][0]
                raise StoreError(f"{self._path(shard)}: '{clip_id}' is damaged; {_CURE}.")

    def _path(self, shard: int) -> Path:
        return self.folder / f"{shard:03d}.npz"

    def _shard(self, shard: int) -> tuple[np.ndarray, np.ndarray]:
        if shard not in self._open:
            path = self._path(shard)
            try:
                self._open[shard] = (_map_member(path, "values"), _map_member(path, "offsets"))
            except (OSError, ValueError, KeyError, struct.error, zipfile.BadZipFile):
                state = "damaged" if path.exists() else "missing"
                raise StoreError(f"{path} is {state}; {_CURE}.") from None
        return self._open[shard]


def write_functionals(
    path: str | Path, ids: Sequence[str], names: Sequence[str], values: np.ndarray
) -> None:
    """Write functionals as Parquet: a column `id`, then one column for each name.

    values: (clips, names), any float type, kept. Rows are sorted by id. Replaces `path` at once.
    """
    path = Path(path)
    values = np.asarray(values)
    if values.shape != (len(ids), len(names)):
        raise StoreError(
            f"{path}: values of shape {values.shape} do not fit {len(ids)} clips and "
            f"{len(names)} names; give one row a clip and one column a name."
        )
    if len(set(ids)) < len(ids) or len({*names, "id"}) < len(names) + 1:
        raise StoreError(f"{path}: an id or a name occurs twice; give each once.")
    order = sorted(range(len(ids)), key=lambda row: ids[row])
    columns = {"id": pa.array([ids[row] for row in order], pa.string())}
    for column, name in enumerate(names):
        columns[name] = pa.array(np.ascontiguousarray(values[order, column]))
    with atomic.new_file(path) as aside:
        pq.write_table(pa.table(columns), aside)


def read_functionals(path: str | Path) -> tuple[tuple[str, ...], tuple[str, ...], np.ndarray]:
    """Functionals as (ids, names, values (clips, names)): sorted by id, as they were stored."""
    table = read_table(path)
    names = tuple(name for name in table.column_names if name != "id")
    if "id" not in table.column_names or not names:
        raise StoreError(f"{path} holds no functionals (no column 'id' or no other); {_CURE}.")
    values = np.column_stack([table[name].to_numpy() for name in names])
    return tuple(table["id"].to_pylist()), names, values


def read_table(path: str | Path) -> pa.Table:
    """A Parquet file that an earlier stage wrote; StoreError where it is missing or damaged."""
    path = Path(path)
    if not path.is_file():
        raise StoreError(f"{path}: there is no such table; {_CURE}.")
    try:
        return pq.read_table(path)
    except (OSError, pa.ArrowException):
        raise StoreError(f"{path} is damaged; {_CURE}.") from None


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


def _shards(waiting: dict[str, tuple[int, int, int]], shard_bytes: int) -> Iterable[list[str]]:
    ids: list[str] = []
    size = 0
    for clip_id in sorted(waiting):
        n_bytes = waiting[clip_id][2]
        if ids and size + n_bytes > shard_bytes:
            yield ids
            ids, size = [], 0
        ids.append(clip_id)
        size += n_bytes
    if ids:
        yield ids


def _digest(array: np.ndarray) -> str:
    head = f"{array.dtype.str}{array.shape}".encode()
    return hashlib.blake2b(head + array.tobytes(), digest_size=16).hexdigest()


def _write_shard(path: Path, ids: list[str], arrays: list[np.ndarray]) -> None:
    """One NPZ file. Not through np.savez: the bytes must not hang on its or zipfile's defaults."""
    members = {
        "values": np.concatenate(arrays),
        "offsets": np.cumsum([0, *(len(array) for array in arrays)]).astype("<i8"),
        "ids": np.array([clip_id.encode() for clip_id in ids]),  # fixed width, UTF-8
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, array in members.items():
            info = zipfile.ZipInfo(f"{name}.npy", _EPOCH)
            info.create_system = 3
            with archive.open(info, "w", force_zip64=True) as member:
                npy.write_array(member, array, version=(1, 0), allow_pickle=False)


def _map_member(path: Path, name: str) -> np.ndarray:
    """A member of an uncompressed NPZ file as an array on the file itself; nothing is read yet."""
    with zipfile.ZipFile(path) as archive, path.open("rb") as file:
        info = archive.getinfo(f"{name}.npy")
        file.seek(info.header_offset)
        name_length, extra_length = struct.unpack("<26xHH", file.read(30))
        file.seek(info.header_offset + 30 + name_length + extra_length)
        npy.read_magic(file)
        shape, _, dtype = npy.read_array_header_1_0(file)
        if 0 in shape:
            return np.empty(shape, dtype)
        return np.memmap(path, dtype, "r", file.tell(), shape)

"""Write a Parquet file piece by piece, with the bytes of `pyarrow.parquet.write_table`."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

GROUP_ROWS = 2**20  # in a row group of `write_table`


class TableWriter:
    """A Parquet file in row groups of `group_rows`; one waits in memory until it is full.

    With GROUP_ROWS, or no more rows than one group has, the bytes are those of `write_table` with
    `write_page_checksum`. plain: neither with dictionaries nor compressed, for numbers of which
    hardly one comes twice: they take no more room (2 % for ComParE), and are read faster.
    """

    def __init__(
        self,
        path: Path,
        schema: pa.Schema,
        group_rows: int = GROUP_ROWS,
        *,
        plain: bool = False,
    ):
        # Each page has a CRC-32, so that a changed byte shows (`emometric store verify`).
        self._file = pq.ParquetWriter(
            path,
            schema,
            write_page_checksum=True,
            use_dictionary=not plain,
            compression="none" if plain else "snappy",
        )
        self._schema, self._group_rows = schema, group_rows
        self._waiting: list[pa.RecordBatch] = []
        self._n_waiting = self._n_written = 0

    def add(self, columns: Sequence[pa.Array | np.ndarray]) -> None:
        """Append rows: a column for each field of the schema."""
        rest = pa.record_batch(list(columns), schema=self._schema)
        while len(rest):
            piece = rest[: self._group_rows - self._n_waiting]
            self._waiting.append(piece)
            self._n_waiting += len(piece)
            rest = rest[len(piece) :]
            if self._n_waiting == self._group_rows:
                self._write()

    def close(self) -> None:
        """Write the last rows, and the table's end."""
        if self._n_waiting or not self._n_written:
            self._write()
        self._file.close()

    def _write(self) -> None:
        # One chunk, since where pages end would hang on the chunks.
        table = pa.Table.from_batches(self._waiting, self._schema).combine_chunks()
        self._file.write_table(table, row_group_size=max(1, self._n_waiting))
        self._n_written += self._n_waiting
        self._waiting, self._n_waiting = [], 0

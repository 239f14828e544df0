"""A table of recordings that somebody wrote: which columns it has, and its rows by number.

Columns: `file`, path relative to the table's folder, with slashes; `speaker`; `emotion`, empty for
none of the vocabulary; and, as far as there are any, `sentence`, `intensity`, `session` (text),
`activation`, `valence`, `dominance` (numbers on a scale of one's own) and `split` (train, valid or
test). Empty cells say nothing.
"""

import csv
import difflib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from emometric.base.errors import CorpusError

REQUIRED = ("file", "speaker", "emotion")
TEXTS = ("sentence", "intensity", "session")
NUMBERS = ("activation", "valence", "dominance")
COLUMNS = (*REQUIRED, *TEXTS, *NUMBERS, "split")

Row = tuple[int, dict[str, Any]]


def rows(path: Path) -> Iterator[Row]:
    """Every row with its number, of a CSV as a spreadsheet counts: the header is row 1.

    Raises CorpusError for a file that cannot be read, and columns that are not as above.
    """
    yield from _from_csv(path) if path.suffix == ".csv" else _from_parquet(path)


def _from_csv(path: Path) -> Iterator[Row]:
    number = 0
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            header = [name.strip() for name in next(reader, [])]
            _check_columns(path, header)
            number = 1  # of the last row read
            for number, cells in enumerate(reader, start=2):
                if len(cells) == len(header):
                    yield number, dict(zip(header, cells, strict=True))
                elif cells:  # an empty line is no row
                    raise CorpusError(
                        f"{path}, row {number}: has {len(cells)} cells where the header has "
                        f"{len(header)}; put a text with commas in double quotes."
                    )
    except UnicodeDecodeError:
        raise CorpusError(f"{path}: is not in UTF-8; save it again as CSV in UTF-8.") from None
    except csv.Error as error:
        raise CorpusError(
            f"{path}, row {number + 1}: is no CSV ({error}); save the table again as CSV."
        ) from None


def _from_parquet(path: Path) -> Iterator[Row]:
    try:
        table = pq.read_table(path)
    except (pa.ArrowInvalid, OSError):
        raise CorpusError(f"{path}: is no Parquet file; save the table again.") from None
    _check_columns(path, table.column_names)
    columns = [column.to_pylist() for column in table.columns]
    for number, cells in enumerate(zip(*columns, strict=True), start=1):
        yield number, dict(zip(table.column_names, cells, strict=True))


def _check_columns(path: Path, header: list[str]) -> None:
    if len(header) == 1:
        for mark, name in ((";", "semicolons"), ("\t", "tabs")):
            if mark in header[0]:
                raise CorpusError(f"{path}: is separated by {name}; save it with commas.")
    for name in header:
        if header.count(name) > 1:
            raise CorpusError(f"{path}: has the column '{name}' twice; remove one of them.")
        if name not in COLUMNS:
            near = difflib.get_close_matches(name, COLUMNS, n=1)
            cure = f"did you mean '{near[0]}'?" if near else "remove it."
            raise CorpusError(
                f"{path}: has the unknown column '{name}'; {cure} Known are {', '.join(COLUMNS)}."
            )
    for name in REQUIRED:
        if name not in header:
            raise CorpusError(
                f"{path}: lacks the column '{name}'; a table has the columns {', '.join(REQUIRED)} "
                f"and may have {', '.join(COLUMNS[len(REQUIRED) :])}."
            )

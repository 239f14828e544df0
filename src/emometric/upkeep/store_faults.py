"""What is wrong with a feature store, found by reading all of it."""

import base64
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from emometric.base.errors import StoreError
from emometric.extraction import extracting
from emometric.storage import store


def fault(path: Path) -> str | None:
    """What is wrong with a feature store, in words without a cure; None: nothing."""
    try:
        if (path / store.INDEX).exists() or any(path.glob("*.npz")):
            store.Ragged(path).check()
        else:
            _check_functionals(path / extracting.FUNCTIONALS_FILE)
    except StoreError as error:
        return str(error).partition("; ")[0]
    return None


def _check_functionals(path: Path) -> None:
    if not path.is_file():
        raise StoreError(f"{path} is missing; build it again.")
    try:
        with path.open("rb") as file:
            if file.read(4) != b"PAR1":  # no reader looks at it
                raise OSError
        table = pq.read_table(path, page_checksum_verification=True)
        # The footer, which has no checksum, holds the names twice.
        again = pq.read_metadata(path).metadata[b"ARROW:schema"]
        names = pa.ipc.read_schema(pa.py_buffer(base64.b64decode(again, validate=True))).names
    except (OSError, KeyError, TypeError, ValueError, pa.ArrowException):
        raise StoreError(f"{path} is damaged; build it again.") from None
    if names != table.column_names:
        raise StoreError(f"{path} is damaged; build it again.")
    ids = table["id"].to_pylist() if "id" in table.column_names else None
    if ids is None or ids != sorted(set(ids)):
        raise StoreError(f"{path} has no ids in ascending order; build it again.")

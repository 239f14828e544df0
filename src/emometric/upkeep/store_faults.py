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
    except Exception:  # damage in a head, which each library tells in its own way
        return f"{path} is damaged"
    return None


def _check_functionals(path: Path) -> None:
    if not path.is_file():
        raise StoreError(f"{path} is missing; build it again.")
    try:
        with path.open("rb") as file:
            if file.read(4) != b"PAR1":  # no reader looks at it
                raise OSError
        ids, names, _ = store.read_functionals(path)
        # The footer, which has no checksum, holds the names twice.
        again = pq.read_metadata(path).metadata[b"ARROW:schema"]
        schema = pa.ipc.read_schema(pa.py_buffer(base64.b64decode(again, validate=True)))
    except (OSError, KeyError, TypeError, ValueError, pa.ArrowException):
        raise StoreError(f"{path} is damaged; build it again.") from None
    if store.functional_names(schema) != names:
        raise StoreError(f"{path} is damaged; build it again.")
    if list(ids) != sorted(set(ids)):
        raise StoreError(f"{path} has no ids in ascending order; build it again.")

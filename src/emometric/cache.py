"""Keep what was computed for a clip, so that a rerun computes only what is new."""

import hashlib
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from emometric import atomic

_DIGEST_BYTES = 16


def key(content: str, settings: Mapping[str, Any], version: str) -> str:
    """Name of an entry: blake2b (40 hex digits) over everything that the result follows from.

    content: hash of the clip's audio; settings: anything that JSON can hold, in any order of
    keys; version: of the program that computes.

    >>> key("a", {"x": 1, "y": 2}, "1") == key("a", {"y": 2, "x": 1}, "1")
    True
    """
    text = json.dumps([content, settings, version], sort_keys=True, allow_nan=False)
    return hashlib.blake2b(text.encode(), digest_size=20).hexdigest()


class ClipCache:
    """Arrays in files `<folder>/<part>/<2 hex digits>/<key>.npy`, each behind its own checksum.

    An entry appears whole or not at all, and equal keys hold equal arrays: any number of writers
    may work at once, and a kill leaves nothing that has to be cleared up.
    """

    def __init__(self, folder: str | Path, part: str):
        self.folder = Path(folder) / part

    def path(self, name: str) -> Path:
        """The file of the entry `name`, there or not."""
        return self.folder / name[:2] / f"{name}.npy"

    def get(self, name: str) -> np.ndarray | None:
        """The array, or None where there is none or where its file is damaged."""
        try:
            data = self.path(name).read_bytes()
        except FileNotFoundError:
            return None
        checksum, payload = data[:_DIGEST_BYTES], data[_DIGEST_BYTES:]
        if _checksum(name, payload) != checksum:
            return None
        return np.load(io.BytesIO(payload), allow_pickle=False)

    def put(self, name: str, array: np.ndarray) -> None:
        """Write an entry, in place of an earlier or a damaged one."""
        buffer = io.BytesIO()
        np.save(buffer, array, allow_pickle=False)
        payload = buffer.getvalue()
        with atomic.new_file(self.path(name)) as aside:
            aside.write_bytes(_checksum(name, payload) + payload)


def _checksum(name: str, payload: bytes) -> bytes:
    # The name is part of it: a file copied to another entry's place is refused too.
    return hashlib.blake2b(name.encode() + payload, digest_size=_DIGEST_BYTES).digest()

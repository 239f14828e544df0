"""Which files of a store nobody has touched since they were written: they need not be read again.

As DVC tells: by device, inode, size and time of the last write. What a disk spoils by itself shows
in `emometric store verify`.
"""

import hashlib
import json
import os
import time
from pathlib import Path

from emometric.base import atomic

FOLDER = "stores"  # in the clip cache of a part's version
_TICK_NS = 50_000_000  # more than a file system's clock stands still


def note(cache: Path, store: Path) -> None:
    """Remember the files of a store as they are now; cache: of the part's version.

    Those that were written just now are left out: another write might bear the same time.
    """
    latest = time.time_ns() - _TICK_NS
    seen = {name: facts for name, facts in sorted(_seen(store).items()) if facts[-1] < latest}
    with atomic.new_file(_record(cache, store)) as aside:
        aside.write_text(json.dumps(seen), encoding="utf-8")


def names(cache: Path, store: Path) -> frozenset[str]:
    """Names of the files that are as `note` saw them; none where it saw none."""
    try:
        then = json.loads(_record(cache, store).read_text(encoding="utf-8"))
        return frozenset(name for name, facts in _seen(store).items() if then.get(name) == facts)
    except (OSError, ValueError, AttributeError):
        return frozenset()


def _record(cache: Path, store: Path) -> Path:
    name = hashlib.blake2b(str(store.absolute()).encode(), digest_size=20).hexdigest()
    return cache / FOLDER / f"{name}.json"


def _seen(store: Path) -> dict[str, list[int]]:
    """Of each file: device, inode, bytes, time of the last write."""
    found = {}
    with os.scandir(store) as files:
        for file in files:
            status = file.stat(follow_symlinks=False)
            found[file.name] = [status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns]
    return found

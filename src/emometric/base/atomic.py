"""Write files and folders so that a kill at any moment leaves the old state or the new one."""

import os
import shutil
import socket
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def new_file(path: str | Path) -> Iterator[Path]:
    """A path to write to; it takes the place of `path` when the block ends without an error.

    The temporary name is unique, so two writers never share one (an orphan of a killed run may
    still be at work); the last to finish wins, whole. What dead writers left is removed.
    """
    path = Path(path)
    aside = _aside(path)
    try:
        yield aside
        os.replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)


@contextmanager
def new_folder(path: str | Path) -> Iterator[Path]:
    """An empty folder to fill; it takes the place of `path` when the block ends without an error.

    A folder cannot be replaced in one step: for an instant `path` may be absent, never half full.
    """
    path = Path(path)
    aside = _aside(path)
    aside.mkdir()
    try:
        yield aside
        while True:
            _move_away(path)
            try:
                os.replace(aside, path)
            except OSError:
                if not path.exists():  # not merely another writer, who was done in between
                    raise
            else:
                break
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _move_away(folder: Path) -> None:
    old = _aside(folder)
    try:
        os.replace(folder, old)
    except FileNotFoundError:
        return
    shutil.rmtree(old, ignore_errors=True)


def _aside(path: Path) -> Path:
    """A fresh hidden name beside `path`: `.<name>.<host>.<process>.<token>.part`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_orphans(path)
    # A host name may hold dots, which separate the fields here.
    host = socket.gethostname().replace(".", "-")
    return path.with_name(f".{path.name}.{host}.{os.getpid()}.{uuid.uuid4().hex[:12]}.part")


def _remove_orphans(path: Path) -> None:
    host = socket.gethostname().replace(".", "-")
    for orphan in path.parent.glob(f".{path.name}.{host}.*.part"):
        process = orphan.name.split(".")[-3]
        if process.isdigit() and not _is_alive(int(process)):
            if orphan.is_dir():
                shutil.rmtree(orphan, ignore_errors=True)
            else:
                orphan.unlink(missing_ok=True)


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # somebody else's
    return True

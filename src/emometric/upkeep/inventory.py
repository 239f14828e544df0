"""What feature stores and caches hold, whether it is whole, and what of the caches can go.

Caches are the clip cache and, beside it below one root, the kept cells of studies
(`cells/<method>/<version>/<key>.zip`). Nothing in them is lost for good: what is missing is
computed again, so that anything may be removed at any time, also while a stage is at work.
"""

import os
import time
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from emometric.base import parts
from emometric.extraction import cache, extracting, packs
from emometric.storage import store
from emometric.upkeep import cache_files

FOLDERS = ("features", "study_features")  # of data/<origin>/, each <corpus>/<feature>/
CLIPS, CELLS = "clips", "cells"
DAY_S = 86400.0
_YOUNG_S = 3600.0  # a file put aside so lately may still be written


@dataclass(frozen=True, kw_only=True)
class Stored:
    """One feature store; clips is None where its index or table cannot be read."""

    origin: str
    kind: str
    corpus: str
    feature: str
    path: Path
    clips: int | None
    n_bytes: int
    modified: float


@dataclass(frozen=True, kw_only=True)
class Held:
    """One file of a cache: kind is CLIPS or CELLS, part the feature or the method.

    A file of the clip cache holds the entries of many clips; one of the cells, those of a group.
    """

    kind: str
    part: str
    version: str
    path: Path
    n_entries: int
    n_bytes: int
    used: float


@dataclass(frozen=True, kw_only=True)
class Group:
    """All files of one part in one version. used: the latest; is_current: a run would use it."""

    kind: str
    part: str
    version: str
    is_current: bool
    entries: int
    n_bytes: int
    used: float


def stores(data: str | Path) -> Iterator[Stored]:
    """Every feature store below `data`, by origin, kind, corpus and feature."""
    for kind in FOLDERS:
        for path in sorted(Path(data).glob(f"*/{kind}/*/*")):
            if not path.is_dir() or path.name.startswith("."):
                continue
            files = [file.stat() for file in path.iterdir() if file.is_file()]
            if not files:
                continue
            yield Stored(
                origin=path.parents[2].name,
                kind=kind,
                corpus=path.parent.name,
                feature=path.name,
                path=path,
                clips=_n_clips(path),
                n_bytes=sum(file.st_size for file in files),
                modified=max(file.st_mtime for file in files),
            )


def held(root: str | Path) -> Iterator[Held]:
    """Every file of both caches below `root`; looking at them does not count as use."""
    for part, version in cache_files.parts(root):
        for pack in cache_files.packs_of(root, part, version):
            found = Held(
                kind=CLIPS,
                part=part,
                version=version,
                path=pack.path,
                n_entries=pack.n_entries,
                n_bytes=pack.n_bytes,
                used=pack.used,
            )
            _unread(found)
            yield found
    for path in sorted(Path(root, CELLS).glob("*/*/[0-9a-f]*.zip")):
        with suppress(FileNotFoundError):  # removed by another process meanwhile
            status = path.stat()
            yield Held(
                kind=CELLS,
                part=path.parents[1].name,
                version=path.parent.name,
                path=path,
                n_entries=1,
                n_bytes=status.st_size,
                used=max(status.st_atime, status.st_mtime),
            )


def groups(entries: Iterable[Held], current: Mapping[tuple[str, str], str | None]) -> list[Group]:
    """Entries by kind, part and version; current: what `current_versions` gives."""
    found: dict[tuple[str, str, str], list[Held]] = {}
    for entry in entries:
        found.setdefault((entry.kind, entry.part, entry.version), []).append(entry)
    return [
        Group(
            kind=key[0],
            part=key[1],
            version=key[2],
            is_current=is_current(*key, current),
            entries=sum(entry.n_entries for entry in several),
            n_bytes=sum(entry.n_bytes for entry in several),
            used=max(entry.used for entry in several),
        )
        for key, several in sorted(found.items())
    ]


def current_versions() -> dict[tuple[str, str], str | None]:
    """(kind, part) -> the version that a run here would use; None where a package is missing.

    A part that is not among them exists no longer.
    """
    found: dict[tuple[str, str], str | None] = {}
    for name in parts.available("features"):
        try:
            version = extracting.folder_of(parts.load("features", name))
        except ImportError:  # an extra that is not installed: nobody can say
            found[CLIPS, name] = None
        else:
            found[CLIPS, name] = cache.folder_name(version)
    for name in parts.available("methods"):
        found[CELLS, name] = f"{parts.load('methods', name).VERSION}"
    return found


def is_current(
    kind: str, part: str, version: str, current: Mapping[tuple[str, str], str | None]
) -> bool:
    """Whether a run here would use this version of a part, or nobody can say."""
    return (kind, part) in current and current[kind, part] in (None, version)


def chosen_to_go(
    entries: Iterable[Held],
    current: Mapping[tuple[str, str], str | None],
    *,
    unused_days: float | None = None,
    down_to: int | None = None,
    now: float | None = None,
) -> list[Held]:
    """What to remove: first versions that no run here would use, then by the two limits.

    unused_days: also what was not used for so long; down_to: then the least recently used, until so
    many bytes are left. now: seconds since 1970, by default the clock's. The order is that in which
    to remove.
    """
    now = time.time() if now is None else now
    going, staying = [], []
    for entry in entries:
        idle = unused_days is not None and now - entry.used > unused_days * DAY_S
        is_old = not is_current(entry.kind, entry.part, entry.version, current)
        (going if idle or is_old else staying).append(entry)
    if down_to is not None:
        n_bytes = sum(entry.n_bytes for entry in staying)
        for entry in sorted(staying, key=lambda entry: (entry.used, entry.path)):
            if n_bytes <= down_to:
                break
            going.append(entry)
            n_bytes -= entry.n_bytes
    return going


def leftovers(
    root: str | Path,
    current: Mapping[tuple[str, str], str | None],
    going: Iterable[Held] = (),
    *,
    now: float | None = None,
) -> list[Path]:
    """Files of the clip cache that are no entries, and none of a run at work.

    Those of killed writers, an hour old or more; what was derived from packs that are gone as long,
    or, of an old version, from packs of which all are `going` now.
    """
    now = time.time() if now is None else now
    found = []
    for path in cache_files.leftovers(root):
        with suppress(FileNotFoundError):
            if now - path.stat().st_mtime > _YOUNG_S:
                found.append(path)
    gone = {entry.path for entry in going}
    for part, version in cache_files.parts(root):
        if is_current(CLIPS, part, version, current):
            continue  # a run may have the index open
        packs_there = set(cache_files.pack_paths(root, part, version))
        if packs_there and packs_there <= gone:
            found += cache_files.derived(root, part, version)
    return found


def remove(paths: Iterable[Path], root: str | Path) -> None:
    """Remove files below `root`, and the folders that this leaves empty, up to `root`.

    Safe beside writers: one that finds its folder gone makes it again, and `new`, in which it has
    just made sure that it can write, is left to it.
    """
    root = Path(root).resolve()
    folders = set()
    for path in paths:
        path.unlink(missing_ok=True)
        folders.add(path.resolve().parent)
    while folders:
        above = set()
        for folder in folders:
            if folder == root or root not in folder.parents or folder.name == cache_files.NEW:
                continue
            with suppress(OSError):  # not empty, or gone
                folder.rmdir()
                above.add(folder.parent)
        folders = above


def remove_emptied(root: str | Path, current: Mapping[tuple[str, str], str | None]) -> None:
    """Remove the empty folders of versions of the clip cache that are old, and unused for long."""
    before = time.time() - _YOUNG_S
    for part, version in cache_files.parts(root):
        if not is_current(CLIPS, part, version, current):
            cache_files.remove_empty(root, part, version, before=before)


def is_intact(entry: Held) -> bool:
    """Whether a file of a cache has its checksums; True for one that is gone by now."""
    try:
        if entry.kind == CLIPS:
            return packs.is_intact(entry.path)
        with zipfile.ZipFile(entry.path) as archive:
            return archive.testzip() is None and archive.comment == entry.path.stem.encode()
    except FileNotFoundError:
        return True
    except (OSError, EOFError, ValueError, RuntimeError, zipfile.BadZipFile, zlib.error):
        return False  # a flipped bit may also say that it is encrypted, or packed in another way
    finally:
        _unread(entry)


def _unread(entry: Held) -> None:
    """Take back that a file was read just now, so that its last use stays what it was."""
    with suppress(OSError):  # gone, or somebody else's
        modified = entry.path.stat().st_mtime_ns
        os.utime(entry.path, ns=(round(entry.used * 1e9), modified))


def _n_clips(path: Path) -> int | None:
    for name in (store.INDEX, extracting.FUNCTIONALS_FILE):
        with suppress(OSError, ValueError, pa.ArrowException):  # ValueError: names are no UTF-8
            return pq.read_metadata(path / name).num_rows
    return None

"""The files of a clip cache: what they hold, whether they are whole, which may go.

`cache` says where they lie and what they are for.
"""

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from emometric.extraction import cache_index, earlier_store, packs
from emometric.extraction.cache import CLIPS, SUFFIX


@dataclass(frozen=True, kw_only=True)
class Pack:
    """One file of a clip cache. modified, used: seconds since 1970.

    used: when it was last read or written, as far as the file system notes it; many do once a day.
    """

    part: str
    version: str
    path: Path
    n_entries: int
    n_bytes: int
    modified: float
    used: float


def parts(root: str | Path) -> list[tuple[str, str]]:
    """The (part, version) pairs that a cache holds, sorted; a version as its folder is named."""
    return [
        (part.name, version.name)
        for part in _folders(Path(root, CLIPS))
        for version in _folders(part.path)
    ]


def packs_of(root: str | Path, part: str, version: str) -> Iterator[Pack]:
    """The packs of one of `parts`, sorted by name within each folder."""
    for folder in _folders(Path(root, CLIPS, part, version)):
        for file in _files(folder.path):
            if file.name.startswith(".") or not file.name.endswith(SUFFIX):
                continue
            with suppress(FileNotFoundError):  # removed by another process meanwhile
                status = file.stat()
                yield Pack(
                    part=part,
                    version=version,
                    path=Path(file.path),
                    n_entries=sum(1 for _ in packs.heads(file.path)),
                    n_bytes=status.st_size,
                    modified=status.st_mtime,
                    used=max(status.st_atime, status.st_mtime),
                )


def is_intact(pack: Pack) -> bool:
    """Whether every entry of a pack is what was put there; reads all of it."""
    return packs.is_intact(pack.path)


def remove(pack: Pack) -> None:
    """Remove a pack; none is missed that another process removed already. The index forgives it."""
    pack.path.unlink(missing_ok=True)


def leftovers(root: str | Path) -> Iterator[Path]:
    """Files that are no packs: put aside by a writer that was killed, or being written just now
    (spare what is an hour young); the index of a version without packs, and what it knows of
    stores; and entries of an earlier layout, `<root>/<part>/<2 hex digits>/<key>.npy`.
    """
    for part, version in parts(root):
        folder = Path(root, CLIPS, part, version)
        n_packs = 0
        for shard in _folders(folder):
            for file in _files(shard.path):
                if file.name.startswith("."):
                    yield Path(file.path)
                n_packs += file.name.endswith(SUFFIX)
        if not n_packs:
            for name in (cache_index.FILE, *cache_index.EARLIER):
                yield from folder.glob(f"{name}*")
            yield from folder.glob(f"{earlier_store.FOLDER}/*.json")
    for part in _folders(root):
        for shard in _folders(part.path):
            if re.fullmatch("[0-9a-f]{2}", shard.name):
                yield from (
                    Path(file.path)
                    for file in _files(shard.path)
                    if re.fullmatch(r"[0-9a-f]{40}\.npy", file.name)
                )


def _folders(folder: str | Path) -> list[os.DirEntry]:
    try:
        with os.scandir(folder) as found:
            return sorted((each for each in found if each.is_dir()), key=lambda each: each.name)
    except FileNotFoundError:
        return []


def _files(folder: str | Path) -> list[os.DirEntry]:
    with os.scandir(folder) as found:
        return sorted((each for each in found if each.is_file()), key=lambda each: each.name)

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

# What the cache names its own; all else below its root is somebody else's, and never touched.
NEW = "new"  # where writers put what they are at: a folder that may be wanted the next moment
_SHARD = re.compile(rf"{NEW}|[0-9a-f]{{2}}")
_PACK = re.compile(rf"[0-9a-f]{{32}}{re.escape(SUFFIX)}")
_ASIDE = re.compile(r"\..+\.part")


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
    for path in pack_paths(root, part, version):
        with suppress(FileNotFoundError):  # removed by another process meanwhile
            status = path.stat()
            yield Pack(
                part=part,
                version=version,
                path=path,
                n_entries=sum(1 for _ in packs.heads(path)),
                n_bytes=status.st_size,
                modified=status.st_mtime,
                used=max(status.st_atime, status.st_mtime),
            )


def pack_paths(root: str | Path, part: str, version: str) -> Iterator[Path]:
    """Their paths alone, which takes less."""
    for folder in _folders(Path(root, CLIPS, part, version)):
        if _SHARD.fullmatch(folder.name):
            yield from (
                Path(file.path) for file in _files(folder.path) if _PACK.fullmatch(file.name)
            )


def is_intact(pack: Pack) -> bool:
    """Whether every entry of a pack is what was put there; reads all of it."""
    return packs.is_intact(pack.path)


def remove(pack: Pack) -> None:
    """Remove a pack; none is missed that another process removed already. The index forgives it."""
    pack.path.unlink(missing_ok=True)


def leftovers(root: str | Path) -> Iterator[Path]:
    """Files that are no packs: put aside by a writer that was killed, or being written just now
    (spare what is an hour young); what was `derived` from packs that are gone; and entries of an
    earlier layout, `<root>/<part>/<2 hex digits>/<key>.npy`.
    """
    for part, version in parts(root):
        for folder in _folders(Path(root, CLIPS, part, version)):
            if _SHARD.fullmatch(folder.name) or folder.name == earlier_store.FOLDER:
                yield from (
                    Path(file.path) for file in _files(folder.path) if _ASIDE.fullmatch(file.name)
                )
        if not any(pack_paths(root, part, version)):
            yield from derived(root, part, version)
    for part in _folders(root):
        for shard in _folders(part.path):
            if re.fullmatch("[0-9a-f]{2}", shard.name):
                yield from (
                    Path(file.path)
                    for file in _files(shard.path)
                    if re.fullmatch(r"[0-9a-f]{40}\.npy", file.name)
                )


def derived(root: str | Path, part: str, version: str) -> Iterator[Path]:
    """What follows from the packs of one of `parts`: their index, and what is known of stores."""
    folder = Path(root, CLIPS, part, version)
    for name in (cache_index.FILE, *cache_index.EARLIER):
        yield from folder.glob(f"{name}*")
    yield from folder.glob(f"{earlier_store.FOLDER}/*.json")


def remove_empty(root: str | Path, part: str, version: str, *, before: float) -> None:
    """Remove the folders of one of `parts` that hold nothing, its own last.

    before: seconds since 1970; nothing where a writer was at work later.
    """
    folder = Path(root, CLIPS, part, version)
    mine = [each.path for each in _folders(folder)
            if _SHARD.fullmatch(each.name) or each.name == earlier_store.FOLDER]  # fmt: skip
    with suppress(FileNotFoundError):
        if (folder / NEW).stat().st_mtime > before:
            return
    for each in (*mine, folder, folder.parent):
        with suppress(OSError):  # something is there
            os.rmdir(each)


def _folders(folder: str | Path) -> list[os.DirEntry]:
    try:
        with os.scandir(folder) as found:
            return sorted((each for each in found if each.is_dir()), key=lambda each: each.name)
    except FileNotFoundError:
        return []


def _files(folder: str | Path) -> list[os.DirEntry]:
    try:
        with os.scandir(folder) as found:
            return sorted((each for each in found if each.is_file()), key=lambda each: each.name)
    except FileNotFoundError:  # removed by another process meanwhile
        return []

"""Unpack an archive into a folder, and nowhere else."""

import lzma
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO

from emometric.base.errors import CorpusError

SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
_DAMAGE = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    NotImplementedError,
    RuntimeError,  # zipfile: an unknown or encrypted member
    ValueError,  # names that are no UTF-8 or hold a null byte, places before the file's start
    IndexError,  # zipfile: an entry without a name
    OSError,
)


@dataclass(frozen=True, kw_only=True)
class _Member:
    """One entry of an archive; kind is file, folder, link, or device (and other special files)."""

    name: str
    kind: str
    n_bytes: int
    entry: zipfile.ZipInfo | tarfile.TarInfo


def is_archive(name: str) -> bool:
    """Whether a file of this name is one that `unpack` takes."""
    return name.lower().endswith(SUFFIXES)


def unpacked_bytes(archive: Path) -> int:
    """What the files in the archive come to, as it says itself."""
    with _reading(archive), _opened(archive) as (members, _file):
        return sum(member.n_bytes for member in members if member.kind == "file")


def unpack(archive: Path, folder: Path) -> None:
    """Unpack all files of `archive` below `folder`; nothing is written if one entry is refused.

    Refused, with a CorpusError: absolute paths, `..`, every link (none of the published archives
    holds one, and a link may lead outside), device files, a name twice, passwords, damage.
    """
    with _reading(archive), _opened(archive) as (members, file):
        paths = [_checked(member, archive) for member in members]
        named = [path for path, member in zip(paths, members, strict=True) if member.kind == "file"]
        if len(set(named)) < len(named):
            twice = next(path for path in named if named.count(path) > 1)
            raise CorpusError(f"{archive}: holds {twice} twice; nothing was unpacked.")
        for member, path in zip(members, paths, strict=True):
            target = folder / path
            if member.kind == "folder":
                target.mkdir(parents=True, exist_ok=True)
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            with _content(file, member) as source, target.open("xb") as copy:
                shutil.copyfileobj(source, copy)
            if target.stat().st_size != member.n_bytes:
                raise EOFError(f"{member.name} is cut off")


@contextmanager
def _reading(archive: Path) -> Iterator[None]:
    try:
        yield
    except _DAMAGE as error:
        if isinstance(error, OSError) and error.errno is not None:  # the disk's, not the archive's
            raise CorpusError(
                f"{archive}: cannot be unpacked ({error.strerror}: {error.filename}); mend that "
                f"and run again."
            ) from None
        reason = str(error).partition("\n")[0].rstrip(":")  # tarfile lists all that it tried
        raise CorpusError(
            f"{archive}: is damaged or no archive ({reason}); delete it and fetch it again."
        ) from None


@contextmanager
def _opened(archive: Path) -> Iterator[tuple[list[_Member], zipfile.ZipFile | tarfile.TarFile]]:
    if archive.name.lower().endswith(".zip"):
        with zipfile.ZipFile(archive) as file:
            yield [_zip_member(info, archive) for info in file.infolist()], file
    else:
        with tarfile.open(archive) as file:
            yield [_tar_member(info) for info in file.getmembers()], file


def _zip_member(info: zipfile.ZipInfo, archive: Path) -> _Member:
    if info.flag_bits & 1:
        raise CorpusError(
            f"{archive}: {info.filename} is locked with a password; ask its owner for it and "
            f"unpack by hand."
        )
    unix_kind = info.external_attr >> 28  # the top of st_mode; 0 where made elsewhere
    kinds = {0: "file", 0o10: "file", 0o4: "folder", 0o12: "link"}
    kind = "folder" if info.is_dir() else kinds.get(unix_kind, "device")
    return _Member(name=info.filename, kind=kind, n_bytes=info.file_size, entry=info)


def _tar_member(info: tarfile.TarInfo) -> _Member:
    kind = "device"
    if info.isreg():
        kind = "file"
    elif info.isdir():
        kind = "folder"
    elif info.issym() or info.islnk():
        kind = "link"
    return _Member(name=info.name, kind=kind, n_bytes=info.size, entry=info)


def _content(file: zipfile.ZipFile | tarfile.TarFile, member: _Member) -> IO[bytes]:
    if isinstance(file, zipfile.ZipFile):
        return file.open(member.entry)
    return file.extractfile(member.entry)


def _checked(member: _Member, archive: Path) -> PurePosixPath:
    """The path of an entry below the folder; CorpusError where it would not stay there."""
    # Some archives made on Windows part folders with a backslash; both readings must be harmless.
    path = PurePosixPath(member.name.replace("\\", "/"))
    windows = PureWindowsPath(member.name)
    wrong = None
    if path.is_absolute() or windows.drive or windows.root:
        wrong = "an absolute path"
    elif ".." in path.parts:
        wrong = "a path that leads outside"
    elif member.kind not in ("file", "folder"):
        wrong = f"a {member.kind}"
    elif not path.parts and member.kind == "file":
        wrong = "a file without a name"
    if wrong:
        raise CorpusError(
            f"{archive}: refused, nothing was unpacked: {member.name!r} is {wrong}; get the "
            f"archive from its owner again."
        )
    return path

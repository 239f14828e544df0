"""Bring a corpus from its owner to its folder: whole and verified, or not at all."""

import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import filelock

from emometric.base import atomic
from emometric.base.errors import CorpusError
from emometric.download import downloading, unpacking
from emometric.download.downloading import Patience
from emometric.download.fetch import Remote

_LOCK_S = 3600.0  # how long to wait for another run that fetches the same corpus


def obtain(
    corpus: str,
    remotes: tuple[Remote, ...],
    root: Path,
    *,
    verify: Callable[[Path], list[str]],
    patience: Patience | None = None,
) -> bool:
    """Fetch, verify and unpack `remotes` as `<root>/<corpus>`; False where that is there already.

    verify: what is wrong with the unpacked folder, in words, before it takes its place. One run
    at a time works on a corpus; others wait, and find it done. Downloads are kept in
    `<root>/.downloads/<corpus>` until all is in place, so that a killed run can be continued.
    Raises CorpusError, with nothing changed in `<root>/<corpus>`.
    """
    folder = root / corpus
    downloads = root / ".downloads" / corpus
    try:
        downloads.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CorpusError(
            f"{root}: cannot be written ({error.strerror}); choose another folder."
        ) from None
    with _locked(root / ".downloads" / f"{corpus}.lock", corpus):
        if _holds_something(folder):
            return False
        _check_room(remotes, downloads)
        files = [downloading.download(remote, downloads, patience) for remote in remotes]
        with _doubting(files, remotes):
            needed = sum(map(_bytes_in_place, files))
        downloading.check_disk(root, needed, f"{corpus}, unpacked,")
        with _doubting(files, remotes), atomic.new_folder(folder) as aside:
            for remote, file in zip(remotes, files, strict=True):
                _place(file, aside / remote.folder)
            _refuse(corpus, verify(aside))
        shutil.rmtree(downloads, ignore_errors=True)
    return True


def _holds_something(folder: Path) -> bool:
    """False too where there is no folder yet; CorpusError where something else has its name."""
    try:
        return any(folder.iterdir())
    except FileNotFoundError:
        return False
    except OSError as error:
        raise CorpusError(
            f"{folder}: is no folder that can be read ({error.strerror}); move it away, or choose "
            f"another folder of corpora."
        ) from None


def _locked(path: Path, corpus: str):
    lock = filelock.FileLock(path)
    try:
        return lock.acquire(timeout=0)
    except filelock.Timeout:
        print(f"another run fetches {corpus}; waiting for it", file=sys.stderr)
    try:
        return lock.acquire(timeout=_LOCK_S)
    except filelock.Timeout:
        raise CorpusError(
            f"{path}: another run has been fetching {corpus} for an hour; end it and try again."
        ) from None


def _check_room(remotes: tuple[Remote, ...], downloads: Path) -> None:
    """Refuse early what cannot fit, as far as sizes are published."""
    here = sum(file.stat().st_size for file in downloads.iterdir() if file.is_file())
    published = sum(remote.n_bytes or 0 for remote in remotes)
    downloading.check_disk(downloads, max(0, published - here), "the download")


@contextmanager
def _doubting(files: list[Path], remotes: tuple[Remote, ...]) -> Iterator[None]:
    """On a CorpusError, delete downloads that no checksum vouches for: they may be to blame."""
    try:
        yield
    except CorpusError:
        for file, remote in zip(files, remotes, strict=True):
            if not (remote.md5 or remote.sha256):
                file.unlink(missing_ok=True)
        raise


def _bytes_in_place(file: Path) -> int:
    if unpacking.is_archive(file.name):
        return unpacking.unpacked_bytes(file)
    return file.stat().st_size


def _place(file: Path, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    if unpacking.is_archive(file.name):
        unpacking.unpack(file, folder)
    else:
        shutil.copyfile(file, folder / file.name)


def _refuse(corpus: str, wrong: list[str]) -> None:
    if wrong:
        more = "; ..." if len(wrong) > 3 else ""
        raise CorpusError(
            f"{corpus}: what was fetched is not what is published ({'; '.join(wrong[:3])}{more}); "
            f"it was not put in place, tell its owner."
        )

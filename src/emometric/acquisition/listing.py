"""Walk a corpus: every recording becomes a labelled clip or a reject with its reason."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from emometric.base.errors import CorpusError
from emometric.sound.audio import SUFFIXES
from emometric.storage.clip import Clip, Reject


class UnknownName(Exception):
    """A recording's name or folder does not follow its owner's grammar; the message says how."""


@dataclass(frozen=True, kw_only=True)
class LabelTable:
    """A file, or several of one kind, that says more of the recordings than their names do.

    says: what of. n_rows: recordings that it labels, None where it is not here; n_published: as
    published, None where nobody says. path, sha256: the file, where its bytes are published.
    """

    name: str
    says: str
    n_rows: int | None
    n_published: int | None
    path: Path | None = None
    sha256: str | None = None


def recordings(root: Path) -> list[PurePosixPath]:
    """Every audio file below `root`, at any depth, relative to it and sorted.

    A file counts by its ending, in upper or lower case; hidden files and folders (such as the
    `._name.wav` that macOS leaves in archives) do not. Nothing is opened. Raises CorpusError where
    `root` is no folder.
    """
    if not root.is_dir():
        raise CorpusError(
            f"{root}: no such folder; link the folder that holds the corpora: "
            f"emometric corpora link ROOT"
        )
    paths = (
        PurePosixPath(path.relative_to(root).as_posix())
        for path in root.rglob("*")
        if path.suffix.lower() in SUFFIXES and path.is_file()
    )
    return sorted(path for path in paths if not any(part.startswith(".") for part in path.parts))


def labelled(root: Path, read_name: Callable[[PurePosixPath], Clip]) -> Iterator[Clip | Reject]:
    """Clips and rejects of a corpus, in the order of their paths.

    read_name: from the path below `root` to the clip, or UnknownName. A recording whose id another
    one already has (a second copy of the tree, or WAV beside FLAC) is a reject: ids stay unique.
    """
    path_of: dict[str, str] = {}
    for path in recordings(root):
        try:
            clip = read_name(path)
        except UnknownName as unknown:
            yield Reject(path=str(path), reason=str(unknown))
            continue
        if clip.id in path_of:
            yield Reject(path=str(path), reason=f"same name as {path_of[clip.id]}")
            continue
        path_of[clip.id] = clip.path
        yield clip

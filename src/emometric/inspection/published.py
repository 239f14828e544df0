"""What owners publish about their recordings one by one: names, and digests where they do."""

import csv
import gzip
import importlib
from dataclasses import dataclass
from importlib import resources
from pathlib import PurePosixPath

from emometric.base import parts


@dataclass(frozen=True)
class Recording:
    """A published file; sha256 and n_bytes are None where they are not published."""

    path: PurePosixPath
    sha256: str | None = None
    n_bytes: int | None = None


@dataclass(frozen=True)
class Published:
    """All recordings of a corpus by clip id, which a copy in another container or folder shares.

    source: where this is from, in words.
    """

    recordings: dict[str, Recording]
    source: str

    def sha256(self, clip_id: str, path: str) -> str | None:
        """The owner's digest of a clip whose file `path` has the owner's container, if known."""
        recording = self.recordings.get(clip_id)
        if recording and recording.path.suffix.lower() == PurePosixPath(path).suffix.lower():
            return recording.sha256
        return None


def of(corpus: str) -> Published | None:
    """What is published of a corpus; None where the single names are not.

    From `corpora_data/checksums/<corpus>.tsv.gz`, where owners publish digests; else from the
    corpus's stand-in, if it states with `NAMES_ARE_PUBLISHED = True` that at full scale it has
    exactly the owner's names. What clip a name is, the corpus's `read_name` says.
    """
    found = _with_digests(corpus) or _of_stand_in(corpus)
    if found is None:
        return None
    recordings, source = found
    read_name = parts.load("corpora", corpus).read_name
    return Published({read_name(one.path).id: one for one in recordings}, source)


def _with_digests(corpus: str) -> tuple[list[Recording], str] | None:
    path = resources.files("emometric").joinpath("corpora_data", "checksums", f"{corpus}.tsv.gz")
    if not path.is_file():
        return None
    lines = gzip.decompress(path.read_bytes()).decode().splitlines()
    source = lines[0].removeprefix("# ")
    recordings = [
        Recording(
            PurePosixPath(row["path"]),
            row["sha256"],
            int(row["n_bytes"]) if row["n_bytes"] else None,
        )
        for row in csv.DictReader(lines[1:], delimiter="\t", quoting=csv.QUOTE_NONE)
    ]
    return recordings, source


def _of_stand_in(corpus: str) -> tuple[list[Recording], str] | None:
    name = f"emometric.stand_ins.{corpus}"
    try:
        stand_in = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        return None
    if not getattr(stand_in, "NAMES_ARE_PUBLISHED", False):
        return None
    recordings = [Recording(PurePosixPath(said.path)) for said in stand_in.utterances(None)]
    return recordings, f"the owner's names, in stand_ins/{corpus}.py"

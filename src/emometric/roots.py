"""Where each corpus lies: recorded once by `emometric corpora link`, found again by acquisition.

One small file a corpus, `<data>/<origin>/roots/<corpus>.json`, says whether it is there and what it
holds, without any path of this machine; it goes into git, and acquisition depends on it. The folder
of the corpora itself stands in `<data>/original/root.txt`, which git ignores.
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import joblib

from emometric import atomic, console
from emometric.errors import CorpusError
from emometric.listing import recordings

_BLOCK = 1 << 20
_CURE = "run: emometric corpora link ROOT"


def link(root: Path, corpora: Sequence[str], data: Path) -> list[dict]:
    """Record what of `corpora` lies below `root`, as `<root>/<corpus>/<the owner's tree>`.

    Writes the roots of both origins, and `root.txt`; returns the records of the original one:
    corpus, state ("present" or "missing"), n_files, n_bytes, and digest: blake2b over paths and
    contents of the recordings, None where missing. A folder without a recording is missing.

    Raises CorpusError, and writes nothing, where `root` is no folder or holds none of the corpora.
    """
    if not root.is_dir():
        raise CorpusError(f"{root}: no such folder; name the folder that holds the corpora.")
    records = [_survey(root / corpus, corpus) for corpus in corpora]
    if all(record["state"] == "missing" for record in records):
        wanted = ", ".join(f"{corpus}/" for corpus in corpora)
        raise CorpusError(
            f"{root}: holds none of {wanted} with recordings in it; "
            f"name the folder that holds these folders."
        )
    for record in records:
        corpus = record["corpus"]
        _write(record_path("original", corpus, data), record)
        _write(record_path("synthetic", corpus, data), {"corpus": corpus, "state": "stand-in"})
    with atomic.new_file(_root_path(data)) as aside:
        aside.write_text(f"{root.resolve()}\n", encoding="utf-8")
    return records


def find(origin: str, corpus: str, data: Path) -> Path | None:
    """The folder to read a corpus from; None where there is nothing to read.

    That is so for a stand-in, which is spoken anew, and for a corpus recorded as missing.
    Raises CorpusError where it was never linked, or where the recordings are gone or are not as
    many, or not of the size, that were linked.
    """
    record = read(origin, corpus, data)
    if record is None:
        raise CorpusError(f"the corpus {corpus} is not linked ({origin}); {_CURE}")
    if record["state"] != "present":
        return None
    try:
        root = Path(_root_path(data).read_text(encoding="utf-8").rstrip("\n"))
    except FileNotFoundError:
        raise CorpusError(f"the corpus {corpus} is not linked on this machine; {_CURE}") from None
    folder = root / corpus
    if not folder.is_dir():
        raise CorpusError(f"{folder}: the linked corpus has vanished; bring it back, or {_CURE}")
    paths = recordings(folder)
    n_bytes = sum((folder / path).stat().st_size for path in paths)
    if (len(paths), n_bytes) != (record["n_files"], record["n_bytes"]):
        raise CorpusError(
            f"{folder}: holds {len(paths)} recordings of {n_bytes} bytes where "
            f"{record['n_files']} of {record['n_bytes']} were linked; restore them, or {_CURE}"
        )
    return folder


def read(origin: str, corpus: str, data: Path) -> dict | None:
    """The record of a corpus, or None where there is none."""
    path = record_path(origin, corpus, data)
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError:
        raise CorpusError(f"{path} is damaged; {_CURE}") from None


def record_path(origin: str, corpus: str, data: Path) -> Path:
    """`<data>/<origin>/roots/<corpus>.json`."""
    return data / origin / "roots" / f"{corpus}.json"


def _root_path(data: Path) -> Path:
    return data / "original" / "root.txt"


def _survey(folder: Path, corpus: str) -> dict:
    paths = recordings(folder) if folder.is_dir() else []
    record = {"corpus": corpus, "state": "missing", "n_files": 0, "n_bytes": 0, "digest": None}
    if not paths:
        return record
    # Threads: reading waits for the disk, and hashing lets others work.
    hashed = joblib.Parallel(n_jobs=-1, prefer="threads", return_as="generator")(
        joblib.delayed(_hash)(folder, path) for path in paths
    )
    digest, n_bytes = hashlib.blake2b(digest_size=16), 0
    for path, (content, size) in zip(
        paths, console.progress(hashed, total=len(paths), what=corpus, unit="files"), strict=True
    ):
        digest.update(f"{path}\0{content}\n".encode())
        n_bytes += size
    return record | {
        "state": "present",
        "n_files": len(paths),
        "n_bytes": n_bytes,
        "digest": digest.hexdigest(),
    }


def _hash(folder: Path, path: PurePosixPath) -> tuple[str, int]:
    digest, size = hashlib.blake2b(digest_size=16), 0
    try:
        with (folder / path).open("rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
                size += len(block)
    except OSError as error:
        raise CorpusError(
            f"{folder / path}: cannot be read ({error.strerror}); mend that and link again."
        ) from None
    return digest.hexdigest(), size


def _write(path: Path, record: dict) -> None:
    with atomic.new_file(path) as aside:
        aside.write_text(
            json.dumps(record, indent=2, sort_keys=True) + "\n", encoding="utf-8", newline="\n"
        )

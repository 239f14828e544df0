"""Where each corpus lies: recorded once by `emometric corpora link`, found again by acquisition.

One small file a corpus, `<data>/<origin>/roots/<corpus>.json`, says whether it is there and what it
holds, without any path of this machine; it goes into git, and acquisition depends on it. The folder
of the corpora itself stands in `<data>/original/root.txt`, and what every recording held when it
was linked in `<data>/original/files/<corpus>.tsv`; git ignores both.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import joblib

from emometric.acquisition.listing import recordings
from emometric.base import atomic, console, parts
from emometric.base.errors import CorpusError

_BLOCK = 1 << 20
_CURE = "run: emometric corpora link ROOT"


def link(root: Path, corpora: Mapping[str, Any], data: Path) -> list[dict]:
    """Record what of `corpora` lies below `root`, as `<root>/<corpus>/<the owner's tree>`.

    corpora: the `Params` of each; a corpus whose params name another place lies there. Writes the
    roots of both origins, and `root.txt`; returns the records of the original one: corpus, state
    ("present" or "missing"), n_files (recordings), n_label_files (that the corpus's reader takes
    labels from, if any), n_bytes of them all, and digest: blake2b over their paths and contents,
    None where missing. A folder without a recording is missing.

    Raises CorpusError, and writes nothing, where `root` is no folder or holds none of the corpora.
    """
    if not root.is_dir():
        raise CorpusError(f"{root}: no such folder; name the folder that holds the corpora.")
    surveys = [
        _survey(folder(root, corpus, params), corpus, params) for corpus, params in corpora.items()
    ]
    records = [record for record, _ in surveys]
    if all(record["state"] == "missing" for record in records):
        wanted = ", ".join(f"{corpus}/" for corpus in corpora)
        raise CorpusError(
            f"{root}: holds none of {wanted} with recordings in it; "
            f"name the folder that holds these folders."
        )
    for record, found in surveys:
        corpus = record["corpus"]
        _write_digests(_digests_path(corpus, data), found)
        _write(record_path("original", corpus, data), record)
        _write(record_path("synthetic", corpus, data), {"corpus": corpus, "state": "stand-in"})
    with atomic.new_file(_root_path(data)) as aside:
        aside.write_text(f"{root.resolve()}\n", encoding="utf-8")
    return records


def find(origin: str, corpus: str, params: Any, data: Path) -> Path | None:
    """The folder to read a corpus from; None where there is nothing to read.

    params: the `Params` of the corpus, as when it was linked.

    That is so for a stand-in, which is spoken anew, and for a corpus recorded as missing.
    Raises CorpusError where it was never linked, or where the recordings are gone or are not as
    many, or not of the size, that were linked.
    """
    record = read(origin, corpus, data)
    if record is None:
        raise CorpusError(f"the corpus {corpus} is not linked ({origin}); {_CURE}")
    if record["state"] != "present":
        return None
    linked = root(data)
    if linked is None:
        raise CorpusError(f"the corpus {corpus} is not linked on this machine; {_CURE}")
    place = folder(linked, corpus, params)
    if not place.is_dir():
        raise CorpusError(f"{place}: the linked corpus has vanished; bring it back, or {_CURE}")
    paths, labels = files(place, corpus, params)
    n_bytes = sum((place / path).stat().st_size for path in (*paths, *labels))
    then = record["n_files"], record.get("n_label_files", 0), record["n_bytes"]
    if (len(paths), len(labels), n_bytes) != then:
        raise CorpusError(
            f"{place}: holds {len(paths)} recordings and {len(labels)} label files, {n_bytes} "
            f"bytes, where {then[0]} and {then[1]}, {then[2]} bytes, were linked; restore them, "
            f"or {_CURE}"
        )
    return place


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


def root(data: Path) -> Path | None:
    """The folder of the corpora as it was linked on this machine; None where it was not."""
    try:
        return Path(_root_path(data).read_text(encoding="utf-8").rstrip("\n"))
    except FileNotFoundError:
        return None


def digests(corpus: str, data: Path) -> dict[str, str]:
    """Path -> blake2b of every recording as linked; empty where that is not known here.

    That is so where it was not linked on this machine, or where its record is of another link.
    """
    record = read("original", corpus, data)
    try:
        lines = _digests_path(corpus, data).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return {}
    linked = {path: digest for digest, _, path in (line.partition("\t") for line in lines)}
    if record is None or record["digest"] != _whole(linked):
        return {}
    return linked


def digest(path: Path) -> tuple[str, int]:
    """blake2b (32 hex digits) of a file, and its bytes."""
    hashed, size = hashlib.blake2b(digest_size=16), 0
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                hashed.update(block)
                size += len(block)
    except OSError as error:
        raise CorpusError(
            f"{path}: cannot be read ({error.strerror}); mend that and try again."
        ) from None
    return hashed.hexdigest(), size


def without_places(params: Any) -> Any:
    """`params` without its paths: a stand-in's tree holds its own labels, and no others fit it."""
    paths = {name: None for name in ("affect", "table") if hasattr(params, name)}
    return replace(params, **paths)


def folder(root: Path, corpus: str, params: Any) -> Path:
    """Where a corpus lies: below `root`, unless its params name a place (a table of one's own)."""
    part = parts.load("corpora", corpus)
    named = part.place(params) if hasattr(part, "place") else None
    return named or root / corpus


def files(folder: Path, corpus: str, params: Any) -> tuple[list[PurePosixPath], list[Path]]:
    """A corpus's recordings, below `folder`, and the files that its reader takes labels from.

    A corpus says so itself where labels do not stand in names alone (`label_files`), or where not
    every recording below the folder is its own (`audio_files`). No folder: nothing.
    """
    part = parts.load("corpora", corpus)
    if not folder.is_dir():
        return [], []
    labels = part.label_files(folder, params) if hasattr(part, "label_files") else []
    if hasattr(part, "audio_files"):
        return part.audio_files(folder, params), labels
    return recordings(folder), labels


def _root_path(data: Path) -> Path:
    return data / "original" / "root.txt"


def _digests_path(corpus: str, data: Path) -> Path:
    return data / "original" / "files" / f"{corpus}.tsv"


def _survey(folder: Path, corpus: str, params: Any) -> tuple[dict, dict[str, str]]:
    """The record, and the digest of every recording and label file by its path."""
    paths, labels = files(folder, corpus, params)
    record = {
        "corpus": corpus,
        "state": "missing",
        "n_files": 0,
        "n_label_files": 0,
        "n_bytes": 0,
        "digest": None,
    }
    every = [*paths, *labels]
    if not paths:
        return record, {}
    # Threads: reading waits for the disk, and hashing lets others work.
    hashed = joblib.Parallel(n_jobs=-1, prefer="threads", return_as="generator")(
        joblib.delayed(digest)(folder / path) for path in every
    )
    found, n_bytes = {}, 0
    for path, (content, size) in zip(
        every, console.progress(hashed, total=len(every), what=corpus, unit="files"), strict=True
    ):
        found[recorded(path, folder)] = content
        n_bytes += size
    return record | {
        "state": "present",
        "n_files": len(paths),
        "n_label_files": len(labels),
        "n_bytes": n_bytes,
        "digest": _whole(found),
    }, found


def recorded(path: PurePosixPath | Path, folder: Path) -> str:
    """The path below the folder; of a label file that lies elsewhere the name alone."""
    if isinstance(path, Path):
        return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else path.name
    return str(path)


def _whole(found: dict[str, str]) -> str:
    """One digest over the paths and contents of all recordings, in their order."""
    hashed = hashlib.blake2b(digest_size=16)
    for path, content in found.items():
        hashed.update(f"{path}\0{content}\n".encode())
    return hashed.hexdigest()


def _write_digests(path: Path, found: dict[str, str]) -> None:
    with atomic.new_file(path) as aside:
        lines = (f"{content}\t{name}\n" for name, content in found.items())
        aside.write_text("".join(lines), encoding="utf-8", newline="\n")


def _write(path: Path, record: dict) -> None:
    with atomic.new_file(path) as aside:
        aside.write_text(
            json.dumps(record, indent=2, sort_keys=True) + "\n", encoding="utf-8", newline="\n"
        )

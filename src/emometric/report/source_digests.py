"""What a page was made from, named so that anybody finds the commit that holds it.

A page that is committed cannot hold the hash of its own commit. It holds what DVC calls each
results folder instead: the sum that dvc.lock records for it. The commit whose dvc.lock has that
sum has the code, the settings and the data that made the folder.
"""

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from emometric.base import parts
from emometric.base.errors import StoreError


@dataclass(frozen=True, kw_only=True)
class Source:
    """A folder of results: its path as dvc.lock names it, DVC's sum of it, and what it says of
    itself (run.json or study.json)."""

    path: str
    md5: str
    about: dict[str, Any] = field(default_factory=dict)

    @property
    def machine(self) -> str:
        """Where it was trained, with which versions; empty where it does not say."""
        versions = self.about.get("versions", {})
        named = ", ".join(f"{name} {version}" for name, version in versions.items())
        return " with ".join(filter(None, (self.about.get("device", ""), named)))


def read(folder: str | Path) -> Source:
    """The source of a results folder; StoreError where it is not there or says nothing."""
    folder = Path(folder)
    md5 = folder_md5(folder)
    for name in ("run.json", "study.json"):
        if (folder / name).is_file():
            about = json.loads((folder / name).read_text(encoding="utf-8"))
            return Source(path=folder.as_posix(), md5=md5, about=about)
    raise StoreError(f"no study.json in {folder}; run `dvc repro` to make it.")


def folder_md5(folder: str | Path) -> str:
    """The sum that DVC gives a folder: the md5 of the list of its files with theirs, and `.dir`.

    StoreError where there is no such folder.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise StoreError(f"no folder {folder}; run `dvc repro` to make it.")
    files = sorted(
        (path.relative_to(folder).as_posix(), path) for path in folder.rglob("*") if path.is_file()
    )
    entries = [
        {"md5": hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest(), "relpath": name}
        for name, path in files
    ]
    text = json.dumps(entries, sort_keys=True).encode()
    return hashlib.md5(text, usedforsecurity=False).hexdigest() + ".dir"


def corpora(sources: list[Source]) -> tuple[dict[str, Any], ...]:
    """Every corpus that a study names, once, by id: counts, licence, citation (n_clips 0: absent).

    One that was made of several, as `speakers` is, is named by its members; of a member that no
    study names by itself the clips that took part there are counted.

    The keys are those of `results.corpus_facts`, but for the seconds, which a study does not know.
    """
    counts: dict[str, dict[str, Any]] = {}
    told = [
        source.about[end]
        for source in sources
        for end in ("source", "target")
        if end in source.about
    ]
    for one in told:
        counts |= {member["corpus"]: member for member in one.get("members", ())}
    # Last, so that a corpus's own counts stand. Without members and clips it is no corpus.
    named = parts.available("corpora")
    counts |= {one["corpus"]: one for one in told if one["corpus"] in named}
    return tuple(_facts(name, parts.load("corpora", name), counts[name]) for name in sorted(counts))


def _facts(name: str, part: ModuleType, counts: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": name,
        "name": part.NAME,
        "licence": part.LICENCE,
        "licence_url": part.LICENCE_URL,
        "citation": part.CITATION,
        "language": part.LANGUAGE,
        "n_clips": counts["n_clips"],
        "n_speakers": counts["n_speakers"],
        "seconds": None,
    }

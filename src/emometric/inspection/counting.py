"""Hold counts against what is published: clips, speakers, emotions, parts, rows of label files."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Set
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

from emometric.acquisition.listing import LabelTable
from emometric.base.errors import CorpusError
from emometric.storage.clip import Clip


@dataclass
class Counted:
    """What came of counting, in words; wrong: (what is counted, what is wrong with it); altered:
    (label file, what is wrong with its bytes).
    """

    checked: list[str] = field(default_factory=list)
    not_checked: list[str] = field(default_factory=list)
    wrong: list[tuple[str, str]] = field(default_factory=list)
    altered: list[tuple[str, str]] = field(default_factory=list)
    is_partial: bool = False


def clips(part: ModuleType, found: list[Clip], known: Set[str]) -> Counted:
    """Clips, speakers and clips of each emotion against a corpus's constants.

    known: paths of known faults; either count, with or without them, is right. A corpus that is
    published in parts of its own (`SPLITS`) is counted by part, since few have all of them.
    """
    if hasattr(part, "SPLITS"):
        return _by_split(part, found)
    with_faults = _count(found)
    without = _count([clip for clip in found if clip.path not in known])
    expected = {"clips": part.N_CLIPS, "speakers": part.N_SPEAKERS}
    expected |= {f"clips of {emotion}": n for emotion, n in (part.CLIPS_BY_EMOTION or {}).items()}
    counted = Counted()
    counted.checked = [f"counts of clips, speakers and emotions, as published ({part.URL})"]
    counted.wrong = [
        (what, f"{with_faults.get(what, 0)} are here, {n} are published")
        for what, n in expected.items()
        if n is not None and n not in (with_faults.get(what, 0), without.get(what, 0))
    ]
    return counted


def labels(part: ModuleType, folder: Path) -> Counted:
    """Whether the files that say more than names are here, with the rows and bytes published."""
    counted = Counted()
    if not hasattr(part, "label_tables"):
        return counted
    try:
        tables = part.label_tables(folder, part.Params())
    except CorpusError as error:
        counted.wrong.append(("label files", str(error)))
        return counted
    for table in tables:
        what = f"{table.name} ({table.says})"
        if table.n_rows is None:
            counted.not_checked.append(f"labels of {what}: it is not here")
        elif table.n_published is None:
            counted.not_checked.append(
                f"rows of {what}: {table.n_rows} are here, how many are published is not known"
            )
        elif table.n_rows == table.n_published:
            counted.checked.append(f"rows of {what}: {table.n_rows}, as published")
            counted.altered += _altered(table)
        else:
            counted.wrong.append(
                (
                    f"rows of {table.name}",
                    f"{table.n_rows} are here, {table.n_published} are published",
                )
            )
    return counted


def _altered(table: LabelTable) -> list[tuple[str, str]]:
    if table.sha256 is None or table.path is None:
        return []
    with table.path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    if sha256 == table.sha256:
        return []
    return [(table.name, f"its sha256 is {sha256}, published is {table.sha256}")]


def _count(found: list[Clip]) -> dict[str, int]:
    counted = Counter(f"clips of {clip.emotion}" for clip in found if clip.emotion is not None)
    return {"clips": len(found), "speakers": len({clip.speaker for clip in found}), **counted}


def _by_split(part: ModuleType, found: list[Clip]) -> Counted:
    """Each published part by itself: whole, or a piece of it, or more than there is."""
    groups: dict[str | None, list[Clip]] = defaultdict(list)
    for clip in found:
        groups[_split_of(clip.path, part.SPLITS)].append(clip)
    counted = Counted(is_partial=set(groups) != set(part.SPLITS))
    for name, (n_speakers, n_clips) in part.SPLITS.items():
        group = groups.pop(name, [])
        here = _count(group)
        sizes = (here["speakers"], here["clips"])
        said = f"{sizes[1]} of {n_clips} clips, {sizes[0]} of {n_speakers} speakers"
        if sizes == (n_speakers, n_clips):
            counted.checked.append(f"counts of {name}: {said}, as published ({part.URL})")
        elif sizes[0] > n_speakers or sizes[1] > n_clips:
            counted.wrong.append((name, f"{said} are here: more than are published"))
        elif group:
            counted.is_partial = True
            counted.not_checked.append(f"counts of {name}: it is here in part, {said}")
        else:
            counted.not_checked.append(f"counts of {name}: nothing of it is here")
    for group in groups.values():
        counted.not_checked.append(
            f"counts of {len(group)} clips that lie in no folder of a published part "
            f"({', '.join(part.SPLITS)})"
        )
    return counted


def _split_of(path: str, names: Set[str]) -> str | None:
    """The published part that a folder of the path names, alone or at its end (x_test-clean)."""
    for folder in path.split("/")[:-1]:
        for name in names:
            if folder == name or folder.endswith((f"_{name}", f"-{name}")):
                return name
    return None

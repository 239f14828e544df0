"""Files of folds that somebody else drew: read them, and find the clips that they name.

JSON is one of two things. Either a list of folds for each role, as published for RAVDESS:

    {"test_folds": [[2, 5], [3, 6]], "valid_folds": [[3], [2]]}

or a list of maps, one a fold: `[{"test": [...], "valid": [...], "train": [...]}, ...]`. CSV has a
row a name: the columns `fold`, then `clip` or `speaker`, and optionally `role` (train, valid or
test; without it: test). A name is a clip's id or a speaker, with its corpus or without, or the
number of a speaker whose code is one. Folds are counted from 0, in the order of a JSON file, or of
the fold column.
"""

import csv
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pandas as pd

from emometric.base.errors import SplitError

SUFFIXES = (".json", ".csv")
ROLES = ("train", "valid", "test")


def read(path: str | Path, *, test: str, valid: str | None) -> list[dict[str, list[str]]]:
    """The names in each role of each fold.

    test, valid: the keys of the lists in a JSON map; not used otherwise. Raises SplitError, in one
    sentence, where the file is missing or is not as above.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise SplitError(
            f"there is no file of folds at {path}; set protocols.foreign.path."
        ) from None
    except (OSError, UnicodeDecodeError):
        raise SplitError(f"{path} cannot be read as text; give a JSON or CSV file.") from None
    folds = _from_csv(path, text) if path.suffix == ".csv" else _from_json(path, text, test, valid)
    if not folds:
        raise SplitError(f"{path} holds no folds; add some.")
    return folds


def resolve(
    folds: list[dict[str, list[str]]], clips: pd.DataFrame, where: str | Path
) -> list[dict[str, set[str]]]:
    """The ids of the clips that each role of each fold names.

    clips: rows with id and speaker. Raises SplitError, `<where>: ...`, for a name that is no clip
    and no speaker among them, or several, and for a clip with two roles in a fold.
    """
    members, whole = _names(clips)
    resolved = []
    for number, fold in enumerate(folds):
        ids: dict[str, set[str]] = {role: set() for role in ROLES}
        for role in ROLES:
            for name in fold.get(role, ()):
                found = whole.get(name) or whole.get(name.lstrip("0") or "0") or set()
                if len(found) != 1:
                    raise SplitError(f"{where}: fold {number} {_wrong(name, role, found)}")
                ids[role] |= members[next(iter(found))]
        for one, other in (("train", "valid"), ("train", "test"), ("valid", "test")):
            both = sorted(ids[one] & ids[other])
            if both:
                raise SplitError(
                    f"{where}: fold {number} has the clip {both[0]} in {one} and in {other}; "
                    "leave it one role."
                )
        if not ids["test"]:
            raise SplitError(f"{where}: fold {number} tests nothing; name clips or speakers.")
        resolved.append(ids)
    return resolved


def _names(clips: pd.DataFrame) -> tuple[dict[str, set[str]], dict[str, set[str]]]:
    """Whole name -> its clips; and every way to write a name -> the whole names it may mean."""
    members: dict[str, set[str]] = defaultdict(set)
    whole: dict[str, set[str]] = defaultdict(set)
    for clip, speaker in zip(clips["id"], clips["speaker"], strict=True):
        for name in (clip, speaker):
            members[name].add(clip)
    for name in members:
        short = name.partition("/")[2]
        whole[name].add(name)
        whole[short].add(name)
    for speaker in set(clips["speaker"]):
        code = speaker.partition("/")[2]
        if code.isdecimal():
            whole[str(int(code))].add(speaker)
    return members, whole


def _wrong(name: str, role: str, found: set[str]) -> str:
    if found:
        return f"has '{name}' in {role}, which may be {' or '.join(sorted(found))}; write it whole."
    return f"has '{name}' in {role}, which is no clip and no speaker here; correct the name."


def _from_json(path: Path, text: str, test: str, valid: str | None) -> list[dict[str, list[str]]]:
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise SplitError(f"{path}, line {error.lineno} is not valid JSON; mend it there.") from None
    if isinstance(value, list):
        if not all(isinstance(fold, dict) and set(fold) <= set(ROLES) for fold in value):
            raise SplitError(f"{path}: a fold must map {', '.join(ROLES)} to lists of names.")
        return [{role: _listed(path, names) for role, names in fold.items()} for fold in value]
    if not isinstance(value, dict):
        raise SplitError(f"{path} holds neither a list of folds nor a map of such lists.")
    lists = {}
    for role, key in (("test", test), ("valid", valid)):
        if key is not None and not isinstance(value.get(key), list):
            raise SplitError(
                f"{path} has no list '{key}'; set protocols.foreign.{role} to one of its keys: "
                f"{', '.join(value)}."
            )
        if key is not None:
            lists[role] = [_listed(path, names) for names in value[key]]
    if len({len(folds) for folds in lists.values()}) > 1:
        raise SplitError(
            f"{path}: '{test}' and '{valid}' differ in length; give each fold an entry in both."
        )
    return [dict(zip(lists, fold, strict=True)) for fold in zip(*lists.values(), strict=True)]


def _listed(path: Path, names: Any) -> list[str]:
    is_name = isinstance(names, list) and all(
        isinstance(name, (str, int)) and not isinstance(name, bool) for name in names
    )
    if not is_name:
        raise SplitError(f"{path}: '{names}' is no list of names or numbers; write one.")
    return [str(name) for name in names]


def _from_csv(path: Path, text: str) -> list[dict[str, list[str]]]:
    rows = csv.DictReader(text.splitlines())
    columns = set(rows.fieldnames or ())
    named = columns & {"clip", "speaker"}
    if "fold" not in columns or len(named) != 1 or columns - {"fold", "role"} - named:
        raise SplitError(
            f"{path} has the columns {', '.join(rows.fieldnames or ())}; "
            "give fold, clip or speaker, and optionally role."
        )
    name = named.pop()
    folds: dict[int, dict[str, list[str]]] = defaultdict(dict)
    for line, row in enumerate(rows, start=2):
        role = row.get("role") or "test"
        if role not in ROLES or not (row["fold"] or "").isdecimal() or not row[name]:
            raise SplitError(
                f"{path}, line {line}: write a fold from 0, a {name} and one of the roles "
                f"{', '.join(ROLES)}."
            )
        folds[int(row["fold"])].setdefault(role, []).append(row[name])
    return [folds[number] for number in sorted(folds)]

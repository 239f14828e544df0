"""A corpus of one's own: a table (see clip_table.py), CSV or Parquet, with one row a recording.

Rows decide what belongs to the corpus: recordings that no row names are left alone.
"""

import difflib
import math
import os
import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from emometric import emotions
from emometric.acquisition import clip_table
from emometric.acquisition.clip_table import NUMBERS, REQUIRED, TEXTS, Row
from emometric.base.errors import CorpusError, ParameterError
from emometric.sound.audio import SUFFIXES
from emometric.storage.clip import Clip, Reject

NAME = "own corpus"
LANGUAGE = "und"  # BCP 47: undetermined
URL = None
LICENCE = "its owner's"
LICENCE_URL = None
CITATION = None
CHANNEL = "mean"

EMOTIONS = {word: word for word in emotions.EMOTIONS}
N_CLIPS = None
N_SPEAKERS = None
CLIPS_BY_EMOTION: dict[str, int] = {}
ACCESS = "It is yours: name your table under corpora.own.table in params.yaml."
REMOTES = ()

TABLES = ("table.csv", "table.parquet")  # what is looked for where no table is named
SPLITS = ("train", "valid", "test")


@dataclass(frozen=True, kw_only=True)
class Params:
    """table: path of the CSV or Parquet; None: `table.csv` or `table.parquet` in `ROOT/own`.

    emotions: from words of the table to words of the vocabulary, or to null for none of them; a
    word that is not mapped stands for itself. exclusions: as for any corpus; none are known here.
    """

    table: str | None = None
    emotions: Mapping[str, str | None] = field(default_factory=dict)
    exclusions: bool = True

    def __post_init__(self):
        if self.table is not None and Path(self.table).suffix not in (".csv", ".parquet"):
            raise ParameterError(
                f"params.yaml: corpora.own.table is '{self.table}'; name a .csv or a .parquet file."
            )
        if not isinstance(self.emotions, Mapping):
            raise ParameterError(
                "params.yaml: corpora.own.emotions must map words of your table to emotions; "
                "write them as 'joy: happiness', one a line."
            )
        for word, emotion in self.emotions.items():
            if emotion is not None and emotion not in emotions.EMOTIONS:
                raise ParameterError(
                    f"params.yaml: corpora.own.emotions maps '{word}' to '{emotion}'; write one of "
                    f"{', '.join(emotions.EMOTIONS)}, or null."
                )


def place(params: Params) -> Path | None:
    """The folder of the table that is named; None: the corpus lies where every other one does.

    Raises CorpusError where the table is not there.
    """
    if params.table is None:
        return None
    _check_there(Path(params.table))
    return Path(params.table).parent


def label_files(root: Path, params: Params) -> list[Path]:
    """The table, where there is one."""
    if params.table is not None:
        return [root / Path(params.table).name]
    return [root / name for name in TABLES if (root / name).is_file()][:1]


def audio_files(root: Path, params: Params) -> list[PurePosixPath]:
    """The recordings that the table names, below `root` and sorted; CorpusError as in `clips`."""
    if params.table is None and not label_files(root, params):
        return []
    return [PurePosixPath(clip.path) for clip in clips(root, params)]


def clips(root: Path, params: Params) -> Iterator[Clip | Reject]:
    """The clip of every row, sorted by path; root: the folder in which the table lies.

    Raises CorpusError where there is no table, its columns are not as above, or a row is wrong: a
    file that is named twice, is missing, lies elsewhere or is no recording; no speaker; a word that
    is no emotion; a value that is no number; another split. One sentence: how many rows are wrong,
    and of the first its number (of a CSV as a spreadsheet counts: the header is row 1), what is
    wrong and the cure.
    """
    path = next(iter(label_files(root, params)), root / TABLES[0])
    _check_there(path)
    yield from sorted(_checked(path, clip_table.rows(path), params), key=lambda clip: clip.path)


def _check_there(path: Path) -> None:
    if not path.is_file():
        raise CorpusError(
            f"{path}: there is no such table; write one with the columns {', '.join(REQUIRED)}, "
            f"and name it in params.yaml: corpora.own.table."
        )


def _checked(path: Path, rows: Iterator[Row], params: Params) -> list[Clip]:
    """All rows as clips; CorpusError with the first wrong one and their number."""
    word = EMOTIONS | dict(params.emotions)
    row_of: dict[str, int] = {}
    clips: list[Clip] = []
    wrong: list[str] = []
    for number, row in rows:
        try:
            clip = _clip(path.parent, row, word)
            if clip.id in row_of:
                raise _Wrong(
                    f"{clip.path} is the clip of row {row_of[clip.id]} again; "
                    f"leave each name, whatever its ending, in one row"
                )
            row_of[clip.id] = number
            clips.append(clip)
        except _Wrong as reason:
            wrong.append(f"row {number}: {reason}")
    if wrong:
        count = f" ({len(wrong)} rows are wrong; this is the first)" if len(wrong) > 1 else ""
        raise CorpusError(f"{path}, {wrong[0]}{count}.")
    if not clips:
        raise CorpusError(f"{path}: has no rows; write one for each recording.")
    return clips


class _Wrong(Exception):
    """What is wrong with a row, and the cure."""


def _clip(folder: Path, row: dict[str, Any], word: Mapping[str, str | None]) -> Clip:
    text = {name: _text(row.get(name)) for name in (*REQUIRED, *TEXTS, "split")}
    file = _file(folder, text["file"])
    if text["speaker"] is None:
        raise _Wrong(f"{file} has no speaker; write who speaks, a name of yours")
    if text["emotion"] is not None and text["emotion"] not in word:
        raise _Wrong(f"{file} has the emotion '{text['emotion']}'; {_cure(text['emotion'], word)}")
    if text["split"] not in (None, *SPLITS):
        raise _Wrong(
            f"{file} has the split '{text['split']}'; write {', '.join(SPLITS)} or nothing"
        )
    return Clip(
        corpus="own",
        id=f"own/{posixpath.splitext(file)[0]}",
        path=file,
        speaker=f"own/{text['speaker']}",
        emotion=word[text["emotion"]] if text["emotion"] is not None else None,
        **{name: text[name] for name in (*TEXTS, "split")},
        **{name: _number(file, name, row.get(name)) for name in NUMBERS},
    )


def _file(folder: Path, file: str | None) -> str:
    """The path as given, tidied (no `./`); it lies below the folder, is there, and is audio."""
    if file is None:
        raise _Wrong("names no file; write its path, relative to the table's folder")
    if file.startswith("/") or ".." in file.split("/"):
        raise _Wrong(
            f"{file} lies outside the table's folder; keep the table at or above the recordings, "
            f"and write paths relative to it"
        )
    if posixpath.splitext(file)[1].lower() not in SUFFIXES:
        raise _Wrong(f"{file} does not end as a recording does; known are {' '.join(SUFFIXES)}")
    if not os.path.isfile(f"{folder}/{file}"):  # pathlib would take half of the time of all
        cure = "write paths with slashes" if "\\" in file else "mend the path or remove the row"
        raise _Wrong(f"{file} is not there; {cure}")
    return posixpath.normpath(file)


def _text(value: Any) -> str | None:
    """Text without blanks at its ends; None where nothing is said. Numbers (speaker 3) are text."""
    if value is None or value != value:  # NaN, as pandas writes what is missing
        return None
    return str(value).strip() or None


def _number(file: str, name: str, value: Any) -> float | None:
    text = _text(value)
    if text is None:
        return None
    try:
        number = float(text)
    except ValueError:
        raise _Wrong(f"{file} has the {name} '{text}'; write a number or nothing") from None
    if math.isinf(number):
        raise _Wrong(f"{file} has the {name} {text}; write a finite number or nothing")
    return None if math.isnan(number) else number


def _cure(wrong: str, word: Mapping[str, str | None]) -> str:
    near = difflib.get_close_matches(wrong.lower(), word, n=1)
    hint = f"did you mean '{near[0]}'? " if near else ""
    return (
        f"{hint}write one of {', '.join(emotions.EMOTIONS)}, or nothing, or map the word under "
        f"corpora.own.emotions in params.yaml"
    )

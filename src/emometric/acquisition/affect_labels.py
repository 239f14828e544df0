"""Activation and valence that das2022's authors rated for Emo-DB, URDU, CaFE and AESDD.

Das, S., Lund, N. L., Lønfeldt, N. N., Pagsberg, A. K. and Clemmensen, L. H. (2022). Continuous
metric learning for transferable speech emotion recognition and embedding across low-resource
languages. arXiv:2203.14867. The authors ask to be cited where their labels are used.

One CSV a corpus, one row a recording: its name, activation (1 calm to 5 excited) and valence (1
negative to 5 positive), means of the raters. The headers differ, each in its own way: `filname`,
blanks after a name, two columns without a name. AESDD's file holds one row without ratings (nan:
the recording that nobody can open), and 454 of today's 604 recordings.
"""

import csv
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from emometric.acquisition.listing import LabelTable, labelled
from emometric.base.errors import CorpusError
from emometric.download.fetch import Remote
from emometric.storage.clip import Clip, Reject

FOLDER = "das2022"  # in or beside a corpus's own folder: looked for where no path is named
FILES = {"aesdd": "AESD.csv", "cafe": "CAFE.csv", "emodb": "EMO_DB.csv", "urdu": "URDU.csv"}
ROWS = {"aesdd": 455, "cafe": 936, "emodb": 535, "urdu": 400}  # as published
SCALE = (1.0, 5.0)
COLUMNS = ("filename", "activation", "valence")
_MISSPELT = {"filname": "filename"}

Ratings = tuple[float, float]  # activation, valence
Found = Iterator[Clip | Reject]


@dataclass(frozen=True, kw_only=True)
class Params:
    """exclusions: leave the known faults out, when the corpus is acquired (exclusions.csv).

    affect: das2022's labels, as a path of their file or folder; None: from a folder `das2022` in or
    beside the corpus's own, where there is one.
    """

    exclusions: bool = True
    affect: str | None = None


class Reader(NamedTuple):
    """What a corpus has whose labels are its names, and das2022's ratings.

    clips(root, params): the recordings below `root`, sorted by path, each with its labels or a
    reject. label_files(root, params): das2022's file, where it is. label_tables(root, params):
    what is published of it.
    """

    clips: Callable[[Path, Params], Found]
    label_files: Callable[[Path, Params], list[Path]]
    label_tables: Callable[[Path, Params], list[LabelTable]]


def reader(corpus: str, read_name: Callable[[PurePosixPath], Clip]) -> Reader:
    """The reader of a corpus with das2022's ratings; read_name: the clip of a path below its root,
    or UnknownName.
    """

    def clips(root: Path, params: Params) -> Found:
        return rated(labelled(root, read_name), corpus, root, params.affect)

    def label_files(root: Path, params: Params) -> list[Path]:
        path = label_file(corpus, root, params.affect)
        return [path] if path else []

    def label_tables(root: Path, params: Params) -> list[LabelTable]:
        return [label_table(corpus, root, params)]

    return Reader(clips, label_files, label_tables)


def rated(
    found: Iterable[Clip | Reject], corpus: str, root: Path, labels: str | Path | None
) -> Iterator[Clip | Reject]:
    """`found`, with activation and valence on every clip that the labels name.

    root: the corpus's own folder; labels: the folder of the label files or the corpus's file
    itself; None: the folder `das2022` in or beside `root`, and no labels where that is absent.
    Clips without a rating stay as they are. Raises CorpusError where a path is named and nothing
    is there, where the file is not one of das2022's, and where it names none of the clips.
    """
    path = label_file(corpus, root, labels)
    if path is None:
        yield from found
        return
    ratings = read(path)
    n_clips = n_named = 0
    for item in found:
        if isinstance(item, Clip):
            name = PurePosixPath(item.path).stem
            n_clips, n_named = n_clips + 1, n_named + (name in ratings)
            if rating := ratings.get(name):
                item = replace(item, activation=rating[0], valence=rating[1])
        yield item
    if n_clips and not n_named:
        raise CorpusError(
            f"{path}: names none of the {n_clips} clips of {corpus} (but {next(iter(ratings))}, "
            f"for one); give the labels of {corpus}, {FILES[corpus]}."
        )


def label_file(corpus: str, root: Path, labels: str | Path | None) -> Path | None:
    """Where the labels of a corpus lie, as `rated` looks for them; None: nowhere."""
    if labels is None:
        paths = (folder / FOLDER / FILES[corpus] for folder in (root, root.parent))
        return next(filter(Path.is_file, paths), None)
    path = Path(labels)
    if path.is_dir():
        path = path / FILES[corpus]
    if not path.is_file():
        raise CorpusError(
            f"{path}: no such file; name das2022's folder data_labels, or its {FILES[corpus]}, "
            f"under corpora.{corpus}.affect in params.yaml, or write null there."
        )
    return path


def label_table(corpus: str, root: Path, params: Params) -> LabelTable:
    """How many recordings das2022's file of a corpus rates, and how many it should."""
    path = label_file(corpus, root, params.affect)
    return LabelTable(
        name=f"{FOLDER}/{FILES[corpus]}",
        says="das2022's activation and valence",
        n_rows=len(read(path)) if path else None,
        n_published=ROWS[corpus],
        path=path,
        sha256=REMOTES[corpus].sha256,
    )


def read(path: Path) -> dict[str, Ratings | None]:
    """Name without ending -> (activation, valence), each 1 to 5; None where the row says nan.

    Raises CorpusError, with the row (the header is row 1), for other columns, a value that is no
    number or off the scale, a name that occurs twice, and a file without a row.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.reader(file))
    except (UnicodeDecodeError, csv.Error):
        raise CorpusError(f"{path}: is no CSV; get das2022's file again.") from None
    header = [_MISSPELT.get(name.strip(), name.strip()) for name in rows[0]] if rows else []
    if any(header.count(name) != 1 for name in COLUMNS):
        raise CorpusError(
            f"{path}: has the columns {', '.join(filter(None, header)) or 'of no name'} where "
            f"das2022's labels have {', '.join(COLUMNS)}; name their file for this corpus."
        )
    places = [header.index(name) for name in COLUMNS]
    ratings: dict[str, Ratings | None] = {}
    for number, row in enumerate(rows[1:], start=2):
        if not any(cell.strip() for cell in row):
            continue
        if len(row) != len(header):
            raise _wrong(path, number, f"{len(row)} cells where the header has {len(header)}")
        name, *values = (row[place].strip() for place in places)
        name = PurePosixPath(name).stem
        if name in ratings:
            raise _wrong(path, number, f"{name} a second time")
        ratings[name] = _rating(path, number, values)
    if not ratings:
        raise CorpusError(f"{path}: holds no row; get das2022's file again.")
    return ratings


def _rating(path: Path, number: int, values: list[str]) -> Ratings | None:
    try:
        activation, valence = map(float, values)
    except ValueError:
        raise _wrong(path, number, f"'{' and '.join(values)}', not two numbers") from None
    if math.isnan(activation) and math.isnan(valence):
        return None
    low, high = SCALE
    if not (low <= activation <= high and low <= valence <= high):
        raise _wrong(
            path, number, f"{' and '.join(values)}, not both on the scale of {low:g} to {high:g}"
        )
    return activation, valence


def _wrong(path: Path, number: int, what: str) -> CorpusError:
    return CorpusError(f"{path}, row {number}: holds {what}; get das2022's file again.")


def _remote(corpus: str, n_bytes: int, sha256: str) -> Remote:
    return Remote(
        url="https://raw.githubusercontent.com/DTUComputeStatisticsAndDataAnalysis/"
        "Continuous-Metric-Learning-For-Transferable-Speech-Emotion-Recognition-and-Embedding/"
        f"54ca6aeba10407a5ce77781038db7ff4494135eb/data_labels/{FILES[corpus]}",
        n_bytes=n_bytes,
        sha256=sha256,
    )


# By commit, so the bytes can never change. They carry no licence: fetch them, don't pass them on.
REMOTES = {
    "aesdd": _remote(
        "aesdd", 7929, "6ad65d342d41e46c40ab4ba5601817137cac4388aae842b82d1fea40c67ba030"
    ),
    "cafe": _remote(
        "cafe", 17086, "fe81d294f6ced0afa8a32e38de18c2ca008929a41e0cb64a89f1bd1c1eb7c37a"
    ),
    "emodb": _remote(
        "emodb", 9119, "4c2251734b3c09458b5b3271dbec1c22bef199c95d3e76327739437c0fcbd91b"
    ),
    "urdu": _remote(
        "urdu", 9385, "5256d77b502bb7e71b57b93d1041d63abac08a7f362a6839561c5fb91c87f78a"
    ),
}

"""Emo-DB: ten German actors speak ten sentences in seven emotions (535 clips).

Names such as `03a01Fa`: speaker 03, sentence a01, emotion F (the German word's letter), take a.

Some twenty listeners judged each of 816 recordings; `erkennung.txt`, which only the owner's own
archive holds, says how many of them recognised the emotion and how many found it natural. Published
are 535 that at least 80 per cent recognised.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath

from emometric.acquisition import affect_labels
from emometric.acquisition.listing import LabelTable, UnknownName
from emometric.base.errors import CorpusError
from emometric.download.fetch import Remote
from emometric.storage.clip import Clip, Reject

NAME = "Emo-DB"
LANGUAGE = "de"
URL = "https://doi.org/10.5281/zenodo.7447302"
LICENCE = "CC0 1.0"
LICENCE_URL = "https://creativecommons.org/publicdomain/zero/1.0/"
CITATION = (
    "Burkhardt, F., Paeschke, A., Rolfes, M., Sendlmeier, W. F. and Weiss, B. (2005). A database "
    "of German emotional speech. Interspeech 2005, 1517-1520. doi:10.21437/Interspeech.2005-446"
)
CHANNEL = "mean"
# The owner publishes neither size nor checksum of it; only this archive has the listeners' rates.
REMOTES = (Remote("http://emodb.bilderbar.info/download/download.zip", folder="download"),)
ACCESS = (
    "Fetch download.zip from http://emodb.bilderbar.info/download/ and unpack it as "
    "emodb/download/, which then holds wav/*.wav and erkennung.txt; "
    "https://doi.org/10.5281/zenodo.7447302 has the same recordings (emodb.zip)."
)

# Wut, Langeweile, Ekel, Angst, Freude, Trauer, neutral.
EMOTIONS = {
    "W": "anger",
    "L": "boredom",
    "E": "disgust",
    "A": "fear",
    "F": "happiness",
    "T": "sadness",
    "N": "neutral",
}
SPEAKERS = ("03", "08", "09", "10", "11", "12", "13", "14", "15", "16")
SENTENCES = ("a01", "a02", "a04", "a05", "a07", "b01", "b02", "b03", "b09", "b10")

N_CLIPS = 535
N_SPEAKERS = 10
CLIPS_BY_EMOTION = {
    "anger": 127,
    "boredom": 81,
    "disgust": 46,
    "fear": 69,
    "happiness": 71,
    "neutral": 79,
    "sadness": 62,
}

LISTENERS = "erkennung.txt"
N_LISTENED = 816  # recordings in it, most of which are published
_LISTENERS_COLUMNS = ("Satz", "erkannt", "natuerlich")

_GRAMMAR = re.compile(r"(\d\d)([ab]\d\d)([A-Z])([a-z])")


Params = affect_labels.Params
Listened = tuple[float, float | None]  # recognition, naturalness


def clips(root: Path, params: Params) -> Iterator[Clip | Reject]:
    """Every recording below `root`, sorted by path; the folders it lies in say nothing.

    With activation and valence where das2022's labels are there, and with the listeners' rates
    where the owner's are; a clip that these do not name has none. Raises CorpusError where the
    rates cannot be read, or name none of the clips.
    """
    found = _affect.clips(root, params)
    path = _listeners_file(root)
    if path is None:
        yield from found
        return
    rates = read_listeners(path)
    n_clips = n_named = 0
    for item in found:
        if isinstance(item, Clip):
            listened = rates.get(PurePosixPath(item.path).stem)
            n_clips, n_named = n_clips + 1, n_named + (listened is not None)
            if listened:
                item = replace(item, recognition=listened[0], naturalness=listened[1])
        yield item
    if n_clips and not n_named:
        raise CorpusError(f"{path}: names none of the {n_clips} clips; get Emo-DB's file again.")


def label_files(root: Path, params: Params) -> list[Path]:
    """What says more than names do: das2022's labels and the listeners' rates, where they are."""
    listeners = _listeners_file(root)
    return [*_affect.label_files(root, params), *([listeners] if listeners else [])]


def label_tables(root: Path, params: Params) -> list[LabelTable]:
    """How many recordings das2022's labels and the listeners' rates name."""
    path = _listeners_file(root)
    listeners = LabelTable(
        name=LISTENERS,
        says="listeners' rates of recognition and naturalness",
        n_rows=len(read_listeners(path)) if path else None,
        n_published=N_LISTENED,
    )
    return [*_affect.label_tables(root, params), listeners]


def read_listeners(path: Path) -> dict[str, Listened]:
    """Name without ending -> the shares of listeners, 0 to 1, who heard the emotion that was meant,
    and who found it natural (None where the file has no such column).

    The owner's file is in Latin-1, with tabs, decimal commas, and no-break spaces behind numbers.
    One that was saved again in UTF-8, or with decimal points, is read as well. Raises CorpusError,
    with the row (the header is row 1), for other columns, a value that is no per cent, a name that
    occurs twice, and no row at all.
    """
    content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    header, *rows = ([cell.strip() for cell in line.split("\t")] for line in text.split("\n"))
    if any(header.count(name) != 1 for name in _LISTENERS_COLUMNS[:2]):
        raise CorpusError(
            f"{path}: lacks the columns {' and '.join(_LISTENERS_COLUMNS[:2])}; get Emo-DB's "
            f"{LISTENERS} again."
        )
    places = [header.index(name) for name in _LISTENERS_COLUMNS if name in header]
    rates: dict[str, Listened] = {}
    for number, row in enumerate(rows, start=2):
        if not any(row):
            continue
        if len(row) != len(header):
            raise _wrong(path, number, f"{len(row)} cells where the header has {len(header)}")
        name, *values = (row[place] for place in places)
        name = PurePosixPath(name).stem
        if name in rates:
            raise _wrong(path, number, f"{name} a second time")
        heard, *natural = (_share(path, number, value) for value in values)
        rates[name] = heard, natural[0] if natural else None
    if not rates:
        raise CorpusError(f"{path}: holds no row; get Emo-DB's {LISTENERS} again.")
    return rates


def _listeners_file(root: Path) -> Path | None:
    """The owner's table of rates, wherever below `root`; the least deep one, if there are more."""
    found = (path for path in root.rglob(LISTENERS) if path.is_file())
    return min(found, key=lambda path: (len(path.parts), path), default=None)


def _share(path: Path, number: int, percent: str) -> float:
    try:
        value = float(percent.replace(",", "."))
    except ValueError:
        raise _wrong(path, number, f"'{percent}', not a number") from None
    if not 0 <= value <= 100:
        raise _wrong(path, number, f"{percent}, not from 0 to 100 per cent")
    return round(value / 100, 6)  # written with two decimals


def _wrong(path: Path, number: int, what: str) -> CorpusError:
    return CorpusError(f"{path}, row {number}: holds {what}; get Emo-DB's {LISTENERS} again.")


def read_name(path: PurePosixPath) -> Clip:
    """The clip of a path below the root; UnknownName where the owner has no such name."""
    match = _GRAMMAR.fullmatch(path.stem)
    if match is None:
        raise UnknownName("not a name of Emo-DB such as 03a01Fa")
    speaker, sentence, letter, _take = match.groups()
    if speaker not in SPEAKERS:
        raise UnknownName(f"Emo-DB has no speaker {speaker}")
    if sentence not in SENTENCES:
        raise UnknownName(f"Emo-DB has no sentence {sentence}")
    if letter not in EMOTIONS:
        raise UnknownName(f"Emo-DB has no emotion {letter}")
    return Clip(
        corpus="emodb",
        id=f"emodb/{path.stem}",
        path=str(path),
        speaker=f"emodb/{speaker}",
        emotion=EMOTIONS[letter],
        sentence=sentence,
    )


_affect = affect_labels.reader("emodb", read_name)

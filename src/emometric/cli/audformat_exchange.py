"""Read a database in audformat as the table of one's own corpus, and write a corpus as a database.

audformat (github.com/audeering/audformat) is the extra `audformat`. A database is a folder with a
header, db.yaml, tables of labels, and the media that the tables name.
"""

import csv
import os
import posixpath
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import soundfile

from emometric import emotions
from emometric.acquisition.clip_table import COLUMNS
from emometric.base import atomic, console, parts
from emometric.base.errors import CorpusError, PipelineError
from emometric.sound import audio
from emometric.storage import store

# Names under which databases keep what has another name here; the first that is there counts.
_SCHEMES = {
    "sentence": ("sentence", "transcription", "text"),
    "intensity": ("intensity",),
    "session": ("session",),
    "activation": ("activation", "arousal"),
    "valence": ("valence",),
    "dominance": ("dominance",),
}
_SPLITS = {"train": "train", "valid": "dev", "test": "test"}  # ours, and audformat's


@dataclass(frozen=True, kw_only=True)
class Imported:
    """How many recordings came over, and emotions that are no words of ours (to be mapped)."""

    n_clips: int
    unknown: tuple[str, ...]


def read(
    folder: Path,
    table: Path,
    *,
    emotion: str = "emotion",
    speaker: str = "speaker",
    tables: tuple[str, ...] = (),
    force: bool = False,
) -> Imported:
    """Write `table`, a CSV for corpora.own, of the recordings whose emotion a database knows.

    folder: the database; table: at or above the folder of the media; it is replaced with `force`
    alone, and a file of a database never. emotion, speaker: names of the schemes or columns;
    tables: where to look for emotions only, where there are several.
    Sentence (or transcription), session, intensity, activation (or arousal), valence and
    dominance come along where they are of whole recordings, and train, dev and test as splits.

    Raises CorpusError, with nothing written, where there is no database, none of `tables`, no
    emotion or speaker in it, several emotions of one file, labels of segments in place of files,
    media outside the table's folder, or where the table must not or cannot be written.
    """
    _check_target(folder, table, force)
    database = _load(folder)
    _check_contents(database, folder, table, tables)
    found = _labels(database, emotion, tables=tables or None)
    if found is None:
        raise CorpusError(
            f"{folder}: has no emotions under the name '{emotion}'; choose among "
            f"{', '.join(sorted(database.schemes)) or 'no schemes'} with --emotion."
        )
    who = _labels(database, speaker)
    if who is None:
        raise CorpusError(
            f"{folder}: has no speakers under the name '{speaker}'; choose among "
            f"{', '.join(sorted(database.schemes))} with --speaker."
        )
    rows = pd.DataFrame({"emotion": found.astype(object), "speaker": who.reindex(found.index)})
    for name, schemes in _SCHEMES.items():
        rows[name] = _first(database, schemes, found.index)
    rows["split"] = _splits(database).reindex(found.index)
    rows = rows.reset_index(drop=True)
    rows["file"] = [_below(folder, file, table) for file in found.index]
    _write_table(rows.sort_values("file")[[*COLUMNS]], table)
    unknown = sorted(set(rows["emotion"].dropna()) - set(emotions.EMOTIONS))
    return Imported(n_clips=len(rows), unknown=tuple(unknown))


def write(
    corpus: str, manifest: pa.Table, clips: store.Ragged | None, folder: Path, *, origin: str
) -> int:
    """Write a corpus as a database, whole or not at all, in a folder that is new or empty.

    manifest: clip.MANIFEST_SCHEMA; clips: the int16 samples, which become WAV files of 16 kHz, or
    None: tables alone, with the owner's paths. Tables: `files` (emotion, speaker and what else is
    known), `voiced` (the voiced intervals as segments), and one of each split. Returns the number
    of clips. The same manifest gives the same bytes.
    """
    if len(manifest) == 0:
        raise CorpusError(
            f"the corpus '{corpus}' has no clips to write; link it and run dvc repro."
        )
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise CorpusError(f"{folder}: is there already and not empty; name a new folder.")
    rows = manifest.to_pandas()
    if clips is not None:
        rows["path"] = [f"{posixpath.splitext(path)[0]}.wav" for path in rows["path"]]
    database = _database(corpus, rows, origin)
    with atomic.new_folder(folder) as aside:
        if clips is not None:
            todo = zip(rows["id"], rows["path"], strict=True)
            for clip, path in console.progress(todo, total=len(rows), what="write", unit="clips"):
                (aside / path).parent.mkdir(parents=True, exist_ok=True)
                soundfile.write(aside / path, clips.read(clip), audio.RATE_HZ, subtype="PCM_16")
        database.save(str(aside), storage_format="csv", update_other_formats=False)
    return len(rows)


def _audformat():
    try:
        import audformat
    except ImportError:
        raise PipelineError(
            "audformat is not installed; run: pip install 'emometric[audformat]'"
        ) from None
    return audformat


# -- Reading --------------------------------------------------------------------------------------


def _load(folder: Path):
    audformat = _audformat()
    if not (folder / "db.yaml").is_file():
        raise CorpusError(f"{folder}: holds no db.yaml; name the folder of an audformat database.")
    try:
        return audformat.Database.load(str(folder), load_data=True)
    except Exception as error:  # whatever its YAML and tables make audformat stumble over
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CorpusError(
            f"{folder}: audformat cannot read this database ({reason}); mend it there."
        ) from None


def _check_target(folder: Path, table: Path, force: bool) -> None:
    """Refuse a table that would replace what it must not, before anything is read."""
    instead = f"name another table, as in {folder / 'table.csv'}"
    place = table.resolve()
    if table.is_dir():
        raise CorpusError(f"{table}: is a folder; {instead}.")
    # Header and tables of any database are files named db.*, beside db.yaml.
    if place.name.lower().startswith("db.") and (place.parent / "db.yaml").is_file():
        raise CorpusError(f"{table}: is a file of the database; {instead}.")
    if table.suffix != ".csv":
        raise CorpusError(f"{table}: does not end in .csv; {instead}.")
    if os.path.lexists(table) and not force:
        raise CorpusError(f"{table} is there already; choose another TABLE, or --force to replace.")


def _check_contents(database, folder: Path, table: Path, tables: tuple[str, ...]) -> None:
    """Refuse tables that the database has not, and to replace media or attachments of it."""
    for name in tables:
        if name not in database.tables:
            raise CorpusError(
                f"{folder}: has no table '{name}'; choose among "
                f"{', '.join(sorted(database.tables)) or 'no tables'} with --table."
            )
    if not table.resolve().is_relative_to(folder.resolve()):
        return
    path = table.resolve().relative_to(folder.resolve())
    attached = [attachment.path for attachment in database.attachments.values()]
    if path.as_posix() in set(database.files) or any(map(path.is_relative_to, attached)):
        raise CorpusError(
            f"{table}: is a file of the database; name another table, as in {folder / 'table.csv'}."
        )


def _write_table(rows: pd.DataFrame, table: Path) -> None:
    try:
        with atomic.new_file(table) as aside:
            rows.to_csv(aside, index=False, lineterminator="\n", quoting=csv.QUOTE_MINIMAL)
    except OSError as error:
        raise CorpusError(
            f"{table}: cannot be written ({error.strerror or error}); name another TABLE."
        ) from None


def _labels(database, scheme: str, tables: tuple[str, ...] | None = None) -> pd.Series | None:
    """Labels by file; None where there are none. CorpusError where they are not of whole files."""
    try:
        found = database.get(scheme, tables=list(tables) if tables else None, map=False)
    except (ValueError, TypeError, KeyError) as error:
        raise CorpusError(
            f"the database's '{scheme}' is not one label a file "
            f"({' '.join(str(error).split())[:120]}); choose a table of it with --table."
        ) from None
    if scheme not in found or found[scheme].isna().all():
        return None
    if found.index.names != ["file"]:
        raise CorpusError(
            f"the database's '{scheme}' labels segments of files; cut them into files of their own "
            f"or choose another table with --table."
        )
    return found[scheme]


def _first(database, schemes: tuple[str, ...], files: pd.Index) -> Any:
    for scheme in schemes:
        try:
            found = _labels(database, scheme)
        except CorpusError:  # of segments, or of several raters: it cannot come along
            continue
        if found is not None:
            return found.reindex(files)
    return None


def _splits(database) -> pd.Series:
    ours = {theirs: name for name, theirs in _SPLITS.items()}
    split: dict[str, str] = {}
    for name in sorted(database.tables):
        table = database[name]
        kind = database.splits[table.split_id].type if table.split_id else None
        if kind in ours:
            split |= dict.fromkeys(table.files, ours[kind])
    return pd.Series(split, dtype=object)


def _below(folder: Path, file: str, table: Path) -> str:
    path = folder.resolve() / file
    if not path.is_relative_to(table.resolve().parent):
        raise CorpusError(
            f"{table}: lies beside or below {path}; write the table at or above the media, as in "
            f"{folder / 'table.csv'}."
        )
    return path.relative_to(table.resolve().parent).as_posix()


# -- Writing --------------------------------------------------------------------------------------


def _database(corpus: str, rows: pd.DataFrame, origin: str):
    audformat = _audformat()
    part = parts.load("corpora", corpus)
    language = part.LANGUAGE.partition("-")[0]
    stand_in = "Stand-in: spoken by a synthesiser, not the recordings." * (origin == "synthetic")
    database = audformat.Database(
        corpus,
        source=part.URL or "",
        usage=audformat.define.Usage.OTHER,
        languages=None if language in ("und", "mul") else [language],
        description=" ".join(filter(None, (f"{part.NAME}.", part.CITATION, stand_in))),
        license=part.LICENCE,
        license_url=part.LICENCE_URL,
    )
    files = audformat.filewise_index(list(rows["path"]))
    rows = rows.set_index(files)
    table = database["files"] = audformat.Table(files, description="what is known of each clip")
    rows["speaker"] = rows["speaker"].str.removeprefix(f"{corpus}/")
    for name in ("emotion", "speaker", "sentence", "intensity", "session"):
        if rows[name].notna().any():
            words = sorted(rows[name].dropna().unique())
            database.schemes[name] = audformat.Scheme(labels=words)
            table[name] = audformat.Column(scheme_id=name)
            table[name].set(rows[name])
    for name in ("activation", "valence", "dominance", "recognition", "naturalness"):
        if rows[name].notna().any():
            database.schemes[name] = audformat.Scheme("float")
            table[name] = audformat.Column(scheme_id=name)
            table[name].set(rows[name])
    database["voiced"] = _voiced(audformat, rows)
    for name, theirs in _SPLITS.items():
        chosen = files[(rows["split"] == name).to_numpy()]
        if len(chosen):
            database.splits[theirs] = audformat.Split(theirs)
            database[f"split.{theirs}"] = audformat.Table(chosen, split_id=theirs)
    return database


def _voiced(audformat, rows: pd.DataFrame):
    """The voiced intervals, in the clip as it was acquired, as segments."""
    spans = [(path, *span) for path, clip in rows["voiced"].items() for span in clip]
    files, starts, ends = zip(*spans, strict=True) if spans else ((), (), ())
    return audformat.Table(
        audformat.segmented_index(
            list(files),
            [pd.Timedelta(start / audio.RATE_HZ, unit="s") for start in starts],
            [pd.Timedelta(end / audio.RATE_HZ, unit="s") for end in ends],
        ),
        description="where somebody speaks",
    )

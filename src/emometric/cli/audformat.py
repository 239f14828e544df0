"""`emometric corpora import-audformat` and `export-audformat`: to and from audformat databases."""

from pathlib import Path
from typing import Annotated

import typer

from emometric.cli import audformat_exchange
from emometric.storage import store


def import_audformat(
    folder: Annotated[Path, typer.Argument(help="Folder of the database: the one with db.yaml.")],
    table: Annotated[
        Path | None, typer.Argument(help="CSV to write; FOLDER/table.csv if not given.")
    ] = None,
    emotion: Annotated[str, typer.Option(help="Scheme or column of the emotion.")] = "emotion",
    speaker: Annotated[str, typer.Option(help="Scheme or column of the speaker.")] = "speaker",
    tables: Annotated[
        list[str] | None, typer.Option("--table", help="Take emotions from this table alone.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a TABLE that is there.")] = False,
) -> None:
    """Write an audformat database as a table for a corpus of one's own."""
    table = table or folder / "table.csv"
    done = audformat_exchange.read(
        folder, table, emotion=emotion, speaker=speaker, tables=tuple(tables or ()), force=force
    )
    print(f"{table}: {done.n_clips} recordings; name it in params.yaml under corpora.own.table")
    if done.unknown:
        print(f"map under corpora.own.emotions, to an emotion or null: {', '.join(done.unknown)}")


def export_audformat(
    corpus: Annotated[str, typer.Argument(help="A corpus that dvc repro has acquired.")],
    folder: Annotated[Path, typer.Argument(help="Folder of the database to write.")],
    origin: Annotated[str, typer.Option(help="synthetic or original")] = "synthetic",
    audio: Annotated[
        bool, typer.Option(help="Write the clips as WAV of 16 kHz, or tables alone.")
    ] = True,
) -> None:
    """Write a corpus of the pipeline as an audformat database."""
    data = Path("data", origin)
    manifest = store.read_table(data / "manifests" / f"{corpus}.parquet")
    clips = store.Ragged(data / "corpora" / corpus / "audio") if audio else None
    n_clips = audformat_exchange.write(corpus, manifest, clips, folder, origin=origin)
    print(f"{folder}: {n_clips} clips of {corpus}")

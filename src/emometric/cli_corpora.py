"""`emometric corpora`: which corpora there are, and where they lie."""

import json
from pathlib import Path
from typing import Annotated

import typer

from emometric import parts, roots, settings
from emometric.errors import CorpusError

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Corpora: what there is, and where it lies.",
)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_DATA = Path("data")


@app.command()
def link(
    root: Annotated[
        Path | None,
        typer.Argument(
            envvar="EMOMETRIC_CORPORA",
            help="Folder that holds one folder a corpus: emodb/, ravdess/, ...",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Record where the real corpora lie and what is there; dvc repro reads them from then on."""
    if root is None:
        raise CorpusError(
            "no folder of corpora given; name it, or set EMOMETRIC_CORPORA: "
            "emometric corpora link ROOT"
        )
    records = roots.link(root, settings.read("original")["corpora"], _DATA)
    if as_json:
        print(json.dumps(records))
        return
    for record in records:
        print(f"{record['corpus']:<12} {record['state']:<8} {record['n_files']:>6} recordings")


@app.command("list")
def list_corpora(as_json: AsJson = False) -> None:
    """Print every corpus that there is a reader for, with its state on this machine."""
    rows = [_describe(corpus) for corpus in parts.available("corpora")]
    if as_json:
        print(json.dumps(rows))
        return
    columns = ("corpus", "name", "language", "speakers", "clips", "emotions", "licence", "state")
    table = [columns] + [
        tuple(str(len(row[column]) if column == "emotions" else row[column]) for column in columns)
        for row in rows
    ]
    widths = [max(map(len, cells)) for cells in zip(*table, strict=True)]
    for cells in table:
        line = "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
        print(line.rstrip())


def _describe(corpus: str) -> dict:
    """What the owner publishes, and `state`: present, missing, or unlinked."""
    part = parts.load("corpora", corpus)
    record = roots.read("original", corpus, _DATA)
    return {
        "corpus": corpus,
        "name": part.NAME,
        "language": part.LANGUAGE,
        "speakers": part.N_SPEAKERS,
        "clips": part.N_CLIPS,
        "emotions": part.CLIPS_BY_EMOTION,
        "licence": part.LICENCE,
        "licence_url": part.LICENCE_URL,
        "citation": part.CITATION,
        "url": part.URL,
        "state": "unlinked" if record is None else record["state"],
    }

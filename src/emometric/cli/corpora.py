"""`emometric corpora`: which corpora there are, where they lie, and bringing them there."""

import json
from dataclasses import asdict
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any

import typer

from emometric.acquisition import roots
from emometric.base import atomic, parts, settings
from emometric.base.errors import CorpusError

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Corpora: what there is, where it lies, and how to get it.",
)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Root = Annotated[
    Path | None,
    typer.Option(
        envvar="EMOMETRIC_CORPORA",
        help="Folder that holds one folder a corpus; by default the one that was linked.",
    ),
]
_DATA = Path("data")
_MOST_LISTED = 20  # rows of a table that are printed


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
    corpora = {
        corpus: parts.make_params("corpora", corpus, block)
        for corpus, block in settings.read("original")["corpora"].items()
    }
    records = roots.link(root, corpora, _DATA)
    if as_json:
        print(json.dumps(records))
        return
    for record in records:
        print(f"{record['corpus']:<12} {record['state']:<8} {record['n_files']:>6} recordings")


@app.command()
def get(
    corpora: Annotated[list[str], typer.Argument(help="Which: emodb, ravdess, ...")],
    root: Root = None,
    accept_licence: Annotated[
        bool, typer.Option("--accept-licence", help="Accept the licences (for scripts).")
    ] = False,
) -> None:
    """Fetch corpora from their owners, or say how to get those that ask for a signature."""
    from emometric.cli import fetching  # decodes sound, as below: not needed to start

    place = _root_of(root)
    by_hand = []
    is_right = True
    for corpus in corpora:
        part = _part(corpus)
        if part.REMOTES:
            is_right &= fetching.fetch(corpus, part, place, accept_licence)
        else:
            by_hand.append(corpus)
            print(f"{part.NAME} cannot be fetched by a program. {part.ACCESS}")
            print(f"The folder {corpus}/ is {place / corpus}")
    if by_hand:
        raise CorpusError(
            f"{', '.join(by_hand)}: must be fetched by hand; follow what is said above, then run: "
            f"emometric corpora link {place}"
        )
    print(f"next: emometric corpora link {place}")
    if not is_right:
        raise typer.Exit(1)


@app.command()
def check(
    corpora: Annotated[
        list[str] | None, typer.Argument(help="Which; by default all that are there.")
    ] = None,
    root: Root = None,
    as_json: AsJson = False,
) -> None:
    """Hold corpora against what their owners publish; names what is missing, extra or altered."""
    from emometric.cli import fetching
    from emometric.inspection import checking

    place = _root_of(root)
    chosen = corpora or [
        corpus
        for corpus in _with_recordings()
        if (place / corpus).is_dir() and _part(corpus).N_CLIPS is not None
    ]
    if not chosen:
        raise CorpusError(f"{place}: holds no corpus; fetch one: emometric corpora get emodb")
    is_same = roots.root(_DATA) == place.resolve()
    reports = []
    for corpus in chosen:
        _part(corpus)
        linked = roots.digests(corpus, _DATA) if is_same else {}
        reports.append(checking.check(corpus, place / corpus, linked=linked))
        if not as_json:
            fetching.print_report(reports[-1])
    if as_json:
        print(json.dumps([asdict(report) for report in reports]))
    if any(report.problems for report in reports):
        raise typer.Exit(1)


@app.command()
def describe(
    corpus: Annotated[str, typer.Argument(help="Which: emodb, ravdess, ...")],
    origin: Annotated[str, typer.Option(help="original or synthetic")] = "original",
    root: Root = None,
    folder: Annotated[
        Path | None,
        typer.Option(help="For tables and figure; default: data/<origin>/described/<corpus>."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Print tables of a corpus (emotions, speakers, durations, levels, files); draw its figure."""
    from emometric.cli import corpus_figure
    from emometric.inspection import describing

    part = _part(corpus)
    settings.read(origin)  # refuses an unknown origin
    n_left_out = 0
    if origin == "original" and corpus in _with_recordings():
        params = _params(corpus)
        place = roots.folder(_root_of(root), corpus, params)
        table, n_left_out = describing.of_recordings(corpus, place, params)
    else:
        table = describing.of_manifest(corpus, _DATA, origin)
    tables = describing.tables(table)
    target = folder or _DATA / origin / "described" / corpus
    png = corpus_figure.png(
        table,
        tables["counts"],
        describing.is_heard(table),
        name=part.NAME,
        language=part.LANGUAGE,
        origin=origin,
    )
    contents = {"clips.csv": table.to_csv(index=False, lineterminator="\n")}
    contents |= {f"{name}.csv": one.to_csv(lineterminator="\n") for name, one in tables.items()}
    for name, text in contents.items():
        _write(target / name, text.encode())
    _write(target / "figure.png", png)
    if as_json:
        found = {
            name: json.loads(one.reset_index(drop=one.index.name is None).to_json(orient="records"))
            for name, one in tables.items()
        }
        print(json.dumps({"corpus": corpus, "origin": origin, "left_out": n_left_out} | found))
        return
    for name, one in tables.items():
        print(f"{name.replace('_', ' ')}:")
        print(one.head(_MOST_LISTED).to_string(float_format=lambda number: f"{number:.1f}"))
        print(f"... and {len(one) - _MOST_LISTED} more\n" if len(one) > _MOST_LISTED else "")
    print(f"{len(table)} clips, {n_left_out} files left out; tables and figure: {target}")


@app.command("list")
def list_corpora(as_json: AsJson = False) -> None:
    """Print every corpus that there is a reader for, with its state on this machine."""
    rows = [_describe(corpus) for corpus in _with_recordings()]
    if as_json:
        print(json.dumps(rows))
        return
    columns = ("corpus", "name", "language", "speakers", "clips", "emotions", "licence", "state")
    table = [columns] + [tuple(_cell(row[column]) for column in columns) for row in rows]
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


def _write(path: Path, content: bytes) -> None:
    with atomic.new_file(path) as aside:
        aside.write_bytes(content)


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return str(len(value) if isinstance(value, dict) else value)


def _with_recordings() -> tuple[str, ...]:
    """The corpora that are read from recordings, which the pool of them is not."""
    return tuple(name for name in parts.available("corpora") if name != settings.POOLED)


def _part(corpus: str) -> ModuleType:
    known = parts.available("corpora")
    if corpus not in known:
        raise CorpusError(f"there is no corpus '{corpus}'; choose one of: {', '.join(known)}.")
    return parts.load("corpora", corpus)


def _params(corpus: str) -> Any:
    """The corpus's settings in params.yaml, or its default ones where it has none there."""
    return parts.make_params(
        "corpora", corpus, settings.read("original")["corpora"].get(corpus, {})
    )


def _root_of(root: Path | None) -> Path:
    place = root or roots.root(_DATA)
    if place is None:
        raise CorpusError(
            "no folder of corpora is known; name it with --root, or set EMOMETRIC_CORPORA."
        )
    return place

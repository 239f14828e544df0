"""`emometric bench`: how fast it is here, against the plain way of the field."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from emometric import parts
from emometric.errors import CorpusError

if TYPE_CHECKING:
    from emometric.bench.extraction import Bench

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="How fast it is here, against the plain way of the field.",
)


@app.callback()
def main() -> None:
    """Keep `features` a word of its own, also while it is the only command."""


@app.command()
def features(
    folder: Annotated[
        Path | None,
        typer.Argument(help="Recordings; default: ravdess in EMOMETRIC_CORPORA."),
    ] = None,
    root: Annotated[Path | None, typer.Option(envvar="EMOMETRIC_CORPORA", hidden=True)] = None,
    feature: Annotated[
        list[str] | None, typer.Option(help="One extractor, or several; default: all but ssl.")
    ] = None,
    clips: Annotated[int, typer.Option(min=1, help="Recordings, evenly spaced by name.")] = 48,
    rounds: Annotated[int, typer.Option(min=1, help="The median of these counts.")] = 5,
    jobs: Annotated[int, typer.Option(help="Processes of 'all cores'; -1: one a core.")] = -1,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Time every extractor on recordings, per core and with all cores."""
    from emometric.bench import extraction  # half a second, for which no other command waits

    if folder is None and root is None:
        raise CorpusError(
            "no recordings named; name a folder: emometric bench features FOLDER, or set "
            "EMOMETRIC_CORPORA."
        )
    for name in feature or ():
        parts.check_name("features", name, parts.available("features"))
    files = extraction.sample(folder or root / "ravdess", clips)
    found = extraction.features(files, feature or extraction.FEATURES, n_rounds=rounds, n_jobs=jobs)
    print(json.dumps(extraction.as_json(found)) if as_json else _text(found))


def _text(found: "Bench") -> str:
    head = (
        f"{found.n_clips} clips, {found.audio_s:.0f} s; medians of {found.n_rounds} rounds; "
        f"{found.n_jobs} processes are all cores; load {found.load_before:.1f} before, "
        f"{found.load_after:.1f} after"
    )
    lines = [("feature", "from", "way", "x real time", "ratio", "of one core")]
    for row in found.rows:
        scaling = "" if row.scaling is None else f"{row.scaling:.2f}"
        speed = f"{row.x_real_time:.0f}"
        lines.append((row.feature, row.start, row.way, speed, f"{row.ratio:.2f}", scaling))
    widths = [max(map(len, cells)) for cells in zip(*lines, strict=True)]
    table = [
        "  ".join(
            cell.ljust(width) if column < 3 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]
    return "\n".join([head, *table])

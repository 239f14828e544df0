"""The command `emometric`."""

import json
from typing import Annotated

import typer

from emometric.base import console, parts, settings
from emometric.base.errors import PipelineError
from emometric.cli import (
    audformat,
    audit,
    bench,
    corpora,
    diff,
    explain,
    labels,
    ledger,
    store,
    study,
)

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Metric learning of emotion in speech, made reproducible.",
)
corpora.app.command("get-labels")(labels.get_labels)
corpora.app.command("import-audformat")(audformat.import_audformat)
corpora.app.command("export-audformat")(audformat.export_audformat)
app.add_typer(corpora.app, name="corpora")
app.add_typer(bench.app, name="bench")
app.add_typer(store.app, name="store")
app.command("audit")(audit.look)
app.command("diff")(diff.diff)
app.command("explain")(explain.explain)
app.command("fresh")(diff.fresh)
app.command("ledger")(ledger.show)
app.command("study")(study.study)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def params(
    origin: Annotated[str, typer.Option(help="synthetic or original")] = "synthetic",
    as_json: AsJson = False,
) -> None:
    """Check params.yaml, whole, and print the working run at the scale of an origin."""
    values = settings.read(origin)
    for kind in settings.PART_BLOCKS:
        for name, block in values[kind].items():
            parts.make_params(kind, name, block)
    run = {key: values[key] for key in settings.RUN}
    if as_json:
        print(json.dumps({"origin": origin, **run}))
    else:
        print(" ".join(f"{key}={value}" for key, value in {"origin": origin, **run}.items()))


def run() -> None:
    """Entry point of the console script."""
    console.main(_app)


def _app() -> None:
    """The app; what the system refuses, wherever that was, is one sentence like any other error."""
    try:
        app()
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        raise PipelineError(
            f"{where}cannot be read or written ({error.strerror or error}); check the path, its "
            "permissions and the disk."
        ) from None


if __name__ == "__main__":
    run()

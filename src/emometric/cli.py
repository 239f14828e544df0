"""The command `emometric`."""

import json
from typing import Annotated

import typer

from emometric import (
    cli_audformat,
    cli_audit,
    cli_bench,
    cli_corpora,
    cli_labels,
    console,
    parts,
    settings,
)

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Metric learning of emotion in speech, made reproducible.",
)
cli_corpora.app.command("get-labels")(cli_labels.get_labels)
cli_corpora.app.command("import-audformat")(cli_audformat.import_audformat)
cli_corpora.app.command("export-audformat")(cli_audformat.export_audformat)
app.add_typer(cli_corpora.app, name="corpora")
app.add_typer(cli_bench.app, name="bench")
app.command("audit")(cli_audit.look)

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
    console.main(app)


if __name__ == "__main__":
    run()

"""`emometric explain`: what makes two recordings alike to the network of the working run."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from emometric.base import atomic, settings
from emometric.base.errors import ParameterError, StoreError
from emometric.report.palette import THEMES

ENDINGS = ("png", "svg", "csv")
_THEMES = {theme.name: theme for theme in THEMES}


def explain(
    clip: Annotated[str, typer.Argument(help="A recording, or the id of a clip: emodb/03a01Fa")],
    against: Annotated[str, typer.Option(help="What to compare it with: the same.")],
    out: Annotated[
        Path | None,
        typer.Option(help="Where to write .png, .svg and .csv. Default: explain_CLIP_CLIP here."),
    ] = None,
    fold: Annotated[
        int | None, typer.Option(help="Whose network. Default: one that did not learn the clips.")
    ] = None,
    similarity: Annotated[
        str | None,
        typer.Option(help="cosine, euclidean or loss. Default: what the run's decision compares."),
    ] = None,
    origin: Annotated[str, typer.Option(help="synthetic or original")] = "synthetic",
    data: Annotated[Path, typer.Option(help="Folder of what the stages made.")] = Path("data"),
    theme: Annotated[str, typer.Option(help="light or dark")] = "light",
    force: Annotated[bool, typer.Option("--force", help="Replace files that are there.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Draw how the working run's network hears two recordings, and what makes them alike to it.

    Beside each other: what it is given, the activation maps of its layers, how far the similarity
    falls where a region is hidden (occlusion), and what each place adds to it (integrated
    gradients).
    """
    # Only here: torch and matplotlib would slow every other command's start.
    from emometric.cli import explain_output, explain_work
    from emometric.explain.likeness import KINDS
    from emometric.report import explain_figure, style

    values = settings.read(origin)
    kind = similarity or compared_by(values)
    for what, given, known in (("theme", theme, _THEMES), ("similarity", kind, KINDS)):
        if given not in known:
            raise ParameterError(f"--{what} is '{given}'; write {', '.join(known)}.")
    targets = _targets(out, (clip, against), force)
    asked = explain_work.Question(
        names=(clip, against), data=data, origin=origin, fold=fold, kind=kind
    )
    found = explain_work.find(asked, values)
    columns, rows = explain_output.columns(found), explain_output.rows(found)
    figure = explain_output.figure(found, columns, rows, _THEMES[theme])
    table = explain_figure.table(columns, rows).to_csv(index=False, lineterminator="\n")
    _write(
        targets,
        (
            explain_figure.to_png(figure, _THEMES[theme]),
            style.to_svg(figure, _THEMES[theme]),
            table.encode(),
        ),
    )
    facts = explain_output.facts(found) | {"files": [str(path) for path in targets]}
    print(json.dumps(facts, indent=2) if as_json else explain_output.text(facts))


def compared_by(values: dict[str, Any]) -> str:
    """The kind of similarity that the run's decision takes: the cosine where it takes none."""
    name = values["decision"]
    if name == "nearest_prototype":
        return "euclidean"
    return values["decisions"][name].get("similarity", "cosine")


def _targets(out: Path | None, names: tuple[str, str], force: bool) -> list[Path]:
    """The three files to write; StoreError where one is there and must not be replaced."""
    own = Path("_".join(["explain", *(Path(name).stem for name in names)]))
    base = out or own
    base = base / own if base.is_dir() else base
    if base.suffix.lower().lstrip(".") in ENDINGS:
        base = base.with_suffix("")
    targets = [base.with_name(f"{base.name}.{ending}") for ending in ENDINGS]
    there = next((path for path in targets if path.exists()), None)
    if there is not None and not force:
        raise StoreError(f"{there} is there already; choose another --out, or --force to replace.")
    return targets


def _write(targets: list[Path], contents: tuple[bytes, ...]) -> None:
    for path, content in zip(targets, contents, strict=True):
        try:
            with atomic.new_file(path) as aside:
                aside.write_bytes(content)
        except OSError as error:
            raise StoreError(
                f"{path}: cannot be written ({error.strerror}); choose another place by --out."
            ) from None

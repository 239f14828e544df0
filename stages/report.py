"""Stage report: the tables, figures and page that git keeps; write reports/<origin>/."""

import json
from pathlib import Path

import typer

from emometric import atomic, console
from emometric.report import page, run_figures
from emometric.report.palette import DARK, LIGHT
from emometric.report.record import read

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def report(origin: str = typer.Option(...)) -> None:
    """Read the results of the run; compute nothing but what is drawn."""
    results = Path("data", origin, "results", "run")
    reports = Path("reports", origin)
    record = read(results)
    light, dark = (run_figures.draw(record, theme) for theme in (LIGHT, DARK))
    _write(reports / "metrics.json", _json({"run": record.rates}))
    _write(reports / "per_speaker.csv", (results / "per_speaker.csv").read_bytes())
    for name in ("confusion", "folds", "tsne", "curves"):
        _write(reports / "plots" / f"{name}.csv", (results / f"{name}.csv").read_bytes())
    with atomic.new_folder(reports / "figures" / "run" / record.run["corpus"]["id"]) as folder:
        for name, png in light.items():
            (folder / f"{name}.png").write_bytes(png)
    _write(reports / "index.html", page.render(record, light, dark).encode("utf-8"))
    print(f"see {reports / 'index.html'}")


def _json(value: object) -> bytes:
    """Sorted; what does not exist is null, for JSON knows no NaN."""
    text = json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return f"{text}\n".encode()


def _write(path: Path, content: bytes) -> None:
    with atomic.new_file(path) as aside:
        aside.write_bytes(content)


if __name__ == "__main__":
    console.main(app)

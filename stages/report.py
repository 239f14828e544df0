"""Stage report: the tables, figures and page that git keeps; write reports/<origin>/."""

import json
from functools import partial
from pathlib import Path

import typer

from emometric.base import atomic, console, settings
from emometric.papers import das2022, feng2020, kumar2021, ledger, mocanu2021, ntalampiras2020
from emometric.report import merging, page, publishing, source_digests
from emometric.report.record import read

PAPERS = (ntalampiras2020, feng2020, kumar2021, mocanu2021, das2022)  # in the order of the page

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def report(origin: str = typer.Option(...)) -> None:
    """Read the results of the run; compute nothing but what is drawn."""
    results = Path("data", origin, "results", "run")
    reports = Path("reports", origin)
    record = read(results)
    values = settings.read(origin)
    studies = {name: Path("data", origin, "results", name) for name in values["studies"]}
    _write(reports / "metrics.json", _json(merging.metrics(record.rates, studies)))
    ours = [own for paper in PAPERS for own in paper.ours(studies)]
    rows = ledger.table(ours, origin=origin, scale=values["study_scale"][origin])
    _write(reports / "ledger.csv", ledger.write(rows))
    _write(reports / "per_speaker.csv", merging.per_speaker(results, studies))
    for name in ("confusion", "folds", "tsne", "curves"):
        _write(reports / "plots" / f"{name}.csv", (results / f"{name}.csv").read_bytes())
    sources = tuple(source_digests.read(folder) for folder in (results, *studies.values()))
    makers = tuple(partial(paper.section, studies, origin) for paper in PAPERS)
    beside = page.Beside(
        sections=tuple(make() for make in makers),
        ledger=rows,
        sources=sources,
        corpora=source_digests.corpora(sources),
    )
    publishing.publish(record, reports, beside, makers)
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

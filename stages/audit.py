"""Stage audit: what a split gives away; write data/<origin>/audits/<run>/."""

import json
from pathlib import Path

import joblib
import typer

from emometric import splits
from emometric.audit import auditing
from emometric.base import atomic, console, parts, settings
from emometric.storage import store

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def look(
    run: str,
    origin: str = typer.Option(...),
    corpus: str = typer.Option(...),
    protocol: str = typer.Option(...),
) -> None:
    """Audit a run's folds; fail where they give away what the protocol does not admit."""
    chosen = settings.read(origin)["protocols"]
    parts.check_name("protocols", protocol, chosen)
    params = parts.make_params("protocols", protocol, chosen[protocol])
    data = Path("data", origin)
    clips = splits.read_clips(data / "manifests" / f"{corpus}.parquet", corpus)
    found = auditing.audit(
        clips,
        splits.read(data / "splits" / f"{run}.parquet"),
        splits.promises(parts.load("protocols", protocol), params),
        auditing.find_duplicates(
            clips, store.Ragged(data / "corpora" / corpus / "audio").read, n_jobs=joblib.cpu_count()
        ),
    )
    for sentence in found.facts["findings"]:
        print(f"{run}: {sentence}")
    found.check()
    verdict = {key: found.facts[key] for key in ("verdict", "stamps")}
    tables = {"folds": found.folds, "balance": found.balance, "duplicates": found.duplicates}
    folder = data / "audits" / run
    for name, value in (("audit", found.facts), ("verdict", verdict)):
        text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
        _write(folder / f"{name}.json", f"{text}\n")
    for name, rows in tables.items():
        _write(folder / f"{name}.csv", rows.to_csv(index=False, lineterminator="\n"))


def _write(path: Path, text: str) -> None:
    with atomic.new_file(path) as aside:
        aside.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    console.main(app)

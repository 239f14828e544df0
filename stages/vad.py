"""Stage vad: mark where somebody speaks; write data/<origin>/manifests/<corpus>.parquet."""

from pathlib import Path

import pyarrow.parquet as pq
import typer

from emometric.base import atomic, console, settings
from emometric.sound import vad
from emometric.storage import store

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def mark(origin: str = typer.Option(...), corpus: str = typer.Option(...)) -> None:
    """Add voiced intervals to a corpus's labels."""
    params = vad.Params(**settings.read(origin)["vad"])
    folder = Path("data", origin, "corpora", corpus)
    labels = store.read_table(folder / "labels.parquet")
    manifest = vad.mark(labels, store.Ragged(folder / "audio"), params)
    with atomic.new_file(Path("data", origin, "manifests", f"{corpus}.parquet")) as aside:
        pq.write_table(manifest, aside)
    seconds, voiced = sum(manifest["seconds"].to_pylist()), sum(manifest["voiced_s"].to_pylist())
    missed = manifest["speech_found"].to_pylist().count(False)
    print(f"{corpus}: {voiced:.0f} of {seconds:.0f} s voiced, {missed} clips without speech")


if __name__ == "__main__":
    console.main(app)

"""Stage split: divide a run's clips into folds; write data/<origin>/splits/<run>.parquet."""

from pathlib import Path

import typer

from emometric import splits
from emometric.base import console, parts, settings

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def split(
    run: str,
    origin: str = typer.Option(...),
    corpus: str = typer.Option(...),
    protocol: str = typer.Option(...),
    seed: int = typer.Option(...),
) -> None:
    """Give every clip of a run its role in each fold, and check the division."""
    chosen = settings.read(origin)["protocols"]
    parts.check_name("protocols", protocol, chosen)
    params = parts.make_params("protocols", protocol, chosen[protocol])
    part = parts.load("protocols", protocol)
    clips = splits.read_clips(Path("data", origin, "manifests", f"{corpus}.parquet"), corpus)
    folds = splits.make(part, params, clips, seed)
    splits.write(Path("data", origin, "splits", f"{run}.parquet"), folds)
    print(f"{run}: {len(clips)} clips of {clips['speaker'].nunique()} speakers, {len(folds)} folds")


if __name__ == "__main__":
    console.main(app)

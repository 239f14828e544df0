"""Stage baselines: what stands beside a run; write data/<origin>/baselines/<run>/cells.parquet."""

from pathlib import Path

import pandas as pd
import typer

from emometric import emotions, splits
from emometric.base import console, parts, settings
from emometric.scoring import baselines, cells, metrics
from emometric.storage import store

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def evaluate(
    run: str,
    origin: str = typer.Option(...),
    corpus: str = typer.Option(...),
    feature: str = typer.Option(...),
    decision: str = typer.Option(...),
    seed: int = typer.Option(...),
) -> None:
    """Majority guess, speaker lookup, and functionals with a decision, on the run's folds."""
    chosen = settings.read(origin)["decisions"]
    parts.check_name("decisions", decision, chosen)
    params = parts.make_params("decisions", decision, chosen[decision])
    data = Path("data", origin)
    clips = splits.read_clips(data / "manifests" / f"{corpus}.parquet", corpus)
    ids, names, values = store.read_functionals(
        data / "features" / corpus / feature / "functionals.parquet"
    )
    table = baselines.evaluate(
        clips,
        splits.read(data / "splits" / f"{run}.parquet"),
        pd.DataFrame(values, index=ids, columns=names),
        parts.load("decisions", decision),
        params,
        emotions=emotions.present(clips["emotion"]),
        study=run,
        name=f"{feature}_{decision}",
        seed=seed,
    )
    cells.write(data / "baselines" / run / "cells.parquet", table)
    for cell, rows in table.groupby("cell"):
        print(f"{cell}: UAR {metrics.uar(rows['truth'], rows['predicted']):.3f}")


if __name__ == "__main__":
    console.main(app)

"""Embed every clip with the model of its fold, and decide on the test clips."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import torch
import typer

from emometric import fold_models, parallel, splits
from emometric.base import atomic, console, parts, settings
from emometric.fitting import checkpoint
from emometric.scoring import cells

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

SCHEMA = pa.schema(
    [
        ("fold", pa.int64()),
        ("id", pa.string()),
        ("role", pa.string()),
        ("embedding", pa.list_(pa.float32())),
    ]
)


@app.command()
def embed(
    run: str,
    origin: str = typer.Option(...),
    corpus: str = typer.Option(...),
    feature: str = typer.Option(...),
    decision: str = typer.Option(...),
    seed: int = typer.Option(...),
) -> None:
    """Write data/ORIGIN/embeddings/RUN: embeddings.parquet and cells.parquet.

    The decision is fitted on the training, the validation and the enrolled clips: by then the
    validation speakers have done their work, which was to choose the epoch. Baselines do the same.
    """
    values = settings.read(origin)
    parts.check_name("decisions", decision, values["decisions"])
    data = Path("data") / origin
    source = fold_models.Source(
        corpus=corpus,
        manifest=data / "manifests" / f"{corpus}.parquet",
        features=data / "features" / corpus / feature,
    )
    params = parts.make_params("decisions", decision, values["decisions"][decision])
    folds = list(enumerate(splits.read(data / "splits" / f"{run}.parquet")))
    models = data / "models" / run
    device = "cuda" if torch.cuda.is_available() else "cpu"
    with console.progress(total=len(folds), what="embed", unit="folds") as bar:
        processes = parallel.processors() if device == "cpu" else 1
        embedded = fold_models.embed(
            source, models, folds, device, processes=processes, tick=bar.update
        )
    clips = splits.read_clips(source.manifest, corpus).set_index("id", drop=False)
    tables = []
    for (number, fold), embedding in zip(folds, embedded, strict=True):
        recipe = checkpoint.describe(models / fold_models.name(number))["recipe"]
        names = recipe["emotions"]
        roles = [role for role in ("train", "valid", "enrol") if role in embedding]
        known = [name for role in roles for name in getattr(fold, role)]
        emotion = clips.loc[known, "emotion"].map(names.index).to_numpy(np.int64)
        fitted = make_decision(decision, params, len(names), models / fold_models.name(number))
        fitted.fit(np.concatenate([embedding[role] for role in roles]), emotion)
        tables.append(
            cells.build(
                clips.loc[list(fold.test)],
                fitted.scores(embedding["test"]),
                names,
                study=run,
                cell=recipe["loss"],
                fold=number,
                seed=seed,
                repeat=fold.repeat,
            )
        )
    with atomic.new_folder(data / "embeddings" / run) as aside:
        cells.write(aside / "cells.parquet", pd.concat(tables, ignore_index=True))
        pq.write_table(embedding_table(folds, embedded), aside / "embeddings.parquet")


def make_decision(name: str, params: Any, n_emotions: int, model: Path) -> Any:
    """A new decision; one that compares as the loss was trained to is given the fold's loss."""
    decision = parts.load("decisions", name).Decision
    if getattr(params, "similarity", None) == "loss":
        return decision(params, n_emotions, similarity=fold_models.similarity(model))
    return decision(params, n_emotions)


def embedding_table(folds, embedded) -> pa.Table:
    """One row a (fold, clip): its role and its embedding; sorted by fold and id."""
    rows = [
        (number, name, role, vector)
        for (number, fold), embedding in zip(folds, embedded, strict=True)
        for role, vectors in embedding.items()
        for name, vector in zip(getattr(fold, role), vectors, strict=True)
    ]
    rows.sort(key=lambda row: row[:2])
    columns = zip(*rows, strict=True)
    return pa.table([list(column) for column in columns], schema=SCHEMA)


if __name__ == "__main__":
    console.main(app)

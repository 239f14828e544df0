"""Stage evaluate: a run's rates and tables; write data/<origin>/results/<run>/."""

import json
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import typer

from emometric import splits
from emometric.base import atomic, console, parts, settings
from emometric.scoring import cells, evaluation, results
from emometric.storage import store

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def evaluate(
    run: str,
    origin: str = typer.Option(...),
    corpus: str = typer.Option(...),
    feature: str = typer.Option(...),
    encoder: str = typer.Option(...),
    loss: str = typer.Option(...),
    decision: str = typer.Option(...),
    protocol: str = typer.Option(...),
    seed: int = typer.Option(...),
) -> None:
    """Read the predictions and embeddings of a run and of its baselines; train nothing."""
    chosen = settings.read(origin)
    params = evaluation.Params(**chosen["evaluation"])
    data = Path("data", origin)
    clips = splits.read_clips(data / "manifests" / f"{corpus}.parquet", corpus)
    own = cells.read(data / "embeddings" / run / "cells.parquet")
    beside = cells.read(data / "baselines" / run / "cells.parquet")
    table = pd.concat([own, beside], ignore_index=True)
    headline = results.headline(own, beside, params, seed)
    embeddings = store.read_table(data / "embeddings" / run / "embeddings.parquet")
    rejects = pd.read_csv(data / "corpora" / corpus / "rejects.csv")
    description = {
        "study": run,
        "origin": origin,
        "scale": chosen["scale"][origin],
        "seed": seed,
        "feature": feature,
        "encoder": encoder,
        "loss": loss,
        "decision": decision,
        "protocol": protocol,
        **results.trained_on(data / "models" / run),
        "baseline": results.svm_cell(beside),
        "confidence": params.confidence,
        "emotions": evaluation.clips_by_emotion(clips["emotion"]),
        "audit": results.read_audit(data / "audits" / run / "audit.json"),
        "corpus": results.corpus_facts(corpus, parts.load("corpora", corpus), clips, rejects),
        "rejects": rejects.to_dict("records"),
    }
    tables = {
        "confusion": own[["truth", "predicted"]],
        "folds": evaluation.by_fold(table).round(4),
        "per_speaker": evaluation.by_speaker(table),
        "tsne": results.embedding_map(embeddings, clips, own, params, seed),
    }
    with atomic.new_folder(data / "results" / run) as folder:
        _write_json(folder / "metrics.json", headline)
        _write_json(folder / "run.json", description)
        for name, rows in tables.items():
            rows.to_csv(folder / f"{name}.csv", index=False, lineterminator="\n")
        shutil.copyfile(data / "models" / run / "curves.csv", folder / "curves.csv")
        cells.write(folder / "cells.parquet", table)
    print(f"{run}: UAR {headline['uar']} ({headline['uar_low']} to {headline['uar_high']})")


def _write_json(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    console.main(app)

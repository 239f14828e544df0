"""Stage pool: several corpora as one, in data/<origin>/corpora/pooled/ and its manifest."""

from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import typer

from emometric.base import atomic, console, settings
from emometric.base.errors import CorpusError
from emometric.corpora import pooled
from emometric.storage import store
from emometric.storage.clip import LABELS_SCHEMA, MANIFEST_SCHEMA

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def pool(origin: str = typer.Option(...)) -> None:
    """Put the corpora that params.yaml lists together; without two of them, the pool is empty."""
    params = pooled.Params(**settings.read(origin)["pool"])
    data = Path("data", origin)
    manifests = {
        corpus: store.read_table(data / "manifests" / f"{corpus}.parquet")
        for corpus in params.corpora
    }
    folders = {corpus: data / "corpora" / corpus for corpus in params.corpora}
    try:
        manifest, emotions = pooled.manifest(manifests, params)
    except CorpusError as reason:  # fatal for a run on it, and for no other
        print(f"pooled: stays empty; {reason}")
        manifest, emotions, folders = MANIFEST_SCHEMA.empty_table(), (), {}
    stores = {corpus: store.Ragged(folder / "audio") for corpus, folder in folders.items()}
    rejects = [pd.DataFrame(columns=["path", "reason", "kind"])]
    for corpus, folder in folders.items():
        rows = pd.read_csv(folder / "rejects.csv")
        rejects.append(rows.assign(path=f"{corpus}/" + rows["path"].astype(str)))
    with atomic.new_folder(data / "corpora" / settings.POOLED) as aside:
        store.write_ragged(aside / "audio", pooled.waveforms(stores), dtype=np.int16)
        pq.write_table(manifest.select(LABELS_SCHEMA.names), aside / "labels.parquet")
        pd.concat(rejects).to_csv(aside / "rejects.csv", index=False, lineterminator="\n")
    with atomic.new_file(data / "manifests" / f"{settings.POOLED}.parquet") as aside:
        pq.write_table(manifest, aside)
    counts = Counter(manifest["corpus"].to_pylist())
    each = ", ".join(f"{corpus} {counts[corpus]}" for corpus in params.corpora)
    print(
        f"pooled: {len(manifest)} clips ({each}), {manifest['emotion'].null_count} of them without "
        f"one of the emotions {', '.join(emotions) or '-'}"
    )


if __name__ == "__main__":
    console.main(app)

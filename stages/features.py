"""Stage features: one feature of one corpus, in data/<origin>/features/<corpus>/<feature>/."""

import os
from pathlib import Path

import joblib
import platformdirs
import typer

from emometric import console, extraction, parts, settings, store

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def extract(
    origin: str = typer.Option(...),
    corpus: str = typer.Option(...),
    feature: str = typer.Option(...),
) -> None:
    """Extract a feature of every clip; what the clip cache holds is not computed again."""
    chosen = settings.read(origin)["features"]
    parts.check_name("features", feature, chosen)
    params = parts.make_params("features", feature, chosen[feature])
    with joblib.parallel_config(backend="loky", inner_max_num_threads=1):
        done = extraction.extract_corpus(
            feature,
            params,
            store.read_table(Path("data", origin, "manifests", f"{corpus}.parquet")),
            store.Ragged(Path("data", origin, "corpora", corpus, "audio")),
            Path("data", origin, "features", corpus, feature),
            cache_folder=os.environ.get("EMOMETRIC_CACHE")
            or platformdirs.user_cache_dir("emometric"),
            n_jobs=joblib.cpu_count(),
        )
    print(f"{corpus}, {feature}: {done.n_clips} clips, {done.n_computed} computed")


if __name__ == "__main__":
    console.main(app)

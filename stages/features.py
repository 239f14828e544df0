"""Stage features: one feature of one corpus, in data/<origin>/<folder>/<corpus>/<feature>/."""

import os
from pathlib import Path

import platformdirs
import typer

from emometric import console, extraction, parts, settings, workers

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def extract(
    origin: str = typer.Option(...),
    corpus: str = typer.Option(...),
    feature: str = typer.Option(...),
    folder: str = typer.Option("features", help="features, or study_features for the studies"),
) -> None:
    """Extract a feature of every clip; what the clip cache holds is not computed again.

    Two stages may not share an output, so that the run and the studies have a folder each.
    """
    values = settings.read(origin)
    chosen = values["features"]
    parts.check_name("features", feature, chosen)
    params = parts.make_params("features", feature, chosen[feature])
    with workers.use(**values["extraction"]) as n_jobs:
        done = extraction.extract_corpus(
            feature,
            params,
            Path("data", origin, "manifests", f"{corpus}.parquet"),
            Path("data", origin, "corpora", corpus, "audio"),
            Path("data", origin, folder, corpus, feature),
            cache_folder=os.environ.get("EMOMETRIC_CACHE")
            or platformdirs.user_cache_dir("emometric"),
            n_jobs=n_jobs,
        )
    print(f"{corpus}, {feature}: {done.n_clips} clips, {done.n_computed} computed")


if __name__ == "__main__":
    console.main(app)

"""Stage features: features of one corpus, in data/<origin>/<folder>/<corpus>/<feature>/."""

import os
from pathlib import Path

import typer

from emometric.base import console, parts, settings
from emometric.extraction import cache_folder, extracting, workers

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def extract(
    origin: str = typer.Option(...),
    corpus: str = typer.Option(...),
    feature: str = typer.Option("", help="one; empty: those that the studies hear of the corpus"),
) -> None:
    """Extract features of every clip; what the clip cache holds is not computed again.

    Two stages may not share an output, so that the run's features lie in the folder features and
    those of the studies in study_features.
    """
    values = settings.read(origin)
    names = [feature] if feature else values["study_features"][corpus]
    folder = "features" if feature else "study_features"
    for name in names:
        parts.check_name("features", name, values["features"])
        with workers.use(**values["extraction"]) as n_jobs:
            done = extracting.extract_corpus(
                name,
                parts.make_params("features", name, values["features"][name]),
                Path("data", origin, "manifests", f"{corpus}.parquet"),
                Path("data", origin, "corpora", corpus, "audio"),
                Path("data", origin, folder, corpus, name),
                cache_folder=cache_folder.root(os.environ.get("EMOMETRIC_CACHE")),
                n_jobs=n_jobs,
            )
        print(f"{corpus}, {name}: {done.n_clips} clips, {done.n_computed} computed")


if __name__ == "__main__":
    console.main(app)

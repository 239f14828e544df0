"""Stage acquire: decode a corpus, or its stand-in, into data/<origin>/corpora/<corpus>/."""

import tempfile
from pathlib import Path

import joblib
import typer

from emometric import acquisition, console, roots, settings

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def acquire(origin: str = typer.Option(...), corpus: str = typer.Option(...)) -> None:
    """Decode to 16 kHz mono; write labels.parquet, rejects.csv and audio/."""
    chosen = settings.read(origin)
    folder = Path("data", origin, "corpora", corpus)
    n_jobs = joblib.cpu_count()
    if origin == "original":
        root = roots.find(origin, corpus, Path("data"))
        done = acquisition.acquire(corpus, root, folder, n_jobs=n_jobs)
    else:
        from emometric.stand_ins import tree  # needs the extra `synthetic`

        with tempfile.TemporaryDirectory(prefix="emometric-") as name:
            root = Path(name, corpus)
            tree.write_tree(corpus, root, max_clips=chosen["stand_in"]["max_clips"], n_jobs=n_jobs)
            done = acquisition.acquire(corpus, root, folder, n_jobs=n_jobs)
    print(f"{corpus}: {done.n_clips} clips, {done.n_rejects} files left out")


if __name__ == "__main__":
    console.main(app)

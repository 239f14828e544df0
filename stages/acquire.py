"""Stage acquire: decode a corpus, or its stand-in, into data/<origin>/corpora/<corpus>/."""

import tempfile
from pathlib import Path

import joblib
import typer

from emometric.acquisition import acquiring, roots
from emometric.base import console, parts, settings

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def acquire(origin: str = typer.Option(...), corpus: str = typer.Option(...)) -> None:
    """Decode to 16 kHz mono; write labels.parquet, rejects.csv and audio/."""
    chosen = settings.read(origin)
    parts.check_name("corpora", corpus, chosen["corpora"])
    params = parts.make_params("corpora", corpus, chosen["corpora"][corpus])
    folder = Path("data", origin, "corpora", corpus)
    n_jobs = joblib.cpu_count()
    with tempfile.TemporaryDirectory(prefix="emometric-") as name:
        if origin == "original":
            root = roots.find(origin, corpus, params, Path("data"))
        else:
            root = _speak(corpus, Path(name, corpus), chosen["stand_in"], n_jobs)
            params = roots.without_places(params)
        done = acquiring.acquire(corpus, params, root, folder, n_jobs=n_jobs)
    print(
        f"{corpus}: {done.n_clips} clips ({done.n_unlabelled} without a label, {done.n_rated} with "
        f"activation and valence, {done.n_recognised} with listeners' rates), "
        f"{done.n_excluded} known faults excluded, {done.n_rejected} files rejected"
    )


def _speak(corpus: str, root: Path, maxima: dict[str, int | None], n_jobs: int) -> Path | None:
    """Write the stand-in of a corpus; None where nobody wrote one (then the corpus is empty)."""
    from emometric.stand_ins import tree  # needs the extra `synthetic`

    if not tree.exists(corpus):
        print(f"{corpus}: has no stand-in (src/emometric/stand_ins/{corpus}.py); it stays empty")
        return None
    tree.write_tree(corpus, root, **maxima, n_jobs=n_jobs)
    return root


if __name__ == "__main__":
    console.main(app)

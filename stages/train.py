"""Train one network a fold: features and folds in, models and curves out."""

import dataclasses
from pathlib import Path

import numpy as np
import torch
import typer

import emometric
from emometric import emotions, fold_models, parallel, splits
from emometric.base import console, parts, settings
from emometric.base.errors import ParameterError
from emometric.fitting import training
from emometric.fitting.checkpoint import Recipe
from emometric.storage.store import Ragged

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def train(
    run: str,
    origin: str = typer.Option(...),
    corpus: str = typer.Option(...),
    feature: str = typer.Option(...),
    encoder: str = typer.Option(...),
    loss: str = typer.Option(...),
    seed: int = typer.Option(...),
) -> None:
    """Write data/ORIGIN/models/RUN: a model a fold, and curves.csv."""
    values = settings.read(origin)
    for kind, name in (("features", feature), ("encoders", encoder), ("losses", loss)):
        parts.check_name(kind, name, values[kind])
    data = Path("data") / origin
    source = fold_models.Source(
        corpus=corpus,
        manifest=data / "manifests" / f"{corpus}.parquet",
        features=data / "features" / corpus / feature,
    )
    params = training.Params(**values["training"])
    crop_frames = frames_of(params.crop_s, feature, values)
    recipe = make_recipe(source, encoder, loss, values)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    scratch = data / "models" / f".{run}.parts"
    jobs = []
    for number, fold in enumerate(splits.read(data / "splits" / f"{run}.parquet")):
        about = {
            "fold": number,
            "seed": seed,
            "corpus": corpus,
            "feature": {"name": feature, **values["features"][feature]},
            "training": dataclasses.asdict(params),
            "device": device,
            "versions": {
                "emometric": emometric.__version__,
                "numpy": np.__version__,
                "torch": torch.__version__,
            },
        }
        decided_by = {
            **about,
            "recipe": dataclasses.asdict(recipe),
            "roles": dataclasses.asdict(fold),
        }
        job = fold_models.Job(
            source=source,
            fold=fold,
            number=number,
            recipe=recipe,
            params=params,
            crop_frames=crop_frames,
            seed=seed,
            device=device,
            folder=scratch / fold_models.digest(source, decided_by),
            about=about,
        )
        jobs.append(job)
    with console.progress(total=len(jobs) * params.epochs, what="train", unit="epochs") as bar:
        processes = parallel.processors() if device == "cpu" else 1
        fold_models.train(
            jobs, data / "models" / run, scratch, processes=processes, tick=bar.update
        )


def frames_of(seconds: float, feature: str, values: dict) -> int:
    """Frames of a piece of `seconds`, at least 1."""
    hop_s = values["features"][feature].get("hop_s")
    if hop_s is None:
        raise ParameterError(
            f"params.yaml: the feature '{feature}' has no hop_s, so it is no sequence of frames; "
            "choose another feature, such as spectrogram."
        )
    return max(round(seconds / hop_s), 1)


def make_recipe(source: fold_models.Source, encoder: str, loss: str, values: dict) -> Recipe:
    """The run's network, with the settings checked and the input's width read from the store."""
    rows = splits.read_clips(source.manifest, source.corpus)
    parts.make_params("encoders", encoder, values["encoders"][encoder])
    parts.make_params("losses", loss, values["losses"][loss])
    return Recipe(
        encoder=encoder,
        encoder_params=values["encoders"][encoder],
        loss=loss,
        loss_params=values["losses"][loss],
        emotions=emotions.present(rows["emotion"]),
        n_bins=Ragged(source.features).read(rows["id"].iloc[0]).shape[1],
    )


if __name__ == "__main__":
    console.main(app)

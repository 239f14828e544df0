"""Stage pretrain: a network of speakers or emotions, in data/<origin>/study_features/<network>/."""

import hashlib
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import torch
import typer

import emometric
from emometric.base import atomic, console, parts, settings
from emometric.base.errors import ParameterError
from emometric.fitting import spectrum_input
from emometric.pretraining import gathering, learning, teaching, training_state
from emometric.scoring import evaluation

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

# Whose encoder this is: its weights fit no other shape.
METHOD = "mocanu2021"
SHAPE = ("widths", "stem", "reduction", "dim", "clusters")
INPUT = ("join_bins", "compress")  # what is done to the feature's frames


@app.command()
def pretrain(network: str, origin: str = typer.Option(...), seed: int = typer.Option(...)) -> None:
    """Train on several corpora and verify other speakers; absent corpora are left out."""
    parts.check_name("pretraining", network, settings.NETWORKS)
    values = settings.read(origin)
    block = values["pretraining"][network]
    params = teaching.Params(**block)
    data = Path("data", origin)
    manifests = {name: data / "manifests" / f"{name}.parquet" for name in params.corpora}
    people = gathering.gather(manifests, params.shares, (seed,), learns=settings.NETWORKS[network])
    folder = data / "study_features" / network
    job = make_job(people, params, values, data, seed)
    about = describe(job, block, values)
    if people.enough:
        told = _train(job, folder, about, _digest(manifests, job.stores))
    else:
        learning.write_empty(folder, {"state": "empty", **about})
        told = f"stays empty, for there are no two {network} of {', '.join(params.corpora)}"
    with atomic.new_file(data / "manifests" / f"{network}.parquet") as aside:
        pq.write_table(people.learned(), aside)
    print(f"{network}: {told}")


def make_job(
    people: gathering.People,
    params: teaching.Params,
    values: Mapping[str, Any],
    data: Path,
    seed: int,
) -> learning.Job:
    """All that decides on the network, checked."""
    resampled = evaluation.Params(**values["evaluation"])
    feature = values["features"][params.feature]
    if "hop_s" not in feature or "window_s" not in feature:
        raise ParameterError(
            f"params.yaml: pretraining hears {params.feature}, which has no windows; choose "
            "spectrogram."
        )
    method, picture = values["methods"][METHOD], params.input
    crop_frames = max(round(params.crop_s / feature["hop_s"]), 1)
    return learning.Job(
        people=people,
        stores={name: data / "study_features" / name / params.feature for name in params.corpora},
        heard=gathering.Heard(
            picture=lambda frames: spectrum_input.prepared(frames, picture),
            least=crop_frames,
            gap=math.ceil(feature["window_s"] / feature["hop_s"]) - 1,
            normalise=feature.get("normalise"),
        ),
        # No ghosts: S2 has none, and the strategies that have some draw them new.
        shape={**{name: method[name] for name in SHAPE}, "ghosts": 0},
        params=params,
        crop_frames=crop_frames,
        seed=seed,
        device="cuda" if torch.cuda.is_available() else "cpu",
        resamples=resampled.n_resamples,
        confidence=resampled.confidence,
    )


def describe(
    job: learning.Job, block: Mapping[str, Any], values: Mapping[str, Any]
) -> dict[str, Any]:
    """What stands in network.json beside the recipe; no clock times."""
    return {
        "corpora": job.people.counts(),
        "seed": job.seed,
        "feature": {
            "name": job.params.feature,
            **values["features"][job.params.feature],
            **{key: block[key] for key in INPUT},
        },
        "shape": dict(job.shape),
        "pretraining": {key: value for key, value in block.items() if key not in INPUT},
        "taught": {
            "n_train_speakers": len(job.people.speakers),
            "n_train_clips": len(job.people.rows("train")),
        },
        "device": job.device,
        "versions": {"emometric": emometric.__version__, "torch": torch.__version__},
    }


def _train(job: learning.Job, folder: Path, about: Mapping[str, Any], digest: str) -> str:
    """Write the network, resuming where an earlier call was killed; what to tell of it."""
    kept = folder.with_name(f".{folder.name}.state")
    state = training_state.State(kept, {**about, "digest": digest})
    with console.progress(total=job.params.epochs, what="pretrain", unit="epochs") as bar:
        learned = learning.learn(job, state, lambda epoch: bar.update())
    learning.write(folder, learned, {"state": "trained", **about})
    state.remove()
    best = teaching.best_epoch(learned.curve)
    text = f"{len(learned.recipe.emotions)} trained, epoch {best.number} of {len(learned.curve)}"
    if not learned.rates:
        return f"{text}; nobody to verify"
    first = learned.rates[0]
    return (
        f"{text}; equal error rate {first['eer']:.1%} on {first['n_trials']} trials of "
        f"{first['n_speakers']} others, {first['untrained_eer']:.1%} untrained"
    )


def _digest(manifests: Mapping[str, Path], stores: Mapping[str, Path]) -> str:
    """Of the data and of this package's code: a state of others is not taken up."""
    code = sorted(Path(emometric.__file__).parent.rglob("*.py"))
    indexes = [folder / "index.parquet" for folder in stores.values()]
    state = hashlib.blake2b(digest_size=16)
    for path in (*manifests.values(), *indexes, *code):
        state.update(hashlib.blake2b(path.read_bytes()).digest())
    return state.hexdigest()


if __name__ == "__main__":
    console.main(app)

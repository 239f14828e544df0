"""One network a fold: train them all, resuming after a kill, and embed the clips with each."""

import csv
import dataclasses
import hashlib
import json
import math
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

import emometric
from emometric import emotions, parallel, splits
from emometric.base import atomic
from emometric.base.errors import ParameterError, StoreError
from emometric.fitting import checkpoint, seeding, training
from emometric.fitting.batch import AFFECT
from emometric.fitting.checkpoint import Network, Recipe
from emometric.storage.clip import Fold
from emometric.storage.store import Ragged

CURVE = ("fold", "epoch", "learning_rate", "train_loss", "valid_uar")


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where a run's clips lie: a corpus's name, its manifest, the store of its frames."""

    corpus: str
    manifest: Path
    features: Path


@dataclass(frozen=True, kw_only=True)
class Corpus:
    """A run's clips, sorted by id, in memory; `emotions` names what `clips.emotion` counts."""

    ids: tuple[str, ...]
    emotions: tuple[str, ...]
    clips: training.Clips

    def positions(self, ids: Sequence[str]) -> np.ndarray:
        """Where clips of a fold stand: (n,) int64; StoreError for an id that is not there."""
        place = {name: row for row, name in enumerate(self.ids)}
        unknown = [name for name in ids if name not in place]
        if unknown:
            raise StoreError(
                f"the folds name '{unknown[0]}', which is not among the clips; run `dvc repro`."
            )
        return np.array([place[name] for name in ids], dtype=np.int64)


@dataclass(frozen=True, kw_only=True)
class Job:
    """All that one fold's training needs; `folder` receives model and curve."""

    source: Source
    fold: Fold
    number: int
    recipe: Recipe
    params: training.Params
    crop_frames: int
    seed: int
    device: str
    folder: Path
    about: Mapping[str, Any]


@lru_cache(maxsize=1)  # a worker reads its corpus once, not once a fold
def read_corpus(source: Source, device: str) -> Corpus:
    """All clips of a run with their frames; the emotions are those that occur in the manifest."""
    rows = splits.read_clips(source.manifest, source.corpus)
    store = Ragged(source.features)
    names = emotions.present(rows["emotion"])
    ids = tuple(rows["id"])
    affect = rows.reindex(columns=list(AFFECT)).to_numpy(np.float32)  # NaN where unrated
    clips = training.Clips(
        store.read_many(ids),
        np.array([names.index(emotion) for emotion in rows["emotion"]], dtype=np.int64),
        np.unique(rows["speaker"], return_inverse=True)[1].astype(np.int64),
        torch.device(device),
        affect if np.isfinite(affect).any() else None,
    )
    return Corpus(ids=ids, emotions=names, clips=clips)


def train(jobs: Sequence[Job], folder: Path, scratch: Path, *, processes: int, tick) -> None:
    """Train all folds and write `folder` whole: fold_00.safetensors, fold_00.json, ..., curves.csv.

    Each finished fold waits in its job's folder below `scratch`; after a kill the next call takes
    it from there. `scratch` goes when all is written. `tick()` is called once an epoch.
    """
    parallel.run(_train_fold, jobs, processes=processes, tick=tick)
    with (
        atomic.new_folder(folder) as aside,
        (aside / "curves.csv").open("w", encoding="utf-8", newline="") as file,
    ):
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(CURVE)
        for job in jobs:
            for path in checkpoint.files(job.folder / name(job.number)):
                shutil.copyfile(path, aside / path.name)
            writer.writerows(json.loads((job.folder / "curve.json").read_text()))
    shutil.rmtree(scratch, ignore_errors=True)


def embed(
    source: Source, models: Path, roles: Sequence[tuple[int, Fold]], device: str, *, processes, tick
) -> list[dict[str, np.ndarray]]:
    """For each fold the embeddings of its clips, by role in the order of the fold's ids.

    Each value is (n, dim) float32, not normalised. `tick()` is called once a fold.
    """
    jobs = [(source, models / name(number), fold, device) for number, fold in roles]
    return parallel.run(_embed_fold, jobs, processes=processes, tick=tick)


def similarity(model: Path) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """What a fold's loss has trained to compare clips by: (m, dim), (n, dim) -> (m, n) float64.

    model: path of the fold's checkpoint. The logits of "one emotion", larger = more alike, of the
    differences of two embeddings. ParameterError where its loss has no `logits` of them.
    """
    network, description = checkpoint.load(model)
    if not hasattr(network.loss, "logits"):
        raise ParameterError(
            f"the loss '{description['recipe']['loss']}' trains no similarity; in params.yaml, set "
            "decisions.support_similarity.similarity to cosine or euclidean."
        )

    def compare(first: np.ndarray, second: np.ndarray) -> np.ndarray:
        support = torch.from_numpy(np.asarray(second, np.float32))
        with torch.inference_mode():  # a row at a time: memory is that of the support
            rows = [
                network.loss.logits(torch.from_numpy(row) - support)
                for row in np.asarray(first, np.float32)
            ]
        return torch.stack(rows).double().numpy()

    return compare


def name(fold: int) -> str:
    return f"fold_{fold:02d}"


def digest(source: Source, job_settings: Mapping[str, Any]) -> str:
    """What decides a fold's weights, in 32 hex digits: data, settings and the package's code."""
    state = hashlib.blake2b(digest_size=16)
    state.update(json.dumps(job_settings, sort_keys=True).encode())
    code = sorted(Path(emometric.__file__).parent.rglob("*.py"))
    for path in (source.manifest, source.features / "index.parquet", *code):
        if not path.is_file():
            raise StoreError(f"no file {path}; run `dvc repro` to make it.")
        state.update(hashlib.blake2b(path.read_bytes()).digest())
    return state.hexdigest()


def _train_fold(job: Job, tick: parallel.Tick) -> None:
    if (job.folder / "curve.json").exists():  # from before a kill
        for _ in range(job.params.epochs):
            tick()
        return
    corpus = read_corpus(job.source, job.device)
    seed = (job.seed, job.number)
    device = torch.device(job.device)
    roles = (corpus.positions(job.fold.train), corpus.positions(job.fold.valid))
    with seeding.reproducible(seed, device):
        network = Network(job.recipe).to(device)
        curve = training.fit(
            network,
            corpus.clips,
            roles,
            job.params,
            crop_frames=job.crop_frames,
            seed=seed,
            on_epoch=lambda epoch: tick(),
        )
    best = training.best_epoch(curve)
    about = {**job.about, "best_epoch": best.number, "valid_uar": _rounded(best.valid_uar)}
    with atomic.new_folder(job.folder) as aside:
        checkpoint.save(aside / name(job.number), network, job.recipe, about)
        rows = [[job.number, *map(_rounded, dataclasses.astuple(epoch))] for epoch in curve]
        (aside / "curve.json").write_text(json.dumps(rows), encoding="utf-8")


def _embed_fold(job: tuple[Source, Path, Fold, str], tick: parallel.Tick):
    source, model, fold, device = job
    corpus = read_corpus(source, device)
    network, _ = checkpoint.load(model)
    network.to(torch.device(device))
    embedding = {}
    with seeding.reproducible((0,), torch.device(device)):
        for role in splits.ROLES:
            ids = getattr(fold, role)
            if ids:
                embedding[role] = training.embed(network, corpus.clips, corpus.positions(ids))
    tick()
    return embedding


def _rounded(value: float) -> float | int | None:
    """Six significant digits; None for NaN, which JSON lacks."""
    if isinstance(value, int):
        return value
    return None if math.isnan(value) else float(f"{value:.6g}")

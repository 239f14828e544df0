"""From clips to a network of speakers or emotions: train, verify beside the untrained, write."""

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, astuple, dataclass, fields
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from emometric.base import atomic
from emometric.encoders import se_resnet34
from emometric.fitting import checkpoint, seeding
from emometric.fitting.checkpoint import Network, Recipe
from emometric.fitting.warm_start import NAME
from emometric.losses import softmax
from emometric.pretraining import gathering, teaching, verification
from emometric.pretraining.gathering import Heard, People
from emometric.pretraining.teaching import Epoch, Material, Params, Utterances
from emometric.pretraining.training_state import State

GROUPS_ALL = "all"


@dataclass(frozen=True, kw_only=True)
class Job:
    """All that decides on a network: `stores` corpus -> folder of its frames; `shape` the encoder's
    settings; `resamples` of the speakers and `confidence` of the intervals."""

    people: People
    stores: Mapping[str, Path]
    heard: Heard
    shape: Mapping[str, Any]
    params: Params
    crop_frames: int
    seed: int
    device: str
    resamples: int
    confidence: float


@dataclass(frozen=True, kw_only=True)
class Learned:
    """What comes out: network, its recipe, the curve, error rates by group, and the trials."""

    network: Network
    recipe: Recipe
    curve: tuple[Epoch, ...]
    rates: tuple[Mapping[str, Any], ...]
    trials: pd.DataFrame


def learn(job: Job, state: State, on_epoch: Callable[[Epoch], None]) -> Learned:
    """Train on the training speakers, choose by the validating, verify the testing.

    The same on one machine whatever ran before; on the CPU it takes one core.
    """
    device = torch.device(job.device)
    clips = gathering.training_clips(job.people, job.stores, job.heard, device)
    valid, test = (
        gathering.utterances(job.people, role, job.stores, job.heard, device)
        for role in ("valid", "test")
    )
    recipe = Recipe(
        encoder="se_resnet34",
        encoder_params=asdict(se_resnet34.Params(**job.shape)),
        loss="softmax",
        loss_params=asdict(softmax.Params(label_smoothing=job.params.label_smoothing)),
        emotions=job.people.classes,  # speakers, it may be
        n_bins=clips.n_bins,
    )
    with seeding.reproducible((job.seed,), device):
        network = Network(recipe).to(device)
        material = Material(clips=clips, crop_frames=job.crop_frames, valid=valid)
        curve = teaching.fit(
            network, material, job.params, seed=(job.seed,), kept=state, on_epoch=on_epoch
        )
        trials = _trials(network, recipe, material, test, job)
    return Learned(
        network=network.cpu().eval(),
        recipe=recipe,
        curve=tuple(curve),
        rates=tuple(rates(trials, test.table, job)) if test is not None else (),
        trials=trials,
    )


def rates(trials: pd.DataFrame, clips: pd.DataFrame, job: Job) -> list[dict[str, Any]]:
    """A row for all trials and one for each corpus that has both kinds: `eer` with its interval
    (null where there is none), that of the untrained network, and how much was tried.

    trials: of `verification.trials`, with a column `untrained`; clips: the utterances, rows with
    id, corpus and speaker. "all" pools trials within corpora under one threshold.
    """
    rows = []
    for group in (GROUPS_ALL, *sorted(set(trials["group"]))):
        found = trials if group == GROUPS_ALL else trials[trials["group"] == group]
        spoken = clips if group == GROUPS_ALL else clips[clips["corpus"] == group]
        if found["same"].nunique() < 2:
            continue
        row: dict[str, Any] = {"group": group}
        for name, column in (("eer", "score"), ("untrained_eer", "untrained")):
            low, high = verification.interval(
                found.assign(score=found[column]),
                spoken,
                n_resamples=job.resamples,
                confidence=job.confidence,
                generator=np.random.default_rng([job.seed, 1]),
            )
            row[name] = _rounded(verification.eer(found["same"], found[column]))
            row[f"{name}_low"], row[f"{name}_high"] = _rounded(low), _rounded(high)
        row["n_speakers"] = int(spoken["speaker"].nunique())
        row["n_utterances"] = len(spoken)
        row["n_trials"], row["n_same"] = len(found), int(found["same"].sum())
        rows.append(row)
    return rows


def write(folder: str | Path, learned: Learned, about: Mapping[str, Any]) -> None:
    """Replace `folder` by the network, curve.csv, verification.json and trials.csv."""
    best = teaching.best_epoch(learned.curve)
    chosen = {"best_epoch": best.number, "valid_eer": _rounded(best.valid_eer)}
    with atomic.new_folder(folder) as aside:
        checkpoint.save(aside / NAME, learned.network, learned.recipe, {**about, **chosen})
        _write_curve(aside, learned.curve)
        taught = {"epochs": best.number, **about.get("taught", {})}
        _write_rates(aside, [{**row, **taught} for row in learned.rates])
        learned.trials.to_csv(
            aside / "trials.csv", index=False, lineterminator="\n", float_format="%.6f"
        )


def write_empty(folder: str | Path, about: Mapping[str, Any]) -> None:
    """Replace `folder` by one without a network: `network.json` says so and why."""
    with atomic.new_folder(folder) as aside:
        text = json.dumps(about, indent=2) + "\n"
        (aside / f"{NAME}.json").write_text(text, encoding="utf-8")
        _write_curve(aside, ())
        _write_rates(aside, [])


def _trials(
    network: Network, recipe: Recipe, material: Material, test: Utterances | None, job: Job
) -> pd.DataFrame:
    """Trials of the testing speakers: `score` of the network, `untrained` of random weights."""
    if test is None:
        return pd.DataFrame(columns=[*verification.COLUMNS, "untrained"])
    torch.manual_seed(job.seed)  # as drawn, whether or not training was taken up again
    other = Network(recipe).to(material.clips.device)
    teaching.settle(other, material, job.params, (job.seed, 0))
    untrained = teaching.verify(other, test)["score"]
    return teaching.verify(network, test).assign(untrained=untrained)


def _write_curve(folder: Path, curve: Sequence[Epoch]) -> None:
    with (folder / "curve.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([field.name for field in fields(Epoch)])
        writer.writerows([_rounded(value) for value in astuple(epoch)] for epoch in curve)


def _write_rates(folder: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    text = json.dumps(list(rows), indent=2) + "\n"
    (folder / "verification.json").write_text(text, encoding="utf-8")


def _rounded(value: float) -> float | int | None:
    """Six significant digits; None for NaN, which JSON lacks."""
    if isinstance(value, int):
        return value
    return float(f"{value:.6g}") if isfinite(value) else None

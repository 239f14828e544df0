"""Train SE-ResNet-34 on spectrograms as mocanu2021's strategies do: softmax, then an ending."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass, replace
from math import cos, isfinite, pi
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from emometric.base import parts
from emometric.base.errors import ParameterError
from emometric.encoders.se_resnet34 import Params as EncoderParams
from emometric.fitting import seeding, training, warm_start
from emometric.fitting.checkpoint import Network, Recipe
from emometric.fitting.training import Clips

SAMPLER = "emotion_balanced"
_RISING = 0.25  # share of the steps in which the learning rate rises


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """How long, how fast, and what is done to a picture.

    epochs, rates: of the softmax part and of the ending, with the largest learning rate of each;
    crop_frames: of each clip and epoch; weight_decay: of the weights of layers (Loshchilov and
    Hutter 2019); label_smoothing: of the cross-entropy; bin_mask, frame_mask: largest width of the
    stripes that are blanked (Park et al. 2019), 0: none; n_masks: stripes of either kind; bfloat16:
    whether the encoder computes in it.
    """

    epochs: tuple[int, int]
    rates: tuple[float, float]
    batch_size: int
    crop_frames: int
    weight_decay: float
    label_smoothing: float
    bin_mask: int
    frame_mask: int
    n_masks: int
    bfloat16: bool


@dataclass(frozen=True, kw_only=True)
class Ending:
    """How a training ends: a loss by its part's name, its settings, and what its own randomness
    follows from, so that it does not matter which other endings there are."""

    loss: str
    loss_params: Mapping[str, Any]
    seed: int


@dataclass(frozen=True, kw_only=True)
class Job:
    """One softmax training and all that it ends in.

    frames: (frames, bins) of each clip, as the network sees them; emotion: (n,) in [0, emotions);
    speaker: (n,) int64; train: positions of the clips that it learns from; start: folder of a
    network whose weights it starts from, None: from nothing; seed: what all else follows from.
    """

    encoder: EncoderParams
    schedule: Schedule
    frames: Sequence[np.ndarray]
    emotion: np.ndarray
    speaker: np.ndarray
    emotions: tuple[str, ...]
    train: np.ndarray
    endings: Sequence[Ending]
    start: Path | None
    seed: tuple[int, ...]
    device: str


@dataclass(frozen=True, kw_only=True)
class Trained:
    """What one ending leaves: `embedding` (n, dim) float32 of all clips of the job, the last
    epoch's mean loss, and how many of the encoder's tensors came from the network it started from
    (NaN where it started from none)."""

    embedding: np.ndarray
    loss: float
    n_started: float


def train(job: Job, tick: Callable[[], object] = lambda: None) -> list[Trained]:
    """A `Trained` for each ending, in their order.

    The softmax part is trained once; every ending goes on from its weights, with a fresh optimiser,
    for the same number of steps. Nothing is chosen on the way: the last weights stay. On one thread
    on a CPU, so that the number of cores does not show.
    """
    device = torch.device(job.device)
    clips = Clips(job.frames, job.emotion, job.speaker, device)
    with seeding.reproducible(job.seed, device):
        network = Network(_recipe(job, clips.n_bins))
        n_started = float("nan")
        if job.start is not None:
            left = warm_start.start(network.encoder, job.start)
            n_started = float(len(network.encoder.state_dict()) - len(left))
        network.to(device)
        descend(network, clips, job.train, job.schedule, part=0, seed=(*job.seed, 0))
    found = []
    for ending in job.endings:
        seed = (*job.seed, 1, ending.seed)
        with seeding.reproducible(seed, device):
            last = deepcopy(network)
            if ending.loss != "softmax":  # whose class weights go on
                last.loss = _loss(job, ending).to(device)
            loss = descend(last, clips, job.train, job.schedule, part=1, seed=seed)
            embedding = training.embed(last, clips, np.arange(len(clips)))
        found.append(Trained(embedding=embedding, loss=loss, n_started=n_started))
        tick()
    return found


def descend(
    network: Network,
    clips: Clips,
    train: np.ndarray,
    schedule: Schedule,
    *,
    part: int,
    seed: Sequence[int],
) -> float:
    """Train in place through one part of the schedule, 0 or 1; the last epoch's mean loss.

    Adam with decoupled weight decay; the learning rate rises on a line over the first quarter of
    the steps and falls along half a cosine to nearly 0. Each epoch draws batches in which emotions
    weigh the same, of each clip a random piece. NaN without epochs; ParameterError where the loss
    is not finite.
    """
    sampling, cropping, masking = map(np.random.default_rng, np.random.SeedSequence(seed).spawn(3))
    optimiser = optimiser_of(network, schedule)
    draw = parts.load("samplers", SAMPLER).draw
    emotion, speaker = clips.emotion[train], clips.speaker[train]
    n_steps = schedule.epochs[part] * -(-len(train) // schedule.batch_size)
    number, mean = 0, float("nan")
    network.train()
    for _ in range(schedule.epochs[part]):
        losses = []
        for positions in draw(emotion, speaker, schedule.batch_size, sampling):
            for group in optimiser.param_groups:
                group["lr"] = rate_at(number / n_steps, schedule.rates[part])
            where = cropping.random(len(positions))
            batch = clips.crops(train[positions], schedule.crop_frames, where)
            batch = replace(batch, features=masked(batch.features, schedule, masking))
            losses.append(training.step(network, batch, optimiser, bfloat16=schedule.bfloat16))
            number += 1
        mean = float(torch.stack(losses).mean())
        if not isfinite(mean):
            raise ParameterError(
                "methods.mocanu2021: the loss is not a finite number; lower the rate "
                f"{schedule.rates[part]} in params.yaml."
            )
    return mean


def rate_at(done: float, top: float) -> float:
    """Learning rate where the share `done` of the steps, in [0, 1), lies behind.

    >>> [round(rate_at(done, 0.4), 3) for done in (0.0, 0.125, 0.25, 0.625, 0.999)]
    [0.016, 0.208, 0.4, 0.2, 0.0]
    """
    if done < _RISING:
        return top * (0.04 + 0.96 * done / _RISING)
    return top * (1 + cos(pi * (done - _RISING) / (1 - _RISING))) / 2


def masked(features: Tensor, schedule: Schedule, generator: np.random.Generator) -> Tensor:
    """Pictures (batch, frames, bins) with random stripes at 0, the mean: SpecAugment without its
    warping (Park et al. 2019). A stripe is 0 to `bin_mask` bins or `frame_mask` frames wide."""
    for axis, widest in ((2, schedule.bin_mask), (1, schedule.frame_mask)):
        for hidden in _stripes(features, axis, widest, schedule.n_masks, generator):
            features = features.masked_fill(hidden.unsqueeze(3 - axis), 0.0)
    return features


def _stripes(
    features: Tensor, axis: int, widest: int, n_masks: int, generator: np.random.Generator
) -> Iterator[Tensor]:
    """(batch, frames or bins) bool, what a stripe hides; none where `widest` is 0."""
    n_pictures, size = features.shape[0], features.shape[axis]
    place = np.arange(size)
    for _ in range(n_masks if widest else 0):
        width = generator.integers(0, min(widest, size) + 1, (n_pictures, 1))
        first = np.floor(generator.random((n_pictures, 1)) * (size - width + 1))
        hidden = (place >= first) & (place < first + width)
        yield torch.from_numpy(hidden).to(features.device)


def optimiser_of(network: Network, schedule: Schedule) -> torch.optim.Optimizer:
    """Weights of layers decay; norms and biases do not."""
    every = [weight for weight in network.parameters() if weight.requires_grad]
    layers = [weight for weight in every if weight.ndim > 1]
    others = [weight for weight in every if weight.ndim <= 1]
    return torch.optim.AdamW(
        [
            {"params": layers, "weight_decay": schedule.weight_decay},
            {"params": others, "weight_decay": 0.0},
        ],
        lr=schedule.rates[0],
        fused=True,
    )


def _recipe(job: Job, n_bins: int) -> Recipe:
    return Recipe(
        encoder="se_resnet34",
        encoder_params=asdict(job.encoder),
        loss="softmax",
        loss_params={"label_smoothing": job.schedule.label_smoothing},
        emotions=job.emotions,
        n_bins=n_bins,
    )


def _loss(job: Job, ending: Ending) -> torch.nn.Module:
    params = parts.make_params("losses", ending.loss, ending.loss_params)
    return parts.load("losses", ending.loss).Loss(params, job.encoder.dim, job.emotions)

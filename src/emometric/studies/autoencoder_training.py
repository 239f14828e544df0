"""Train stacks of denoising autoencoders whose latent distances follow labels (das2022)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from emometric.fitting.seeding import one_thread
from emometric.layers.autoencoder import StackedAutoencoder
from emometric.layers.continuous_metric import metric
from emometric.layers.stacked import StackedAdam, generators, per_cell_mean


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """How a stack is trained. noise: deviation of what is added to the input; logarithm: the loss
    is the logarithm of the sum, as in the authors' code; rectified: see `StackedAutoencoder`."""

    widths: tuple[int, ...]
    rectified: tuple[bool, ...]
    epochs: int
    batch_size: int
    learning_rate: float
    noise: float
    logarithm: bool


@dataclass(frozen=True, kw_only=True)
class Stream:
    """Training clips with the order and the noise in which they come, shared by several cells.

    values: (n, width), standardised; seed: of order and noise.
    """

    values: np.ndarray
    seed: int


@dataclass(frozen=True, kw_only=True)
class Task:
    """One cell of a stack. stream: a position; labels: (n,) of the stream's clips, NaN where
    nobody rated, or None without a metric; distance: as in `layers.continuous_metric`."""

    stream: int
    labels: np.ndarray | None
    distance: str
    seed: int


def train(
    tasks: Sequence[Task], streams: Sequence[Stream], schedule: Schedule, device: str
) -> tuple[StackedAutoencoder, np.ndarray]:
    """Train all tasks side by side; the stack, and (tasks, 2) reconstruction error and metric.

    A step: mean squared error of the clean values restored from noisy ones, plus the metric of the
    latents of the noisy ones (das2022, equation 6), then Adam. Each stream goes through its clips
    in an order of its own, anew in each epoch, with noise of its own; a task whose epoch has no
    batch left rests. A task gives the same whatever stands beside it, up to rounding. The numbers
    returned are means over the batches of the last epoch. On a CPU one thread computes: so many
    small products gain nothing from more, and the bytes do not depend on the number of cores.
    """
    with one_thread():
        return _train(tasks, streams, schedule, device)


def _train(
    tasks: Sequence[Task], streams: Sequence[Stream], schedule: Schedule, device: str
) -> tuple[StackedAutoencoder, np.ndarray]:
    stack = StackedAutoencoder(
        generators([task.seed for task in tasks]), schedule.widths, schedule.rectified
    ).to(device)
    adam = StackedAdam(stack.parameters(), schedule.learning_rate)
    epochs = _Epochs(streams, schedule, device)
    stream_of = torch.tensor([task.stream for task in tasks], device=device)
    metrics = _Metrics(tasks, epochs.values.shape[1], device)
    total = torch.zeros(len(tasks), 3, device=device)
    for number in range(schedule.epochs):
        for index, mask, clean, noisy in epochs.draw():
            kept = mask[stream_of]
            active = kept.any(dim=1)
            latents = stack.encode(noisy[stream_of])
            error = (stack.decode(latents) - clean[stream_of]).square().mean(dim=2)
            error = per_cell_mean(error, kept)
            distance = metrics(latents, index[stream_of], kept)
            loss = error + distance
            if schedule.logarithm:
                loss = torch.where(active, loss, 1.0).log()
            adam.zero_grad()
            loss.sum().backward()
            adam.step(active)
            if number == schedule.epochs - 1:
                one = torch.stack([error.detach(), distance.detach(), torch.ones_like(error)], 1)
                total += one * active[:, None]
    return stack, (total[:, :2] / total[:, 2:]).cpu().numpy().astype(np.float64)


def encode(stack: StackedAutoencoder, place: int, values: np.ndarray, device: str) -> np.ndarray:
    """Latents of clean values under one network of the stack: (n, width) -> (n, dim) float32."""
    inputs = torch.from_numpy(values.astype(np.float32)).to(device)
    with one_thread(), torch.inference_mode():
        return stack.encode_one(place, inputs).cpu().numpy()


class _Epochs:
    """Batches of all streams side by side: a shorter stream has fewer, or a smaller last one."""

    def __init__(self, streams: Sequence[Stream], schedule: Schedule, device: str):
        self.n = [len(stream.values) for stream in streams]
        self.random = generators([stream.seed for stream in streams])
        self.schedule, self.device = schedule, device
        width = streams[0].values.shape[1]
        values = np.zeros((len(streams), max(self.n), width), dtype=np.float32)
        for place, stream in enumerate(streams):
            values[place, : len(stream.values)] = stream.values
        self.values = torch.from_numpy(values).to(device)

    def draw(self) -> Iterator[tuple[Tensor, Tensor, Tensor, Tensor]]:
        """One epoch: index and mask (streams, batch), clean and noisy (streams, batch, width)."""
        n_streams, n_most, width = self.values.shape
        order = torch.zeros(n_streams, n_most, dtype=torch.int64)
        noise = torch.zeros(n_streams, n_most, width)
        for place, (n, generator) in enumerate(zip(self.n, self.random, strict=True)):
            order[place, :n] = torch.randperm(n, generator=generator)
            noise[place, :n] = torch.randn(n, width, generator=generator)
        order, noise = order.to(self.device), noise.to(self.device) * self.schedule.noise
        held = torch.arange(n_most)[None] < torch.tensor(self.n)[:, None]
        held = held.to(self.device)
        rows = torch.arange(n_streams, device=self.device)[:, None]
        for first in range(0, n_most, self.schedule.batch_size):
            piece = slice(first, first + self.schedule.batch_size)
            clean = self.values[rows, order[:, piece]]
            yield order[:, piece], held[:, piece], clean, clean + noise[:, piece]


class _Metrics:
    """The metric of each task's latents: (tasks, batch, dim) -> (tasks,); zero without labels."""

    def __init__(self, tasks: Sequence[Task], n_most: int, device: str):
        labels = np.full((len(tasks), n_most), np.nan, dtype=np.float32)
        for place, task in enumerate(tasks):
            if task.labels is not None:
                labels[place, : len(task.labels)] = task.labels
        self.labels = torch.from_numpy(labels).to(device)
        rated = [task.distance if task.labels is not None else None for task in tasks]
        self.places = {
            distance: torch.tensor(
                [place for place, one in enumerate(rated) if one == distance], device=device
            )
            for distance in sorted({one for one in rated if one})
        }

    def __call__(self, latents: Tensor, index: Tensor, mask: Tensor) -> Tensor:
        labels = self.labels.gather(1, index).masked_fill(~mask, torch.nan)
        total = torch.zeros(len(latents), device=latents.device)
        for distance, places in self.places.items():
            total = total.index_put((places,), metric(latents[places], labels[places], distance))
        return total

"""How fast the convolutional network of mocanu2021 trains: ours, and the loop one writes first.

Every way takes steps of the same network (SE-ResNet-34, thin, pooled stem; cross-entropy; Adam) on
random crops of the same clips:

- "DataLoader loop, all threads": `torch.utils.data.DataLoader` crops a NumPy array a clip, collates
  float32 pictures, and one process trains with all threads;
- "one training, one thread": this package's step, `training.step`: the corpus in one tensor from
  which a batch is gathered at once, channels last, bfloat16 in the encoder;
- "a training a core": as many of these side by side as there are cores, in processes of their own,
  as a study runs its folds.
"""

import os
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

from emometric import parallel
from emometric.base.errors import ParameterError
from emometric.fitting import seeding, training
from emometric.fitting.batch import Batch
from emometric.fitting.checkpoint import Network, Recipe

PLAIN, ONE, SEVERAL = (
    "DataLoader loop, all threads",
    "one training, one thread",
    "a training a core",
)
N_EMOTIONS = 8
WARM_STEPS = 2  # a way's first steps choose their kernels


@dataclass(frozen=True, kw_only=True)
class Task:
    """What every way trains: widths of the network, bins, frames of a crop, clips, batch, steps."""

    widths: Sequence[int] = (16, 32, 64, 128)
    n_bins: int = 128
    crop_frames: int = 160
    n_clips: int = 256
    batch_size: int = 32
    n_steps: int = 12
    bfloat16: bool = True
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class Row:
    """One way; clips_per_s: of all its processes, the median; ratio: to that of the first way."""

    way: str
    clips_per_s: float
    ratio: float
    slowest: float
    fastest: float


@dataclass(frozen=True, kw_only=True)
class Bench:
    """What was measured, beside which load (1-minute averages before and after)."""

    task: Task
    n_rounds: int
    n_cores: int
    load_before: float
    load_after: float
    rows: tuple[Row, ...]


def spectra_training(task: Task, *, n_rounds: int = 5, n_cores: int | None = None) -> Bench:
    """Time the ways; in each round every way has one turn, another one first.

    n_cores: threads of the loop and processes of "a training a core"; None: all. Raises
    ParameterError where nothing is left to measure.
    """
    for name, value in (("rounds", n_rounds), ("steps", task.n_steps), ("clips", task.n_clips)):
        if value < 1:
            raise ParameterError(f"{name} is {value}; write a whole number from 1.")
    n_cores = n_cores or parallel.processors()
    load_before = os.getloadavg()[0]
    ways: dict[str, Callable[[], float]] = {
        PLAIN: lambda: _rate(task, [_with_threads(n_cores, plain, task)]),
        ONE: lambda: _rate(task, [ours(task)]),
        SEVERAL: lambda: _rate(task, _side_by_side(task, n_cores)),
    }
    found: dict[str, list[float]] = {name: [] for name in ways}
    order = list(ways)
    for _ in range(n_rounds):
        for name in order:
            found[name].append(ways[name]())
        order = order[1:] + order[:1]
    return Bench(
        task=task,
        n_rounds=n_rounds,
        n_cores=n_cores,
        load_before=load_before,
        load_after=os.getloadavg()[0],
        rows=rows_of(found),
    )


def as_json(bench: Bench) -> dict:
    """The same as plain lists and dicts."""
    return asdict(bench)


def rows_of(found: dict[str, list[float]]) -> tuple[Row, ...]:
    """found: clips a second in each round, by way.

    >>> [row.ratio for row in rows_of({"a": [10.0, 30.0, 20.0], "b": [30.0, 40.0, 90.0]})]
    [1.0, 2.0]
    """
    medians = {way: statistics.median(rates) for way, rates in found.items()}
    first = next(iter(medians.values()))
    return tuple(
        Row(
            way=way,
            clips_per_s=medians[way],
            ratio=medians[way] / first,
            slowest=min(rates),
            fastest=max(rates),
        )
        for way, rates in found.items()
    )


def ours(task: Task, tick: Callable[[], object] = lambda: None) -> tuple[float, float]:
    """When the timed steps of one training began and ended, on one thread, in seconds."""
    with seeding.reproducible((task.seed,), torch.device("cpu")):
        clips = training.Clips(*_corpus(task), torch.device("cpu"))
        network = _network(task).train()
        optimiser = torch.optim.AdamW(network.parameters(), lr=1e-3, fused=True)
        generator = np.random.default_rng(task.seed)
        began = time.monotonic()
        for number in range(-WARM_STEPS, task.n_steps):
            if number == 0:
                began = time.monotonic()
            positions = generator.integers(0, len(clips), task.batch_size)
            batch = clips.crops(positions, task.crop_frames, generator.random(task.batch_size))
            training.step(network, batch, optimiser, bfloat16=task.bfloat16)
        return began, time.monotonic()


def plain(task: Task) -> tuple[float, float]:
    """The same of the loop that one writes first."""
    frames, emotion, _ = _corpus(task)
    sampler = torch.utils.data.RandomSampler(
        _Crops(frames, emotion, task.crop_frames),
        replacement=True,
        num_samples=(WARM_STEPS + task.n_steps) * task.batch_size,
    )
    loader = DataLoader(sampler.data_source, batch_size=task.batch_size, sampler=sampler)
    network = _network(task).to(memory_format=torch.contiguous_format).train()
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-3)
    began = time.monotonic()
    for number, (features, label) in enumerate(loader, -WARM_STEPS):
        if number == 0:
            began = time.monotonic()
        lengths = torch.full((len(features),), task.crop_frames)
        optimiser.zero_grad()
        encoded = network.encoder(features, lengths)
        loss = network.loss(
            encoded, Batch(features=features, lengths=lengths, emotion=label, speaker=label)
        )
        loss.backward()
        optimiser.step()
    return began, time.monotonic()


class _Crops(Dataset):
    """A random crop of one clip, cut in NumPy."""

    def __init__(self, frames: Sequence[np.ndarray], emotion: np.ndarray, crop_frames: int):
        self.frames, self.emotion, self.crop_frames = frames, emotion, crop_frames
        self.generator = np.random.default_rng(0)

    def __len__(self) -> int:
        return len(self.frames)

    def __getitem__(self, row: int) -> tuple[torch.Tensor, int]:
        clip = self.frames[row]
        first = self.generator.integers(0, len(clip) - self.crop_frames + 1)
        piece = clip[first : first + self.crop_frames].astype(np.float32)
        return torch.from_numpy(piece), int(self.emotion[row])


def _corpus(task: Task) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    """Frames, emotions and speakers of clips of 1 to 2 crops, as noise: speed does not hear."""
    generator = np.random.default_rng(task.seed)
    lengths = generator.integers(task.crop_frames, 2 * task.crop_frames, task.n_clips)
    frames = [
        generator.standard_normal((length, task.n_bins), dtype=np.float32).astype(np.float16)
        for length in lengths
    ]
    return frames, np.arange(task.n_clips) % N_EMOTIONS, np.zeros(task.n_clips, dtype=np.int64)


def _network(task: Task) -> nn.Module:
    torch.manual_seed(task.seed)
    shape = {"widths": list(task.widths), "clusters": 8, "ghosts": 2, "dim": 512}
    return Network(
        Recipe(
            encoder="se_resnet34",
            encoder_params={**shape, "stem": "pooled"},
            loss="softmax",
            loss_params={"label_smoothing": 0.1},
            emotions=[str(number) for number in range(N_EMOTIONS)],
            n_bins=task.n_bins,
        )
    )


def _side_by_side(task: Task, n_cores: int) -> list[tuple[float, float]]:
    tasks = [replace(task, seed=task.seed + number) for number in range(n_cores)]
    return parallel.run(ours, tasks, processes=n_cores, tick=lambda: None, here=False)


def _rate(task: Task, times: Sequence[tuple[float, float]]) -> float:
    """Clips a second of all processes, from the first's beginning to the last's end."""
    taken = max(end for _, end in times) - min(began for began, _ in times)
    return len(times) * task.n_steps * task.batch_size / taken


def _with_threads(n_threads: int, way: Callable[[Task], tuple[float, float]], task: Task):
    before = torch.get_num_threads()
    torch.set_num_threads(n_threads)
    try:
        with torch.random.fork_rng():
            return way(task)
    finally:
        torch.set_num_threads(before)

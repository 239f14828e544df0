"""The grid that `bench.training` times, and the two ways to train it: a stack, and plain torch."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from emometric.layers.stacked import generators
from emometric.layers.stacked_siamese import StackedSiamese
from emometric.studies import siamese_training
from emometric.studies.siamese_training import EPS, Batches, Clips, Schedule

N_EMOTIONS, N_SPEAKERS, N_TAKES, WIDTH = 4, 24, 8, 64  # RAVDESS's four emotions, feng2020's values
WIDTHS, DECISION_NODES = (64, 32, 16), 16
PER_EMOTION = 4


@dataclass(frozen=True, kw_only=True)
class Task:
    """The cells of one variant: their clips, batches, seeds and schedule."""

    clips: Clips
    batches: Batches
    seeds: tuple[int, ...]
    schedule: Schedule

    def only(self, cell: int) -> "Task":
        """One cell's part."""
        one = slice(cell, cell + 1)
        clips = Clips(
            values=self.clips.values,
            emotion=self.clips.emotion,
            mean=self.clips.mean[one],
            deviation=self.clips.deviation[one],
        )
        batches = Batches(index=self.batches.index[:, one], mask=self.batches.mask[one])
        return Task(clips=clips, batches=batches, seeds=self.seeds[one], schedule=self.schedule)


def grid(n_speakers: Sequence[int], n_repeats: int, n_steps: int, *, relative: bool) -> Task:
    """A cell for each number of speakers and repeat, on made-up clips of `N_SPEAKERS` speakers."""
    generator = np.random.default_rng(0)
    emotion = np.tile(np.arange(N_EMOTIONS), N_SPEAKERS * N_TAKES)
    values = generator.normal(size=(len(emotion), WIDTH)) + np.eye(N_EMOTIONS, WIDTH)[emotion]
    seeds, drawn = [], []
    for n in n_speakers:
        for repeat in range(n_repeats):
            rows = np.concatenate(
                [
                    generator.choice(np.flatnonzero(emotion == label), n, replace=False)
                    for label in range(N_EMOTIONS)
                ]
            )
            drawn.append(
                siamese_training.draw(
                    emotion,
                    rows,
                    n_emotions=N_EMOTIONS,
                    per_emotion=PER_EMOTION,
                    steps=n_steps,
                    generator=generator,
                )
            )
            seeds.append(100 * n + repeat)
    clips = Clips(
        values=torch.tensor(values, dtype=torch.get_default_dtype()),
        emotion=torch.tensor(emotion),
        mean=torch.zeros(len(seeds), WIDTH),
        deviation=torch.ones(len(seeds), WIDTH),
    )
    schedule = Schedule(
        steps=n_steps, learning_rate=1e-3, relative_rate=1e-3 if relative else 0.0, limit=0.9
    )
    return Task(
        clips=clips,
        batches=siamese_training.stack_batches(drawn, "cpu"),
        seeds=tuple(seeds),
        schedule=schedule,
    )


def batched(task: Task) -> Tensor:
    """All cells at once, by this package; the weights of the first layer, (cells, in, out)."""
    stack = StackedSiamese(generators(task.seeds), WIDTH, WIDTHS, DECISION_NODES)
    siamese_training.train(stack, task.clips, task.batches, task.schedule, 0)
    return stack.layers[0].weight.detach()


def plain(task: Task) -> Tensor:
    """One cell as one writes it in torch; what `batched` returns, (1, in, out)."""
    with torch.random.fork_rng():
        torch.manual_seed(task.seeds[0])
        sizes = (WIDTH, *WIDTHS)
        linear = [nn.Linear(*pair) for pair in itertools.pairwise(sizes)]
        features = nn.Sequential(*(part for layer in linear for part in (layer, nn.ReLU())))
        head = nn.Sequential(
            nn.Linear(WIDTHS[-1], DECISION_NODES), nn.ReLU(), nn.Linear(DECISION_NODES, 1)
        )
    adam = torch.optim.Adam([*features.parameters(), *head.parameters()], lr=1e-3, eps=EPS)
    apart = torch.optim.Adam(features.parameters(), lr=1e-3, eps=EPS)
    kept = task.batches.mask[0].nonzero()[:, 0]
    first, second = torch.triu_indices(len(kept), len(kept), 1)
    for index in task.batches.index[:, 0, kept]:
        values, emotion = task.clips.values[index], task.clips.emotion[index]
        same = emotion[first] == emotion[second]
        embedding = features(values)
        logits = head((embedding[first] - embedding[second]).abs()).squeeze(1)
        loss = (
            functional.softplus(-logits[same]).mean() + functional.softplus(logits[~same]).mean()
        ) / 2
        adam.zero_grad()
        loss.backward()
        adam.step()
        if task.schedule.relative_rate:
            apart.zero_grad()
            _plain_relative(features(values), first, second, same, task.schedule.limit).backward()
            apart.step()
    return linear[0].weight.detach().T[None]


def _plain_relative(
    embedding: Tensor, first: Tensor, second: Tensor, same: Tensor, limit: float
) -> Tensor:
    square = (embedding[first] - embedding[second]).square().sum(dim=1)
    distance = square.clamp(min=1e-24).sqrt()
    ratio = distance[same].mean() / distance[~same].mean()
    inside = ratio.clamp(max=limit)
    return (1 + inside) / (1 - inside) + 2 / (1 - limit) ** 2 * (ratio - inside)

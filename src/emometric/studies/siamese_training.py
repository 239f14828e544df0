"""Train stacks of siamese perceptrons on pairs of clips: batches, standardising, the two losses."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from emometric.layers.pairs import Pairs, pair_cross_entropy, relative_distance
from emometric.layers.stacked import StackedAdam
from emometric.layers.stacked_siamese import StackedSiamese

# Adam's, in place of 1e-8. Both losses stay the same when all embeddings are moved, so that the
# gradient of a bias behind which no ReLU cuts off is zero: in float32 about 1e-9 of rounding, along
# which Adam would take nearly whole steps, other ones in a stack than alone.
EPS = 1e-6


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """How long and how fast; relative_rate: learning rate of the relative distance loss, 0: none;
    limit: S / D from which that loss goes straight on (`layers.pairs.relative_distance`)."""

    steps: int
    learning_rate: float
    relative_rate: float
    limit: float


@dataclass(frozen=True, kw_only=True)
class Batches:
    """Which clips each cell trains on at each step.

    index: (steps, cells, batch) int64, rows of the table of clips; mask: (cells, batch) bool, False
    where a cell has too few clips of an emotion to fill its part of the batch.
    """

    index: Tensor
    mask: Tensor


@dataclass(frozen=True, kw_only=True)
class Clips:
    """The clips that the cells of a stack train on, each cell with its own mean and deviation.

    values: (n, width) float32, as extracted; emotion: (n,) int64; mean, deviation: (cells, width).
    """

    values: Tensor
    emotion: Tensor
    mean: Tensor
    deviation: Tensor

    def standardised(self, index: Tensor) -> Tensor:
        """Rows of each cell: (cells, batch) int64 -> (cells, batch, width)."""
        return (self.values[index] - self.mean[:, None]) / self.deviation[:, None]


def moments(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each column, (width,) float64; 1 for a constant column."""
    values = np.asarray(values, dtype=np.float64)
    deviation = values.std(axis=0)
    return values.mean(axis=0), np.where(deviation > 0, deviation, 1.0)


def draw(
    emotion: np.ndarray,
    rows: np.ndarray,
    *,
    n_emotions: int,
    per_emotion: int,
    steps: int,
    generator: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """The batches of one cell: equally many clips of each emotion, none twice in a batch.

    emotion: (n,) of all clips, in [0, n_emotions); rows: those that may be drawn. Each emotion's
    clips are gone through in a random order, `per_emotion` a step, then in a new one; what does not
    fill a last batch is left out that time. An emotion with fewer clips gives all of them to every
    batch, one without clips gives none. Returns index (steps, n_emotions x per_emotion) int64, and
    mask (n_emotions x per_emotion,), False where `index` holds some row only to fill the place.
    """
    index, mask = [], []
    for label in range(n_emotions):
        own = rows[emotion[rows] == label]
        n_taken = min(per_emotion, len(own))
        mask.append(np.arange(per_emotion) < n_taken)
        if n_taken == 0:
            index.append(np.full((steps, per_emotion), rows[0]))
            continue
        n_rounds = len(own) // n_taken
        n_orders = -(-steps // n_rounds)
        orders = generator.permuted(np.tile(own, (n_orders, 1)), axis=1)
        taken = orders[:, : n_rounds * n_taken].reshape(-1, n_taken)[:steps]
        index.append(np.pad(taken, ((0, 0), (0, per_emotion - n_taken)), mode="edge"))
    return np.concatenate(index, axis=1), np.concatenate(mask)


def stack_batches(cells: Sequence[tuple[np.ndarray, np.ndarray]], device: str) -> Batches:
    """What `draw` gave for each cell, as one."""
    index = np.stack([index for index, _ in cells], axis=1)
    mask = np.stack([mask for _, mask in cells])
    return Batches(index=torch.from_numpy(index).to(device), mask=torch.from_numpy(mask).to(device))


def train(
    network: StackedSiamese, clips: Clips, batches: Batches, schedule: Schedule, frozen: int
) -> np.ndarray:
    """Train a stack in place; mean cross-entropy of each cell over its last tenth of steps.

    A step takes a batch of clips and all pairs in it: cross-entropy of similar or not, each kind
    of pair with half of the weight, then Adam. "At the end of a batch" (feng2020, section 4.2) the
    relative distance loss of the same pairs, as the stepped network sees them, moves the feature
    layers once more, by an Adam of its own; the decision layers take no part in it.
    frozen: the first so many feature layers keep their weights, under both losses.
    """
    for layer in network.layers[:frozen]:
        layer.requires_grad_(False)
    feature_weights = [weight for layer in network.layers[frozen:] for weight in layer.parameters()]
    weights = [*feature_weights, *network.head.parameters()]
    adam = StackedAdam(weights, schedule.learning_rate, eps=EPS)
    apart = StackedAdam(feature_weights, schedule.relative_rate, eps=EPS)
    pairs = Pairs(batches.index.shape[2], clips.values.device)
    present = pairs.present(batches.mask)
    last = max(1, schedule.steps // 10)
    total = torch.zeros(len(clips.mean), dtype=torch.float64, device=clips.values.device)
    for step, index in enumerate(batches.index):
        values, same = clips.standardised(index), pairs.same(clips.emotion[index])
        adam.zero_grad()
        logits = network.logits(pairs.differences(network.encode(values)))
        loss = pair_cross_entropy(logits, same, present)
        loss.sum().backward()
        adam.step()
        if schedule.relative_rate:
            apart.zero_grad()
            differences = pairs.differences(network.encode(values))
            distance, _ = relative_distance(differences, same, present, schedule.limit)
            distance.sum().backward()
            apart.step()
        if step >= schedule.steps - last:
            total += loss.detach() / last
    return total.cpu().numpy()

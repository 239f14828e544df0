"""Train a network of windows as kumar2021 does: cross-entropy, then a triplet loss beside it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import inf

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize

from emometric.base import parts
from emometric.fitting.seeding import seeded
from emometric.layers.windowed import Windowed, WindowParams
from emometric.scoring import metrics

PHASES = ("softmax", "triplet")  # kumar2021, section III-B, phase II, a and b
_EMBEDDED_FRAMES = 60_000  # of a batch of clips, padding included: bounds the memory


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """How long and how fast.

    epochs: at most so many of each phase; patience: a phase ends where the validation accuracy has
    not risen by `min_gain` for so many epochs; rates: learning rate of the first and of the last of
    `epochs`, falling on a line; windows: drawn from each clip in an epoch; margin: of the triplets,
    in 1 - cosine; scale: of the cosines that are the logits.
    """

    epochs: Sequence[int]
    patience: int
    min_gain: float
    rates: Sequence[float]
    momentum: float
    batch_size: int
    windows: int
    margin: float
    scale: float


class Frames:
    """Clips' frames end to end: `values` (frames, bins) float32, `starts` and `lengths` (n,)."""

    def __init__(self, clips: Sequence[np.ndarray], emotion: np.ndarray, device: torch.device):
        self.values = torch.from_numpy(np.concatenate(clips).astype(np.float32)).to(device)
        self.lengths = np.array([len(clip) for clip in clips], dtype=np.int64)
        self.starts = np.cumsum(self.lengths) - self.lengths
        self.emotion = np.asarray(emotion, dtype=np.int64)

    def draw(self, clips: np.ndarray, length: int, generator: np.random.Generator) -> Tensor:
        """A random window of `length` frames of each of `clips`: (n, length, bins).

        A clip of fewer frames has zeros behind it (kumar2021, section III-B).
        """
        room = np.maximum(self.lengths[clips] - length, 0)
        begin = self.starts[clips] + generator.integers(0, room + 1)
        rows = begin[:, None] + np.arange(length)
        inside = np.arange(length) < self.lengths[clips, None]
        rows = torch.from_numpy(np.minimum(rows, len(self.values) - 1)).to(self.values.device)
        keep = torch.from_numpy(inside).to(self.values.device)
        return self.values[rows].masked_fill(~keep[:, :, None], 0.0)

    def padded(self, clips: np.ndarray) -> tuple[Tensor, Tensor]:
        """Whole clips: (n, frames, bins) with zeros behind each end, and their lengths."""
        device = self.values.device
        pieces = [
            self.values[start : start + length]
            for start, length in zip(self.starts[clips], self.lengths[clips], strict=True)
        ]
        lengths = torch.from_numpy(self.lengths[clips]).to(device)
        return nn.utils.rnn.pad_sequence(pieces, batch_first=True), lengths


class Classified(nn.Module):
    """An encoder of windows and its class layer, whose rows are the emotion embeddings.

    Logits are `scale` times the cosine of a window's embedding and each emotion's: kumar2021
    normalises the class layer's weights too (section III-B), so that training and the decision by
    the smallest angle see the same; a cosine alone, at most 1, could hardly tell classes apart.
    """

    def __init__(self, encoder: Windowed, dim: int, n_emotions: int, scale: float):
        super().__init__()
        self.encoder = encoder
        self.scale = scale
        self.classify = nn.Linear(dim, n_emotions, bias=False)

    def logits(self, embedding: Tensor) -> Tensor:
        """(n, emotions), of embeddings of length 1."""
        return self.scale * embedding @ normalize(self.classify.weight).T

    def prototypes(self) -> np.ndarray:
        """The emotion embeddings: class weights brought to length 1, (emotions, dim) float32."""
        return normalize(self.classify.weight.detach()).cpu().numpy()


@dataclass(frozen=True, kw_only=True)
class Job:
    """One training: a network by its part's name, its corpus, and who plays which role.

    frames: (frames, bins) of each clip; emotion: (n,) in [0, n_emotions); roles: positions of the
    clips under train, valid and test; seed: what all randomness follows from.
    """

    network: str
    window: WindowParams
    schedule: Schedule
    frames: Sequence[np.ndarray]
    emotion: np.ndarray
    n_emotions: int
    roles: Mapping[str, np.ndarray]
    seed: tuple[int, ...]
    device: str


@dataclass(frozen=True, kw_only=True)
class Trained:
    """What a training leaves: `embedding` (n, dim) of all its clips, the emotion embeddings
    `prototypes` (emotions, dim) of length 1, and each phase's best validation accuracy."""

    embedding: np.ndarray
    prototypes: np.ndarray
    accuracy: Sequence[float]


def train(job: Job, tick: Callable[[], object] = lambda: None) -> Trained:
    """Train a network on one thread, so that the number of cores does not show."""
    device = torch.device(job.device)
    with seeded(job.seed, device):
        encoder = parts.load("encoders", job.network).Encoder(job.window, job.frames[0].shape[1])
        network = Classified(encoder, job.window.dim, job.n_emotions, job.schedule.scale)
        network.to(device)
        frames = Frames(job.frames, job.emotion, device)
        roles = (job.roles["train"], job.roles["valid"])
        accuracy = fit(network, frames, roles, job.schedule, np.random.default_rng(job.seed))
        embedding = embed(network, frames, np.arange(len(job.emotion)))
    tick()
    return Trained(embedding=embedding, prototypes=network.prototypes(), accuracy=accuracy)


def fit(
    network: Classified,
    frames: Frames,
    roles: tuple[np.ndarray, np.ndarray],
    schedule: Schedule,
    generator: np.random.Generator,
    on_epoch: Callable[[], object] = lambda: None,
) -> list[float]:
    """Train in place, in two phases; the best validation accuracy of each phase that ran.

    roles: positions in `frames` of training and of validation clips. Phase 1 descends the
    cross-entropy, phase 2 its sum with the triplet loss; each starts from the best weights so far
    and ends with its own best. An accuracy counts as better where it is larger by `min_gain`;
    without validation clips all epochs run and the last weights stay. Stochastic gradient descent
    with momentum: the paper names no optimiser.
    """
    train, valid = roles
    best = []
    for phase, epochs in zip(PHASES, schedule.epochs, strict=True):
        if epochs == 0:
            continue
        optimiser = torch.optim.SGD(
            network.parameters(), lr=schedule.rates[0], momentum=schedule.momentum
        )
        top, kept, since = -inf, None, 0
        for epoch in range(epochs):
            share = epoch / max(epochs - 1, 1)
            rate = schedule.rates[0] + share * (schedule.rates[1] - schedule.rates[0])
            for group in optimiser.param_groups:
                group["lr"] = rate
            _epoch(network, frames, train, phase, schedule, optimiser, generator)
            on_epoch()
            if not len(valid):
                continue
            accuracy = _accuracy(network, frames, valid)
            since += 1
            if accuracy >= top + schedule.min_gain:
                top, since = accuracy, 0
                kept = {name: value.clone() for name, value in network.state_dict().items()}
            if since >= schedule.patience:
                break
        if kept is not None:
            network.load_state_dict(kept)
            best.append(top)
    return best


def _epoch(network, frames, train, phase, schedule, optimiser, generator) -> None:
    network.train()
    order = generator.permutation(np.repeat(train, schedule.windows))
    for first in range(0, len(order), schedule.batch_size):
        clips = order[first : first + schedule.batch_size]
        if len(clips) < 2:  # batch normalisation needs two
            continue
        windows = frames.draw(clips, network.encoder.window_frames, generator)
        emotion = torch.from_numpy(frames.emotion[clips]).to(windows.device)
        embedding = network.encoder.of_windows(windows)
        loss = cross_entropy(network.logits(embedding), emotion)
        if phase == "triplet":
            triplets = random_triplets(frames.emotion[clips], generator)
            loss = loss + triplet_loss(embedding, triplets, schedule.margin)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()


def random_triplets(emotion: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """For each anchor another item of its emotion and one of another, at random: (3, n) int64.

    Anchors that lack either have no triplet (kumar2021, section III-B: "chosen at random, and all
    the speech utterances are covered").
    """
    n = len(emotion)
    same = (emotion[:, None] == emotion) & ~np.eye(n, dtype=bool)
    other = emotion[:, None] != emotion
    anchors = np.flatnonzero(same.any(axis=1) & other.any(axis=1))
    chances = generator.random((2, len(anchors), n))
    positive = np.where(same[anchors], chances[0], -1).argmax(axis=1)
    negative = np.where(other[anchors], chances[1], -1).argmax(axis=1)
    return np.stack([anchors, positive, negative])


def triplet_loss(embedding: Tensor, triplets: np.ndarray, margin: float) -> Tensor:
    """Mean of max(0, cos(a, n) - cos(a, p) + margin), zero without triplets (kumar2021, eq. 2, 3).

    embedding: (n, dim), rows of length 1; triplets: (3, triplets) positions.
    """
    anchor, positive, negative = (embedding[torch.from_numpy(rows)] for rows in triplets)
    gap = ((negative - positive) * anchor).sum(dim=1)
    return (gap + margin).relu().sum() / max(len(anchor), 1)


def embed(network: Classified, frames: Frames, clips: np.ndarray) -> np.ndarray:
    """Embeddings of whole clips, in the order of `clips`: (n, dim) float32, of length at most 1."""
    network.eval()
    clips = np.asarray(clips, dtype=np.int64)
    order = np.argsort(frames.lengths[clips], kind="stable")
    rows = np.empty((len(clips), network.classify.in_features), np.float32)
    size = max(_EMBEDDED_FRAMES // int(frames.lengths[clips].max(initial=1)), 1)
    with torch.inference_mode():
        for first in range(0, len(order), size):
            part = order[first : first + size]
            rows[part] = network.encoder(*frames.padded(clips[part])).embedding.cpu().numpy()
    return rows


def _accuracy(network: Classified, frames: Frames, clips: np.ndarray) -> float:
    """Share of the clips whose emotion embedding is the one of the smallest angle."""
    nearest = (embed(network, frames, clips) @ network.prototypes().T).argmax(axis=1)
    return metrics.accuracy(frames.emotion[clips], nearest)

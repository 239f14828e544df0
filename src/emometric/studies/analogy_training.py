"""Train a twin to say of two clips whether they are one emotion, as ntalampiras2020 does."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf

import numpy as np
import torch
from torch import Tensor, nn

from emometric.fitting.batch import Batch, Encoded
from emometric.fitting.seeding import seeded
from emometric.layers.pairs import Pairs, pair_cross_entropy
from emometric.layers.picture_twin import Twin, TwinParams, start_weights
from emometric.losses import pairwise_similarity, softmax
from emometric.studies import analogy_maps, change_detection
from emometric.studies.analogy_pictures import Extracted, Pictures
from emometric.studies.augmentation import Augmentation
from emometric.studies.siamese_training import draw

PAIRS = ("all", "sampled")
_EMBEDDED = 32  # clips at once, of like lengths
_SHOWN = 8  # training clips of an emotion with which validation clips are compared


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """How long and how fast.

    batch_size: clips of a batch, the emotions alike; check_every: epochs from one validation to
    the next; patience: training ends where so many validations in a row have brought nothing;
    weight_decay: AdamW's; crop_rows: frames of a log-Mel picture that are seen at once, a new
    random place each time.
    """

    batch_size: int
    check_every: int
    patience: int
    weight_decay: float
    crop_rows: int


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What is trained: features by name; the twin's sizes; epochs: at most so many; rate: the
    largest learning rate, reached after a tenth of all steps, then falling along a cosine; pairs:
    `all` of a batch, or `sampled`, half as many pairs as clips, half of them similar; softmax:
    weight of a cross-entropy beside; augmentation: None: pictures as they are."""

    features: tuple[str, ...]
    twin: TwinParams
    epochs: int
    rate: float
    pairs: str
    softmax: float
    augmentation: Augmentation | None


@dataclass(frozen=True, kw_only=True)
class Job:
    """One training.

    pictures: the features' values of all clips; emotion: (n,) in [0, n_emotions); roles: positions
    under train, valid and test; seed: what all randomness follows from; is_shown: maps are drawn
    of one test clip of each emotion.
    """

    recipe: Recipe
    schedule: Schedule
    pictures: Mapping[str, Extracted]
    emotion: np.ndarray
    n_emotions: int
    roles: Mapping[str, np.ndarray]
    seed: tuple[int, ...]
    device: str
    is_shown: bool = False


@dataclass(frozen=True, kw_only=True)
class Trained:
    """What a training leaves: `embedding` (n, dim) of all clips; the head's `weight` (dim,) and
    `bias`, which make a similarity of |difference|; epochs up to the best validation, and its
    AUROC of similar over dissimilar pairs (NaN without validation clips); maps: by role, of a clip.
    """

    embedding: np.ndarray
    weight: np.ndarray
    bias: float
    epochs: int
    valid_auroc: float
    maps: Sequence[analogy_maps.Map] = field(default_factory=tuple)

    def similarity(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """In (0, 1), of each clip of `first` to each of `second`, positions: (m, n) float64.

        A clip at a time: |difference| of all pairs at once would take (m, n, dim).
        """
        embedding, weight = self.embedding.astype(np.float64), self.weight.astype(np.float64)
        others = embedding[second]
        logits = [np.abs(others - embedding[row]) @ weight + self.bias for row in first]
        return 1 / (1 + np.exp(-np.reshape(logits, (len(first), len(second)))))


class Network(nn.Module):
    """A twin with what its losses own: the head on |difference| and the class layer beside it."""

    def __init__(self, recipe: Recipe, pictures: Mapping[str, Pictures], n_emotions: int):
        super().__init__()
        self.twin = Twin({name: pictures[name].branch for name in recipe.features}, recipe.twin)
        names = tuple(map(str, range(n_emotions)))
        self.pairwise = pairwise_similarity.Loss(
            pairwise_similarity.Params(nodes=0), self.twin.dim, names
        )
        self.softmax = softmax.Loss(softmax.Params(label_smoothing=0.0), self.twin.dim, names)
        if recipe.twin.start == "narrow":
            start_weights(self.pairwise.head, "narrow")


def train(job: Job, tick: Callable[[], object] = lambda: None) -> Trained:
    """Train one network on one thread, so that the number of cores does not show."""
    device = torch.device(job.device)
    with seeded(job.seed, device):
        pictures = {
            name: job.pictures[name].standardised(job.roles["train"], device)
            for name in job.recipe.features
        }
        network = Network(job.recipe, pictures, job.n_emotions).to(device)
        epochs, auroc = _fit(network, pictures, job, np.random.default_rng(job.seed))
        embedding = embed(network.twin, pictures, np.arange(len(job.emotion)))
        trained = _left(network, embedding, epochs, auroc)
        if job.is_shown:
            shown = analogy_maps.shown(trained.similarity, job.emotion, job.roles)
            maps = analogy_maps.draw(network.twin, network.pairwise, pictures, shown)
            trained = _left(network, embedding, epochs, auroc, maps)
    tick()
    return trained


def _left(network, embedding, epochs, auroc, maps=()) -> Trained:
    head = network.pairwise.head[0]
    return Trained(
        embedding=embedding,
        weight=head.weight.detach().cpu().numpy()[0],
        bias=float(head.bias.detach()),
        epochs=epochs,
        valid_auroc=auroc,
        maps=maps,
    )


def _fit(
    network: Network,
    pictures: Mapping[str, Pictures],
    job: Job,
    generator: np.random.Generator,
) -> tuple[int, float]:
    """Train in place and keep the weights of the best validation: its epoch and its AUROC.

    Without validation clips all epochs run, the last weights stay, and the AUROC is NaN.
    """
    schedule, rows = job.schedule, job.roles["train"]
    epochs, rate = job.recipe.epochs, job.recipe.rate
    known, label = np.unique(job.emotion[rows], return_inverse=True)
    labels = np.zeros(len(job.emotion), dtype=np.int64)
    labels[rows] = label  # without gaps, since every emotion has its part of a batch
    steps = max(1, len(rows) // schedule.batch_size)
    index, mask = draw(
        labels,
        rows,
        n_emotions=len(known),
        per_emotion=max(2, schedule.batch_size // len(known)),
        steps=steps * epochs,
        generator=generator,
    )
    adam = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=schedule.weight_decay)
    pace = torch.optim.lr_scheduler.OneCycleLR(
        adam, rate, total_steps=len(index) + 1, pct_start=0.1, cycle_momentum=False
    )
    validation = _Validation(job, generator)
    drawing = torch.Generator().manual_seed(int(generator.integers(2**62)))
    best, kept, at, since = -inf, None, epochs, 0
    for step, clips in enumerate(index[:, mask]):
        if step % steps == 0:
            network.train()
        loss = _loss(network, pictures, job, clips, generator, drawing)
        adam.zero_grad(set_to_none=True)
        loss.backward()
        adam.step()
        pace.step()
        epoch = (step + 1) // steps
        is_time = (step + 1) % (steps * schedule.check_every) == 0 or step + 1 == len(index)
        if not (is_time and validation.is_possible):
            continue
        auroc = validation.auroc(network, pictures)
        since += 1
        if auroc > best:
            best, at, since = auroc, epoch, 0
            kept = {name: value.clone() for name, value in network.state_dict().items()}
        if since >= schedule.patience:
            break
        network.train()
    if kept is None:
        return epochs, float("nan")
    network.load_state_dict(kept)
    return at, best


def _loss(network, pictures, job, clips, generator, drawing) -> Tensor:
    given = {
        name: one.batch(clips, job.schedule.crop_rows, generator, drawing, job.recipe.augmentation)
        for name, one in pictures.items()
    }
    device = torch.device(job.device)
    with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
        embedding = network.twin(given).float()
    emotion = torch.from_numpy(job.emotion[clips]).to(device)
    pairs = Pairs(len(clips), device)
    same = pairs.same(emotion[None])
    present = torch.ones_like(same)
    if job.recipe.pairs == "sampled":
        present = sample_pairs(same.cpu().numpy()[0], len(clips) // 2, generator)
        present = torch.from_numpy(present)[None].to(device)
    logits = network.pairwise.logits(pairs.differences(embedding[None]))
    loss = pair_cross_entropy(logits, same, present).squeeze(0)
    if job.recipe.softmax:
        batch = Batch(features=embedding, lengths=emotion, emotion=emotion, speaker=emotion)
        loss = loss + job.recipe.softmax * network.softmax(Encoded(embedding=embedding), batch)
    return loss


def sample_pairs(same: np.ndarray, n_pairs: int, generator: np.random.Generator) -> np.ndarray:
    """Which pairs are drawn, (pairs,) bool: `n_pairs`, half of them similar, none twice.

    same: (pairs,) bool. Where one kind has too few pairs, all of them are drawn.

    ntalampiras2020, section 4.2: "equally distributed similar and dissimilar input pairs were
    produced randomly".

    >>> drawn = sample_pairs(np.array([True] * 5 + [False] * 9), 6, np.random.default_rng(0))
    >>> int(drawn[:5].sum()), int(drawn[5:].sum())
    (3, 3)
    """
    drawn = np.zeros(len(same), dtype=bool)
    for kind in (True, False):
        places = generator.permutation(np.flatnonzero(same == kind))
        drawn[places[: max(1, n_pairs // 2)]] = True
    return drawn


class _Validation:
    """AUROC of similar over dissimilar pairs, of a validation clip and a training clip each.

    A few training clips of each emotion stand for the support.
    """

    def __init__(self, job: Job, generator: np.random.Generator):
        self.valid, self.emotion = job.roles["valid"], job.emotion
        order = generator.permutation(job.roles["train"])
        self.shown = np.concatenate(
            [order[job.emotion[order] == one][:_SHOWN] for one in np.unique(job.emotion[order])]
        )
        same = job.emotion[self.valid][:, None] == job.emotion[self.shown]
        self.is_possible = bool(same.any() and not same.all())
        self.same = same

    def auroc(self, network: Network, pictures: Mapping[str, Pictures]) -> float:
        embedding = embed(network.twin, pictures, np.concatenate([self.valid, self.shown]))
        trained = _left(network, embedding, 0, 0.0)
        n_valid = len(self.valid)
        values = trained.similarity(np.arange(n_valid), np.arange(n_valid, len(embedding)))
        return change_detection.auroc(values[self.same], values[~self.same])


def embed(twin: Twin, pictures: Mapping[str, Pictures], clips: np.ndarray) -> np.ndarray:
    """Embeddings of whole clips, in the order of `clips`: (n, dim) float32, in eval()."""
    twin.eval()
    clips = np.asarray(clips, dtype=np.int64)
    lengths = max((one.lengths[clips] for one in pictures.values()), key=lambda value: value.max())
    order = np.argsort(lengths, kind="stable")
    rows = np.empty((len(clips), twin.dim), np.float32)
    with torch.inference_mode():
        for first in range(0, len(order), _EMBEDDED):
            part = order[first : first + _EMBEDDED]
            given = {name: one.whole(clips[part]) for name, one in pictures.items()}
            rows[part] = twin(given).float().cpu().numpy()
    return rows

"""Fit an encoder and its loss to the training clips of one fold, and embed clips with it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf, isfinite, nan

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import normalize

from emometric.base import parts
from emometric.base.errors import ParameterError
from emometric.fitting.batch import Batch
from emometric.fitting.checkpoint import Network
from emometric.layers.frame_mask import frame_mask
from emometric.scoring import metrics

MAX_FRAMES = 6400  # of a batch that is embedded, padding included: bounds the memory
REFERENCE_CLIPS = 16  # training clips an emotion that stand for it in the validation curve


@dataclass(frozen=True, kw_only=True)
class Params:
    """sampler: a part's name; crop_s: seconds of each clip and epoch; decay_every: epochs after
    which the learning rate falls to a tenth."""

    sampler: str
    batch_size: int
    epochs: int
    crop_s: float
    learning_rate: float
    decay_every: int

    def __post_init__(self):
        parts.check_name("samplers", self.sampler, parts.available("samplers"))
        for name, least in (("batch_size", 2), ("epochs", 1), ("decay_every", 1)):
            value = getattr(self, name)
            if not isinstance(value, int) or value < least:
                raise ParameterError(
                    f"params.yaml: training.{name} is {value}; write a whole number from {least}."
                )
        for name in ("crop_s", "learning_rate"):
            if not 0 < getattr(self, name) < inf:
                raise ParameterError(
                    f"params.yaml: training.{name} is {getattr(self, name)}; "
                    "write a number above 0."
                )


@dataclass(frozen=True, kw_only=True)
class Epoch:
    """One row of the curve: `number` from 1; valid_uar is NaN where no clip validates."""

    number: int
    learning_rate: float
    train_loss: float
    valid_uar: float


class Clips:
    """Frame sequences with labels, end to end in one float16 tensor: crops are cheap to take.

    features: each (frames, bins), frames >= 1; emotion, speaker: (n,) int64; affect: (n, 2)
    activation and valence, NaN where nobody rated, or None. The tensor lies on `device` where it
    takes at most half of the free memory there, else on the CPU.
    """

    def __init__(
        self,
        features: Sequence[np.ndarray],
        emotion: np.ndarray,
        speaker: np.ndarray,
        device: torch.device,
        affect: np.ndarray | None = None,
    ):
        self.device = device
        self.affect = None if affect is None else torch.from_numpy(np.array(affect, np.float32))
        self.emotion, self.speaker = np.asarray(emotion), np.asarray(speaker)
        self.lengths = np.array([len(one) for one in features], dtype=np.int64)
        self.starts = np.cumsum(self.lengths) - self.lengths
        frames = torch.from_numpy(np.concatenate([np.asarray(one, np.float16) for one in features]))
        fits = device.type != "cuda" or frames.nbytes < torch.cuda.mem_get_info(device)[0] / 2
        self.frames = frames.to(device) if fits else frames

    def __len__(self) -> int:
        return len(self.lengths)

    @property
    def n_bins(self) -> int:
        return self.frames.shape[1]

    def batch(self, positions: np.ndarray, begin: np.ndarray, frames: int) -> Batch:
        """Pieces of at most `frames` frames from frame `begin` on, zero behind a clip's end."""
        home = self.frames.device
        lengths = torch.from_numpy(np.minimum(self.lengths[positions] - begin, frames)).to(home)
        first = torch.from_numpy(self.starts[positions] + begin).to(home)
        index = (first[:, None] + torch.arange(frames, device=home)).clamp_(
            max=len(self.frames) - 1
        )
        mask = frame_mask(lengths, frames)[:, :, None]
        features = self.frames[index].float().masked_fill_(~mask, 0.0)
        return Batch(
            features=features.to(self.device),
            lengths=lengths.to(self.device),
            emotion=torch.from_numpy(self.emotion[positions]).to(self.device),
            speaker=torch.from_numpy(self.speaker[positions]).to(self.device),
            affect=None if self.affect is None else self.affect[positions].to(self.device),
        )

    def crops(self, positions: np.ndarray, frames: int, where: np.ndarray) -> Batch:
        """A piece of `frames` of each clip; `where` in [0, 1] slides it from start to end."""
        room = np.maximum(self.lengths[positions] - frames, 0)
        return self.batch(
            positions, np.floor(where * (room + 1)).clip(max=room).astype(int), frames
        )


def fit(
    network: Network,
    clips: Clips,
    roles: tuple[np.ndarray, np.ndarray],
    params: Params,
    *,
    crop_frames: int,
    seed: Sequence[int],
    on_epoch: Callable[[Epoch], None] = lambda epoch: None,
) -> list[Epoch]:
    """Train `network` in place; it ends with the weights of the epoch of the best validation UAR.

    roles: positions in `clips` of the training and of the validation clips; without validation
    clips the last epoch's weights stay. A tie goes to the later epoch. Adam; each epoch draws its
    batches by the sampler and of each clip one random piece of `crop_frames` (a shorter clip is
    padded). All randomness follows from `seed`, and on one machine equal seeds give equal weights.

    The validation UAR: each whole validation clip goes to the emotion whose mean embedding has the
    largest cosine with its own. The means are those of at most `REFERENCE_CLIPS` training clips an
    emotion, the same in all epochs, of their middle pieces: a rule that costs little.
    Raises ParameterError where the loss is not finite.
    """
    train, valid = roles
    sampling, cropping, choosing = map(np.random.default_rng, np.random.SeedSequence(seed).spawn(3))
    draw = parts.load("samplers", params.sampler).draw
    reference = _reference(clips.emotion, train, choosing)
    optimiser = torch.optim.Adam(network.parameters(), lr=params.learning_rate)
    curve: list[Epoch] = []
    best, kept = -1.0, None
    for number in range(1, params.epochs + 1):
        rate = params.learning_rate / 10 ** ((number - 1) // params.decay_every)
        for group in optimiser.param_groups:
            group["lr"] = rate
        network.train()
        losses = []
        order = draw(clips.emotion[train], clips.speaker[train], params.batch_size, sampling)
        for positions in order:
            where = cropping.random(len(positions))
            batch = clips.crops(train[positions], crop_frames, where)
            losses.append(step(network, batch, optimiser))
        loss = float(torch.stack(losses).mean())
        if not isfinite(loss):
            raise ParameterError(
                f"training, epoch {number}: the loss is not a finite number; lower "
                f"training.learning_rate in params.yaml (now {params.learning_rate})."
            )
        uar = _valid_uar(network, clips, reference, valid, crop_frames) if len(valid) else nan
        curve.append(Epoch(number=number, learning_rate=rate, train_loss=loss, valid_uar=uar))
        if uar >= best:
            best = uar
            kept = {name: value.clone() for name, value in network.state_dict().items()}
        on_epoch(curve[-1])
    if kept is not None:
        network.load_state_dict(kept)
    return curve


def best_epoch(curve: Sequence[Epoch]) -> Epoch:
    """The epoch whose weights `fit` keeps."""
    if not isfinite(curve[-1].valid_uar):
        return curve[-1]
    return max(curve, key=lambda epoch: (epoch.valid_uar, epoch.number))


def embed(network: Network, clips: Clips, positions: np.ndarray) -> np.ndarray:
    """Embeddings of whole clips, in the order of `positions`: (n, dim) float32, not normalised.

    Clips of like length share a batch, so that little is padded.
    """
    network.eval()
    positions = np.asarray(positions, dtype=np.int64)
    lengths = clips.lengths[positions]
    rows: list[Tensor] = []
    groups = _groups(lengths)
    with torch.inference_mode():
        for group in groups:
            chosen = positions[group]
            batch = clips.batch(chosen, np.zeros_like(chosen), int(lengths[group].max()))
            rows.append(network.encoder(batch.features, batch.lengths).embedding.float().cpu())
    embedding = torch.cat(rows).numpy()
    return embedding[np.argsort(np.concatenate(groups))]


def step(
    network: Network,
    batch: Batch,
    optimiser: torch.optim.Optimizer,
    *,
    bfloat16: bool | None = None,
) -> Tensor:
    """One step of the optimiser; the loss, detached.

    bfloat16: whether the encoder computes in it; None: on a GPU only. Sums, norms and the loss stay
    in float32.
    """
    optimiser.zero_grad(set_to_none=True)
    kind = batch.features.device.type
    narrow = kind == "cuda" if bfloat16 is None else bfloat16
    with torch.autocast(kind, dtype=torch.bfloat16, enabled=narrow):
        encoded = network.encoder(batch.features, batch.lengths)
    loss = network.loss(encoded, batch)
    loss.backward()
    optimiser.step()
    return loss.detach()


def _reference(emotion: np.ndarray, train: np.ndarray, generator: np.random.Generator):
    """Positions of at most REFERENCE_CLIPS training clips of each emotion."""
    shuffled = generator.permutation(train)
    return np.concatenate(
        [shuffled[emotion[shuffled] == one][:REFERENCE_CLIPS] for one in np.unique(emotion[train])]
    )


def _valid_uar(network, clips: Clips, reference, valid, crop_frames: int) -> float:
    network.eval()
    with torch.inference_mode():
        pieces = clips.crops(reference, crop_frames, np.full(len(reference), 0.5))
        known = normalize(network.encoder(pieces.features, pieces.lengths).embedding.float())
    known = known.cpu().numpy()
    labels = np.unique(clips.emotion[reference])
    means = np.stack([known[clips.emotion[reference] == one].mean(axis=0) for one in labels])
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    predicted = labels[(embed(network, clips, valid) @ means.T).argmax(axis=1)]
    return metrics.uar(clips.emotion[valid], predicted)


def _groups(lengths: np.ndarray) -> list[np.ndarray]:
    """Rows by rising length, in groups of at most MAX_FRAMES frames when padded, or of one row."""
    order = np.argsort(lengths, kind="stable")
    groups, first = [], 0
    for last in range(1, len(order) + 1):
        if last == len(order) or (last + 1 - first) * lengths[order[last]] > MAX_FRAMES:
            groups.append(order[first:last])
            first = last
    return groups

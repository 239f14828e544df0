"""Teach an encoder speakers: softmax over those who train, the epoch chosen by others' trials."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import chain, count, islice
from math import inf, isfinite, nan

import numpy as np
import pandas as pd
import torch

from emometric import ranges
from emometric.base.errors import ParameterError
from emometric.fitting import spectrum_input, training
from emometric.fitting.batch import Batch
from emometric.fitting.checkpoint import Network
from emometric.pretraining import verification
from emometric.pretraining.speaker_roles import Shares
from emometric.pretraining.training_state import State
from emometric.samplers import emotion_balanced
from emometric.studies.spectrum_training import Schedule, masked, optimiser_of, rate_at

SETTLING = 30  # batches: what is left of the first statistics is 0.9 ** 30
_WHERE = "pretraining"
_LEAST = {
    "clips_a_speaker": 2,
    "batch_size": 2,
    "batches": 1,
    "epochs": 1,
    "bin_mask": 0,
    "frame_mask": 0,
    "n_masks": 0,
}


@dataclass(frozen=True, kw_only=True)
class Params:
    """corpora, feature: by name; join_bins, compress: see `spectrum_input.Params`; test_share,
    valid_share, clips_a_speaker: see `speaker_roles.Shares`; batches: of an epoch, None: as many as
    show each training clip once on average; crop_s: seconds of each piece; learning_rate: the
    largest of one cycle; the rest: see `spectrum_training.Schedule`."""

    corpora: Sequence[str]
    feature: str
    join_bins: int
    compress: str
    test_share: float
    valid_share: float
    clips_a_speaker: int
    batch_size: int
    batches: int | None
    epochs: int
    crop_s: float
    learning_rate: float
    weight_decay: float
    label_smoothing: float
    bin_mask: int
    frame_mask: int
    n_masks: int

    def __post_init__(self):
        if not isinstance(self.corpora, list | tuple) or not self.corpora:
            raise ParameterError(
                f"params.yaml: {_WHERE}.corpora names no corpus; write one a line."
            )
        for name in ("test_share", "valid_share", "label_smoothing"):
            ranges.check_share(f"{_WHERE}.{name}", getattr(self, name))
        for name, least in _LEAST.items():
            if name != "batches" or self.batches is not None:
                ranges.check_whole(f"{_WHERE}.{name}", getattr(self, name), least)
        for name in ("crop_s", "learning_rate", "weight_decay"):
            value = getattr(self, name)
            if not 0 <= value < inf or (value == 0 and name != "weight_decay"):
                raise ParameterError(
                    f"params.yaml: {_WHERE}.{name} is {value}; write a number above 0."
                )

    @property
    def input(self) -> spectrum_input.Params:
        return spectrum_input.Params(join_bins=self.join_bins, compress=self.compress, where=_WHERE)

    def schedule(self, crop_frames: int) -> Schedule:
        """As mocanu2021's own training takes it, for one part."""
        return Schedule(
            epochs=(self.epochs, 0),
            rates=(self.learning_rate, 0.0),
            batch_size=self.batch_size,
            crop_frames=crop_frames,
            weight_decay=self.weight_decay,
            label_smoothing=self.label_smoothing,
            bin_mask=self.bin_mask,
            frame_mask=self.frame_mask,
            n_masks=self.n_masks,
            bfloat16=True,
        )

    @property
    def shares(self) -> Shares:
        return Shares(test=self.test_share, valid=self.valid_share, clips=self.clips_a_speaker)


@dataclass(frozen=True, kw_only=True)
class Epoch:
    """One row of the curve: `number` from 1; valid_eer is NaN where nobody validates."""

    number: int
    learning_rate: float
    train_loss: float
    valid_eer: float


@dataclass(frozen=True, kw_only=True)
class Utterances:
    """Utterances to verify speakers on: `table` has a row a clip (id, corpus, speaker), in the
    order of `clips`."""

    table: pd.DataFrame
    clips: training.Clips


@dataclass(frozen=True, kw_only=True)
class Material:
    """What a network learns from and is chosen by: training clips, whose `emotion` counts the
    speakers; the frames of a piece; and utterances of others, or None."""

    clips: training.Clips
    crop_frames: int
    valid: Utterances | None


def fit(
    network: Network,
    material: Material,
    params: Params,
    *,
    seed: Sequence[int],
    kept: State,
    on_epoch: Callable[[Epoch], None] = lambda epoch: None,
) -> list[Epoch]:
    """Train `network` in place; it ends with the weights of the epoch that validates best.

    That is the lowest equal error rate over the trials of `material.valid`; a tie goes to the later
    one; without `valid` the last epoch's weights stay. A batch holds as many speakers as it can,
    each speaker as often as any other over the epochs, and a random piece of each clip. Each epoch
    draws from `seed` and its number alone, so that a run taken up again from `kept` gives the same
    weights as one in one go. Raises ParameterError where the loss is not finite.

    Departures from mocanu2021, section 4.3 (Adam at 0.001, a tenth every 20 epochs): decoupled
    weight decay, one cycle of the learning rate, blanked stripes, since 300 speakers with little
    speech each are learned by heart within ten epochs.
    """
    schedule = params.schedule(material.crop_frames)
    optimiser = optimiser_of(network, schedule)
    rows, best = kept.load(network, optimiser)
    curve = [Epoch(**row) for row in rows]
    for epoch in curve:
        on_epoch(epoch)
    for number in range(len(curve) + 1, params.epochs + 1):
        rate = rate_at((number - 0.5) / params.epochs, params.learning_rate)
        for group in optimiser.param_groups:
            group["lr"] = rate
        network.train()
        losses = [
            training.step(network, batch, optimiser, bfloat16=True)
            for batch in _batches(material, params, [*seed, number])
        ]
        loss = float(torch.stack(losses).mean())
        if not isfinite(loss):
            raise ParameterError(
                f"pre-training, epoch {number}: the loss is not a finite number; lower "
                f"pretraining.learning_rate in params.yaml (now {params.learning_rate})."
            )
        found = nan if material.valid is None else valid_eer(network, material.valid)
        curve.append(Epoch(number=number, learning_rate=rate, train_loss=loss, valid_eer=found))
        if best_epoch(curve).number == number:
            best = {name: value.clone() for name, value in network.state_dict().items()}
        kept.save(network, optimiser, [asdict(epoch) for epoch in curve], best)
        on_epoch(curve[-1])
    network.load_state_dict(best)
    return curve


def best_epoch(curve: Sequence[Epoch]) -> Epoch:
    """The epoch whose weights `fit` keeps."""
    if not isfinite(curve[-1].valid_eer):
        return curve[-1]
    return min(curve, key=lambda epoch: (epoch.valid_eer, -epoch.number))


def valid_eer(network: Network, utterances: Utterances) -> float:
    """Equal error rate of the network on all trials of some utterances."""
    found = verify(network, utterances)
    return verification.eer(found["same"], found["score"])


def verify(network: Network, utterances: Utterances) -> pd.DataFrame:
    """The trials of some utterances, scored by the cosine of the network's embeddings."""
    every = np.arange(len(utterances.clips))
    return verification.trials(utterances.table, training.embed(network, utterances.clips, every))


def settle(network: Network, material: Material, params: Params, seed: Sequence[int]) -> None:
    """Give an untrained network the batch statistics of training pieces; no weight changes.

    So that what it is compared with is random weights, not activations out of range.
    """
    network.train()
    with torch.no_grad():
        for batch in islice(_batches(material, params, seed), SETTLING):
            network.encoder(batch.features, batch.lengths)


def _batches(material: Material, params: Params, seed: Sequence[int]) -> Iterator[Batch]:
    """One epoch's batches, drawn from `seed` alone."""
    sampling, cropping, masking = map(np.random.default_rng, np.random.SeedSequence(seed).spawn(3))
    schedule = params.schedule(material.crop_frames)
    clips = material.clips
    n_batches = params.batches or -(-len(clips) // params.batch_size)
    # The sampler balances labels; these are speakers here, and so are its speakers.
    rounds = (
        emotion_balanced.draw(clips.emotion, clips.speaker, params.batch_size, sampling)
        for _ in count()
    )
    for positions in islice(chain.from_iterable(rounds), n_batches):
        where = cropping.random(len(positions))
        batch = clips.crops(positions, material.crop_frames, where)
        yield replace(batch, features=masked(batch.features, schedule, masking))

"""Siamese perceptrons from corpus to corpus: trained, adapted and asked (feng2020, section 4)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from emometric.layers.pairs import Pairs, lengths, means_by_kind
from emometric.layers.stacked import generators
from emometric.layers.stacked_siamese import StackedSiamese
from emometric.studies import siamese_training
from emometric.studies.cell import Table
from emometric.studies.siamese_training import Clips, Schedule

_LEAST_CLIPS = 512  # of all batches of a stack together; see _train


@dataclass(frozen=True, kw_only=True)
class Program:
    """How the networks look, and how they are trained and asked.

    widths, decision_nodes: of `StackedSiamese`. On a whole corpus they train for `epochs` passes
    with `per_emotion` clips of each emotion in a batch; on the few clips that a target grants for
    the steps of `tuning`, with `tuning_per_emotion`. sums: whether a class's log-similarities are
    summed, as the paper says; else their mean, which does not favour classes with few clips.
    """

    n_emotions: int
    widths: tuple[int, ...]
    decision_nodes: int
    per_emotion: int
    epochs: int
    learning_rate: float
    tuning_per_emotion: int
    tuning: Schedule
    sums: bool


@dataclass(frozen=True)
class Labelled:
    """The clips of a corpus that have one of the study's emotions; emotion: (n,) int64."""

    table: Table
    emotion: np.ndarray

    @classmethod
    def of(cls, table: Table, emotions: Sequence[str]) -> "Labelled":
        position = {emotion: index for index, emotion in enumerate(emotions)}
        kept = table.take(table.clips["emotion"].isin(emotions).to_numpy(dtype=bool))
        return cls(kept, kept.clips["emotion"].map(position).to_numpy(dtype=np.int64))

    @property
    def speaker(self) -> np.ndarray:
        """(n,) of str."""
        return self.table.clips["speaker"].to_numpy(dtype=str)

    def take(self, rows: np.ndarray) -> "Labelled":
        """Some clips, in the order of their ids: a mask over all, or rising positions."""
        return Labelled(self.table.take(rows), self.emotion[rows])

    def truth(self, rows: np.ndarray | slice = slice(None)) -> pd.DataFrame:
        """Rows id, speaker, emotion, as an outcome holds them."""
        return self.table.clips.loc[rows, ["id", "speaker", "emotion"]].reset_index(drop=True)

    def of_fold(self, fold: int) -> np.ndarray:
        """(n,) bool: the clips of one speaker, in the order of their names."""
        return self.speaker == np.unique(self.speaker)[fold]


@dataclass(frozen=True)
class Networks:
    """Trained networks, a cell each, with what standardised their inputs, and their last loss.

    mean, deviation: (cells, width) float64; loss: (cells,), mean cross-entropy of the last tenth
    of steps.
    """

    stack: StackedSiamese
    mean: np.ndarray
    deviation: np.ndarray
    loss: np.ndarray

    @torch.no_grad()
    def embed(self, cell: int, values: np.ndarray) -> torch.Tensor:
        """Embeddings of any clips by one cell's network: (n, width) -> (n, dim) on its device."""
        standard = (values - self.mean[cell]) / self.deviation[cell]
        weight = self.stack.layers[0].weight
        embedding = torch.tensor(standard, dtype=weight.dtype, device=weight.device)
        for layer in self.stack.layers:
            embedding = torch.addmm(layer.bias[cell], embedding, layer.weight[cell]).relu()
        return embedding

    def scores(
        self,
        cell: int,
        query: torch.Tensor,
        support: torch.Tensor,
        emotion: np.ndarray,
        how: Program,
    ) -> np.ndarray:
        """Log-similarity of each query to each emotion: (m, n_emotions) float64.

        query, support: embeddings; emotion: (s,) of the support. -inf without support.
        """
        labels = torch.tensor(emotion, device=support.device)
        means = self.stack.log_similarity(cell, query, support, labels, how.n_emotions)
        counts = np.bincount(emotion, minlength=how.n_emotions) if how.sums else np.ones(1)
        return means.cpu().numpy() * np.maximum(counts, 1)

    def same_over_different(self, embedding: torch.Tensor, emotion: np.ndarray) -> float:
        """S / D over all pairs of some clips, the ratio that the relative distance loss lowers."""
        pairs = Pairs(len(embedding), embedding.device)
        same = pairs.same(torch.tensor(emotion, device=embedding.device)[None])
        lengths_of = lengths(pairs.differences(embedding[None]))
        near, far, _ = means_by_kind(lengths_of, same, torch.ones_like(same))
        return float(near / far)


def train_whole(
    corpus: Labelled, rows: Sequence[np.ndarray], seeds: Sequence[int], how: Program, device: str
) -> Networks:
    """One network a cell from its seed on the clips `rows` of a corpus, all cells in one program.

    Each is standardised by the mean and deviation of its own rows. As many steps as `epochs`
    passes through the corpus take, the same for every cell, whoever trains beside it.
    """
    n_held = len(np.unique(corpus.emotion))
    steps = how.epochs * -(-len(corpus.emotion) // (how.per_emotion * n_held))
    schedule = Schedule(
        steps=steps, learning_rate=how.learning_rate, relative_rate=0.0, limit=how.tuning.limit
    )
    stack = StackedSiamese(
        generators(seeds), corpus.table.values.shape[1], how.widths, how.decision_nodes
    )
    of_rows = [siamese_training.moments(corpus.table.values[own]) for own in rows]
    start = Networks(
        stack.to(device),
        np.stack([mean for mean, _ in of_rows]),
        np.stack([deviation for _, deviation in of_rows]),
        np.zeros(len(rows)),
    )
    return _train(start, corpus, rows, seeds, how, schedule, how.per_emotion, 0)


def fine_tune(
    start: Networks,
    parents: Sequence[int],
    corpus: Labelled,
    rows: Sequence[np.ndarray],
    seeds: Sequence[int],
    how: Program,
    *,
    frozen: int,
    relative: bool,
) -> Networks:
    """Go on from the networks `parents` of `start` with the few clips `rows` of another corpus.

    The statistics of the source stay in use: its weights were trained under them, and a few clips
    give none. frozen: first feature layers that keep their weights; relative: with the relative
    distance loss.
    """
    parents = list(parents)
    schedule = Schedule(
        steps=how.tuning.steps,
        learning_rate=how.tuning.learning_rate,
        relative_rate=how.tuning.relative_rate if relative else 0.0,
        limit=how.tuning.limit,
    )
    copies = Networks(
        start.stack.take(parents),
        start.mean[parents],
        start.deviation[parents],
        start.loss[parents],
    )
    return _train(copies, corpus, rows, seeds, how, schedule, how.tuning_per_emotion, frozen)


def granted(
    target: Labelled, n_speakers: int, seed: int, n_emotions: int
) -> tuple[np.ndarray, set]:
    """One clip of each emotion from `n_speakers` random speakers: their rows, and the speakers.

    The speakers of a larger number include those of a smaller one under the same seed, with the
    same clips: points of one curve then differ by what was added. A speaker without an emotion
    grants none of it.
    """
    generator = np.random.default_rng([seed, 1])
    names = generator.permutation(np.unique(target.speaker))[:n_speakers]
    order = generator.permutation(len(target.emotion))
    kept = {
        (target.speaker[row], target.emotion[row]): row for row in order[::-1]
    }  # the first in `order` stays
    rows = [
        kept[name, emotion]
        for name in names
        for emotion in range(n_emotions)
        if (name, emotion) in kept
    ]
    return np.sort(np.array(rows, dtype=np.int64)), set(names.tolist())


def _train(
    start: Networks,
    corpus: Labelled,
    rows: Sequence[np.ndarray],
    seeds: Sequence[int],
    how: Program,
    schedule: Schedule,
    per_emotion: int,
    frozen: int,
) -> Networks:
    """Train copies of the networks of `start`, each on its own rows from its own seed.

    Small stacks are filled up with copies of their first cell, which are dropped: a product of a
    few small matrices takes another way through the library, with another last digit, and Adam and
    the ReLUs make a hundredth of that in some hundred steps. So a cell comes out the same, on one
    processor to the last digit, with whomever it trains.
    """
    device = start.stack.layers[0].weight.device
    n_least = -(-_LEAST_CLIPS // (per_emotion * how.n_emotions))
    own = list(range(len(rows)))
    filled = own + [0] * max(0, n_least - len(own))
    drawn = [
        siamese_training.draw(
            corpus.emotion,
            some,
            n_emotions=how.n_emotions,
            per_emotion=per_emotion,
            steps=schedule.steps,
            generator=np.random.default_rng([seed, 2]),
        )
        for some, seed in zip(rows, seeds, strict=True)
    ]
    clips = Clips(
        values=torch.tensor(corpus.table.values, device=device),
        emotion=torch.tensor(corpus.emotion, device=device),
        mean=torch.tensor(start.mean[filled], dtype=torch.float32, device=device),
        deviation=torch.tensor(start.deviation[filled], dtype=torch.float32, device=device),
    )
    batches = siamese_training.stack_batches([drawn[cell] for cell in filled], device)
    stack = start.stack.take(filled)
    loss = siamese_training.train(stack, clips, batches, schedule, frozen)
    return Networks(stack.take(own), start.mean, start.deviation, loss[own])

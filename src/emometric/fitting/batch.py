"""What travels between sampler, encoder and loss: a padded batch, and its embeddings."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

AFFECT = ("activation", "valence")  # columns of `Batch.affect`


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Padded features with their labels.

    features: (batch, frames, bins) float32, zero behind each clip's end.
    lengths: (batch,) int64, frames of each clip, at least 1.
    emotion: (batch,) int64, positions in the run's tuple of emotions.
    speaker: (batch,) int64.
    affect: (batch, 2) float32, activation and valence as somebody rated them, NaN where nobody
    did; None where no clip of the corpus has ratings.
    """

    features: Tensor
    lengths: Tensor
    emotion: Tensor
    speaker: Tensor
    affect: Tensor | None = None


@dataclass(frozen=True, kw_only=True)
class Encoded:
    """What an encoder makes of a batch: `embedding` (batch, dim)."""

    embedding: Tensor


def pad(sequences: Sequence[np.ndarray], *, length: int | None = None) -> tuple[Tensor, Tensor]:
    """Stack clips of unequal length: (batch, frames, bins) float32 and lengths (batch,) int64.

    sequences: each (frames, bins), any float type, at least one frame. Zeros fill up to the
    longest clip, or to `length` frames where that is longer.
    """
    lengths = [len(sequence) for sequence in sequences]
    padded = torch.zeros(
        len(sequences), max([*lengths, length or 0]), sequences[0].shape[1], dtype=torch.float32
    )
    for row, sequence in enumerate(sequences):
        padded[row, : len(sequence)] = torch.from_numpy(np.asarray(sequence, dtype=np.float32))
    return padded, torch.tensor(lengths, dtype=torch.int64)

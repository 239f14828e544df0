"""Contrastive loss: pairs of one emotion lie close, pairs of two at least a margin apart."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from emometric import ranges
from emometric.fitting.batch import Batch, Encoded
from emometric.layers import pairs


@dataclass(frozen=True, kw_only=True)
class Params:
    """margin: above 0, in units of the distance of unit vectors, [0, 2]."""

    margin: float

    def __post_init__(self):
        ranges.check_margin("losses.contrastive.margin", self.margin)


class Loss(nn.Module):
    """Half the mean of D^2 over similar pairs, and half that of [margin - D]+^2 over the others.

    Hadsell, Chopra and LeCun 2006, equations 2 to 4, on all pairs of the batch: similar have one
    emotion, dissimilar two. Each kind counts alike, whatever its number, as ntalampiras2020 draws
    equally many of both (section 4.2); a batch that lacks one kind gives zero. D is the Euclidean
    distance of L2-normalised embeddings, in [0, 2] (theirs are not normalised).
    """

    def __init__(self, params: Params, dim: int, emotions: Sequence[str]):
        super().__init__()
        self.margin = params.margin

    def forward(self, encoded: Encoded, batch: Batch) -> Tensor:
        embedding = encoded.embedding
        embedding = embedding if embedding.dtype == torch.float64 else embedding.float()
        every = pairs.Pairs(len(embedding), embedding.device)
        distance = pairs.lengths(every.differences(normalize(embedding, dim=1)[None]))
        same = every.same(batch.emotion[None])
        there = torch.ones_like(same)
        pull, _, both = pairs.means_by_kind(distance.square(), same, there)
        _, push, _ = pairs.means_by_kind((self.margin - distance).relu().square(), same, there)
        return torch.where(both, (pull + push) / 2, 0.0).squeeze(0)

"""Pairwise similarity loss: a small network says of two embeddings whether they are one emotion."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from emometric.base.errors import ParameterError
from emometric.fitting.batch import Batch, Encoded
from emometric.layers.pairs import Pairs, pair_cross_entropy


@dataclass(frozen=True, kw_only=True)
class Params:
    """nodes: of the decision layer between |difference| and the output, from 0 (none)."""

    nodes: int

    def __post_init__(self):
        if not isinstance(self.nodes, int) or isinstance(self.nodes, bool) or self.nodes < 0:
            raise ParameterError(
                f"params.yaml: losses.pairwise_similarity.nodes is '{self.nodes}'; write a whole "
                "number from 0."
            )


class Loss(nn.Module):
    """Cross-entropy of "one emotion or not" over all pairs of the batch, which a head decides.

    Head: |difference| of two embeddings -> `nodes` with ReLU -> one logit (feng2020, section 4);
    without nodes a weighted sum of |difference| (ntalampiras2020, section 3; Koch et al. 2015). It
    is the loss's own, and its `logits` are what a decision asks. Pairs of one emotion and pairs of
    two each have half of the weight; the papers draw equally many of both, or do not say. 0, with
    a zero gradient, where the batch lacks pairs of either kind.
    """

    def __init__(self, params: Params, dim: int, emotions: Sequence[str]):
        super().__init__()
        sizes = (dim, params.nodes, 1) if params.nodes else (dim, 1)
        self.head = nn.ModuleList(nn.Linear(*pair) for pair in itertools.pairwise(sizes))

    def logits(self, differences: Tensor) -> Tensor:
        """Logit of "one emotion": (..., dim) -> (...); the sign of a difference does not matter."""
        values = self.head[0](differences.abs())
        for layer in self.head[1:]:
            values = layer(values.relu())
        return values.squeeze(-1)

    def forward(self, encoded: Encoded, batch: Batch) -> Tensor:
        embedding = encoded.embedding
        embedding = embedding if embedding.dtype == torch.float64 else embedding.float()
        pairs = Pairs(len(embedding), embedding.device)
        same = pairs.same(batch.emotion[None])
        logits = self.logits(pairs.differences(embedding[None]))
        return pair_cross_entropy(logits, same, torch.ones_like(same)).squeeze(0)

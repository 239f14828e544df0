"""The siamese perceptron of feng2020, for many cells at once."""

import copy
import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from emometric.layers.stacked import StackedLinear

_PAIRS_AT_ONCE = 1 << 17  # in a decision: 8 MB for each array of 16 float32 a pair


class StackedSiamese(nn.Module):
    """Twins of fully connected layers with ReLU; |difference| of two embeddings -> similar or not.

    feng2020, section 4: layers of 64, 32 and 16 nodes and a decision layer of 16 nodes, read as a
    hidden layer with ReLU on |difference| before one output, the logit of "similar".
    cells: one generator a cell (`stacked.generators`); decision_nodes: 0 leaves the hidden layer
    out, and the output is a weighted sum of |difference| (Koch et al. 2015).
    """

    def __init__(
        self,
        cells: Sequence[torch.Generator],
        n_in: int,
        widths: Sequence[int],
        decision_nodes: int,
    ):
        super().__init__()
        sizes = (n_in, *widths)
        self.layers = nn.ModuleList(
            StackedLinear(cells, n_in, n_out) for n_in, n_out in itertools.pairwise(sizes)
        )
        head = (widths[-1], decision_nodes, 1) if decision_nodes else (widths[-1], 1)
        self.head = nn.ModuleList(
            StackedLinear(cells, n_in, n_out) for n_in, n_out in itertools.pairwise(head)
        )

    def encode(self, values: Tensor) -> Tensor:
        """(cells, n, n_in) -> embeddings (cells, n, dim), none negative."""
        for layer in self.layers:
            values = layer(values).relu()
        return values

    def logits(self, differences: Tensor) -> Tensor:
        """Logit of "similar" for each pair: (cells, pairs, dim) -> (cells, pairs)."""
        values = self.head[0](differences.abs())
        for layer in self.head[1:]:
            values = layer(values.relu())
        return values.squeeze(2)

    def take(self, rows: Sequence[int]) -> "StackedSiamese":
        """A copy of some cells' networks, in this order; a cell may come several times."""
        other = copy.deepcopy(self)
        for parameter in other.parameters():
            parameter.data = parameter.data[list(rows)].clone()
        return other

    @torch.no_grad()
    def log_similarity(
        self, cell: int, query: Tensor, support: Tensor, emotion: Tensor, n_emotions: int
    ) -> Tensor:
        """Mean log-similarity of queries to each emotion's support, by one cell's network.

        query: (m, dim) and support: (s, dim) embeddings; emotion: (s,) int64. Returns
        (m, n_emotions) float64, -inf for an emotion without support. A similarity is the network's
        probability of "similar", so that a mean lies at or below 0. Differences are taken for some
        queries at a time; nothing of size m x s x dim exists.
        """
        n_support = torch.bincount(emotion, minlength=n_emotions)
        share = functional.one_hot(emotion, n_emotions).double() / n_support.clamp(min=1)
        size = max(1, _PAIRS_AT_ONCE // max(1, len(support)))
        means = []
        for some in query.split(size):
            values = (some[:, None] - support).abs().flatten(0, 1)
            for position, layer in enumerate(self.head):
                values = values.relu() if position else values  # |difference| comes first
                values = torch.addmm(layer.bias[cell], values, layer.weight[cell])
            similarity = functional.logsigmoid(values.reshape(len(some), len(support)))
            means.append(similarity.double() @ share)
        return torch.cat(means).masked_fill(n_support == 0, float("-inf"))

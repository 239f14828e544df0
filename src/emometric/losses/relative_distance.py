"""Relative distance loss: pairs of one emotion nearer than pairs of two, on average."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from emometric.base.errors import ParameterError
from emometric.fitting.batch import Batch, Encoded
from emometric.layers.pairs import Pairs, relative_distance


@dataclass(frozen=True, kw_only=True)
class Params:
    """limit: S / D from which the loss goes straight on, in (0, 1)."""

    limit: float

    def __post_init__(self):
        is_number = isinstance(self.limit, (int, float)) and not isinstance(self.limit, bool)
        if not is_number or not 0 < self.limit < 1:
            raise ParameterError(
                f"params.yaml: losses.relative_distance.limit is '{self.limit}'; write a number "
                "above 0 and below 1."
            )


class Loss(nn.Module):
    """(D + S) / (D - S) over all pairs of the batch (feng2020, equation 1).

    D: mean Euclidean distance of pairs of two emotions; S: of pairs of one, never a clip with
    itself. At least 1, reached where each emotion lies on one point of its own; unchanged when all
    embeddings are turned, moved or stretched together. From S / D = `limit` on the formula, which
    has a pole at D = S and is negative beyond, is continued by its tangent
    (`layers.pairs.relative_distance`): finite, and descent lowers S / D wherever it starts.
    Departures: that guard; and 0, with a zero gradient, where the batch lacks pairs of a kind.
    """

    def __init__(self, params: Params, dim: int, emotions: Sequence[str]):
        super().__init__()
        self.limit = params.limit

    def forward(self, encoded: Encoded, batch: Batch) -> Tensor:
        embedding = encoded.embedding
        embedding = embedding if embedding.dtype == torch.float64 else embedding.float()
        pairs = Pairs(len(embedding), embedding.device)
        same = pairs.same(batch.emotion[None])
        differences = pairs.differences(embedding[None])
        value, _ = relative_distance(differences, same, torch.ones_like(same), self.limit)
        return value.squeeze(0) + embedding.sum() * 0.0  # stays part of the graph

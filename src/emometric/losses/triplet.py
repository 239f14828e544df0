"""Triplet loss: an emotion's clips closer to each other than to any other emotion's."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from emometric import ranges
from emometric.fitting.batch import Batch, Encoded
from emometric.layers.triplets import SemiHardHinge


@dataclass(frozen=True, kw_only=True)
class Params:
    """margin: above 0, in units of the distance of unit vectors, [0, 2]."""

    margin: float

    def __post_init__(self):
        ranges.check_margin("losses.triplet.margin", self.margin)


class Loss(nn.Module):
    """Mean of [D(a, p) - D(a, n) + margin]+ over the semi-hard triplets of the batch.

    Schroff et al. 2015, equation 1; p has the anchor's emotion and is another clip, n has another
    emotion. D and the choice of triplets: `layers.triplets.SemiHardHinge`. Departures: D is not
    squared, and the mean over the triplets takes the place of the sum, so that the step does not
    grow with their number.
    """

    def __init__(self, params: Params, dim: int, emotions: Sequence[str]):
        super().__init__()
        self.hinge = SemiHardHinge(params.margin)

    def forward(self, encoded: Encoded, batch: Batch) -> Tensor:
        same = batch.emotion[:, None] == batch.emotion
        other = ~same
        return self.hinge(encoded.embedding, batch.emotion, same.fill_diagonal_(False), other)

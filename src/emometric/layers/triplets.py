"""Semi-hard triplets of a batch, and the hinge on them."""

import torch
from pytorch_metric_learning.distances import LpDistance
from pytorch_metric_learning.miners import TripletMarginMiner
from torch import Tensor


class SemiHardHinge(torch.nn.Module):
    """Mean of [D(a, near) - D(a, far) + margin]+ over the semi-hard triplets of a batch.

    D is the Euclidean distance of L2-normalised embeddings, in [0, 2]. A triplet is semi-hard when
    D(a, near) < D(a, far) <= D(a, near) + margin (Schroff et al. 2015, section 3.2). They come from
    pytorch-metric-learning's TripletMarginMiner.

    A pair (a, near) of which no `far` lies farther than `near` has no semi-hard triplet, only hard
    ones; it enters once, with its farthest `far`, the least hard. Without this rule a batch
    whose embeddings fell onto one point would have no triplet and no gradient for ever.
    """

    def __init__(self, margin: float):
        super().__init__()
        self.margin = margin
        self.distance = LpDistance(normalize_embeddings=True, p=2)
        self.miner = TripletMarginMiner(
            margin=margin, type_of_triplets="semihard", distance=self.distance
        )

    def forward(self, embedding: Tensor, label: Tensor, near: Tensor, far: Tensor) -> Tensor:
        """Scalar; zero, with a zero gradient, where the batch has no triplet.

        embedding: (batch, dim). label: (batch,) int64: `near` pairs share it, `far` pairs do not.
        near, far: (batch, batch) bool, row = anchor; near is False on the diagonal.
        """
        embedding = embedding if embedding.dtype == torch.float64 else embedding.float()
        distance = self.distance(embedding)
        anchor, closer, farther = self.miner(embedding.detach(), label)
        wanted = near[anchor, closer] & far[anchor, farther]
        anchor, closer, farther = anchor[wanted], closer[wanted], farther[wanted]

        reach, farthest = distance.detach().masked_fill(~far, -1.0).max(dim=1)  # -1: no `far`
        hard = near & (reach[:, None] >= 0) & (distance.detach() >= reach[:, None])
        hard_anchor, hard_closer = hard.nonzero(as_tuple=True)
        anchor = torch.cat([anchor, hard_anchor])
        closer = torch.cat([closer, hard_closer])
        farther = torch.cat([farther, farthest[hard_anchor]])
        if len(anchor) == 0:
            return embedding.sum() * 0.0  # stays part of the graph
        return (distance[anchor, closer] - distance[anchor, farther] + self.margin).relu().mean()

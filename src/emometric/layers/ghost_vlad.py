"""GhostVLAD: a sequence of any length becomes one vector of fixed length."""

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize


class GhostVlad(nn.Module):
    """Sum of each frame's residuals to K cluster centres, by soft assignment to K + G clusters.

    Zhong et al. 2018, section 3.2; NetVLAD (Arandjelovic et al. 2016) where ghosts = 0. The G ghost
    clusters take part in the softmax and are dropped: a frame that belongs nowhere weighs little.
    Residuals are L2-normalised for each cluster, then as a whole.

    Departure: centres are drawn from N(0, 1/dim) and not from a k-means of the data, because the
    frames of an untrained network mean nothing yet.
    """

    def __init__(self, dim: int, clusters: int, ghosts: int):
        super().__init__()
        self.clusters = clusters
        self.assign = nn.Linear(dim, clusters + ghosts)
        self.centres = nn.Parameter(torch.randn(clusters, dim) / dim**0.5)

    def forward(self, frames: Tensor, mask: Tensor | None) -> Tensor:
        """frames: (batch, n, dim); mask: (batch, n) bool, None: no padding.

        Returns (batch, clusters * dim), cluster by cluster, each row of length 1.
        """
        share = self.assign(frames).softmax(dim=2)[:, :, : self.clusters]  # the ghosts go here
        if mask is not None:
            share = share * mask[:, :, None].to(share.dtype)
        # sum_n share (x_n - c) = sum_n share x_n - c sum_n share: no (batch, n, K, dim) is built
        residuals = share.transpose(1, 2) @ frames - share.sum(dim=1)[:, :, None] * self.centres
        return normalize(normalize(residuals, dim=2).flatten(1), dim=1)

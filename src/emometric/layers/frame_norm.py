"""Standardise each bin of a padded batch by the training frames seen so far."""

import torch
from torch import Tensor, nn

_LEAST_DEVIATION = 1e-5


class FrameNorm(nn.Module):
    """Zero mean and unit variance of each bin over all frames that training has shown.

    In train() a batch's own frames first join the mean and variance (Chan et al. 1979), each frame
    with equal weight; eval() leaves them alone. Padding never counts. Before the first frame, and
    in a bin that never moved, values only lose the mean. Nothing is learned by descent.
    """

    def __init__(self, n_bins: int):
        super().__init__()
        self.register_buffer("count", torch.zeros((), dtype=torch.float64))
        self.register_buffer("mean", torch.zeros(n_bins, dtype=torch.float64))
        self.register_buffer("squares", torch.zeros(n_bins, dtype=torch.float64))

    def forward(self, features: Tensor, mask: Tensor) -> Tensor:
        """features: (batch, frames, bins), any values where mask, (batch, frames) bool, is False.

        Returns the same shape in float32, zero in the padded frames.
        """
        if self.training:
            self._add(features.detach()[mask].double())
        spread = (self.squares / self.count.clamp(min=1)).sqrt()
        spread = torch.where(spread > _LEAST_DEVIATION, spread, 1.0)
        standard = (features.float() - self.mean.float()) / spread.float()
        return standard.masked_fill(~mask[:, :, None], 0.0)

    def _add(self, frames: Tensor) -> None:
        mean = frames.mean(dim=0)
        count = self.count + len(frames)
        moved = mean - self.mean
        self.squares += (frames - mean).square().sum(dim=0)
        self.squares += moved.square() * self.count * len(frames) / count
        self.mean += moved * len(frames) / count
        self.count.copy_(count)

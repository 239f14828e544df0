"""Denoising autoencoders of many cells as one batched program."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from emometric.layers.stacked import StackedLinear


class StackedAutoencoder(nn.Module):
    """Perceptrons that narrow to a latent space and widen again: (cells, n, widths[0]) each way.

    cells: a generator for each, as `layers.stacked.generators` makes them. widths: of the input,
    the hidden layers and the latent space, such as 88, 40, 20, 10, 2 (das2022, figure 2); the
    decoder takes them backwards. rectified: for each decoder layer, whether a ReLU follows it. In
    the encoder one follows every layer but the last, whose output is the latent space.
    """

    def __init__(
        self, cells: Sequence[torch.Generator], widths: Sequence[int], rectified: Sequence[bool]
    ):
        super().__init__()
        self.encoder = nn.ModuleList(StackedLinear(cells, *pair) for pair in pairwise(widths))
        self.decoder = nn.ModuleList(StackedLinear(cells, *pair) for pair in pairwise(widths[::-1]))
        self.rectified = tuple(rectified)

    def encode(self, values: Tensor) -> Tensor:
        """(cells, n, widths[0]) -> (cells, n, widths[-1])."""
        *hidden, last = self.encoder
        for layer in hidden:
            values = layer(values).relu()
        return last(values)

    def encode_one(self, cell: int, values: Tensor) -> Tensor:
        """`encode` of one cell alone: (n, widths[0]) -> (n, widths[-1])."""
        for number, layer in enumerate(self.encoder):
            values = values if number == 0 else values.relu()
            values = torch.addmm(layer.bias[cell], values, layer.weight[cell])
        return values

    def decode(self, latents: Tensor) -> Tensor:
        """(cells, n, widths[-1]) -> (cells, n, widths[0])."""
        for layer, is_rectified in zip(self.decoder, self.rectified, strict=True):
            latents = layer(latents)
            latents = latents.relu() if is_rectified else latents
        return latents

"""The twin of ntalampiras2020: three convolutional layers, then a fully connected one."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from emometric.base.errors import ParameterError
from emometric.fitting.batch import Encoded
from emometric.layers.frame_mask import frame_mask, halved
from emometric.layers.frame_norm import FrameNorm

# The paper's stand in a figure that we lack; these are of Koch et al. 2015 (figure 4), its lineage.
KERNELS = (10, 7, 4)
STARTS = ("he", "narrow")
_NARROW = 0.01  # deviation of the start weights, ntalampiras2020, section 3.2


@dataclass(frozen=True, kw_only=True)
class Params:
    """widths: channels of the three layers (Koch: 64, 128, 128); dim: length of the embedding;
    start: of the weights, `he` (He et al. 2015) or `narrow`, the paper's N(0, 0.01)."""

    widths: Sequence[int]
    dim: int
    start: str = "he"

    def __post_init__(self):
        where = "params.yaml: encoders.siamese_cnn"
        if len(self.widths) != len(KERNELS) or any(width < 1 for width in self.widths):
            raise ParameterError(
                f"{where}.widths is {list(self.widths)}; write {len(KERNELS)} whole numbers from 1."
            )
        if self.dim < 1:
            raise ParameterError(f"{where}.dim is {self.dim}; write a whole number from 1.")
        if self.start not in STARTS:
            raise ParameterError(f"{where}.start is '{self.start}'; write {' or '.join(STARTS)}.")


class Encoder(nn.Module):
    """One twin; both share its weights, since the loss compares the clips of a batch.

    ntalampiras2020, section 3.2: three convolutions of stride 1, the first two followed by ReLU and
    2x2 max-pooling of stride 2, then a fully connected layer. Maps are (batch, channels, frames,
    bins).

    The paper's input has one fixed size, which it does not give. Here a clip has any length: the
    maps of the third layer are averaged over the clip's own frames, the bins stay apart, and the
    fully connected layer sees channels x bins. Padding and batch mates change nothing, in eval():
    padded frames are zero before each layer, as a convolution's own padding is.

    Departures: bins are standardised by the training frames first (`layers.frame_norm`; decibels
    far from zero drown the start weights); convolutions are padded to keep the size, so that clips
    of one frame work; ReLU behind the third layer too, since the mean of a linear map would make
    that layer and the last one a single linear map.
    """

    def __init__(self, params: Params, n_bins: int):
        super().__init__()
        self.norm = FrameNorm(n_bins)
        widths = [1, *params.widths]
        self.layers = nn.ModuleList(
            nn.Conv2d(before, width, kernel)
            for before, width, kernel in zip(widths[:-1], widths[1:], KERNELS, strict=True)
        )
        bins = -(-n_bins // 2 ** (len(KERNELS) - 1))
        self.project = nn.Linear(widths[-1] * bins, params.dim)
        self._start_weights(params.start)
        self.to(memory_format=torch.channels_last)

    def _start_weights(self, start: str) -> None:
        for module in (*self.layers, self.project):
            if start == "narrow":
                nn.init.normal_(module.weight, std=_NARROW)
            else:
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            nn.init.zeros_(module.bias)

    def forward(self, features: Tensor, lengths: Tensor) -> Encoded:
        """features: (batch, frames, bins), any values behind a clip's end; lengths: (batch,) >= 1.

        Returns the embedding (batch, dim) float32, not normalised.
        """
        maps, lengths = self.activations(features, lengths)[-1]
        with torch.autocast(features.device.type, enabled=False):  # a sum: full precision
            # Padded frames are zero, so that the sum over all frames is that of the clip's own.
            mean = maps.float().sum(dim=2) / lengths[:, None, None]
            return Encoded(embedding=self.project(mean.flatten(1)))

    def activations(self, features: Tensor, lengths: Tensor) -> list[tuple[Tensor, Tensor]]:
        """What each layer gives behind its ReLU, before pooling, and the clips' lengths there.

        The k-th: maps (batch, channels, ceil(frames / 2^k), ceil(bins / 2^k)), zero where padded.
        """
        mask = frame_mask(lengths, features.shape[1])
        maps = self.norm(features, mask)[:, None]
        found = []
        for number, layer in enumerate(self.layers):
            if number > 0:
                # A window that reaches behind the end sees zeros there, or nothing: the same.
                maps = functional.max_pool2d(maps, 2, ceil_mode=True)
                lengths = halved(lengths)
                mask = frame_mask(lengths, maps.shape[2])
            before, behind = (KERNELS[number] - 1) // 2, KERNELS[number] // 2
            maps = functional.pad(maps, (before, behind, before, behind))  # the size stays
            maps = layer(maps.contiguous(memory_format=torch.channels_last)).relu()
            maps = maps.masked_fill(~mask[:, None, :, None], 0.0)
            found.append((maps, lengths))
        return found

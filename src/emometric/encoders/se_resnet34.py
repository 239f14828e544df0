"""SE-ResNet-34 with GhostVLAD: a spectrogram of any length becomes one embedding (mocanu2021)."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from emometric.base.errors import ParameterError
from emometric.fitting.batch import Encoded
from emometric.layers.frame_mask import frame_mask, halved
from emometric.layers.ghost_vlad import GhostVlad
from emometric.layers.squeeze_excite import SqueezeExcite

BLOCKS = (3, 4, 6, 3)  # ResNet-34: basic blocks in each of the four stages
STEMS = ("pooled", "plain")


@dataclass(frozen=True, kw_only=True)
class Params:
    """widths: channels of the four stages; clusters, ghosts: GhostVLAD's K and G (0: NetVLAD);
    dim: length of the embedding; reduction: of the channels inside squeeze-and-excitation; stem:
    "pooled", a 7x7 convolution and a 3x3 maximum, each of stride 2, or "plain", without the latter:
    four times the arithmetic on maps of twice the resolution."""

    widths: Sequence[int]
    clusters: int
    ghosts: int
    dim: int
    reduction: int = 8
    stem: str = "pooled"

    def __post_init__(self):
        if len(self.widths) != len(BLOCKS) or any(width < 1 for width in self.widths):
            raise ParameterError(
                f"params.yaml: encoders.se_resnet34.widths is {list(self.widths)}; "
                f"write {len(BLOCKS)} whole numbers from 1."
            )
        if self.stem not in STEMS:
            raise ParameterError(
                f"params.yaml: encoders.se_resnet34.stem is '{self.stem}'; "
                f"write {' or '.join(STEMS)}."
            )
        for name, least in (("clusters", 1), ("ghosts", 0), ("dim", 1), ("reduction", 1)):
            if getattr(self, name) < least:
                raise ParameterError(
                    f"params.yaml: encoders.se_resnet34.{name} is {getattr(self, name)}; "
                    f"write a whole number from {least}."
                )


class Encoder(nn.Module):
    """Thin ResNet-34 with squeeze-and-excitation in each block, GhostVLAD, fully connected.

    Lineage: mocanu2021 section 3.2; Xie et al. 2019, section 2 (thin ResNet-34 + GhostVLAD for
    speakers); Hu et al. 2018 (SE). Maps are (batch, channels, frames, bins). The stem (7x7, and a
    maximum of 3x3 behind it, as He et al. 2016 have it) and the first block of stages 2 to 4 have
    stride 2 in frames and bins; then a convolution over all remaining bins leaves one vector a
    frame, each 320 ms with a hop of 10 ms.

    In eval(), padding and batch mates change nothing: padded frames are set to zero after each
    normalisation, as the zero padding of a convolution sees them at a clip's true end. In train(),
    padded frames count in batch normalisation's statistics.

    Departures: the convolution of the stem has stride 2, as in ResNet-34, where Xie's has 1 before
    its pooling (four times the arithmetic); batch normalisation behind the fully connected layer,
    since VLAD rows have length 1 and without it the embeddings of untrained clips are nearly equal.
    A network saved before `stem` was a setting has the plain one.
    """

    def __init__(self, params: Params, n_bins: int):
        super().__init__()
        widths = list(params.widths)
        self.stem = nn.Conv2d(1, widths[0], 7, stride=2, padding=3, bias=False)
        self.stem_norm = nn.BatchNorm2d(widths[0])
        self.blocks = nn.ModuleList()
        self.pool = nn.MaxPool2d(3, stride=2, padding=1) if params.stem == "pooled" else None
        bins, channels = -(-n_bins // (2 if self.pool is None else 4)), widths[0]
        for stage, (width, count) in enumerate(zip(widths, BLOCKS, strict=True)):
            for block in range(count):
                stride = 2 if stage > 0 and block == 0 else 1
                self.blocks.append(Block(channels, width, stride, params.reduction))
                bins, channels = -(-bins // stride), width
        self.collapse = nn.Conv2d(channels, channels, (1, bins), bias=False)
        self.collapse_norm = nn.BatchNorm2d(channels)
        self.vlad = GhostVlad(channels, params.clusters, params.ghosts)
        self.project = nn.Linear(params.clusters * channels, params.dim, bias=False)
        self.project_norm = nn.BatchNorm1d(params.dim)
        self._start_weights()
        self.to(memory_format=torch.channels_last)

    def _start_weights(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, features: Tensor, lengths: Tensor) -> Encoded:
        """features: (batch, frames, bins), any values behind a clip's end; lengths: (batch,) >= 1.

        Returns the embedding (batch, dim) float32, not normalised.
        """
        frames = features.shape[1]
        # Without padding there is nothing to clear: the masks are skipped.
        padded = bool((lengths < frames).any())
        mask = frame_mask(lengths, frames) if padded else None
        maps = _clear(features[:, None], mask).contiguous(memory_format=torch.channels_last)
        maps = self.stem_norm(self.stem(maps)).relu()
        lengths = halved(lengths)
        mask = frame_mask(lengths, maps.shape[2]) if padded else None
        maps = _clear(maps, mask)
        if self.pool is not None:  # of values >= 0: a cleared frame is what lies behind the end
            maps, lengths = self.pool(maps), halved(lengths)
            mask = frame_mask(lengths, maps.shape[2]) if padded else None
            maps = _clear(maps, mask)
        for block in self.blocks:
            if block.stride == 2:
                lengths = halved(lengths)
                mask = frame_mask(lengths, -(-maps.shape[2] // 2)) if padded else None
            maps = block(maps, mask)
        maps = self.collapse_norm(self.collapse(maps)).relu()
        sequence = maps.squeeze(3).transpose(1, 2)  # (batch, frames, channels)
        with torch.autocast(features.device.type, enabled=False):  # sums and norms: full precision
            embedding = self.project(self.vlad(sequence.float(), mask))
            return Encoded(embedding=self.project_norm(embedding))


class Block(nn.Module):
    """Two 3x3 convolutions with squeeze-and-excitation, added to the input (He 2016, Hu 2018)."""

    def __init__(self, channels: int, width: int, stride: int, reduction: int):
        super().__init__()
        self.stride = stride
        self.first = nn.Conv2d(channels, width, 3, stride=stride, padding=1, bias=False)
        self.first_norm = nn.BatchNorm2d(width)
        self.second = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.second_norm = nn.BatchNorm2d(width)
        self.excite = SqueezeExcite(width, reduction)
        self.shortcut = nn.Sequential()
        if stride != 1 or channels != width:
            self.shortcut = nn.Sequential(
                nn.Conv2d(channels, width, 1, stride=stride, bias=False), nn.BatchNorm2d(width)
            )

    def forward(self, maps: Tensor, mask: Tensor | None) -> Tensor:
        """maps: (batch, channels, frames, bins), zero where padded; mask: of the frames that
        leave, (batch, ceil(frames / stride)) bool, None: no padding."""
        inner = _clear(self.first_norm(self.first(maps)).relu_(), mask)
        inner = self.excite(self.second_norm(self.second(inner)), mask)
        return _clear((inner + self.shortcut(maps)).relu_(), mask)


def _clear(maps: Tensor, mask: Tensor | None) -> Tensor:
    """`maps` (batch, channels, frames, bins) with zeros in the padded frames."""
    return maps if mask is None else maps.masked_fill(~mask[:, None, :, None], 0.0)

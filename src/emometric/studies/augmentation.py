"""Vary pictures of speech while a network trains: warp, level, noise, and hidden stripes."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from emometric import ranges
from emometric.base.errors import ParameterError


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """How much a training picture varies; 0 leaves out.

    warp: of both axes, as a share: 0.1 stretches or squeezes by up to a tenth, which is speed along
    time and the size of the vocal tract along frequency; level_db: the whole picture, up or down by
    at most so much; noise: deviation of what is added to each value, in standard deviations of the
    training clips; stripes: on each axis so many are hidden (SpecAugment, Park et al. 2019), of
    at most the share `stripe` of it.
    """

    warp: float
    level_db: float
    noise: float
    stripes: int
    stripe: float

    def __post_init__(self):
        where = "methods.ntalampiras2020.augmentation"
        ranges.check_share(f"{where}.warp", self.warp)
        ranges.check_share(f"{where}.stripe", self.stripe)
        ranges.check_whole(f"{where}.stripes", self.stripes, 0)
        for name in ("level_db", "noise"):
            if not getattr(self, name) >= 0:
                raise ParameterError(
                    f"params.yaml: {where}.{name} is {getattr(self, name)}; write a number from 0."
                )


def vary(
    pictures: Tensor, spread_db: Tensor, how: Augmentation, generator: torch.Generator
) -> Tensor:
    """Each picture varied by itself: (batch, rows, columns) -> the same shape, a new tensor.

    pictures: standardised, 0 = mean of the training clips, which is what a hidden stripe shows.
    spread_db: what standardising has divided by: (columns,), or (rows, columns), in dB. generator:
    on the CPU, so that a device draws what the CPU draws.
    """
    n, device = len(pictures), pictures.device

    def draw(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator).to(device)

    if how.warp:
        pictures = _warped(pictures, how.warp * (2 * draw(n, 2) - 1))
    if how.level_db:
        pictures = pictures + how.level_db * (2 * draw(n, 1, 1) - 1) / spread_db
    if how.noise:
        noise = torch.randn(pictures.shape, generator=generator).to(device)
        pictures = pictures + how.noise * noise
    hidden = torch.zeros(pictures.shape, dtype=torch.bool, device=device)
    for axis in (1, 2):
        size = pictures.shape[axis]
        for _ in range(how.stripes):
            width = draw(n) * how.stripe * size
            begin = draw(n) * (size - width)
            place = torch.arange(size, device=device)
            inside = (place >= begin[:, None]) & (place < (begin + width)[:, None])
            hidden |= inside[:, :, None] if axis == 1 else inside[:, None, :]
    return pictures.masked_fill(hidden, 0.0)


def _warped(pictures: Tensor, by: Tensor) -> Tensor:
    """Rows stretched by 1 + by[:, 0] about their middle, columns by 1 + by[:, 1] from the lowest;
    values between places on straight lines, beyond the edge the edge's own."""
    n, rows, columns = pictures.shape
    vertical = torch.linspace(-1, 1, rows, device=pictures.device) * (1 + by[:, :1])
    across = torch.linspace(0, 2, columns, device=pictures.device) * (1 + by[:, 1:]) - 1
    grid = torch.stack(
        [
            across[:, None, :].expand(n, rows, columns),
            vertical[:, :, None].expand(n, rows, columns),
        ],
        dim=3,
    )
    return functional.grid_sample(
        pictures[:, None], grid, padding_mode="border", align_corners=True
    )[:, 0]

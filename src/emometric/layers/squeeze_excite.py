"""Squeeze-and-excitation: each channel weighted by what the whole clip holds."""

from torch import Tensor, nn


class SqueezeExcite(nn.Module):
    """Channel weights in (0, 1) from the mean over the clip's own frames and all bins.

    Hu et al. 2018, section 3: mean -> linear -> ReLU -> linear -> sigmoid -> multiply. The mean
    leaves out padded frames, so padding changes nothing.
    """

    def __init__(self, channels: int, reduction: int):
        super().__init__()
        inner = max(channels // reduction, 1)
        self.squeeze = nn.Linear(channels, inner)
        # Behind batch normalisation the means are near zero: a bias would decide alone, and leave
        # half of the few inner units dead for every clip.
        nn.init.zeros_(self.squeeze.bias)
        self.excite = nn.Linear(inner, channels)

    def forward(self, maps: Tensor, mask: Tensor | None) -> Tensor:
        """maps: (batch, channels, frames, bins); mask: (batch, frames) bool, None: no padding.

        Returns maps of the same shape; values in padded frames are weighted too, not cleared.
        """
        if mask is None:
            mean = maps.mean(dim=(2, 3))
        else:
            per_frame = maps.mean(dim=3)  # (batch, channels, frames)
            weight = mask / mask.sum(dim=1, keepdim=True)  # (batch, frames), sums to 1
            mean = (per_frame * weight[:, None].to(per_frame.dtype)).sum(dim=2)
        weights = self.excite(self.squeeze(mean).relu()).sigmoid()
        return maps * weights[:, :, None, None]

"""Which frames of a padded batch are real, and how their number shrinks at a stride."""

import torch
from torch import Tensor


def frame_mask(lengths: Tensor, frames: int) -> Tensor:
    """1 for each of a clip's own frames, 0 behind its end: (batch, frames) bool.

    lengths: (batch,) int64.

    >>> frame_mask(torch.tensor([2, 3]), 3).int().tolist()
    [[1, 1, 0], [1, 1, 1]]
    """
    return torch.arange(frames, device=lengths.device) < lengths[:, None]


def halved(lengths: Tensor) -> Tensor:
    """Frames that are left after a convolution of stride 2 with 'same' padding: ceil(L / 2).

    >>> halved(torch.tensor([1, 4, 5])).tolist()
    [1, 2, 3]
    """
    return (lengths + 1) // 2

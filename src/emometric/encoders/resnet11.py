"""ResNet-11 over windows of MFCC: two residual blocks of convolutions over time (kumar2021)."""

from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from emometric.layers.windowed import Windowed, WindowParams

Params = WindowParams


class Encoder(Windowed):
    """Convolution, two residual blocks, flatten, fully connected; mean over a clip's windows.

    kumar2021, section IV-A and figure 3: Conv1D, BatchNorm, LeakyReLU, two residual blocks,
    flatten, fully connected, softmax, eleven layers. What a block holds stands in a figure that is
    not to be had: here three convolutions and one on the shortcut, so that 1 + 2 x 4 convolutions,
    the embedding and the loss's class layer are eleven. Kernels of 3 frames; the second block
    doubles the channels and halves the frames.
    """

    def __init__(self, params: Params, n_bins: int):
        super().__init__(params, n_bins, lambda bins: _Network(params, bins))


class _Network(nn.Module):
    def __init__(self, params: Params, n_bins: int):
        super().__init__()
        width = params.width
        self.stem = nn.Conv1d(n_bins, width, 3, padding=1, bias=False)
        self.stem_norm = nn.BatchNorm1d(width)
        self.first = _Block(width, width, 1)
        self.second = _Block(width, 2 * width, 2)
        self.embed = nn.Linear(2 * width * -(-params.window_frames // 2), params.dim)

    def forward(self, frames: Tensor) -> Tensor:
        """frames: (n, bins, window_frames); returns (n, dim)."""
        maps = leaky_relu(self.stem_norm(self.stem(frames)))
        return self.embed(self.second(self.first(maps)).flatten(1))


class _Block(nn.Module):
    """Three convolutions, added to a convolution of one frame on the shortcut."""

    def __init__(self, channels: int, width: int, stride: int):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv1d(channels, width, 3, stride=stride, padding=1, bias=False),
            nn.BatchNorm1d(width),
            nn.LeakyReLU(),
            nn.Conv1d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm1d(width),
            nn.LeakyReLU(),
            nn.Conv1d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm1d(width),
        )
        self.shortcut = nn.Conv1d(channels, width, 1, stride=stride)

    def forward(self, maps: Tensor) -> Tensor:
        return leaky_relu(self.layers(maps) + self.shortcut(maps))

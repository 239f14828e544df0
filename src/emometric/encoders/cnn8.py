"""CNN-8 over windows of MFCC: the convolutional network of kumar2021's ablation."""

from torch import nn

from emometric.layers.windowed import Windowed, WindowParams

Params = WindowParams


class Encoder(Windowed):
    """Six convolutions over time and two fully connected layers; the mean over a clip's windows.

    kumar2021, table I; its sizes are not given. Kernels of 3 frames, `width` channels, twice as
    many from the fourth convolution on; batch normalisation and LeakyReLU; no pooling.
    """

    def __init__(self, params: Params, n_bins: int):
        super().__init__(params, n_bins, lambda bins: _network(params, bins))


def _network(params: Params, n_bins: int) -> nn.Module:
    layers: list[nn.Module] = []
    channels = n_bins
    for width in [params.width] * 3 + [2 * params.width] * 3:
        layers += [
            nn.Conv1d(channels, width, 3, padding=1, bias=False),
            nn.BatchNorm1d(width),
            nn.LeakyReLU(),
        ]
        channels = width
    flat = channels * params.window_frames
    hidden = 4 * params.width
    return nn.Sequential(
        *layers,
        nn.Flatten(),
        nn.Linear(flat, hidden),
        nn.LeakyReLU(),
        nn.Linear(hidden, params.dim),
    )

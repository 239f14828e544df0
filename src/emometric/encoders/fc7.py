"""FC-7 over windows of MFCC: the fully connected network of kumar2021's ablation."""

from torch import nn

from emometric.layers.windowed import Windowed, WindowParams

Params = WindowParams


class Encoder(Windowed):
    """Seven fully connected layers on a flat window; the mean over a clip's windows.

    kumar2021, table I; its sizes are not given. Six hidden layers of 4 `width` units, batch
    normalisation and LeakyReLU, and the embedding.
    """

    def __init__(self, params: Params, n_bins: int):
        super().__init__(params, n_bins, lambda bins: _network(params, bins))


def _network(params: Params, n_bins: int) -> nn.Module:
    layers: list[nn.Module] = [nn.Flatten()]
    size = n_bins * params.window_frames
    for _ in range(6):
        hidden = 4 * params.width
        layers += [nn.Linear(size, hidden), nn.BatchNorm1d(hidden), nn.LeakyReLU()]
        size = hidden
    return nn.Sequential(*layers, nn.Linear(size, params.dim))

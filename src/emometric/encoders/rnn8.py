"""RNN-8 over windows of MFCC: a recurrent network of kumar2021's ablation."""

from emometric.layers.windowed import Recurrent, Windowed, WindowParams

Params = WindowParams


class Encoder(Windowed):
    """Seven simple recurrent layers and a fully connected one; the mean over a clip's windows.

    kumar2021, table I; its sizes are not given. Each layer has `width` units; what the last one
    holds after the window's last frame goes on to the embedding.
    """

    def __init__(self, params: Params, n_bins: int):
        super().__init__(params, n_bins, lambda bins: Recurrent("rnn", bins, 7, params))

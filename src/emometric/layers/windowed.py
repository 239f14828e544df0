"""A network of short windows, made an encoder of clips of any length (kumar2021)."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from emometric.base.errors import ParameterError
from emometric.fitting.batch import Encoded


@dataclass(frozen=True, kw_only=True)
class WindowParams:
    """window_frames: of one window, 10 in kumar2021; hop_frames: from one window of a clip to the
    next; width: units or channels of a hidden layer; dim: length of the embedding.

    All but the first are open in the paper.
    """

    window_frames: int = 10
    hop_frames: int = 10
    width: int = 64
    dim: int = 64

    def __post_init__(self):
        for name in ("window_frames", "hop_frames", "width", "dim"):
            value = getattr(self, name)
            if not isinstance(value, int) or value < 1:
                raise ParameterError(
                    f"params.yaml: encoders: {name} is {value}; write a whole number from 1."
                )


class Windowed(nn.Module):
    """The mean over a clip's windows of what a network makes of each (kumar2021, equation 1).

    A clip is cut into windows of `window_frames` frames, one every `hop_frames`, as many as lie
    wholly within it; a clip shorter than one window is filled with zeros to one. The network's
    vectors are brought to length 1 before the mean, as the paper normalises its embeddings, so the
    embedding's length is at most 1. Frames pass through batch normalisation first ("to normalize
    the input", section IV-A).

    In eval(), padding and batch mates change nothing: windows are cut from a clip's own frames.
    """

    def __init__(self, params: WindowParams, n_bins: int, network: Callable[[int], nn.Module]):
        super().__init__()
        self.window_frames, self.hop_frames = params.window_frames, params.hop_frames
        self.norm = nn.BatchNorm1d(n_bins)
        self.network = network(n_bins)

    def forward(self, features: Tensor, lengths: Tensor) -> Encoded:
        """features: (batch, frames, bins), any values behind a clip's end; lengths: (batch,) >= 1.

        Returns the embedding (batch, dim) float32.
        """
        windows, clip = self.cut(features, lengths)
        vectors = self.of_windows(windows)
        total = torch.zeros(len(features), vectors.shape[1], device=vectors.device)
        total = total.index_add(0, clip, vectors)
        return Encoded(embedding=total / torch.bincount(clip, minlength=len(features))[:, None])

    def cut(self, features: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Windows (n, window_frames, bins) of all clips, and the clip of each (n,) int64."""
        batch, frames, _ = features.shape
        own = torch.arange(frames, device=features.device) < lengths[:, None]
        features = features.masked_fill(~own[:, :, None], 0.0)
        if frames < self.window_frames:
            filling = self.window_frames - frames
            features = nn.functional.pad(features, (0, 0, 0, filling))
        windows = features.unfold(1, self.window_frames, self.hop_frames).transpose(2, 3)
        count = (lengths - self.window_frames).clamp(min=0) // self.hop_frames + 1
        real = torch.arange(windows.shape[1], device=features.device) < count[:, None]
        clip = torch.arange(batch, device=features.device)[:, None].expand(real.shape)
        return windows[real], clip[real]

    def of_windows(self, windows: Tensor) -> Tensor:
        """The network's vector of each window, of length 1: (n, dim) float32.

        windows: (n, window_frames, bins).
        """
        frames = self.norm(windows.transpose(1, 2))  # (n, bins, window_frames)
        with torch.autocast(windows.device.type, enabled=False):
            return normalize(self.network(frames.float()))


class Recurrent(nn.Module):
    """Stacked recurrent layers over a window; their last state, fully connected.

    Each layer's states pass through layer normalisation: without it six LSTM layers did not leave
    chance under the paper's schedule, on data that one linear layer separates.
    """

    def __init__(self, kind: str, n_bins: int, layers: int, params: WindowParams):
        super().__init__()
        cell = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}[kind]
        sizes = [n_bins, *[params.width] * layers]
        self.cells = nn.ModuleList(
            cell(size, params.width, batch_first=True) for size in sizes[:-1]
        )
        self.norms = nn.ModuleList(nn.LayerNorm(params.width) for _ in range(layers))
        self.embed = nn.Linear(params.width, params.dim)

    def forward(self, frames: Tensor) -> Tensor:
        """frames: (n, bins, window_frames); returns (n, dim)."""
        states = frames.transpose(1, 2)
        for cell, norm in zip(self.cells, self.norms, strict=True):
            states = norm(cell(states)[0])
        return self.embed(states[:, -1])

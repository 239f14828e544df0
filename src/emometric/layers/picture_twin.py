"""A twin of several branches: pictures through a small CNN, functionals through a linear layer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from emometric.layers.frame_mask import frame_mask, halved

KERNELS = (10, 7, 4)  # of Koch et al. 2015, the paper's lineage: its own stand in a lost figure
STARTS = ("he", "narrow")
NARROW = 0.01  # deviation of the start weights, ntalampiras2020, section 3.2


@dataclass(frozen=True, kw_only=True)
class Branch:
    """What a branch takes in: `rows` and `columns` of its picture, rows None for any number of
    them (frames of a clip); functionals have no rows: rows = 0.

    >>> Branch(rows=None, columns=128).is_picture, Branch(rows=0, columns=6373).is_picture
    (True, False)
    """

    rows: int | None
    columns: int

    @property
    def is_picture(self) -> bool:
        return self.rows != 0


@dataclass(frozen=True, kw_only=True)
class TwinParams:
    """widths: channels of the three layers; dim: length of what each branch gives; start: of the
    weights, `he` or `narrow`, N(0, 0.01); batch_norm: behind each convolution; dropout: of the
    functionals on their way in, [0, 1)."""

    widths: Sequence[int]
    dim: int
    start: str
    batch_norm: bool
    dropout: float


@dataclass(frozen=True, kw_only=True)
class Input:
    """What one branch is given: values (batch, rows, columns), or (batch, columns) of functionals;
    lengths: (batch,) own rows of each clip, what lies behind them may be anything; None: all."""

    values: Tensor
    lengths: Tensor | None = None


class PictureBranch(nn.Module):
    """Three convolutions of stride 1, the first two followed by ReLU and 2x2 max-pooling, then a
    fully connected layer (ntalampiras2020, section 3.2).

    A picture of a fixed size is flattened. One of any number of rows (a log-Mel spectrogram: rows
    are frames) is averaged over its own rows, while columns stay apart.

    Departures: convolutions are padded to keep the size; ReLU behind the third one too.
    """

    def __init__(self, branch: Branch, params: TwinParams):
        super().__init__()
        sizes = [1, *params.widths]
        self.layers = nn.ModuleList(
            nn.Conv2d(before, width, kernel, bias=not params.batch_norm)
            for before, width, kernel in zip(sizes[:-1], sizes[1:], KERNELS, strict=True)
        )
        self.norms = nn.ModuleList(
            nn.BatchNorm2d(width) if params.batch_norm else nn.Identity() for width in params.widths
        )
        shrunk = 2 ** (len(KERNELS) - 1)
        rows = 1 if branch.rows is None else -(-branch.rows // shrunk)
        self.averages = branch.rows is None
        self.project = nn.Linear(
            params.widths[-1] * rows * -(-branch.columns // shrunk), params.dim
        )
        start_weights((*self.layers, self.project), params.start)
        self.to(memory_format=torch.channels_last)

    def forward(self, given: Input) -> Tensor:
        """(batch, dim) float32."""
        maps, lengths = self.activations(given)[-1]
        maps = maps.float()
        if self.averages:
            maps = maps.sum(dim=2) / lengths[:, None, None]
        return self.project(maps.flatten(1))

    def activations(self, given: Input) -> list[tuple[Tensor, Tensor]]:
        """What each layer gives behind its ReLU, before pooling, and the clips' own rows there:
        (batch, channels, ceil(rows / 2^k), ceil(columns / 2^k)), zero behind a clip's end."""
        values, lengths = given.values, given.lengths
        if lengths is None:
            lengths = torch.full((len(values),), values.shape[1], device=values.device)
        mask = frame_mask(lengths, values.shape[1])
        maps = values.masked_fill(~mask[:, :, None], 0.0)[:, None]
        found = []
        for number, (layer, norm) in enumerate(zip(self.layers, self.norms, strict=True)):
            if number > 0:
                maps = functional.max_pool2d(maps, 2, ceil_mode=True)
                lengths = halved(lengths)
                mask = frame_mask(lengths, maps.shape[2])
            before, behind = (KERNELS[number] - 1) // 2, KERNELS[number] // 2
            maps = functional.pad(maps, (before, behind, before, behind))  # the size stays
            maps = norm(layer(maps.contiguous(memory_format=torch.channels_last))).relu()
            maps = maps.masked_fill(~mask[:, None, :, None], 0.0)
            found.append((maps, lengths))
        return found


class FunctionalBranch(nn.Module):
    """One linear layer behind dropout, (batch, columns) -> (batch, dim): a learned projection."""

    def __init__(self, branch: Branch, params: TwinParams):
        super().__init__()
        self.dropout = nn.Dropout(params.dropout)
        self.project = nn.Linear(branch.columns, params.dim)
        if params.start == "narrow":
            start_weights((self.project,), params.start)

    def forward(self, given: Input) -> Tensor:
        return self.project(self.dropout(given.values.float()))


class Twin(nn.Module):
    """One twin of the siamese network; the embedding is what its branches give, side by side."""

    def __init__(self, branches: Mapping[str, Branch], params: TwinParams):
        super().__init__()
        self.branches = nn.ModuleDict(
            {
                name: (PictureBranch if branch.is_picture else FunctionalBranch)(branch, params)
                for name, branch in branches.items()
            }
        )
        self.dim = params.dim * len(branches)

    def forward(self, given: Mapping[str, Input]) -> Tensor:
        """(batch, branches x dim) float32, from an input for each branch."""
        return torch.cat([branch(given[name]) for name, branch in self.branches.items()], dim=1)


def start_weights(modules: Sequence[nn.Module], start: str) -> None:
    """Set the weights of layers to He et al. 2015 (`he`) or to N(0, 0.01) (`narrow`); biases 0."""
    for module in modules:
        if start == "narrow":
            nn.init.normal_(module.weight, std=NARROW)
        else:
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        if module.bias is not None:
            nn.init.zeros_(module.bias)

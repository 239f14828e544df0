"""Perceptrons of many cells as one batched program: every tensor has a leading dimension of cells.

A cell is one network of a study. Cells share the operations, never a number: each has weights,
gradients and optimiser state of its own, so that a cell trained in a stack equals the same cell
trained alone, up to the rounding of a batched matrix product.
"""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn


def generators(seeds: Sequence[int]) -> list[torch.Generator]:
    """One generator on the CPU for each cell: what a cell draws does not depend on its mates."""
    return [torch.Generator().manual_seed(seed) for seed in seeds]


class StackedLinear(nn.Module):
    """`nn.Linear` of many cells: weight (cells, n_in, n_out), bias (cells, 1, n_out).

    cells: one generator for each cell, as `generators` makes them. Each cell draws weight and bias
    as `nn.Linear(n_in, n_out)` does under its seed; further layers go on with the same generators,
    so that a stack of one equals the same sequence of `nn.Linear` after `torch.manual_seed`.

    >>> layer = StackedLinear(generators([3, 4]), n_in=5, n_out=2)
    >>> _ = torch.manual_seed(4)
    >>> bool((layer.weight[1] == nn.Linear(5, 2).weight.T).all())
    True
    """

    def __init__(self, cells: Sequence[torch.Generator], n_in: int, n_out: int):
        super().__init__()
        weights, biases = [], []
        for generator in cells:
            weight = torch.empty(n_out, n_in)
            nn.init.kaiming_uniform_(weight, a=5**0.5, generator=generator)
            bound = n_in**-0.5
            biases.append(torch.empty(n_out).uniform_(-bound, bound, generator=generator))
            weights.append(weight.T)
        self.weight = nn.Parameter(torch.stack(weights).contiguous())
        self.bias = nn.Parameter(torch.stack(biases)[:, None, :].contiguous())

    def forward(self, values: Tensor) -> Tensor:
        """(cells, n, n_in) -> (cells, n, n_out)."""
        return torch.baddbmm(self.bias, values, self.weight)


def gather(values: Tensor, index: Tensor, mask: Tensor | None = None) -> Tensor:
    """Each cell's own batch from one shared table.

    values: (n, ...), rows that all cells share; index: (cells, batch) int64, rows of `values`;
    mask: (cells, batch) bool, False where a cell has fewer rows than `batch`. Such places of
    `index` may hold any valid row. Returns (cells, batch, ...), zero where the mask is False.

    >>> values = torch.tensor([[1.0], [2.0], [3.0]])
    >>> mask = torch.tensor([[True, True], [True, False]])
    >>> gather(values, torch.tensor([[0, 2], [1, 0]]), mask).squeeze(2).tolist()
    [[1.0, 3.0], [2.0, 0.0]]
    """
    batch = values[index]
    if mask is None:
        return batch
    return batch * mask.reshape(*mask.shape, *(1,) * (batch.ndim - 2)).to(batch.dtype)


def per_cell_mean(values: Tensor, mask: Tensor | None = None) -> Tensor:
    """Mean of each cell over everything else: (cells, ...) -> (cells,); masked places do not count.

    Zero for a cell whose mask is all False. The sum over cells is the loss of a stack: its gradient
    in a cell's weights is the gradient of that cell's own mean.

    >>> mask = torch.tensor([[True, True], [True, False]])
    >>> per_cell_mean(torch.tensor([[1.0, 3.0], [5.0, 99.0]]), mask).tolist()
    [2.0, 5.0]
    """
    if mask is None:
        return values.flatten(1).mean(dim=1)
    kept = torch.where(mask, values, torch.zeros((), dtype=values.dtype, device=values.device))
    return kept.flatten(1).sum(dim=1) / mask.flatten(1).sum(dim=1).clamp(min=1)


class StackedAdam:
    """Adam (Kingma & Ba 2015, algorithm 1) on parameters whose first dimension is the cells.

    Equals `torch.optim.Adam` on each cell by itself. In `step`, cells that are not `active` rest:
    neither their parameters nor their moments nor their step counts change, whatever their
    gradient holds. learning_rate: one number, or (cells,); weight_decay: L2, as in torch.
    """

    def __init__(
        self,
        parameters: Iterable[Tensor],
        learning_rate: float | Tensor,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ):
        self.parameters = list(parameters)
        first = self.parameters[0]
        self.learning_rate = torch.as_tensor(learning_rate, device=first.device).double()
        self.betas, self.eps, self.weight_decay = betas, eps, weight_decay
        self.steps = torch.zeros(len(first), dtype=torch.float64, device=first.device)
        self.mean = [torch.zeros_like(parameter) for parameter in self.parameters]
        self.square = [torch.zeros_like(parameter) for parameter in self.parameters]

    def zero_grad(self) -> None:
        for parameter in self.parameters:
            parameter.grad = None

    @torch.no_grad()
    def step(self, active: Tensor | None = None) -> None:
        """One step along the gradients; active: (cells,) bool, None: all. No gradient, no step."""
        everywhere = torch.ones_like(self.steps, dtype=torch.bool)
        active = everywhere if active is None else active
        whole = bool(active.all())
        self.steps += active
        beta, gamma = self.betas
        counts = self.steps.clamp(min=1)  # a cell that has never stepped divides by no zero
        size = self.learning_rate / (1 - beta**counts)
        root = (1 - gamma**counts).sqrt()
        for parameter, mean, square in zip(self.parameters, self.mean, self.square, strict=True):
            gradient = parameter.grad
            if gradient is None:
                continue
            if self.weight_decay:
                gradient = gradient.add(parameter, alpha=self.weight_decay)
            shape = (-1, *(1,) * (parameter.ndim - 1))
            if not whole:
                self._step_some(parameter, gradient, mean, square, active.nonzero()[:, 0])
                continue
            mean.lerp_(gradient, 1 - beta)
            square.mul_(gamma).addcmul_(gradient, gradient, value=1 - gamma)
            below = square.sqrt().div_(root.to(square.dtype).reshape(shape)).add_(self.eps)
            change = mean / below
            parameter.sub_(change.mul_(size.to(change.dtype).reshape(shape)))

    def _step_some(
        self, parameter: Tensor, gradient: Tensor, mean: Tensor, square: Tensor, rows: Tensor
    ) -> None:
        """The same for the cells `rows` alone."""
        beta, gamma = self.betas
        shape = (-1, *(1,) * (parameter.ndim - 1))
        counts = self.steps[rows]
        rate = self.learning_rate.expand_as(self.steps)[rows]
        some = gradient[rows]
        first = mean[rows].lerp_(some, 1 - beta)
        second = square[rows].mul_(gamma).addcmul_(some, some, value=1 - gamma)
        root = (1 - gamma**counts).sqrt().to(second.dtype).reshape(shape)
        size = (rate / (1 - beta**counts)).to(second.dtype).reshape(shape)
        parameter[rows] -= first / (second.sqrt() / root + self.eps) * size
        mean[rows], square[rows] = first, second

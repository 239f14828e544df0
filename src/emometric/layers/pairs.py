"""All pairs of a batch, for many cells at once: differences, kinds, and losses on them.

Shapes: a batch of n clips has n (n - 1) / 2 pairs, each unordered pair once, never a clip with
itself. Every tensor has a leading dimension of cells (1 for a single network).
"""

import torch
from torch import Tensor
from torch.nn import functional


class Pairs:
    """The pairs of a batch of `n` clips, n from 2 for there to be any.

    >>> pairs = Pairs(3)
    >>> pairs.differences(torch.tensor([[[1.0], [4.0], [9.0]]])).squeeze().tolist()
    [-3.0, -8.0, -5.0]
    >>> pairs.same(torch.tensor([[0, 1, 0]])).tolist()
    [[False, True, False]]
    """

    def __init__(self, n: int, device: torch.device | str = "cpu"):
        self.first, self.second = torch.triu_indices(n, n, 1, device=device)
        rows = torch.arange(len(self.first), device=device)
        self._signs = torch.zeros(len(rows), n, device=device)
        self._signs[rows, self.first] = 1.0
        self._signs[rows, self.second] = -1.0

    def differences(self, embedding: Tensor) -> Tensor:
        """First clip minus second: (cells, n, dim) -> (cells, pairs, dim).

        As a product with a matrix of signs: backward of indexing adds up rows one by one, and
        takes several times as long. Zeros and ones keep the values exact.
        """
        return torch.matmul(self._signs.to(embedding.dtype), embedding)

    def same(self, emotion: Tensor) -> Tensor:
        """Whether both clips have one emotion: (cells, n) -> (cells, pairs) bool."""
        return emotion[:, self.first] == emotion[:, self.second]

    def present(self, mask: Tensor) -> Tensor:
        """Whether both clips are there: (cells, n) -> (cells, pairs) bool."""
        return mask[:, self.first] & mask[:, self.second]


def lengths(differences: Tensor) -> Tensor:
    """Euclidean lengths (..., dim) -> (...); where a length is 0 its gradient is 0, not NaN."""
    square = differences.square().sum(dim=-1)
    positive = square > 0
    return torch.where(positive, torch.where(positive, square, 1.0).sqrt(), 0.0)


def means_by_kind(values: Tensor, same: Tensor, present: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Mean of `values` over pairs of one emotion, over pairs of two, and whether there are both.

    values, same, present: (cells, pairs). Returns three (cells,); a mean of no pairs is 0.
    """
    kinds = torch.stack([same & present, ~same & present], dim=1)  # (cells, 2, pairs)
    n_pairs = kinds.sum(dim=2)
    values = torch.where(present, values, 0.0)  # what a masked place holds must not matter
    share = kinds.to(values.dtype) / n_pairs.clamp(min=1)[:, :, None]
    means = torch.matmul(share, values[:, :, None]).squeeze(2)
    return means[:, 0], means[:, 1], (n_pairs > 0).all(dim=1)


def relative_distance(
    differences: Tensor, same: Tensor, present: Tensor, limit: float
) -> tuple[Tensor, Tensor]:
    """(D + S) / (D - S) of each cell (feng2020, equation 1), guarded; and S / D itself.

    D, S: mean Euclidean distance of pairs of two emotions and of one. differences: (cells, pairs,
    dim); same, present: (cells, pairs) bool; limit: in (0, 1). Returns (cells,) twice.

    With r = S / D the formula is f(r) = (1 + r) / (1 - r): 1 at r = 0, its minimum, rising without
    bound towards D = S and negative beyond, where descent would drive D and S the wrong way. Guard:
    up to r = `limit` it is f itself; from there on it goes straight on along f's tangent,

        f(limit) + f'(limit) (r - limit),   f'(r) = 2 / (1 - r)^2

    so that value and slope are continuous, finite for every D > 0, and rise with r everywhere:
    descent lowers S / D on both sides of D = S. Without pairs of both kinds the value is 0 with a
    zero gradient; where all different pairs coincide, r counts as 1, with a zero gradient.
    """
    near, far, both = means_by_kind(lengths(differences), same, present)
    apart = far > 0
    ratio = torch.where(apart, near / torch.where(apart, far, 1.0), 1.0)
    inside = ratio.clamp(max=limit)
    value = (1 + inside) / (1 - inside)
    slope = 2 / (1 - limit) ** 2
    value = value + slope * (ratio - inside)
    return torch.where(both, value, 0.0), torch.where(both, ratio.detach(), 0.0)


def pair_cross_entropy(logits: Tensor, same: Tensor, present: Tensor) -> Tensor:
    """Cross-entropy of similar or not, each kind of pair with half of the weight: (cells,).

    logits: (cells, pairs), of "similar". Without the halves, pairs of two emotions, which are most,
    would decide. 0 with a zero gradient where a batch lacks pairs of either kind.
    """
    values = functional.softplus(torch.where(same, -logits, logits))
    similar, dissimilar, both = means_by_kind(values, same, present)
    return torch.where(both, (similar + dissimilar) / 2, 0.0)

"""Distances in a latent space against distances of labels: das2022's metric, for many cells."""

import torch
from torch import Tensor

DISTANCES = ("euclidean", "signed")


def metric(latents: Tensor, labels: Tensor, distance: str) -> Tensor:
    """|slope - 1| + mean over pairs of (slope dy - dz)^2: (..., n, dim), (..., n) -> (...).

    Over the pairs i < j of the clips whose label is a number (NaN: not rated, left out), das2022,
    section 3.1 (equations 2 to 5). dz and dy, by `distance`:

        euclidean   dz = |z_i - z_j|, dy = |y_i - y_j|, as the text says
        signed      dz = mean over dimensions of z_i - z_j, dy = y_i - y_j, as the authors' code

    and slope = sum(dz dy) / sum(dy^2), the least-squares fit of dz on dy through the origin. The
    euclidean form is zero exactly where latent distances equal label distances, and does not change
    when the latents are turned or shifted; the signed form sees only the latents' mean coordinate.

    What the paper leaves undefined: where all labels are equal (0/0) the slope counts as 1, so that
    the metric is the mean of dz^2 and zero where the latents coincide; the gradient of a
    distance that is zero is zero; without a pair the metric is zero.

    >>> latents = torch.tensor([[0.0, 0.0], [0.0, 2.0], [0.0, 5.0]])
    >>> metric(latents, torch.tensor([1.0, 3.0, 6.0]), "euclidean").item()
    0.0
    >>> metric(2 * latents, torch.tensor([1.0, 3.0, 6.0]), "euclidean").item()
    1.0
    """
    dz, dy, pairs = pair_distances(latents, labels, distance)
    power = (dy * dy).sum(dim=(-2, -1))
    is_one = power == 0
    slope = (dz * dy).sum(dim=(-2, -1)) / torch.where(is_one, 1.0, power)
    slope = torch.where(is_one, 1.0, slope)
    residual = (slope[..., None, None] * dy - dz).square().sum(dim=(-2, -1))
    return (slope - 1).abs() + residual / pairs.sum(dim=(-2, -1)).clamp(min=1)


def pair_distances(latents: Tensor, labels: Tensor, distance: str) -> tuple[Tensor, Tensor, Tensor]:
    """dz, dy and whether the pair counts, each (..., n, n); zero outside rated pairs i < j."""
    rated = labels.isfinite()
    pairs = (rated[..., :, None] & rated[..., None, :]).triu(diagonal=1)
    labels = torch.where(rated, labels, 0.0).to(latents.dtype)
    dy = labels[..., :, None] - labels[..., None, :]
    if distance == "signed":
        mean = latents.mean(dim=-1)
        dz = mean[..., :, None] - mean[..., None, :]
    else:
        dy = dy.abs()
        dz = _euclidean(latents)
    return dz * pairs, dy * pairs, pairs


def _euclidean(latents: Tensor) -> Tensor:
    """(..., n, dim) -> (..., n, n); where two clips coincide the gradient is zero, not NaN.

    One dimension at a time: an axis of two at the end of a large tensor is slow to reduce.
    """
    square = sum((one[..., :, None] - one[..., None, :]).square() for one in latents.unbind(dim=-1))
    apart = square > 0
    return torch.where(apart, square, 1.0).sqrt() * apart

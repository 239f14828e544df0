"""Layers against plain loops, and against padding."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from emometric.layers.frame_mask import frame_mask, halved
from emometric.layers.ghost_vlad import GhostVlad
from emometric.layers.squeeze_excite import SqueezeExcite
from emometric.layers.triplets import SemiHardHinge


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture(autouse=True)
def seeded():
    with torch.random.fork_rng():
        torch.manual_seed(3)
        yield


def vlad_by_loop(vlad, frames):
    """Zhong et al. 2018, equation 1, with the two normalisations; one clip (n, dim)."""
    weight, bias = vlad.assign.weight.detach(), vlad.assign.bias.detach()
    total = [[0.0] * frames.shape[1] for _ in range(vlad.clusters)]
    for frame in frames:
        energy = [math.exp(float(weight[k] @ frame + bias[k])) for k in range(len(weight))]
        for k in range(vlad.clusters):
            for d in range(len(frame)):
                share = energy[k] / sum(energy)
                total[k][d] += share * float(frame[d] - vlad.centres[k, d].detach())
    for row in total:
        length = math.sqrt(sum(value**2 for value in row))
        row[:] = [value / length for value in row]
    flat = [value for row in total for value in row]
    whole = math.sqrt(sum(value**2 for value in flat))
    return torch.tensor([value / whole for value in flat], dtype=frames.dtype)


@pytest.mark.parametrize("ghosts", [0, 2])
def test_ghost_vlad_equals_a_plain_loop(ghosts):
    vlad = GhostVlad(dim=5, clusters=3, ghosts=ghosts).double()
    frames = torch.randn(2, 7, 5, generator=generator(), dtype=torch.float64)
    out = vlad(frames, None)
    assert out.shape == (2, 3 * 5)  # ghosts are gone
    for row in range(2):
        torch.testing.assert_close(out[row], vlad_by_loop(vlad, frames[row]))


def test_ghost_vlad_ghosts_take_part_in_the_assignment():
    # A frame that belongs to a ghost leaves no trace, one that belongs to a cluster does.
    vlad = GhostVlad(dim=2, clusters=1, ghosts=1).double()
    with torch.no_grad():
        vlad.assign.weight.copy_(torch.tensor([[50.0, 0], [0, 50.0]]))
        vlad.assign.bias.zero_()
        vlad.centres.zero_()
    frames = torch.tensor([[[1.0, 0], [0, 1.0]]], dtype=torch.float64)
    torch.testing.assert_close(
        vlad(frames, None), torch.tensor([[1.0, 0.0]], dtype=torch.float64), atol=1e-9, rtol=0
    )


def test_ghost_vlad_ignores_padding():
    vlad = GhostVlad(dim=4, clusters=3, ghosts=1)
    frames = torch.randn(1, 6, 4, generator=generator())
    padded = torch.cat([frames, 9 * torch.randn(1, 3, 4, generator=generator(1))], dim=1)
    mask = frame_mask(torch.tensor([6]), 9)
    torch.testing.assert_close(vlad(padded, mask), vlad(frames, None))


def test_ghost_vlad_does_not_depend_on_the_order_of_frames():
    vlad = GhostVlad(dim=4, clusters=3, ghosts=1)
    frames = torch.randn(1, 6, 4, generator=generator())
    torch.testing.assert_close(vlad(frames.flip(1), None), vlad(frames, None))


def test_squeeze_excite_known_answer():
    # One channel of mean 2: squeeze 2 * 3 = 6, excite 6 * 0.5 - 2 = 1, weight sigmoid(1).
    layer = SqueezeExcite(channels=1, reduction=8)
    with torch.no_grad():
        layer.squeeze.weight.fill_(3.0)
        layer.squeeze.bias.zero_()
        layer.excite.weight.fill_(0.5)
        layer.excite.bias.fill_(-2.0)
    maps = torch.tensor([[[[1.0, 3.0], [0.0, 4.0]]]])
    torch.testing.assert_close(layer(maps, None), maps / (1 + math.exp(-1)))


def test_squeeze_excite_ignores_padding():
    layer = SqueezeExcite(channels=8, reduction=4)
    maps = torch.randn(2, 8, 5, 3, generator=generator())
    padded = torch.nn.functional.pad(maps, (0, 0, 0, 4))
    mask = frame_mask(torch.tensor([5, 5]), 9)
    torch.testing.assert_close(layer(padded, mask)[:, :, :5], layer(maps, None))


@given(st.integers(1, 400))
def test_halved_is_what_a_strided_convolution_leaves(length):
    for kernel in (3, 7):
        layer = torch.nn.Conv1d(1, 1, kernel, stride=2, padding=kernel // 2)
        assert layer(torch.zeros(1, 1, length)).shape[2] == halved(torch.tensor(length))


def hinge_by_loop(embedding, near, far, margin):
    unit = embedding / embedding.norm(dim=1, keepdim=True)

    def gap(a, b):
        return math.sqrt(float(((unit[a] - unit[b]) ** 2).sum()))

    losses = []
    for a in range(len(unit)):
        fars = [gap(a, n) for n in range(len(unit)) if far[a, n]]
        for p in range(len(unit)):
            if not near[a, p] or not fars:
                continue
            losses += [gap(a, p) - d + margin for d in fars if 0 < d - gap(a, p) <= margin]
            if max(fars) <= gap(a, p):
                losses.append(gap(a, p) - max(fars) + margin)
    return sum(losses) / len(losses) if losses else 0.0


@pytest.mark.parametrize("margin", [0.01, 0.3, 2.0])
@pytest.mark.parametrize("seed", range(4))
def test_semi_hard_hinge_equals_a_plain_loop(margin, seed):
    label = torch.tensor([0, 0, 0, 1, 1, 2, 2, 2])
    embedding = torch.randn(8, 3, generator=generator(seed), dtype=torch.float64)
    same = label[:, None] == label
    near, far = same & ~torch.eye(8, dtype=torch.bool), ~same
    far[0] = False  # an anchor without any `far` gives no triplet
    loss = SemiHardHinge(margin)(embedding, label, near, far)
    assert float(loss) == pytest.approx(hinge_by_loop(embedding, near, far, margin), abs=1e-12)


def test_semi_hard_hinge_frees_a_collapsed_batch():
    # All on one point: no triplet is semi-hard, yet the hinge is the margin, not zero.
    label = torch.tensor([0, 0, 1, 1])
    same = label[:, None] == label
    near, far = same & ~torch.eye(4, dtype=torch.bool), ~same
    loss = SemiHardHinge(0.2)(torch.ones(4, 3, dtype=torch.float64), label, near, far)
    assert float(loss) == pytest.approx(0.2)

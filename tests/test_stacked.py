"""Stacks of cells against torch's own layers and optimiser, one cell at a time."""

import pytest
import torch
from torch import nn

from emometric.layers.stacked import StackedAdam, StackedLinear, gather, generators, per_cell_mean

SEEDS = (3, 11, 5)


@pytest.fixture(autouse=True)
def seeded():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


def stack(seeds=SEEDS):
    cells = generators(seeds)
    return nn.Sequential(StackedLinear(cells, 6, 4), nn.ReLU(), StackedLinear(cells, 4, 2))


def plain(seed):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 2))


def test_a_cell_starts_as_plain_layers_do_under_its_seed():
    stacked = stack()
    for cell, seed in enumerate(SEEDS):
        alone = plain(seed)
        for layer in (0, 2):
            assert torch.equal(stacked[layer].weight[cell], alone[layer].weight.T)
            assert torch.equal(stacked[layer].bias[cell, 0], alone[layer].bias)


def test_a_cell_computes_what_plain_layers_do():
    values = torch.randn(3, 7, 6)
    found = stack()(values)
    for cell, seed in enumerate(SEEDS):
        torch.testing.assert_close(found[cell], plain(seed)(values[cell]))


@pytest.mark.parametrize("decay", [0.0, 0.01])
def test_adam_equals_torch_on_each_cell_alone_also_where_cells_rest(decay):
    stacked, rates = stack(), torch.tensor([0.01, 0.003, 0.02])
    adam = StackedAdam(stacked.parameters(), rates, weight_decay=decay)
    alone = [plain(seed) for seed in SEEDS]
    optimisers = [
        torch.optim.Adam(network.parameters(), lr=float(rate), weight_decay=decay)
        for network, rate in zip(alone, rates, strict=True)
    ]
    for step in range(30):
        values, wanted = torch.randn(3, 8, 6), torch.randn(3, 8, 2)
        active = torch.tensor([True, step % 3 == 1, step < 12])
        adam.zero_grad()
        per_cell_mean((stacked(values) - wanted).square()).sum().backward()
        adam.step(None if active.all() else active)
        for cell in active.nonzero()[:, 0].tolist():
            optimisers[cell].zero_grad()
            (alone[cell](values[cell]) - wanted[cell]).square().mean().backward()
            optimisers[cell].step()
    for cell, network in enumerate(alone):
        # 30 steps of float32 in another order of operations
        torch.testing.assert_close(
            stacked[0].weight[cell], network[0].weight.T, rtol=1e-4, atol=1e-5
        )
        torch.testing.assert_close(stacked[2].bias[cell, 0], network[2].bias, rtol=1e-4, atol=1e-5)


def test_a_resting_cell_keeps_its_weights_whatever_its_gradient():
    stacked = stack()
    before = stacked[0].weight.detach().clone()
    adam = StackedAdam(stacked.parameters(), 0.1)
    for parameter in stacked.parameters():
        parameter.grad = torch.full_like(parameter, float("nan"))
        parameter.grad[0] = 1.0
    adam.step(torch.tensor([True, False, False]))
    assert torch.equal(stacked[0].weight[1:], before[1:])
    assert (stacked[0].weight[0] - before[0] + 0.1).abs().max() < 1e-6  # Adam's first step


def test_a_cell_in_a_stack_equals_the_cell_in_a_stack_of_one():
    data = torch.randn(20, 6)
    index = torch.stack([torch.randperm(20)[:8] for _ in SEEDS])

    def train(seeds, rows):
        network = stack(seeds)
        adam = StackedAdam(network.parameters(), 0.01)
        for _ in range(20):
            adam.zero_grad()
            per_cell_mean(network(gather(data, rows)).square()).sum().backward()
            adam.step()
        return network(data.expand(len(seeds), -1, -1)).detach()

    together = train(SEEDS, index)
    for cell, seed in enumerate(SEEDS):
        torch.testing.assert_close(together[cell], train((seed,), index[cell : cell + 1])[0])


def test_masked_rows_have_no_gradient():
    data = torch.randn(5, 6, requires_grad=True)
    index, mask = torch.tensor([[0, 1], [2, 4]]), torch.tensor([[True, True], [True, False]])
    per_cell_mean(gather(data, index, mask).sum(dim=2), mask).sum().backward()
    assert data.grad[:3].abs().min() > 0 and data.grad[3:].abs().max() == 0
    assert per_cell_mean(torch.ones(1, 2), torch.zeros(1, 2, dtype=torch.bool)).item() == 0

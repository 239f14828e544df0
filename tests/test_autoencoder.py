"""Stacks of autoencoders: against plain modules and a plain loop, and each cell against itself."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn

from emometric.layers.autoencoder import StackedAutoencoder
from emometric.layers.continuous_metric import metric
from emometric.layers.stacked import generators
from emometric.studies.autoencoder_training import Schedule, Stream, Task, encode, train

WIDTHS = (12, 8, 5, 2)
RECTIFIED = (True, True, False)


def schedule(**changes):
    settings = {
        "widths": WIDTHS,
        "rectified": RECTIFIED,
        "epochs": 3,
        "batch_size": 16,
        "learning_rate": 1e-2,
        "noise": 0.5,
        "logarithm": False,
    }
    return Schedule(**{**settings, **changes})


def values(n, seed=0):
    generator = np.random.default_rng(seed)
    hidden = generator.standard_normal((n, 2))
    return hidden @ generator.standard_normal((2, 12)) + 0.3 * generator.standard_normal((n, 12))


def ratings(n):
    """What the clips of `values(n, n)` sound like to a rater who hears the first column."""
    labels = 3 + values(n, n)[:, 0].clip(-2, 2)
    labels[::7] = np.nan
    return labels


class Plain(nn.Module):
    """One autoencoder of ordinary layers."""

    def __init__(self, seed):
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.encoder = nn.ModuleList(nn.Linear(*pair) for pair in pairwise(WIDTHS))
            self.decoder = nn.ModuleList(nn.Linear(*pair) for pair in pairwise(WIDTHS[::-1]))

    def encode(self, batch):
        for layer in self.encoder[:-1]:
            batch = layer(batch).relu()
        return self.encoder[-1](batch)

    def forward(self, batch):
        latents = values = self.encode(batch)
        for layer, is_rectified in zip(self.decoder, RECTIFIED, strict=True):
            values = layer(values).relu() if is_rectified else layer(values)
        return latents, values


def loop(task, stream, how):
    """The training of one task with torch's own Adam."""
    network, draw = Plain(task.seed), torch.Generator().manual_seed(stream.seed)
    optimiser = torch.optim.Adam(network.parameters(), lr=how.learning_rate)
    clean = torch.from_numpy(stream.values.astype(np.float32))
    labels = None if task.labels is None else torch.from_numpy(task.labels.astype(np.float32))
    for _ in range(how.epochs):
        order = torch.randperm(len(clean), generator=draw)
        noise = how.noise * torch.randn(clean.shape, generator=draw)
        for first in range(0, len(clean), how.batch_size):
            rows = order[first : first + how.batch_size]
            latents, restored = network(clean[rows] + noise[first : first + how.batch_size])
            loss = (restored - clean[rows]).square().mean()
            if labels is not None:
                loss = loss + metric(latents, labels[rows], task.distance)
            loss = loss.log() if how.logarithm else loss
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    return network


def test_a_stack_starts_as_ordinary_layers_do():
    stack, plain = StackedAutoencoder(generators([5, 9]), WIDTHS, RECTIFIED), Plain(9)
    batch = torch.from_numpy(values(6).astype(np.float32))
    latents, restored = plain(batch)
    stacked = stack.encode(batch.expand(2, -1, -1))
    torch.testing.assert_close(stacked[1], latents)
    torch.testing.assert_close(stack.decode(stacked)[1], restored)
    torch.testing.assert_close(stack.encode_one(1, batch), latents)


@pytest.mark.parametrize("logarithm", [False, True])
@pytest.mark.parametrize("distance", ["euclidean", "signed", None])
def test_one_task_equals_a_plain_loop(logarithm, distance):
    how = schedule(logarithm=logarithm)
    stream = Stream(values=values(37), seed=4)
    labels = None if distance is None else ratings(37)
    task = Task(stream=0, labels=labels, distance=distance or "euclidean", seed=8)
    stack, _ = train([task], [stream], how, "cpu")
    network = loop(task, stream, how)
    with torch.inference_mode():
        wanted = network.encode(torch.from_numpy(values(9, 1)).float()).numpy()
    # Rounding of batched products, carried through nine steps of Adam.
    np.testing.assert_allclose(encode(stack, 0, values(9, 1), "cpu"), wanted, rtol=1e-3, atol=1e-4)


def tasks_and_streams():
    streams = [Stream(values=values(n, n), seed=n) for n in (40, 23, 33)]
    tasks = [
        Task(stream=0, labels=None, distance="euclidean", seed=1),
        Task(stream=1, labels=ratings(23), distance="signed", seed=2),
        Task(stream=0, labels=ratings(40), distance="euclidean", seed=1),
        Task(stream=2, labels=ratings(33), distance="euclidean", seed=3),
    ]
    return tasks, streams


def test_each_task_of_a_stack_equals_itself_alone():
    tasks, streams = tasks_and_streams()
    together, numbers = train(tasks, streams, schedule(), "cpu")
    for place, task in enumerate(tasks):
        own = Task(stream=0, labels=task.labels, distance=task.distance, seed=task.seed)
        alone, number = train([own], [streams[task.stream]], schedule(), "cpu")
        for stacked, single in zip(together.parameters(), alone.parameters(), strict=True):
            torch.testing.assert_close(stacked[place], single[0], rtol=1e-3, atol=1e-4)
        np.testing.assert_allclose(numbers[place], number[0], rtol=1e-4, atol=1e-5)


def test_the_same_bytes_again_and_with_more_threads():
    tasks, streams = tasks_and_streams()
    found = []
    before = torch.get_num_threads()
    try:
        for n_threads in (1, 2, 2):
            torch.set_num_threads(n_threads)
            stack, _ = train(tasks, streams, schedule(), "cpu")
            assert torch.get_num_threads() == n_threads
            found.append(encode(stack, 2, values(9), "cpu").tobytes())
    finally:
        torch.set_num_threads(before)
    assert found[0] == found[1] == found[2]


def test_training_lowers_both_terms():
    tasks, streams = tasks_and_streams()
    _, early = train(tasks, streams, schedule(epochs=1), "cpu")
    _, late = train(tasks, streams, schedule(epochs=60), "cpu")
    assert (late[:, 0] < early[:, 0]).all()
    assert (late[1:, 1] < 0.8 * early[1:, 1]).all() and late[0, 1] == 0

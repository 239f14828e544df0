"""`emometric bench training`: both ways train the same networks, and the figures follow."""

import json

import pytest
import torch
from typer.testing import CliRunner

from emometric.base.errors import ParameterError
from emometric.bench import training as bench
from emometric.bench import training_grid
from emometric.cli import bench as cli_bench


@pytest.fixture
def double():
    """float64 for everything: in float32 Adam makes a step of what is only a rounding error."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("relative", [False, True])
def test_the_plain_way_trains_the_same_networks(double, relative):
    """Else the race would not be fair; two speakers fill half of a batch, six more than one."""
    task = training_grid.grid((2, 6), 2, 12, relative=relative)
    together = training_grid.batched(task)
    for cell in range(4):
        alone = training_grid.plain(task.only(cell))[0]
        torch.testing.assert_close(together[cell], alone, rtol=1e-6, atol=1e-9)
        start = training_grid.batched(training_grid.grid((2, 6), 2, 1, relative=False).only(cell))[
            0
        ]
        assert (start - alone).abs().max() > 5e-3  # they did move


def test_figures_follow_from_the_times():
    rows = bench._rows({bench.PLAIN: [4.0, 9.0, 5.0], bench.BATCHED: [0.5, 0.2, 0.25]}, 100)
    assert [row.ratio for row in rows] == [1.0, 20.0]
    assert [row.cell_steps_per_s for row in rows] == [20.0, 400.0]
    assert (rows[1].fastest_s, rows[1].slowest_s) == (0.2, 0.5)


def test_turns_alternate_and_threads_are_given_back():
    before, seen = torch.get_num_threads(), []
    ways = {
        name: (lambda task, name=name: seen.append((name, torch.get_num_threads())), n_threads)
        for name, n_threads in (("a", 1), ("b", 2))
    }
    task = training_grid.grid((2,), 1, 1, relative=False)
    timings = bench._interleave(ways, [task], 2)
    assert seen == [("a", 1), ("b", 2), ("a", 1), ("b", 2), ("b", 2), ("a", 1)]
    assert {name: len(seconds) for name, seconds in timings.items()} == {"a": 2, "b": 2}
    assert torch.get_num_threads() == before


def test_the_grid_is_feng2020s():
    task = training_grid.grid(range(2, 21, 2), 10, 1, relative=True)
    assert len(set(task.seeds)) == 100
    assert task.batches.mask.sum(dim=1)[:10].eq(8).all()  # two speakers, four emotions
    assert task.batches.mask[10:].all()


def test_command_prints_a_table_and_json():
    arguments = ["training", "--repeats", "1", "--steps", "1", "--rounds", "1", "--threads", "1"]
    told = CliRunner().invoke(cli_bench.app, arguments)
    assert told.exit_code == 0, told.output
    head, columns, *rows = told.output.splitlines()
    assert head.startswith("feng2020's fine-tuning: 20 networks, 1 steps each; medians of 1 rounds")
    assert columns.split()[:2] == ["way", "seconds"] and len(rows) == 4
    told = CliRunner().invoke(cli_bench.app, [*arguments, "--json"])
    found = json.loads(told.output)
    assert found["n_cells"] == 20 and found["rows"][0]["ratio"] == 1.0
    assert all(row["median_s"] > 0 for row in found["rows"])


def test_nothing_to_measure_is_refused():
    with pytest.raises(ParameterError, match="steps is 0; write a whole number from 1"):
        bench.training(n_steps=0)

"""`emometric bench training --spectra`: all ways train one network, and the figures follow."""

import json

import pytest
import torch
from typer.testing import CliRunner

from emometric import parallel
from emometric.base.errors import ParameterError
from emometric.bench import spectra_training as bench
from emometric.cli import bench as cli_bench

SMALL = bench.Task(
    widths=(4, 4, 4, 4), n_bins=16, crop_frames=20, n_clips=8, batch_size=4, n_steps=2
)


@pytest.fixture
def here(monkeypatch):
    """Side by side becomes one behind the other: starting processes takes longer."""
    run = parallel.run
    monkeypatch.setattr(
        parallel, "run", lambda work, jobs, **_: run(work, jobs, processes=1, tick=lambda: None)
    )


def test_all_ways_are_timed_and_threads_given_back(here):
    before = torch.get_num_threads()
    found = bench.spectra_training(SMALL, n_rounds=2, n_cores=2)
    assert [row.way for row in found.rows] == [bench.PLAIN, bench.ONE, bench.SEVERAL]
    assert found.rows[0].ratio == 1.0 and all(row.clips_per_s > 0 for row in found.rows)
    assert all(row.slowest <= row.clips_per_s <= row.fastest for row in found.rows)
    assert torch.get_num_threads() == before


def test_rate_counts_all_processes_and_their_whole_time():
    task = bench.Task(n_steps=3, batch_size=10)
    assert bench._rate(task, [(1.0, 4.0), (2.0, 7.0)]) == 2 * 30 / 6


def test_both_loops_train_the_same_network_the_same_number_of_steps(monkeypatch):
    made, steps = [], []
    network = bench._network
    monkeypatch.setattr(bench, "_network", lambda task: made.append(network(task)) or made[-1])
    for optimiser in (torch.optim.Adam, torch.optim.AdamW):
        step = optimiser.step
        monkeypatch.setattr(
            optimiser,
            "step",
            lambda self, *a, step=step, name=optimiser.__name__: (
                steps.append(name),
                step(self, *a),
            )[1],
        )
    bench.plain(SMALL)
    bench.ours(SMALL)
    shapes = [{name: value.shape for name, value in one.state_dict().items()} for one in made]
    assert shapes[0] == shapes[1]
    assert steps.count("AdamW") == bench.WARM_STEPS + SMALL.n_steps
    assert len(steps) >= 2 * (bench.WARM_STEPS + SMALL.n_steps)


def test_command_prints_a_table_and_json(here, monkeypatch):
    monkeypatch.setattr(bench, "Task", lambda n_steps: SMALL)
    arguments = ["training", "--spectra", "--steps", "2", "--rounds", "1", "--threads", "1"]
    told = CliRunner().invoke(cli_bench.app, arguments)
    assert told.exit_code == 0, told.output
    head, columns, *rows = told.output.splitlines()
    assert head.startswith("SE-ResNet-34, crops of 20 frames x 16 bins, 2 steps of 4; medians of 1")
    assert columns.split() == ["way", "clips/s", "slowest", "fastest", "ratio"] and len(rows) == 3
    found = json.loads(CliRunner().invoke(cli_bench.app, [*arguments, "--json"]).output)
    assert found["rows"][0]["ratio"] == 1.0 and found["task"]["n_bins"] == 16


def test_nothing_to_measure_is_refused():
    with pytest.raises(ParameterError, match="steps is 0; write a whole number from 1"):
        bench.spectra_training(bench.Task(n_steps=0))

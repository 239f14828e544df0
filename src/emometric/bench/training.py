"""How fast a grid of small networks trains: as one batched program, and cell by cell in a loop.

Measured is the fine-tuning of feng2020, all feature layers free: 2, 4, ..., 20 speakers of a target
of RAVDESS's size times ten repeats, each without and with the relative distance loss, 200 networks
in all. Every way takes the same steps of the same networks on the same batches:

- "plain torch": `nn.Linear` and `torch.optim.Adam`, one network after another, one thread, which is
  no slower than several for arrays so small;
- "one cell at a time": this package's program, given one network after another, one thread;
- "batched": the same program, given all networks of a variant at once; one thread, and all.
"""

import os
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass

import torch
from torch import Tensor

from emometric.base.errors import ParameterError
from emometric.bench.training_grid import Task, batched, grid, plain

PLAIN, ONE, BATCHED, BATCHED_ALL = (
    "plain torch, one thread",
    "one cell at a time, one thread",
    "batched, one thread",
    "batched, all threads",
)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One way to train the grid; ratio: of its median to that of plain torch, larger = faster.

    cell_steps_per_s: steps of single networks in a second.
    """

    way: str
    ratio: float
    cell_steps_per_s: float
    median_s: float
    fastest_s: float
    slowest_s: float


@dataclass(frozen=True, kw_only=True)
class Bench:
    """What was measured, beside which load (1-minute averages before and after)."""

    n_cells: int
    n_steps: int
    n_rounds: int
    n_threads: int
    load_before: float
    load_after: float
    rows: tuple[Row, ...]


def training(
    *,
    n_speakers: Sequence[int] = tuple(range(2, 21, 2)),
    n_repeats: int = 10,
    n_steps: int = 10,
    n_rounds: int = 5,
    n_threads: int | None = None,
) -> Bench:
    """Time the ways to train the grid; in each round every way has one turn, another one first.

    n_speakers: whose clips are granted, up to 24; n_threads: of "all threads", None: as
    many as torch takes by itself. Raises ParameterError for numbers that leave nothing to measure.
    """
    for name, value in (("repeats", n_repeats), ("steps", n_steps), ("rounds", n_rounds)):
        if value < 1:
            raise ParameterError(f"{name} is {value}; write a whole number from 1.")
    n_threads = n_threads or torch.get_num_threads()
    load_before = os.getloadavg()[0]
    tasks = [grid(n_speakers, n_repeats, n_steps, relative=relative) for relative in (False, True)]
    ways: dict[str, tuple[Callable[[Task], object], int]] = {
        PLAIN: (_each(plain), 1),
        ONE: (_each(batched), 1),
        BATCHED: (batched, 1),
        BATCHED_ALL: (batched, n_threads),
    }
    timings = _interleave(ways, tasks, n_rounds)
    n_cells = sum(len(task.seeds) for task in tasks)
    return Bench(
        n_cells=n_cells,
        n_steps=n_steps,
        n_rounds=n_rounds,
        n_threads=n_threads,
        load_before=load_before,
        load_after=os.getloadavg()[0],
        rows=_rows(timings, n_cells * n_steps),
    )


def as_json(bench: Bench) -> dict:
    """The same as plain lists and dicts."""
    return asdict(bench)


def _each(way: Callable[[Task], Tensor]) -> Callable[[Task], list[Tensor]]:
    return lambda task: [way(task.only(cell)) for cell in range(len(task.seeds))]


def _interleave(
    ways: dict[str, tuple[Callable[[Task], object], int]], tasks: Sequence[Task], n_rounds: int
) -> dict[str, list[float]]:
    """Seconds that each way takes for all tasks, one figure a round."""
    timings: dict[str, list[float]] = {name: [] for name in ways}
    order = list(ways)
    for way, n_threads in ways.values():  # warm
        with _threads(n_threads):
            way(tasks[-1].only(0))
    for _ in range(n_rounds):
        for name in order:
            way, n_threads = ways[name]
            with _threads(n_threads):
                began = time.perf_counter()
                for task in tasks:
                    way(task)
                timings[name].append(time.perf_counter() - began)
        order = order[1:] + order[:1]
    return timings


@contextmanager
def _threads(n_threads: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(n_threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _rows(timings: dict[str, list[float]], n_cell_steps: int) -> tuple[Row, ...]:
    medians = {way: statistics.median(seconds) for way, seconds in timings.items()}
    first = next(iter(medians.values()))
    return tuple(
        Row(
            way=way,
            ratio=first / medians[way],
            cell_steps_per_s=n_cell_steps / medians[way],
            median_s=medians[way],
            fastest_s=min(seconds),
            slowest_s=max(seconds),
        )
        for way, seconds in timings.items()
    )

"""Trainings that give the same bits again: seeded, and on one thread."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch


@contextmanager
def one_thread() -> Iterator[None]:
    """Inside, torch works on one thread; small networks are faster so, too (two threads took longer
    than one on a busy machine)."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def seeded(seed: Sequence[int], device: torch.device) -> Iterator[None]:
    """Inside, as `one_thread`, and torch's own generators start from `seed`; outside, all is as it
    was."""
    state = int(np.random.SeedSequence(seed).generate_state(1, np.uint64)[0] >> 1)
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []), one_thread():
        torch.manual_seed(state)
        yield


@contextmanager
def reproducible(seed: Sequence[int], device: torch.device) -> Iterator[None]:
    """Inside, as `seeded`, and convolutions on a GPU are deterministic, so that neither what ran
    before nor the number of cores shows."""
    flags = torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True)
    with flags, seeded([*seed, 1], device):
        yield

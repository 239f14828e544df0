"""Jobs in processes: order, ticks, and what happens when one fails."""

import os

import pytest

from emometric import parallel
from emometric.errors import ParameterError, PipelineError


def fail_at_two(job, tick):
    if job == 2:
        raise ParameterError("job 2 cannot be done; leave it out.")
    tick()
    return job * 10


def test_parallel_returns_in_order_and_raises_what_a_job_raised(monkeypatch, project_root):
    monkeypatch.syspath_prepend(project_root)  # a worker imports this very file by its name
    assert parallel.run(fail_at_two, [3, 1], processes=2, tick=lambda: None) == [30, 10]
    for processes in (1, 2):
        with pytest.raises(ParameterError, match="job 2 cannot be done"):
            parallel.run(fail_at_two, [1, 2], processes=processes, tick=lambda: None)


def end_itself(job, tick):
    os._exit(3)


def test_parallel_says_when_a_worker_was_ended(monkeypatch, project_root):
    monkeypatch.syspath_prepend(project_root)
    with pytest.raises(PipelineError, match="a worker process was ended from outside"):
        parallel.run(end_itself, [1, 2], processes=2, tick=lambda: None)

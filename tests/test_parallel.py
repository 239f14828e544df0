"""Jobs in processes: order, ticks, who does what, and what happens when one fails."""

import os
import time

import pytest

from emometric import parallel
from emometric.base.errors import ParameterError, PipelineError


@pytest.fixture
def importable(monkeypatch, project_root):
    monkeypatch.syspath_prepend(project_root)  # a worker imports this very file by its name


@pytest.fixture
def at_once(importable, monkeypatch):
    """Workers start with the first job, which has to be long enough for them to take the second."""
    monkeypatch.setattr(parallel, "_ALONE_S", 0.0)


def who(job, tick):
    """A job is how long it takes."""
    time.sleep(job)
    tick()
    return job, os.getpid()


def fail_at_two(job, tick):
    time.sleep(0.5)
    if job == 2:
        raise ParameterError("job 2 cannot be done; leave it out.")
    return job * 10


def end_elsewhere(here, tick):
    time.sleep(0.5)
    if os.getpid() != here:
        os._exit(3)


def test_short_jobs_are_done_here(importable):
    ticks = []
    done = parallel.run(who, [0.0, 0.1, 0.0], processes=2, tick=lambda: ticks.append(1))
    assert done == [(job, os.getpid()) for job in (0.0, 0.1, 0.0)]
    assert len(ticks) == 3


def test_long_jobs_are_shared_and_come_in_order(at_once):
    ticks = []
    jobs = [2.5, 0.0, 0.1, 0.2, 0.3, 0.4]
    done = parallel.run(who, jobs, processes=2, tick=lambda: ticks.append(1))
    assert [job for job, _ in done] == jobs and len(ticks) == len(jobs)
    pids = {pid for _, pid in done}
    assert os.getpid() in pids and len(pids) == 2


def test_workers_alone_begin_together(importable):
    done = parallel.run(who, [0.5, 0.5], processes=2, tick=lambda: None, here=False)
    assert len({pid for _, pid in done} - {os.getpid()}) == 2
    one = parallel.run(who, [0.0, 0.0], processes=1, tick=lambda: None, here=False)
    assert {pid for _, pid in one} == {os.getpid()}


def test_nothing_to_do_is_done():
    assert parallel.run(who, [], processes=2, tick=lambda: None) == []


@pytest.mark.parametrize("jobs", [[2, 1, 1], [1, 2, 1]], ids=["here", "in a worker"])
def test_an_error_of_a_job_is_raised_and_ends_the_rest(at_once, jobs):
    with pytest.raises(ParameterError, match="job 2 cannot be done"):
        parallel.run(fail_at_two, jobs, processes=2, tick=lambda: None)


def test_one_process_raises_what_a_job_raised():
    with pytest.raises(ParameterError, match="job 2 cannot be done"):
        parallel.run(fail_at_two, [1, 2], processes=1, tick=lambda: None)


def test_parallel_says_when_a_worker_was_ended(at_once):
    with pytest.raises(PipelineError, match="a worker process was ended from outside"):
        parallel.run(end_elsewhere, [os.getpid()] * 2, processes=2, tick=lambda: None)

"""Independent jobs in processes of their own, with one progress bar over all their steps."""

import multiprocessing
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures import wait as wait_for
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import connection
from typing import Any, TypeVar

from emometric.errors import PipelineError

Job = TypeVar("Job")
Result = TypeVar("Result")
Tick = Callable[[], Any]

_queue = None  # of a worker: where its ticks go


def run(
    work: Callable[[Job, Tick], Result], jobs: Sequence[Job], *, processes: int, tick: Tick
) -> list[Result]:
    """`work(job, tick)` for each job, in the order of `jobs`.

    With one process all happens here, else in at most `processes` fresh ones, which import `work`
    by name. `tick` is called here for each call that a job makes of its own. The first error ends
    the rest; a worker ends itself when this process is gone, however it went.
    """
    processes = min(processes, len(jobs))
    if processes <= 1:
        return [work(job, tick) for job in jobs]
    context = multiprocessing.get_context("spawn")  # a fork of a process with threads may hang
    queue = context.SimpleQueue()
    with ProcessPoolExecutor(
        processes, mp_context=context, initializer=_start_worker, initargs=(queue,)
    ) as pool:
        waiting = {pool.submit(_work, work, job): job for job in jobs}
        futures = list(waiting)
        while waiting:
            finished, _ = wait_for(waiting, timeout=0.2)
            _drain(queue, tick)
            for future in finished:
                del waiting[future]
                _check(future, pool)
        _drain(queue, tick)
        return [future.result() for future in futures]


def processors() -> int:
    """Processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _check(future: Future, pool: ProcessPoolExecutor) -> None:
    error = future.exception()
    if error is None:
        return
    pool.shutdown(wait=True, cancel_futures=True)
    if isinstance(error, BrokenProcessPool):
        raise PipelineError(
            "a worker process was ended from outside, often for want of memory; run it again, "
            "what is finished is kept."
        ) from None
    raise error


def _drain(queue, tick: Tick) -> None:
    while not queue.empty():
        queue.get()
        tick()


def _start_worker(queue) -> None:
    global _queue
    _queue = queue
    parent = multiprocessing.parent_process()
    threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel) -> None:
    connection.wait([sentinel])
    os._exit(1)


def _work(work: Callable[[Job, Tick], Result], job: Job) -> Result:
    return work(job, _tick)


def _tick() -> None:
    _queue.put(None)

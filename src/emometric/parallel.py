"""Independent jobs on several processes, with one progress bar over all their steps."""

import multiprocessing
import os
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures import wait as wait_for
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import connection
from typing import Any, TypeVar

from emometric.base.errors import PipelineError

Job = TypeVar("Job")
Result = TypeVar("Result")
Tick = Callable[[], Any]

_ALONE_S = 3.0  # what a worker needs to start, mostly to import torch

_queue = None  # of a worker: where its ticks go


def run(
    work: Callable[[Job, Tick], Result],
    jobs: Sequence[Job],
    *,
    processes: int,
    tick: Tick,
    here: bool = True,
) -> list[Result]:
    """`work(job, tick)` for each job, in the order of `jobs`.

    This process begins at once; where it is not done after as long as others take to start, up to
    `processes - 1` fresh ones, which import `work` by name, take what nobody has begun. here False:
    fresh ones alone, which begin together, if `processes` is 2 or more. `tick` is called here for
    each call that a job makes of its own. The first error ends the rest; a worker ends itself when
    this process is gone, however it went.
    """
    here = here or processes < 2
    waiting = deque(enumerate(jobs))
    results: dict[int, Result] = {}
    crew = _Crew(work, waiting, results, min(processes, len(jobs)) - here)
    timer = threading.Timer(_ALONE_S, crew.start)

    def tick_of_all() -> None:
        tick()
        crew.pass_on(tick)

    try:
        (timer if here else crew).start()
        while taken := here and _take(waiting):
            number, job = taken
            results[number] = work(job, tick_of_all)
            crew.check()
        crew.wait(tick)
    finally:
        timer.cancel()
        crew.end()
    return [results[number] for number in range(len(jobs))]


def processors() -> int:
    """Processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class _Crew:
    """Workers beside this process; each is given its next job when it has done the last."""

    def __init__(self, work: Callable, waiting: deque, results: dict, n_workers: int):
        self._work, self._waiting, self._results = work, waiting, results
        self._n_workers = n_workers
        self._pool: ProcessPoolExecutor | None = None
        self._numbers: dict[Future, int] = {}
        self._error: BaseException | None = None
        self._ended = False
        self._lock = threading.RLock()  # of all above: jobs are given out in other threads, too
        # A fork of a process with threads may hang.
        self._context = multiprocessing.get_context("spawn")
        self._ticks = None

    def start(self) -> None:
        """Give the first jobs to fresh workers, if there are any of either."""
        with self._lock:
            n_needed = min(self._n_workers, len(self._waiting))
            if self._ended or n_needed < 1:
                return
            self._ticks = self._context.SimpleQueue()
            self._pool = ProcessPoolExecutor(
                n_needed,
                mp_context=self._context,
                initializer=_start_worker,
                initargs=(self._ticks,),
            )
            for _ in range(n_needed):
                self._give()

    def check(self) -> None:
        """Raise the first error of a worker."""
        if isinstance(self._error, BrokenProcessPool):
            raise PipelineError(
                "a worker process was ended from outside, often for want of memory; run it again, "
                "what is finished is kept."
            ) from None
        if self._error is not None:
            raise self._error

    def pass_on(self, tick: Tick) -> None:
        """Call `tick` for what the workers' jobs have called so far."""
        while self._ticks is not None and not self._ticks.empty():
            self._ticks.get()
            tick()

    def wait(self, tick: Tick) -> None:
        """Until the workers have done what they were given, which is all that there was."""
        while True:
            with self._lock:
                running = list(self._numbers)
            if not running:
                break
            wait_for(running, timeout=0.2)
            self.pass_on(tick)
            self.check()
        self.pass_on(tick)
        self.check()

    def end(self) -> None:
        """Stop the workers; what they are at is lost."""
        with self._lock:
            self._ended = True
        if self._pool is not None:  # not inside the lock, which `_take_back` waits for
            self._pool.shutdown(wait=True, cancel_futures=True)

    def _give(self) -> None:
        taken = None if self._ended else _take(self._waiting)
        if taken:
            number, job = taken
            future = self._pool.submit(_work, self._work, job)
            self._numbers[future] = number
            future.add_done_callback(self._take_back)

    def _take_back(self, future: Future) -> None:
        with self._lock:
            number = self._numbers.pop(future)
            if future.cancelled():
                return
            if future.exception() is not None:
                self._error = self._error or future.exception()
                self._waiting.clear()
                return
            self._results[number] = future.result()
            self._give()


def _take(waiting: deque) -> tuple[int, Any] | None:
    """The next job that nobody has begun, with its number; None where there is none."""
    try:
        return waiting.popleft()
    except IndexError:
        return None


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

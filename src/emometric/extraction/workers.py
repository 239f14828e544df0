"""Where `joblib.Parallel` runs: processes on this machine, or a Dask cluster."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import joblib

from emometric.base.errors import ParameterError, PipelineError

if TYPE_CHECKING:
    from distributed import Client

BACKENDS = ("loky", "dask")
_PATIENCE_S = 30  # until the scheduler answers, and has a worker


@contextmanager
def use(*, backend: str = "loky", scheduler: str | None = None) -> Iterator[int]:
    """Within it joblib runs on all cores of this machine, or of a Dask cluster; gives `n_jobs`.

    backend: loky or dask. scheduler: address of a Dask scheduler; None: what Dask's own settings
    name (DASK_SCHEDULER_ADDRESS), or else a cluster of one process a core on this machine, which
    ends with the block. Libraries have one thread in each process.

    ParameterError for another backend; PipelineError where Dask is not installed, or the scheduler
    does not answer or has no worker within half a minute.
    """
    if backend not in BACKENDS:
        raise ParameterError(
            f"params.yaml: extraction.backend is '{backend}'; write {' or '.join(BACKENDS)}."
        )
    if backend == "loky":
        with joblib.parallel_config(backend="loky", inner_max_num_threads=1):
            yield joblib.cpu_count()
        return
    with ExitStack() as stack:
        client = _client(scheduler, stack)
        with joblib.parallel_config(backend="dask", client=client):
            yield -1


def _client(scheduler: str | None, stack: ExitStack) -> "Client":
    try:
        import dask
        from distributed import Client, LocalCluster
    except ImportError:
        raise PipelineError(
            "Dask, which extraction.backend names, is not installed; run: "
            "pip install 'emometric[dask]'"
        ) from None
    address = scheduler or dask.config.get("scheduler-address", None)
    if address is None:
        address = stack.enter_context(
            LocalCluster(n_workers=joblib.cpu_count(), threads_per_worker=1, dashboard_address=None)
        )
    try:
        client = stack.enter_context(Client(address, timeout=_PATIENCE_S))
        client.wait_for_workers(1, timeout=_PATIENCE_S)
    except (OSError, ValueError):  # TimeoutError among the first
        raise PipelineError(
            f"{address}: no Dask scheduler with a worker answers there; start it (`dask scheduler` "
            "and `dask worker ADDRESS`) or leave extraction.scheduler empty."
        ) from None
    return client

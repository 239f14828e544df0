"""What every command shares: one sentence for an error, a bar for a wait."""

import gc
import sys
from collections.abc import Callable, Iterable
from typing import Any

from tqdm import tqdm

from emometric.base.errors import PipelineError


def main(command: Callable[[], Any]) -> None:
    """Run a Typer command; a PipelineError becomes one sentence on stderr and exit code 1."""
    gc.freeze()  # what was imported stays: to look through it takes a collection 40 ms each time
    try:
        command()
    except PipelineError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(1) from None


def progress(items: Iterable | None = None, *, total: int | None = None, what: str, unit: str):
    """A tqdm bar over `items`, or one to `update`; shown once the work has taken two seconds.

    Where nobody watches (a log file), a line every ten seconds.
    """
    return tqdm(
        items,
        total=total,
        desc=what,
        unit=f" {unit}",
        delay=2,
        mininterval=0.1 if sys.stderr.isatty() else 10,
        dynamic_ncols=True,
    )

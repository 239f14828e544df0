"""Memory of a process and of those that it started, as Linux counts it."""

import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

_EVERY_S = 0.02
_PROC = Path("/proc")


def peak(command: Sequence[str]) -> tuple[str, int | None, int]:
    """Run a command: its output, its peak memory in bytes, and its processes at that moment.

    Memory is the proportional set size of the whole tree: a page that several processes share
    counts once. It is looked at every 20 ms. None where there is no /proc that tells it.
    """
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    most, n_processes = 0, 0
    while process.poll() is None:
        tree = _tree(process.pid)
        now = sum(map(_bytes, tree))
        if now > most:
            most, n_processes = now, len(tree)
        time.sleep(_EVERY_S)
    output, _ = process.communicate()
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return output, most or None, n_processes


def _tree(process: int) -> list[int]:
    """A process and all below it."""
    found, waiting = [], [process]
    while waiting:
        one = waiting.pop()
        found.append(one)
        for children in _PROC.glob(f"{one}/task/*/children"):
            waiting += map(int, _read(children).split())
    return found


def _bytes(process: int) -> int:
    for line in _read(_PROC / str(process) / "smaps_rollup").splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:  # it has ended meanwhile, or tells nothing here
        return ""

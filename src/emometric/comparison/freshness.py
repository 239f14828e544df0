"""Whether lock files, metrics and figures belong to the code and settings beside them.

`dvc repro --dry --allow-missing`, the usual gate of a clone without data, lets two things pass: a
first stage that changed (it would run; the command still says 0) and a committed output that was
deleted (it counts as missing data). So its plan is read, not its exit code alone, and `dvc status`
is asked what became of the files that git keeps.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from emometric.base.errors import PipelineError
from emometric.comparison import revisions

ABSENT = ("deleted", "not in cache")  # what dvc status says of data that a clone does not have
_WOULD_RUN = re.compile(r"^(?:Running|Reproducing) stage '([^']+)'", re.MULTILINE)
_FAILED = re.compile(r"failed to reproduce '([^']+)'")
_SafeLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # in C, where PyYAML was built with it


def stale(top: Path) -> list[str]:
    """A sentence for each stage that is not as its lock file says; none: all is fresh.

    Needs neither data nor cache nor remote, and changes nothing. Raises PipelineError where DVC
    is missing or cannot read the pipelines.
    """
    status = _status(top)
    known = {path for changes in status.values() for path in _absent(changes)}
    kept_elsewhere = revisions.ignored(top, sorted(known))
    reasons: dict[str, list[str]] = {}
    for stage, changes in status.items():
        if found := _reasons(changes, kept_elsewhere):
            reasons[stage] = found
    for stage in _would_run(top):
        reasons.setdefault(stage, ["it or what it depends on is not what its lock file says"])
    for stage in _gone(top):
        reasons[stage] = ["only its lock file knows it, no pipeline; remove its entry there"]
    return [f"{stage}: {'; '.join(found)}" for stage, found in sorted(reasons.items())]


def _status(top: Path) -> dict[str, list[Any]]:
    done = _dvc(top, "status", "--json")
    try:
        return json.loads(done.stdout)
    except json.JSONDecodeError:
        raise _unreadable(done) from None


def _would_run(top: Path) -> list[str]:
    """Stages that a dry run of all pipelines would run; missing data alone is no reason."""
    done = _dvc(top, "repro", "--all-pipelines", "--dry", "--allow-missing")
    stages = _WOULD_RUN.findall(done.stdout)
    if done.returncode != 0:
        failed = _FAILED.findall(done.stderr)
        if not failed:
            raise _unreadable(done)
        stages += failed  # it would run, and its data is not here
    return stages


def _gone(top: Path) -> list[str]:
    """Stages that a lock file alone has: DVC never forgets one, and writes it again each time."""
    done = _dvc(top, "stage", "list", "--all", "--name-only")
    if done.returncode != 0:
        raise _unreadable(done)
    known = set(done.stdout.split())
    found = []
    for pipeline in {name.rpartition(":")[0] for name in known}:
        lock = (top / (pipeline or "dvc.yaml")).with_suffix(".lock")
        if lock.is_file():
            content = yaml.load(lock.read_text(encoding="utf-8"), _SafeLoader) or {}
            stages = content.get("stages") or {}  # a lock file of no stage yet has no such key
            found += [f"{pipeline}:{stage}".lstrip(":") for stage in stages]
    return [stage for stage in found if stage not in known]


def _reasons(changes: list[Any], kept_elsewhere: set[str]) -> list[str]:
    """What dvc status says of one stage, less the data that DVC keeps and this clone lacks."""
    found = []
    for change in changes:
        if isinstance(change, str):  # "changed command"
            found.append(change)
            continue
        for paths in change.values():
            for path, state in paths.items():
                if isinstance(state, dict):  # settings: {"seed": "modified"}
                    found += [f"{path}: {key} {word}" for key, word in state.items()]
                elif not (state in ABSENT and path in kept_elsewhere):
                    found.append(f"{path} {state}")
    return found


def _absent(changes: list[Any]) -> list[str]:
    return [
        path
        for change in changes
        if isinstance(change, dict)
        for paths in change.values()
        for path, state in paths.items()
        if state in ABSENT
    ]


def _dvc(top: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    quiet = {"DVC_NO_ANALYTICS": "1", "NO_COLOR": "1"}
    return subprocess.run(
        [sys.executable, "-m", "dvc", *arguments],
        cwd=top,
        capture_output=True,
        text=True,
        env={**os.environ, **quiet},
    )


def _unreadable(done: subprocess.CompletedProcess[str]) -> PipelineError:
    if "No module named dvc" in done.stderr:
        return PipelineError("DVC is not installed; run `pip install 'emometric[pipeline]'`.")
    lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
    reason = (lines or done.stderr.splitlines() or ["no reason given"])[0]
    return PipelineError(f"DVC cannot read the pipelines ({reason}); mend that first.")

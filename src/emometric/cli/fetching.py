"""The dialogue of `emometric corpora get`: licence, progress, and what came of it."""

import sys
from itertools import groupby
from pathlib import Path
from types import ModuleType

import typer

from emometric.base.errors import CorpusError
from emometric.download import licences, obtaining
from emometric.inspection import checking
from emometric.inspection.checking import Report

_MOST_LISTED = 20  # problems of one kind that are printed


def fetch(corpus: str, part: ModuleType, root: Path, accept_licence: bool) -> bool:
    """Fetch one corpus, once its licence is accepted; False where it is not quite as published.

    Raises CorpusError, with nothing in place, where bytes differ from those that are published.
    """
    if not licences.is_accepted(corpus, part):
        print(licences.text(part))
        if not accept_licence and not (_can_answer() and typer.confirm("Accept it?")):
            raise CorpusError(
                f"{corpus}: its licence is not accepted, nothing was fetched; add --accept-licence "
                f"if you accept it."
            )
        licences.accept(corpus, part)
    reports = []

    def verify(folder: Path) -> list[str]:
        """Other bytes, or no clip at all, is wrong; the rest is reported, editions differ."""
        report = checking.check(corpus, folder)
        reports.append(report)
        if not report.n_recordings:
            return ["it holds no recording"]
        return [f"{p.path}: {p.detail}" for p in report.problems if p.kind == "altered"]

    for remote in part.REMOTES:
        size = f"{remote.n_bytes / 1e6:.1f} MB" if remote.n_bytes else "size unknown"
        checksum = "" if remote.md5 or remote.sha256 else ", checksum unknown"
        print(f"{corpus}: {remote.url} ({size}{checksum})")
    if not obtaining.obtain(corpus, part.REMOTES, root, verify=verify):
        print(f"{corpus}: {root / corpus} is there already; emometric corpora check {corpus}")
        return True
    print_report(reports[-1])
    return not reports[-1].problems


def _can_answer() -> bool:
    """Whether somebody sits at a terminal; sys.stdin is None where it was closed (<&-)."""
    return sys.stdin is not None and sys.stdin.isatty()


def print_report(report: Report) -> None:
    """Print what `emometric corpora check` found, the first problems of each kind by name."""
    whole = "a part of what is published" if report.is_partial else "as published"
    state = f"{len(report.problems)} problems" if report.problems else whole
    print(
        f"{report.corpus}: {state}; {report.n_recordings} recordings, {report.hours:.2f} h, "
        f"{report.shortest_s:.2f} to {report.longest_s:.2f} s each"
    )
    for line in report.checked:
        print(f"  checked      {line}")
    for line in report.not_checked:
        print(f"  not checked  {line}")
    for kind, group in groupby(report.problems, key=lambda problem: problem.kind):
        problems = list(group)
        for problem in problems[:_MOST_LISTED]:
            print(f"  {kind:<11}  {problem.path}: {problem.detail}")
        if len(problems) > _MOST_LISTED:
            print(f"  {kind:<11}  ... and {len(problems) - _MOST_LISTED} more (--json lists all)")

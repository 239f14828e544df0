"""`emometric diff`: what a change did to the numbers. `emometric fresh`: are they its numbers?"""

import json
import sys
from typing import Annotated

import typer

from emometric.base.errors import PipelineError
from emometric.comparison import difference, document, freshness, revisions, summary


def diff(
    base: Annotated[str, typer.Argument(help="A branch, tag or commit, such as main or HEAD~1.")],
    head: Annotated[str, typer.Argument(help="What to compare with it.")] = "HEAD",
    worktree: Annotated[
        bool,
        typer.Option("--worktree", help="Compare the files as they lie here, in place of HEAD."),
    ] = False,
    direct: Annotated[
        bool,
        typer.Option("--direct", help="Compare with BASE itself, not with where HEAD left it."),
    ] = False,
    metric: Annotated[
        list[str] | None,
        typer.Option(
            help="A shell pattern of metrics whose fall fails; repeatable. "
            "Default: each UAR and accuracy of metrics.json with a paired interval."
        ),
    ] = None,
    tolerance: Annotated[float, typer.Option(help="A fall up to this never fails.")] = 0.0,
    never_fail: Annotated[
        bool, typer.Option("--never-fail", help="Exit with 0 whatever fell.")
    ] = False,
    url: Annotated[
        str, typer.Option(help="Of the repository, for links: https://github.com/OWNER/NAME")
    ] = "",
    as_markdown: Annotated[bool, typer.Option("--md", help="Print Markdown.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare the reports of two revisions, from git alone: no data, no remote.

    Prints each metric that differs with a paired interval over speakers (change or noise), the
    confusion matrices, changed figures and settings. Exit code 1 where a metric fell outside of
    its interval.
    """
    if as_markdown and as_json:
        raise typer.BadParameter("choose one of --md and --json.")
    if worktree and head != "HEAD":
        raise typer.BadParameter("--worktree takes the place of HEAD; leave one of them out.")
    rule = difference.Rule(patterns=tuple(metric or ()), tolerance=tolerance)
    top = revisions.root()
    after = revisions.worktree(top) if worktree else revisions.find(top, head)
    before = revisions.find(top, base)
    if not direct:
        before = revisions.parting(before, after)
    found = difference.compare(before, after, rule)
    if as_json:
        print(json.dumps(difference.as_data(found), indent=2))
    else:
        blocks = summary.blocks(found, url.rstrip("/"))
        fitting = document.fitting(blocks, summary.COMMENT) if as_markdown else None
        print(fitting or document.plain(blocks), end="")
    if head == "HEAD" and not worktree and revisions.uncommitted(top, "reports", "params.yaml"):
        print(
            "note: what is not committed was not compared; --worktree compares it.",
            file=sys.stderr,
        )
    if found.regressions and not never_fail:
        names = ", ".join(f"{change.name} ({origin})" for origin, change in found.regressions[:5])
        names += " and others" if len(found.regressions) > 5 else ""
        raise PipelineError(
            f"{names} fell by more than the interval; mend it, or pass --tolerance, --metric or "
            "--never-fail if it is meant."
        )


def fresh(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check that lock files, metrics and figures belong to this code and these settings.

    Works in a fresh clone without data. Exit code 1 where a stage would run or a committed output
    was edited or deleted by hand.
    """
    stale = freshness.stale(revisions.root())
    if as_json:
        print(json.dumps({"stale": stale}, indent=2))
    else:
        for sentence in stale:
            print(f"- {sentence}")
    if stale:
        names = ", ".join(sentence.partition(": ")[0] for sentence in stale)
        raise PipelineError(
            f"stale: {names}; run `dvc repro` (and `dvc repro original/dvc.yaml`) and commit what "
            "it writes."
        )
    if not as_json:
        print("lock files, metrics and figures are fresh")

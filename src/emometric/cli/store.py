"""`emometric store`: what the feature stores and caches hold, whether it is whole, what can go."""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from emometric.base import console
from emometric.base.errors import PipelineError
from emometric.extraction import cache_folder

if TYPE_CHECKING:
    from emometric.upkeep.inventory import Group, Held

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Feature stores and caches: what they hold, whether it is whole, what can go.",
)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Cache = Annotated[
    Path | None,
    typer.Option(envvar="EMOMETRIC_CACHE", help="Root of the caches; default: the user's."),
]
_DATA = Path("data")
_UNITS = {"": 1, "b": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_MOST_NAMED = 20  # broken files of the caches that are printed


@app.command("list")
def list_stores(cache: Cache = None, as_json: AsJson = False) -> None:
    """List every feature store of this project, and the caches by part and version.

    Each with its bytes; a cache with its last use, as far as the file system notes it, and with
    whether a run here would still use that version.
    """
    from emometric.upkeep import (
        inventory,  # imports all extractors' packages: no other command waits
    )

    root = cache_folder.root(cache)
    stored = list(inventory.stores(_DATA))
    groups = inventory.groups(inventory.held(root), inventory.current_versions())
    if as_json:
        rows = [{**asdict(one), "path": str(one.path)} for one in stored]
        found = {"stores": rows, "cache": str(root), "groups": [asdict(one) for one in groups]}
        print(json.dumps(found))
        return
    rows = [
        (
            one.origin, one.kind, one.corpus, one.feature,
            "damaged" if one.clips is None else f"{one.clips}", _size(one.n_bytes),
            _day(one.modified),
        )
        for one in stored
    ]  # fmt: skip
    _print_table(("origin", "folder", "corpus", "feature", "clips", "size", "written"), rows)
    print(f"stores in {_DATA.absolute()}: {_size(sum(one.n_bytes for one in stored))}\n")
    _print_table(
        ("kind", "part", "version", "entries", "size", "last use", "state"),
        [(*_place(one), _day(one.used), "" if one.is_current else "old") for one in groups],
    )
    print(f"caches in {root}: {_size(sum(one.n_bytes for one in groups))}")


@app.command()
def verify(cache: Cache = None, as_json: AsJson = False) -> None:
    """Read every store and every file of the caches, and hold them against their checksums.

    Names what is broken and what cures it; exit code 1 where something is.
    """
    from emometric.upkeep import inventory, store_faults

    root = cache_folder.root(cache)
    stored = list(inventory.stores(_DATA))
    bar = console.progress(stored, total=len(stored), what="verify", unit="stores")
    broken = [(one.path, fault) for one in bar if (fault := store_faults.fault(one.path))]
    held = list(inventory.held(root))
    bar = console.progress(held, total=len(held), what="verify", unit="files")
    damaged = [entry.path for entry in bar if not inventory.is_intact(entry)]
    if as_json:
        found = {
            "stores": len(stored),
            "cache_files": len(held),
            "broken_stores": [{"path": str(path), "fault": fault} for path, fault in broken],
            "broken_cache_files": [str(path) for path in damaged],
        }
        print(json.dumps(found))
    else:
        for path, fault in broken:
            print(f"{fault}: remove {path}, then run `dvc repro`")
        for path in damaged[:_MOST_NAMED]:
            print(f"{path} is damaged: remove it, what it held is computed again when wanted")
        if len(damaged) > _MOST_NAMED:
            print(f"... and {len(damaged) - _MOST_NAMED} more files; --json names all")
        print(
            f"{len(stored)} stores, {len(broken)} of them broken; {len(held)} files of the "
            f"caches, {len(damaged)} of them broken"
        )
    if broken or damaged:
        raise typer.Exit(1)


@app.command()
def prune(
    unused_days: Annotated[
        float | None,
        typer.Option(min=0, help="Remove also what was not used for so many days."),
    ] = None,
    down_to: Annotated[
        str | None,
        typer.Option(help="Then the least recently used, down to this size: 500MB, 20GB."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would go, and remove nothing.")
    ] = False,
    cache: Cache = None,
    as_json: AsJson = False,
) -> None:
    """Remove from the caches what no run of this project would use, and what killed runs left.

    What is gone is computed again if it is wanted after all, so that this is safe beside a running
    extraction. A version that another checkout still uses counts as old here. The feature stores
    are DVC's: `dvc gc` frees those.
    """
    from emometric.upkeep import inventory

    root = cache_folder.root(cache)
    limit = None if down_to is None else _bytes(down_to)
    current = inventory.current_versions()
    going = inventory.chosen_to_go(
        inventory.held(root), current, unused_days=unused_days, down_to=limit
    )
    leftovers = inventory.leftovers(root, current, going)
    freed = sum(entry.n_bytes for entry in going) + _total(leftovers)
    if not dry_run:
        inventory.remove([*(entry.path for entry in going), *leftovers], root)
        inventory.remove_emptied(root, current)
    groups = inventory.groups(going, current)
    if as_json:
        found = {
            "removed": not dry_run,
            "entries": sum(one.n_entries for one in going),
            "leftovers": len(leftovers),
            "n_bytes": freed,
            "groups": [asdict(one) for one in groups],
        }
        print(json.dumps(found))
        return
    _report(groups, going, leftovers)
    print(f"{'would free' if dry_run else 'freed'} {_size(freed)} in {root}")


def _report(groups: Sequence["Group"], going: Sequence["Held"], leftovers: Sequence[Path]) -> None:
    if going:
        _print_table(
            ("kind", "part", "version", "entries", "size", "why"),
            [(*_place(one), "limit" if one.is_current else "old version") for one in groups],
        )
    if leftovers:
        print(f"{len(leftovers)} files of killed runs, of an earlier layout, or of what goes")


def _total(paths: Iterable[Path]) -> int:
    return sum(path.stat().st_size for path in paths if path.exists())


def _place(group: "Group") -> tuple[str, ...]:
    return group.kind, group.part, group.version, f"{group.entries}", _size(group.n_bytes)


def _bytes(text: str) -> int:
    """Bytes of a size such as 20GB; PipelineError where it is none.

    >>> _bytes("1.5 MB"), _bytes("300"), _bytes("2G")
    (1500000, 300, 2000000000)
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?) ?([kmgt]?b?)", text.strip().lower())
    if not found:
        raise PipelineError(f"--down-to is '{text}'; write a size such as 500MB or 20GB.")
    return round(Fraction(found[1]) * _UNITS[found[2][:1]])  # of any length


def _size(n_bytes: int) -> str:
    """A size for people, in powers of 1000.

    >>> _size(0), _size(999), _size(1_234_000), _size(20_000_000_000)
    ('0 B', '999 B', '1.2 MB', '20.0 GB')
    """
    size, units = float(n_bytes), ["B", "kB", "MB", "GB", "TB"]
    while size >= 999.95 and len(units) > 1:
        size /= 1000
        units.pop(0)
    return f"{size:.0f} {units[0]}" if units[0] == "B" else f"{size:.1f} {units[0]}"


def _day(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds):%Y-%m-%d}"


def _print_table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    if not rows:
        return
    table = [tuple(head), *(tuple(row) for row in rows)]
    widths = [max(map(len, cells)) for cells in zip(*table, strict=True)]
    for row in table:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print("  ".join(cells).rstrip())

"""Run a study: every cell of its grid, group by group; what is kept is not trained again."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from emometric.base.errors import StoreError
from emometric.studies import tables
from emometric.studies.cell import Cell, Outcome, Table
from emometric.studies.kept import Kept, key
from emometric.studies.method import Method

PACKAGES = ("numpy", "scikit-learn", "scipy", "torch")  # whose versions decide on the bits


@dataclass(frozen=True, kw_only=True)
class Study:
    """A method on two corpora (one and the same for a study within a corpus), from one seed."""

    name: str
    method: Method
    source: Table
    target: Table
    seed: int
    device: str

    def missing(self) -> tuple[str, ...]:
        """The corpora of the study that have no clips."""
        found = {table.corpus: len(table) for table in (self.source, self.target)}
        return tuple(corpus for corpus, n_clips in found.items() if not n_clips)

    def groups(self) -> list[list[Cell]]:
        """The cells, in groups that are one program each; none where a corpus is missing."""
        return self.method.plan(self.source, self.target, self.seed)

    def decided_by(self) -> list[Any]:
        """All but the cells that their outcomes follow from, as JSON holds it."""
        return [
            self.method.described(),
            [tables.digest(table) for table in (self.source, self.target)],
            self.device,
            versions(),
        ]


def versions() -> dict[str, str]:
    """Versions of the packages that decide on the outcomes."""
    return {package: metadata.version(package) for package in PACKAGES}


def run(
    study: Study,
    groups: Sequence[Sequence[Cell]],
    *,
    cache_folder: str | Path,
    tick: Callable[[int], Any] = lambda n_cells: None,
) -> Iterator[Outcome]:
    """The outcome of each cell, in the order of the groups.

    A group that is not kept below `cache_folder` is trained and kept before the next one begins,
    so that a kill loses one group; whatever was kept before, the outcomes are the same. `tick` is
    called with the number of cells of each group that is done. Raises StoreError where the method
    breaks its contract.
    """
    method = study.method
    kept, decided_by = Kept(cache_folder, method.name, method.part.VERSION), study.decided_by()
    for cells in groups:
        name = key(decided_by, cells)
        outcomes = kept.get(name, cells)
        if outcomes is None:
            trained = method.part.run(
                cells, method.params, study.source, study.target, study.device
            )
            _check(trained, cells, method)
            kept.put(name, trained)
            outcomes = kept.get(name, cells)
            if outcomes is None:
                raise StoreError(
                    f"{cache_folder}: what was just written cannot be read; free space there."
                )
        tick(len(cells))
        yield from outcomes


def _check(outcomes: Sequence[Outcome], cells: Sequence[Cell], method: Method) -> None:
    if [outcome.cell for outcome in outcomes] != list(cells):
        raise StoreError(
            f"the method '{method.name}' does not return one outcome a cell, in their order; "
            "mend its run."
        )
    n_emotions = len(method.emotions)
    for outcome in outcomes:
        odd = outcome.scores.shape[1] != n_emotions or outcome.clips["id"].duplicated().any()
        if odd or not outcome.clips["emotion"].isin(method.emotions).all():
            raise StoreError(
                f"the method '{method.name}', cell {outcome.cell.name}: decides a clip twice, or "
                f"one whose emotion is not scored, or scores other than {n_emotions} emotions; "
                "mend its run."
            )

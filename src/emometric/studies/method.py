"""Methods as the runner sees them: a module of `emometric.methods` with its settings.

A method, `emometric/methods/<name>.py`, holds:

- `VERSION`, an int, raised by hand when results change; `Params`, frozen, keyword-only, checked.
- `emotions(params)`: the emotions that it scores, in the order of the vocabulary.
- `plan(params, source, target, seed)`: lists of cells; each list (a group) is trained as one
  program and kept as a whole. No cell comes twice; no cells where a table is empty.
- `run(cells, params, source, target, device)`: one group; an `Outcome` a cell, in their order. The
  outcome of a cell does not depend on its batch mates, to float tolerance.
- `stamps(params, settings)`: what is to be said of every number of a cell with these settings, such
  as "tests speakers it adapted to"; () where nothing.
- `tables(stored, params, source, target, evaluation)`: the method's own tables by name, from a
  `Stored` and the settings of the evaluation (`emometric.scoring.evaluation.Params`).
- optionally `learnt(cells, params, source, target)`: for each cell the ids of the clips whose
  labels it learns from, which is what guesses that hear nothing know; else they know the clips with
  the role train, valid or enrol in its embeddings, where it keeps any.
- optionally `headline(params, summary, tables)`: {name: {number: value}} for metrics.json, from the
  summary (`emometric.studies.summary`) and its own tables; else each row of the summary is one.
- optionally `shown(params, summary, tables)`: names of the cells whose counts by speaker git keeps,
  for a grid has many; else all.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from types import ModuleType
from typing import Any

from emometric import emotions as vocabulary
from emometric.base import parts
from emometric.base.errors import StoreError
from emometric.studies.cell import CELL_COLUMNS, Cell, Table


@dataclass(frozen=True, kw_only=True)
class Method:
    """A module of `emometric.methods` with the settings that a study gives it."""

    name: str
    part: ModuleType
    params: Any

    @property
    def emotions(self) -> tuple[str, ...]:
        """The emotions that it scores; StoreError unless they are in the vocabulary's order."""
        found = tuple(self.part.emotions(self.params))
        if vocabulary.present(found) != found:
            raise StoreError(
                f"the method '{self.name}' scores {', '.join(found)}, unknown or in disorder; "
                "give them in the order of emometric.emotions."
            )
        return found

    def plan(self, source: Table, target: Table, seed: int) -> list[list[Cell]]:
        """The cells in their groups; none where a table is empty.

        Raises StoreError where a cell comes twice, or one setting is named as a column of cells.
        """
        if not (len(source) and len(target)):
            return []
        groups = [list(group) for group in self.part.plan(self.params, source, target, seed)]
        seen: set[tuple] = set()
        for cell in (cell for group in groups for cell in group):
            run = (cell.name, cell.fold, cell.repeat)
            if run in seen or set(cell.settings) & set(CELL_COLUMNS):
                raise StoreError(
                    f"the method '{self.name}' plans the cell {cell.name} twice for fold "
                    f"{cell.fold}, repeat {cell.repeat}, or calls a setting one of "
                    f"{', '.join(CELL_COLUMNS)}; mend its plan."
                )
            seen.add(run)
        return groups

    def described(self) -> dict[str, Any]:
        """Name, version and settings, as JSON holds them."""
        return {"name": self.name, "version": self.part.VERSION, "params": asdict(self.params)}


def load(name: str, settings: Mapping | None, replaced: Mapping | None = None) -> Method:
    """A method with its block of settings, some replaced; ParameterError names a wrong one."""
    params = parts.make_params("methods", name, {**(settings or {}), **(replaced or {})})
    return Method(name=name, part=parts.load("methods", name), params=params)

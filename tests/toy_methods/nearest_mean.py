"""A method for tests, small enough to check: the nearest class mean of projected values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from emometric.base.errors import ParameterError
from emometric.scoring import evaluation
from emometric.studies.cell import Cell, Outcome, Stored, Table

VERSION = 1


@dataclass(frozen=True, kw_only=True)
class Params:
    """variants: `plain` (values as they are), `random` (projected); repeats; cells in a group."""

    variants: Sequence[str] = ("plain", "random")
    repeats: int = 3
    group: int = 2

    def __post_init__(self):
        if self.repeats < 1 or self.group < 1:
            raise ParameterError(f"params.yaml: repeats is {self.repeats}; write a number from 1.")


def emotions(params: Params) -> tuple[str, ...]:
    return ("anger", "happiness", "sadness")


def plan(params: Params, source: Table, target: Table, seed: int) -> list[list[Cell]]:
    n_folds = 2 if source.corpus == target.corpus else 1
    cells = [
        Cell(settings={"variant": variant}, fold=fold, repeat=repeat, seed=1000 * seed + repeat)
        for variant in params.variants
        for fold in range(n_folds)
        for repeat in range(params.repeats)
    ]
    return [cells[start : start + params.group] for start in range(0, len(cells), params.group)]


def run(
    cells: Sequence[Cell], params: Params, source: Table, target: Table, device: str
) -> list[Outcome]:
    width = len(source.names)
    projections = np.stack([_projection(cell, width) for cell in cells])
    by_cell = {
        table.corpus: np.einsum("nw,cwd->cnd", table.values.astype(np.float64), projections)
        for table in (source, target)
    }
    return [
        _outcome(cell, source, target, by_cell[source.corpus][row], by_cell[target.corpus][row])
        for row, cell in enumerate(cells)
    ]


def stamps(params: Params, settings: Mapping) -> tuple[str, ...]:
    return ("projected at random",) if settings["variant"] == "random" else ()


def tables(
    stored: Stored, params: Params, source: Table, target: Table, evaluation: evaluation.Params
) -> dict[str, pd.DataFrame]:
    means = stored.numbers.groupby("variant")["distance"].mean()
    return {"distances": means.reset_index()}


def _projection(cell: Cell, width: int) -> np.ndarray:
    if cell.settings["variant"] == "plain":
        return np.eye(width)[:, :2]
    return np.random.default_rng(cell.seed).standard_normal((width, 2))


def _outcome(cell, source, target, learnt, asked) -> Outcome:
    train = source.clips["emotion"].isin(emotions(None)).to_numpy()
    test = target.clips["emotion"].isin(emotions(None)).to_numpy()
    if source.corpus == target.corpus:
        speakers = sorted(set(source.clips["speaker"]))
        held = source.clips["speaker"].isin(speakers[cell.fold :: 2]).to_numpy()
        train, test = train & ~held, test & held
    labels = source.clips["emotion"].to_numpy()
    means = np.stack([learnt[train & (labels == emotion)].mean(0) for emotion in emotions(None)])
    distance = np.linalg.norm(asked[test][:, None] - means, axis=2)
    embedding = [
        pd.DataFrame(
            {
                "id": table.clips["id"][rows],
                "role": role,
                "embedding": list(values[rows].astype(np.float32)),
            }
        )
        for table, rows, role, values in (
            (source, train, "train", learnt),
            (target, test, "test", asked),
        )
    ]
    return Outcome(
        cell=cell,
        clips=target.clips.loc[test, ["id", "speaker", "emotion"]],
        scores=-distance,
        embedding=pd.concat(embedding, ignore_index=True),
        numbers={"distance": float(distance.min(axis=1).mean())},
    )

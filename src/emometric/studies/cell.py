"""Cells: what a study trains, what it reads, and what comes out of one."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from emometric.base.errors import ParameterError, StoreError

Setting = str | int | float | bool

CLIP_COLUMNS = ("id", "speaker", "emotion")
EMBEDDING_COLUMNS = ("id", "role", "embedding")
CELL_COLUMNS = ("cell", "fold", "repeat", "seed")  # of every table of cells, beside the settings
NO_SETTINGS = "default"
_PLAIN = re.compile(r"[^\s=]+")


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One trained thing: a point of the grid, a fold and a repeat, and the seed they start from.

    settings: what the point of the grid sets, by name; words without spaces and `=`, so that the
    cell's name says them all. Two cells of one study differ in settings, fold or repeat.
    """

    settings: Mapping[str, Setting]
    fold: int
    repeat: int
    seed: int

    def __post_init__(self):
        for key, value in self.settings.items():
            if not (_PLAIN.fullmatch(str(key)) and _PLAIN.fullmatch(_text(value))):
                raise ParameterError(
                    f"a cell has the setting '{key}' = '{value}'; write both without spaces and =."
                )
        if min(self.fold, self.repeat, self.seed) < 0:
            raise ParameterError(
                f"a cell has fold {self.fold}, repeat {self.repeat}, seed {self.seed}; "
                "count from 0."
            )

    def __hash__(self) -> int:
        return hash((self.name, self.fold, self.repeat, self.seed))

    @property
    def name(self) -> str:
        """The settings in the order of their names.

        >>> Cell(settings={"variant": "a", "frozen": 1}, fold=0, repeat=0, seed=7).name
        'frozen=1 variant=a'
        """
        words = [f"{key}={_text(self.settings[key])}" for key in sorted(self.settings)]
        return " ".join(words) or NO_SETTINGS


@dataclass(frozen=True, kw_only=True)
class Table:
    """One corpus as a study sees it: its clips and their features, in the order of the ids.

    clips: (n) rows with the manifest's columns, at least id, speaker and emotion (NA: no label);
    values: functionals, (n, width) float32, or where `lengths` is given the frames of all clips end
    to end, (sum of lengths, width) in their own float type; names: of the columns of `values`.
    Rows given in another order are put into that of the ids; n = 0 where the corpus is absent.

    beside: other features of the same clips, by name; network: a folder with a network that has
    learned from these clips, which then have no values.
    """

    corpus: str
    clips: pd.DataFrame
    values: np.ndarray
    names: tuple[str, ...]
    lengths: np.ndarray | None = None
    beside: Mapping[str, "Table"] = field(default_factory=dict)
    network: Path | None = None
    _ends: np.ndarray = field(init=False, repr=False, compare=False)  # of the clips' frames

    def __post_init__(self):
        framed = self.lengths is not None
        values = np.asarray(self.values, dtype=None if framed else np.float32)
        lengths = np.asarray(self.lengths if framed else np.ones(len(self.clips)), dtype=np.int64)
        if len(lengths) != len(self.clips) or values.shape != (lengths.sum(), len(self.names)):
            raise StoreError(
                f"{self.corpus}: values of shape {values.shape} for {len(self.clips)} clips and "
                f"{len(self.names)} names; give one row a clip or frame and one column a name."
            )
        lacking = [column for column in CLIP_COLUMNS if column not in self.clips]
        if lacking:
            raise StoreError(f"{self.corpus}: the clips lack {', '.join(lacking)}; add them.")
        if self.clips["id"].duplicated().any():
            twice = self.clips["id"][self.clips["id"].duplicated()].iloc[0]
            raise StoreError(f"{self.corpus}: the clip '{twice}' comes twice; give each once.")
        for name, other in self.beside.items():
            if sorted(other.clips["id"]) != sorted(self.clips["id"]):
                raise StoreError(
                    f"{self.corpus}: {name} is there of other clips; run `dvc repro` to extract it."
                )
        order = np.argsort(self.clips["id"].to_numpy(dtype=str), kind="stable")
        object.__setattr__(self, "clips", self.clips.iloc[order].reset_index(drop=True))
        object.__setattr__(self, "values", np.ascontiguousarray(values[_rows(lengths, order)]))
        object.__setattr__(self, "lengths", lengths[order] if framed else None)
        object.__setattr__(self, "_ends", np.cumsum(lengths[order]))

    def __len__(self) -> int:
        return len(self.clips)

    def take(self, rows: np.ndarray) -> "Table":
        """Some rows: a mask over all of them, or their positions."""
        rows = np.arange(len(self))[rows]
        framed = self.lengths is not None
        return Table(
            corpus=self.corpus,
            clips=self.clips.iloc[rows],
            values=self.values[_rows(self.lengths, rows) if framed else rows],
            names=self.names,
            lengths=self.lengths[rows] if framed else None,
            beside={name: other.take(rows) for name, other in self.beside.items()},
            network=self.network,
        )

    def frames(self, row: int) -> np.ndarray:
        """The frames of one clip: (frames, width), a view; StoreError for functionals."""
        if self.lengths is None:
            raise StoreError(
                f"{self.corpus}: this study reads frames, but its feature has one row a clip; "
                "choose a feature of frames, such as mfcc, in params.yaml."
            )
        end = int(self._ends[row])
        return self.values[end - int(self.lengths[row]) : end]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What one cell gives: its decision on each test clip, embeddings, and numbers of its training.

    clips: (n) rows id, speaker, emotion (the truth) of the clips that it decided, n = 0 where it
    decides nothing; scores: (n, emotions) float64 in the order of the method's emotions, larger =
    more likely, -inf for an emotion that is not among the cell's classes; embedding: rows id,
    role (train, test, ...) and embedding (list of float32), of any clips of source and target, may
    be empty; numbers: what training ended with, by name, without clock times.
    """

    cell: Cell
    clips: pd.DataFrame
    scores: np.ndarray
    embedding: pd.DataFrame
    numbers: Mapping[str, float]

    def __post_init__(self):
        if np.ndim(self.scores) != 2 or len(self.scores) != len(self.clips):
            raise StoreError(
                f"cell {self.cell.name}: scores of shape {np.shape(self.scores)} for "
                f"{len(self.clips)} clips; give one row a clip."
            )
        if list(self.embedding.columns) != list(EMBEDDING_COLUMNS):
            raise StoreError(
                f"cell {self.cell.name}: the embeddings have the columns "
                f"{', '.join(map(str, self.embedding.columns))}; give id, role, embedding."
            )


@dataclass(frozen=True, kw_only=True)
class Stored:
    """A whole study as its files hold it; the tables of results come from this and train nothing.

    cells: the cells table (`scoring.cells`), a row a decided clip; embeddings: rows cell, fold,
    repeat, id, role, embedding (float32 array); numbers: a row a cell, with the column cell (its
    name), a column for each setting, fold, repeat, seed and a column for each of the outcomes'
    numbers (NaN where a cell has it not). `seed` starts whatever is drawn at random in a table.
    """

    cells: pd.DataFrame
    embeddings: pd.DataFrame
    numbers: pd.DataFrame
    seed: int

    def runs(self) -> list[Cell]:
        """The cells of `numbers`, in its order; a setting that a cell lacks is none of it."""
        names = settings_among(self.numbers.columns)
        return [
            Cell(
                settings={name: row[name] for name in names if pd.notna(row[name])},
                fold=row["fold"],
                repeat=row["repeat"],
                seed=row["seed"],
            )
            for row in self.numbers.to_dict("records")
        ]


def settings_among(columns: Iterable[str]) -> list[str]:
    """Which columns of a table of cells, as in `Stored.numbers`, are settings.

    >>> settings_among(["cell", "variant", "fold", "repeat", "seed", "loss"])
    ['variant']
    """
    columns = list(columns)
    return [name for name in columns[: columns.index("fold")] if name not in CELL_COLUMNS]


def _rows(lengths: np.ndarray, clips: np.ndarray) -> np.ndarray:
    """Positions of the frames of `clips`, one clip behind the other."""
    starts = np.cumsum(lengths) - lengths
    first = np.cumsum(lengths[clips]) - lengths[clips]
    return np.repeat(starts[clips] - first, lengths[clips]) + np.arange(lengths[clips].sum())


def _text(value: Setting) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)

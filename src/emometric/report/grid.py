"""A table as the page shows it: heads with their spans, cells as text."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from emometric.report.section import Table

KINDS = ("paper", "ours", "stamp")  # columns that the page marks


@dataclass(frozen=True, kw_only=True)
class Head:
    """A head of columns or rows, how many of them it spans, whether words stand below it; `kind`
    is a word of `KINDS` or empty."""

    text: str
    span: int = 1
    kind: str = ""
    is_text: bool = False


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One cell; text is set to the left, numbers to the right."""

    text: str
    is_text: bool
    kind: str


@dataclass(frozen=True, kw_only=True)
class Grid:
    """corner: heads of the columns of row heads. above: a row of heads a level of the columns.
    rows: for each row the heads that begin there (None: spanned from above) and its cells."""

    corner: tuple[str, ...]
    above: tuple[tuple[Head, ...], ...]
    rows: tuple[tuple[tuple[Head | None, ...], tuple[Cell, ...]], ...]


def lay_out(table: Table) -> Grid:
    """The grid of a table; equal neighbours of upper levels are joined."""
    rows = table.rows
    columns, index = _labels(rows.columns), _labels(rows.index)
    kinds = [next((part for part in label if part in KINDS), "") for label in columns]
    is_text = [_is_text(rows.iloc[:, at]) for at in range(len(columns))]
    above = tuple(_heads(_joined(columns, level), is_text) for level in range(rows.columns.nlevels))
    beside = [_spread(_joined(index, level)) for level in range(rows.index.nlevels)]
    cells = [
        tuple(
            Cell(text=cell_text(value, table.digits), is_text=left, kind=kind)
            for value, left, kind in zip(row, is_text, kinds, strict=True)
        )
        for row in rows.itertuples(index=False, name=None)
    ]
    heads = zip(*beside, strict=True) if len(rows) else ()
    return Grid(
        corner=tuple(str(name or "") for name in rows.index.names),
        above=above,
        rows=tuple(zip(heads, cells, strict=True)),
    )


def cell_text(value: Any, digits: int) -> str:
    """A value as shown: floats with `digits` digits, what does not exist as a dash.

    >>> [cell_text(value, 1) for value in (61.234, -0.5, 7, None, float("nan"), "a (b)", True)]
    ['61.2', '−0.5', '7', '–', '–', 'a (b)', 'yes']
    """
    if isinstance(value, str):
        return value
    if pd.isna(value):
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        text = str(value) if math.isinf(value) else f"{value:.{digits}f}"
    else:
        text = str(value)
    return text.replace("-", "−") if text.startswith("-") else text


def _labels(axis: pd.Index) -> list[tuple[str, ...]]:
    """Each label as texts, one a level."""
    labels = axis if axis.nlevels > 1 else ((label,) for label in axis)
    return [tuple(str(part) for part in label) for label in labels]


def _joined(labels: Sequence[tuple[str, ...]], level: int) -> list[tuple[str, int]]:
    """Texts of a level and their spans: neighbours join that agree in it and in all above; those
    of the lowest level stay apart."""
    if labels and level == len(labels[0]) - 1:
        return [(label[level], 1) for label in labels]
    runs = itertools.groupby(labels, key=lambda label: label[: level + 1])
    return [(key[level], len(list(members))) for key, members in runs]


def _heads(joined: list[tuple[str, int]], is_text: Sequence[bool]) -> tuple[Head, ...]:
    """Heads of columns; one that spans several stands in their middle, whatever is below."""
    heads, at = [], 0
    for text, span in joined:
        kind = text if text in KINDS else ""
        heads.append(Head(text=text, span=span, kind=kind, is_text=span == 1 and is_text[at]))
        at += span
    return tuple(heads)


def _spread(heads: list[tuple[str, int]]) -> list[Head | None]:
    """A head where its span begins, None where it goes on."""
    spread: list[Head | None] = []
    for text, span in heads:
        spread += [Head(text=text, span=span), *[None] * (span - 1)]
    return spread


def _is_text(column: pd.Series) -> bool:
    """Whether a column holds words: some text that begins with a letter."""
    return any(isinstance(value, str) and value[:1].isalpha() for value in column)

"""Finished studies of a paper: what study.json says, their tables, and our rows of the ledger."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from emometric.papers import ledger
from emometric.report.section import estimate


@dataclass(frozen=True, kw_only=True)
class Study:
    """One study: its key, what study.json says of it, and its tables; none where not done."""

    key: str
    about: Mapping[str, Any]
    tables: Mapping[str, pd.DataFrame]

    @property
    def source(self) -> str:
        return self.about["source"]["corpus"]

    @property
    def target(self) -> str:
        return self.about["target"]["corpus"]

    @property
    def is_within(self) -> bool:
        """Whether it learns and is tested inside one corpus."""
        return self.source == self.target

    @property
    def way(self) -> str:
        """Source and target, as headings say it."""
        return f"{self.source} to {self.target}"

    @property
    def scale(self) -> str:
        return self.about.get("scale", "")

    @property
    def lacking(self) -> str:
        """What a study that was not done had not; after "no": corpora, or clips."""
        return " and ".join(self.about["missing"]) or "clip of its emotions"

    def rows(self, table: str, **wanted: str | float) -> pd.DataFrame:
        """Rows of a table with these values in the columns so named."""
        found = self.tables[table]
        for name, value in wanted.items():
            found = found[found[name] == value]
        return found

    def fitting(self, table: str, **wanted: str | float) -> pd.DataFrame:
        """As `rows`; a setting that does not apply to a row (empty), or to the table, fits."""
        found = self.tables[table]
        for name, value in wanted.items():
            if name in found:
                found = found[found[name].isna() | (found[name] == value)]
        return found


def read(
    results: Mapping[str, Path], paper: str, tables: Sequence[str], *, text: Collection[str] = ()
) -> tuple[list[Study], list[Study]]:
    """The studies of a paper's method: those that were done, and those that were not.

    results: study key -> its folder, other papers' too; both lists keep its order. tables: names
    of the CSV tables of each done study. text: columns that hold words, "" where nothing is said;
    elsewhere an empty cell is NaN.
    """
    done, absent = [], []
    for key, folder in results.items():
        about = json.loads(Path(folder, "study.json").read_text(encoding="utf-8"))
        if about["method"]["name"] != paper:
            continue
        is_done = about["state"] == "done"
        found = {name: _table(Path(folder, f"{name}.csv"), text) for name in tables if is_done}
        (done if is_done else absent).append(Study(key=key, about=about, tables=found))
    return done, absent


def frame(rows: Mapping[Any, Mapping[Any, object]], heads: str | tuple[str, ...]) -> pd.DataFrame:
    """Rows by their heads as `section.Table` takes them; what a row has not is None.

    rows: head, or tuple of heads -> column (or tuple of two column heads) -> value; columns come
    in the order in which they first occur. heads: the name of the heads, or of each level.

    >>> made = frame({("a", 1): {"paper": 2.5}, ("a", 2): {"ours": "3"}}, ("letter", "number"))
    >>> list(made.columns), list(made.index.names)
    (['paper', 'ours'], ['letter', 'number'])
    """
    columns = list(dict.fromkeys(column for row in rows.values() for column in row))
    if isinstance(heads, str):
        index = pd.Index(list(rows), name=heads)
    else:
        index = pd.MultiIndex.from_tuples(list(rows), names=heads)
    is_deep = bool(columns) and isinstance(columns[0], tuple)
    data = [[row.get(column) for column in columns] for row in rows.values()]
    over = pd.MultiIndex.from_tuples(columns) if is_deep else columns
    return pd.DataFrame(data, index=index, columns=over)


def estimated(row: Mapping[str, Any], value: str, *, scale: float = 100, digits: int = 1) -> str:
    """A value of a row with its interval: columns <value>, <value>_low, <value>_high; `estimate`.

    >>> estimated({"uar": 0.5, "uar_low": 0.4, "uar_high": float("nan")}, "uar")
    '50.0'
    """
    low, high = (row[f"{value}_{end}"] for end in ("low", "high"))
    return estimate(row[value], low, high, scale=scale, digits=digits)


def own(
    claim: Mapping[str, str], row: Mapping[str, Any], value: str, *, scale: float = 100
) -> ledger.Ours:
    """Our value of a claim from a row of a table: columns <value>, <value>_low, <value>_high.

    n_speakers and n_runs are the row's, where it has them. scale: 100 turns shares into per cent.
    `dataclasses.replace` adds what differs and a note.
    """
    low, high = (row.get(f"{value}_{end}") for end in ("low", "high"))
    is_known = not (pd.isna(low) or pd.isna(high))
    return ledger.Ours(
        **{name: claim[name] for name in ledger.KEYS},
        value=scale * float(row[value]),
        low=scale * float(low) if is_known else None,
        high=scale * float(high) if is_known else None,
        n_speakers=_count(row.get("n_speakers")),
        n_runs=_count(row.get("n_runs")),
    )


def nothing(claim: Mapping[str, str], note: str) -> ledger.Ours:
    """No value for a claim; note: which corpus is absent, or why else."""
    return ledger.Ours(**{name: claim[name] for name in ledger.KEYS}, value=None, note=note)


def _table(path: Path, text: Collection[str]) -> pd.DataFrame:
    """An empty cell alone is "nothing": words such as NA or null stay words."""
    table = pd.read_csv(path, dtype=dict.fromkeys(text, str), na_values=[""], keep_default_na=False)
    return table.assign(**{name: table[name].fillna("") for name in text if name in table})


def _count(number: float | None) -> int | None:
    return None if number is None or pd.isna(number) else int(number)

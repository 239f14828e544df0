"""A study's files: the cells table, embeddings, a row a cell, and what the study was."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from emometric.base import atomic
from emometric.base.errors import StoreError
from emometric.scoring import cells
from emometric.storage import store
from emometric.studies.cell import CELL_COLUMNS, Outcome, Stored, Table
from emometric.studies.runner import Study, versions

EMBEDDINGS_SCHEMA = pa.schema(
    [
        ("cell", pa.string()),
        ("fold", pa.int64()),
        ("repeat", pa.int64()),
        ("id", pa.string()),
        ("role", pa.string()),
        ("embedding", pa.list_(pa.float32())),
    ]
)


def write(folder: str | Path, study: Study, outcomes: Iterable[Outcome], about: dict) -> None:
    """Write cells.parquet, embeddings.parquet, cells.csv and study.json in place of `folder`.

    The tables are valid and empty where nothing was trained. `about` stands in study.json beside
    what the study itself says.
    """
    outcomes = list(outcomes)
    with atomic.new_folder(folder) as aside:
        _write_cells(aside / "cells.parquet", study, outcomes)
        _write_embeddings(aside / "embeddings.parquet", outcomes)
        numbers = numbers_table(outcomes)
        numbers.to_csv(aside / "cells.csv", index=False, lineterminator="\n")
        write_json(aside / "study.json", {**about, **describe(study, outcomes)})


def numbers_table(outcomes: Iterable[Outcome]) -> pd.DataFrame:
    """A row a cell: its name, settings, fold, repeat, seed and numbers; sorted by them."""
    rows = []
    for one in outcomes:
        cell = one.cell
        run = {"fold": cell.fold, "repeat": cell.repeat, "seed": cell.seed}
        doubled = set(one.numbers) & {*cell.settings, *CELL_COLUMNS}
        if doubled:
            raise StoreError(
                f"cell {cell.name}: '{doubled.pop()}' is a number and a setting; rename the number."
            )
        rows.append({"cell": cell.name, **cell.settings, **run, **one.numbers})
    if not rows:
        return pd.DataFrame(columns=list(CELL_COLUMNS))
    settings = sorted({name for one in outcomes for name in one.cell.settings})
    numbers = sorted({name for one in outcomes for name in one.numbers})
    columns = ["cell", *settings, "fold", "repeat", "seed", *numbers]
    table = pd.DataFrame(rows, columns=columns, dtype=object)
    return table.sort_values(["cell", "fold", "repeat"], ignore_index=True)


def describe(study: Study, outcomes: list[Outcome]) -> dict[str, Any]:
    """What the study was: method, corpora, what is missing, and what is to be said of its cells."""
    part, params = study.method.part, study.method.params
    settings = {one.cell.name: one.cell.settings for one in outcomes}
    stamps = {name: list(part.stamps(params, settings[name])) for name in sorted(settings)}
    missing = study.missing()
    return {
        "study": study.name,
        "state": "missing" if missing else "done" if outcomes else "empty",
        "missing": list(missing),
        "method": study.method.described(),
        "emotions": list(study.method.emotions),
        "seed": study.seed,
        "source": corpus_facts(study.source),
        "target": corpus_facts(study.target),
        "n_cells": len(outcomes),
        "stamps": {name: words for name, words in stamps.items() if words},
        "device": study.device,
        "versions": versions(),
    }


def corpus_facts(table: Table) -> dict[str, Any]:
    """Counts of a corpus as the study sees it; of what was made of several also each `member`'s."""
    return {
        "corpus": table.corpus,
        "state": "present" if len(table) else "missing",
        "n_clips": len(table),
        "n_labelled": int(table.clips["emotion"].notna().sum()),
        "n_speakers": int(table.clips["speaker"].nunique()),
        "members": [
            {
                "corpus": name,
                "n_clips": len(clips),
                "n_speakers": int(clips["speaker"].nunique()),
            }
            for name, clips in _members(table)
        ],
    }


def _members(table: Table) -> list[tuple[str, pd.DataFrame]]:
    if "corpus" not in table.clips:
        return []
    return [(name, own) for name, own in table.clips.groupby("corpus") if name != table.corpus]


def read(folder: str | Path) -> tuple[Stored, dict[str, Any]]:
    """What `write` wrote: the tables, and study.json. StoreError where a file is missing."""
    folder = Path(folder)
    try:
        about = json.loads((folder / "study.json").read_text(encoding="utf-8"))
        numbers = pd.read_csv(folder / "cells.csv", keep_default_na=False, na_values=[""])
    except (FileNotFoundError, ValueError):
        raise StoreError(f"no study in {folder}; run `dvc repro` to make it.") from None
    table = store.read_table(folder / "cells.parquet").to_pandas()
    if len(table):
        cells.check(table)
    stored = Stored(
        cells=table,
        embeddings=store.read_table(folder / "embeddings.parquet").to_pandas(),
        numbers=_whole_numbers(numbers),
        seed=about["seed"],
    )
    return stored, about


def write_json(path: Path, value: dict[str, Any]) -> None:
    """Keys in the order given; NaN is refused."""
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    path.write_text(f"{text}\n", encoding="utf-8")


def _write_cells(path: Path, study: Study, outcomes: list[Outcome]) -> None:
    emotions = study.method.emotions
    decided = [
        cells.build(
            one.clips,
            one.scores,
            emotions,
            study=study.name,
            cell=one.cell.name,
            fold=one.cell.fold,
            seed=one.cell.seed,
            repeat=one.cell.repeat,
        )
        for one in outcomes
        if len(one.clips)
    ]
    if decided:
        cells.write(path, pd.concat(decided, ignore_index=True))
    else:  # a table of a run has rows; that of a study whose corpus is missing has none
        pq.write_table(cells.schema(emotions).empty_table(), path)


def _write_embeddings(path: Path, outcomes: list[Outcome]) -> None:
    parts = [
        one.embedding.assign(cell=one.cell.name, fold=one.cell.fold, repeat=one.cell.repeat)
        for one in outcomes
    ]
    empty = pd.DataFrame(columns=EMBEDDINGS_SCHEMA.names)
    table = pd.concat([part for part in parts if len(part)]) if any(map(len, parts)) else empty
    table = table.sort_values(["cell", "fold", "repeat", "id", "role"])[EMBEDDINGS_SCHEMA.names]
    table = pa.Table.from_pandas(table, schema=EMBEDDINGS_SCHEMA, preserve_index=False)
    pq.write_table(table.replace_schema_metadata(None), path)


def _whole_numbers(table: pd.DataFrame) -> pd.DataFrame:
    """Settings that are whole numbers wherever they are set stay so (a gap makes them floats)."""
    end = list(table.columns).index("fold")
    for name in table.columns[:end]:
        column = table[name]
        if column.dtype == float and column.notna().any() and (column.dropna() % 1 == 0).all():
            table[name] = column.astype("Int64")
    return table

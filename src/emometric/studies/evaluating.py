"""From a study's stored tables to its results: summary, speakers, the method's own tables."""

import re
from pathlib import Path
from typing import Any

import pandas as pd

from emometric.base import atomic
from emometric.base.errors import StoreError
from emometric.scoring import evaluation
from emometric.studies import record, summary
from emometric.studies.runner import Study

OWN = ("summary", "per_speaker")  # names of tables that the method's cannot have


def evaluate(
    stored_folder: str | Path, folder: str | Path, study: Study, params: evaluation.Params
) -> dict[str, Any]:
    """Write metrics.json, study.json, summary.csv, per_speaker.csv, the method's CSVs to `folder`.

    Reads what `record.write` wrote to `stored_folder` and trains nothing; takes the place of
    `folder` at once; returns what metrics.json holds. A study without cells gives empty tables and
    none of the method's. study.json has one key more than the stored one: `shown`, the cells whose
    counts by speaker git keeps.
    """
    stored, about = record.read(stored_folder)
    rates = summary.summarise(stored, study, params, about["stamps"])
    tables: dict[str, pd.DataFrame] = {}
    if about["n_cells"]:
        method = study.method
        tables = method.part.tables(stored, method.params, study.source, study.target, params)
        _check_names(tables, method.name)
    headline = summary.headline(study.method, rates, tables, about["n_cells"])
    per_speaker = evaluation.by_speaker(stored.cells)
    with atomic.new_folder(folder) as aside:
        record.write_json(aside / "metrics.json", headline)
        shown = summary.shown(study.method, rates, tables)
        record.write_json(aside / "study.json", {**about, "shown": shown})
        for name, table in {"summary": rates, "per_speaker": per_speaker, **tables}.items():
            table.to_csv(
                aside / f"{name}.csv", index=False, lineterminator="\n", float_format="%.6g"
            )
    return headline


def _check_names(tables: dict[str, pd.DataFrame], method: str) -> None:
    for name in tables:
        if name in OWN or not re.fullmatch(r"[a-z0-9_]+", name):
            raise StoreError(
                f"the method '{method}' calls a table '{name}'; use small letters, digits and _, "
                f"and none of {', '.join(OWN)}."
            )

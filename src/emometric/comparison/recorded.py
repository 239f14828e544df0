"""What a revision recorded: numbers, recalls, confusions and figures of reports/; settings."""

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd
import yaml

from emometric.base.errors import StoreError
from emometric.comparison.revisions import Revision

COUNTS = ("n", "correct")
RECALLS = ("study", "cell", "speaker", "emotion", *COUNTS)
Number = float | int | str | bool


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """One origin's reports at one revision; empty where the revision has none.

    numbers: metrics.json with its keys joined by dots; what is null there is absent here.
    recalls: per_speaker.csv, columns `RECALLS`. confusion: a row a test clip of the working run
    (truth, predicted). figures: path -> hash of each PNG or SVG.
    """

    numbers: dict[str, Number]
    recalls: pd.DataFrame
    confusion: pd.DataFrame
    figures: dict[str, str]

    @cached_property
    def cells(self) -> dict[tuple[str, str], pd.DataFrame]:
        """The rows of `recalls` by study and cell."""
        return {
            (str(study), str(cell)): rows
            for (study, cell), rows in self.recalls.groupby(["study", "cell"])
        }


def origins(*revisions: Revision) -> list[str]:
    """Folders of reports/ with a metrics.json in any of the revisions, sorted: original first."""
    found = {
        path.split("/")[1]
        for revision in revisions
        for path in revision.files("reports")
        if path.count("/") == 2 and path.endswith("/metrics.json")
    }
    return sorted(found)


def read(revision: Revision, origin: str) -> Recorded:
    """What `revision` keeps in reports/<origin>/; StoreError where a file cannot be understood."""
    folder = f"reports/{origin}"
    figures = {
        path: identity
        for path, identity in revision.files(f"{folder}/figures").items()
        if path.endswith((".png", ".svg"))
    }
    return Recorded(
        numbers=_numbers(revision, f"{folder}/metrics.json"),
        recalls=_table(revision, f"{folder}/per_speaker.csv", RECALLS),
        confusion=_table(revision, f"{folder}/plots/confusion.csv", ("truth", "predicted")),
        figures=figures,
    )


def settings(revision: Revision) -> dict[str, Any]:
    """params.yaml of a revision, whole; empty where it has none."""
    content = revision.read("params.yaml")
    if content is None:
        return {}
    try:
        values = yaml.safe_load(content)
    except (yaml.YAMLError, ValueError):  # ValueError: a date such as 2024-13-01
        raise StoreError(f"params.yaml of {revision} is not valid YAML; mend it there.") from None
    return values if isinstance(values, dict) else {}


def flat(value: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested maps as one, keys joined by dots; lists stay whole, an empty map is a value.

    >>> flat({"run": {"uar": 0.5, "svm": {"uar": 0.4}}, "seed": 7})
    {'run.uar': 0.5, 'run.svm.uar': 0.4, 'seed': 7}
    """
    rows = {}
    for key, item in value.items():
        if isinstance(item, Mapping) and item:
            rows |= flat(item, f"{prefix}{key}.")
        else:
            rows[f"{prefix}{key}"] = item
    return rows


def _numbers(revision: Revision, path: str) -> dict[str, Number]:
    content = revision.read(path)
    if content is None:
        return {}
    try:
        values = flat(json.loads(content))
    except (ValueError, AttributeError):  # ValueError: no JSON, or no UTF-8
        raise StoreError(f"{path} of {revision} is not a map in JSON; run `dvc repro`.") from None
    return {name: value for name, value in values.items() if isinstance(value, Number)}


def _table(revision: Revision, path: str, columns: tuple[str, ...]) -> pd.DataFrame:
    """A CSV table; without rows where the revision lacks it."""
    content = revision.read(path)
    if content is None:
        return pd.DataFrame(columns=list(columns))
    try:
        table = pd.read_csv(io.BytesIO(content), dtype=str, keep_default_na=False)[list(columns)]
    except (KeyError, ValueError):
        raise StoreError(
            f"{path} of {revision} has not the columns {', '.join(columns)}; run `dvc repro`."
        ) from None
    if (table.isna() | (table == "")).any(axis=None):
        raise StoreError(f"{path} of {revision} is damaged: a row lacks a value; run `dvc repro`.")
    return _counted(table, f"{path} of {revision}") if set(COUNTS) <= set(columns) else table


def _counted(table: pd.DataFrame, where: str) -> pd.DataFrame:
    """The table with its counts as numbers; left as text, a sum of them would join their digits."""
    try:
        table = table.astype(dict.fromkeys(COUNTS, "int64"))
    except (ValueError, OverflowError):
        raise StoreError(
            f"{where} is damaged: n or correct is no whole number in a row; run `dvc repro`."
        ) from None
    if not table["correct"].between(0, table["n"]).all():
        raise StoreError(
            f"{where} is damaged: correct is not between 0 and n in a row; run `dvc repro`."
        )
    return table

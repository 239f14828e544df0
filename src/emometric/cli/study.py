"""`emometric study`: the studies of params.yaml, and what one of them came to."""

import json
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer

from emometric.base import parts, settings
from emometric.base.errors import StoreError

RATES = ("n_runs", "uar", "uar_low", "uar_high", "uar_mean", "uar_sd", "accuracy", "stamps")


def study(
    name: Annotated[
        str | None, typer.Argument(help="A study of params.yaml; default: list them all.")
    ] = None,
    origin: Annotated[str, typer.Option(help="synthetic or original")] = "synthetic",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the studies and their states, or show the summary of one, a row a setting.

    `dvc repro study@NAME` runs one; on recordings, `dvc repro original/dvc.yaml:study@NAME`.
    """
    chosen = settings.read(origin)["studies"]
    if name is None:
        rows = [listed(one, block, _results(origin, one)) for one, block in chosen.items()]
        _print(pd.DataFrame(rows), as_json)
        return
    parts.check_name("studies", name, chosen)
    folder = _results(origin, name)
    table = _summary(folder)
    if as_json:
        _print(table, as_json)
    elif table.empty:
        print(f"{name}: {listed(name, chosen[name], folder)['state']}")
    else:
        kept = [column for column in RATES if table[column].notna().any()]
        print(table.set_index("cell")[kept].round(3).fillna("").to_string())


def listed(name: str, block: dict[str, Any], folder: Path) -> dict[str, Any]:
    """A row of the list: the block's parts, and what its results say of themselves."""
    state, n_cells = "not run", 0
    if (folder / "study.json").is_file():
        state, n_cells = _state(folder)
    shown = {key: block[key] for key in ("method", "feature", "source", "target")}
    shown["feature"] = " ".join(settings.features_of(block))
    return {"study": name, **shown, "state": state, "cells": n_cells}


def _state(folder: Path) -> tuple[str, int]:
    """What study.json says: the state, with the corpora that are missing, and how many cells."""
    file = folder / "study.json"
    try:
        about = json.loads(file.read_text(encoding="utf-8"))
        return " ".join([about["state"], *about["missing"]]), about["n_cells"]
    except (ValueError, KeyError, TypeError):  # no UTF-8 or JSON, no such keys, no map or texts
        raise _damaged(file) from None


def _summary(folder: Path) -> pd.DataFrame:
    """summary.csv, a row a setting; StoreError where it is missing or of another kind."""
    file = folder / "summary.csv"
    if not file.is_file():
        raise StoreError(f"no results of '{folder.name}' in {folder}; run {_command(folder)}.")
    try:
        table = pd.read_csv(file, keep_default_na=False, na_values=[""])
    except ValueError:  # empty, no UTF-8, or no table
        raise _damaged(file) from None
    if not {"cell", *RATES} <= set(table.columns):
        raise _damaged(file)
    return table


def _damaged(file: Path) -> StoreError:
    return StoreError(f"{file} is damaged; build it again by {_command(file.parent)}.")


def _command(folder: Path) -> str:
    """What builds data/<origin>/results/<name>: recordings have a pipeline of their own."""
    _, origin, _, name = folder.parts
    pipeline = "original/dvc.yaml:" if origin == "original" else ""
    return f"`dvc repro {pipeline}study@{name}`"


def _results(origin: str, name: str) -> Path:
    return Path("data", origin, "results", name)


def _print(table: pd.DataFrame, as_json: bool) -> None:
    print(table.to_json(orient="records", indent=2) if as_json else table.to_string(index=False))

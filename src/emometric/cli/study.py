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
    if not (folder / "summary.csv").is_file():
        raise StoreError(f"no results of '{name}' in {folder}; run `dvc repro study@{name}`.")
    table = pd.read_csv(folder / "summary.csv", keep_default_na=False, na_values=[""])
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
        about = json.loads((folder / "study.json").read_text(encoding="utf-8"))
        state, n_cells = " ".join([about["state"], *about["missing"]]), about["n_cells"]
    shown = {key: block[key] for key in ("method", "feature", "source", "target")}
    shown["feature"] = " ".join(settings.features_of(block))
    return {"study": name, **shown, "state": state, "cells": n_cells}


def _results(origin: str, name: str) -> Path:
    return Path("data", origin, "results", name)


def _print(table: pd.DataFrame, as_json: bool) -> None:
    print(table.to_json(orient="records", indent=2) if as_json else table.to_string(index=False))

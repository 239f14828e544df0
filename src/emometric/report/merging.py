"""The run's and the studies' numbers side by side, as git keeps them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from emometric.base.errors import StoreError


def metrics(run: Mapping[str, Any], studies: Mapping[str, Path]) -> dict[str, Any]:
    """metrics.json: {"run": the run's rates, "<study>": those of its metrics.json}.

    studies: name -> its folder of results. StoreError where one is missing.
    """
    return {"run": dict(run)} | {
        name: json.loads(_read(folder / "metrics.json")) for name, folder in studies.items()
    }


def per_speaker(run: Path, studies: Mapping[str, Path]) -> bytes:
    """per_speaker.csv of the run, then of each study the rows of the cells that it shows.

    run: the run's folder of results. What a study shows stands in its study.json (`shown`); its
    own per_speaker.csv has every cell.
    """
    tables = [pd.read_csv(run / "per_speaker.csv")]
    for folder in studies.values():
        shown = json.loads(_read(folder / "study.json"))["shown"]
        table = pd.read_csv(folder / "per_speaker.csv")
        tables.append(table[table["cell"].isin(shown)])
    whole = pd.concat([table for table in tables if len(table)], ignore_index=True)
    return whole.to_csv(index=False, lineterminator="\n").encode()


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise StoreError(f"no {path.name} in {path.parent}; run `dvc repro` to make it.") from None

"""What the evaluate stage wrote about a run, read back for figures and page."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from emometric.base.errors import StoreError
from emometric.report.style import Heading, Interval
from emometric.scoring import metrics

TABLES = ("confusion", "folds", "per_speaker", "tsne", "curves")


@dataclass(frozen=True, kw_only=True)
class Record:
    """Results of one run: `rates` is metrics.json, `run` is run.json with the audit of its split
    (`auditing.Audit.facts`), the rest are the CSV tables.

    confusion: a row a test clip (truth, predicted). folds: (cell, fold, uar, accuracy).
    per_speaker: (study, cell, speaker, emotion, n, correct). tsne: (clip, speaker, emotion,
    predicted, fold, role, x, y). curves: (fold, epoch, learning_rate, train_loss, valid_uar).
    """

    rates: dict[str, Any]
    run: dict[str, Any]
    confusion: pd.DataFrame
    folds: pd.DataFrame
    per_speaker: pd.DataFrame
    tsne: pd.DataFrame
    curves: pd.DataFrame

    @property
    def cell(self) -> str:
        """The run's own cell, named for its loss; the other cells are baselines."""
        return self.run["loss"]

    @property
    def emotions(self) -> tuple[str, ...]:
        """The run's emotions, in the order of the vocabulary."""
        return tuple(self.run["emotions"])

    @property
    def counts(self) -> np.ndarray:
        """Confusion matrix in clips: (truth, predicted), both in the order of `emotions`."""
        return metrics.confusion(
            self.confusion["truth"], self.confusion["predicted"], self.emotions
        )

    @property
    def heading(self) -> Heading:
        """What stands over every figure of the run."""
        return Heading(
            corpus=self.run["corpus"]["name"],
            system=f"{self.run['encoder']} + {self.run['loss']}",
            protocol=f"{self.run['protocol']} ({self.rates['n_folds']} folds)",
            scale=self.run["scale"],
            origin=self.run["origin"],
        )

    def pooled(self) -> dict[str, Interval]:
        """UAR with its interval for each cell: the run, the baseline that listens, the guesses."""
        cells = (self.run["baseline"], "speaker_lookup", "majority")
        return {self.cell: interval(self.rates)} | {
            cell: interval(self.rates[cell]) for cell in cells
        }


def interval(rates: dict[str, Any]) -> Interval:
    """UAR, low, high of a block of rates; NaN where it has no interval."""
    low, high = (rates.get(key) for key in ("uar_low", "uar_high"))
    return (
        rates["uar"],
        float("nan") if low is None else low,
        float("nan") if high is None else high,
    )


def read(folder: str | Path) -> Record:
    """The record in `data/<origin>/results/<run>/`; StoreError where a file is missing."""
    folder = Path(folder)
    missing = [
        name
        for name in ("metrics.json", "run.json", *(f"{table}.csv" for table in TABLES))
        if not (folder / name).is_file()
    ]
    if missing:
        raise StoreError(f"no {missing[0]} in {folder}; run `dvc repro` to make it.")
    return Record(
        rates=json.loads(
            (folder / "metrics.json").read_text(encoding="utf-8"),
            parse_float=lambda number: round(float(number), 4),
            parse_constant=lambda _: None,  # NaN: no such number
        ),
        run=json.loads((folder / "run.json").read_text(encoding="utf-8")),
        **{table: pd.read_csv(folder / f"{table}.csv") for table in TABLES},
    )

"""What a network of speakers has learned, as its files say it: error rates and trials."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from emometric.base.errors import StoreError
from emometric.studies.cell import Setting

VERIFICATION = ("group", "eer", "eer_low", "eer_high", "n_speakers", "n_trials")
TRIALS = ("low", "high", "same", "different")
BINS = 40


def read(folder: Path | None) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What a network of speakers has learned: its equal error rates, and the trials behind them.

    folder: that of the network, with verification.json (one flat object, or a list of them, a group
    of held-out speakers each) and trials.csv (score, larger = more alike, and same, 1 for one
    speaker); None, or files that are not there: no rows. The first table has at least the columns
    `VERIFICATION`; the second is `binned` of all trials. StoreError for a trials.csv without these.
    """
    rates = pd.DataFrame(columns=list(VERIFICATION))
    trials = pd.DataFrame(columns=list(TRIALS))
    if folder is None:
        return rates, trials
    path = Path(folder, "verification.json")
    if path.is_file():
        found = json.loads(path.read_text(encoding="utf-8"))
        found = found if isinstance(found, list) else [found]
        rates = pd.DataFrame([_flat(one) for one in found])
        rates = rates.reindex(columns=list(dict.fromkeys([*VERIFICATION, *rates.columns])))
    path = Path(folder, "trials.csv")
    if path.is_file():
        table = pd.read_csv(path)
        lacking = [name for name in ("score", "same") if name not in table]
        if lacking:
            raise StoreError(f"{path} has no column {lacking[0]}; run `dvc repro` to remake it.")
        trials = binned(table["score"].to_numpy(), table["same"].to_numpy().astype(bool))
    return rates, trials


def binned(score: np.ndarray, same: np.ndarray) -> pd.DataFrame:
    """A histogram of trials: columns `TRIALS`, a row a bin of similarity, `BINS` in all.

    score: (n,); same: (n,) bool. low, high: ends of the bin; same, different: share of the trials
    of one speaker, and of two, whose similarity lies in it; each sums to 1, or to 0 without trials.
    No trials, no rows.
    """
    if not len(score):
        return pd.DataFrame(columns=list(TRIALS))
    edges = np.linspace(score.min(), score.max() + 1e-9, BINS + 1)
    shares = [np.histogram(score[rows], edges)[0] / max(rows.sum(), 1) for rows in (same, ~same)]
    columns = (edges[:-1], edges[1:], *shares)
    return pd.DataFrame(dict(zip(TRIALS, columns, strict=True)))


def _flat(found: Mapping) -> dict[str, Setting | float]:
    """The numbers and words of a JSON object; what holds more is left out."""
    kept = {name: value for name, value in found.items() if isinstance(value, (int, float, str))}
    return {"group": "all", **kept}

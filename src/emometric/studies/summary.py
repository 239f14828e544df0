"""What a study comes to: a row a setting, from the stored tables alone."""

from typing import Any

import numpy as np
import pandas as pd

from emometric.scoring import baselines, evaluation, metrics
from emometric.scoring.results import rounded
from emometric.studies import statistics
from emometric.studies.cell import Stored, settings_among
from emometric.studies.method import Method
from emometric.studies.runner import Study

# Roles in the stored embeddings whose labels a cell has seen.
LEARNT = ("train", "valid", "enrol")
GUESSES = ("majority", "speaker_lookup")
RATES = (
    "n_runs",
    "n_clips",
    "n_speakers",
    "uar",
    "uar_low",
    "uar_high",
    "uar_mean",
    "uar_sd",
    "accuracy",
    *(f"{guess}_uar" for guess in GUESSES),
)


def summarise(
    stored: Stored, study: Study, params: evaluation.Params, stamps: dict
) -> pd.DataFrame:
    """A row for each setting that decides something: its name, settings, `RATES` and stamps.

    `uar`, `accuracy` pool the test clips of all folds and repeats; `uar_low` and `uar_high` bound
    the interval of `uar` that resamples speakers; `uar_mean` and `uar_sd` are over the runs (folds
    and repeats). `majority_uar` and `speaker_lookup_uar`: what a guess reaches that hears nothing
    (`guesses`), over the runs where it is known, NaN where none is. stamps: {cell name: sentences}.
    """
    settings = settings_of(stored.numbers)
    table = guesses(stored, study)
    rows = []
    for cell, part in table.groupby("cell"):
        rates = evaluation.summarise(part, params, stored.seed)
        by_run = statistics.by_run(part)
        mean, sd = statistics.spread(by_run.to_numpy())
        rows.append(
            {
                "cell": cell,
                **settings.loc[cell].to_dict(),
                **{name: rates[name] for name in rates if name in RATES},
                "n_runs": len(by_run),
                "uar_mean": mean,
                "uar_sd": sd,
                **{f"{guess}_uar": _uar(part["truth"], part[guess]) for guess in GUESSES},
                "stamps": "; ".join(stamps.get(cell, ())),
            }
        )
    return pd.DataFrame(rows, columns=["cell", *settings.columns, *RATES, "stamps"])


def settings_of(numbers: pd.DataFrame) -> pd.DataFrame:
    """The settings of each cell, indexed by its name, in the columns before `fold`."""
    return numbers.drop_duplicates("cell").set_index("cell")[settings_among(numbers.columns)]


def guesses(stored: Stored, study: Study) -> pd.DataFrame:
    """The cells table with what a majority guess and a speaker table say of each clip beside it.

    Both learn from the clips whose labels the run has seen: those that the method's `learnt` names,
    else those with a role of `LEARNT` in the run's embeddings; None where these are not known.
    Emotions that the table does not score do not count.
    """
    table = stored.cells.assign(**dict.fromkeys(GUESSES))
    if table.empty:
        return table
    emotions = list(study.method.emotions)
    labels = pd.concat([study.source.clips, study.target.clips]).drop_duplicates("id")
    labels = labels[labels["emotion"].isin(emotions)].set_index("id")
    known = learnt(stored, study)
    test = table.drop_duplicates("clip").set_index("clip")
    test = pd.DataFrame({"speaker": test["speaker"], "emotion": test["truth"]})
    said: dict[tuple, pd.DataFrame] = {}
    for run, rows in table.groupby(["cell", *statistics.RUN]).groups.items():
        ids = known.get(run)
        if not ids:
            continue
        if ids not in said:
            said[ids] = _guess(labels.loc[labels.index.isin(ids)], test, emotions)
        for guess in GUESSES:
            table.loc[rows, guess] = said[ids][guess].loc[table.loc[rows, "clip"]].to_numpy()
    return table


def headline(
    method: Method, summary: pd.DataFrame, tables: dict[str, pd.DataFrame], n_cells: int
) -> dict[str, Any]:
    """The numbers of metrics.json, four digits: n_cells, and a block a headline setting."""
    if hasattr(method.part, "headline"):
        blocks = method.part.headline(method.params, summary, tables)
    else:
        blocks = {row["cell"]: {name: row[name] for name in RATES} for row in _rows(summary)}
    return rounded({"n_cells": n_cells, **{name: _plain(block) for name, block in blocks.items()}})


def shown(method: Method, summary: pd.DataFrame, tables: dict[str, pd.DataFrame]) -> list[str]:
    """Names of the cells whose counts by speaker git keeps, sorted."""
    every = set(summary["cell"])
    if not hasattr(method.part, "shown"):
        return sorted(every)
    return sorted(every & set(method.part.shown(method.params, summary, tables)))


def _rows(table: pd.DataFrame) -> list[dict]:
    return table.to_dict("records")


def _plain(block: dict) -> dict[str, int | float]:
    """Numbers as JSON knows them: whole ones stay whole, NA is NaN."""
    return {
        name: int(value)
        if isinstance(value, (int, np.integer))
        else float("nan" if pd.isna(value) else value)
        for name, value in block.items()
    }


def learnt(stored: Stored, study: Study) -> dict[tuple, tuple[str, ...]]:
    """Ids of the clips that each run (cell, fold, repeat) learnt from, sorted (see `guesses`)."""
    part = study.method.part
    if hasattr(part, "learnt"):
        cells = stored.runs()
        ids = part.learnt(cells, study.method.params, study.source, study.target)
        return {
            (cell.name, cell.fold, cell.repeat): tuple(sorted(some))
            for cell, some in zip(cells, ids, strict=True)
        }
    kept = stored.embeddings[stored.embeddings["role"].isin(LEARNT)]
    groups = kept.groupby(["cell", *statistics.RUN])["id"]
    return {run: tuple(sorted(set(ids))) for run, ids in groups}


def _guess(train: pd.DataFrame, test: pd.DataFrame, emotions: list[str]) -> pd.DataFrame:
    if train.empty:
        return pd.DataFrame(None, index=test.index, columns=list(GUESSES), dtype=object)
    names = np.array(emotions, dtype=object)
    return pd.DataFrame(
        {
            "majority": names[baselines.majority(train, test, emotions).argmax(axis=1)],
            "speaker_lookup": names[baselines.speaker_lookup(train, test, emotions).argmax(axis=1)],
        },
        index=test.index,
    )


def _uar(truth: pd.Series, predicted: pd.Series) -> float:
    known = predicted.notna()
    return metrics.uar(truth[known], predicted[known]) if known.any() else float("nan")

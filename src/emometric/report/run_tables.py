"""The tables of the working run, as rows for the page."""

from typing import Any

import numpy as np
import pandas as pd

from emometric.report.record import Record


def cells(record: Record) -> list[dict[str, Any]]:
    """A row a cell, the run first: its rates, None where it has none."""
    rows = []
    for name in record.pooled():
        rates = record.rates if name == record.cell else record.rates[name]
        row = {key: rates.get(key) for key in ("uar", "uar_low", "uar_high", "accuracy")}
        rows.append({"name": name, "is_run": name == record.cell, **row})
    return rows


def confusion(counts: np.ndarray, emotions: tuple[str, ...]) -> list[dict[str, Any]]:
    """A row an emotion: its clips, and (clips, share) for each prediction."""
    rows = []
    for emotion, row in zip(emotions, counts.tolist(), strict=True):
        total = sum(row)
        shares = [(clips, clips / total if total else None) for clips in row]
        rows.append({"emotion": emotion, "n_clips": total, "shares": shares})
    return rows


def balance(balance: list[dict[str, Any]], emotions: tuple[str, ...]) -> list[dict[str, Any]]:
    """A row a fold: for each emotion its training clips, validation included, and test clips."""
    counts = {(row["fold"], row["role"], row["emotion"]): row["n"] for row in balance}
    return [
        {
            "fold": number,
            "counts": [
                (
                    counts[number, "train", emotion] + counts[number, "valid", emotion],
                    counts[number, "test", emotion],
                )
                for emotion in emotions
            ],
        }
        for number in sorted({row["fold"] for row in balance})
    ]


def folds(folds: pd.DataFrame, cells: list[str]) -> dict[str, Any]:
    """UAR of every cell in every fold: the fold numbers, and a row a cell; a gap is None."""
    wide = folds.groupby(["cell", "fold"])["uar"].mean().unstack("fold").reindex(cells)
    rows = [(cell, values.tolist()) for cell, values in zip(cells, wide.to_numpy(), strict=True)]
    return {"numbers": wide.columns.tolist(), "rows": rows}


def speakers(record: Record) -> list[dict[str, Any]]:
    """A row a speaker: recall and clips by emotion (None: no clips), and their mean."""
    own = record.per_speaker[record.per_speaker["cell"] == record.cell]
    rows = []
    for speaker, part in own.groupby("speaker"):
        summed = part.groupby("emotion")[["n", "correct"]].sum()
        recalls = summed["correct"] / summed["n"]
        shares = [
            (recalls[emotion], int(summed["n"][emotion])) if emotion in recalls else None
            for emotion in record.emotions
        ]
        rows.append({"speaker": speaker, "shares": shares, "mean": recalls.mean()})
    return rows

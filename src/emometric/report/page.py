"""The report's page: one HTML file that holds everything and opens from disk, without a network."""

import base64
from collections.abc import Mapping
from importlib import resources
from typing import Any

import jinja2
import numpy as np
import pandas as pd

from emometric.report.palette import DARK, EMOTION_COLOURS, LIGHT
from emometric.report.record import Record

# Figure -> (heading, what it shows for one who cannot see it; the numbers stand in tables).
FIGURES = {
    "confusion": (
        "Confusions",
        "Confusion matrix: how many clips of each true emotion were taken for which emotion.",
    ),
    "folds": (
        "Folds and baselines",
        "UAR of the run and of its baselines: one dot a fold, and the pooled value with interval.",
    ),
    "per_speaker": (
        "Speakers",
        "Recall of each emotion for each speaker, with the speaker's mean.",
    ),
    "tsne": (
        "Map of the embeddings",
        "t-SNE map of the embeddings of one fold, coloured by emotion; misrecognised clips ringed.",
    ),
    "curves": (
        "Learning curves",
        "Training loss and validation UAR by epoch, for each fold and in the mean.",
    ),
}


def render(record: Record, light: Mapping[str, bytes], dark: Mapping[str, bytes]) -> str:
    """The page of a run. light, dark: PNG of each figure in `FIGURES`, for either colour scheme."""
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"percent": percent, "points": points}
    text = resources.files("emometric.report").joinpath("page.html").read_text(encoding="utf-8")
    return environment.from_string(text).render(
        run=record.run,
        rates=record.rates,
        heading=record.heading,
        stamp=record.heading.stamp(),
        cells=_cells(record),
        gain=record.rates["gain"],
        verdict=verdict(record.rates["gain"]),
        confidence=f"{100 * record.run['confidence']:g} %",
        audit=record.run["audit"],
        balance=_balance(record.run["audit"]["balance"], record.emotions),
        confusion=_confusion(record.counts, record.emotions),
        folds=_folds(record.folds, list(record.pooled())),
        speakers=_speakers(record),
        figures=FIGURES,
        light={name: _data_uri(png) for name, png in light.items()},
        dark={name: _data_uri(png) for name, png in dark.items()},
        colours=EMOTION_COLOURS,
        themes={"light": LIGHT, "dark": DARK},
    )


def percent(share: float | None, digits: int = 1) -> str:
    """A share as per cent; a dash where there is none.

    >>> percent(0.6123), percent(None), percent(float("nan"))
    ('61.2', '–', '–')
    """
    return "–" if share is None or np.isnan(share) else f"{100 * share:.{digits}f}"


def points(difference: float | None) -> str:
    """A difference of two shares in points, with its sign.

    >>> points(0.0512), points(-0.02), points(None)
    ('+5.1', '−2.0', '–')
    """
    if difference is None or np.isnan(difference):
        return "–"
    return f"{100 * difference:+.1f}".replace("-", "−")


def verdict(gain: Mapping[str, Any]) -> str:
    """What a gain with its interval amounts to; a gain is one when the interval leaves 0 out.

    >>> verdict({"uar": 0.1, "uar_low": 0.02, "uar_high": 0.2})
    'better than the baseline'
    """
    low, high = gain["uar_low"], gain["uar_high"]
    if low is None or high is None:
        return "not to be told from noise: no interval can be drawn"
    if low > 0:
        return "better than the baseline"
    if high < 0:
        return "worse than the baseline"
    return "not to be told from the baseline"


def _cells(record: Record) -> list[dict[str, Any]]:
    rows = []
    for name in record.pooled():
        rates = record.rates if name == record.cell else record.rates[name]
        row = {key: rates.get(key) for key in ("uar", "uar_low", "uar_high", "accuracy")}
        rows.append({"name": name, "is_run": name == record.cell, **row})
    return rows


def _confusion(counts: np.ndarray, emotions: tuple[str, ...]) -> list[dict[str, Any]]:
    """A row an emotion: its clips, and (clips, share) for each prediction."""
    rows = []
    for emotion, row in zip(emotions, counts.tolist(), strict=True):
        total = sum(row)
        shares = [(clips, clips / total if total else None) for clips in row]
        rows.append({"emotion": emotion, "n_clips": total, "shares": shares})
    return rows


def _balance(balance: list[dict[str, Any]], emotions: tuple[str, ...]) -> list[dict[str, Any]]:
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


def _folds(folds: pd.DataFrame, cells: list[str]) -> dict[str, Any]:
    """UAR of every cell in every fold: the fold numbers, and a row a cell; a gap is None."""
    wide = folds.groupby(["cell", "fold"])["uar"].mean().unstack("fold").reindex(cells)
    rows = [(cell, values.tolist()) for cell, values in zip(cells, wide.to_numpy(), strict=True)]
    return {"numbers": wide.columns.tolist(), "rows": rows}


def _speakers(record: Record) -> list[dict[str, Any]]:
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


def _data_uri(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")

"""Tables of a das2022 study from what it stored: labels on latents, pairs, and latents to draw."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from emometric.fitting.batch import AFFECT
from emometric.scoring import evaluation
from emometric.studies import affect, statistics
from emometric.studies.cell import Stored

SIGNIFICANT = 0.05
SETTINGS = ("variant", "folds", "settings", "distance")
BASE = "unsupervised"  # the others' gain is over it
COLUMNS = (
    *SETTINGS,
    "label",
    "r2",
    "r2_sd",
    "r2_low",
    "r2_high",
    "p",
    "significant",
    "gain",
    "gain_low",
    "gain_high",
    "speaker_lookup_r2",
    "n_runs",
    "n",
    "n_speakers",
)


@dataclass(frozen=True, kw_only=True)
class _Cell:
    """One setting and label over its runs: fits, and adjusted R2 of each resample (resamples,)."""

    fits: list[affect.Fit]
    lookups: list[float]
    resampled: np.ndarray

    @property
    def mean(self) -> float:
        return statistics.spread(np.array([fit.r2 for fit in self.fits]))[0]


def make(
    stored: Stored,
    clips: pd.DataFrame,
    params: evaluation.Params,
    *,
    within: bool,
    shown: Mapping[str, str],
) -> dict[str, pd.DataFrame]:
    """affect, pairs (empty unless `within` one corpus) and latents (of the settings `shown`).

    clips: the tested corpus, one row an id. Rows of affect and pairs are COLUMNS, one a setting and
    label: `r2` is the mean of the adjusted R2 over the runs (folds and repeats), `r2_sd` their
    deviation, `r2_low` and `r2_high` the interval that resamples speakers; `p` the largest of the
    runs' F-tests and `significant` whether that is below 0.05. `gain` is r2 minus that of the
    unsupervised network of the same folds and settings, its interval under the same resamples.
    `speaker_lookup_r2`: what knowing the speaker, and nothing else, explains of the same clips.
    """
    settings = stored.numbers.drop_duplicates("cell").set_index("cell").reindex(columns=SETTINGS)
    tested = stored.embeddings[stored.embeddings["role"] == "test"]
    joined = tested.merge(clips.reindex(columns=["id", "speaker", "emotion", *AFFECT]), on="id")
    rows = {"affect": [], "pairs": []}
    for name, found in rows.items():
        if name == "pairs" and not within:
            continue
        made = {
            (cell, label): _cell(part.dropna(subset=label), label, name, params, stored.seed)
            for cell, part in joined.groupby("cell")
            for label in AFFECT
            if part[label].notna().any()
        }
        for (cell, label), own_fits in made.items():
            own = settings.loc[cell].to_dict()
            bases = (made.get((other, label)) for other in _bases(settings, own))
            base = next((one for one in bases if one), None)
            part = joined[joined["cell"] == cell].dropna(subset=label)
            found.append({**own, "label": label, **_row(own_fits, base, params), **_sizes(part)})
    tables = {name: pd.DataFrame(found, columns=COLUMNS) for name, found in rows.items()}
    return {**tables, "latents": _latents(joined, settings, shown)}


def headline(
    summary: pd.DataFrame, tables: Mapping[str, pd.DataFrame], wanted: Mapping[str, str]
) -> dict[str, dict[str, float]]:
    """UAR of each scenario and adjusted R2 of each label by variant, of the settings `wanted`.

    summary: a row a setting (`studies.summary`); tables: as `make` gives them, or none.
    """
    blocks: dict[str, dict[str, float]] = {}
    for row in _chosen(summary, wanted):
        names = (f"uar_{row['classes']}{end}" for end in ("", "_low", "_high"))
        values = (row[f"uar{end}"] for end in ("", "_low", "_high"))
        blocks.setdefault(row["variant"], {}).update(zip(names, values, strict=True))
    for row in _chosen(tables.get("affect", pd.DataFrame()), wanted):
        numbers = {f"{row['label']}_{name}": row[name] for name in ("r2", "r2_low", "r2_high")}
        blocks.setdefault(row["variant"], {}).update(numbers)
    return blocks


def _chosen(table: pd.DataFrame, wanted: Mapping[str, str]) -> Iterator[dict[str, object]]:
    """Rows that have these settings, or to which they do not apply."""
    for row in table.to_dict("records"):
        told = {name: row[name] for name in wanted if name in row and pd.notna(row[name])}
        if all(wanted[name] == value for name, value in told.items()):
            yield row


def _bases(settings: pd.DataFrame, own: dict) -> list[str]:
    """Names of the cells without a metric that a cell is set against."""
    same = (settings["folds"] == own["folds"]) & (settings["settings"] == own["settings"])
    return list(settings.index[same & (settings["variant"] == BASE) & (own["variant"] != BASE)])


def _cell(rows: pd.DataFrame, label: str, kind: str, params: evaluation.Params, seed: int) -> _Cell:
    """Fits of each run, and the mean over runs of each resample of all speakers."""
    names, _ = np.unique(rows["speaker"].to_numpy(dtype=str), return_inverse=True)
    drawn = affect.draws(len(names), params.n_resamples, seed)
    fits, lookups, resampled = [], [], []
    for _, run in rows.groupby(list(statistics.RUN)):
        latents = np.stack(run["embedding"].to_numpy()).astype(np.float64)
        labels = run[label].to_numpy(dtype=np.float64)
        speakers, speaker = np.unique(run["speaker"].to_numpy(dtype=str), return_inverse=True)
        weights = drawn[:, np.searchsorted(names, speakers)]
        if kind == "affect":
            fits.append(affect.ols(latents, labels))
            sums = affect.clip_sums(latents, labels, speaker)
            resampled.append(affect.resampled_r2(sums, weights))
            lookups.append(affect.speaker_lookup(labels, speakers[speaker]).r2)
        else:
            fits.append(affect.pairs(latents, labels))
            sums = affect.pair_sums(latents, labels, speaker)
            resampled.append(affect.resampled_pair_r2(sums, weights))
    return _Cell(fits=fits, lookups=lookups, resampled=_mean(np.stack(resampled)))


def _row(one: _Cell, base: _Cell | None, params: evaluation.Params) -> dict[str, object]:
    mean, sd = statistics.spread(np.array([fit.r2 for fit in one.fits]))
    low, high = affect.interval(one.resampled, params.confidence)
    p = max((fit.p for fit in one.fits), default=float("nan"))
    gain = gain_low = gain_high = float("nan")
    if base is not None:
        gain = mean - base.mean
        gain_low, gain_high = affect.interval(one.resampled - base.resampled, params.confidence)
    return {
        "r2": mean,
        "r2_sd": sd,
        "r2_low": low,
        "r2_high": high,
        "p": p,
        "significant": bool(p < SIGNIFICANT),
        "gain": gain,
        "gain_low": gain_low,
        "gain_high": gain_high,
        "speaker_lookup_r2": float(_mean(np.array(one.lookups))) if one.lookups else float("nan"),
        "n_runs": len(one.fits),
    }


def _sizes(rows: pd.DataFrame) -> dict[str, int]:
    return {"n": rows["id"].nunique(), "n_speakers": rows["speaker"].nunique()}


def _mean(values: np.ndarray) -> np.ndarray:
    """Mean over the first axis of what exists: a fold whose speakers were not drawn does not."""
    known = np.isfinite(values)
    total = np.where(known, values, 0.0).sum(axis=0)
    return np.where(known.any(axis=0), total / known.sum(axis=0).clip(min=1), np.nan)


def _latents(
    joined: pd.DataFrame, settings: pd.DataFrame, shown: Mapping[str, str]
) -> pd.DataFrame:
    """Latents of one run, the first fold, of each variant with the Euclidean distance or none."""
    wanted = (settings["distance"].isna()) | (settings["distance"] == "euclidean")
    for name, value in shown.items():
        wanted &= settings[name] == value
    cells = settings.loc[wanted, "variant"].to_dict()
    rows = joined[joined["cell"].isin(cells) & (joined["fold"] == 0) & (joined["repeat"] == 0)]
    place = np.stack(rows["embedding"].to_numpy()) if len(rows) else np.empty((0, 2))
    return pd.DataFrame(
        {
            "variant": rows["cell"].map(cells),
            "clip": rows["id"],
            **{name: rows[name] for name in ("speaker", "emotion", *AFFECT)},
            "x": place[:, 0],
            "y": place[:, 1],
        }
    ).sort_values(["variant", "clip"], ignore_index=True)

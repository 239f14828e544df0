"""Describe a corpus: its clips with their measures, and tables over speakers and emotions."""

import re
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd

from emometric import emotions
from emometric.acquisition import exclusions
from emometric.base import console, parts
from emometric.base.errors import AudioError, CorpusError
from emometric.inspection import measuring
from emometric.inspection.measuring import Measures
from emometric.sound import audio
from emometric.storage import store
from emometric.storage.clip import Clip

COLUMNS = (
    "id",
    "speaker",
    "emotion",
    "seconds",
    "level_db",
    "peak_db",
    "rate_hz",
    "channels",
)
UNLABELLED = "none"  # in tables: clips whose label lies outside the vocabulary, or without one


def of_recordings(corpus: str, folder: Path, params: Any) -> tuple[pd.DataFrame, int]:
    """The clips of an owner's tree with what their files are, and how many files are left out.

    Rows (COLUMNS), sorted by id. Left out are rejects, known faults (unless `params.exclusions` is
    off), and what cannot be decoded. Raises CorpusError where no clip remains.
    """
    part = parts.load("corpora", corpus)
    found = list(part.clips(folder, params))
    if params.exclusions:
        found = exclusions.leave_out(found, corpus)
    clips = [item for item in found if isinstance(item, Clip)]
    measured = joblib.Parallel(n_jobs=-1, prefer="threads", return_as="generator")(
        joblib.delayed(_measure)(folder / clip.path, part.CHANNEL) for clip in clips
    )
    table = _table(corpus, [(clip.id, clip.speaker, clip.emotion) for clip in clips], measured)
    return table, len(found) - len(table)


def of_manifest(corpus: str, data: Path, origin: str) -> pd.DataFrame:
    """The clips that were acquired and marked, as they are stored: one channel at 16 kHz."""
    manifest = store.read_table(data / origin / "manifests" / f"{corpus}.parquet")
    labels = [
        (row["id"], row["speaker"], row["emotion"])
        for row in manifest.select(["id", "speaker", "emotion"]).to_pylist()
    ]
    clips = store.Ragged(data / origin / "corpora" / corpus / "audio")
    waveforms = (audio.from_pcm16(clips.read(id_)) for id_, _, _ in labels)
    return _table(
        corpus,
        labels,
        (measuring.of_samples(waveform, audio.RATE_HZ) for waveform in waveforms),
    )


def tables(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """All tables over the clips, by name."""
    return {
        "counts": counts(table),
        "by_emotion": by(table, "emotion"),
        "by_speaker": by(table, "speaker"),
        "files": files(table),
    }


def counts(table: pd.DataFrame) -> pd.DataFrame:
    """Clips by emotion (rows, in the vocabulary's order) and speaker (columns, SM2 before SM10)."""
    labels = table["emotion"].fillna(UNLABELLED)
    crossed = pd.crosstab(labels, table["speaker"])
    known = [emotion for emotion in emotions.EMOTIONS if emotion in crossed.index]
    rest = [UNLABELLED] if UNLABELLED in crossed.index else []
    return crossed.reindex(
        index=[*known, *rest], columns=sorted(crossed.columns, key=_with_numbers)
    )


def by(table: pd.DataFrame, column: str) -> pd.DataFrame:
    """For each emotion or speaker: clips, minutes, and quantiles of seconds and level_db.

    The level is that of clips with a sound in them.
    """
    groups = table.assign(emotion=table["emotion"].fillna(UNLABELLED)).groupby(column)
    rows = {
        name: {
            "clips": len(group),
            "speakers": group["speaker"].nunique(),
            "minutes": group["seconds"].sum() / 60,
            **_quantiles("seconds", group["seconds"]),
            **_quantiles("level_db", group.loc[is_heard(group), "level_db"]),
        }
        for name, group in groups
    }
    summary = pd.DataFrame.from_dict(rows, orient="index").rename_axis(column)
    crossed = counts(table)
    if column == "emotion":
        return summary.reindex(crossed.index)
    return summary.reindex(crossed.columns).drop(columns="speakers")


def files(table: pd.DataFrame) -> pd.DataFrame:
    """Clips of each sampling rate and number of channels, the most frequent first."""
    sizes = table.groupby(["rate_hz", "channels"]).size().rename("clips").reset_index()
    return sizes.sort_values(["clips", "rate_hz"], ascending=[False, True], ignore_index=True)


def is_heard(table: pd.DataFrame) -> pd.Series:
    """Which clips have a sound in them."""
    return table["level_db"] > measuring.SILENT_DB


def _with_numbers(name: str) -> list[tuple[bool, int, str]]:
    """What sorts names so that digits in them count as numbers."""
    pieces = re.split(r"(\d+)", name)
    return [(piece.isdigit(), int(piece) if piece.isdigit() else 0, piece) for piece in pieces]


def _quantiles(name: str, values: pd.Series) -> dict[str, float]:
    if values.empty:
        values = pd.Series([np.nan])
    low, middle, high = np.quantile(values, [0.0, 0.5, 1.0])
    return {f"{name}_min": low, f"{name}_median": middle, f"{name}_max": high}


def _measure(path: Path, channel: str) -> Measures | None:
    try:
        return measuring.measure(path, channel=channel)
    except AudioError:
        return None


def _table(
    corpus: str, labels: list[tuple[str, str, str | None]], measured: Iterable[Measures | None]
) -> pd.DataFrame:
    """Rows of COLUMNS; labels: id, speaker, emotion of each clip. Without measures: left out."""
    bar = console.progress(measured, total=len(labels), what=f"describe {corpus}", unit="clips")
    rows = [
        {"id": id_, "speaker": speaker, "emotion": emotion, **asdict(measures)}
        for (id_, speaker, emotion), measures in zip(labels, bar, strict=True)
        if measures is not None
    ]
    if not rows:
        raise CorpusError(
            f"{corpus}: there is no clip to describe; see why: emometric corpora check {corpus}"
        )
    return pd.DataFrame(rows, columns=list(COLUMNS)).sort_values("id", ignore_index=True)

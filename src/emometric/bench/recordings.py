"""Recordings for a measurement: the same ones each time, and as a small decoded corpus."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import joblib
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from emometric.base.errors import AudioError
from emometric.sound import audio, vad
from emometric.storage import store
from emometric.storage.clip import MANIFEST_SCHEMA

_AT_ONCE = 64  # decoded recordings that wait to be written


@dataclass(frozen=True, kw_only=True)
class Decoded:
    """A corpus as extraction takes it: the manifest's path, the folder of samples, and seconds."""

    manifest: Path
    clips: Path
    audio_s: float


def every(folder: str | Path) -> list[Path]:
    """All recordings below a folder, by name; AudioError where there are none."""
    files = sorted(
        path
        for path in Path(folder).rglob("[!.]*")  # some systems leave ._a.wav beside a.wav
        if path.suffix.lower() in audio.SUFFIXES and path.is_file()
    )
    if not files:
        raise AudioError(f"{folder}: there are no recordings; name a folder that holds some.")
    return files


def sample(folder: str | Path, n_clips: int) -> list[Path]:
    """The same clips each time: `n_clips` recordings below a folder, evenly spaced by name.

    All of them where there are no more.
    """
    files = every(folder)
    n_clips = min(n_clips, len(files))
    return [files[place] for place in np.linspace(0, len(files) - 1, n_clips).round().astype(int)]


def decode(
    files: Sequence[Path], folder: Path, *, n_laps: int = 1, n_jobs: int = 1, voiced: bool = False
) -> Decoded:
    """Decode recordings into `folder`, all of them `n_laps` times, each time as other clips.

    voiced: find the voiced intervals; else they are the whole clip. Memory: some recordings.
    """
    rows: list[dict] = []
    n_samples = 0

    def decoded():
        nonlocal n_samples
        numbered = list(enumerate(list(files) * n_laps))
        with joblib.Parallel(n_jobs=n_jobs, prefer="threads") as parallel:
            for start in range(0, len(numbered), _AT_ONCE):
                some = numbered[start : start + _AT_ONCE]
                found = parallel(joblib.delayed(_decode)(path, voiced) for _, path in some)
                for (number, _), (pcm, intervals) in zip(some, found, strict=True):
                    clip_id = f"clip/{number:07d}"
                    rows.append(
                        {"id": clip_id, "content": clip_id, "voiced": intervals or [(0, len(pcm))]}
                    )
                    n_samples += len(pcm)
                    yield clip_id, pcm

    folder.mkdir(parents=True, exist_ok=True)
    store.write_ragged(folder / "clips", decoded(), dtype="int16")
    pq.write_table(pa.Table.from_pylist(rows, MANIFEST_SCHEMA), folder / "manifest.parquet")
    return Decoded(
        manifest=folder / "manifest.parquet",
        clips=folder / "clips",
        audio_s=n_samples / audio.RATE_HZ,
    )


def _decode(path: Path, voiced: bool) -> tuple[np.ndarray, list[vad.Interval]]:
    waveform = audio.read_waveform(path)
    found = vad.voiced(waveform, audio.RATE_HZ, vad.Params()) if voiced else []
    return audio.to_pcm16(waveform), found

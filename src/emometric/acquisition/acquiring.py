"""Acquire a corpus: decode its recordings once, label them, and list what was left out."""

import csv
from collections.abc import Iterator
from dataclasses import asdict, astuple, dataclass
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from emometric.acquisition import exclusions
from emometric.base import atomic, console, parts
from emometric.base.errors import AudioError, CorpusError
from emometric.sound import audio
from emometric.storage import store
from emometric.storage.clip import LABELS_SCHEMA, Clip, Reject

_CHUNK = 128  # clips decoded before they are written: bounds the memory


@dataclass(frozen=True, kw_only=True)
class Acquired:
    """How many clips were stored; how many of them have no emotion of the vocabulary (the owner's
    lies outside it, or there is none), have activation and valence, and have listeners' rates; and
    how many files were left out, for either reason.
    """

    n_clips: int
    n_unlabelled: int
    n_rated: int
    n_recognised: int
    n_excluded: int
    n_rejected: int


def acquire(
    corpus: str, params: Any, root: Path | None, folder: str | Path, *, n_jobs: int = 1
) -> Acquired:
    """Write `labels.parquet`, `rejects.csv` and `audio/` (16 kHz mono int16) of a corpus.

    params: the `Params` of the corpus. root: the owner's tree, or None where the corpus is absent:
    then all three are written empty. Takes the place of `folder` at once, when everything is done.
    Rows are sorted by clip id.

    What is left out is listed in `rejects.csv` (path, reason, kind): "excluded" for the corpus's
    known faults (unless `params.exclusions` is off), "rejected" for what cannot be used.
    CorpusError is for the corpus as a whole: no recording in it, none that can be used, or two
    files that would be one clip.
    """
    part = parts.load("corpora", corpus)
    found = list(part.clips(Path(root), params)) if root is not None else []
    if params.exclusions:
        found = exclusions.leave_out(found, corpus)
    clips = [item for item in found if isinstance(item, Clip)]
    rejects = [item for item in found if isinstance(item, Reject)]
    if root is not None and not found:
        raise CorpusError(
            f"{root}: there is no recording of {corpus} here; point at the folder that its owner "
            f"publishes ({part.URL})."
        )
    _check_unique(clips, corpus)
    labels: list[dict] = []
    with atomic.new_folder(folder) as aside:
        rows = _decoded(clips, root, part.CHANNEL, n_jobs, labels, rejects)
        store.write_ragged(aside / "audio", rows, dtype=np.int16)
        if rejects and not labels:
            raise CorpusError(
                f"{root}: none of the {len(rejects)} files of {corpus} can be used, the first "
                f"({rejects[0].path}) for this reason: {rejects[0].reason}"
            )
        labels.sort(key=lambda row: row["id"])
        pq.write_table(pa.Table.from_pylist(labels, LABELS_SCHEMA), aside / "labels.parquet")
        _write_rejects(aside / "rejects.csv", rejects)
    kinds = [reject.kind for reject in rejects]
    return Acquired(
        n_clips=len(labels),
        n_unlabelled=sum(row["emotion"] is None for row in labels),
        n_rated=sum(None not in (row["activation"], row["valence"]) for row in labels),
        n_recognised=sum(row["recognition"] is not None for row in labels),
        n_excluded=kinds.count("excluded"),
        n_rejected=kinds.count("rejected"),
    )


def _check_unique(clips: list[Clip], corpus: str) -> None:
    path: dict[str, str] = {}
    for clip in clips:
        if clip.id in path:
            raise CorpusError(
                f"{corpus}: {path[clip.id]} and {clip.path} are both the clip '{clip.id}'; "
                f"remove one of them."
            )
        path[clip.id] = clip.path


def _decoded(
    clips: list[Clip],
    root: Path | None,
    channel: str,
    n_jobs: int,
    labels: list[dict],
    rejects: list[Reject],
) -> Iterator[tuple[str, np.ndarray]]:
    """Yield (id, int16 samples) of all usable clips; fill `labels` and `rejects` on the way."""
    # Threads: libsndfile and soxr work outside the interpreter's lock.
    with (
        joblib.Parallel(n_jobs=n_jobs, prefer="threads") as parallel,
        console.progress(total=len(clips), what="decode", unit="clips") as bar,
    ):
        for start in range(0, len(clips), _CHUNK):
            chunk = clips[start : start + _CHUNK]
            results = parallel(
                joblib.delayed(_decode)(Path(root, clip.path), channel) for clip in chunk
            )
            for clip, result in zip(chunk, results, strict=True):
                if isinstance(result, str):
                    rejects.append(Reject(path=clip.path, reason=result))
                else:
                    labels.append(_label(clip, result))
                    yield clip.id, result
            bar.update(len(chunk))


def _decode(path: Path, channel: str) -> np.ndarray | str:
    """int16 samples at 16 kHz, or the reason why the file is left out, which names no folder."""
    try:
        return audio.to_pcm16(audio.read_waveform(path, channel=channel))
    except AudioError as error:
        return str(error).removeprefix(f"{path}: ")


def _label(clip: Clip, samples: np.ndarray) -> dict:
    peak = int(np.abs(samples.astype(np.int32)).max())
    return {
        **asdict(clip),
        "seconds": len(samples) / audio.RATE_HZ,
        "peak": peak / 32768.0,
        "content": audio.content_hash(samples),
    }


def _write_rejects(path: Path, rejects: list[Reject]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["path", "reason", "kind"])
        writer.writerows(sorted(astuple(reject) for reject in rejects))

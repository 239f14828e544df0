"""The clips of several corpora as material on speakers or emotions: roles, and what is heard."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import torch

from emometric import emotions
from emometric.fitting import training
from emometric.pretraining.speaker_roles import N_PIECES, ROLES, Shares, assign, cut, standardise
from emometric.pretraining.teaching import Utterances
from emometric.storage import store
from emometric.storage.clip import MANIFEST_SCHEMA

Picture = Callable[[np.ndarray], np.ndarray]  # of (frames, bins): what the network sees of them


@dataclass(frozen=True, kw_only=True)
class Heard:
    """How frames are heard: `picture` makes of a clip what the network sees; a validating piece has
    at least `least` frames and lies `gap` frames from the next; normalise: "bin", "clip" or None,
    as the feature's."""

    picture: Picture
    least: int
    gap: int
    normalise: str | None


@dataclass(frozen=True, kw_only=True)
class People:
    """Who has which role: `table` has a row a clip of every corpus, with its manifest's columns and
    `role` ("": not used), sorted by id; learns: the column that a network learns, `speaker` or
    `emotion`."""

    table: pd.DataFrame
    manifest: pa.Table
    learns: str = "speaker"

    def rows(self, role: str) -> pd.DataFrame:
        return self.table[self.table["role"] == role].reset_index(drop=True)

    @property
    def speakers(self) -> tuple[str, ...]:
        """Those who train, sorted."""
        return tuple(sorted(set(self.rows("train")["speaker"])))

    @property
    def classes(self) -> tuple[str, ...]:
        """What the network learns to tell apart: training speakers, or the emotions they have."""
        if self.learns == "speaker":
            return self.speakers
        return emotions.present(self.rows("train")["emotion"])

    def counts(self) -> dict[str, dict[str, int]]:
        """Clips and speakers of each corpus and role: corpus -> {n_train_clips: ..., ...}."""
        found: dict[str, dict[str, int]] = {}
        for corpus, rows in self.table.groupby("corpus"):
            found[str(corpus)] = {
                f"n_{role}_{kind}": int(count)
                for role in ROLES
                for kind, count in (
                    ("clips", (rows["role"] == role).sum()),
                    ("speakers", rows.loc[rows["role"] == role, "speaker"].nunique()),
                )
            }
        return found

    @property
    def enough(self) -> bool:
        """Whether there are two classes to tell apart."""
        return len(self.classes) > 1

    def learned(self) -> pa.Table:
        """The manifest of all clips that teach or choose the network: MANIFEST_SCHEMA.

        `split` says train or valid; `emotion` is null where the network hears of none. Empty where
        there are not `enough`.
        """
        used = self.table["role"].isin(["train", "valid"]).to_numpy() & self.enough
        rows = self.manifest.filter(pa.array(used, pa.bool_()))
        columns = {name: rows[name] for name in MANIFEST_SCHEMA.names}
        columns["split"] = pa.array(self.table.loc[used, "role"].tolist(), pa.string())
        if self.learns != "emotion":
            columns["emotion"] = pa.nulls(len(rows), pa.string())
        return pa.table(columns, schema=MANIFEST_SCHEMA)


def gather(
    manifests: Mapping[str, Path],
    shares: Shares,
    seed: Sequence[int],
    *,
    learns: str = "speaker",
) -> People:
    """The clips of all corpora with their roles; an absent corpus has none.

    manifests: corpus -> its Parquet file, MANIFEST_SCHEMA; learns: the column that is learned, of
    which a clip without it has no role.
    """
    tables = [store.read_table(path).select(MANIFEST_SCHEMA.names) for path in manifests.values()]
    manifest = pa.concat_tables([table.cast(MANIFEST_SCHEMA) for table in tables])
    manifest = manifest.sort_by([("id", "ascending")])
    table = manifest.drop_columns(["voiced"]).to_pandas()
    role = np.full(len(table), "", dtype=object)
    known = table[learns].notna().to_numpy()
    role[known] = assign(table[known], shares, seed)
    return People(table=table.assign(role=role), manifest=manifest, learns=learns)


def training_clips(
    people: People, stores: Mapping[str, Path], heard: Heard, device: torch.device
) -> training.Clips:
    """The training clips in memory, whose `emotion` is the position in `people.classes`.

    stores: corpus -> folder of its frames.
    """
    rows = people.rows("train")
    speaker = np.searchsorted(np.array(people.speakers), rows["speaker"].to_numpy(str))
    learned = rows[people.learns].map(people.classes.index).to_numpy(np.int64)
    frames = [heard.picture(one) for one in _frames(rows, stores)]
    return training.Clips(frames, learned, speaker, device)


def utterances(
    people: People, role: str, stores: Mapping[str, Path], heard: Heard, device: torch.device
) -> Utterances | None:
    """What the speakers of a role are verified on; None where that gives no trials of both kinds.

    Each clip whole; but of a speaker with one clip, which only validation admits, at most
    `N_PIECES` pieces of it. Where that is too short to be cut, the speaker is left out.
    """
    rows = people.rows(role)
    counts = rows["speaker"].value_counts()
    kept: list[tuple[str, str, str]] = []
    frames: list[np.ndarray] = []
    for row, clip in zip(rows.itertuples(), _frames(rows, stores), strict=True):
        pieces = [clip]
        if counts[row.speaker] == 1:
            pieces = [
                standardise(piece, heard.normalise)
                for piece in cut(clip, N_PIECES, heard.least, heard.gap)
            ]
        for number, piece in enumerate(pieces):
            name = row.id if len(pieces) == 1 else f"{row.id}#{number}"
            kept.append((name, row.corpus, row.speaker))
            frames.append(heard.picture(piece))
    table = pd.DataFrame(kept, columns=["id", "corpus", "speaker"])
    spoken = table.groupby(["corpus", "speaker"]).size().groupby("corpus").agg(["size", "max"])
    if not (spoken["size"] > 1).any() or not (spoken["max"] > 1).any():
        return None
    nobody = np.zeros(len(frames), dtype=np.int64)
    return Utterances(table=table, clips=training.Clips(frames, nobody, nobody, device))


def _frames(rows: pd.DataFrame, stores: Mapping[str, Path]) -> list[np.ndarray]:
    """The frames of clips, in the order of the rows: (frames, bins) each."""
    found: list[np.ndarray] = [np.empty(0)] * len(rows)
    for corpus, places in rows.groupby("corpus").indices.items():
        ids = rows["id"].iloc[places].tolist()
        for place, frames in zip(places, store.Ragged(stores[corpus]).read_many(ids), strict=True):
            found[place] = frames
    return found

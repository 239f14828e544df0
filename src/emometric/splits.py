"""The folds table: check that a division into roles is sound, write it, read it back."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from emometric import atomic, store
from emometric.clip import Fold
from emometric.errors import CorpusError, SplitError, StoreError

ROLES = ("train", "valid", "test", "enrol")

SCHEMA = pa.schema([("fold", pa.int64()), ("id", pa.string()), ("role", pa.string())])


def read_clips(path: str | Path, corpus: str) -> pd.DataFrame:
    """The clips of a manifest that enter a run: those with an emotion, sorted by id.

    Raises CorpusError where there is none: the corpus is absent, and nothing can be
    trained on it. Raises StoreError where there is no manifest.
    """
    clips = store.read_table(path).to_pandas()
    clips = clips[clips["emotion"].notna()].sort_values("id", ignore_index=True)
    if clips.empty:
        raise CorpusError(
            f"the corpus '{corpus}' has no clips in {path}; link your copy with "
            f"`emometric corpora link ROOT`, where ROOT/{corpus} holds the owner's files."
        )
    return clips


def check(folds: Sequence[Fold], clips: pd.DataFrame, *, shares_speakers: bool) -> None:
    """Raise SplitError unless `folds` is a sound division of `clips` (columns id, speaker).

    Sound: at least one fold; only known clips; in each fold every clip has one role, and there
    are clips to train on and to test; no clip is tested twice. Unless `shares_speakers`, the
    speakers of train, valid and test are disjoint in each fold; the speakers of `enrol` may be
    those of test and no others.
    """
    if not folds:
        raise SplitError("the protocol yields no fold; give it clips of more speakers.")
    speaker_of = dict(zip(clips["id"], clips["speaker"], strict=True))
    for number, fold in enumerate(folds):
        _check_roles(number, fold, speaker_of)
        if not shares_speakers:
            _check_speakers(number, fold, speaker_of)
    tested = Counter(clip for fold in folds for clip in fold.test)
    twice = sorted(clip for clip, count in tested.items() if count > 1)
    if twice:
        raise SplitError(
            f"{len(twice)} clips are tested in more than one fold, the first is {twice[0]}; "
            "let each clip be tested once."
        )


def _check_roles(number: int, fold: Fold, speaker_of: dict[str, str]) -> None:
    roles = Counter(clip for role in ROLES for clip in getattr(fold, role))
    for clip, count in sorted(roles.items()):
        if clip not in speaker_of:
            raise SplitError(f"fold {number} names the clip {clip}, which is not in the manifest.")
        if count > 1:
            raise SplitError(f"fold {number} gives the clip {clip} {count} roles; leave it one.")
    for role in ("train", "test"):
        if not getattr(fold, role):
            raise SplitError(f"fold {number} has no {role} clips; use fewer folds.")


def _check_speakers(number: int, fold: Fold, speaker_of: dict[str, str]) -> None:
    heard = {role: {speaker_of[clip] for clip in getattr(fold, role)} for role in ROLES}
    pairs = (("train", "valid"), ("train", "test"), ("valid", "test"))
    for first, second in (*pairs, ("train", "enrol"), ("valid", "enrol")):
        shared = sorted(heard[first] & heard[second])
        if shared:
            raise SplitError(
                f"fold {number} has the speaker {shared[0]} in {first} and in {second}; "
                "keep all clips of a speaker together."
            )
    strangers = sorted(heard["enrol"] - heard["test"])
    if strangers:
        raise SplitError(f"fold {number} enrols the speaker {strangers[0]} without a test clip.")


def write(path: str | Path, folds: Iterable[Fold]) -> None:
    """Write the folds table: one row a (fold, clip) with its role, sorted by fold and id."""
    rows = sorted(
        (number, clip, role)
        for number, fold in enumerate(folds)
        for role in ROLES
        for clip in getattr(fold, role)
    )
    columns = zip(*rows, strict=True) if rows else ((), (), ())
    table = pa.table([list(column) for column in columns], schema=SCHEMA)
    with atomic.new_file(path) as aside:
        pq.write_table(table, aside)


def read(path: str | Path) -> list[Fold]:
    """The folds of a table that `write` made, in order; the ids of each role are sorted."""
    table = store.read_table(path).to_pandas()
    if list(table.columns) != SCHEMA.names or not set(table["role"]) <= set(ROLES):
        raise StoreError(f"{path} is not a folds table; delete it and run `dvc repro`.")
    folds = []
    for _, rows in table.sort_values(["fold", "id"]).groupby("fold"):
        ids = {role: tuple(rows.loc[rows["role"] == role, "id"]) for role in ROLES}
        folds.append(Fold(**ids))
    return folds

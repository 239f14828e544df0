"""The folds table: check that a division into roles is sound, write it, read it back."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from emometric.base import atomic
from emometric.base.errors import CorpusError, SplitError, StoreError
from emometric.storage import store
from emometric.storage.clip import Fold

ROLES = ("train", "valid", "test", "enrol")

SCHEMA = pa.schema(
    [
        ("fold", pa.int64()),
        ("repeat", pa.int64()),
        ("id", pa.string()),
        ("role", pa.string()),
    ]
)


@dataclass(frozen=True, kw_only=True)
class Promises:
    """What a protocol's definition admits in its folds; what it does not admit, they never have.

    shares_speakers, shares_sentences: speakers, sentences of training or validation that are also
    tested. enrols_tested: enrolled clips of speakers who are also tested.
    """

    shares_speakers: bool
    shares_sentences: bool = True
    enrols_tested: bool = False


def promises(part: ModuleType, params: Any) -> Promises:
    """The promises of a protocol, a module of `emometric.protocols`, under its `params`.

    The module's constants say what it may come to; where settings decide, its Params have an
    attribute of the same name in small letters, which then counts.
    """
    return Promises(
        **{
            name: getattr(params, name, getattr(part, name.upper()))
            for name in Promises.__dataclass_fields__
        }
    )


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


def make(part: ModuleType, params: Any, clips: pd.DataFrame, seed: int) -> list[Fold]:
    """The folds that a protocol, a module of `emometric.protocols`, draws; checked."""
    folds = list(part.split(clips, params, seed))
    check(folds, clips, promises(part, params))
    return folds


def check(folds: Sequence[Fold], clips: pd.DataFrame, admitted: Promises) -> None:
    """Raise SplitError unless `folds` is a sound division of `clips` (id, speaker, emotion).

    Sound: at least one fold; only known clips; in each fold every clip has one role, and there
    are clips to train on and to test; no clip is tested twice in one repeat. Unless shared
    speakers are admitted, those of train, valid and test are disjoint in each fold. Enrolled clips
    are of test speakers where that is admitted; of training speakers only in emotions that nobody
    trains on; or of speakers without another role. `emometric.audit.auditing` looks at the rest.
    """
    if not folds:
        raise SplitError("the protocol yields no fold; give it clips of more speakers.")
    by_id = clips.set_index("id")
    speaker_of, emotion_of = by_id["speaker"].to_dict(), by_id["emotion"].to_dict()
    for number, fold in enumerate(folds):
        _check_roles(number, fold, speaker_of)
        if not admitted.shares_speakers:
            _check_speakers(number, fold, speaker_of)
        _check_enrolled(number, fold, speaker_of, emotion_of, admitted)
    tested = Counter((fold.repeat, clip) for fold in folds for clip in fold.test)
    twice = sorted(clip for (_, clip), count in tested.items() if count > 1)
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
    for first, second in (("train", "valid"), ("train", "test"), ("valid", "test")):
        shared = sorted(heard[first] & heard[second])
        if shared:
            raise SplitError(
                f"fold {number} has the speaker {shared[0]} in {first} and in {second}; "
                "keep all clips of a speaker together."
            )


def _check_enrolled(
    number: int,
    fold: Fold,
    speaker_of: dict[str, str],
    emotion_of: dict[str, str],
    admitted: Promises,
) -> None:
    heard = {role: {speaker_of[clip] for clip in getattr(fold, role)} for role in ROLES}
    shared = sorted(heard["enrol"] & heard["test"])
    if shared and not admitted.enrols_tested:
        raise SplitError(
            f"fold {number} enrols and tests the speaker {shared[0]}; leave that speaker's other "
            "clips out."
        )
    if admitted.shares_speakers:
        return
    known = {emotion_of[clip] for role in ("train", "valid") for clip in getattr(fold, role)}
    for clip in fold.enrol:
        for role in ("train", "valid"):
            if speaker_of[clip] in heard[role] and emotion_of[clip] in known:
                raise SplitError(
                    f"fold {number} has the speaker {speaker_of[clip]} in {role} and in enrol; "
                    "keep all clips of a speaker together."
                )


def write(path: str | Path, folds: Iterable[Fold]) -> None:
    """Write the folds table: one row a (fold, clip) with its role, sorted by fold and id."""
    rows = sorted(
        (number, fold.repeat, clip, role)
        for number, fold in enumerate(folds)
        for role in ROLES
        for clip in getattr(fold, role)
    )
    columns = zip(*rows, strict=True) if rows else ((), (), (), ())
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
        folds.append(Fold(**ids, repeat=int(rows["repeat"].iloc[0])))
    return folds

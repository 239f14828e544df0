"""Who trains, stops, supports and is tested in the studies of ntalampiras2020."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from emometric.division import speakers
from emometric.protocols import (
    known_emotions,
    known_speakers,
    leave_one_speaker_out,
    speaker_folds,
)
from emometric.storage.clip import Fold

PROTOCOLS = ("known_emotions", "known_speakers", "leave_one_speaker_out", "unknown_emotion")
ROLES = ("train", "valid", "test", "enrol")


@dataclass(frozen=True, kw_only=True)
class Rules:
    """protocol: one of PROTOCOLS; emotions: that take part; n_known: speakers or emotions, each
    number a part of the grid; n_speakers: to train on, of known_emotions; repeats: of the random
    draws; n_folds: of whole speakers, of unknown_emotion; valid_share: of the known speakers."""

    protocol: str
    emotions: tuple[str, ...]
    n_known: Sequence[int]
    n_speakers: int
    repeats: int
    n_folds: int
    valid_share: float


@dataclass(frozen=True, kw_only=True)
class Unit:
    """A fold with the settings of its cells (n_known, or unknown) and its number among theirs."""

    settings: tuple[tuple[str, int | str], ...]
    number: int
    fold: Fold

    @property
    def key(self) -> tuple:
        return (*self.settings, self.number)


def taking_part(clips: pd.DataFrame, rules: Rules) -> pd.DataFrame:
    """The rows whose emotion takes part; their index says where they stand in the table."""
    return clips[clips["emotion"].isin(rules.emotions)]


def units(clips: pd.DataFrame, rules: Rules, seed: int) -> Iterator[Unit]:
    """Every fold of a study, in order. clips: rows of the emotions that take part.

    unknown_emotion: of each emotion in turn neither training nor validation speakers have clips,
    while the test speakers have; folds of whole speakers, the same for each emotion.
    """
    if clips.empty:
        return
    share = rules.valid_share
    if rules.protocol == "leave_one_speaker_out":
        params = leave_one_speaker_out.Params(valid_share=share)
        yield from _numbered((), leave_one_speaker_out.split(clips, params, seed))
    elif rules.protocol == "known_speakers":
        for n_known in rules.n_known:
            params = known_speakers.Params(
                n_known=n_known, repeats=rules.repeats, valid_share=share
            )
            folds = known_speakers.split(clips, params, seed + n_known)
            yield from _numbered((("n_known", n_known),), folds)
    elif rules.protocol == "known_emotions":
        for n_known in rules.n_known:
            params = known_emotions.Params(
                n_known=n_known,
                n_speakers=rules.n_speakers,
                repeats=rules.repeats,
                valid_share=share,
            )
            folds = known_emotions.split(clips, params, seed + n_known)
            yield from _numbered((("n_known", n_known),), folds)
    else:
        params = speaker_folds.Params(n_folds=rules.n_folds, valid_share=share)
        folds = list(speaker_folds.split(clips, params, seed))
        emotion = dict(zip(clips["id"], clips["emotion"], strict=True))
        for unknown in rules.emotions:
            known = (_without(fold, unknown, emotion) for fold in folds)
            yield from _numbered((("unknown", unknown),), known)


def positions(clips: pd.DataFrame, fold: Fold) -> dict[str, np.ndarray]:
    """Rows of `clips` by role, int64, and `support`: the clips that a test clip is compared with.

    The support holds what the known speakers have said, as algorithm 1 asks: training and
    validation clips. Where a fold enrols clips, of emotions that the network does not learn, these
    and the training clips alone, so that each speaker gives all emotions.
    """
    place = {name: row for row, name in enumerate(clips["id"])}
    found = {
        role: np.array([place[name] for name in getattr(fold, role)], dtype=np.int64)
        for role in ROLES
    }
    beside = found["enrol"] if len(found["enrol"]) else found["valid"]
    return {**found, "support": np.sort(np.concatenate([found["train"], beside]))}


def held_out_anew(
    clips: pd.DataFrame, roles: Mapping[str, np.ndarray], share: float, seed: Sequence[int]
) -> dict[str, np.ndarray]:
    """The roles with other validation speakers, drawn among those who train or validate."""
    known = np.sort(np.concatenate([roles["train"], roles["valid"]]))
    own = clips.iloc[known]
    names, counts = speakers.count(own)
    chosen = names[speakers.choose_valid(counts, share, np.random.default_rng(list(seed)))]
    validates = own["speaker"].isin(set(chosen)).to_numpy()
    return {**roles, "train": known[~validates], "valid": known[validates]}


def _numbered(settings: tuple, folds: Iterator[Fold]) -> Iterator[Unit]:
    for number, fold in enumerate(folds):
        yield Unit(settings=settings, number=number, fold=fold)


def _without(fold: Fold, unknown: str, emotion: Mapping[str, str]) -> Fold:
    kept = {
        role: tuple(name for name in getattr(fold, role) if emotion[name] != unknown)
        for role in ("train", "valid")
    }
    return replace(fold, **kept)

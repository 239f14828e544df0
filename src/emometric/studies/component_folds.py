"""Who is tested and who is learned from in the studies of mocanu2021."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pandas as pd

from emometric.protocols import foreign, speaker_80_10_10, speaker_folds
from emometric.storage.clip import Fold

PROTOCOLS = ("foreign", "speaker_80_10_10", "speaker_folds")


@dataclass(frozen=True, kw_only=True)
class Rules:
    """protocol: one of PROTOCOLS; path: of the folds of "foreign"; n_folds: of "speaker_folds";
    first_folds: how many of the folds are tried, None: all; valid_trains: whether validation clips
    are learned from, too; emotions: that take part."""

    protocol: str
    path: str
    n_folds: int
    first_folds: int | None
    valid_trains: bool
    emotions: Sequence[str]


def taking_part(clips: pd.DataFrame, rules: Rules) -> pd.DataFrame:
    """The rows whose emotion takes part; their index says where they stand in the table."""
    return clips[clips["emotion"].isin(rules.emotions)]


def folds(clips: pd.DataFrame, rules: Rules, seed: int) -> list[Fold]:
    """The folds that are tried. clips: rows of the emotions that take part."""
    if clips.empty:
        return []
    found: Iterator[Fold]
    if rules.protocol == "foreign":
        params = foreign.Params(
            path=rules.path, shares_speakers=False, complete=True, valid_share=0.0
        )
        found = foreign.split(clips, params, seed)
    elif rules.protocol == "speaker_80_10_10":
        tenths = speaker_80_10_10.Params(tenths="consecutive")
        found = speaker_80_10_10.split(clips, tenths, seed)
    else:
        balanced = speaker_folds.Params(n_folds=rules.n_folds, valid_share=0.0)
        found = speaker_folds.split(clips, balanced, seed)
    return list(found)[: rules.first_folds]


def learns(fold: Fold, rules: Rules) -> tuple[str, ...]:
    """Ids of the clips that a network learns from."""
    return (*fold.train, *fold.valid) if rules.valid_trains else tuple(fold.train)

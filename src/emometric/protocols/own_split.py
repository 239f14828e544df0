"""One fold, as the column `split` of one's own table says."""

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from emometric import ranges
from emometric.base.errors import SplitError
from emometric.division import speakers
from emometric.storage.clip import Fold

SHARES_SPEAKERS = True  # Params.shares_speakers says whether yours does
SHARES_SENTENCES = True
ENROLS_TESTED = False


@dataclass(frozen=True, kw_only=True)
class Params:
    """`shares_speakers`: whether the table may have a speaker in two splits; then it is stamped."""

    shares_speakers: bool

    def __post_init__(self) -> None:
        ranges.check_flag("protocols.own_split.shares_speakers", self.shares_speakers)


def split(clips: pd.DataFrame, params: Params, seed: int) -> Iterator[Fold]:
    """Train, validate and test what the table says; clips without a word there have no role.

    clips: rows with id, speaker, emotion and split (train, valid, test or None); their order is
    irrelevant, and nothing is drawn: the seed changes nothing. Raises SplitError where no clip is
    to train on or none to test.
    """
    speakers.count(clips)
    roles = clips["split"] if "split" in clips else pd.Series(index=clips.index, dtype=object)
    for role in ("train", "test"):
        if not (roles == role).any():
            raise SplitError(
                f"no clip has the split '{role}'; write train, valid or test into the column "
                "'split' of your table, or use another protocol."
            )
    yield Fold(
        **{
            role: speakers.ids(clips, (roles == role).to_numpy())
            for role in ("train", "valid", "test")
        }
    )

"""One fold for each speaker, who alone is tested in it."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from emometric import ranges
from emometric.base.errors import SplitError
from emometric.division import speakers
from emometric.storage.clip import Fold

SHARES_SPEAKERS = False
SHARES_SENTENCES = True
ENROLS_TESTED = False


@dataclass(frozen=True, kw_only=True)
class Params:
    """`valid_share` of the training speakers' clips validates, in [0, 1)."""

    valid_share: float

    def __post_init__(self) -> None:
        ranges.check_share("protocols.leave_one_speaker_out.valid_share", self.valid_share)


def split(clips: pd.DataFrame, params: Params, seed: int) -> Iterator[Fold]:
    """Test each speaker in turn, in sorted order, and train on all others.

    clips: rows with id, speaker and emotion; their order is irrelevant. The seed decides who of
    the others validates (`speakers.choose_valid`). An emotion of a single speaker cannot be
    learned in the fold that tests this speaker. Raises SplitError for a single speaker.
    """
    names, _ = speakers.count(clips)
    if len(names) < 2:
        raise SplitError(f"{len(names)} speaker cannot be left out; use a corpus of at least two.")
    generator = np.random.default_rng(seed)
    for name in names:
        test = (clips["speaker"] == name).to_numpy()
        yield speakers.fold(clips, ~test, test, valid_share=params.valid_share, generator=generator)

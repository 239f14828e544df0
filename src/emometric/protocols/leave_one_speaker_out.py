"""One fold for each speaker, who alone is tested in it."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from emometric import speakers
from emometric.clip import Fold
from emometric.errors import ParameterError, SplitError

SHARES_SPEAKERS = False


@dataclass(frozen=True, kw_only=True)
class Params:
    """`valid_share` of the training speakers' clips validates, in [0, 1)."""

    valid_share: float

    def __post_init__(self) -> None:
        if not isinstance(self.valid_share, (int, float)) or not 0 <= self.valid_share < 1:
            raise ParameterError(
                f"params.yaml: protocols.leave_one_speaker_out.valid_share is "
                f"'{self.valid_share}'; write a number from 0 and below 1."
            )


def split(clips: pd.DataFrame, params: Params, seed: int) -> Iterator[Fold]:
    """Test each speaker in turn, in sorted order, and train on all others.

    clips: rows with id, speaker and emotion; their order is irrelevant. The seed decides who of
    the others validates (`speakers.choose_valid`). An emotion of a single speaker cannot be
    learned in the fold that tests this speaker. Raises SplitError for a single speaker.
    """
    names, counts = speakers.count(clips)
    if len(names) < 2:
        raise SplitError(f"{len(names)} speaker cannot be left out; use a corpus of at least two.")
    generator = np.random.default_rng(seed)
    for number in range(len(names)):
        rest = np.delete(np.arange(len(names)), number)
        validates = speakers.choose_valid(counts[rest], params.valid_share, generator)
        yield Fold(
            train=speakers.ids_of(clips, names[rest[~validates]]),
            valid=speakers.ids_of(clips, names[rest[validates]]),
            test=speakers.ids_of(clips, names[[number]]),
        )

"""One fold for each corpus of several, which alone is tested in it."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from emometric import ranges
from emometric.base.errors import SplitError
from emometric.division import speakers
from emometric.storage.clip import Fold

SHARES_SPEAKERS = False
SHARES_SENTENCES = False
ENROLS_TESTED = False


@dataclass(frozen=True, kw_only=True)
class Params:
    """`valid_share` of the training speakers' clips validates, in [0, 1)."""

    valid_share: float

    def __post_init__(self) -> None:
        ranges.check_share("protocols.leave_one_corpus_out.valid_share", self.valid_share)


def split(clips: pd.DataFrame, params: Params, seed: int) -> Iterator[Fold]:
    """Test each corpus in turn, in sorted order, and train on all others.

    clips: rows with id, speaker, emotion and corpus, of several corpora; their order is irrelevant.
    Whole speakers validate. Emotions that only one corpus has cannot be learned where it is tested:
    leave them out beforehand. Raises SplitError for a single corpus.
    """
    speakers.count(clips)
    names = sorted(clips["corpus"].unique())
    if len(names) < 2:
        raise SplitError("1 corpus cannot be left out; give the clips of at least two.")
    generator = np.random.default_rng(seed)
    for name in names:
        test = (clips["corpus"] == name).to_numpy()
        yield speakers.fold(clips, ~test, test, valid_share=params.valid_share, generator=generator)

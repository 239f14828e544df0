"""One fold for each sentence, which alone is tested in it; the speakers are those of training."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from emometric import ranges
from emometric.base.errors import SplitError
from emometric.division import speakers
from emometric.storage.clip import Fold

SHARES_SPEAKERS = True
SHARES_SENTENCES = False
ENROLS_TESTED = False


@dataclass(frozen=True, kw_only=True)
class Params:
    """`valid_share` of the training sentences' clips validates, in [0, 1)."""

    valid_share: float

    def __post_init__(self) -> None:
        ranges.check_share("protocols.leave_one_sentence_out.valid_share", self.valid_share)


def split(clips: pd.DataFrame, params: Params, seed: int) -> Iterator[Fold]:
    """Test each sentence in turn, in sorted order, and train on all others.

    clips: rows with id, speaker, emotion, corpus and sentence; their order is irrelevant. Sentences
    of two corpora are two, whatever their names. Whole sentences validate, by the rule for
    speakers (`speakers.choose_valid`): nobody does where two sentences are all there is (RAVDESS).
    Raises SplitError for clips without sentence and for a single sentence.
    """
    speakers.count(clips)
    if "sentence" not in clips or clips["sentence"].isna().any():
        raise SplitError(
            "these clips have no sentence; use another protocol, such as speaker_folds."
        )
    clips = clips.assign(sentence=clips["corpus"] + "/" + clips["sentence"])
    names = sorted(clips["sentence"].unique())
    if len(names) < 2:
        raise SplitError("1 sentence cannot be left out; use a corpus of at least two.")
    generator = np.random.default_rng(seed)
    for name in names:
        test = (clips["sentence"] == name).to_numpy()
        yield speakers.fold(
            clips,
            ~test,
            test,
            valid_share=params.valid_share,
            generator=generator,
            unit="sentence",
        )

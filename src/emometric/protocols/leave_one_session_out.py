"""One fold for each recording session, which alone is tested in it (IEMOCAP's usual protocol)."""

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
        ranges.check_share("protocols.leave_one_session_out.valid_share", self.valid_share)


def split(clips: pd.DataFrame, params: Params, seed: int) -> Iterator[Fold]:
    """Test each session in turn, in sorted order, and train on all others.

    clips: rows with id, speaker, emotion, corpus and session; their order is irrelevant. Sessions
    of two corpora are two sessions, whatever their names. Whole speakers validate. Raises
    SplitError for clips without session, for a single session, and for a speaker who speaks in two
    of them, since both are then no strangers to each other.
    """
    speakers.count(clips)
    if "session" not in clips or clips["session"].isna().any():
        raise SplitError(
            "these clips have no session; use the protocol leave_one_speaker_out or speaker_folds."
        )
    session = clips["corpus"] + "/" + clips["session"]
    n_sessions = session.groupby(clips["speaker"]).nunique()
    if n_sessions.max() > 1:
        raise SplitError(
            f"the speaker {n_sessions.idxmax()} speaks in {n_sessions.max()} sessions, so that "
            "sessions share speakers; use the protocol leave_one_speaker_out or speaker_folds."
        )
    if session.nunique() < 2:
        raise SplitError("1 session cannot be left out; use a corpus of at least two.")
    generator = np.random.default_rng(seed)
    for name in sorted(session.unique()):
        test = (session == name).to_numpy()
        yield speakers.fold(clips, ~test, test, valid_share=params.valid_share, generator=generator)

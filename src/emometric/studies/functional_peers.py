"""What functionals reach under a method's own folds: the peers that a network has to pass."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from emometric.base import parts
from emometric.base.errors import StoreError
from emometric.studies.cell import EMBEDDING_COLUMNS, Cell, Outcome, Table
from emometric.studies.standardised import standardise


@dataclass(frozen=True, kw_only=True)
class Peer:
    """A decision on the functionals of a feature, with settings of its own.

    by_speaker: before that each speaker's clips are standardised by themselves, also the test
    speaker's, so that the decision is transductive: it hears all of a speaker before it decides.
    """

    feature: str
    decision: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    by_speaker: bool = False


def outcome(
    cell: Cell,
    functionals: Table,
    fold: tuple[pd.DataFrame, Sequence[str], Sequence[str]],
    emotions: Sequence[str],
    peer: Peer,
) -> Outcome:
    """Fit on the training clips and decide the test clips of one fold.

    functionals: of at least these clips; fold: the clips that take part, and the ids of those for
    training and for test. Raises StoreError where the feature has frames.
    """
    clips, learns, tested = fold
    if functionals.lengths is not None:
        raise StoreError(
            f"cell {cell.name}: its feature has frames; name egemaps and compare beside the "
            "spectrogram in the study's list of features."
        )
    place = {name: row for row, name in enumerate(functionals.clips["id"])}
    values = functionals.values[[place[name] for name in clips["id"]]]
    if peer.by_speaker:
        values = _by_speaker(values, clips["speaker"].to_numpy())
    emotion = clips["emotion"].map(list(emotions).index).to_numpy(np.int64)
    train, test = (clips["id"].isin(set(ids)).to_numpy() for ids in (learns, tested))
    params = parts.make_params("decisions", peer.decision, dict(peer.settings))
    decision = parts.load("decisions", peer.decision).Decision(params, len(emotions))
    decision.fit(values[train], emotion[train])
    return Outcome(
        cell=cell,
        clips=clips[test][["id", "speaker", "emotion"]],
        scores=decision.scores(values[test]),
        embedding=pd.DataFrame([], columns=list(EMBEDDING_COLUMNS)),
        numbers={},
    )


def _by_speaker(values: np.ndarray, speaker: np.ndarray) -> np.ndarray:
    found = np.empty(values.shape)
    for one in np.unique(speaker):
        own = values[speaker == one].astype(np.float64)
        found[speaker == one] = standardise(own, own)
    return found

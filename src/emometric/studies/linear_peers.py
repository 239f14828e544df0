"""A linear SVM on functionals under a method's own folds: the peer that a network has to pass."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from emometric.base.errors import StoreError
from emometric.decisions import svm_linear
from emometric.studies.cell import EMBEDDING_COLUMNS, Cell, Outcome, Table


def outcome(
    cell: Cell,
    functionals: Table,
    fold: tuple[pd.DataFrame, Sequence[str], Sequence[str]],
    emotions: Sequence[str],
    c: float,
) -> Outcome:
    """Fit on the training clips, standardised by them, and decide the test clips of one fold.

    functionals: of at least these clips; fold: the clips that take part, and the ids of those for
    training and for test; c: the cost of a clip inside the margin. Raises StoreError where the
    feature has frames.
    """
    clips, learns, tested = fold
    if functionals.lengths is not None:
        raise StoreError(
            f"cell {cell.name}: its feature has frames; name egemaps and compare beside the "
            "spectrogram in the study's list of features."
        )
    place = {name: row for row, name in enumerate(functionals.clips["id"])}
    values = functionals.values[[place[name] for name in clips["id"]]]
    emotion = clips["emotion"].map(list(emotions).index).to_numpy(np.int64)
    train, test = (clips["id"].isin(set(ids)).to_numpy() for ids in (learns, tested))
    decision = svm_linear.Decision(svm_linear.Params(c=c), len(emotions))
    decision.fit(values[train], emotion[train])
    return Outcome(
        cell=cell,
        clips=clips[test][["id", "speaker", "emotion"]],
        scores=decision.scores(values[test]),
        embedding=pd.DataFrame([], columns=list(EMBEDDING_COLUMNS)),
        numbers={},
    )

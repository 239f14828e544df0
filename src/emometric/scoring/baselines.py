"""What stands beside every result: guesses that hear nothing, and a linear SVM on functionals.

All three learn from every labelled clip of a fold, validation and enrolment too: they choose
nothing, so that the validation speakers count as training speakers here.
"""

from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd

from emometric.base.errors import StoreError
from emometric.scoring import cells
from emometric.storage.clip import Fold


def majority(train: pd.DataFrame, test: pd.DataFrame, emotions: Sequence[str]) -> np.ndarray:
    """The same scores for every clip: the share of each emotion in training.

    train, test: rows with emotion. Returns (test, emotions). A tie goes to the earlier emotion.

    Pooled over folds this may fall below chance: where a corpus is balanced, training has the most
    of what the test clips have the least of (URDU in four folds of speakers: UAR 0.06, not 0.25).
    """
    share = train["emotion"].value_counts(normalize=True).reindex(emotions, fill_value=0.0)
    return np.tile(share.to_numpy(), (len(test), 1))


def speaker_lookup(train: pd.DataFrame, test: pd.DataFrame, emotions: Sequence[str]) -> np.ndarray:
    """The share of each emotion in the speaker's training clips; of all clips for a new speaker.

    train, test: rows with speaker and emotion. Returns (test, emotions). With disjoint speakers it
    equals the majority; where it does better, the split gives the speaker away.
    """
    scores = majority(train, test, emotions)
    table = pd.crosstab(train["speaker"], train["emotion"], normalize="index")
    table = table.reindex(columns=list(emotions), fill_value=0.0)
    known = test["speaker"].isin(table.index).to_numpy()
    scores[known] = table.loc[test.loc[known, "speaker"]].to_numpy()
    return scores


def decide_on_functionals(
    decision: ModuleType,
    params: Any,
    functionals: pd.DataFrame,
    train: pd.DataFrame,
    test: pd.DataFrame,
    emotions: Sequence[str],
) -> np.ndarray:
    """Scores of a decision that is fitted on the functionals of the training clips.

    decision: a module of `emometric.decisions`, with its `params`; functionals: one row a clip,
    indexed by id. Returns (test, emotions). Standardising is the decision's own matter.
    """
    position = {emotion: index for index, emotion in enumerate(emotions)}
    fitted = decision.Decision(params, len(emotions)).fit(
        functionals.loc[train["id"]].to_numpy(dtype=np.float64),
        train["emotion"].map(position).to_numpy(dtype=np.int64),
    )
    return fitted.scores(functionals.loc[test["id"]].to_numpy(dtype=np.float64))


def evaluate(
    clips: pd.DataFrame,
    folds: Sequence[Fold],
    functionals: pd.DataFrame,
    decision: ModuleType,
    params: Any,
    *,
    emotions: Sequence[str],
    study: str,
    name: str,
    seed: int,
) -> pd.DataFrame:
    """The cells table of the cells majority, speaker_lookup and `name`, over all folds.

    clips: rows with id, speaker and emotion; functionals: one row a clip, indexed by id. Raises
    StoreError where a clip has no functionals.
    """
    missing = sorted(set(clips["id"]) - set(functionals.index))
    if missing:
        raise StoreError(
            f"{len(missing)} clips have no functionals, the first is {missing[0]}; "
            "run `dvc repro` to extract them."
        )
    rows = [
        cells.build(
            test,
            scores,
            emotions,
            study=study,
            cell=cell,
            fold=number,
            seed=seed,
            repeat=folds[number].repeat,
        )
        for number, train, test in _parts(clips, folds)
        for cell, scores in (
            ("majority", majority(train, test, emotions)),
            ("speaker_lookup", speaker_lookup(train, test, emotions)),
            (name, decide_on_functionals(decision, params, functionals, train, test, emotions)),
        )
    ]
    return pd.concat(rows, ignore_index=True)


def _parts(
    clips: pd.DataFrame, folds: Sequence[Fold]
) -> Iterator[tuple[int, pd.DataFrame, pd.DataFrame]]:
    by_id = clips.set_index("id", drop=False)
    for number, fold in enumerate(folds):
        yield number, by_id.loc[[*fold.train, *fold.valid, *fold.enrol]], by_id.loc[list(fold.test)]

"""From the cells table to what is reported: rates, their spread, and tables. Nothing is trained."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from emometric import emotions as vocabulary
from emometric.base.errors import ParameterError, PipelineError
from emometric.scoring import metrics, resampling


@dataclass(frozen=True, kw_only=True)
class Params:
    """`n_resamples` of the speakers from 100; `confidence` in (0, 1); `perplexity` from 1."""

    n_resamples: int
    confidence: float
    perplexity: float

    def __post_init__(self) -> None:
        for name, is_good, wanted in (
            ("n_resamples", lambda value: isinstance(value, int) and value >= 100, "from 100"),
            ("confidence", lambda value: _is_number(value) and 0 < value < 1, "between 0 and 1"),
            ("perplexity", lambda value: _is_number(value) and value >= 1, "from 1"),
        ):
            if not is_good(getattr(self, name)):
                raise ParameterError(
                    f"params.yaml: evaluation.{name} is '{getattr(self, name)}'; "
                    f"write a number {wanted}."
                )


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """UAR of one cell minus that of another, with the interval of the difference and its p."""

    difference: float
    low: float
    high: float
    p: float


def summarise(table: pd.DataFrame, params: Params, seed: int) -> dict[str, float | int]:
    """Rates of one cell, pooled over its test clips; and the spread over its folds.

    `uar_low` and `uar_high` bound the interval that resamples speakers; NaN where it cannot be
    drawn (`resampling.bootstrap_by_speaker`). A fold's UAR is the mean recall over the emotions
    that it tests; `uar_fold_sd` divides by n - 1 and is NaN for a single fold.
    """
    n, correct = _counts(by_speaker(table))
    low, high = resampling.bootstrap_by_speaker(
        n,
        correct,
        n_resamples=params.n_resamples,
        confidence=params.confidence,
        generator=np.random.default_rng(seed),
    )
    fold_uar = by_fold(table)["uar"]
    return {
        "uar": metrics.uar(table["truth"], table["predicted"]),
        "uar_low": low,
        "uar_high": high,
        "uar_fold_mean": float(fold_uar.mean()),
        "uar_fold_sd": float(fold_uar.std(ddof=1)),
        "accuracy": metrics.accuracy(table["truth"], table["predicted"]),
        "n_clips": len(table),
        "n_speakers": table["speaker"].nunique(),
        "n_folds": len(fold_uar),
    }


def by_speaker(table: pd.DataFrame) -> pd.DataFrame:
    """Clips and recognised clips of each speaker and emotion, for every cell.

    Columns study, cell, speaker, emotion, n, correct; recall is correct / n. Emotions that a
    speaker lacks have no row. Everything that resamples speakers starts from this table.
    """
    rows = table.assign(emotion=table["truth"], correct=table["truth"] == table["predicted"])
    groups = rows.groupby(["study", "cell", "speaker", "emotion"])["correct"]
    return groups.agg(n="size", correct="sum").astype(np.int64).reset_index()


def by_fold(table: pd.DataFrame) -> pd.DataFrame:
    """UAR and accuracy of each fold of every cell: columns cell, fold, uar, accuracy.

    Repeats of a fold under other seeds are folds of their own.
    """
    rows = [
        {
            "cell": cell,
            "fold": fold,
            "uar": metrics.uar(part["truth"], part["predicted"]),
            "accuracy": metrics.accuracy(part["truth"], part["predicted"]),
        }
        for (cell, fold, _, _), part in table.groupby(["cell", "fold", "repeat", "seed"])
    ]
    return pd.DataFrame(rows)


def confusion(table: pd.DataFrame, emotions: Sequence[str]) -> pd.DataFrame:
    """The confusion matrix of one cell in long form: columns truth, predicted, n, percent.

    One row for each pair of `emotions`; `percent` is of the clips of the truth, so that it sums
    to 100 over the predictions; 0 for an emotion without clips.
    """
    counts = metrics.confusion(table["truth"], table["predicted"], emotions)
    percent = 100 * counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    return pd.DataFrame(
        {
            "truth": np.repeat(np.array(emotions, dtype=object), len(emotions)),
            "predicted": np.tile(np.array(emotions, dtype=object), len(emotions)),
            "n": counts.ravel(),
            "percent": percent.ravel(),
        }
    )


def compare(
    recalls: pd.DataFrame, other_recalls: pd.DataFrame, params: Params, seed: int
) -> Comparison:
    """One cell against another on the same clips, from their `by_speaker` tables.

    The difference is UAR minus the other's UAR. Its interval is the percentile interval under the
    same resamples of the speakers for both; its p is of the paired permutation (sign-flip) test
    over speakers (`resampling.sign_flip_p`). Raises PipelineError where the two did not test
    equally many clips of each speaker and emotion.
    """
    keys = ["speaker", "emotion"]
    both = recalls.merge(other_recalls, on=keys, how="outer", suffixes=("", "_other"))
    if both.duplicated(keys).any() or not (both["n"] == both["n_other"]).all():
        raise PipelineError(
            "two cells that tested different clips cannot be compared in pairs; "
            "evaluate both on one split."
        )
    n, correct = _counts(both)
    _, other = _counts(both.drop(columns="correct").rename(columns={"correct_other": "correct"}))
    low, high = resampling.paired_interval(
        n,
        correct,
        other,
        n_resamples=params.n_resamples,
        confidence=params.confidence,
        generator=np.random.default_rng(seed),
    )
    return Comparison(
        difference=resampling.pooled_uar(n, correct) - resampling.pooled_uar(n, other),
        low=low,
        high=high,
        p=resampling.sign_flip_p(
            n,
            correct,
            other,
            n_resamples=params.n_resamples,
            generator=np.random.default_rng(seed),
        ),
    )


def _counts(recalls: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """n and correct of one cell as (speakers, emotions) float64, rows and columns sorted."""
    wide = recalls.pivot(index="speaker", columns="emotion", values=["n", "correct"]).fillna(0)
    return wide["n"].to_numpy(dtype=np.float64), wide["correct"].to_numpy(dtype=np.float64)


def clips_by_emotion(labels: pd.Series) -> dict[str, int]:
    """Clips of each emotion, in the order of the vocabulary."""
    counts = labels.value_counts()
    return {emotion: int(counts[emotion]) for emotion in vocabulary.present(labels)}


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)

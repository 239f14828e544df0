"""The cells table: what a cell of a study said of each test clip, and the truth beside it."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from emometric.base import atomic
from emometric.base.errors import StoreError
from emometric.emotions import EMOTIONS
from emometric.storage import store

KEY = ("study", "cell", "fold", "repeat", "seed", "clip")
SCORE = "score_"


def schema(emotions: Sequence[str]) -> pa.Schema:
    """Columns of the table: one score for each of the run's emotions, in their order."""
    return pa.schema(
        [
            ("study", pa.string()),
            ("cell", pa.string()),
            ("fold", pa.int64()),
            ("repeat", pa.int64()),
            ("seed", pa.int64()),
            ("clip", pa.string()),
            ("speaker", pa.string()),
            ("truth", pa.string()),
            ("predicted", pa.string()),
            *((SCORE + emotion, pa.float64()) for emotion in emotions),
        ]
    )


def build(
    clips: pd.DataFrame,
    scores: np.ndarray,
    emotions: Sequence[str],
    *,
    study: str,
    cell: str,
    fold: int,
    seed: int,
    repeat: int = 0,
) -> pd.DataFrame:
    """Rows of one fold of one cell.

    clips: (n) rows with id, speaker and emotion, the truth; scores: (n, emotions) in the order of
    `clips` and of `emotions`, larger = more likely, -inf for an emotion that was not learned. The
    largest score is the prediction; a tie goes to the earlier emotion.
    """
    scores = np.asarray(scores, dtype=np.float64)
    if scores.shape != (len(clips), len(emotions)) or not np.isfinite(scores.max(axis=1)).all():
        raise StoreError(
            f"cell {cell}, fold {fold}: scores of shape {scores.shape} for {len(clips)} clips and "
            f"{len(emotions)} emotions, or without a number in some row; mend the decision."
        )
    table = pd.DataFrame(
        {
            "study": study,
            "cell": cell,
            "fold": fold,
            "repeat": repeat,
            "seed": seed,
            "clip": clips["id"].to_numpy(),
            "speaker": clips["speaker"].to_numpy(),
            "truth": clips["emotion"].to_numpy(),
            "predicted": np.array(emotions, dtype=object)[scores.argmax(axis=1)],
        }
    )
    for position, emotion in enumerate(emotions):
        table[SCORE + emotion] = scores[:, position]
    return table


def emotions_of(table: pd.DataFrame) -> tuple[str, ...]:
    """The emotions that the table scores, in the order of its columns."""
    return tuple(name.removeprefix(SCORE) for name in table.columns if name.startswith(SCORE))


def check(table: pd.DataFrame) -> None:
    """Raise StoreError unless the table keeps its promises.

    They are: the columns of `schema`, emotions in the vocabulary's order; at least one row, and
    one a (study, cell, fold, repeat, seed, clip); no missing label or score; truth and prediction
    among the emotions; the prediction has the largest score; a clip has one speaker and one truth.
    """
    emotions = emotions_of(table)
    if list(table.columns) != schema(emotions).names:
        raise _broken(f"has the columns {', '.join(table.columns)}")
    if [emotion for emotion in EMOTIONS if emotion in emotions] != list(emotions):
        raise _broken(f"scores the emotions {', '.join(emotions)}, unknown or in disorder")
    if table.empty:
        raise _broken("has no rows")
    if table.duplicated(list(KEY)).any():
        raise _broken(f"holds {table.loc[table.duplicated(list(KEY)), 'clip'].iloc[0]} twice")
    if table.isna().any(axis=None):
        raise _broken("lacks a label or a score")
    if not table[["truth", "predicted"]].isin(emotions).all(axis=None):
        raise _broken(f"has labels other than {', '.join(emotions)}")
    scores = table[[SCORE + emotion for emotion in emotions]].to_numpy()
    position = table["predicted"].map({emotion: i for i, emotion in enumerate(emotions)})
    largest = scores[np.arange(len(table)), position.to_numpy()] == scores.max(axis=1)
    if not largest.all():
        raise _broken(f"predicts for {table['clip'][~largest].iloc[0]} what does not score most")
    if (table.groupby("clip")[["speaker", "truth"]].nunique() > 1).any(axis=None):
        raise _broken("gives a clip two speakers or two truths")


def write(path: str | Path, table: pd.DataFrame) -> None:
    """Check the table and write it as Parquet, sorted by cell, fold and clip."""
    check(table)
    table = table.sort_values(["study", "cell", "fold", "repeat", "seed", "clip"])
    table = pa.Table.from_pandas(
        table, schema=schema(emotions_of(table)), preserve_index=False
    ).replace_schema_metadata(None)
    with atomic.new_file(path) as aside:
        pq.write_table(table, aside)


def read(path: str | Path) -> pd.DataFrame:
    """The table that `write` made; StoreError where it is missing or breaks a promise."""
    table = store.read_table(path).to_pandas()
    check(table)
    return table


def _broken(what: str) -> StoreError:
    return StoreError(f"the cells table {what}; mend what wrote it and run `dvc repro`.")

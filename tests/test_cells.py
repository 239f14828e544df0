"""The cells table keeps its promises, and refuses what breaks one."""

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from emometric.base.errors import StoreError
from emometric.scoring import cells

EMOTIONS = ("anger", "fear", "sadness")
CLIPS = pd.DataFrame(
    {
        "id": ["c/b", "c/a", "c/d", "c/c"],
        "speaker": ["c/1", "c/1", "c/2", "c/2"],
        "emotion": ["anger", "fear", "sadness", "anger"],
    }
)
SCORES = np.array([[1.0, 0, -1], [0, 0, -1], [-np.inf, -2, -2], [0.5, 0.6, 0.4]])


def build(**changes):
    settings = {"study": "run", "cell": "triplet", "fold": 0, "seed": 7, **changes}
    return cells.build(CLIPS, SCORES, EMOTIONS, **settings)


def test_largest_score_is_the_prediction_and_ties_go_to_the_earlier_emotion():
    table = build()
    assert table["predicted"].tolist() == ["anger", "anger", "fear", "fear"]
    assert table["truth"].tolist() == CLIPS["emotion"].tolist()
    assert table["repeat"].tolist() == [0] * 4
    cells.check(table)


def test_round_trip_and_order_of_rows_is_irrelevant(tmp_path):
    table = pd.concat([build(cell="triplet", fold=10), build(cell="softmax", fold=2)])
    cells.write(tmp_path / "a.parquet", table)
    cells.write(tmp_path / "b.parquet", table[::-1])
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()
    assert pq.read_schema(tmp_path / "a.parquet") == cells.schema(EMOTIONS)
    read = cells.read(tmp_path / "a.parquet")
    assert cells.emotions_of(read) == EMOTIONS
    assert read["cell"].tolist() == ["softmax"] * 4 + ["triplet"] * 4
    assert read["clip"].tolist() == ["c/a", "c/b", "c/c", "c/d"] * 2
    assert read["score_anger"].tolist() == [0, 1, 0.5, -np.inf] * 2


def test_a_clip_may_return_under_another_seed():
    cells.check(pd.concat([build(), build(seed=8), build(repeat=1)]))


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("truth", "calm", "labels other than"),
        ("predicted", "sadness", "c/b what does not score most"),
        ("speaker", None, "lacks a label"),
        ("score_fear", np.nan, "lacks a label or a score"),
        ("clip", "c/a", "holds c/a twice"),
    ],
)
def test_broken_promises_are_refused(tmp_path, column, value, message):
    table = build()
    table.loc[0, column] = value
    with pytest.raises(StoreError, match=message):
        cells.write(tmp_path / "cells.parquet", table)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("column", "value"), [("speaker", "c/9"), ("truth", "sadness")])
def test_a_clip_has_one_speaker_and_one_truth(column, value):
    other = build(cell="softmax")
    other.loc[0, column] = value
    with pytest.raises(StoreError, match="two speakers or two truths"):
        cells.check(pd.concat([build(), other]))


def test_columns_in_disorder_and_empty_tables_are_refused():
    table = build()
    with pytest.raises(StoreError, match="has the columns"):
        cells.check(table[table.columns[::-1]])
    with pytest.raises(StoreError, match="has the columns"):
        cells.check(table.drop(columns="seed"))
    with pytest.raises(StoreError, match="in disorder"):
        cells.check(table[[*table.columns[:9], "score_fear", "score_anger", "score_sadness"]])
    with pytest.raises(StoreError, match="no rows"):
        cells.check(table[:0])


@pytest.mark.parametrize(
    "scores", [SCORES[:3], SCORES[:, :2], np.full((4, 3), np.nan), np.full((4, 3), -np.inf)]
)
def test_scores_that_decide_nothing_are_refused(scores):
    with pytest.raises(StoreError, match="cell triplet, fold 3"):
        cells.build(CLIPS, scores, EMOTIONS, study="run", cell="triplet", fold=3, seed=7)


def test_missing_file_is_refused(tmp_path):
    with pytest.raises(StoreError, match=r"cells\.parquet"):
        cells.read(tmp_path / "cells.parquet")
    (tmp_path / "cells.parquet").write_bytes(b"version https://git-lfs")
    with pytest.raises(StoreError, match="damaged"):
        cells.read(tmp_path / "cells.parquet")

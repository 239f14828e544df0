"""Angles between emotions: known geometry, stored as a study stores it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fabricated_angles as made_up
from emometric.scoring import evaluation
from emometric.studies import angles
from emometric.studies.cell import Stored

NAMES, PLACES, TRUTHS = made_up.NAMES, made_up.PLACES, made_up.TRUTHS
at, cell, stored = made_up.at, made_up.cell, made_up.stored
RULES = evaluation.Params(n_resamples=200, confidence=0.95, perplexity=5)


def test_angles_between_emotions_and_within_them():
    table = angles.between(stored(PLACES, TRUTHS), NAMES)
    table = table[table["split"] == "random_holdout"].set_index(["row", "column"])
    assert table.loc[("anger", "fear"), "angle_deg"] == pytest.approx(60, abs=1e-3)
    assert table.loc[("anger", "anger"), "angle_deg"] == pytest.approx((10 + 30 + 90) / 3, abs=1e-3)
    assert table.loc[("fear", "fear"), "angle_deg"] == pytest.approx((10 + 5 + 40) / 3, abs=1e-3)
    assert table["sd_deg"].max() < 1e-6 and set(table["n_runs"]) == {2}
    assert ("fear", "anger") not in table.index


def test_deviations_are_standard_deviations_of_angles():
    table = angles.deviations(stored(PLACES, TRUTHS), NAMES)
    row = table[(table["split"] == "speaker_folds") & (table["emotion"] == "anger")].iloc[0]
    assert row["intra_deg"] == pytest.approx(np.std([10, 30, 90], ddof=1), abs=1e-3)
    assert row["inter_deg"] == pytest.approx(np.std([50, 65, 100], ddof=1), abs=1e-3)
    assert row["inter_mean_deg"] == pytest.approx(np.mean([50, 65, 100]), abs=1e-3)


def test_clips_keep_their_angle_to_own_and_nearest_other():
    table = angles.of_clips(stored(PLACES, TRUTHS), NAMES).set_index(["split", "fold", "clip"])
    assert len(table) == 2 * 2 * 6
    own, other = table.loc[("speaker_folds", 1, "b3"), ["own_deg", "other_deg"]]
    assert own == pytest.approx(40, abs=0.01) and other == pytest.approx(100, abs=0.01)


def test_the_gap_is_zero_between_equal_divisions_and_known_otherwise():
    table = angles.gap(stored(PLACES, TRUTHS), RULES)
    assert table["gap"].item() == 0 and table["gap_low"].item() == 0 == table["gap_high"].item()
    unequal = stored(PLACES, TRUTHS)
    disjoint = unequal.cells["cell"] == cell("speaker_folds")
    wrong = unequal.cells["truth"].map({"anger": "fear", "fear": "anger"})
    unequal.cells.loc[disjoint, "predicted"] = wrong[disjoint]
    row = angles.gap(unequal, RULES).iloc[0]
    shared = np.mean([2 / 3, 1.0])  # a3 lies nearer to fear
    assert row["shared_uar"] == pytest.approx(shared) and row["disjoint_uar"] == 0
    assert row["gap_low"] <= row["gap"] <= row["gap_high"]


def test_accuracy_pools_the_runs_and_its_interval_resamples_speakers():
    table = angles.accuracy(stored(PLACES, TRUTHS), RULES).set_index("split")
    row = table.loc["random_holdout"]
    assert row["accuracy"] == pytest.approx(5 / 6)  # a3 lies nearer to fear
    assert (row["n_speakers"], row["n_runs"]) == (2, 2)
    assert row["low"] == pytest.approx(2 / 3) and row["high"] == pytest.approx(1)


def test_one_division_has_no_gap_and_an_empty_study_no_rows():
    assert angles.gap(stored(PLACES, TRUTHS, splits=("speaker_folds",)), RULES).empty
    whole = stored(PLACES, TRUTHS)
    empty = Stored(
        cells=whole.cells[:0], embeddings=whole.embeddings[:0], numbers=whole.numbers[:0], seed=1
    )
    for made in (
        angles.between(empty, NAMES),
        angles.deviations(empty, NAMES),
        angles.of_clips(empty, NAMES),
        angles.embedding_map(empty, 5),
        angles.gap(empty, RULES),
        angles.accuracy(empty, RULES),
    ):
        assert made.empty and len(made.columns)


def test_the_map_shows_the_clips_of_the_first_run():
    table = angles.embedding_map(stored(PLACES, TRUTHS), 5)
    assert len(table) == 2 * 6 and set(table["clip"]) == set(PLACES)


@given(st.floats(0, 360), st.floats(0, 360), st.floats(0.01, 100))
def test_angles_know_no_length_and_are_symmetric(one, other, length):
    a, b = at(one)[None] * length, at(other)[None]
    expected = abs((one - other + 180) % 360 - 180)
    assert angles.degrees(a, b).item() == pytest.approx(expected, abs=0.1)
    assert angles.degrees(a, b).item() == pytest.approx(angles.degrees(b, a).item(), abs=1e-6)

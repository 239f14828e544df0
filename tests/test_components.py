"""studies.components on results whose rates are known by hand."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import silhouette_score

import fabricated_components as made_up
from emometric.base.errors import StoreError
from emometric.scoring import evaluation
from emometric.studies import components, joined, speaker_trials, statistics

RULES = evaluation.Params(n_resamples=300, confidence=0.95, perplexity=5)


def test_accuracy_is_the_share_of_each_fold_and_of_all():
    # 8 speakers in 3 folds: (0, 3, 6), (1, 4, 7), (2, 5). S1 knows 3 of 10 of an even speaker's
    # clips and 5 of 10 of an odd one's.
    table = components.accuracy(made_up.strategies(n_folds=3), RULES).set_index("strategy")
    row = table.loc["S1"]
    folds = [(0.3 + 0.5 + 0.3) / 3, (0.5 + 0.3 + 0.5) / 3, (0.3 + 0.5) / 2]
    assert row["accuracy_mean"] == pytest.approx(np.mean(folds))
    assert row["accuracy_sd"] == pytest.approx(np.std(folds, ddof=1))
    assert (row["accuracy_min"], row["accuracy_max"]) == pytest.approx((min(folds), max(folds)))
    assert row["accuracy"] == pytest.approx(0.4) and row["uar"] == pytest.approx(0.4)
    assert 0.3 <= row["accuracy_mean_low"] < row["accuracy_mean"] < row["accuracy_mean_high"] <= 0.5
    assert row["uar_low"] < 0.4 < row["uar_high"]
    assert (row["n_clips"], row["n_speakers"], row["n_runs"]) == (320, 8, 3)
    assert list(table.index) == list(components.STRATEGIES)


def test_the_interval_of_the_mean_is_that_of_weighted_clips():
    stored = made_up.strategies(n_folds=3)
    row = components.accuracy(stored, RULES).iloc[0]
    part = stored.cells[stored.cells["cell"] == "strategy=S1"]
    n_of_fold = {0: 120, 1: 120, 2: 80}
    weight = {speaker: 40 / n_of_fold[int(speaker[1]) % 3] for speaker in made_up.SPEAKERS}
    share = {speaker: 0.5 if int(speaker[1]) % 2 else 0.3 for speaker in made_up.SPEAKERS}
    assert part["speaker"].nunique() == 8
    draw = np.random.default_rng(stored.seed)
    drawn = []
    for _ in range(20000):
        picked = [made_up.SPEAKERS[one] for one in draw.integers(8, size=8)]
        total = sum(weight[one] for one in picked)
        drawn.append(sum(weight[one] * share[one] for one in picked) / total)
    wanted = np.quantile(drawn, [0.025, 0.975])
    found = (row["accuracy_mean_low"], row["accuracy_mean_high"])
    assert found == pytest.approx(wanted, abs=0.02)  # 300 resamples against 20000


def test_steps_are_paired_by_speaker_and_say_what_each_adds():
    stored = made_up.strategies()
    table = components.steps(stored, RULES).set_index(["first", "then"])
    assert list(table.index) == list(components.STEPS)
    added = {
        ("S1", "S2"): 0.2, ("S2", "S3"): 0.0, ("S3", "S4"): -0.1, ("S3", "S5"): 0.2,
        ("S4", "S5"): 0.3,
    }  # fmt: skip
    for step, value in added.items():
        row = table.loc[step]
        # Every speaker gains the same: nothing is left to vary.
        assert [row["difference"], row["low"], row["high"]] == pytest.approx([value] * 3)
        assert row["accuracy_difference"] == pytest.approx(value)
        assert row["p"] == pytest.approx(2 / 2**8 if value else 1.0)
        assert row["p"] <= row["p_holm"] <= 1 and row["n_speakers"] == 8
    other = statistics.over_speakers(stored.cells, "strategy=S5", "strategy=S4", RULES, stored.seed)
    assert table.loc[("S4", "S5"), "p"] == other.p


def test_peers_are_stepped_from_and_a_grid_has_no_steps():
    stored = made_up.strategies({"S1": 4, "S5": 7, "compare_svm": 6})
    table = components.steps(stored, RULES)
    assert table[["first", "then"]].to_numpy().tolist() == [
        ["compare_svm", "S1"],
        ["compare_svm", "S5"],
    ]
    assert table["difference"].tolist() == pytest.approx([-0.2, 0.1])
    points = {("S5", 8): 6, ("S5", 4): 5, ("S4", 8): 5}
    assert components.steps(made_up.stored(points, ("strategy", "clusters")), RULES).empty


@given(st.lists(st.floats(1e-4, 1), min_size=1, max_size=6))
def test_holm_by_its_definition(p):
    found = components.holm(np.array(p))
    ranked = sorted(range(len(p)), key=lambda place: p[place])
    for k, place in enumerate(ranked):
        steps = [(len(p) - j) * p[other] for j, other in enumerate(ranked[: k + 1])]
        assert found[place] == pytest.approx(min(1.0, max(steps)))


def test_confusion_and_recalls_count_what_was_said():
    stored = made_up.strategies({"S1": 4, "S5": 8})
    table = components.confusion(stored, made_up.NAMES)
    assert len(table) == 2 * 16 and table.groupby("strategy")["n"].sum().tolist() == [320, 320]
    row = table.set_index(["strategy", "truth", "predicted"])
    assert row.loc[("S5", "fear", "fear"), "percent"] == pytest.approx(80)
    assert row.loc[("S5", "neutral", "anger"), "n"] == 16  # the last falls to the first
    assert row.loc[("S1", "anger", "happiness"), "n"] == 0
    recalls = components.recalls(stored, RULES).set_index(["strategy", "emotion"])
    one = recalls.loc[("S5", "anger")]
    assert one["recall"] == pytest.approx(0.8) and one["recall_low"] < 0.8 < one["recall_high"]
    assert (one["n_clips"], one["n_speakers"], one["n_runs"]) == (80, 8, 4)


def test_maps_show_test_clips_of_the_first_fold_and_separation_measures_them():
    stored = made_up.strategies({"S3": 2, "S5": 9})
    table = components.maps(stored, RULES.perplexity)
    assert table.groupby("strategy")["clip"].nunique().to_dict() == {"S3": 80, "S5": 80}
    assert set(table["speaker"]) == {"s0", "s4"} and set(table["fold"]) == {0}
    assert table["emotion"].isin(made_up.NAMES).all() and table[["x", "y"]].notna().all(axis=None)
    assert table.equals(components.maps(stored, RULES.perplexity))
    found = components.separation(stored).set_index("strategy")
    assert found.loc["S5", "silhouette"] > found.loc["S3", "silhouette"] + 0.3
    kept = stored.embeddings
    kept = kept[(kept["cell"] == "strategy=S5") & (kept["role"] == "test")].sort_values("id")
    unit = np.stack(kept["embedding"].to_list()).astype(float)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    wanted = silhouette_score(unit, kept["id"].str[2:4].to_numpy(str))
    assert found.loc["S5", "silhouette"] == pytest.approx(wanted)
    assert found["n_clips"].tolist() == [80, 80]


def test_the_grid_sets_each_point_against_the_published_one():
    points = {("S5", 4, 0): 5, ("S5", 4, 2): 6, ("S5", 8, 2): 8}
    stored = made_up.stored(points, ("strategy", "clusters", "ghosts"))
    table = components.grid(stored, RULES, {"clusters": 4, "ghosts": 2})
    assert table["is_reference"].tolist() == [False, True, False]
    assert table["difference"].round(6).tolist()[::2] == [-0.1, 0.2]
    assert np.isnan(table["difference"].iloc[1]) and table["p"].iloc[0] < 0.05
    assert table["uar"].round(6).tolist() == [0.5, 0.6, 0.8]
    for nowhere in (None, {}, {"clusters": 5}, {"alpha": 0.1}, {"clusters": 4}):
        other = components.grid(stored, RULES, nowhere)
        assert other["difference"].isna().all() and len(other) == 3


def test_the_grid_reads_settings_that_a_point_has_not():
    stored = made_up.stored({("S1", None): 4, ("S5", "wheel"): 6}, ("strategy", "relations"))
    table = components.grid(stored, RULES, {"relations": "wheel"})
    assert table["difference"].dropna().round(6).tolist() == [-0.2]


def test_trials_of_speakers_are_read_or_are_not_there(tmp_path):
    for folder in (None, tmp_path):
        rates, trials = speaker_trials.read(folder)
        assert rates.empty and trials.empty and list(trials) == list(speaker_trials.TRIALS)
    tmp_path.joinpath("verification.json").write_text(
        json.dumps({"eer": 0.2, "n_trials": 40, "state": "trained", "of": {"left": "out"}})
    )
    pd.DataFrame({"score": [0.9, 0.1], "same": [1, 0]}).to_csv(tmp_path / "trials.csv", index=False)
    rates, trials = speaker_trials.read(tmp_path)
    assert rates.loc[0, ["group", "eer", "n_trials"]].tolist() == ["all", 0.2, 40]
    assert rates["eer_low"].isna().all() and "of" not in rates and "state" in rates
    assert trials["same"].iloc[-1] == 1 and trials["different"].iloc[0] == 1
    tmp_path.joinpath("trials.csv").write_text("score\n1\n")
    with pytest.raises(StoreError, match="no column same"):
        speaker_trials.read(tmp_path)


def test_the_histogram_holds_every_trial_once():
    score, same = np.array([0.0, 0.5, 1.0, 1.0]), np.array([False, False, True, True])
    table = speaker_trials.binned(score, same)
    assert table["same"].sum() == pytest.approx(1) and table["same"].iloc[-1] == 1
    assert table["different"].to_numpy().nonzero()[0].tolist() == [0, 19]
    assert (table["low"].iloc[1:].to_numpy() == table["high"].iloc[:-1].to_numpy()).all()
    assert not speaker_trials.binned(score, np.ones(4, bool))["different"].any()
    assert speaker_trials.binned(score[:0], same[:0]).empty


def test_two_systems_decide_together_by_the_sum_of_their_scores():
    stored = made_up.stored({("S1",): 4, ("S5",): 8, ("compare_svm",): 6})
    found = joined.joined(stored, RULES, components.systems(stored), "compare_svm").set_index(
        "system"
    )
    assert list(found.index) == ["S1", "S5"]
    # Where one is right and the other falls to the next emotion, both tie; the earlier emotion of
    # the vocabulary wins: three of four truths, for the last one's next is the first.
    tested = pd.concat([made_up.clips(fold, 4) for fold in range(4)])
    truth = tested["emotion"].map(made_up.NAMES.index).to_numpy()
    scores = [joined.standard(made_up.decided(tested, right, 1)) for right in (8, 6)]
    expected = (sum(scores).argmax(axis=1) == truth).mean()
    assert found.loc["S5", "accuracy"] == pytest.approx(expected)
    assert found.loc["S5", "n_clips"] == len(tested)
    again = joined.joined(stored, RULES, components.systems(stored), "egemaps_svm")
    assert again.empty and list(again.columns) == list(joined.COLUMNS)


def test_a_scale_of_scores_changes_nothing_for_both_together():
    stored = made_up.stored({("S1",): 4, ("compare_svm",): 6})
    scores = [name for name in stored.cells if name.startswith("score_")]
    noise = np.random.default_rng(0).normal(0, 0.1, (len(stored.cells), len(scores)))
    stored.cells[scores] += noise  # no ties, which rounding would settle
    other = stored.cells.copy()
    rows = other["cell"] == "strategy=S1"
    other.loc[rows, scores] = 7 * other.loc[rows, scores] - 3
    both = [
        joined.joined(one, RULES, components.systems(one), "compare_svm")
        for one in (stored, replace(stored, cells=other))
    ]
    pd.testing.assert_frame_equal(*both)


def test_an_emotion_that_one_has_not_learned_is_not_chosen():
    scores = joined.standard(np.array([[0.0, 2.0, -np.inf]]))
    assert scores[0, 2] == -np.inf and scores[0, :2].tolist() == [-1.0, 1.0]

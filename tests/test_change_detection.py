"""New emotions in a stream: thresholds, the growing dictionary, and open-set rates."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score, roc_curve

from emometric.base.errors import SplitError
from emometric.studies import change_detection as change


def near(first, second):
    """Similarity of places on a line."""
    return -np.abs(np.asarray(first, float)[:, None] - np.asarray(second, float)[None])


def stream(places, support_places, support, threshold, first_new=10):
    return change.detect(
        near(places, support_places),
        near(places, places),
        np.array(support, dtype=np.int64),
        threshold,
        first_new=first_new,
    )


def test_a_stream_by_hand():
    # Known: 0 at 0, 1 at 10. A clip further than 2 from all founds a class.
    found = stream([1, 20, 9, 21, 30, 19, 31, 0.5], [0, 10], [0, 1], -2.0)
    assert found.label.tolist() == [0, 10, 1, 10, 11, 10, 11, 0]
    assert found.is_new.tolist() == [False, True, False, False, True, False, False, False]
    assert found.similarity.tolist() == [-1, -10, -1, -1, -10, -1, -1, -0.5]


def test_only_founders_join_the_dictionary():
    # 21.5 matches the class of 20; 23 lies near 21.5, but not near its founder.
    found = stream([20, 21.5, 23], [0], [0], -2.0)
    assert found.label.tolist() == [10, 10, 11]


def test_a_clip_at_the_threshold_is_known_and_ties_go_to_the_support_first():
    assert stream([2], [0], [4], -2.0).label.tolist() == [4]
    assert stream([5], [0, 10], [7, 3], -9.0).label.tolist() == [7]
    # as far from the support's 0 as from the founder at 20
    assert stream([20, 10], [0], [0], -10.0).label.tolist() == [10, 0]


def test_an_empty_dictionary_starts_with_the_first_clip():
    found = stream([5, 5.5, 50], [], [], -2.0, first_new=0)
    assert found.label.tolist() == [0, 0, 1]
    assert found.similarity.tolist() == [-np.inf, -0.5, -45.0]
    nothing = stream([], [1.0], [0], -2.0)
    assert len(nothing.label) == 0


def test_what_comes_later_does_not_matter():
    generator = np.random.default_rng(0)
    places = generator.uniform(0, 40, 30)
    whole = stream(places, [0, 10], [0, 1], -3.0)
    for n in (1, 7, 20):
        part = stream(places[:n], [0, 10], [0, 1], -3.0)
        assert np.array_equal(part.label, whole.label[:n])
        assert np.array_equal(part.similarity, whole.similarity[:n])


@given(st.floats(-30, 0), st.integers(0, 1000))
@settings(max_examples=30, deadline=None)
def test_a_clip_founds_a_class_exactly_where_all_lies_below_the_threshold(threshold, seed):
    places = np.random.default_rng(seed).uniform(0, 40, 12)
    found = stream(places, [0, 10], [0, 1], threshold)
    best = near(places, [0, 10]).max(axis=1)
    assert np.all(found.similarity >= best)
    assert np.array_equal(found.is_new, found.similarity < threshold)
    assert found.is_new[0] == (best[0] < threshold)
    assert sorted(set(found.label) - {0, 1}) == list(range(10, 10 + found.is_new.sum()))
    never = stream(places, [0, 10], [0, 1], -np.inf)
    assert not never.is_new.any()
    assert np.array_equal(never.label, near(places, [0, 10]).argmax(axis=1))


# -- The threshold, from training speakers --------------------------------------------------------


def test_training_similarities_by_hand():
    places = np.array([0, 1, 10, 12, 3, 30])
    emotion = np.array([0, 0, 1, 1, 0, 2])
    speaker = np.array([0, 1, 0, 1, 0, 0])
    labels = change.Labels(emotion, speaker)
    known, unknown = change.training_similarities(near(places, places), labels, labels)
    # The last clip has nobody of its emotion. Of the others, among other speakers' clips alone:
    # 0 -> 1 | 12;  1 -> 0 | 10;  10 -> 12 | 1;  12 -> 10 | 3;  3 -> 1 | 12
    assert known.tolist() == [-1, -1, -2, -2, -2]
    assert unknown.tolist() == [-12, -9, -9, -9, -9]


def test_own_speaker_and_own_clip_do_not_help():
    generator = np.random.default_rng(0)
    similarity = generator.normal(size=(20, 20))
    speaker = np.arange(20) % 4
    labels = change.Labels(np.arange(20) % 3, speaker)
    before = change.training_similarities(similarity, labels, labels)
    similarity[speaker[:, None] == speaker] = 99.0
    after = change.training_similarities(similarity, labels, labels)
    assert all(np.array_equal(*pair) for pair in zip(before, after, strict=True))


@pytest.mark.parametrize(
    ("emotion", "speaker"), [([0, 1, 0, 1], [2, 2, 2, 2]), ([1, 1, 1, 1], [0, 1, 0, 1])]
)
def test_one_speaker_or_one_emotion_gives_no_threshold(emotion, speaker):
    labels = change.Labels(np.array(emotion), np.array(speaker))
    with pytest.raises(SplitError, match="two speakers and two emotions"):
        change.training_similarities(np.eye(4), labels, labels)


def test_clips_of_other_speakers_than_the_support():
    held_out = change.Labels(np.array([0, 1, 2]), np.array([8, 8, 8]))
    support = change.Labels(np.array([0, 0, 1, 1]), np.array([1, 2, 1, 8]))
    similarity = near([0, 12, 20], [1, 2, 10, 12])
    known, unknown = change.training_similarities(similarity, held_out, support)
    # The third has no support of its emotion; 12 is the second's own speaker's.
    assert known.tolist() == [-1, -2] and unknown.tolist() == [-10, -10]


values = st.lists(st.integers(-6, 6).map(float), min_size=1, max_size=12).map(np.array)


@given(values, values)
def test_no_other_threshold_does_better(known, unknown):
    def quality(threshold):
        return np.mean(known >= threshold) + np.mean(unknown < threshold)

    chosen = change.choose_threshold(known, unknown)
    tried = [chosen, *np.arange(-7, 7.5, 0.5)]
    assert quality(chosen) == pytest.approx(max(map(quality, tried)), abs=1e-12)
    # and a lower one that is as good does not exist, but between the same two values
    for other in np.arange(-7, 7.5, 0.5):
        if other < chosen and quality(other) >= quality(chosen) - 1e-12:
            every = np.concatenate([known, unknown])
            assert not np.any((every >= other) & (every < chosen))


# -- Open-set rates -------------------------------------------------------------------------------


@given(values, values)
def test_rates_of_detection_are_those_of_scikit_learn(positive, negative):
    truth = np.repeat([1, 0], [len(positive), len(negative)])
    score = np.concatenate([positive, negative])
    assert change.auroc(positive, negative) == pytest.approx(roc_auc_score(truth, score))
    false, true, _ = roc_curve(truth, score, drop_intermediate=False)
    for rate in (0.5, 0.95, 1.0):
        wanted = false[true >= rate - 1e-9].min()
        assert change.fpr_at_tpr(positive, negative, rate) == pytest.approx(wanted)


def test_nineteen_of_twenty_are_95_per_cent():
    positive = np.arange(20.0)
    assert change.fpr_at_tpr(positive, np.array([0.5]), 0.95) == 0.0
    assert change.fpr_at_tpr(positive, np.array([0.5]), 0.96) == 1.0


def test_rates_without_one_side_are_nan():
    nothing, some = np.array([]), np.array([1.0])
    assert math.isnan(change.auroc(nothing, some)) and math.isnan(change.auroc(some, nothing))
    assert math.isnan(change.fpr_at_tpr(some, nothing, 0.95))


def test_open_set_rates_by_hand():
    # Emotions 0 and 1 known, 2 and 3 not. Founded: 10 = {2, 2, 0}, 11 = {3}, 12 = {1, 1}.
    truth = np.array([0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3])
    label = np.array([0, 1, 10, 1, 12, 12, 10, 10, 0, 11, 1])
    is_new = np.array([0, 0, 0, 0, 1, 0, 1, 0, 0, 1, 0], bool)
    similarity = np.array([9, 8, 3, 7, 2, 2, 1, 1, 8, 0, 6], float)
    detection = change.Detection(label=label, similarity=similarity, is_new=is_new)
    found = change.evaluate(detection, similarity, truth, known=(0, 1))
    assert found.accuracy == pytest.approx(2 / 6)  # one 0 and one 1
    assert found.purity == pytest.approx((2 + 1 + 2) / 6)
    assert found.coverage == pytest.approx((2 + 1) / 5)  # class 12 is an old emotion's
    assert found.n_founded == 3
    # known 9 8 3 7 2 2 against new 1 1 8 0 6
    assert found.auroc == pytest.approx((5 + 4.5 + 3 + 4 + 3 + 3) / 30)
    assert found.fpr_at_95_tpr == pytest.approx(2 / 5)


def test_open_set_rates_where_all_is_right_or_nothing_is_new():
    truth = np.array([0, 1, 2, 2])
    right = change.Detection(
        label=np.array([0, 1, 5, 5]), similarity=np.zeros(4), is_new=truth == np.array([9, 9, 2, 9])
    )
    found = change.evaluate(right, np.array([0.9, 0.8, 0.1, 0.2]), truth, known=(0, 1))
    assert found == change.OpenSet(
        auroc=1.0, fpr_at_95_tpr=0.0, accuracy=1.0, purity=1.0, coverage=1.0, n_founded=1
    )
    closed = change.Detection(
        label=np.array([0, 1]), similarity=np.zeros(2), is_new=np.zeros(2, bool)
    )
    found = change.evaluate(closed, np.ones(2), np.array([0, 1]), known=(0, 1))
    assert found.accuracy == 1.0 and found.n_founded == 0
    assert all(math.isnan(value) for value in (found.auroc, found.purity, found.coverage))


def test_a_stream_of_clouds_from_threshold_to_rates():
    """Emotions are clouds; the third is unknown; the threshold comes from the training speakers."""
    generator = np.random.default_rng(4)
    centres = np.array([[0.0, 0, 0], [8, 0, 0], [0, 8, 0], [0, 0, 8]])

    def clips(emotions, n):
        emotion = np.repeat(emotions, n)
        return centres[emotion] + generator.normal(size=(len(emotion), 3)) * 0.7, emotion

    def similarity(first, second):
        return -np.linalg.norm(first[:, None] - second[None], axis=2)

    train, emotion = clips([0, 1, 3], 12)
    labels = change.Labels(emotion, np.arange(len(emotion)) % 4)
    threshold = change.choose_threshold(
        *change.training_similarities(similarity(train, train), labels, labels)
    )
    test, truth = clips([0, 1, 2, 3], 8)
    order = generator.permutation(len(truth))
    test, truth = test[order], truth[order]
    to_support = similarity(test, train)
    detection = change.detect(to_support, similarity(test, test), emotion, threshold, first_new=4)
    found = change.evaluate(detection, to_support.max(axis=1), truth, known=(0, 1, 3))
    assert found == change.OpenSet(
        auroc=1.0, fpr_at_95_tpr=0.0, accuracy=1.0, purity=1.0, coverage=1.0, n_founded=1
    )

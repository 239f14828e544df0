"""Recognition rates: worked by hand, then against scikit-learn."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, balanced_accuracy_score, confusion_matrix

from emometric.base.errors import PipelineError
from emometric.scoring import metrics

EMOTIONS = ("anger", "fear", "neutral", "sadness")
RATES = (metrics.uar, metrics.accuracy, metrics.recall_by_emotion)

label = st.sampled_from(EMOTIONS)
pairs = st.lists(st.tuples(label, label), min_size=1, max_size=60)


def test_by_hand():
    truth = ["anger"] * 8 + ["fear"] * 2
    predicted = ["anger"] * 6 + ["fear"] * 2 + ["fear", "sadness"]
    assert metrics.recall_by_emotion(truth, predicted) == {"anger": 0.75, "fear": 0.5}
    assert metrics.uar(truth, predicted) == 0.625
    assert metrics.accuracy(truth, predicted) == 0.7
    assert metrics.confusion(truth, predicted, EMOTIONS).tolist() == [
        [6, 2, 0, 0],
        [0, 1, 0, 1],
        [0, 0, 0, 0],
        [0, 0, 0, 0],
    ]


def test_numbers_serve_as_labels():
    assert metrics.uar(np.array([0, 0, 3]), [0, 1, 3]) == 0.75
    assert metrics.confusion([2, 0], [2, 2], [0, 2]).tolist() == [[0, 1], [0, 1]]


@given(pairs)
def test_as_scikit_learn(rows):
    truth, predicted = map(list, zip(*rows, strict=True))
    counts = confusion_matrix(truth, predicted, labels=list(EMOTIONS))
    held = counts.sum(axis=1) > 0
    recall = np.diag(counts)[held] / counts.sum(axis=1)[held]
    assert abs(metrics.uar(truth, predicted) - recall.mean()) < 1e-12
    if set(predicted) <= set(truth) and len(set(truth)) > 1:  # else it warns
        assert (
            abs(metrics.uar(truth, predicted) - balanced_accuracy_score(truth, predicted)) < 1e-12
        )
    assert abs(metrics.accuracy(truth, predicted) - accuracy_score(truth, predicted)) < 1e-12
    assert np.array_equal(metrics.confusion(truth, predicted, EMOTIONS), counts)
    assert list(metrics.recall_by_emotion(truth, predicted)) == sorted(set(truth))


@given(pairs, st.randoms(use_true_random=False))
def test_order_of_clips_is_irrelevant(rows, random):
    shuffled = list(rows)
    random.shuffle(shuffled)
    before, after = (tuple(zip(*some, strict=True)) for some in (rows, shuffled))
    assert metrics.uar(*before) == metrics.uar(*after)
    assert metrics.accuracy(*before) == metrics.accuracy(*after)


@given(st.lists(label, min_size=1))
def test_perfect_is_one(truth):
    assert metrics.uar(truth, truth) == metrics.accuracy(truth, truth) == 1.0


@given(pairs, st.integers(2, 5))
def test_uar_ignores_how_many_clips_an_emotion_has(rows, times):
    emotion = rows[0][0]
    more = rows + (times - 1) * [row for row in rows if row[0] == emotion]
    uars = [metrics.uar(*zip(*some, strict=True)) for some in (rows, more)]
    assert uars[0] == pytest.approx(uars[1], abs=1e-12)


@pytest.mark.parametrize("rate", RATES)
def test_no_clips_are_refused(rate):
    with pytest.raises(PipelineError, match="no clips"):
        rate([], [])


@pytest.mark.parametrize("rate", RATES)
def test_unequal_lengths_are_refused(rate):
    with pytest.raises(PipelineError, match=r"\(2,\).*\(1,\)"):
        rate(["anger", "fear"], ["anger"])


@pytest.mark.parametrize("rows", [(["calm"], ["anger"]), (["anger"], ["calm"])])
def test_confusion_refuses_labels_outside_its_emotions(rows):
    with pytest.raises(PipelineError, match="'calm'"):
        metrics.confusion(*rows, EMOTIONS)

"""What every decision promises, and what each of them is known to decide."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm, rankdata
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.neighbors import NearestCentroid
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from emometric.base import parts
from emometric.base import settings as project_settings
from emometric.base.errors import ParameterError, SplitError
from emometric.decisions import lda, nearest_prototype, svm_linear, svm_rbf

DECISIONS = parts.available("decisions")
SETTINGS = project_settings.read("synthetic", Path(__file__).resolve().parents[1] / "params.yaml")[
    "decisions"
]
N_EMOTIONS = 5


def make(name, n_emotions=N_EMOTIONS):
    params = parts.make_params("decisions", name, SETTINGS[name])
    return parts.load("decisions", name).Decision(params, n_emotions)


def clouds(seed=0, n=150, dim=6, spread=1.0, emotions=range(N_EMOTIONS)):
    """Points around one random centre an emotion: (n, dim) and (n,)."""
    generator = np.random.default_rng(seed)
    emotion = generator.choice(list(emotions), n)
    centres = 3 * generator.normal(size=(N_EMOTIONS, dim))
    return centres[emotion] + spread * generator.normal(size=(n, dim)), emotion


@pytest.mark.parametrize("name", DECISIONS)
def test_clear_clouds_are_told_apart(name):
    embedding, emotion = clouds(spread=0.3)
    scores = make(name).fit(embedding[:100], emotion[:100]).scores(embedding[100:])
    assert scores.shape == (50, N_EMOTIONS)
    assert scores.dtype == np.float64
    assert np.isfinite(scores).all()
    assert np.array_equal(scores.argmax(axis=1), emotion[100:])


@pytest.mark.parametrize("name", DECISIONS)
@pytest.mark.parametrize("emotions", [(0, 2, 3), (1, 4)])
def test_emotions_that_were_not_learned_score_minus_infinity(name, emotions):
    embedding, emotion = clouds(emotions=emotions, spread=0.3)
    scores = make(name).fit(embedding, emotion).scores(embedding)
    unseen = [one for one in range(N_EMOTIONS) if one not in emotions]
    assert np.all(scores[:, unseen] == -np.inf)
    assert np.isfinite(scores[:, emotions]).all()
    assert np.array_equal(scores.argmax(axis=1), emotion)


@pytest.mark.parametrize("name", DECISIONS)
def test_clips_are_decided_one_by_one(name):
    embedding, emotion = clouds(spread=4.0)
    fitted = make(name).fit(embedding[:100], emotion[:100])
    together = fitted.scores(embedding[100:])
    alone = np.concatenate([fitted.scores(one[None]) for one in embedding[100:]])
    np.testing.assert_allclose(together, alone, atol=1e-9)


@pytest.mark.parametrize("name", DECISIONS)
def test_inputs_stay_as_they_are_and_fits_are_equal(name):
    embedding, emotion = clouds(spread=4.0)
    before = embedding.copy()
    first = make(name).fit(embedding, emotion).scores(embedding)
    assert np.array_equal(embedding, before)
    assert np.array_equal(first, make(name).fit(embedding, emotion).scores(embedding))


@pytest.mark.parametrize("name", DECISIONS)
def test_single_precision_is_enough(name):
    embedding, emotion = clouds(spread=4.0)
    narrow = embedding.astype(np.float32)
    scores = make(name).fit(narrow, emotion).scores(narrow)
    wide = narrow.astype(np.float64)
    assert np.array_equal(scores, make(name).fit(wide, emotion).scores(wide))


@pytest.mark.parametrize("name", DECISIONS)
def test_a_collapsed_embedding_is_decided_somehow(name):
    scores = make(name).fit(np.ones((6, 3)), np.array([0, 0, 1, 1, 2, 2])).scores(np.ones((2, 3)))
    assert np.isfinite(scores[:, :3]).all()


SVMS = {
    "svm_linear": lambda: make_pipeline(
        StandardScaler(),
        SVC(kernel="linear", class_weight="balanced", C=SETTINGS["svm_linear"]["c"]),
    ),
    "svm_rbf": lambda: SVC(kernel="rbf", class_weight="balanced", C=SETTINGS["svm_rbf"]["c"]),
}


@pytest.mark.parametrize("name", SVMS)
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), n_emotions=st.integers(2, 5), spread=st.floats(1.0, 6.0))
def test_svm_predicts_as_scikit_learn(name, seed, n_emotions, spread):
    embedding, emotion = clouds(seed, spread=spread, emotions=range(n_emotions))
    ours = make(name).fit(embedding[:100], emotion[:100]).scores(embedding[100:])
    theirs = SVMS[name]().fit(embedding[:100], emotion[:100]).predict(embedding[100:])
    assert np.array_equal(ours.argmax(axis=1), theirs)


@pytest.mark.parametrize("name", SVMS)
def test_svm_predicts_as_scikit_learn_where_duels_are_tied(name):
    embedding, emotion = clouds(spread=6.0, n=1100)
    ours = make(name).fit(embedding[:100], emotion[:100]).scores(embedding[100:])
    theirs = SVMS[name]().fit(embedding[:100], emotion[:100])
    predicted = theirs.predict(embedding[100:])
    by_confidence = theirs.decision_function(embedding[100:]).argmax(axis=1)
    assert (predicted != by_confidence).sum() > 5, "the example must hold ties"
    assert np.array_equal(ours.argmax(axis=1), predicted)
    # Nothing but the order within a row may differ from scikit-learn's own scores.
    values = theirs.decision_function(embedding[100:])
    assert np.array_equal(np.sort(ours, axis=1), np.sort(values, axis=1))
    agree = predicted == by_confidence
    assert np.array_equal(ours[agree], values[agree])


def test_svm_linear_does_not_see_scale_or_offset():
    embedding, emotion = clouds(spread=4.0)
    moved = embedding * np.array([1e-3, 1, 1e3, 2, 5, 1e2]) + 7
    scores = [make("svm_linear").fit(some, emotion).scores(some) for some in (embedding, moved)]
    np.testing.assert_allclose(*scores, atol=1e-6)  # libsvm stops at 1e-3 of its own criterion


@pytest.mark.parametrize("name", SVMS)
def test_svm_balances_unequal_classes(name):
    # 190 clips on one side, 10 on the other, overlapping: unweighted, all would be the majority.
    generator = np.random.default_rng(0)
    emotion = np.repeat([0, 1], [190, 10])
    embedding = generator.normal(size=(200, 2)) + 1.2 * emotion[:, None]
    predicted = make(name, 2).fit(embedding, emotion).scores(embedding).argmax(axis=1)
    assert (predicted[emotion == 1] == 1).mean() >= 0.7


@pytest.mark.parametrize("name", SVMS)
def test_svm_refuses_a_single_emotion(name):
    with pytest.raises(SplitError, match="one emotion"):
        make(name).fit(np.eye(3), np.array([2, 2, 2]))


@pytest.mark.parametrize("part", [svm_linear, svm_rbf])
@pytest.mark.parametrize("c", [0, -1, "1e-3", None, float("inf"), float("nan")])
def test_svm_refuses_a_cost_out_of_range(part, c):
    with pytest.raises(ParameterError, match=r"svm_\w+\.c is"):
        part.Params(c=c)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_nearest_prototype_as_scikit_learn(seed):
    embedding, emotion = clouds(seed, spread=4.0)
    ours = make("nearest_prototype").fit(embedding[:100], emotion[:100]).scores(embedding[100:])
    theirs = NearestCentroid().fit(embedding[:100], emotion[:100])
    assert np.array_equal(ours.argmax(axis=1), theirs.predict(embedding[100:]))


def test_nearest_prototype_scores_are_negative_distances_and_ties_go_to_the_smaller_label():
    decision = nearest_prototype.Decision(nearest_prototype.Params(), 4)
    fitted = decision.fit(np.array([[0.0, 0], [0, 2], [6, 1]]), np.array([3, 3, 1]))
    scores = fitted.scores(np.array([[3.0, 1], [0, 4]]))
    assert scores[:, [0, 2]].tolist() == [[-np.inf, -np.inf]] * 2
    np.testing.assert_allclose(scores[:, [1, 3]], [[-3, -3], [-np.sqrt(45), -3]], atol=1e-12)
    assert scores.argmax(axis=1).tolist() == [1, 3]


def test_nearest_prototype_does_not_see_moves_and_turns():
    embedding, emotion = clouds(spread=4.0)
    turn, _ = np.linalg.qr(np.random.default_rng(1).normal(size=(6, 6)))
    scores = [
        make("nearest_prototype").fit(some, emotion).scores(some)
        for some in (embedding, embedding @ turn + 5)
    ]
    np.testing.assert_allclose(*scores, atol=1e-9)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), share=st.floats(0.01, 1.0), dim=st.sampled_from([2, 6, 60]))
def test_lda_as_scikit_learn(seed, share, dim):
    """Of emotions with equally many clips, for which theirs and ours pool alike."""
    generator = np.random.default_rng(seed)
    emotion = np.arange(40) % 4
    embedding = generator.normal(size=(60, dim)) @ generator.normal(size=(dim, dim))
    embedding[:40, 0] += 2 * emotion
    ours = lda.Decision(lda.Params(shrinkage=share), 4).fit(embedding[:40], emotion)
    standard = StandardScaler().fit(embedding[:40])
    # In the directions in which the clips vary, as ours is.
    axes = np.linalg.svd(standard.transform(embedding[:40]), full_matrices=False)[2][: min(39, dim)]
    found = standard.transform(embedding) @ axes.T
    theirs = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=share, priors=[0.25] * 4)
    theirs.fit(found[:40], emotion)
    ahead = np.sort(theirs.decision_function(found[40:]))
    clear = ahead[:, -1] - ahead[:, -2] > 1e-6
    predicted = ours.scores(embedding[40:]).argmax(axis=1)
    assert np.array_equal(predicted[clear], theirs.predict(found[40:])[clear])


def test_lda_learns_what_does_not_matter():
    """Two emotions differ a little in one direction; all clips differ much in another."""
    generator = np.random.default_rng(0)
    emotion = np.arange(400) % 2
    embedding = generator.normal(size=(400, 2)) * [0.3, 1.0]
    embedding[:, 0] += emotion
    embedding = embedding @ np.array([[1.0, 0.2], [4.0, 4.0]])
    right = {
        name: np.mean(make(name, 2).fit(embedding[:200], emotion[:200]).scores(embedding[200:])
                      .argmax(axis=1) == emotion[200:])
        for name in ("lda", "nearest_prototype")
    }  # fmt: skip
    assert right["lda"] > 0.85 > 0.7 > right["nearest_prototype"]


def test_lda_whitens_what_is_within_emotions():
    embedding, emotion = clouds(spread=4.0, n=300)
    decision = lda.Decision(lda.Params(shrinkage=1e-9), N_EMOTIONS).fit(embedding, emotion)
    metric = decision.within.metric(1e-9)
    mapped = decision.scaler.transform(embedding) @ metric
    within = mapped - (decision.within.means @ metric)[emotion]
    np.testing.assert_allclose(within.T @ within / 300, np.eye(6), atol=1e-6)


@pytest.mark.parametrize("share", [0, -0.1, 1.1, "much", float("nan")])
def test_lda_refuses_a_share_out_of_range(share):
    with pytest.raises(ParameterError, match=r"lda\.shrinkage is"):
        lda.Params(shrinkage=share)


def test_lda_of_ranks_sees_nothing_but_order():
    embedding, emotion = clouds(spread=2.0)
    scores = [
        lda.Decision(lda.Params(ranks=True), N_EMOTIONS).fit(some, emotion).scores(some)
        for some in (embedding, np.exp(embedding) * [1, 2, 3, 4, 5, 6])
    ]
    np.testing.assert_allclose(*scores, atol=1e-9)
    # Of the clips of the fit they are those of scipy's ranks; what lies outside is beyond them all.
    found = lda.normal_scores(np.append(embedding[:, 0], [-1e9, 1e9])[:, None], embedding[:, :1])
    wanted = norm.ppf(rankdata(embedding[:, 0]) / 151)
    np.testing.assert_allclose(found[:-2, 0], wanted, atol=1e-12)
    assert found[-2, 0] < wanted.min() and found[-1, 0] > wanted.max()
    with pytest.raises(ParameterError, match=r"lda\.ranks is"):
        lda.Params(ranks="yes")

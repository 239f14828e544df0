"""Speaker verification: the equal error rate, its interval, the trials behind it."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import settings as tries
from hypothesis import strategies as st
from sklearn.metrics import roc_curve

from emometric.base.errors import PipelineError
from emometric.pretraining import verification

KINDS = st.lists(st.tuples(st.integers(0, 1), st.integers(-4, 4)), min_size=2, max_size=40).filter(
    lambda rows: len({same for same, _ in rows}) == 2
)


@pytest.mark.parametrize(
    ("same", "score", "wanted"),
    [
        ([1, 1, 0, 0], [4, 3, 2, 1], 0.0),  # perfect
        ([0, 0, 1, 1], [4, 3, 2, 1], 1.0),  # reversed
        ([1, 0, 1, 0], [1, 1, 1, 1], 0.5),  # nothing is told apart
        ([1, 0], [1, 1], 0.5),
        ([1, 1, 1, 0, 0, 0], [6, 5, 1, 4, 3, 2], 1 / 3),  # at a corner of the curve
        ([1, 1, 0], [3, 1, 2], 0.5),  # on a step: 1 of 2 refused, the one different accepted
        ([1, 1, 1, 0, 0], [3, 2, 2, 2, 1], 2 / 7),  # a / 2 = 2/3 (1 - a) along the tie
    ],
)
def test_known_equal_error_rates(same, score, wanted):
    assert verification.eer(same, score) == pytest.approx(wanted, abs=1e-12)


@tries(max_examples=60, deadline=None)
@given(KINDS)
def test_as_the_roc_curve_of_scikit_learn(rows):
    same, score = map(np.array, zip(*rows, strict=True))
    accepts, passed, _ = roc_curve(same, score, drop_intermediate=False)
    found = verification.error_rates(same, score)
    assert found[0][0] == pytest.approx(accepts, abs=1e-12)
    assert found[1][0] == pytest.approx(1 - passed, abs=1e-12)
    # An independent crossing: bisection along the curve's length, which both rates follow.
    at = np.arange(len(accepts), dtype=float)
    low, high = 0.0, at[-1]
    for _ in range(60):
        middle = (low + high) / 2
        if np.interp(middle, at, accepts) < np.interp(middle, at, 1 - passed):
            low = middle
        else:
            high = middle
    assert verification.eer(same, score) == pytest.approx(np.interp(high, at, accepts), abs=1e-9)


@tries(max_examples=60, deadline=None)
@given(KINDS)
def test_what_it_does_not_depend_on_and_how_it_is_mirrored(rows):
    same, score = map(np.array, zip(*rows, strict=True))
    rate = verification.eer(same, score)
    assert 0 <= rate <= 1
    assert verification.eer(same[::-1], score[::-1]) == pytest.approx(rate, abs=1e-12)
    assert verification.eer(same, np.exp(score / 3)) == pytest.approx(rate, abs=1e-12)
    assert verification.eer(np.tile(same, 3), np.tile(score, 3)) == pytest.approx(rate, abs=1e-12)
    assert verification.eer(same, -score) == pytest.approx(1 - rate, abs=1e-12)


@pytest.mark.parametrize(("same", "score"), [([1, 1], [1, 2]), ([0], [1]), ([], []), ([1, 0], [1])])
def test_trials_of_one_kind_have_none(same, score):
    with pytest.raises(PipelineError, match="an equal error rate needs"):
        verification.eer(same, score)


def voices(n_speakers=6, takes=4, spread=0.6, seed=0, corpus="a"):
    """Utterances whose embeddings lie around their speaker's: (clips, embedding)."""
    generator = np.random.default_rng(seed)
    rows = [
        (f"{corpus}/{one}-{take}", corpus, f"{corpus}/{one}")
        for one in range(n_speakers)
        for take in range(takes)
    ]
    centre = np.repeat(generator.normal(size=(n_speakers, 8)), takes, axis=0)
    clips = pd.DataFrame(rows, columns=["id", "corpus", "speaker"])
    return clips, centre + spread * generator.normal(size=centre.shape)


def test_trials_are_all_pairs_within_a_corpus():
    clips, embedding = map(list, zip(voices(2, 3), voices(3, 2, corpus="b"), strict=True))
    clips, embedding = pd.concat(clips, ignore_index=True), np.concatenate(embedding)
    found = verification.trials(clips, embedding)
    wanted = []
    for one, two in combinations(range(len(clips)), 2):
        first, second = clips.iloc[one], clips.iloc[two]
        if first["corpus"] == second["corpus"]:
            x, y = embedding[one], embedding[two]
            cosine = x @ y / np.sqrt((x @ x) * (y @ y))
            same = int(first["speaker"] == second["speaker"])
            wanted.append((first["corpus"], first["id"], second["id"], same, cosine))
    wanted = pd.DataFrame(wanted, columns=list(verification.COLUMNS))
    pd.testing.assert_frame_equal(found, wanted, check_exact=False, rtol=1e-12)


def test_length_of_an_embedding_does_not_matter():
    clips, embedding = voices()
    scaled = embedding * np.linspace(0.1, 9, len(embedding))[:, None]
    one, other = (verification.trials(clips, each)["score"] for each in (embedding, scaled))
    np.testing.assert_allclose(one, other, rtol=1e-12)


def test_voices_are_told_apart_and_noise_is_not():
    near, far = (verification.trials(*voices(12, 5, spread)) for spread in (0.2, 50.0))
    assert verification.eer(near["same"], near["score"]) < 0.05
    assert 0.35 < verification.eer(far["same"], far["score"]) < 0.65


def interval(found, clips, n=200, seed=1):
    return verification.interval(
        found, clips, n_resamples=n, confidence=0.9, generator=np.random.default_rng(seed)
    )


def test_interval_is_that_of_a_plain_loop():
    clips, embedding = voices(6, 3, 1.2)
    found = verification.trials(clips, embedding)
    names = sorted(set(clips["speaker"]))
    of_clip = dict(zip(clips["id"], clips["speaker"], strict=True))
    generator = np.random.default_rng(1)
    drawn = generator.multinomial(len(names), np.full(len(names), 1 / len(names)), 200)
    rates = []
    for times in drawn:
        often = dict(zip(names, times.tolist(), strict=True))
        same, score = [], []
        for row in found.itertuples():
            one, two = of_clip[row.first], of_clip[row.second]
            count = often[one] if row.same else often[one] * often[two]
            same += [row.same] * count
            score += [row.score] * count
        if set(same) == {0, 1}:
            rates.append(verification.eer(same, score))
    wanted = np.quantile(rates, [0.05, 0.95])
    assert interval(found, clips) == pytest.approx(tuple(wanted), abs=1e-9)


def test_interval_holds_the_rate_and_repeats_itself():
    clips, embedding = voices(20, 4, 1.5)
    found = verification.trials(clips, embedding)
    low, high = interval(found, clips)
    assert low < verification.eer(found["same"], found["score"]) < high
    assert interval(found, clips) == (low, high)


def test_few_speakers_have_no_interval():
    clips, embedding = voices(4, 5)
    assert np.isnan(interval(verification.trials(clips, embedding), clips)).all()


def test_speakers_are_drawn_within_their_corpus():
    # In corpus b nobody is told from anybody; a resample of one big bag would often lack it.
    one, two = voices(5, 3, 0.01), voices(5, 3, 0.01, corpus="b")
    clips = pd.concat([one[0], two[0]], ignore_index=True)
    found = verification.trials(clips, np.concatenate([one[1], two[1]]))
    found.loc[found["group"] == "b", "score"] = 0.0
    low, high = interval(found, clips)
    assert 0 < low <= high < 0.5

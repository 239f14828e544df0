"""Regressions of labels on latents: statsmodels as the reference, loops, speakers resampled."""

import itertools

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from emometric.studies import affect


def draw(n=60, n_speakers=5, seed=0):
    generator = np.random.default_rng(seed)
    labels = generator.integers(2, 11, n) / 2
    latents = generator.standard_normal((n, 2)) + 0.3 * labels[:, None] * [1.0, -0.2]
    return latents, labels, generator.integers(n_speakers, size=n)


def reference(regressors, response):
    return sm.OLS(response, sm.add_constant(regressors)).fit()


@pytest.mark.parametrize("seed", range(3))
def test_labels_on_latents_equal_statsmodels(seed):
    latents, labels, _ = draw(seed=seed)
    found, wanted = affect.ols(latents, labels), reference(latents, labels)
    assert found.r2 == pytest.approx(wanted.rsquared_adj, abs=1e-12)
    assert found.p == pytest.approx(wanted.f_pvalue, rel=1e-8)
    assert found.n == 60


@pytest.mark.parametrize("seed", range(3))
def test_dz_on_dy_equals_statsmodels_on_the_same_pairs(seed):
    latents, labels, _ = draw(n=30, seed=seed)
    chosen = list(itertools.combinations(range(30), 2))
    dz = np.array([np.linalg.norm(latents[i] - latents[j]) for i, j in chosen])
    dy = np.array([abs(labels[i] - labels[j]) for i, j in chosen])
    found, wanted = affect.pairs(latents, labels), reference(dy, dz)
    assert found.r2 == pytest.approx(wanted.rsquared_adj, abs=1e-12)
    assert found.p == pytest.approx(wanted.f_pvalue, rel=1e-8)
    assert found.n == len(chosen)


def test_noise_may_fall_below_zero_as_in_statsmodels():
    generator = np.random.default_rng(3)
    latents, labels = generator.standard_normal((12, 2)), generator.standard_normal(12)
    wanted = reference(latents, labels)
    assert wanted.rsquared_adj < 0
    assert affect.ols(latents, labels).r2 == pytest.approx(wanted.rsquared_adj, abs=1e-12)


def test_collinear_and_constant_regressors_count_once_or_not_at_all():
    latents, labels, _ = draw()
    one = affect.ols(latents[:, :1], labels)
    doubled = affect.ols(latents[:, [0, 0]], labels)
    dead = affect.ols(np.column_stack([latents[:, 0], np.full(60, 3.0)]), labels)
    for fit in (doubled, dead):
        assert (fit.r2, fit.p) == pytest.approx((one.r2, one.p))
    assert one.r2 == pytest.approx(reference(latents[:, :1], labels).rsquared_adj)


@pytest.mark.parametrize(
    ("latents", "labels"),
    [
        (np.ones((9, 2)), np.arange(9.0)),
        (np.arange(18.0).reshape(9, 2) ** 2, np.full(9, 2.5)),
        (np.array([[1.0, 2.0], [3.0, 1.0]]), np.array([1.0, 2.0])),
        (np.empty((0, 2)), np.empty(0)),
    ],
)
def test_what_does_not_exist_is_nan(latents, labels):
    fit = affect.ols(latents, labels) if len(labels) else affect.NOTHING
    assert np.isnan(fit.r2) and np.isnan(fit.p)


def test_a_perfect_fit_is_one():
    latents, _, _ = draw()
    fit = affect.ols(latents, latents @ [2.0, -1.0] + 3)
    assert fit.r2 == pytest.approx(1) and fit.p < 1e-100


@given(
    hnp.arrays(np.float64, (20, 2), elements=st.floats(-5, 5, width=16), unique=True),
    st.floats(0.1, 10),
    st.floats(-100, 100),
)
@settings(max_examples=40, deadline=None)
def test_shift_and_scale_do_not_matter(latents, scale, shift):
    labels = np.arange(20.0) % 7
    one = affect.ols(latents, labels)
    two = affect.ols(scale * latents + shift, 3 * labels - shift)
    assert two.r2 == pytest.approx(one.r2, abs=1e-6)


def test_every_speaker_once_is_the_whole():
    latents, labels, speaker = draw()
    once = np.ones((1, 5), dtype=np.int64)
    assert affect.resampled_r2(affect.clip_sums(latents, labels, speaker), once)[0] == (
        pytest.approx(affect.ols(latents, labels).r2)
    )
    assert affect.resampled_pair_r2(affect.pair_sums(latents, labels, speaker), once)[0] == (
        pytest.approx(affect.pairs(latents, labels).r2)
    )


def test_a_resample_is_the_regression_on_repeated_clips():
    latents, labels, speaker = draw()
    drawn = np.array([[2, 0, 1, 2, 0]])
    rows = np.repeat(np.arange(60), drawn[0][speaker])
    found = affect.resampled_r2(affect.clip_sums(latents, labels, speaker), drawn)[0]
    wanted = reference(latents[rows], labels[rows])
    assert found == pytest.approx(wanted.rsquared_adj, abs=1e-12)


def test_a_resample_of_pairs_is_the_regression_on_repeated_pairs():
    latents, labels, speaker = draw(n=25)
    drawn = np.array([2, 0, 1, 3, 1])
    dz, dy = [], []
    for i, j in itertools.combinations(range(25), 2):
        a, b = speaker[i], speaker[j]
        times = drawn[a] if a == b else drawn[a] * drawn[b]
        dz += times * [np.linalg.norm(latents[i] - latents[j])]
        dy += times * [abs(labels[i] - labels[j])]
    found = affect.resampled_pair_r2(affect.pair_sums(latents, labels, speaker), drawn[None])[0]
    assert found == pytest.approx(reference(np.array(dy), np.array(dz)).rsquared_adj, abs=1e-12)


def test_speaker_lookup_equals_statsmodels_on_indicators():
    _, labels, speaker = draw()
    names = np.array(["anna", "ben", "cem", "dora", "emil"])[speaker]
    indicators = np.stack([names == name for name in np.unique(names)[1:]], axis=1).astype(float)
    found, wanted = affect.speaker_lookup(labels, names), reference(indicators, labels)
    assert found.r2 == pytest.approx(wanted.rsquared_adj, abs=1e-12)
    assert found.p == pytest.approx(wanted.f_pvalue, rel=1e-8)


def test_speaker_lookup_knows_all_where_a_speaker_has_one_label():
    speaker = np.repeat(["a", "b", "c"], 4)
    assert affect.speaker_lookup(np.repeat([1.0, 3.0, 5.0], 4), speaker).r2 == pytest.approx(1)
    assert np.isnan(affect.speaker_lookup(np.arange(4.0), ["a"] * 4).r2)


def test_interval_over_speakers_is_wider_where_a_speaker_keeps_to_itself():
    # 8 speakers of 30 clips: in one case the clips are independent, in the other the whole
    # speaker is shifted in latent and label at random.
    generator = np.random.default_rng(0)
    speaker = np.repeat(np.arange(8), 30)
    widths = []
    for share in (0.0, 2.0):
        shift = share * generator.standard_normal((8, 2))
        latents = generator.standard_normal((240, 1)) + shift[speaker, :1]
        labels = latents[:, 0] + generator.standard_normal(240) + shift[speaker, 1]
        sums = affect.clip_sums(latents, labels, speaker)
        low, high = affect.interval(affect.resampled_r2(sums, affect.draws(8, 500, 1)), 0.95)
        assert low < affect.ols(latents, labels).r2 < high
        widths.append(high - low)
    assert widths[1] > 1.5 * widths[0]


def test_draws_are_whole_speakers_and_repeat():
    drawn = affect.draws(6, 50, 3)
    assert drawn.shape == (50, 6) and (drawn.sum(axis=1) == 6).all()
    assert (drawn == affect.draws(6, 50, 3)).all()


def test_interval_of_mostly_nothing_is_nothing():
    assert np.isnan(affect.interval(np.array([1.0, np.nan, np.nan]), 0.95)).all()

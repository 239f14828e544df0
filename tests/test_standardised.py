"""What das2022 trains on and tests: folds, outliers, standardising, as published and clean."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from emometric.studies import standardised
from emometric.studies.cell import Table
from emometric.studies.standardised import Rules, Views

RULES = Rules(
    emotions=("anger", "happiness", "neutral", "sadness"),
    merged={"excitement": "happiness"},
    all_emotions=False,
    outlier=10.0,
    share=0.2,
)
each = pytest.mark.parametrize("kind", standardised.FOLDS)


def corpus(name="one", n_speakers=6, n_takes=8, seed=0, outlier=True):
    words = (*RULES.emotions, "excitement", "boredom", None)
    rows = [
        {"id": f"{name}/{speaker}_{word}_{take}", "speaker": f"{name}/{speaker}", "emotion": word}
        for speaker in range(n_speakers)
        for word in words
        for take in range(n_takes)
    ]
    values = np.random.default_rng(seed).normal(5, 2, (len(rows), 7))
    if outlier:
        values[3, 2] = 1e4
    names = tuple(f"f{number}" for number in range(7))
    return Table(corpus=name, clips=pd.DataFrame(rows), values=values, names=names)


def ids(part):
    return set(part.clips["id"])


def changed(table, chosen, size=50.0):
    values = table.values.copy()
    values[table.clips["id"].isin(chosen).to_numpy()] += size
    return replace(table, values=values)


def test_four_emotions_take_part_and_excitement_counts_as_happiness():
    found = standardised.taking_part(corpus(), RULES)
    assert found.clips["emotion"].value_counts().to_dict() == {
        "anger": 48, "happiness": 96, "neutral": 48, "sadness": 48,
    }  # fmt: skip
    whole = standardised.taking_part(corpus(), replace(RULES, all_emotions=True))
    assert len(whole) == len(corpus()) and whole.clips["emotion"].isna().sum() == 96
    apart = standardised.taking_part(corpus(), replace(RULES, merged={}))
    assert (apart.clips["emotion"] == "happiness").sum() == 48


@each
def test_every_clip_is_tested_once_or_an_outlier(kind):
    table = standardised.taking_part(corpus(), RULES)
    views = standardised.within(table, RULES, kind, 3, seed=1)
    tested = [clip for view in views for clip in view.test.clips["id"]]
    outlier = set(table.clips["id"][(table.values > 1000).any(axis=1)])
    assert len(views) == 3 and len(outlier) == 1
    left_out = outlier if kind == "stratified" else set()
    assert sorted(tested) == sorted(set(table.clips["id"]) - left_out)
    for view in views:
        assert not ids(view.train) & (ids(view.test) | outlier)
        assert view.n_outliers == (kind == "stratified" or not outlier <= ids(view.test))


def test_speakers_are_apart_or_shared_as_said():
    table = standardised.taking_part(corpus(), RULES)
    for kind, is_shared in (("stratified", True), ("speakers", False)):
        for view in standardised.within(table, RULES, kind, 3, seed=1):
            both = set(view.train.clips["speaker"]) & set(view.test.clips["speaker"])
            assert bool(both) == is_shared


@each
def test_training_values_have_mean_zero_and_deviation_one(kind):
    table = standardised.taking_part(corpus(), RULES)
    for view in standardised.within(table, RULES, kind, 3, seed=1):
        np.testing.assert_allclose(view.train.values.mean(axis=0), 0, atol=1e-9)
        np.testing.assert_allclose(view.train.values.std(axis=0), 1, atol=1e-9)
        assert np.abs(view.test.values).max() <= 10


def test_tested_clips_set_no_statistic_where_speakers_are_apart():
    table = standardised.taking_part(corpus(outlier=False), RULES)
    before = standardised.within(table, RULES, "speakers", 3, seed=1)[0]
    moved = changed(table, ids(before.test), size=1e6)
    after = standardised.within(moved, RULES, "speakers", 3, seed=1)[0]
    np.testing.assert_array_equal(after.train.values, before.train.values)
    assert ids(after.test) == ids(before.test)
    np.testing.assert_array_equal(after.test.values, 10.0)


@each
def test_a_fifth_standardises_the_rest_of_a_transfer_corpus(kind):
    table = standardised.taking_part(corpus(outlier=False), RULES)
    part = standardised.transferred(table, RULES, kind, seed=1)
    assert len(part) == round(0.8 * len(table))
    known = ~table.clips["id"].isin(ids(part)).to_numpy()
    base = table.values[known].astype(np.float64)
    raw = table.values[~known].astype(np.float64)
    wanted = (raw - base.mean(axis=0)) / base.std(axis=0)
    np.testing.assert_allclose(part.values, wanted, atol=1e-9)
    again = standardised.transferred(table, RULES, kind, seed=1)
    assert ids(again) == ids(part)
    assert ids(standardised.transferred(table, RULES, kind, seed=2)) != ids(part)


def test_outliers_of_a_transfer_corpus_leave_as_published_and_are_limited_else():
    table = standardised.taking_part(corpus(), RULES)
    outlier = set(table.clips["id"][(table.values > 1000).any(axis=1)])
    published = standardised.transferred(table, RULES, "stratified", seed=1)
    assert not ids(published) & outlier and np.abs(published.values).max() < 10
    seeds = range(20)
    clean = [standardised.transferred(table, RULES, "speakers", seed) for seed in seeds]
    tested = [outlier <= ids(part) for part in clean]
    assert 0 < sum(tested) < 20
    for part, is_tested in zip(clean, tested, strict=True):
        assert np.abs(part.values).max() == 10 if is_tested else np.abs(part.values).max() < 10


@each
def test_a_transfer_corpus_is_the_same_in_all_folds(kind):
    views = Views(corpus("one"), corpus("two", seed=3), RULES, n_folds=3)
    tested = [views.of(False, kind, fold, 5) for fold in range(3)]
    assert len({frozenset(ids(view.test)) for view in tested}) == 1
    assert all(clip.startswith("two/") for clip in ids(tested[0].test))
    assert all(clip.startswith("one/") for view in tested for clip in ids(view.train))


@each
def test_supervised_folds_divide_the_tested_clips(kind):
    views = Views(corpus("one"), corpus("two", seed=3), RULES, n_folds=3)
    folds = views.folds(True, kind, 5)
    tested = [clip for view in folds for clip in view.test.clips["id"]]
    assert sorted(tested) == sorted(ids(views.tested(kind, 5)))
    for view in folds:
        assert not ids(view.train) & ids(view.test)
        both = set(view.train.clips["speaker"]) & set(view.test.clips["speaker"])
        assert bool(both) == (kind == "stratified")


def test_few_speakers_have_few_folds_and_one_has_none():
    four = standardised.taking_part(corpus(n_speakers=4), RULES)
    assert len(standardised.within(four, RULES, "speakers", 5, seed=1)) == 4
    one = standardised.taking_part(corpus(n_speakers=1), RULES)
    assert standardised.within(one, RULES, "speakers", 5, seed=1) == []
    assert len(standardised.within(one, RULES, "stratified", 5, seed=1)) == 5


def test_a_constant_column_becomes_zero():
    values = np.column_stack([np.full(5, 0.1), np.arange(5.0)])
    found = standardised.standardise(values, values)
    assert (found[:, 0] == 0).all() and found[:, 1].std() == pytest.approx(1)

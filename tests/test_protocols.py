"""What every protocol promises, and what each of them is known to do."""

import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emometric import parts, speakers, splits
from emometric import settings as project_settings
from emometric.clip import Fold
from emometric.errors import ParameterError, SplitError
from emometric.protocols import leave_one_speaker_out, speaker_folds

EMOTIONS = ("anger", "happiness", "neutral", "sadness")
PROTOCOLS = parts.available("protocols")
SETTINGS = project_settings.read("synthetic", Path(__file__).resolve().parents[1] / "params.yaml")[
    "protocols"
]


def make_clips(counts: np.ndarray) -> pd.DataFrame:
    """Clips of speakers s00, s01, ...: counts (speakers, emotions)."""
    return pd.DataFrame(
        [
            (f"c/s{speaker:02d}{emotion}{take}", f"c/s{speaker:02d}", EMOTIONS[emotion], "a")
            for speaker, row in enumerate(counts)
            for emotion, count in enumerate(row)
            for take in range(count)
        ],
        columns=["id", "speaker", "emotion", "sentence"],
    )


def like_urdu(generator: np.random.Generator) -> np.ndarray:
    """29 speakers, three of them with several emotions, 26 with one; four have anger."""
    counts = np.zeros((29, 4), dtype=np.int64)
    counts[:3] = generator.integers(1, 25, (3, 4))
    counts[3, 0] = 40
    for speaker in range(4, 29):
        counts[speaker, 1 + speaker % 3] = generator.integers(1, 20)
    return counts


@st.composite
def corpora(draw, min_speakers=5, max_speakers=12):
    """Counts of speakers by emotion; many speakers show one emotion only."""
    n_speakers = draw(st.integers(min_speakers, max_speakers))
    rows = []
    for _ in range(n_speakers):
        many = st.lists(st.integers(0, 5), min_size=4, max_size=4)
        one = st.tuples(st.integers(0, 3), st.integers(1, 20)).map(
            lambda pair: [pair[1] if emotion == pair[0] else 0 for emotion in range(4)]
        )
        row = draw(st.one_of(one, many))
        rows.append(row if any(row) else [1, 0, 0, 0])
    return np.array(rows)


def params_of(name):
    return parts.make_params("protocols", name, SETTINGS[name])


def split(name, clips, seed=7) -> list[Fold]:
    return list(parts.load("protocols", name).split(clips, params_of(name), seed))


@pytest.mark.parametrize("name", PROTOCOLS)
@settings(max_examples=25, deadline=None)
@given(counts=corpora(), seed=st.integers(0, 2**32 - 1), random=st.randoms(use_true_random=False))
def test_contract(name, counts, seed, random):
    clips = make_clips(counts)
    part = parts.load("protocols", name)
    before = clips.copy()
    folds = split(name, clips, seed)
    assert clips.equals(before), "the clips were changed"
    splits.check(folds, clips, shares_speakers=part.SHARES_SPEAKERS)  # roles, speakers
    tested = [clip for fold in folds for clip in fold.test]
    assert sorted(tested) == sorted(clips["id"]), "each clip is tested once"
    assert folds == split(name, clips, seed), "split twice differs"
    order = list(range(len(clips)))
    random.shuffle(order)
    assert folds == split(name, clips.iloc[order], seed), "row order matters"
    for fold in folds:
        assert all(list(ids) == sorted(ids) for ids in (fold.train, fold.valid, fold.test))


@pytest.mark.parametrize("name", PROTOCOLS)
@settings(max_examples=25, deadline=None)
@given(counts=corpora())
def test_validation_leaves_every_emotion_in_training(name, counts):
    clips = make_clips(counts)
    emotion, speaker = (clips.set_index("id")[column] for column in ("emotion", "speaker"))
    for fold in split(name, clips):
        rest = [*fold.train, *fold.valid]
        assert set(emotion[list(fold.train)]) == set(emotion[rest])
        if not fold.valid:  # only where each speaker is the last of some emotion
            holders = speaker[rest].groupby(emotion[rest]).agg(set)
            alone = set.union(*(some for some in holders if len(some) == 1))
            assert alone == set(speaker[rest])


@pytest.mark.parametrize("name", PROTOCOLS)
def test_the_seed_decides(name):
    clips = make_clips(np.full((12, 4), 3))
    assert split(name, clips, 1) != split(name, clips, 2)


@pytest.mark.parametrize("name", PROTOCOLS)
def test_one_speaker_is_refused(name):
    with pytest.raises(SplitError, match="1 speaker"):
        split(name, make_clips(np.array([[3, 3, 3, 3]])))


@pytest.mark.parametrize("name", PROTOCOLS)
@pytest.mark.parametrize("column", ["emotion", "speaker", "id"])
def test_unlabelled_clips_are_refused(name, column):
    clips = make_clips(np.full((6, 4), 2)).astype(object)
    clips.loc[3, column] = None
    with pytest.raises(SplitError, match=f"without {column}"):
        split(name, clips)


@pytest.mark.parametrize("name", PROTOCOLS)
def test_a_clip_that_occurs_twice_is_refused(name):
    clips = make_clips(np.full((6, 4), 2))
    with pytest.raises(SplitError, match="c/s0000 occurs twice"):
        split(name, pd.concat([clips, clips[:1]]))


@pytest.mark.parametrize("name", PROTOCOLS)
@pytest.mark.parametrize("share", [-0.1, 1.0, "0,15", None])
def test_valid_share_out_of_range_is_refused(name, share):
    with pytest.raises(ParameterError, match=f"{name}.valid_share is '{share}'"):
        parts.make_params("protocols", name, {**SETTINGS[name], "valid_share": share})


def test_speaker_folds_of_equal_speakers_are_equal():
    # RAVDESS: 24 actors alike, 10 folds: four of three actors, six of two.
    clips = make_clips(np.full((24, 4), 5))
    folds = list(speaker_folds.split(clips, speaker_folds.Params(n_folds=10, valid_share=0.15), 7))
    assert sorted(len(fold.test) for fold in folds) == [40] * 6 + [60] * 4
    for fold in folds:
        assert len(fold.valid) == 60  # three of 21 or 22 speakers


def test_speaker_folds_of_a_skewed_corpus_train_on_every_emotion():
    for seed in range(5):
        counts = like_urdu(np.random.default_rng(seed))
        clips = make_clips(counts)
        emotion = clips.set_index("id")["emotion"]
        folds = list(
            speaker_folds.split(clips, speaker_folds.Params(n_folds=10, valid_share=0.15), seed)
        )
        for fold in folds:
            assert emotion[list(fold.train)].nunique() == 4
            assert fold.valid
        largest = max(counts.sum(axis=1).max(), counts.sum() / 10)
        assert max(len(fold.test) for fold in folds) < 2 * largest


@settings(max_examples=60, deadline=None)
@given(counts=corpora(min_speakers=3, max_speakers=6), n_folds=st.integers(2, 3))
def test_speaker_folds_confine_no_emotion_without_need(counts, n_folds):
    clips = make_clips(counts)
    names, counts = speakers.count(clips)
    folds = list(
        speaker_folds.split(clips, speaker_folds.Params(n_folds=n_folds, valid_share=0.2), 7)
    )
    of_speaker = clips.set_index("id")["speaker"]
    number = {name: k for k, fold in enumerate(folds) for name in of_speaker[list(fold.test)]}

    def n_confined(fold_of):
        held = [{fold_of[s] for s in np.flatnonzero(column)} for column in counts.T]
        return sum(len(some) == 1 for some in held)

    divisions = itertools.product(range(n_folds), repeat=len(names))
    least = min(n_confined(some) for some in divisions if len(set(some)) == n_folds)
    assert n_confined([number[name] for name in names]) == least


def test_speaker_folds_refuse_more_folds_than_speakers():
    with pytest.raises(SplitError, match=r"3 speakers cannot fill 4 folds.*n_folds to 3"):
        split("speaker_folds", make_clips(np.full((3, 4), 2)))


@pytest.mark.parametrize("n_folds", [1, 0, 2.5, "4", None])
def test_n_folds_out_of_range_is_refused(n_folds):
    with pytest.raises(ParameterError, match="n_folds"):
        speaker_folds.Params(n_folds=n_folds, valid_share=0.15)


def test_leave_one_speaker_out_tests_each_speaker_in_turn():
    clips = make_clips(np.array([[2, 1, 0, 0], [1, 1, 1, 1], [4, 2, 2, 2]]))
    of_speaker = clips.set_index("id")["speaker"]
    folds = list(
        leave_one_speaker_out.split(clips, leave_one_speaker_out.Params(valid_share=0.0), 7)
    )
    assert [set(of_speaker[list(fold.test)]) for fold in folds] == [{"c/s00"}, {"c/s01"}, {"c/s02"}]
    assert all(fold.valid == () for fold in folds)


def test_validation_nears_its_share():
    counts = np.full((20, 4), 3)
    validates = speakers.choose_valid(counts, 0.15, np.random.default_rng(0))
    assert validates.sum() == 3


def test_validation_is_empty_where_every_speaker_is_the_last_of_an_emotion():
    assert not speakers.choose_valid(np.eye(4, dtype=int), 0.5, np.random.default_rng(0)).any()

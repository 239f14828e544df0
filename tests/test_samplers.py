"""A contract over all samplers, and the balance of single ones."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emometric.base import parts
from emometric.samplers import emotion_balanced

each = pytest.mark.parametrize("name", parts.available("samplers"))


def epoch(name, emotion, speaker, batch_size, seed=0):
    draw = parts.load("samplers", name).draw
    generator = np.random.default_rng(seed)
    return list(draw(np.asarray(emotion), np.asarray(speaker), batch_size, generator))


@each
def test_same_generator_same_epoch_and_another_one_differs(name):
    emotion, speaker = np.arange(60) % 5, np.arange(60) % 7
    one, two = (epoch(name, emotion, speaker, 8, seed=4) for _ in range(2))
    other = epoch(name, emotion, speaker, 8, seed=5)
    assert np.array_equal(np.concatenate(one), np.concatenate(two))
    assert not np.array_equal(np.concatenate(one), np.concatenate(other))


@each
def test_global_random_state_is_left_alone(name):
    before = np.random.get_state()[1].copy()
    epoch(name, np.arange(30) % 3, np.arange(30) % 4, 8)
    assert np.array_equal(before, np.random.get_state()[1])


@settings(deadline=None)
@given(
    emotion=st.lists(st.integers(0, 6), min_size=1, max_size=80),
    batch_size=st.integers(2, 40),
    seed=st.integers(0, 9),
)
def test_emotion_balanced_batches_are_as_equal_as_they_can_be(emotion, batch_size, seed):
    batches = epoch("emotion_balanced", emotion, np.arange(len(emotion)) % 3, batch_size, seed)
    assert len(batches) == -(-len(emotion) // batch_size)
    total = np.zeros(7)
    for batch in batches:
        assert len(batch) == batch_size
        assert batch.min() >= 0 and batch.max() < len(emotion)
        counts = np.bincount(np.asarray(emotion)[batch], minlength=7)
        total += counts
        present = counts[sorted(set(emotion))]
        assert present.max() - present.min() <= 1
    present = total[sorted(set(emotion))]
    assert present.max() - present.min() <= 1  # the odd clips go round


def test_emotion_balanced_oversamples_every_clip_of_a_rare_emotion():
    emotion = np.repeat([0, 1], [60, 4])
    drawn = np.concatenate(epoch("emotion_balanced", emotion, np.arange(64) % 5, 16))
    counts = np.bincount(drawn, minlength=64)
    assert set(counts[60:]) == {8}  # 32 places for 4 clips
    assert counts[:60].max() == 1 and counts[:60].sum() == 32


def test_emotion_balanced_shows_all_clips_over_several_epochs():
    emotion = np.repeat([0, 1], [60, 4])
    generator = np.random.default_rng(0)
    seen = set()
    for _ in range(8):
        for batch in emotion_balanced.draw(emotion, np.arange(64) % 5, 16, generator):
            seen |= set(batch.tolist())
    assert len(seen) == 64


def test_emotion_balanced_mixes_speakers():
    # One emotion, four speakers of ten clips, sorted by speaker: each batch of 8 holds all four.
    speaker = np.repeat([0, 1, 2, 3], 10)
    for batch in epoch("emotion_balanced", np.zeros(40, int), speaker, 8):
        counts = np.bincount(speaker[batch], minlength=4)
        assert counts.min() >= 1 and counts.max() <= 3

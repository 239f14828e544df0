"""Fingerprints: copies are found after processing, and other clips are not taken for copies."""

import io
from collections import Counter

import numpy as np
import pytest
import soundfile
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from emometric.acquisition import acquiring
from emometric.audit import fingerprint
from emometric.base import parts
from emometric.sound import audio
from emometric.sound.audio import RATE_HZ
from emometric.storage import store
from fabricated_sounds import utterance, with_noise


def mp3(waveform: np.ndarray) -> np.ndarray:
    buffer = io.BytesIO()
    soundfile.write(
        buffer, waveform, RATE_HZ, format="MP3", subtype="MPEG_LAYER_III", compression_level=0.9
    )
    buffer.seek(0)
    return soundfile.read(buffer, dtype="float32")[0]


# Copy of a recording -> what was done to it; the generator decides what is left open.
PLANTED = {
    "gain": lambda x, g: 0.25 * x,
    "noise 30 dB": lambda x, g: with_noise(x, 30, g),
    "noise 20 dB": lambda x, g: with_noise(x, 20, g),
    "noise 10 dB": lambda x, g: with_noise(x, 10, g),
    "trimmed": lambda x, g: x[int(g.integers(800, 4000)) : -int(g.integers(800, 4000))],
    "shifted": lambda x, g: np.concatenate([np.zeros(int(g.integers(1, 9000)), np.float32), x]),
    "band limit": lambda x, g: soxr.resample(soxr.resample(x, 16000, 8000), 8000, 16000),
    "mp3": lambda x, g: mp3(x),
    "1 % slower": lambda x, g: soxr.resample(x, 16000, 16160),
    "1 % faster": lambda x, g: soxr.resample(x, 16000, 15840),
}


def copies(waveform: np.ndarray, seed: int) -> dict[str, fingerprint.Fingerprint]:
    """The fingerprint of every planted copy, after 16 bits and full scale."""
    generator = np.random.default_rng(seed)
    made = {name: change(waveform, generator) for name, change in PLANTED.items()}
    return {
        name: fingerprint.fingerprint(audio.from_pcm16(audio.to_pcm16(copy)))
        for name, copy in made.items()
    }


def found(first: fingerprint.Fingerprint, second: fingerprint.Fingerprint) -> bool:
    return bool(fingerprint.near_duplicates([first, second]))


@pytest.fixture(scope="module")
def utterances() -> list[np.ndarray]:
    generator = np.random.default_rng(3)
    return [utterance(generator) for _ in range(25)]


def test_planted_copies_are_found_and_nothing_else(utterances):
    prints = [fingerprint.fingerprint(one) for one in utterances]
    names, owners, every = [], [], list(prints)
    for place, one in enumerate(utterances):
        for name, copy in copies(one, place).items():
            names.append(name)
            owners.append(place)
            every.append(copy)
    n_found = Counter()
    for match in fingerprint.near_duplicates(every):
        first, second = (
            place if place < len(prints) else owners[place - len(prints)]
            for place in (match.first, match.second)
        )
        assert first == second, "two utterances are taken for one"
        assert match.first < match.second and match.error <= fingerprint.MAX_ERROR
        if match.first < len(prints):
            n_found[names[match.second - len(prints)]] += 1
    assert all(n_found[name] == len(prints) for name in PLANTED if name != "noise 10 dB"), n_found
    assert n_found["noise 10 dB"] >= 12


def test_the_shift_is_where_the_copy_lies(utterances):
    whole = fingerprint.fingerprint(utterances[0])
    late = fingerprint.fingerprint(utterances[0][8000:])
    (match,) = fingerprint.near_duplicates([whole, late])
    assert match.shift_s == pytest.approx(0.5, abs=fingerprint.HOP_S)
    (match,) = fingerprint.near_duplicates([late, whole])
    assert match.shift_s == pytest.approx(-0.5, abs=fingerprint.HOP_S)
    assert match.error < 0.05


def test_a_clip_within_a_longer_one_is_found(utterances):
    both = np.concatenate([utterances[0], utterances[1]])
    prints = [fingerprint.fingerprint(one) for one in (utterances[0], both, utterances[1])]
    matches = fingerprint.near_duplicates(prints)
    assert [(match.first, match.second) for match in matches] == [(0, 1), (1, 2)]


def test_many_copies_hang_together(utterances):
    prints = [fingerprint.fingerprint(utterances[0])] * 60
    reached = {0}
    for match in fingerprint.near_duplicates(prints):
        reached |= {match.first, match.second} if {match.first, match.second} & reached else set()
    assert reached == set(range(60))


@pytest.mark.parametrize(
    "waveform",
    [
        np.zeros(0, np.float32),
        np.zeros(RATE_HZ, np.float32),
        np.full(RATE_HZ, 0.5, np.float32),
        np.ones(160, np.float32),
        np.sin(np.arange(RATE_HZ) * 0.3).astype(np.float32),
    ],
    ids=["nothing", "silence", "constant", "too short", "tone"],
)
def test_odd_clips_match_no_speech(waveform, utterances):
    odd = fingerprint.fingerprint(waveform)
    speech = [fingerprint.fingerprint(one) for one in utterances[:3]]
    assert fingerprint.near_duplicates([odd, *speech]) == []
    assert fingerprint.near_duplicates([odd]) == fingerprint.near_duplicates([]) == []


def test_a_fingerprint_is_plain_and_repeatable(utterances):
    first, second = (fingerprint.fingerprint(utterances[0]) for _ in range(2))
    assert np.array_equal(first.code, second.code) and np.array_equal(first.weak, second.weak)
    assert len(first.position) == len(first.code) == len(first.weak) > fingerprint.MIN_FRAMES
    assert (np.diff(first.position) > 0).all()
    assert (np.bitwise_count(first.weak) == 1).all()
    assert (first.weak[:, 0] != first.weak[:, 1]).all()
    assert fingerprint.bit_error(first, second, 0) == 0.0
    quiet = fingerprint.fingerprint(1e-3 * utterances[0])
    assert fingerprint.bit_error(first, quiet, 0) < 1e-3  # rounding of the smallest differences


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(-40, 40))
def test_bit_errors_are_those_of_a_plain_loop(seed, shift):
    generator = np.random.default_rng(seed)

    def draw():
        position = np.flatnonzero(generator.random(120) < 0.8).astype(np.int32)
        code = generator.integers(0, 2**32, len(position), dtype=np.uint32)
        return fingerprint.Fingerprint(position, code, np.zeros((len(position), 2), np.uint32))

    first, second = draw(), draw()
    there = dict(zip(first.position.tolist(), first.code.tolist(), strict=True))
    errors = [
        (there[position + shift] ^ code).bit_count() / 32
        for position, code in zip(second.position.tolist(), second.code.tolist(), strict=True)
        if position + shift in there
    ]
    needed = max(
        fingerprint.MIN_FRAMES, fingerprint.MIN_SHARE * min(len(first.code), len(second.code))
    )
    expected = sum(errors) / len(errors) if len(errors) >= needed else 1.0
    assert fingerprint.bit_error(first, second, shift) == pytest.approx(expected, abs=1e-12)


def test_the_index_grows_with_clips_not_with_pairs():
    # 20,000 clips of a second have 200 million pairs; the index sees 8 million codes.
    generator = np.random.default_rng(0)
    prints = []
    for _ in range(20_000):
        code = generator.integers(0, 2**32, 60, dtype=np.uint32)
        weak = np.uint32(1) << generator.integers(0, 32, (60, 2), dtype=np.uint32)
        prints.append(fingerprint.Fingerprint(np.arange(60, dtype=np.int32), code, weak))
    prints[17_000] = prints[3]
    (match,) = fingerprint.near_duplicates(prints)
    assert (match.first, match.second, match.error) == (3, 17_000, 0.0)


@pytest.mark.original
@pytest.mark.slow
@pytest.mark.parametrize("corpus", ["emodb", "ravdess"])
def test_errors_on_real_speech(corpus, corpora_root, tmp_path):
    params = parts.load("corpora", corpus).Params(exclusions=False)
    acquiring.acquire(corpus, params, corpora_root / corpus, tmp_path / corpus, n_jobs=2)
    clips = store.Ragged(tmp_path / corpus / "audio")
    waveforms = {clip: audio.from_pcm16(clips.read(clip)) for clip in clips.ids}
    prints = {clip: fingerprint.fingerprint(one) for clip, one in waveforms.items()}
    matches = fingerprint.near_duplicates(list(prints.values()))
    pairs = {(clips.ids[match.first], clips.ids[match.second]) for match in matches}
    # RAVDESS holds one clip twice; its takes of a sentence and emotion are otherwise apart.
    twice = ("ravdess/03-01-03-01-02-01-07", "ravdess/03-01-03-01-02-02-07")
    assert pairs == ({twice} if corpus == "ravdess" else set())
    chosen = np.random.default_rng(5).choice(clips.ids, 60, replace=False)
    n_found = Counter()
    for seed, clip in enumerate(chosen):
        for name, copy in copies(waveforms[clip], seed).items():
            n_found[name] += found(prints[clip], copy)
    for name in PLANTED:
        assert n_found[name] >= (48 if name == "noise 10 dB" else 58), n_found

"""Voice activity: speech is found however quiet it is, and intervals are what they promise."""

import numpy as np
import pyarrow as pa
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from emometric.base.errors import ParameterError
from emometric.sound import audio, vad
from emometric.storage import store
from emometric.storage.clip import LABELS_SCHEMA, MANIFEST_SCHEMA

RATE_HZ = 16000


def speechlike(seconds, seed=0, peak=0.4):
    """A buzz of 130 Hz through two slowly moving resonances, in syllables: WebRTC hears speech."""
    n = round(seconds * RATE_HZ)
    t = np.arange(n) / RATE_HZ
    generator = np.random.default_rng(seed)
    phase = 2 * np.pi * np.cumsum(130 + 15 * np.sin(2 * np.pi * 2 * t + seed)) / RATE_HZ
    sound = np.zeros(n)
    for harmonic in range(1, 30):
        hz = 130 * harmonic
        gain = sum(
            np.exp(-(((hz - centre - 100 * np.sin(2 * np.pi * 1.5 * t)) / 150) ** 2))
            for centre in (500, 1500, 2500)
        )
        sound += gain * np.sin(harmonic * phase)
    sound *= 0.6 + 0.4 * np.sin(2 * np.pi * 4 * t)
    sound += 0.001 * generator.normal(size=n)
    return peak * sound / np.abs(sound).max()


def spoken_between(start_s, end_s, seconds, seed=0, noise=1e-4):
    waveform = noise * np.random.default_rng(seed).normal(size=round(seconds * RATE_HZ))
    at = round(start_s * RATE_HZ)
    speech = speechlike(end_s - start_s, seed)
    waveform[at : at + len(speech)] += speech
    return waveform


def share_found(intervals, start, end):
    return sum(max(0, min(b, end) - max(a, start)) for a, b in intervals) / (end - start)


def test_speech_between_silence_is_found():
    waveform = spoken_between(1.0, 2.0, 3.0)
    found = vad.voiced(waveform, RATE_HZ, vad.Params())
    assert share_found(found, 16000, 32000) > 0.98
    assert found[0][0] >= 0.8 * RATE_HZ
    assert found[-1][1] <= 2.5 * RATE_HZ  # the detector's hangover, then the padding


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 20), gain=st.floats(1e-3, 1.0))
def test_gain_changes_nothing(seed, gain):
    waveform = spoken_between(0.4, 1.1, 1.6, seed)
    found = vad.voiced(waveform, RATE_HZ, vad.Params())
    assert found
    assert vad.voiced(waveform * gain, RATE_HZ, vad.Params()) == found


def test_without_a_level_a_quiet_clip_loses_its_speech():
    """The harm that `level_db` prevents; else the test above would show nothing."""
    quiet = 0.002 * spoken_between(0.4, 1.1, 1.6)
    assert vad.voiced(quiet, RATE_HZ, vad.Params(level_db=None, mode=3)) == []
    assert share_found(vad.voiced(quiet, RATE_HZ, vad.Params(mode=3)), 6400, 17600) > 0.9


def test_a_quiet_clip_of_16_bits_keeps_its_speech():
    """What rounding to int16 leaves of a clip that peaks at 0.004 still has all of its speech."""
    quiet = audio.from_pcm16(audio.to_pcm16(0.01 * spoken_between(0.4, 1.1, 1.6)))
    assert share_found(vad.voiced(quiet, RATE_HZ, vad.Params()), 6400, 17600) > 0.98


def test_level_is_that_of_the_active_part_and_never_clips():
    waveform = spoken_between(1.0, 2.0, 9.0)  # eight seconds of silence do not count
    speech = slice(RATE_HZ, 2 * RATE_HZ)
    loud = vad.at_level(waveform, RATE_HZ, -23.0)
    rms_db = 10 * np.log10((loud[speech] ** 2).mean())
    assert rms_db == pytest.approx(-23.0, abs=0.5)  # the frames at the speech's ends differ
    click = np.zeros(RATE_HZ)
    click[800] = 0.5
    assert np.abs(vad.at_level(click, RATE_HZ, -3.0)).max() == pytest.approx(1.0, abs=1e-12)
    assert not vad.at_level(np.zeros(999), RATE_HZ, -23.0).any()


@settings(max_examples=30, deadline=None)
@given(
    n_samples=st.integers(1, 20000),
    seed=st.integers(0, 99),
    mode=st.integers(0, 3),
    frame_s=st.sampled_from([0.01, 0.02, 0.03]),
    pad_s=st.floats(0, 0.3),
    min_speech_s=st.floats(0, 0.2),
)
def test_intervals_are_sorted_disjoint_and_inside(
    n_samples, seed, mode, frame_s, pad_s, min_speech_s
):
    generator = np.random.default_rng(seed)
    waveform = spoken_between(0.2, 0.9, 1.3, seed)[:n_samples] * generator.uniform(0, 1)
    before = waveform.copy()
    params = vad.Params(mode=mode, frame_s=frame_s, pad_s=pad_s, min_speech_s=min_speech_s)
    found = vad.voiced(waveform, RATE_HZ, params)
    np.testing.assert_array_equal(waveform, before)
    flat = [position for interval in found for position in interval]
    assert flat == sorted(set(flat))  # strictly ascending: disjoint, not touching, not empty
    assert all(isinstance(position, int) for position in flat)
    assert not flat or (flat[0] >= 0 and flat[-1] <= len(waveform))
    assert found == vad.voiced(waveform, RATE_HZ, params)


def test_padding_widens_and_merges():
    narrow = vad.voiced(
        waveform := np.concatenate([spoken_between(0.5, 1.0, 1.5, seed) for seed in (1, 2)]),
        RATE_HZ,
        vad.Params(pad_s=0.0),
    )
    wide = vad.voiced(waveform, RATE_HZ, vad.Params(pad_s=0.1))
    assert len(narrow) >= 2
    assert wide[0][0] == narrow[0][0] - 1600 and wide[-1][1] == narrow[-1][1] + 1600
    assert vad.voiced(waveform, RATE_HZ, vad.Params(pad_s=9.0)) == [(0, len(waveform))]


def test_short_stretches_are_dropped():
    waveform = spoken_between(0.5, 1.0, 1.5)
    longest = max(b - a for a, b in vad.voiced(waveform, RATE_HZ, vad.Params(pad_s=0.0)))
    for longer, expected in ((-0.01, 1), (0.01, 0)):
        params = vad.Params(pad_s=0.0, min_speech_s=longest / RATE_HZ + longer)
        assert len(vad.voiced(waveform, RATE_HZ, params)) == expected


def test_silence_modes():
    waveform = np.arange(100, dtype=np.float32)
    voiced = [(10, 20), (30, 35), (90, 100)]
    kept, trimmed, removed = (vad.apply_silence(waveform, voiced, mode) for mode in vad.SILENCE)
    np.testing.assert_array_equal(kept, waveform)
    np.testing.assert_array_equal(trimmed, waveform[10:])
    np.testing.assert_array_equal(removed, waveform[np.r_[10:20, 30:35, 90:100]])
    for mode in vad.SILENCE:
        np.testing.assert_array_equal(vad.apply_silence(waveform, [], mode), waveform)
    with pytest.raises(ParameterError, match="silence is 'cut'; write keep, trim, remove"):
        vad.apply_silence(waveform, voiced, "cut")


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"mode": 4}, "mode is 4; write 0, 1, 2 or 3"),
        ({"frame_s": 0.025}, "frame_s is 0.025"),
        ({"level_db": 3}, "level_db is 3"),
        ({"level_db": "loud"}, "level_db is loud"),
        ({"pad_s": -0.1}, "pad_s is -0.1"),
        ({"min_speech_s": None}, "min_speech_s is None"),
    ],
)
def test_settings_out_of_range_are_refused(wrong, sentence):
    with pytest.raises(ParameterError, match=rf"params\.yaml: vad\.{sentence}"):
        vad.Params(**wrong)


def test_manifest_keeps_and_flags_a_clip_without_speech(tmp_path):
    waveforms = {
        "c/speech": spoken_between(0.5, 1.0, 1.5),
        "c/hush": np.zeros(4000),
    }
    label = {"corpus": "c", "path": "p", "speaker": "c/s", "peak": 0.5, "content": "x"}
    rows = [
        {**label, "id": clip_id, "emotion": None, "seconds": len(waveform) / RATE_HZ}
        for clip_id, waveform in waveforms.items()
    ]
    samples = [(clip_id, audio.to_pcm16(waveform)) for clip_id, waveform in waveforms.items()]
    store.write_ragged(tmp_path, samples, dtype="int16")
    labels = pa.Table.from_pylist(rows, LABELS_SCHEMA)
    manifest = vad.mark(labels, store.Ragged(tmp_path), vad.Params())
    assert manifest.schema.equals(MANIFEST_SCHEMA)
    hush, speech = manifest.to_pylist()
    assert (hush["id"], hush["speech_found"], hush["voiced"]) == ("c/hush", False, [[0, 4000]])
    assert hush["voiced_s"] == 0.25
    assert speech["speech_found"] and 0.4 < speech["voiced_s"] < 0.9
    assert sum(b - a for a, b in speech["voiced"]) == speech["voiced_s"] * RATE_HZ


def test_manifest_of_no_clip(tmp_path):
    store.write_ragged(tmp_path, [], dtype="int16")
    manifest = vad.mark(LABELS_SCHEMA.empty_table(), store.Ragged(tmp_path), vad.Params())
    assert manifest.schema.equals(MANIFEST_SCHEMA) and len(manifest) == 0


def loud_part(waveform):
    """Mask of the 10 ms frames within 30 dB of the loudest: an energy detector, gain-free."""
    n = len(waveform) // 160
    power = (waveform[: n * 160].reshape(n, 160).astype(np.float64) ** 2).mean(axis=1)
    return np.repeat(power > power.max() * 1e-3, 160)


@pytest.mark.original
def test_quiet_ravdess_clips_keep_their_speech_as_loud_ones_do(corpora_root):
    kept = {True: [], False: []}
    lost = []  # without a level
    paths = sorted((corpora_root / "ravdess").glob("Actor_*/*.*"))
    for path in paths:
        waveform = audio.read_waveform(path)
        is_quiet = bool(np.abs(waveform).max() < 0.05)
        loud = loud_part(waveform)
        for params, into in (
            (vad.Params(), kept[is_quiet]),
            (vad.Params(level_db=None), lost if is_quiet else []),
        ):
            found = np.zeros(len(waveform), bool)
            for start, end in vad.voiced(waveform, RATE_HZ, params):
                found[start:end] = True
            into.append(found[: len(loud)][loud].mean())
    assert len(kept[True]) > 380
    # measured: 0.9963 of the quiet clips' loud part and 0.9962 of the others'; at worst 0.869
    assert np.mean(kept[True]) == pytest.approx(np.mean(kept[False]), abs=0.002)
    assert np.mean(kept[True]) > 0.995 and min(kept[True]) > 0.85
    # measured without a level: 0.9786, at worst 0.41
    assert np.mean(lost) < 0.985 and min(lost) < 0.5


@pytest.mark.original
def test_gain_changes_nothing_on_real_speech(corpora_root):
    for path in sorted((corpora_root / "emodb").rglob("*.wav"))[::60]:
        waveform = soundfile.read(path)[0]
        found = vad.voiced(waveform, RATE_HZ, vad.Params())
        for gain in (0.5, 0.037, 0.001):
            assert vad.voiced(waveform * gain, RATE_HZ, vad.Params()) == found

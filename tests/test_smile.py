"""openSMILE's sets: their own names and values, whatever was extracted before."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import opensmile
import pytest

from emometric.base import parts
from emometric.extraction import smile
from emometric.features import is09, is09_moments
from emometric.sound import audio

RATE_HZ = 16000
SETS = {"egemaps": "eGeMAPSv02", "is09": "IS09", "compare": "ComParE_2016"}


def buzz(seconds, hz=130.0, peak=0.3, seed=0):
    """A voice of a kind: harmonics, and a little noise."""
    t = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    harmonics = sum(np.sin(2 * np.pi * hz * h * t) / h for h in range(1, 12))
    hiss = np.random.default_rng(seed).normal(0, 0.05, len(t))
    return (peak / 2 * (harmonics + hiss)).astype(np.float32)


def reference(waveform, feature_set):
    """The wrapper's own way: everything set up for this one clip."""
    fresh = opensmile.Smile(opensmile.FeatureSet[feature_set], "func", loglevel=0)
    return fresh.process_signal(audio.from_pcm16(audio.to_pcm16(waveform)), RATE_HZ).to_numpy()


@pytest.mark.parametrize(("feature", "count"), [("egemaps", 88), ("is09", 384), ("compare", 6373)])
def test_names_are_those_of_the_set(feature, count):
    part = parts.load("features", feature)
    fresh = opensmile.Smile(opensmile.FeatureSet[SETS[feature]], "func", loglevel=0)
    assert part.names(part.Params()) == tuple(fresh.feature_names)
    assert len(part.names(part.Params())) == count


@pytest.mark.parametrize("feature", SETS)
def test_values_are_those_of_a_fresh_set_up(feature):
    """Long after short, voice after silence: nothing of a clip is left for the next."""
    part = parts.load("features", feature)
    clips = [
        buzz(0.4),
        np.zeros(RATE_HZ, np.float32),
        buzz(1.5, hz=210, seed=1),
        buzz(0.07),
        buzz(0.4),
        buzz(0.9, peak=1e-3),
        buzz(1.5, hz=210, seed=1),
    ]
    for waveform in clips:
        ours = part.extract(waveform, RATE_HZ, part.Params())
        np.testing.assert_array_equal(ours, reference(waveform, SETS[feature]))


def test_rates_do_not_meet():
    waveform = buzz(0.5)
    before = is09.extract(waveform, RATE_HZ, is09.Params())
    is09.extract(waveform, 8000, is09.Params())
    np.testing.assert_array_equal(is09.extract(waveform, RATE_HZ, is09.Params()), before)


def test_threads_do_not_meet():
    clips = [buzz(0.2 + 0.05 * number, hz=100 + 10 * number) for number in range(12)]
    alone = [is09.extract(clip, RATE_HZ, is09.Params()) for clip in clips]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda clip: is09.extract(clip, RATE_HZ, is09.Params()), clips))
    np.testing.assert_array_equal(together, alone)


def test_a_renewed_set_up_gives_the_same(monkeypatch):
    clips = [buzz(0.2, hz=100 + 10 * number) for number in range(7)]
    before = [is09.extract(clip, RATE_HZ, is09.Params()) for clip in clips]
    monkeypatch.setattr(smile, "_CLIPS_A_SETUP", 3)
    smile._ready.__dict__.clear()
    started = []
    monkeypatch.setattr(
        smile, "_Engine", lambda *key, kind=smile._Engine: started.append(key) or kind(*key)
    )
    after = [is09.extract(clip, RATE_HZ, is09.Params()) for clip in clips]
    np.testing.assert_array_equal(after, before)
    assert len(started) == 3


def test_a_failed_clip_leaves_no_set_up_behind(monkeypatch):
    waveform = buzz(0.3)
    before = is09.extract(waveform, RATE_HZ, is09.Params())
    engine = smile._ready.__dict__["IS09", RATE_HZ]
    monkeypatch.setattr(engine.smile, "run", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        is09.extract(buzz(0.4), RATE_HZ, is09.Params())
    np.testing.assert_array_equal(is09.extract(waveform, RATE_HZ, is09.Params()), before)
    assert smile._ready.__dict__["IS09", RATE_HZ] is not engine


def test_moments_are_two_of_sixteen_descriptors_and_their_derivatives():
    """feng2020: 16 descriptors and their first derivatives, by mean and standard deviation."""
    names = is09_moments.names(is09_moments.Params())
    energy, crossings, voicing, pitch = (
        "pcm_RMSenergy_sma",
        "pcm_zcr_sma",
        "voiceProb_sma",
        "F0_sma",
    )
    cepstrum = [f"pcm_fftMag_mfcc_sma[{number}]" for number in range(1, 13)]
    descriptors = [energy, crossings, voicing, pitch, *cepstrum]
    derivatives = [name.replace("_sma", "_sma_de") for name in descriptors]
    assert sorted(names) == sorted(
        f"{name}_{moment}"
        for name in [*descriptors, *derivatives]
        for moment in ("amean", "stddev")
    )
    assert len(names) == 64


def test_moments_are_columns_of_the_set():
    waveform = buzz(0.6)
    every = dict(
        zip(
            is09.names(is09.Params()),
            is09.extract(waveform, RATE_HZ, is09.Params())[0],
            strict=True,
        )
    )
    params = is09_moments.Params()
    values = is09_moments.extract(waveform, RATE_HZ, params)
    np.testing.assert_array_equal(values[0], [every[name] for name in is09_moments.names(params)])


def test_moments_hear_level_and_crossings():
    """Half the amplitude halves the mean RMS energy; 1 kHz crosses zero 2000 times a second."""
    names = is09_moments.names(is09_moments.Params())
    tone = np.sin(2 * np.pi * 1000 * np.arange(2 * RATE_HZ) / RATE_HZ).astype(np.float32)
    loud, soft = (
        dict(zip(names, is09_moments.extract(clip, RATE_HZ, is09_moments.Params())[0], strict=True))
        for clip in (0.8 * tone, 0.4 * tone)
    )
    energy = "pcm_RMSenergy_sma_amean"
    assert loud[energy] / soft[energy] == pytest.approx(2, rel=1e-3)  # 16 bits
    assert loud["pcm_zcr_sma_amean"] == pytest.approx(2000 / RATE_HZ, rel=0.02)  # the ends
    assert loud["pcm_zcr_sma_stddev"] < 0.01


@pytest.mark.original
@pytest.mark.parametrize("feature", SETS)
def test_files_give_what_opensmile_gives_for_them(feature, corpora_root):
    part = parts.load("features", feature)
    fresh = opensmile.Smile(opensmile.FeatureSet[SETS[feature]], "func", loglevel=0)
    for path in sorted((corpora_root / "emodb").rglob("*.wav"))[::140]:
        ours = part.extract(audio.read_waveform(path), RATE_HZ, part.Params())
        np.testing.assert_array_equal(ours, fresh.process_file(path).to_numpy())

"""Log-Mel and MFCC against librosa with the same settings, and against hand-made spectra."""

import platform
import subprocess
import sys

import librosa
import numpy as np
import pytest
import threadpoolctl
from hypothesis import given, settings
from hypothesis import strategies as st

from emometric.base.errors import ParameterError
from emometric.extraction import spectra
from emometric.features import log_mel, mfcc
from emometric.sound import audio

RATE_HZ = 16000


def noise(n_samples=RATE_HZ, seed=0, peak=0.3):
    generator = np.random.default_rng(seed)
    return generator.uniform(-peak, peak, n_samples).astype(np.float32)


def librosa_mel(waveform, params):
    """librosa's Mel energies of the same frames; it puts a window in the middle of its n_fft."""
    window, hop = round(params.window_s * RATE_HZ), round(params.hop_s * RATE_HZ)
    before = (params.n_fft - window) // 2
    return librosa.feature.melspectrogram(
        y=np.pad(waveform, (before, params.n_fft - window - before)),
        sr=RATE_HZ,
        n_fft=params.n_fft,
        win_length=window,
        hop_length=hop,
        window="hamming",
        center=False,
        n_mels=params.n_mels,
    )


@pytest.mark.parametrize(
    ("rate_hz", "n_fft", "n_mels"), [(16000, 1024, 128), (16000, 512, 40), (44100, 2048, 64)]
)
def test_mel_filters_are_those_of_librosa(rate_hz, n_fft, n_mels):
    theirs = librosa.filters.mel(sr=rate_hz, n_fft=n_fft, n_mels=n_mels)
    # both are rounded to float32 at the end
    np.testing.assert_allclose(
        spectra.mel_filters(rate_hz, n_fft, n_mels), theirs.T, rtol=1e-5, atol=1e-9
    )


@pytest.mark.parametrize("n_samples", [480, 719, 720, 8000, 31999])
@pytest.mark.parametrize("range_db", [80.0, 20.0, None])
def test_log_mel_is_that_of_librosa(n_samples, range_db):
    params = log_mel.Params(range_db=range_db)
    waveform = noise(n_samples)
    waveform[n_samples // 2 :] *= 1e-3  # so that the range matters
    ours = log_mel.extract(waveform, RATE_HZ, params)
    theirs = librosa.power_to_db(librosa_mel(waveform, params), top_db=range_db).T
    assert ours.shape == theirs.shape == (1 + (n_samples - 480) // 240, 128)
    np.testing.assert_allclose(ours, theirs, atol=1e-3)  # float32 energies, in dB


@pytest.mark.parametrize("n_samples", [400, 2000, 16000, 40000])
def test_mfcc_are_those_of_librosa(n_samples):
    params = mfcc.Params()
    waveform = noise(n_samples, seed=3)
    ours = mfcc.extract(waveform, RATE_HZ, params)
    bands = librosa.power_to_db(librosa_mel(waveform, params), top_db=80.0)
    still = librosa.feature.mfcc(S=bands, n_mfcc=13)
    theirs = np.vstack(
        [
            still,
            librosa.feature.delta(still, width=9, order=1, mode="nearest"),
            librosa.feature.delta(still, width=9, order=2, mode="nearest"),
        ]
    ).T
    assert ours.shape == theirs.shape == (1 + (n_samples - 400) // 160, 39)
    np.testing.assert_allclose(ours, theirs, atol=2e-3)  # float32, sums of 40 bands in dB


def test_inner_derivatives_are_librosas_by_default():
    """What librosa does at the ends by default (extrapolate a fit) differs; nothing else."""
    params = mfcc.Params()
    ours = mfcc.extract(noise(), RATE_HZ, params)
    for order, columns in ((1, slice(13, 26)), (2, slice(26, 39))):
        theirs = librosa.feature.delta(ours[:, :13].T, order=order).T
        np.testing.assert_allclose(ours[4:-4, columns], theirs[4:-4], atol=1e-4)


@pytest.mark.original
def test_real_speech_agrees_with_librosa(corpora_root):
    for path in sorted((corpora_root / "emodb").rglob("*.wav"))[::97]:
        waveform = audio.read_waveform(path)
        params = log_mel.Params()
        theirs = librosa.power_to_db(librosa_mel(waveform, params), top_db=80.0).T
        ours = log_mel.extract(waveform, RATE_HZ, params)
        np.testing.assert_allclose(ours, theirs, atol=1e-2)  # float32, 80 dB below the loudest


def test_a_tone_stands_in_its_mel_band():
    """1000 Hz is 15 Mel of Slaney's scale, 8000 Hz is 45.25: corner 129 * 15 / 45.25 = 42.8."""
    tone = np.sin(2 * np.pi * 1000 * np.arange(RATE_HZ) / RATE_HZ).astype(np.float32)
    values = log_mel.extract(tone, RATE_HZ, log_mel.Params())
    assert set(values.argmax(axis=1)) == {42}  # whose peak is corner 43


def test_decibels_are_known():
    """Twice the amplitude: 6.02 dB more in every band, sqrt(40) times that in the 0th MFCC."""
    louder, soft = noise(peak=0.2), noise(peak=0.1)
    twice = 20 * np.log10(2)
    one, two = (log_mel.extract(each, RATE_HZ, log_mel.Params()) for each in (louder, soft))
    np.testing.assert_allclose(one - two, twice, atol=1e-3)
    one, two = (mfcc.extract(each, RATE_HZ, mfcc.Params()) for each in (louder, soft))
    np.testing.assert_allclose(one[:, 0] - two[:, 0], twice * np.sqrt(40), atol=1e-2)
    np.testing.assert_allclose(one[:, 1:] - two[:, 1:], 0, atol=1e-2)


def test_silence_is_the_floor_and_has_no_derivative():
    silence = np.zeros(RATE_HZ, np.float32)
    values = log_mel.extract(silence, RATE_HZ, log_mel.Params())
    np.testing.assert_allclose(values, -100, rtol=1e-6)
    values = mfcc.extract(silence, RATE_HZ, mfcc.Params())
    np.testing.assert_allclose(values[:, 0], -100 * np.sqrt(40), rtol=1e-5)
    np.testing.assert_allclose(values[:, 1:], 0, atol=1e-3)  # rounding of 40 cosines times 100


def test_derivatives_of_a_line_and_a_parabola():
    frame = np.arange(30.0, dtype=np.float32)[:, None]
    first, second = mfcc._derivatives(3 * frame + 1, 4)
    np.testing.assert_allclose(first, 3, rtol=1e-5)
    np.testing.assert_allclose(second, 0, atol=1e-4)
    _, second = mfcc._derivatives(frame**2, 4)
    np.testing.assert_allclose(second, 2, rtol=1e-3)


def test_a_single_frame_does_not_vary():
    values = mfcc.extract(noise(100), RATE_HZ, mfcc.Params())
    assert values.shape == (1, 39)
    np.testing.assert_allclose(values[:, 13:], 0, atol=1e-4)


@settings(max_examples=30, deadline=None)
@given(n_samples=st.integers(1, 9000), cut=st.integers(0, 9000))
def test_frames_do_not_know_what_follows(n_samples, cut):
    """A frame's energies hang on its own samples alone, whatever block it was computed in."""
    params = log_mel.Params(range_db=None)
    waveform = noise(n_samples)
    whole = log_mel.extract(waveform, RATE_HZ, params)
    start = min(cut // 240, len(whole) - 1)
    rest = log_mel.extract(waveform[start * 240 :], RATE_HZ, params)
    np.testing.assert_allclose(rest, whole[start:], atol=1e-4)


@pytest.mark.parametrize(
    ("part", "wrong", "sentence"),
    [
        (log_mel, {"n_mels": 0}, r"features\.log_mel\.n_mels is 0; write a whole number from 1"),
        (log_mel, {"range_db": -3}, r"log_mel\.range_db is '-3'; write dB above 0, or null"),
        (log_mel, {"window_s": 9}, r"log_mel\.window_s is '9'; write seconds"),
        (mfcc, {"n_mfcc": 41}, r"features\.mfcc\.n_mfcc is 41; write a whole number from 1 to"),
        (mfcc, {"delta_frames": 4}, r"mfcc\.delta_frames is 4; write an odd number, 3 to 99"),
    ],
)
def test_settings_out_of_range_are_refused(part, wrong, sentence):
    with pytest.raises(ParameterError, match=sentence):
        part.Params(**wrong)


@pytest.mark.parametrize("part", [log_mel, mfcc])
def test_a_window_longer_than_the_fft_is_refused(part):
    with pytest.raises(ParameterError, match=r"a window of 0\.1 s has 1600 samples; write 1600"):
        part.extract(noise(), RATE_HZ, part.Params(window_s=0.1))


@pytest.mark.parametrize("part", [log_mel, mfcc])
def test_the_number_of_threads_changes_nothing(part):
    """Matrix products of several BLAS threads differ in the last digit, and are slow on a clip."""
    waveform = noise(3 * RATE_HZ)
    with threadpoolctl.threadpool_limits(1):
        one = part.extract(waveform, RATE_HZ, part.Params())
    with threadpoolctl.threadpool_limits(2):
        two = part.extract(waveform, RATE_HZ, part.Params())
        pools = threadpoolctl.threadpool_info()
    np.testing.assert_array_equal(one, two)
    blas = [pool["num_threads"] for pool in pools if pool["user_api"] == "blas"]
    assert set(blas) <= {2}  # as it was before


def test_mel_pieces_are_the_filters():
    for rate_hz, n_fft, n_mels in ((16000, 1024, 128), (16000, 512, 40), (8000, 64, 50)):
        filters = spectra.mel_filters(rate_hz, n_fft, n_mels)
        whole = np.zeros_like(filters)
        for bins, bands, weights in spectra._mel_pieces(rate_hz, n_fft, n_mels):
            whole[bins, bands] = weights
        np.testing.assert_array_equal(whole, filters)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="about glibc's malloc")
@pytest.mark.parametrize("name", ["log_mel", "mfcc", "spectrogram"])
def test_memory_is_not_taken_anew_for_each_clip(name):
    """Pages given back and taken again cost as much time as all arithmetic."""
    code = f"""
import resource
import numpy as np
from emometric.features import {name} as part
waveform = np.linspace(-0.3, 0.3, 60000, dtype=np.float32)
for _ in range(5):
    part.extract(waveform, 16000, part.Params())
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    part.extract(waveform, 16000, part.Params())
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(run.stdout) < 20 * 20  # without: 250 pages of 4 KiB and more for each clip

"""Every feature keeps the contract of its kind, and has a reference of its own."""

import librosa
import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

import tiny_speech_models as tiny
from emometric.base import parts
from emometric.base.errors import AudioError, ParameterError
from emometric.features import egemaps, spectrogram
from emometric.sound import audio

RATE_HZ = 16000
FEATURES = parts.available("features")


def noise(seconds=0.5, seed=0, peak=0.3):
    generator = np.random.default_rng(seed)
    return generator.uniform(-peak, peak, round(seconds * RATE_HZ)).astype(np.float32)


@pytest.fixture(params=FEATURES)
def part(request):
    return parts.load("features", request.param)


@pytest.fixture(scope="session")
def speech_model(tmp_path_factory):
    """Folder of a tiny random model, for the parts that need one."""
    return str(tiny.save(tmp_path_factory.mktemp("speech model"), "wav2vec2"))


@pytest.fixture
def defaults(part, speech_model):
    return part.Params(model=speech_model) if hasattr(part, "cache_settings") else part.Params()


@pytest.mark.parametrize("seconds", [0.001, 0.02, 0.1, 0.5, 1.3])
def test_columns_are_the_names_and_all_is_finite(part, defaults, seconds):
    values = part.extract(noise(seconds), RATE_HZ, defaults)
    assert values.dtype == np.float32 and values.ndim == 2 and len(values) >= 1
    assert values.shape[1] == len(part.names(defaults)) == len(set(part.names(defaults)))
    assert np.isfinite(values).all()
    assert part.KIND in ("frames", "functionals")
    assert part.KIND == "frames" or len(values) == 1
    assert isinstance(part.VERSION, int)


def test_same_input_same_values_and_the_input_stays(part, defaults):
    waveform = noise()
    before = waveform.copy()
    values = part.extract(waveform, RATE_HZ, defaults)
    np.testing.assert_array_equal(waveform, before)
    part.extract(noise(seed=9), RATE_HZ, defaults)  # nothing is carried over to the next
    np.testing.assert_array_equal(part.extract(waveform, RATE_HZ, defaults), values)
    assert not np.array_equal(part.extract(noise(seed=1), RATE_HZ, defaults), values)


@pytest.mark.parametrize("seconds", [0.01, 1.0])
def test_silence_is_finite(part, defaults, seconds):
    silence = np.zeros(round(seconds * RATE_HZ), np.float32)
    assert np.isfinite(part.extract(silence, RATE_HZ, defaults)).all()


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_samples_that_are_no_numbers_are_refused(part, defaults, wrong):
    waveform = noise()
    waveform[77] = wrong
    with pytest.raises(AudioError, match=r"sample 77 is (nan|inf), no number"):
        part.extract(waveform, RATE_HZ, defaults)


def test_unknown_silence_is_refused(part):
    with pytest.raises(ParameterError, match=r"silence is 'cut'; write keep, trim, remove"):
        part.Params(silence="cut")


def test_stored_precision_is_enough(part, defaults):
    values = part.extract(noise(2.0), RATE_HZ, defaults)
    stored = values.astype(part.DTYPE).astype(np.float32)
    assert np.isfinite(stored).all()
    # float16 has 11 significant bits; below 2**-14 its step is constant
    np.testing.assert_allclose(stored, values, rtol=2**-11, atol=2**-24)


# -- The spectrogram ------------------------------------------------------------------------------


def reference(waveform, params):
    """librosa's STFT of the same frames: no centring, periodic Hamming window."""
    return np.abs(
        librosa.stft(
            waveform,
            n_fft=params.n_fft,
            hop_length=round(params.hop_s * RATE_HZ),
            win_length=params.n_fft,
            window="hamming",
            center=False,
        )
    ).T


@pytest.mark.parametrize("n_samples", [512, 513, 671, 672, 8000, 16001])
def test_magnitudes_are_those_of_librosa(n_samples):
    params = spectrogram.Params()
    waveform = noise(2.0)[:n_samples]
    ours = spectrogram.magnitude(waveform, RATE_HZ, params)
    theirs = reference(waveform, params)
    assert ours.shape == theirs.shape == (1 + (n_samples - 512) // 160, 257)
    assert ours.dtype == np.float32
    # both are float32 sums of 512 terms of up to 0.3
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize("normalise", ["bin", "clip"])
def test_zero_mean_and_unit_variance(normalise):
    params = spectrogram.Params(normalise=normalise)
    values = spectrogram.extract(noise(1.0), RATE_HZ, params).astype(np.float64)
    axis = 0 if normalise == "bin" else None
    # float32 rounding of about a hundred values
    np.testing.assert_allclose(values.mean(axis=axis), 0, atol=1e-5)
    np.testing.assert_allclose(values.std(axis=axis), 1, atol=1e-5)
    raw = reference(noise(1.0), params)
    wanted = (raw - raw.mean(axis=axis)) / raw.std(axis=axis)
    # where a magnitude is far below its bin's mean, float32 FFTs differ in the fifth digit
    np.testing.assert_allclose(values, wanted, atol=1e-4)


def test_a_tone_stands_in_its_bin():
    tone = np.sin(2 * np.pi * 1000 * np.arange(RATE_HZ) / RATE_HZ).astype(np.float32)
    magnitudes = spectrogram.magnitude(tone, RATE_HZ, spectrogram.Params())
    assert set(magnitudes.argmax(axis=1)) == {32}  # 1000 Hz of 31.25 Hz a bin
    # a sine of amplitude 1 gives half the window's sum, 0.54 * 512
    np.testing.assert_allclose(magnitudes[:, 32], 0.54 * 512 / 2, rtol=1e-4)


@settings(max_examples=25, deadline=None)
@given(gain=st.floats(1e-3, 1.0), seed=st.integers(0, 50))
def test_gain_changes_nothing(gain, seed):
    waveform = noise(0.3, seed)
    quiet = (waveform * gain).astype(np.float32)
    one, two = (
        spectrogram.extract(each, RATE_HZ, spectrogram.Params()) for each in (waveform, quiet)
    )
    # float32 rounding of the FFT, before division by the deviation
    np.testing.assert_allclose(one, two, atol=1e-3)


def test_a_short_clip_is_filled_to_one_window_and_gives_zeros():
    """Of one frame no bin varies."""
    params = spectrogram.Params()
    assert spectrogram.magnitude(noise()[:100], RATE_HZ, params).shape == (1, 257)
    assert not spectrogram.extract(noise()[:100], RATE_HZ, params).any()
    assert not spectrogram.extract(np.zeros(9000, np.float32), RATE_HZ, params).any()


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"normalise": "row"}, "normalise is 'row'; write bin or clip"),
        ({"hop_s": 0}, "hop_s is '0'; write seconds"),
        ({"window_s": "long"}, "window_s is 'long'; write seconds"),
        ({"n_fft": 0}, "n_fft is 0"),
    ],
)
def test_spectrogram_settings_out_of_range_are_refused(wrong, sentence):
    with pytest.raises(ParameterError, match=sentence):
        spectrogram.Params(**wrong)


def test_a_window_longer_than_the_fft_is_refused():
    with pytest.raises(ParameterError, match=r"a window of 0\.05 s has 800 samples; write 800"):
        spectrogram.extract(noise(), RATE_HZ, spectrogram.Params(window_s=0.05))


# -- eGeMAPS --------------------------------------------------------------------------------------


def test_egemaps_are_the_88_of_the_set():
    names = egemaps.names(egemaps.Params())
    assert len(names) == 88
    assert names[0] == "F0semitoneFrom27.5Hz_sma3nz_amean"
    assert names[-1] == "equivalentSoundLevel_dBp"


def test_egemaps_hear_pitch_and_level():
    """A buzz of 110 Hz lies 24 semitones above 27.5 Hz; half the amplitude is 6 dB less."""
    t = np.arange(2 * RATE_HZ) / RATE_HZ
    buzz = sum(np.sin(2 * np.pi * 110 * h * t) / h for h in range(1, 20)).astype(np.float32) * 0.2
    names = egemaps.names(egemaps.Params())
    loud, soft = (egemaps.extract(buzz * g, RATE_HZ, egemaps.Params())[0] for g in (1, 0.5))
    pitch = names.index("F0semitoneFrom27.5Hz_sma3nz_amean")
    level = names.index("equivalentSoundLevel_dBp")
    assert loud[pitch] == pytest.approx(24, abs=0.05)
    assert loud[level] - soft[level] == pytest.approx(20 * np.log10(2), abs=0.01)


def test_full_scale_does_not_wrap_around():
    square = np.sign(np.sin(2 * np.pi * 200 * np.arange(RATE_HZ) / RATE_HZ)).astype(np.float32)
    below = egemaps.extract(np.minimum(square, 1 - 2**-15), RATE_HZ, egemaps.Params())
    np.testing.assert_array_equal(egemaps.extract(square, RATE_HZ, egemaps.Params()), below)


@pytest.mark.original
def test_egemaps_are_what_opensmile_gives_for_the_file(corpora_root):
    import opensmile

    smile = opensmile.Smile(
        opensmile.FeatureSet.eGeMAPSv02, opensmile.FeatureLevel.Functionals, loglevel=0
    )
    path = sorted((corpora_root / "emodb").rglob("*.wav"))[7]
    ours = egemaps.extract(audio.read_waveform(path), RATE_HZ, egemaps.Params())
    samples, rate_hz = soundfile.read(path, dtype="float32")
    np.testing.assert_array_equal(ours, smile.process_signal(samples, rate_hz).to_numpy())

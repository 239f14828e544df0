"""The modulation spectrogram: on tones of known carrier and modulator, and by a plain loop."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emometric.base.errors import ParameterError
from emometric.features import modulation
from emometric.sound import audio

RATE_HZ = 16000
SPACING_HZ = RATE_HZ / 106  # between acoustic bands


def tone(carrier_hz, modulator_hz, depth=0.8, seconds=3.0, peak=0.3):
    t = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    envelope = 1 + depth * np.cos(2 * np.pi * modulator_hz * t + 1)
    return (peak * envelope * np.cos(2 * np.pi * carrier_hz * t + 0.3)).astype(np.float32)


def extract(waveform, **settings):
    return modulation.extract(waveform, RATE_HZ, modulation.Params(**settings))


def powers(waveform, **settings):
    return 10 ** (extract(waveform, range_db=None, **settings) / 10)


# -- By definition --------------------------------------------------------------------------------


def plain(waveform, n_bands=106, decimation=50, hop=16, window=320):
    """Each step as the docstring words it, one band and one sample at a time; 320 Hz modulators."""
    length = 15 * n_bands
    time = np.arange(length) - length // 2
    taps = np.sinc(time / n_bands) * (0.54 + 0.46 * np.cos(2 * np.pi * time / length))
    taps /= taps.sum()
    n = np.arange(len(waveform))
    spectrum = []
    for band in range(n_bands // 2 + 1):
        shifted = waveform * np.exp(-2j * np.pi * band * n / n_bands)
        # np.convolve's output i holds taps[j] * shifted[i - j]; the filter reads forward from -795
        filtered = np.convolve(shifted, taps[::-1])[length - 1 - length // 2 :]
        subband = filtered[: len(waveform) : decimation]
        modulator = subband * np.exp(-1j * carrier_phase(subband, hop, SPACING_HZ))
        spectrum.append(mean_power(modulator, window))
    return np.array(spectrum)


def carrier_phase(subband, hop, width_hz):
    hamming = 0.54 - 0.46 * np.cos(np.pi * np.arange(2 * hop) / hop)
    around = np.concatenate([np.zeros(hop), subband, np.zeros(3 * hop)])
    hz = np.arange(-32, 32) * 320 / 64
    inside = np.abs(hz) <= width_hz / 2
    centres = []
    for start in range(0, len(subband) + hop, hop):
        piece = around[start : start + 2 * hop] * hamming
        power = [
            abs(np.sum(piece * np.exp(-2j * np.pi * f * np.arange(2 * hop) / 320))) for f in hz
        ]
        power = np.square(power)[inside]
        centres.append(np.sum(hz[inside] * power) / np.sum(power))
    offset = np.interp(np.arange(len(subband)), hop * np.arange(len(centres)), centres)
    return 2 * np.pi * np.cumsum(offset) / 320


def mean_power(modulator, window):
    taper = np.sin(np.pi * (np.arange(window) + 0.5) / window) ** 2
    taper /= np.sqrt(np.sum(taper**2))
    room = len(modulator) - window
    starts = np.linspace(0, room, 1 + int(np.ceil(room / (window / 2)))).round().astype(int)
    power = [abs(np.fft.fft(modulator[s : s + window] * taper)) ** 2 for s in starts]
    two_sided = np.mean(power, axis=0)
    return np.array([two_sided[0], *(two_sided[k] + two_sided[-k] for k in range(1, 76))])


@pytest.mark.parametrize("seconds", [1.0, 1.37])
def test_it_is_what_the_docstring_says(seconds):
    generator = np.random.default_rng(5)
    waveform = tone(1510, 7, seconds=seconds) + generator.normal(0, 0.05, round(seconds * RATE_HZ))
    waveform = waveform.astype(np.float32)
    expected = plain(waveform.astype(np.float64))
    # float32: the phase sums up a frequency that is off in the sixth digit
    np.testing.assert_allclose(extract(waveform, range_db=None), 10 * np.log10(expected), atol=0.02)


# -- On tones -------------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(
    band=st.integers(2, 50), place=st.floats(-35, 35), modulator_hz=st.integers(3, 30),
)  # fmt: skip
def test_energy_appears_at_the_modulation_frequency(band, place, modulator_hz):
    """Carrier decides the row, modulator the column: neither moves the other's.

    Of cos(a) (1 + d cos(b)) the side bands have (d / 2)^2 of the carrier's power each; both are
    added in one column.
    """
    power = powers(tone(band * SPACING_HZ + place, modulator_hz))
    row = power.sum(axis=1).argmax()
    assert row == band
    assert power[row].argmax() == 0
    beyond = power[row].copy()
    beyond[:2] = 0  # the Hann window spreads the carrier over the first two
    assert beyond.argmax() == modulator_hz
    # a little is lost where the side band comes near the band's edge
    assert beyond[modulator_hz] / power[row, 0] == pytest.approx(2 * 0.4**2, rel=0.1)


def test_without_modulation_only_the_carrier_remains():
    for hz in (1040, 1700, 7000):
        power = powers(tone(hz, 0, depth=0))
        row = power[power.sum(axis=1).argmax()]
        assert row[2:].sum() < 1e-4 * row[0]


def test_a_gliding_carrier_is_no_modulation():
    """50 Hz up in three seconds, within a band: the carrier is followed."""
    t = np.arange(3 * RATE_HZ) / RATE_HZ
    start = 10 * SPACING_HZ - 25
    glide = np.cos(2 * np.pi * (start * t + 50 / 3 * t**2 / 2))
    waveform = (0.3 * (1 + 0.8 * np.cos(2 * np.pi * 6 * t)) * glide).astype(np.float32)
    row = powers(waveform)[10]
    assert row.argmax() == 0
    assert row[6] / row[0] == pytest.approx(2 * 0.4**2, rel=0.1)
    # not followed, the glide alone would spread over 50 columns
    assert np.delete(row, [0, 1, 5, 6, 7]).sum() < 0.02 * row[6]


def test_a_modulator_that_changes_sign_keeps_its_frequency():
    """Coherent: cos(b) has f_m. Its magnitude, which an envelope is, would have 2 f_m."""
    t = np.arange(3 * RATE_HZ) / RATE_HZ
    waveform = (0.3 * np.cos(2 * np.pi * 12 * t) * np.cos(2 * np.pi * 1510 * t)).astype(np.float32)
    power = powers(waveform)[10]
    assert power.argmax() == 12
    assert power[24] < 0.01 * power[12]


def test_two_carriers_keep_their_own_modulators():
    power = powers(tone(10 * SPACING_HZ, 5) + tone(30 * SPACING_HZ + 20, 17))
    for band, own, other in ((10, 5, 17), (30, 17, 5)):
        assert power[band, own] > 1000 * power[band, other]


def test_ten_times_the_amplitude_is_20_db():
    quiet = tone(1510, 6, peak=0.03)
    louder = extract(10 * quiet) - extract(quiet)
    np.testing.assert_allclose(louder, 20, atol=0.01)


# -- Axes and ends --------------------------------------------------------------------------------


@pytest.mark.parametrize("seconds", [0.001, 0.3, 1.0, 2.71])
def test_all_clips_have_the_same_axes(seconds):
    generator = np.random.default_rng(0)
    waveform = generator.uniform(-0.1, 0.1, round(seconds * RATE_HZ)).astype(np.float32)
    assert extract(waveform).shape == (54, 76)


@pytest.mark.parametrize(
    ("changed", "n_names", "last"),
    [({"window_s": 0.5}, 38, "modulation_74_hz"), ({"bandwidth_hz": 40.0}, 21, "modulation_20_hz")],
)
def test_settings_set_the_axis(changed, n_names, last):
    params = modulation.Params(**changed)
    assert len(modulation.names(params)) == n_names and modulation.names(params)[-1] == last
    values = modulation.extract(tone(1200, 10), RATE_HZ, params)
    assert values.shape[1] == n_names
    row = values[values.max(axis=1).argmax()]
    column = modulation.names(params).index("modulation_10_hz")
    assert row[column] > row[column - 2] + 10 and row[column] > row[column + 2] + 10


@pytest.mark.parametrize("rate_hz", [8000, 22050, 44100])
def test_other_rates_have_the_same_modulations(rate_hz):
    t = np.arange(2 * rate_hz) / rate_hz
    waveform = (0.3 * (1 + np.cos(2 * np.pi * 9 * t)) * np.cos(2 * np.pi * 1000 * t)).astype("f4")
    values = modulation.extract(waveform, rate_hz, modulation.Params())
    row = values[values.max(axis=1).argmax()]
    assert row[2:].argmax() + 2 == 9
    assert values.shape == (int(rate_hz / 150) // 2 + 1, 76)


def test_silence_is_the_floor():
    np.testing.assert_allclose(extract(np.zeros(RATE_HZ, np.float32)), -100, rtol=1e-6)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"bandwidth_hz": 3}, r"modulation\.bandwidth_hz is '3'; write Hz, 20 to 2000"),
        ({"carrier_s": None}, r"modulation\.carrier_s is 'None'; write seconds"),
        ({"window_s": 100}, r"modulation\.window_s is '100'; write seconds"),
        ({"range_db": 0}, r"modulation\.range_db is '0'; write dB above 0, or null"),
    ],
)
def test_settings_out_of_range_are_refused(wrong, sentence):
    with pytest.raises(ParameterError, match=sentence):
        modulation.Params(**wrong)


def test_a_band_wider_than_half_the_rate_is_refused():
    with pytest.raises(
        ParameterError, match=r"bandwidth_hz is 900; write half of the rate 1600 Hz"
    ):
        modulation.extract(np.zeros(1600, np.float32), 1600, modulation.Params(bandwidth_hz=900))


@pytest.mark.original
def test_speech_has_its_modulation_at_syllables(corpora_root):
    """Of speech, envelopes vary at 2 to 8 Hz above all (Greenberg and Kingsbury 1997)."""
    total = np.zeros(76)
    for path in sorted((corpora_root / "emodb").rglob("*.wav"))[::40]:
        total += powers(audio.read_waveform(path)).sum(axis=0)
    assert total[2:9].mean() > 3 * total[16:32].mean() > 9 * total[40:].mean()

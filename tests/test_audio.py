"""Reading recordings: the right samples, or one sentence about what is wrong."""

import struct

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from emometric.base.errors import AudioError
from emometric.sound import audio


def tone(rate_hz=16000, seconds=0.5, hz=440.0, peak=0.5):
    return peak * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate_hz)) / rate_hz)


@pytest.fixture
def wav(tmp_path):
    path = tmp_path / "clip.wav"
    soundfile.write(path, tone(), 16000, subtype="PCM_16")
    return path


def test_int16_samples_at_16_khz_come_out_exactly(tmp_path):
    samples = np.random.default_rng(0).integers(-32768, 32768, 4000).astype(np.int16)
    for suffix in (".wav", ".flac", ".aiff", ".w64", ".caf", ".au", ".rf64"):
        path = tmp_path / f"clip{suffix}"
        soundfile.write(path, samples, 16000, subtype="PCM_16")
        waveform = audio.read_waveform(path)
        assert waveform.dtype == np.float32 and waveform.shape == (4000,)
        np.testing.assert_array_equal(audio.to_pcm16(waveform), samples)
        assert suffix in audio.SUFFIXES


@pytest.mark.parametrize("suffix", [".ogg", ".mp3", ".opus"])
def test_lossy_containers_are_read(tmp_path, suffix):
    path = tmp_path / f"clip{suffix}"
    subtype = "OPUS" if suffix == ".opus" else None
    soundfile.write(path, tone(), 16000, format="OGG" if subtype else None, subtype=subtype)
    assert len(audio.read_waveform(path)) == pytest.approx(8000, abs=1200)  # codecs pad
    assert suffix in audio.SUFFIXES


@pytest.mark.parametrize("rate_hz", [8000, 22050, 44100, 48000])
def test_another_rate_is_converted(tmp_path, rate_hz):
    path = tmp_path / "clip.wav"
    soundfile.write(path, tone(rate_hz), rate_hz, subtype="FLOAT")
    waveform = audio.read_waveform(path)
    assert len(waveform) == pytest.approx(8000, abs=1)
    inner = slice(800, 7200)  # the ends ring
    # HQ keeps 20 bits; the tone is far below both Nyquist rates
    np.testing.assert_allclose(waveform[inner], tone()[inner], atol=1e-4)
    np.testing.assert_array_equal(waveform, audio.read_waveform(path))


def test_channels(tmp_path):
    left, right = tone(), tone(hz=300.0)
    path = tmp_path / "stereo.wav"
    soundfile.write(path, np.stack([left, right], 1), 16000, subtype="FLOAT")
    mean = audio.read_waveform(path)
    np.testing.assert_allclose(mean, (left + right) / 2, atol=1e-6)
    np.testing.assert_array_equal(audio.read_waveform(path, channel="left"), np.float32(left))


def test_equal_channels_give_exactly_one_of_them(tmp_path):
    mono = audio.to_pcm16(tone())
    path = tmp_path / "stereo.wav"
    soundfile.write(path, np.stack([mono, mono], 1), 16000, subtype="PCM_16")
    np.testing.assert_array_equal(audio.to_pcm16(audio.read_waveform(path)), mono)


def with_chunk(data: bytes) -> bytes:
    """A WAV file with a chunk of odd size named FLLR before its sound, as in RAVDESS."""
    filler = b"FLLR" + struct.pack("<I", 5) + b"\0" * 6
    size = struct.unpack("<I", data[4:8])[0] + len(filler)
    return data[:4] + struct.pack("<I", size) + data[8:36] + filler + data[36:]


def test_a_chunk_before_the_sound_is_no_trouble(wav, tmp_path):
    path = tmp_path / "filled.wav"
    path.write_bytes(with_chunk(wav.read_bytes()))
    assert path.read_bytes()[36:40] == b"FLLR"
    np.testing.assert_array_equal(audio.read_waveform(path), audio.read_waveform(wav))


@pytest.mark.parametrize("chunk", [False, True])
@pytest.mark.parametrize("kept", [0.03, 0.5, 0.999])
def test_a_truncated_wav_is_refused(wav, chunk, kept):
    data = with_chunk(wav.read_bytes()) if chunk else wav.read_bytes()
    wav.write_bytes(data[: max(64, int(kept * len(data)))])
    with pytest.raises(
        AudioError, match=r"clip\.wav: is truncated: its header promises 16000 bytes"
    ):
        audio.read_waveform(wav)


def test_a_wav_that_ends_in_its_header_is_refused(wav):
    wav.write_bytes(wav.read_bytes()[:40])
    with pytest.raises(AudioError, match="truncated: it ends before its sound begins"):
        audio.read_waveform(wav)


@pytest.mark.parametrize("suffix", [".flac", ".aiff"])
def test_other_truncated_containers_are_refused(tmp_path, suffix):
    path = tmp_path / f"clip{suffix}"
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 16000)
    soundfile.write(path, noise, 16000, subtype="PCM_16")
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(AudioError, match=r"is truncated|is no recording"):
        audio.read_waveform(path)


def test_a_wav_from_a_pipe_promises_no_length(wav):
    data = bytearray(wav.read_bytes())
    data[4:8] = data[40:44] = b"\xff\xff\xff\xff"
    wav.write_bytes(data)
    assert len(audio.read_waveform(wav)) == 8000


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "there is no such file; check the path"),
        (b"", r"is empty \(0 bytes\); get the file again"),
        (b"once upon a time\n" * 50, "is no recording that libsndfile can read"),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n",
            "is a git-LFS pointer.*run `git lfs pull`",
        ),
    ],
)
def test_what_is_no_recording_is_refused(tmp_path, content, sentence):
    path = tmp_path / "clip.wav"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(AudioError, match=rf"clip\.wav: {sentence}") as caught:
        audio.read_waveform(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("samples", "sentence"),
    [
        (np.zeros(0), "holds no samples"),
        (tone(seconds=0.02), r"lasts 0\.020 s, less than 0\.1 s"),
        (np.append(tone(), np.nan), "sample 8000 is nan"),
        (np.append(tone(), -np.inf), "sample 8000 is -inf"),
        (tone() * 30000, "samples reach 150"),
    ],
)
def test_samples_that_cannot_be_used_are_refused(tmp_path, samples, sentence):
    path = tmp_path / "clip.wav"
    soundfile.write(path, samples, 16000, subtype="FLOAT")
    with pytest.raises(AudioError, match=rf"clip\.wav: {sentence}"):
        audio.read_waveform(path)


def test_a_little_beyond_full_scale_is_clipped(tmp_path):
    path = tmp_path / "clip.wav"
    soundfile.write(path, tone(peak=1.5), 16000, subtype="FLOAT")
    waveform = audio.read_waveform(path)
    np.testing.assert_allclose(waveform, np.clip(tone(peak=1.5), -1, 1), atol=1e-6)


@given(st.lists(st.integers(-32768, 32767), min_size=1))
def test_pcm16_round_trip(samples):
    samples = np.array(samples, np.int16)
    np.testing.assert_array_equal(audio.to_pcm16(audio.from_pcm16(samples)), samples)


def test_content_hash_is_of_the_samples(wav, tmp_path):
    samples = audio.to_pcm16(audio.read_waveform(wav))
    assert audio.content_hash(samples) == audio.content_hash(np.repeat(samples, 2)[::2])
    changed = samples.copy()
    changed[7] += 1
    assert audio.content_hash(changed) != audio.content_hash(samples)
    assert audio.content_hash(np.zeros(2, np.int16)) == "11d2df4e979aa105cf552e9544ebd2b5"
    with pytest.raises(AudioError, match="give int16"):
        audio.content_hash(samples.astype(np.float32))


@pytest.mark.original
def test_real_recordings_are_read(corpora_root):
    for corpus in ("emodb", "ravdess", "urdu"):
        paths = [p for p in corpora_root.glob(f"{corpus}/**/*") if p.suffix in audio.SUFFIXES]
        for path in sorted(paths)[::50]:
            waveform = audio.read_waveform(path)
            info = soundfile.info(path)
            assert len(waveform) == pytest.approx(info.duration * 16000, abs=1)
            assert 0 < np.abs(waveform).max() <= 1

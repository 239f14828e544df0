"""Films and AAC: the sound that is in them, or one sentence about what is wrong."""

import sys
import time
from fractions import Fraction

import av
import numpy as np
import pytest
import soundfile

from emometric.base.errors import AudioError, PipelineError
from emometric.sound import audio
from emometric.stand_ins import tree

RATE_HZ = 16000


def speechlike(seconds=1.0, rate_hz=RATE_HZ, seed=0):
    """Noise below 2 kHz that swells and fades, (n,) int16: nothing in it repeats."""
    random = np.random.default_rng(seed)
    n = round(seconds * rate_hz)
    spectrum = np.fft.rfft(random.standard_normal(n))
    spectrum[np.fft.rfftfreq(n, 1 / rate_hz) > 2000] = 0
    sound = np.fft.irfft(spectrum, n) * (1.2 + np.sin(np.arange(n) / rate_hz * 7))
    return np.rint(sound / np.abs(sound).max() * 20000).astype(np.int16)


def write(path, samples, codec, rate_hz=RATE_HZ, form="s16", film=False, sound=True):
    """A container written with PyAV alone; samples (n, channels) of the type that `form` holds."""
    layout = {1: "mono", 2: "stereo"}[samples.shape[1]]
    with av.open(str(path), "w") as file:
        if film:
            pictures = file.add_stream("mpeg4", rate=25)
            pictures.width, pictures.height, pictures.pix_fmt = 32, 32, "yuv420p"
        track = file.add_stream(codec, rate=rate_hz, layout=layout) if sound else None
        if film:
            for _ in range(25):
                grey = np.full((48, 32), 128, np.uint8)
                file.mux(pictures.encode(av.VideoFrame.from_ndarray(grey, format="yuv420p")))
            file.mux(pictures.encode(None))
        if track is None:
            return
        if not codec.startswith("pcm"):
            track.bit_rate = 48000
        fit = av.AudioResampler(format=track.format.name, layout=layout, rate=rate_hz)
        size = track.codec_context.frame_size or 1000
        fifo = av.AudioFifo()
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(samples).reshape(1, -1), format=form, layout=layout
        )
        frame.rate, frame.pts, frame.time_base = rate_hz, 0, Fraction(1, rate_hz)
        for converted in [*fit.resample(frame), *fit.resample(None)]:
            fifo.write(converted)
        while (block := fifo.read(size, partial=True)) is not None:
            file.mux(track.encode(block))
        file.mux(track.encode(None))


@pytest.mark.parametrize("suffix", [".avi", ".AVI", ".mkv", ".mov", ".mka"])
def test_samples_of_16_bit_come_out_exactly(tmp_path, suffix):
    samples = speechlike()
    path = tmp_path / f"film{suffix}"
    write(path, samples[:, None], "pcm_s16le", film=suffix != ".mka")
    waveform = audio.read_waveform(path)
    assert waveform.dtype == np.float32
    np.testing.assert_array_equal(audio.to_pcm16(waveform), samples)


@pytest.mark.parametrize(
    ("codec", "form", "dtype", "scale"),
    [
        ("pcm_u8", "u8", np.uint8, 128),
        ("pcm_s24le", "s32", np.int32, 2**31),
        ("pcm_f32le", "flt", np.float32, 1),
        ("flac", "s16", np.int16, 32768),
    ],
)
def test_other_sample_formats_keep_their_scale(tmp_path, codec, form, dtype, scale):
    wanted = speechlike() / np.float32(32768)
    samples = wanted * scale + (128 if dtype is np.uint8 else 0)
    if dtype is not np.float32:
        samples = np.rint(samples)
    write(tmp_path / "a.mkv", samples[:, None].astype(dtype), codec, form=form)
    # 8 bits: half a step of 1/128 in the rounding; all others hold 16 bits without loss
    atol = 1 / 256 if dtype is np.uint8 else 1e-6
    np.testing.assert_allclose(audio.read_waveform(tmp_path / "a.mkv"), wanted, atol=atol)


@pytest.mark.parametrize(
    ("suffix", "codec"),
    [
        (".m4a", "aac"),
        (".mp4", "aac"),
        (".aac", "aac"),
        (".webm", "libopus"),
        (".wma", "wmav2"),
    ],
)
def test_lossy_tracks_are_read_in_time_and_at_their_level(tmp_path, suffix, codec):
    rate_hz = 48000 if codec == "libopus" else RATE_HZ
    samples = speechlike(1.0, rate_hz)
    path = tmp_path / f"clip{suffix}"
    write(path, samples[:, None], codec, rate_hz=rate_hz)
    waveform = audio.read_waveform(path, rate_hz=rate_hz)
    # Encoders work in frames; the last is filled up, or (WMA) dropped.
    assert len(samples) - 512 <= len(waveform) <= len(samples) + 4096
    wanted = samples / 32768
    spectrum = np.fft.rfft(waveform, 2 * len(waveform)) * np.conj(
        np.fft.rfft(wanted, 2 * len(waveform))
    )
    late = int(np.argmax(np.fft.irfft(spectrum)))
    late -= 2 * len(waveform) if late > len(waveform) else 0
    # Raw AAC and WMA do not tell how long their encoders warm up; the others do.
    assert abs(late) <= (2048 if suffix in (".aac", ".wma") else 1)
    heard = waveform[max(late, 0) :][: len(wanted) + min(late, 0)]
    assert np.corrcoef(heard, wanted[max(-late, 0) :][: len(heard)])[0, 1] > 0.9
    assert np.std(waveform) == pytest.approx(np.std(wanted), rel=0.1)
    assert suffix in audio.SUFFIXES


def test_channels_and_rates_of_a_film(tmp_path):
    left, right = speechlike(1, 48000), speechlike(1, 48000, seed=1)
    write(tmp_path / "a.avi", np.stack([left, right], 1), "pcm_s16le", 48000, film=True)
    soundfile.write(tmp_path / "a.wav", np.stack([left, right], 1), 48000)
    for channel in audio.CHANNELS:
        np.testing.assert_array_equal(
            audio.read_waveform(tmp_path / "a.avi", channel=channel),
            audio.read_waveform(tmp_path / "a.wav", channel=channel),
        )


@pytest.mark.parametrize(("suffix", "codec"), [(".avi", "pcm_s16le"), (".m4a", "aac")])
@pytest.mark.parametrize("kept", [0.1, 0.5, 0.99])
def test_a_truncated_container_is_refused(tmp_path, suffix, codec, kept):
    path = tmp_path / f"clip{suffix}"
    write(path, speechlike()[:, None], codec, film=suffix == ".avi")
    data = path.read_bytes()
    path.write_bytes(data[: round(kept * len(data))])
    with pytest.raises(AudioError, match=rf"clip\{suffix}: is truncated: .*get the file again"):
        audio.read_waveform(path)


def test_a_film_without_sound_is_refused(tmp_path):
    write(tmp_path / "mute.avi", speechlike()[:, None], "pcm_s16le", film=True, sound=False)
    with pytest.raises(AudioError, match=r"mute\.avi: has no audio track; "):
        audio.read_waveform(tmp_path / "mute.avi")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", r"is empty \(0 bytes\)"),
        (b"once upon a time\n" * 50, r"cannot be decoded from 0\.00 s on \(Invalid data"),
        (b"RIFF\x00\x00\x00\x00AVI " + bytes(400), "cannot be decoded from 0.00 s on"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 9\n", "git-LFS"),
    ],
)
def test_what_is_no_film_is_refused(tmp_path, content, sentence, capfd):
    (tmp_path / "clip.avi").write_bytes(content)
    with pytest.raises(AudioError, match=rf"clip\.avi: .*{sentence}") as caught:
        audio.read_waveform(tmp_path / "clip.avi")
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")  # FFmpeg would like to say more


def test_a_damaged_track_is_refused_or_read(tmp_path):
    """Whatever bytes are broken, there is a waveform or one sentence, never another error."""
    write(tmp_path / "whole.m4a", speechlike()[:, None], "aac")
    data = np.frombuffer((tmp_path / "whole.m4a").read_bytes(), np.uint8)
    refused = 0
    for seed in range(60):
        random = np.random.default_rng(seed)
        broken = data.copy()
        broken[random.integers(len(data), size=20)] = random.integers(256, size=20)
        (tmp_path / "clip.m4a").write_bytes(broken.tobytes())
        try:
            assert np.isfinite(audio.read_waveform(tmp_path / "clip.m4a")).all()
        except AudioError as error:
            refused += 1
            assert "\n" not in str(error)
    assert refused > 0


def test_a_short_film_is_refused(tmp_path):
    write(tmp_path / "clip.avi", speechlike(0.05)[:, None], "pcm_s16le")
    with pytest.raises(AudioError, match=r"clip\.avi: lasts 0\.050 s, less than 0\.1 s"):
        audio.read_waveform(tmp_path / "clip.avi")


def test_missing_pyav_names_the_cure(tmp_path, monkeypatch):
    write(tmp_path / "clip.avi", speechlike()[:, None], "pcm_s16le")
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(AudioError, match=r"clip\.avi: .*pip install 'emometric\[video\]'"):
        audio.read_waveform(tmp_path / "clip.avi")
    with pytest.raises(PipelineError, match=r"pip install 'emometric\[video\]'"):
        tree._write_avi(tmp_path / "new.avi", speechlike()[:, None], RATE_HZ)


# -- What the stand-ins write ---------------------------------------------------------------------


@pytest.mark.parametrize("rate_hz", [16000, 44100, 48000])
@pytest.mark.parametrize("channels", [1, 2])
def test_films_hold_the_samples_and_a_picture(tmp_path, rate_hz, channels):
    samples = np.stack([speechlike(0.73, rate_hz, seed) for seed in range(channels)], axis=1)
    tree._write_avi(tmp_path / "a.avi", samples, rate_hz)
    with av.open(str(tmp_path / "a.avi")) as file:
        assert len(list(file.decode(video=0))) == 19  # 0.73 s at 25 Hz
        assert file.streams.audio[0].rate == rate_hz
    with av.open(str(tmp_path / "a.avi")) as file:
        blocks = [frame.to_ndarray().reshape(-1, channels) for frame in file.decode(audio=0)]
    np.testing.assert_array_equal(np.concatenate(blocks), samples)


def test_the_same_samples_give_the_same_bytes(tmp_path):
    samples = speechlike(0.5)[:, None]
    contents = []
    for _ in range(2):
        for suffix, write_sound in tree._WRITERS.items():
            write_sound(tmp_path / f"clip{suffix}", samples, RATE_HZ)
        contents.append([(tmp_path / f"clip{suffix}").read_bytes() for suffix in tree._WRITERS])
        time.sleep(1.1)  # some containers note the second in which they were written
    assert contents[0] == contents[1]
    for suffix in tree._WRITERS:
        waveform = audio.read_waveform(tmp_path / f"clip{suffix}")
        assert len(waveform) == pytest.approx(len(samples), abs=2048)

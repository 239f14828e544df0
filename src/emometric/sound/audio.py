"""Read a recording as one channel at one rate, or say in one sentence why that cannot be."""

import hashlib
import struct
from pathlib import Path

import numpy as np
import soundfile
import soxr

from emometric.base.errors import AudioError

RATE_HZ = 16000
MIN_S = 0.1  # shorter than a phone; no feature says anything about it
# Endings of the containers that corpora come in; compare in lower case.
BY_LIBSNDFILE = (
    ".aif",
    ".aiff",
    ".au",
    ".caf",
    ".flac",
    ".mp3",
    ".oga",
    ".ogg",
    ".opus",
    ".rf64",
    ".w64",
    ".wav",
)
BY_FFMPEG = (".aac", ".avi", ".m4a", ".mka", ".mkv", ".mov", ".mp4", ".webm", ".wma")
SUFFIXES = tuple(sorted(BY_LIBSNDFILE + BY_FFMPEG))
CHANNELS = ("mean", "left")
_LOUDEST = 8.0  # floating-point files pass full scale now and then, but not by 18 dB
_UNKNOWN_SIZE = 0x7FFFF000  # from here on: what writers to a pipe put, who know no size


def read_waveform(path: str | Path, *, channel: str = "mean", rate_hz: int = RATE_HZ) -> np.ndarray:
    """A recording as (samples,) float32 within [-1, 1] at `rate_hz`.

    channel: "mean" of all channels (equal channels give exactly one of them), or "left" alone.
    Another rate is converted by soxr (HQ). Samples of floating-point files, and overshoots of the
    conversion, are clipped at full scale.

    Film and AAC (BY_FFMPEG) are read through PyAV, of several audio tracks the first; it comes with
    the extra `video`. An encoder's padding at the end of AAC is kept.

    Raises AudioError, `<path>: <what is wrong>; <what to do>`, for a missing, empty, truncated or
    unreadable file, a git-LFS pointer, a film without sound, no samples, NaN or infinite samples,
    samples far beyond full scale, and less than MIN_S seconds; and where PyAV is wanting. That a
    file breaks off is noticed for WAV, AIFF, FLAC, AVI and MP4 (M4A, MOV); other containers are
    read as far as they go.
    """
    path = Path(path)
    samples, file_hz = read_channels(path)
    waveform = samples[:, 0] if channel == "left" else samples.mean(axis=1)
    check_waveform(waveform, where=path)
    if len(waveform) < MIN_S * file_hz:
        raise AudioError(
            f"{path}: lasts {len(waveform) / file_hz:.3f} s, less than {MIN_S} s; remove it."
        )
    if file_hz != rate_hz:
        waveform = soxr.resample(waveform, file_hz, rate_hz, quality="HQ")
    return np.clip(waveform, -1.0, 1.0).astype(np.float32, copy=False)


def read_channels(path: str | Path) -> tuple[np.ndarray, int]:
    """A recording as its file holds it: (samples, channels) float32, at least one, and its rate.

    Raises AudioError for what cannot be opened, decoded whole, or has no samples.
    """
    path = Path(path)
    try:
        _check_file(path)
        decode = _by_ffmpeg if path.suffix.lower() in BY_FFMPEG else _by_libsndfile
        samples, file_hz = decode(path)
    except OSError as error:
        raise AudioError(
            f"{path}: cannot be opened ({error.strerror}); check its rights."
        ) from None
    if len(samples) == 0:
        raise AudioError(f"{path}: holds no samples; get the file again or remove it.")
    return samples, file_hz


def check_waveform(waveform: np.ndarray, *, where: str | Path) -> None:
    """Raise AudioError where samples are NaN, infinite or far beyond full scale."""
    # NaN is neither the largest nor below anything, so that one look at each end finds it too.
    peak = max(float(waveform.max(initial=0.0)), -float(waveform.min(initial=0.0)))
    if peak <= _LOUDEST:
        return
    if not np.isfinite(waveform).all():
        at = int(np.flatnonzero(~np.isfinite(waveform))[0])
        raise AudioError(
            f"{where}: sample {at} is {waveform[at]}, no number; get the file again or remove it."
        )
    raise AudioError(
        f"{where}: samples reach {peak:g} where full scale is 1; convert the file with the right "
        "scale."
    )


def to_pcm16(waveform: np.ndarray) -> np.ndarray:
    """Samples of [-1, 1] as int16, to the nearest (half to even), clipped at full scale.

    >>> to_pcm16(np.array([-1.0, 0.0, 0.5, 1.0])).tolist()
    [-32768, 0, 16384, 32767]
    """
    return np.clip(np.rint(waveform * 32768.0), -32768, 32767).astype(np.int16)


def from_pcm16(samples: np.ndarray) -> np.ndarray:
    """int16 samples as float32 in [-1, 1); `to_pcm16` gives exactly the same samples back."""
    # A product with a power of two is as exact as the quotient, and cheaper.
    return np.multiply(samples, np.float32(1 / 32768), dtype=np.float32)


def content_hash(samples: np.ndarray) -> str:
    """blake2b (32 hex digits) of int16 samples: equal audio, equal hash, whatever the file."""
    if samples.dtype != np.int16:
        raise AudioError(f"content_hash: samples are {samples.dtype}; give int16 (to_pcm16).")
    return hashlib.blake2b(samples.astype("<i2").tobytes(), digest_size=16).hexdigest()


def _by_libsndfile(path: Path) -> tuple[np.ndarray, int]:
    """Samples, (n, channels) float32, and their rate."""
    try:
        with soundfile.SoundFile(path) as file:
            promised = file.frames
            samples = file.read(dtype="float32", always_2d=True)
            rate_hz = file.samplerate
    except soundfile.LibsndfileError as error:
        reason = error.error_string.strip().rstrip(".").removeprefix("Error : ")
        raise AudioError(
            f"{path}: is no recording that libsndfile can read ({reason}); get the file again or "
            f"convert it to WAV or FLAC."
        ) from None
    # Of an Ogg or MP3 stream the length is only an estimate; lossless containers state it.
    if len(samples) < promised and path.suffix.lower() not in (".mp3", ".ogg", ".oga", ".opus"):
        raise _truncated(path, promised, len(samples), "samples")
    return samples, rate_hz


def _by_ffmpeg(path: Path) -> tuple[np.ndarray, int]:
    """Samples, (n, channels) float32, of the first audio track, and their rate."""
    try:
        import av
    except ImportError:
        raise AudioError(
            f"{path}: is read by PyAV, which is not installed; run: pip install 'emometric[video]'"
        ) from None
    blocks: list[np.ndarray] = []
    rate_hz = RATE_HZ
    try:
        with av.open(str(path), metadata_errors="ignore") as container:
            if not container.streams.audio:
                raise AudioError(f"{path}: has no audio track; get the file again or remove it.")
            if container.streams.audio[0].codec_context is None:
                raise AudioError(
                    f"{path}: its audio track is in a format that FFmpeg does not know; get the "
                    f"file again or convert it to WAV or FLAC."
                )
            # Whatever the track holds becomes floating point; rate and channels stay.
            to_float = av.AudioResampler(format="fltp")
            for frame in container.decode(audio=0):
                rate_hz = frame.sample_rate or rate_hz
                blocks += (block.to_ndarray() for block in to_float.resample(frame))
            if blocks:
                blocks += (block.to_ndarray() for block in to_float.resample(None))
    except (av.FFmpegError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        done_s = sum(block.shape[1] for block in blocks) / rate_hz
        raise AudioError(
            f"{path}: cannot be decoded from {done_s:.2f} s on ({reason}); get the file again or "
            f"convert it to WAV or FLAC."
        ) from None
    samples = np.concatenate(blocks, axis=1) if blocks else np.zeros((1, 0), np.float32)
    return samples.T, rate_hz


def _check_file(path: Path) -> None:
    """Refuse what the decoders would report unclearly, or not at all."""
    if not path.is_file():
        raise AudioError(f"{path}: there is no such file; check the path.")
    n_bytes = path.stat().st_size
    if n_bytes == 0:
        raise AudioError(f"{path}: is empty (0 bytes); get the file again.")
    with path.open("rb") as file:
        head = file.read(64)
        if head.startswith(b"version https://git-lfs"):
            raise AudioError(
                f"{path}: is a git-LFS pointer, not the recording; run `git lfs pull`."
            )
        if head[8:12] in (b"WAVE", b"AIFF", b"AIFC") and head[:4] in (b"RIFF", b"FORM"):
            _check_chunks(path, file, n_bytes, "<" if head[:4] == b"RIFF" else ">")
        elif head[:4] == b"RIFF" and head[8:12] == b"AVI ":
            promised = struct.unpack("<I", head[4:8])[0]
            if n_bytes - 8 < promised < _UNKNOWN_SIZE:
                raise _truncated(path, promised, n_bytes - 8, "bytes")
        elif head[4:8] == b"ftyp":
            _check_boxes(path, file, n_bytes)


def _check_chunks(path: Path, file, n_bytes: int, endian: str) -> None:
    """Walk the chunks of a WAV or AIFF file; refuse one whose sound is shorter than promised.

    libsndfile reads such a file without a word, up to where it breaks off. Any other chunks may
    stand before the sound (RAVDESS has one named `FLLR`).
    """
    position = 12
    while position + 8 <= n_bytes:
        file.seek(position)
        name, size = struct.unpack(f"{endian}4sI", file.read(8))
        if name in (b"data", b"SSND"):
            there = n_bytes - position - 8
            if there < size < _UNKNOWN_SIZE:
                raise _truncated(path, size, there, "bytes of sound")
            return
        position += 8 + size + size % 2  # chunks begin at even bytes
    raise AudioError(f"{path}: is truncated: it ends before its sound begins; get the file again.")


def _check_boxes(path: Path, file, n_bytes: int) -> None:
    """Walk the outermost boxes of an MP4 file; refuse one that ends within a box."""
    position = 0
    while position + 8 <= n_bytes:
        file.seek(position)
        size, _name, long_size = struct.unpack(">I4sQ", file.read(16).ljust(16, b"\0"))
        size = long_size if size == 1 else size
        if size < 8:  # 0: up to the end of the file, whatever that is
            return
        position += size
        if position > n_bytes:
            raise _truncated(path, position, n_bytes, "bytes")


def _truncated(path: Path, promised: int, there: int, what: str) -> AudioError:
    return AudioError(
        f"{path}: is truncated: its header promises {promised} {what}, {there} are there; "
        f"get the file again."
    )

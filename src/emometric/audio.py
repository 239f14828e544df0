"""Read a recording as one channel at one rate, or say in one sentence why that cannot be."""

import hashlib
import struct
from pathlib import Path

import numpy as np
import soundfile
import soxr

from emometric.errors import AudioError

RATE_HZ = 16000
MIN_S = 0.1  # shorter than a phone; no feature says anything about it
# Endings of the containers that libsndfile reads and corpora come in; compare in lower case.
SUFFIXES = (
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
CHANNELS = ("mean", "left")
_LOUDEST = 8.0  # floating-point files pass full scale now and then, but not by 18 dB
_UNKNOWN_SIZE = 0x7FFFF000  # from here on: what writers to a pipe put, who know no size


def read_waveform(path: str | Path, *, channel: str = "mean", rate_hz: int = RATE_HZ) -> np.ndarray:
    """A recording as (samples,) float32 within [-1, 1] at `rate_hz`.

    channel: "mean" of all channels (equal channels give exactly one of them), or "left" alone.
    Another rate is converted by soxr (HQ). Samples of floating-point files, and overshoots of the
    conversion, are clipped at full scale.

    Raises AudioError, `<path>: <what is wrong>; <what to do>`, for a missing, empty, truncated or
    unreadable file, a git-LFS pointer, no samples, NaN or infinite samples, samples far beyond
    full scale, and less than MIN_S seconds. That a file breaks off is noticed for WAV, AIFF and
    FLAC; other containers are read as far as they go.
    """
    path = Path(path)
    try:
        _check_file(path)
        with soundfile.SoundFile(path) as file:
            promised = file.frames
            samples = file.read(dtype="float32", always_2d=True)
            file_hz = file.samplerate
    except soundfile.LibsndfileError as error:
        reason = error.error_string.strip().rstrip(".").removeprefix("Error : ")
        raise AudioError(
            f"{path}: is no recording that libsndfile can read ({reason}); get the file again or "
            f"convert it to WAV or FLAC."
        ) from None
    except OSError as error:
        raise AudioError(
            f"{path}: cannot be opened ({error.strerror}); check its rights."
        ) from None
    # Of an Ogg or MP3 stream the length is only an estimate; lossless containers state it.
    if len(samples) < promised and path.suffix.lower() not in (".mp3", ".ogg", ".oga", ".opus"):
        raise _truncated(path, promised, len(samples), "samples")
    if len(samples) == 0:
        raise AudioError(f"{path}: holds no samples; get the file again or remove it.")
    waveform = samples[:, 0] if channel == "left" else samples.mean(axis=1)
    check_waveform(waveform, where=path)
    if len(waveform) < MIN_S * file_hz:
        raise AudioError(
            f"{path}: lasts {len(waveform) / file_hz:.3f} s, less than {MIN_S} s; remove it."
        )
    if file_hz != rate_hz:
        waveform = soxr.resample(waveform, file_hz, rate_hz, quality="HQ")
    return np.clip(waveform, -1.0, 1.0).astype(np.float32, copy=False)


def check_waveform(waveform: np.ndarray, *, where: str | Path) -> None:
    """Raise AudioError where samples are NaN, infinite or far beyond full scale."""
    if not np.isfinite(waveform).all():
        at = int(np.flatnonzero(~np.isfinite(waveform))[0])
        raise AudioError(
            f"{where}: sample {at} is {waveform[at]}, no number; get the file again or remove it."
        )
    peak = float(np.abs(waveform).max(initial=0.0))
    if peak > _LOUDEST:
        raise AudioError(
            f"{where}: samples reach {peak:g} where full scale is 1; convert the file with the "
            f"right scale."
        )


def to_pcm16(waveform: np.ndarray) -> np.ndarray:
    """Samples of [-1, 1] as int16, to the nearest (half to even), clipped at full scale.

    >>> to_pcm16(np.array([-1.0, 0.0, 0.5, 1.0])).tolist()
    [-32768, 0, 16384, 32767]
    """
    return np.clip(np.rint(waveform * 32768.0), -32768, 32767).astype(np.int16)


def from_pcm16(samples: np.ndarray) -> np.ndarray:
    """int16 samples as float32 in [-1, 1); `to_pcm16` gives exactly the same samples back."""
    return samples.astype(np.float32) / np.float32(32768.0)


def content_hash(samples: np.ndarray) -> str:
    """blake2b (32 hex digits) of int16 samples: equal audio, equal hash, whatever the file."""
    if samples.dtype != np.int16:
        raise AudioError(f"content_hash: samples are {samples.dtype}; give int16 (to_pcm16).")
    return hashlib.blake2b(samples.astype("<i2").tobytes(), digest_size=16).hexdigest()


def _check_file(path: Path) -> None:
    """Refuse what libsndfile would report unclearly, or not at all."""
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


def _truncated(path: Path, promised: int, there: int, what: str) -> AudioError:
    return AudioError(
        f"{path}: is truncated: its header promises {promised} {what}, {there} are there; "
        f"get the file again."
    )

"""Speak a sentence with eSpeak NG: the same request always gives the same samples."""

import contextlib
import json
import os
import struct
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from emometric.base.errors import PipelineError
from emometric.stand_ins import voice_process


@dataclass(frozen=True, kw_only=True)
class Speech:
    """One request to eSpeak NG, in its own units.

    language: a voice name of eSpeak NG, such as `de` or `en-us`; variant: a file of its
    `voices/!v`, or "". words_per_minute: 80..450. pitch, pitch_range: 0..100, 50 is the voice's
    own; one step of pitch is 12/50 of a semitone. volume: 0..200. word_gap: 10 ms steps.
    """

    text: str
    language: str
    variant: str = ""
    words_per_minute: int = 175
    pitch: int = 50
    pitch_range: int = 50
    volume: int = 100
    word_gap: int = 0


class Speaker:
    """A running eSpeak NG; use it in a `with` block. One thread at a time.

    >>> with Speaker() as speaker:
    ...     samples, rate_hz = speaker.say(Speech(text="Ja.", language="de"))
    >>> samples.dtype.name, rate_hz
    ('int16', 22050)
    """

    def __init__(self) -> None:
        self._library, self._data = _paths()
        self._process: subprocess.Popen | None = None
        self._rate_hz = 0

    def __enter__(self) -> "Speaker":
        return self

    def __exit__(self, *_exception) -> None:
        self._close()

    def say(self, speech: Speech) -> tuple[np.ndarray, int]:
        """The samples, (n,) int16, and their rate in Hz.

        Raises PipelineError for a language or variant that eSpeak NG does not have.
        """
        if self._process is None:
            self._start()
        try:
            self._process.stdin.write(json.dumps(asdict(speech)).encode() + b"\n")
            self._process.stdin.flush()
            kind, length = struct.unpack("<BI", self._read(5))
            body = self._read(length)
        except (BrokenPipeError, EOFError):
            self._close()
            raise PipelineError(
                "eSpeak NG stopped while it spoke a stand-in; run the command again."
            ) from None
        if not hasattr(os, "fork"):  # there, a process renders one request and ends
            self._close()
        if kind != 0:
            raise PipelineError(
                f"{body.decode()}; correct the stand-in or reinstall espeakng-loader."
            )
        return np.frombuffer(body, dtype="<i2").astype(np.int16), self._rate_hz

    def _start(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", voice_process.__file__, self._library, self._data.name],
            cwd=self._data.parent,  # eSpeak NG refuses a path of more than about 160 characters
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        try:
            (self._rate_hz,) = struct.unpack("<I", self._read(4))
        except EOFError:
            self._close()
            raise PipelineError(
                f"eSpeak NG does not start from {self._library}; reinstall espeakng-loader."
            ) from None

    def _read(self, n_bytes: int) -> bytes:
        body = self._process.stdout.read(n_bytes)
        if len(body) != n_bytes:
            raise EOFError
        return body

    def _close(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(BrokenPipeError):
                process.stdin.close()
            process.stdout.close()
            process.wait()


def _paths() -> tuple[str, Path]:
    """Library and voice data as espeakng-loader carries them."""
    try:
        import espeakng_loader
    except ImportError:
        raise PipelineError(
            "stand-ins are spoken by eSpeak NG, which is not installed; "
            "run: pip install 'emometric[synthetic]'"
        ) from None
    return espeakng_loader.get_library_path(), Path(espeakng_loader.get_data_path())

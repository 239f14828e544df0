"""The process that speaks: loads eSpeak NG, and renders each request in a child of its own.

Run by path with `-I -S LIBRARY DATA`; imports nothing beyond the standard library, so that a fork
is cheap and safe (one thread, no numpy). eSpeak NG keeps state from one utterance to the next that
neither seeding nor re-initialising resets; a process that has rendered nothing yet always gives
the same samples. So this one never renders: each child does, once. Where there is no fork, it
renders a single request itself and ends, and the caller starts another.

Requests are JSON objects, one a line. An answer is one byte (0 samples follow, 1 a message
follows), a length of four bytes (little endian), and that many bytes: int16 samples, or UTF-8.
"""

import ctypes
import json
import os
import struct
import sys
from pathlib import Path

# From speak_lib.h.
_SYNCHRONOUS = 2
_DO_NOT_EXIT = 0x8000
_UTF8 = 1
_RATE, _VOLUME, _PITCH, _RANGE, _WORD_GAP = 1, 2, 3, 4, 7
_CALLBACK = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
)


def load(library: str, data: str) -> tuple[ctypes.CDLL, int]:
    """The library, initialised, and its sampling rate in Hz."""
    espeak = ctypes.CDLL(library)
    espeak.espeak_Synth.argtypes = [
        ctypes.c_char_p,
        ctypes.c_size_t,
        ctypes.c_uint,
        ctypes.c_int,
        ctypes.c_uint,
        ctypes.c_uint,
        ctypes.c_void_p,
        ctypes.c_void_p,
    ]
    rate_hz = espeak.espeak_Initialize(_SYNCHRONOUS, 0, data.encode(), _DO_NOT_EXIT)
    if rate_hz <= 0:
        raise RuntimeError("eSpeak NG does not start")
    # Voices with breath in them (f2) use random noise, which is seeded by the clock otherwise.
    espeak.espeak_ng_SetRandSeed(ctypes.c_long(1))
    return espeak, rate_hz


def render(espeak: ctypes.CDLL, data: str, request: dict) -> bytes:
    """The samples (int16) of one request; only the first call in a process is reproducible.

    A language that the library does not know would be read as English, and a variant that it does
    not know would be passed over: both raise ValueError instead.
    """
    voice = request["language"]
    if request["variant"]:
        if not (Path(data) / "voices" / "!v" / request["variant"]).is_file():
            raise ValueError(f"eSpeak NG has no voice variant '{request['variant']}'")
        voice += "+" + request["variant"]
    if espeak.espeak_SetVoiceByName(voice.encode()) != 0:
        raise ValueError(f"eSpeak NG has no voice '{voice}'")
    for code, key in (
        (_RATE, "words_per_minute"),
        (_VOLUME, "volume"),
        (_PITCH, "pitch"),
        (_RANGE, "pitch_range"),
        (_WORD_GAP, "word_gap"),
    ):
        if espeak.espeak_SetParameter(code, request[key], 0) != 0:
            raise ValueError(f"eSpeak NG refuses {key} = {request[key]}")
    samples = bytearray()

    def collect(wave, n_samples, _events):
        if wave and n_samples:
            samples.extend(ctypes.string_at(wave, 2 * n_samples))
        return 0

    callback = _CALLBACK(collect)
    espeak.espeak_SetSynthCallback(callback)
    text = request["text"].encode() + b"\0"
    if espeak.espeak_Synth(text, len(text), 0, 1, 0, _UTF8, None, None) != 0:
        raise ValueError(f"eSpeak NG cannot speak '{request['text']}'")
    espeak.espeak_Synchronize()
    return bytes(samples)


def answer(espeak: ctypes.CDLL, data: str, request: dict) -> bytes:
    """The framed answer to one request."""
    try:
        kind, body = 0, render(espeak, data, request)
    except ValueError as error:
        kind, body = 1, str(error).encode()
    return struct.pack("<BI", kind, len(body)) + body


def answer_in_child(espeak: ctypes.CDLL, data: str, request: dict) -> bytes:
    """The framed answer to one request, made in a forked child that then ends."""
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.close(read_end)
            with os.fdopen(write_end, "wb") as pipe:
                pipe.write(answer(espeak, data, request))
            status = 0
        finally:
            os._exit(status)
    os.close(write_end)
    with os.fdopen(read_end, "rb") as pipe:
        framed = pipe.read()
    _, status = os.waitpid(child, 0)
    if status != 0:
        message = b"eSpeak NG stopped in the middle of a clip"
        return struct.pack("<BI", 1, len(message)) + message
    return framed


def main(library: str, data: str) -> None:
    """Answer the requests on standard input until it is closed."""
    espeak, rate_hz = load(library, data)
    out = sys.stdout.buffer
    out.write(struct.pack("<I", rate_hz))
    out.flush()
    can_fork = hasattr(os, "fork")
    for line in sys.stdin.buffer:
        out.write((answer_in_child if can_fork else answer)(espeak, data, json.loads(line)))
        out.flush()
        if not can_fork:
            return


if __name__ == "__main__":
    main(*sys.argv[1:])

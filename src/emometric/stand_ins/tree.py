"""Render a corpus's stand-in as the tree of files that its owner publishes.

The ending of an utterance's path is its container: WAV, FLAC, AVI (beside a grey film), each of
16 bit, or M4A (AAC). The same utterances give the same bytes; AVI and M4A do so with the same
release of PyAV, and AVI with any release gives the same samples.
"""

import importlib
import importlib.util
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from types import ModuleType

import joblib
import numpy as np
import soundfile

from emometric.base import atomic, console
from emometric.base.errors import CorpusError, PipelineError
from emometric.stand_ins.acoustics import perform
from emometric.stand_ins.espeak import Speaker
from emometric.stand_ins.utterance import Recording, Utterance

_CLIPS_A_TASK = 16
_FILM_HZ = 25
_FILM_WIDTH = 32
_FRAMES_A_BLOCK = 5  # frames of film between two blocks of its sound
_AAC_FRAME = 1024  # samples
# Without them FFmpeg writes its version and the time of day into the file.
_REPRODUCIBLE = {"fflags": "+bitexact"}
_REPRODUCIBLE_CODEC = {"flags": "+bitexact"}


def write_tree(
    corpus: str,
    folder: str | Path,
    *,
    max_clips: int | None,
    max_corpus: int | None = None,
    n_jobs: int = -1,
) -> int:
    """Write the stand-in of `corpus` as `folder`, whole or not at all; returns the number of clips.

    max_clips: of each speaker and emotion, at least 1; None: as many as the owner publishes.
    max_corpus: of the whole corpus; where there are more, max_clips falls, though not below 1.
    n_jobs: clips at a time, -1: one a core. The bytes of a file do not depend on either.

    A stand-in whose owner publishes labels beside the recordings has
    `label_files(utterances) -> Iterator[tuple[str, str | bytes]]`: path below the root, and text,
    which is written in UTF-8, or the bytes themselves.

    Raises CorpusError where there is no such stand-in or a maximum is below 1, and PipelineError
    where eSpeak NG, or for films PyAV, is not installed.
    """
    for name, value in (("max_clips", max_clips), ("max_corpus", max_corpus)):
        if value is not None and value < 1:
            raise CorpusError(f"stand_in.{name} is {value}; write at least 1, or null for all.")
    stand_in = _stand_in(corpus)
    utterances = _chosen(stand_in, max_clips, max_corpus)
    tasks = [
        utterances[start : start + _CLIPS_A_TASK]
        for start in range(0, len(utterances), _CLIPS_A_TASK)
    ]
    with (
        atomic.new_folder(folder) as aside,
        console.progress(total=len(utterances), what=f"speak {corpus}", unit="clips") as bar,
    ):
        # Threads do: eSpeak NG speaks in processes of its own, and numpy lets others work.
        results = joblib.Parallel(n_jobs=n_jobs, prefer="threads", return_as="generator_unordered")(
            joblib.delayed(_write)(aside, task, stand_in.RECORDING) for task in tasks
        )
        for n_written in results:
            bar.update(n_written)
        write_labels(aside, stand_in, utterances)
    return len(utterances)


def _chosen(stand_in: ModuleType, max_clips: int | None, max_corpus: int | None) -> list[Utterance]:
    """What is spoken: of each speaker and emotion as many as both maxima allow, at least one."""
    utterances = list(stand_in.utterances(max_clips))
    if max_corpus is None:
        return utterances
    n_clips = max(Counter((one.speaker, one.emotion) for one in utterances).values(), default=1)
    while len(utterances) > max_corpus and n_clips > 1:
        n_clips -= 1
        utterances = list(stand_in.utterances(n_clips))
    return utterances


def _write(folder: Path, utterances: Sequence[Utterance], recording: Recording) -> int:
    with Speaker() as speaker:
        for utterance in utterances:
            path = folder / utterance.path
            path.parent.mkdir(parents=True, exist_ok=True)
            if utterance.fault == "unreadable":
                path.write_bytes(_UNREADABLE)
                continue
            samples = perform(speaker, utterance, recording)
            _WRITERS[path.suffix](path, samples, recording.rate_hz)
    return len(utterances)


def write_labels(folder: Path, stand_in: ModuleType, utterances: Sequence[Utterance]) -> None:
    """Write the owner's label files, where labels do not stand in the names alone."""
    if hasattr(stand_in, "label_files"):
        for path, content in stand_in.label_files(utterances):
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(
                content if isinstance(content, bytes) else content.encode("utf-8")
            )


def _write_wav(path: Path, samples: np.ndarray, rate_hz: int) -> None:
    soundfile.write(path, samples, rate_hz, subtype="PCM_16", format="WAV")


def _write_flac(path: Path, samples: np.ndarray, rate_hz: int) -> None:
    soundfile.write(path, samples, rate_hz, subtype="PCM_16", format="FLAC")


def _write_avi(path: Path, samples: np.ndarray, rate_hz: int) -> None:
    """A grey film of 32 x 32 in MPEG-4, as long as its sound of 16 bit; exactly these samples."""
    av = _pyav()
    grey = np.full((_FILM_WIDTH * 3 // 2, _FILM_WIDTH), 128, np.uint8)
    with av.open(str(path), "w", format="avi", options=_REPRODUCIBLE) as file:
        film = file.add_stream("mpeg4", rate=_FILM_HZ, options=_REPRODUCIBLE_CODEC)
        film.width = film.height = _FILM_WIDTH
        film.pix_fmt = "yuv420p"
        film.thread_count = 1
        layout = _layout(samples)
        sound = file.add_stream("pcm_s16le", rate=rate_hz, layout=layout)
        image = av.VideoFrame.from_ndarray(grey, format="yuv420p")
        image.time_base = Fraction(1, _FILM_HZ)
        for number in range(-(-len(samples) * _FILM_HZ // rate_hz)):
            image.pts = number
            file.mux(film.encode(image))
            if number % _FRAMES_A_BLOCK == 0:
                ends = (number, number + _FRAMES_A_BLOCK)
                start, end = (at * rate_hz // _FILM_HZ for at in ends)
                block = np.ascontiguousarray(samples[start:end]).reshape(1, -1)
                file.mux(sound.encode(_block(av, block, start, "s16", layout, rate_hz)))
        for stream in (film, sound):
            file.mux(stream.encode(None))


def _write_m4a(path: Path, samples: np.ndarray, rate_hz: int) -> None:
    """AAC at 64 kbit/s for each channel; silence fills up the last of its frames."""
    av = _pyav()
    with av.open(str(path), "w", format="ipod", options=_REPRODUCIBLE) as file:
        layout = _layout(samples)
        sound = file.add_stream("aac", rate=rate_hz, layout=layout, options=_REPRODUCIBLE_CODEC)
        sound.bit_rate = 64000 * samples.shape[1]
        sound.thread_count = 1
        planes = samples.T.astype(np.float32) / 32768
        for start in range(0, len(samples), _AAC_FRAME):
            block = np.ascontiguousarray(planes[:, start : start + _AAC_FRAME])
            file.mux(sound.encode(_block(av, block, start, "fltp", layout, rate_hz)))
        file.mux(sound.encode(None))


def _block(av, samples: np.ndarray, start: int, form: str, layout: str, rate_hz: int):
    """A stretch of sound as FFmpeg takes it, at its place in the file."""
    frame = av.AudioFrame.from_ndarray(samples, format=form, layout=layout)
    frame.rate, frame.pts, frame.time_base = rate_hz, start, Fraction(1, rate_hz)
    return frame


def _layout(samples: np.ndarray) -> str:
    return "mono" if samples.shape[1] == 1 else "stereo"


def _pyav():
    try:
        import av
    except ImportError:
        raise PipelineError(
            "this stand-in is written as film by PyAV, which is not installed; "
            "run: pip install 'emometric[video]'"
        ) from None
    return av


_WRITERS = {".wav": _write_wav, ".flac": _write_flac, ".avi": _write_avi, ".m4a": _write_m4a}
# What an unreadable recording of the owner's becomes: the name is there, the sound is not.
_UNREADABLE = b"RIFF\x24\x00\x00\x00WAVEfmt "


def exists(corpus: str) -> bool:
    """Whether the corpus has a stand-in."""
    return importlib.util.find_spec(f"emometric.stand_ins.{corpus}") is not None


def _stand_in(corpus: str):
    name = f"emometric.stand_ins.{corpus}"
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        raise CorpusError(
            f"the corpus '{corpus}' has no stand-in; write src/emometric/stand_ins/{corpus}.py, "
            f"or run on the original recordings."
        ) from None

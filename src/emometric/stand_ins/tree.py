"""Render a corpus's stand-in as the tree of files that its owner publishes."""

import importlib
from collections.abc import Sequence
from pathlib import Path

import joblib
import soundfile

from emometric import atomic, console
from emometric.errors import CorpusError
from emometric.stand_ins.acoustics import perform
from emometric.stand_ins.espeak import Speaker
from emometric.stand_ins.utterance import Recording, Utterance

_CLIPS_A_TASK = 16


def write_tree(corpus: str, folder: str | Path, *, max_clips: int | None, n_jobs: int = -1) -> int:
    """Write the stand-in of `corpus` as `folder`, whole or not at all; returns the number of clips.

    max_clips: of each speaker and emotion, at least 1; None: as many as the owner publishes.
    n_jobs: clips at a time, -1: one a core. The bytes of a file do not depend on either.

    Raises CorpusError where there is no such stand-in or max_clips is below 1, and PipelineError
    where eSpeak NG is not installed.
    """
    if max_clips is not None and max_clips < 1:
        raise CorpusError(
            f"stand_in.max_clips is {max_clips}; write at least 1, or null for all clips."
        )
    stand_in = _stand_in(corpus)
    utterances = list(stand_in.utterances(max_clips))
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
    return len(utterances)


def _write(folder: Path, utterances: Sequence[Utterance], recording: Recording) -> int:
    with Speaker() as speaker:
        for utterance in utterances:
            path = folder / utterance.path
            path.parent.mkdir(parents=True, exist_ok=True)
            samples = perform(speaker, utterance, recording)
            soundfile.write(path, samples, recording.rate_hz, subtype="PCM_16", format="WAV")
    return len(utterances)


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

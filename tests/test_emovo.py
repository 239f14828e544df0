"""EMOVO: seven states, six actors, and two microphones of which the left one counts."""

from pathlib import PurePosixPath

import numpy as np
import pytest
import soundfile

from emometric.acquisition.acquiring import acquire
from emometric.acquisition.listing import UnknownName
from emometric.corpora import emovo
from emometric.sound import audio
from emometric.stand_ins import emovo as stand_in
from emometric.stand_ins.tree import write_tree
from emometric.storage import store


def test_labels_of_a_known_name():
    clip = emovo.read_name(PurePosixPath("f1/tri-f1-l4.wav"))
    assert (clip.id, clip.speaker, clip.sentence, clip.emotion) == (
        "emovo/tri-f1-l4",
        "emovo/f1",
        "l4",
        "sadness",
    )


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("dis-f1-b1x.wav", "not a name"),
        ("dis_f1_b1.wav", "not a name"),
        ("xyz-f1-b1.wav", "no emotion xyz"),
        ("dis-f4-b1.wav", "no actor f4"),
        ("dis-f1-b4.wav", "no sentence b4"),
        ("f2/dis-f1-b1.wav", "actor f1 by its name, but in the folder f2"),
        ("F2/dis-f1-b1.wav", "actor f1 by its name, but in the folder F2"),
    ],
)
def test_names_outside_the_grammar(path, reason):
    with pytest.raises(UnknownName, match=reason):
        emovo.read_name(PurePosixPath(path))


def test_the_left_microphone_is_read(tmp_path, monkeypatch):
    chosen = list(stand_in.utterances(None))[::200]
    monkeypatch.setattr(stand_in, "utterances", lambda _max_clips: iter(chosen))
    write_tree("emovo", tmp_path / "tree", max_clips=None, n_jobs=1)
    acquire("emovo", emovo.Params(), tmp_path / "tree", tmp_path / "out")
    stored = store.Ragged(tmp_path / "out" / "audio")
    for utterance in chosen:
        path = tmp_path / "tree" / utterance.path
        samples, rate_hz = soundfile.read(path, dtype="int16")
        assert (rate_hz, samples.shape[1]) == (48000, 2)
        left = tmp_path / "left.wav"
        soundfile.write(left, samples[:, 0], rate_hz, subtype="PCM_16")
        wanted = audio.to_pcm16(audio.read_waveform(left))
        heard = stored.read(f"emovo/{path.stem}").ravel()
        assert np.array_equal(heard, wanted)
        # The mean is another sound: it differs by a good part of the left channel's power.
        mean = audio.to_pcm16(audio.read_waveform(path, channel="mean")).astype(float)
        assert np.mean((mean - heard) ** 2) > 0.02 * np.mean(heard.astype(float) ** 2)


def test_the_second_microphone_hears_the_same_later(tmp_path, monkeypatch):
    chosen = list(stand_in.utterances(None))[100:101]
    monkeypatch.setattr(stand_in, "utterances", lambda _max_clips: iter(chosen))
    write_tree("emovo", tmp_path, max_clips=None, n_jobs=1)
    samples, rate_hz = soundfile.read(tmp_path / chosen[0].path)
    left, right = samples.T
    assert np.std(right) < np.std(left)
    lags = range(0, rate_hz // 200)  # up to 5 ms
    likeness = [np.dot(left[: len(left) - lag], right[lag:]) for lag in lags]
    assert np.argmax(likeness) == round(stand_in.RECORDING.spacing_s * rate_hz)

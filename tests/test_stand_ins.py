"""Stand-ins carry the owners' labels, sound as meant, and are the same bytes every time."""

import hashlib
import importlib
import json
import struct
import subprocess
import sys
from collections import Counter
from pathlib import Path, PurePosixPath

import espeakng_loader
import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from emometric import emotions
from emometric.base import parts
from emometric.base.errors import CorpusError, PipelineError
from emometric.stand_ins import emodb, ravdess, tree, urdu, voice_process
from emometric.stand_ins.acoustics import perform
from emometric.stand_ins.espeak import Speaker, Speech
from emometric.stand_ins.prosody import BY_EMOTION, VARIANTS
from emometric.stand_ins.tree import write_tree
from emometric.stand_ins.utterance import Utterance, thin

# Those that somebody publishes; a corpus of one's own has no names to know (test_own.py).
CORPORA = tuple(name for name in parts.available("corpora") if name not in ("own", "pooled"))
SPOKEN = {"emodb": emodb, "ravdess": ravdess, "urdu": urdu}


def some(module, n_clips: int) -> list[Utterance]:
    """Utterances spread over a whole corpus."""
    every = list(module.utterances(None))
    return every[:: len(every) // n_clips][:n_clips]


def digest(samples: np.ndarray) -> str:
    return hashlib.blake2b(samples.tobytes(), digest_size=16).hexdigest()


def render(module, utterances) -> dict[str, str]:
    with Speaker() as speaker:
        return {
            utterance.path: digest(perform(speaker, utterance, module.RECORDING))
            for utterance in utterances
        }


def tree_bytes(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


# -- Labels and balance ---------------------------------------------------------------------------


@pytest.mark.parametrize("corpus", CORPORA)
def test_reader_agrees_with_what_is_spoken(corpus, tmp_path):
    stand_in = importlib.import_module(f"emometric.stand_ins.{corpus}")
    part = parts.load("corpora", corpus)
    spoken = list(stand_in.utterances(None))
    if part.EMOTIONS:  # speakers alone: the stand-in is a part of it
        assert len({utterance.path for utterance in spoken}) == part.N_CLIPS
    spoken = spoken[:: max(1, len(spoken) // 1500)]
    for utterance in spoken:
        (tmp_path / utterance.path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / utterance.path).touch()
    tree.write_labels(tmp_path, stand_in, spoken)
    clips = {clip.path: clip for clip in part.clips(tmp_path, part.Params())}
    for utterance in spoken:
        clip = clips[utterance.path]
        assert utterance.corpus == corpus
        assert f"{corpus}/{utterance.speaker}" == clip.speaker
        assert utterance.emotion == clip.emotion


@pytest.mark.parametrize("corpus", CORPORA)
@pytest.mark.parametrize("max_clips", [1, 4])
def test_thinning_keeps_every_speaker_and_emotion(corpus, max_clips):
    stand_in = importlib.import_module(f"emometric.stand_ins.{corpus}")
    full = Counter((u.speaker, u.emotion) for u in stand_in.utterances(None))
    thinned = Counter((u.speaker, u.emotion) for u in stand_in.utterances(max_clips))
    assert thinned == {pair: min(n_clips, max_clips) for pair, n_clips in full.items()}


@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(("anger", "fear"))), max_size=30),
    st.integers(1, 8),
)
def test_thin_draws_without_repeating(pairs, max_clips):
    utterances = [
        Utterance(
            corpus="c",
            path=str(n),
            text="",
            language="de",
            speaker=speaker,
            sex="f",
            emotion=emotion,
        )
        for n, (speaker, emotion) in enumerate(pairs)
    ]
    kept = list(thin(utterances, max_clips))
    assert len({utterance.path for utterance in kept}) == len(kept)
    assert Counter((u.speaker, u.emotion) for u in kept) == {
        pair: min(n_clips, max_clips) for pair, n_clips in Counter(pairs).items()
    }
    assert sorted(thin(utterances, None), key=lambda u: int(u.path)) == utterances


@pytest.mark.parametrize(
    ("max_clips", "max_corpus", "wanted"),
    [(4, None, 768), (4, 768, 768), (4, 767, 576), (4, 400, 384), (None, 400, 384), (4, 5, 192)],
)
def test_a_large_corpus_is_spoken_in_part(max_clips, max_corpus, wanted):
    """24 actors, 8 emotions: 192 for each clip of both; neutral, of which there are 4, bounds."""
    found = tree._chosen(ravdess, max_clips, max_corpus)
    assert len(found) == wanted
    assert len({(one.speaker, one.emotion) for one in found}) == 192


@pytest.mark.parametrize("name", ["max_clips", "max_corpus"])
def test_a_maximum_below_one_is_refused(tmp_path, name):
    with pytest.raises(CorpusError, match=f"stand_in.{name} is 0"):
        tree.write_tree("ravdess", tmp_path / "r", **{"max_clips": 1, name: 0})


def test_thinned_ravdess_keeps_both_intensities_and_sentences():
    names = [PurePosixPath(u.path).stem.split("-") for u in ravdess.utterances(4)]
    happy = [name for name in names if name[2] == "03" and name[6] == "01"]
    assert {(name[3], name[4]) for name in happy} == {
        (intensity, sentence) for intensity in ("01", "02") for sentence in ("01", "02")
    }


# -- Same bytes -----------------------------------------------------------------------------------


@pytest.mark.parametrize("corpus", sorted(SPOKEN))
def test_a_clip_does_not_depend_on_those_before_it(corpus):
    module = SPOKEN[corpus]
    utterances = some(module, 6)
    in_order = render(module, utterances)
    shuffled = [utterances[position] for position in (3, 0, 5, 2, 4, 1)]
    assert render(module, shuffled) == in_order
    assert render(module, utterances[4:5]) == {utterances[4].path: in_order[utterances[4].path]}
    assert len(set(in_order.values())) == len(in_order)


@pytest.mark.parametrize("variant", sorted(sum(VARIANTS.values(), ())))
def test_every_voice_says_the_same_after_a_restart(variant):
    """Found with f2, whose breath was random noise seeded by the clock."""
    speech = Speech(text="Guten Tag", language="de", variant=variant)
    digests = set()
    for _ in range(2):
        with Speaker() as speaker:
            digests |= {digest(speaker.say(speech)[0]) for _ in range(2)}
    assert len(digests) == 1


def test_another_process_gives_the_same_samples():
    utterance = some(emodb, 6)[2]
    program = f"""
from emometric.stand_ins import emodb
from emometric.stand_ins.acoustics import perform
from emometric.stand_ins.espeak import Speaker
(utterance,) = [u for u in emodb.utterances(None) if u.path == {utterance.path!r}]
with Speaker() as speaker:
    print(hash("salted"), perform(speaker, utterance, emodb.RECORDING).tobytes().hex())
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    samples = np.frombuffer(bytes.fromhex(done.stdout.split()[1]), dtype=np.int16)
    assert digest(samples) == render(emodb, [utterance])[utterance.path]


def test_jobs_and_thinning_change_no_bytes(tmp_path, monkeypatch):
    chosen = some(emodb, 24)
    monkeypatch.setattr(emodb, "utterances", lambda max_clips: iter(chosen[:max_clips]))
    assert write_tree("emodb", tmp_path / "one", max_clips=None, n_jobs=1) == 24
    assert write_tree("emodb", tmp_path / "two", max_clips=None, n_jobs=2) == 24
    assert write_tree("emodb", tmp_path / "few", max_clips=5, n_jobs=2) == 5
    one = tree_bytes(tmp_path / "one")
    assert tree_bytes(tmp_path / "two") == one
    few = tree_bytes(tmp_path / "few")
    few = {path: content for path, content in few.items() if path.endswith(".wav")}
    assert len(few) == 5  # the label files name these alone
    assert few == {path: one[path] for path in few}


def test_a_tree_takes_the_place_of_the_old_one_whole(tmp_path, monkeypatch):
    chosen = some(urdu, 3)
    monkeypatch.setattr(urdu, "utterances", lambda _max_clips: iter(chosen))
    write_tree("urdu", tmp_path / "tree", max_clips=None, n_jobs=1)
    before = tree_bytes(tmp_path / "tree")
    broken = Utterance(**{**vars(chosen[0]), "language": "xx"})
    monkeypatch.setattr(urdu, "utterances", lambda _max_clips: iter([chosen[1], broken]))
    with pytest.raises(PipelineError, match="no voice 'xx"):
        write_tree("urdu", tmp_path / "tree", max_clips=None, n_jobs=2)
    assert tree_bytes(tmp_path / "tree") == before
    assert [path.name for path in tmp_path.iterdir()] == ["tree"]


# -- Files ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("corpus", "rate_hz"), [("emodb", 16000), ("ravdess", 48000), ("urdu", 44100)]
)
def test_files_have_the_owners_container(corpus, rate_hz, tmp_path, monkeypatch):
    module = SPOKEN[corpus]
    chosen = some(module, 3)
    monkeypatch.setattr(module, "utterances", lambda _max_clips: iter(chosen))
    write_tree(corpus, tmp_path / "tree", max_clips=None, n_jobs=1)
    for utterance in chosen:
        info = soundfile.info(tmp_path / "tree" / utterance.path)
        assert (info.format, info.subtype) == ("WAV", "PCM_16")
        assert (info.samplerate, info.channels) == (rate_hz, 1)
        assert 0.8 < info.duration < 9


def test_ravdess_has_its_stereo_files_and_its_duplicate():
    every = {utterance.path: utterance for utterance in ravdess.utterances(None)}
    stereo = [utterance for utterance in every.values() if utterance.channels == 2]
    assert len(stereo) == 5
    (repeat,) = [utterance for utterance in every.values() if utterance.sounds_as]
    with Speaker() as speaker:
        two = perform(speaker, stereo[0], ravdess.RECORDING)
        copy, first = (
            perform(speaker, utterance, ravdess.RECORDING)
            for utterance in (repeat, every[repeat.sounds_as])
        )
    assert two.shape[1] == 2
    assert np.array_equal(two[:, 0], two[:, 1])
    assert np.array_equal(copy, first)


def test_urdu_clips_are_cut_to_two_and_three_seconds():
    utterances = some(urdu, 6)
    with Speaker() as speaker:
        seconds = [
            len(perform(speaker, utterance, urdu.RECORDING)) / urdu.RECORDING.rate_hz
            for utterance in utterances
        ]
    assert seconds == [utterance.cut_s for utterance in utterances]
    assert {utterance.cut_s for utterance in urdu.utterances(None)} == {2.0, 3.0}


# -- How it sounds --------------------------------------------------------------------------------


def test_every_emotion_has_a_prosody():
    assert tuple(BY_EMOTION) == emotions.EMOTIONS


def test_emotions_differ_as_the_literature_says():
    """Strong anger is louder and shorter than strong sadness, in the mean over actors."""
    spoken = {"anger": [], "sadness": []}
    with Speaker() as speaker:
        for utterance in ravdess.utterances(None):
            if utterance.emotion in spoken and "-02-01-01-" in utterance.path:
                samples = perform(speaker, utterance, ravdess.RECORDING)[:, 0] / 32768
                frames = samples[: len(samples) // 480 * 480].reshape(-1, 480)
                power = np.mean(frames**2, axis=1)
                level_db = 10 * np.log10(power.max())
                n_speech = np.sum(power > power.max() / 1000)
                spoken[utterance.emotion].append((level_db, n_speech / 100, np.abs(samples).max()))
    anger, sadness = (np.array(spoken[emotion]) for emotion in ("anger", "sadness"))
    assert len(anger) == len(sadness) == 24
    assert anger[:, 0].mean() > sadness[:, 0].mean() + 8  # dB
    assert anger[:, 1].mean() < sadness[:, 1].mean() - 0.3  # seconds
    assert np.mean(sadness[:, 2] < 0.05) > 0.5  # many clips as quiet as the owner's
    assert anger[:, 0].std() > 1  # and no two actors alike


def test_speech_has_silence_at_both_ends():
    utterance = some(ravdess, 3)[1]
    with Speaker() as speaker:
        samples = perform(speaker, utterance, ravdess.RECORDING)[:, 0].astype(float)
    power = np.mean(samples[: len(samples) // 4800 * 4800].reshape(-1, 4800) ** 2, axis=1)  # 0.1 s
    assert power[:4].max() < power.max() / 1000
    assert power[-2:].max() < power.max() / 1000
    assert power.min() > 0  # a room is never quite still


def test_languages_are_spoken_in_their_own_voice():
    text = "Die Tür ist auf."
    with Speaker() as speaker:
        german, english = (
            speaker.say(Speech(text=text, language=language))[0] for language in ("de", "en-us")
        )
        letters = speaker.say(Speech(text="چائے", language="en-us"))[0]
        word = speaker.say(Speech(text="چائے", language="ur"))[0]
    assert digest(german) != digest(english)
    assert len(word) < len(letters) / 2  # English can only spell it


# -- eSpeak NG ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("speech", "message"),
    [
        (Speech(text="a", language="xx"), "no voice 'xx'"),
        (Speech(text="a", language="de", variant="nosuch"), "no voice variant 'nosuch'"),
    ],
)
def test_unknown_voice_is_refused_and_the_next_clip_goes_on(speech, message):
    with Speaker() as speaker:
        with pytest.raises(PipelineError, match=message):
            speaker.say(speech)
        samples, rate_hz = speaker.say(Speech(text="Guten Tag", language="de"))
    assert rate_hz == 22050
    assert np.abs(samples).max() > 1000


def test_missing_library_names_the_cure(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    with pytest.raises(PipelineError, match=r"pip install 'emometric\[synthetic\]'"):
        write_tree("emodb", tmp_path / "tree", max_clips=1, n_jobs=1)
    assert list(tmp_path.iterdir()) == []


def test_broken_library_names_the_cure(monkeypatch, capfd, tmp_path):
    monkeypatch.setattr(espeakng_loader, "get_library_path", lambda: str(tmp_path / "none.so"))
    with pytest.raises(PipelineError, match=r"does not start .* reinstall"), Speaker() as speaker:
        speaker.say(Speech(text="a", language="de"))
    assert "none.so" in capfd.readouterr().err


def test_long_path_to_the_voices(monkeypatch, tmp_path):
    """eSpeak NG has no room for more than about 160 characters; deep environments have more."""
    deep = tmp_path.joinpath(*["x" * 60] * 4)
    deep.mkdir(parents=True)
    (deep / "espeak-ng-data").symlink_to(espeakng_loader.get_data_path())
    speech = Speech(text="Guten Tag", language="de", variant="f2")
    with Speaker() as speaker:
        expected, _ = speaker.say(speech)
    monkeypatch.setattr(espeakng_loader, "get_data_path", lambda: str(deep / "espeak-ng-data"))
    with Speaker() as speaker:
        samples, _ = speaker.say(speech)
    assert np.array_equal(samples, expected)


def test_without_fork_a_process_speaks_once():
    """As on Windows: the process renders one request itself, with the same samples, and ends."""
    speech = Speech(text="Guten Tag", language="de")
    with Speaker() as speaker:
        expected, _ = speaker.say(speech)
    program = (
        "import os, runpy, sys; del os.fork; sys.argv = sys.argv[1:];"
        "runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    data = Path(espeakng_loader.get_data_path())
    done = subprocess.run(
        [
            *(sys.executable, "-c", program, voice_process.__file__),
            *(espeakng_loader.get_library_path(), data.name),
        ],
        input=2 * (json.dumps(vars(speech)).encode() + b"\n"),
        cwd=data.parent,
        capture_output=True,
        check=True,
    )
    rate_hz, kind, length = struct.unpack("<IBI", done.stdout[:9])
    assert (rate_hz, kind, length) == (22050, 0, len(done.stdout) - 9)
    assert done.stdout[9:] == expected.tobytes()


def test_without_fork_the_caller_starts_a_process_a_clip(monkeypatch):
    speeches = [Speech(text=text, language="de") for text in ("Ja.", "Nein.", "Ja.")]
    with Speaker() as speaker:
        expected = [speaker.say(speech)[0] for speech in speeches]
    monkeypatch.delattr("os.fork")
    with Speaker() as speaker:
        spoken = [speaker.say(speech)[0] for speech in speeches]
    for samples, wanted in zip(spoken, expected, strict=True):
        assert np.array_equal(samples, wanted)


def test_unknown_stand_in_and_no_clips(tmp_path):
    with pytest.raises(CorpusError, match="'nosuch' has no stand-in"):
        write_tree("nosuch", tmp_path / "tree", max_clips=1)
    with pytest.raises(CorpusError, match="at least 1"):
        write_tree("emodb", tmp_path / "tree", max_clips=0)

"""IEMOCAP: labels come from the EmoEvaluation files, and the stand-in's follow its voices."""

import itertools
import json
import time
from collections import Counter
from pathlib import Path, PurePosixPath

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.metrics import r2_score
from sklearn.model_selection import KFold, cross_val_predict

from emometric.acquisition.listing import UnknownName
from emometric.base.errors import CorpusError, ParameterError
from emometric.corpora import iemocap
from emometric.stand_ins import iemocap as stand_in
from emometric.stand_ins.acoustics import perform
from emometric.stand_ins.espeak import Speaker
from emometric.storage.clip import Clip, Reject

# As the owner writes it, evaluators' lines included.
EVALUATION = """\
% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]

[6.2901 - 8.2357]\tSes01F_impro01_F000\tneu\t[2.5000, 2.0000, 3.0000]
C-E2:\tNeutral;\t()
C-E3:\tNeutral;\t()
C-E4:\tNeutral; Anger;\t(caf\u00e9)
C-F1:\tNeutral;\t(curious)
A-E3:\tval 3; act 2; dom  2;\t()
A-E4:\tval 2; act 2; dom  4;\t([1.0 - 2.0]\tmildly aggravated)
A-F1:\tval 3; act 2; dom  ;\t()

[10.0100 - 11.3925]\tSes01F_impro01_M000\txxx\t[2.3333, 4.0000, 4.5000]
C-E2:\tFrustration;\t()

"""


def write(root: Path, path: str, text: str = "") -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text, encoding="latin-1")


@pytest.fixture
def tree(tmp_path) -> Path:
    """One dialog: two utterances with a label and one without."""
    for name in ("F000", "M000", "F001"):
        write(tmp_path, f"Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_{name}.wav")
    write(tmp_path, "Session1/dialog/EmoEvaluation/Ses01F_impro01.txt", EVALUATION)
    return tmp_path


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    """All names and label files, without a sound."""
    root = tmp_path_factory.mktemp("iemocap")
    utterances = list(stand_in.utterances(None))
    for folder in {PurePosixPath(utterance.path).parent for utterance in utterances}:
        (root / folder).mkdir(parents=True)
    for utterance in utterances:
        (root / utterance.path).touch()
    for path, text in stand_in.label_files(utterances):
        write(root, path, text)
    return root


def read(root: Path, **choices) -> list[Clip | Reject]:
    return list(iemocap.clips(root, iemocap.Params(**choices)))


# -- Labels ---------------------------------------------------------------------------------------


def test_reads_the_owners_lines(tree):
    unlabelled, first, second = read(tree)[1], *read(tree)[::2]
    assert first == Clip(
        corpus="iemocap",
        id="iemocap/Ses01F_impro01_F000",
        path="Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_F000.wav",
        speaker="iemocap/Ses01F",
        emotion="neutral",
        valence=2.5,
        activation=2.0,
        dominance=3.0,
        session="Ses01",
    )
    # The woman wears the markers, but here the man speaks.
    assert (second.speaker, second.emotion) == ("iemocap/Ses01M", None)
    assert (second.valence, second.activation, second.dominance) == (2.3333, 4.0, 4.5)
    assert unlabelled.path.endswith("F001.wav")
    assert "EmoEvaluation has a label" in unlabelled.reason


def test_evaluators_own_files_and_hidden_ones_are_not_read(tree):
    other = EVALUATION.replace("neu\t[2.5", "ang\t[1.5")
    folder = "Session1/dialog/EmoEvaluation"
    write(tree, f"{folder}/Categorical/Ses01F_impro01.txt", other)
    write(tree, f"{folder}/._Ses01F_impro01.txt", other)
    write(tree, f"{folder}/.old/EmoEvaluation/Ses01F_impro01.txt", other)
    write(tree, f"{folder}/Ses01F_impro01_e2_cat.txt", other)
    assert read(tree)[0].emotion == "neutral"
    assert [path.name for path in iemocap.label_files(tree, iemocap.Params())] == [
        "Ses01F_impro01.txt"
    ]


def test_two_files_that_disagree_are_an_error(tree):
    copy = "copy/EmoEvaluation/Ses01F_impro01.txt"
    write(tree, copy, EVALUATION)
    assert read(tree)[0].emotion == "neutral"
    write(tree, copy, EVALUATION.replace("neu\t[2.5", "ang\t[1.5"))
    with pytest.raises(CorpusError, match=r"labels Ses01F_impro01_F000 as .* another file says"):
        read(tree)


def test_a_category_that_the_owner_does_not_have_is_a_reject(tree):
    path = "Session1/dialog/EmoEvaluation/Ses01F_impro01.txt"
    write(tree, path, EVALUATION.replace("neu\t", "joy\t"))
    reject = read(tree)[0]
    assert reject.reason == "IEMOCAP has no category joy"


def test_windows_line_ends_and_blanks(tree):
    text = EVALUATION.replace("\n", "\r\n").replace("\tneu\t", "   neu ")
    write(tree, "Session1/dialog/EmoEvaluation/Ses01F_impro01.txt", text)
    assert [clip.emotion for clip in read(tree) if isinstance(clip, Clip)] == ["neutral", None]


def test_transcripts_are_sentences(tree):
    write(
        tree,
        "Session1/dialog/transcriptions/Ses01F_impro01.txt",
        "Ses01F_impro01_F000 [006.2901-008.2357]: Excuse me. \nM: breath\n"
        "Ses01F_impro01_M000 [010.0100-011.3925]: \n",
    )
    assert [clip.sentence for clip in read(tree) if isinstance(clip, Clip)] == ["Excuse me.", None]


def test_dialogs_of_one_kind(whole):
    every = read(whole)
    kinds = {kind: read(whole, dialogs=kind) for kind in ("improvised", "scripted")}
    kept = {kind: [c for c in found if isinstance(c, Clip)] for kind, found in kinds.items()}
    assert {kind: len(clips) for kind, clips in kept.items()} == {
        "improvised": 4784,
        "scripted": 5255,
    }
    assert sorted((c for clips in kept.values() for c in clips), key=lambda c: c.path) == every
    assert all("_impro" in clip.id for clip in kept["improvised"])
    left_out = next(item for item in kinds["improvised"] if isinstance(item, Reject))
    assert left_out.reason == "scripted, where corpora.iemocap.dialogs is improvised"
    with pytest.raises(ParameterError, match="is 'impro'; write all, improvised or scripted"):
        iemocap.Params(dialogs="impro")


# -- Names ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "speaker"),
    [
        ("Ses01F_impro01_M003", "Ses01M"),
        ("Ses05M_script01_1b_F000", "Ses05F"),
        ("Ses03M_impro05a_M021", "Ses03M"),
        ("Ses02F_script03_2_F036", "Ses02F"),
    ],
)
def test_names_of_the_owner(name, speaker):
    clip = iemocap.read_name(PurePosixPath(f"{name}.wav"))
    assert (clip.speaker, clip.session) == (f"iemocap/{speaker}", speaker[:5])


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("Ses06F_impro01_F000.wav", "not a name"),
        ("Ses01F_impro01_F00.wav", "not a name"),
        ("Ses01F_script01_F000.wav", "not a name"),
        ("Ses01F_impro01_X000.wav", "not a name"),
        ("Session1/dialog/wav/Ses01F_impro01.wav", "a whole dialog"),
        ("Ses01F_impro02/Ses01F_impro01_F000.wav", "but in the folder Ses01F_impro02"),
        ("Session2/sentences/wav/Ses01F_impro01_F000.wav", "but in the folder Session2"),
    ],
)
def test_names_outside_the_grammar(path, reason):
    with pytest.raises(UnknownName, match=reason):
        iemocap.read_name(PurePosixPath(path))


# -- The whole corpus -----------------------------------------------------------------------------


def test_published_counts(whole):
    started = time.perf_counter()
    clips = read(whole)
    assert time.perf_counter() - started < 10  # about half a second; 151 files of 10,039 labels
    assert len(clips) == 10039
    count = Counter(clip.emotion for clip in clips)
    assert count[None] == 2507 + 3
    assert count["anger"] + count["sadness"] + count["neutral"] == 1103 + 1084 + 1708
    assert count["happiness"] + count["excitement"] == 1636
    merged = ("anger", "sadness", "neutral", "happiness", "excitement")
    assert sum(count[emotion] for emotion in merged) == 5531
    assert Counter(clip.session for clip in clips) == {
        "Ses01": 1819,
        "Ses02": 1811,
        "Ses03": 2136,
        "Ses04": 2103,
        "Ses05": 2170,
    }
    assert len({clip.id.rpartition("_")[0] for clip in clips}) == 151  # dialogs
    for clip in clips:
        for rating in (clip.activation, clip.valence, clip.dominance):
            assert 1 <= rating <= 5
        assert clip.sentence


def test_every_speaker_has_the_common_emotions(whole):
    heard = Counter((clip.speaker, clip.emotion) for clip in read(whole))
    common = ("anger", "excitement", "frustration", "happiness", "neutral", "sadness", None)
    speakers = {speaker for speaker, _ in heard}
    assert min(heard[speaker, emotion] for speaker in speakers for emotion in common) > 20


# -- The stand-in ---------------------------------------------------------------------------------


def test_thinned_label_files_name_what_is_there(whole):
    few = list(stand_in.utterances(1))
    labels = {path: text for path, text in stand_in.label_files(few) if "EmoEvaluation" in path}
    names = {name for text in labels.values() for name, *_ in iemocap._LABEL.findall(text)}
    assert names == {PurePosixPath(utterance.path).stem for utterance in few}
    every = iemocap.read_labels(whole)
    for text in labels.values():  # and what they say does not depend on what else is there
        for name, code, *means in iemocap._LABEL.findall(text):
            assert every[name] == (code, *map(float, means))


def test_labels_are_what_the_evaluators_said(whole):
    words = stand_in._WORDS
    seen = Counter()
    for path in iemocap.label_files(whole, iemocap.Params())[:20]:
        if path.parent.name != "EmoEvaluation":
            continue
        for block in path.read_text(encoding="utf-8").split("\n\n")[1:]:
            head, *lines = block.strip().split("\n")
            _, _, code, means = head.split("\t")
            chosen = Counter(line.split("\t")[1].strip(";") for line in lines if line[:3] == "C-E")
            word, votes = chosen.most_common(1)[0]
            assert (votes >= 2 and word == words[code]) if code != "xxx" else votes == 1
            rated = [
                [int(part.split()[1]) for part in line.split("\t")[1].strip(";").split("; ")]
                for line in lines
                if line[:3] == "A-E"
            ]
            assert np.allclose(np.mean(rated, axis=0), json.loads(means), atol=5e-5)
            seen[code] += 1
    assert len(seen) > 7


def test_scripted_lines_are_shared_and_improvised_ones_are_not():
    every = sorted(stand_in.utterances(None), key=stand_in._turn)
    lines = {
        kind: [
            [said.text for said in every if f"/{session}F_{kind}/" in said.path]
            for session in ("Ses01", "Ses04")
        ]
        for kind in ("script01_1", "impro01")
    }
    for kind, (one, other) in lines.items():
        length = min(len(one), len(other))
        assert length > 20
        assert (one[:length] == other[:length]) == (kind == "script01_1")


def functionals(samples: np.ndarray, text: str) -> list[float]:
    """Level (dB), time a letter takes, and how much lies above 1 kHz, in three bands (dB)."""
    sound = samples / 32768
    frames = sound[: len(sound) // 400 * 400].reshape(-1, 400)
    power = np.abs(np.fft.rfft(sound)) ** 2
    rate_hz = stand_in.RECORDING.rate_hz
    frequency = np.fft.rfftfreq(len(sound), 1 / rate_hz)
    edges = (50, 1000, 2000, 4000, 8000)
    bands = [
        10 * np.log10(power[(frequency > low) & (frequency < high)].sum())
        for low, high in itertools.pairwise(edges)
    ]
    level = 10 * np.log10(np.quantile(np.mean(frames**2, axis=1), 0.9))
    return [level, len(sound) / rate_hz / len(text), *(band - bands[0] for band in bands[1:])]


def test_activation_and_valence_can_be_heard():
    """A linear regression on five functionals of the rendered sound finds them on other clips."""
    speakers = ("Ses02F", "Ses04M")
    every = [said for said in stand_in.utterances(None) if said.speaker in speakers]
    chosen = every[::20]
    labels = {
        name: [float(mean) for mean in means]
        for path, text in stand_in.label_files(chosen)
        if "EmoEvaluation" in path
        for name, _, *means in iemocap._LABEL.findall(text)
    }
    rated = np.array([labels[PurePosixPath(said.path).stem] for said in chosen])
    with Speaker() as speaker:
        heard = np.array(
            [
                functionals(perform(speaker, said, stand_in.RECORDING)[:, 0], said.text)
                for said in chosen
            ]
        )
    who = np.array([said.speaker for said in chosen])
    for name in speakers:  # each voice has its own level and brightness
        own = heard[who == name]
        heard[who == name] = (own - own.mean(axis=0)) / own.std(axis=0)
    folds = KFold(5, shuffle=True, random_state=0)
    valence, activation, _ = (
        r2_score(column, cross_val_predict(LinearRegression(), heard, column, cv=folds))
        for column in rated.T
    )
    assert activation > 0.5
    assert valence > 0.2

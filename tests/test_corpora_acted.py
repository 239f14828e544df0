"""CREMA-D, eNTERFACE'05, SAVEE, CaFE and AESDD: names, labels, faults, and their stand-ins."""

import csv
import io
from collections import Counter, defaultdict
from importlib import import_module
from pathlib import Path, PurePosixPath

import numpy as np
import pytest
import soundfile

from emometric.acquisition import acquiring, exclusions
from emometric.acquisition.listing import UnknownName
from emometric.base import parts
from emometric.base.errors import CorpusError, ParameterError
from emometric.corpora import aesdd, cafe, cremad, enterface05, savee
from emometric.sound import audio
from emometric.stand_ins import aesdd as spoken_aesdd
from emometric.stand_ins import cremad as spoken_cremad
from emometric.stand_ins import enterface05 as spoken_enterface05
from emometric.stand_ins import savee as spoken_savee
from emometric.stand_ins.acoustics import perform
from emometric.stand_ins.espeak import Speaker
from emometric.stand_ins.tree import write_tree
from emometric.storage import store
from emometric.storage.clip import Clip, Reject


def full_tree(corpus: str, root: Path) -> Path:
    """The owner's names and label files, without a sound."""
    stand_in = import_module(f"emometric.stand_ins.{corpus}")
    utterances = list(stand_in.utterances(None))
    for utterance in utterances:
        (root / utterance.path).parent.mkdir(parents=True, exist_ok=True)
        (root / utterance.path).touch()
    if hasattr(stand_in, "label_files"):
        for name, text in stand_in.label_files(utterances):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text, encoding="utf-8")
    return root


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


# -- Names ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("part", "path", "speaker", "emotion", "sentence", "intensity"),
    [
        (cremad, "AudioWAV/1001_IEO_ANG_HI.wav", "1001", "anger", "IEO", "high"),
        (cremad, "1091_DFA_NEU_XX.flac", "1091", "neutral", "DFA", None),
        (savee, "AudioData/JK/sa15.wav", "JK", "sadness", "sa15", None),
        (savee, "ALL/JK_su03.wav", "JK", "surprise", "03", None),
        (savee, "KL/n30.wav", "KL", "neutral", "n30", None),
        (cafe, "Colère/Fort/12-C-2-6.wav", "12", "anger", "6", "strong"),
        (cafe, "01-N-1-1.aiff", "01", "neutral", "1", None),
        (aesdd, "fear/f10 (01).wav", "1", "fear", "10", None),
        (aesdd, "s01 (5)a.wav", "5", "sadness", "01", None),
        (aesdd, "happiness/h20 (6).wav", "6", "happiness", None, None),
        (
            enterface05,
            "subject 1/anger/sentence 1/s1_an_1.avi",
            *("1", "anger", "an_1", None),
        ),
        (enterface05, "s44_su_5.avi", "44", "surprise", "su_5", None),
        (enterface05, "subject 3/fear/sentence 5/s_3_fe_5.avi", "3", "fear", "fe_5", None),
        (
            enterface05,
            "subject 16/surprise/sentence 3/s16_su_3avi.avi",
            *("16", "surprise", "su_3", None),
        ),
        (enterface05, "subject 6/sadness/s6_sa.avi", "6", "sadness", None, None),
        (
            enterface05,
            "subject 11/disgust/sentence 2/s12_di_2.avi",
            *("11", "disgust", "di_2", None),
        ),
    ],
)
def test_labels_of_known_names(part, path, speaker, emotion, sentence, intensity):
    corpus = part.__name__.rpartition(".")[2]
    clip = part.read_name(PurePosixPath(path))
    assert (clip.corpus, clip.path) == (corpus, path)
    assert clip.speaker == f"{corpus}/{speaker}"
    assert (clip.emotion, clip.sentence, clip.intensity) == (emotion, sentence, intensity)


@pytest.mark.parametrize(
    ("part", "path", "reason"),
    [
        (cremad, "1001_IEO_ANG.wav", "not a name"),
        (cremad, "1000_IEO_ANG_HI.wav", "no actor 1000"),
        (cremad, "1092_IEO_ANG_HI.wav", "no actor 1092"),
        (cremad, "1001_XXX_ANG_HI.wav", "no sentence XXX"),
        (cremad, "1001_IEO_SUR_HI.wav", "no emotion SUR"),
        (cremad, "1001_IEO_ANG_YY.wav", "no level YY"),
        (cremad, "AudioMP3/1001_IEO_ANG_HI.mp3", "a compressed copy"),
        (savee, "a01.wav", "not in a folder of a speaker"),
        (savee, "XY/a01.wav", "not in a folder of a speaker"),
        (savee, "XY_a01.wav", "no speaker XY"),
        (savee, "DC/KL_a01.wav", "speaker KL .* folder DC"),
        (savee, "DC/a16.wav", "no sentence 16 of anger"),
        (savee, "DC/n31.wav", "no sentence 31 of neutral"),
        (savee, "DC/a00.wav", "no sentence 00"),
        (savee, "DC/s01.wav", "no emotion s"),
        (savee, "DC/a1.wav", "not a name"),
        (cafe, "13-C-1-1.wav", "no actor 13"),
        (cafe, "01-X-1-1.wav", "no emotion X"),
        (cafe, "01-C-3-1.wav", "no intensity 3"),
        (cafe, "01-N-2-1.wav", "no strong intensity of neutral"),
        (cafe, "01-C-1-7.wav", "no sentence 7"),
        (cafe, "Dégoût/01-C-1-1.wav", "anger .* folder Dégoût"),
        (cafe, "Colère/Fort/01-C-1-1.wav", "intensity 1 .* folder Fort"),
        (aesdd, "a01.wav", "not a name"),
        (aesdd, "b01 (1).wav", "no emotion b"),
        (aesdd, "a21 (1).wav", "no utterance 21"),
        (aesdd, "a00 (1).wav", "no utterance 00"),
        (aesdd, "a01 (7).wav", "no actor 7"),
        (aesdd, "fear/a01 (1).wav", "anger .* folder fear"),
        (enterface05, "s1_an_1_2.avi", "not a name"),
        (enterface05, "s45_an_1.avi", "no subject 45"),
        (enterface05, "s1_ne_1.avi", "no emotion ne"),
        (enterface05, "s1_an_6.avi", "no sentence 6"),
        (enterface05, "subject 1/fear/sentence 1/s1_an_1.avi", "anger .* folder fear"),
    ],
)
def test_names_outside_the_grammar(part, path, reason):
    with pytest.raises(UnknownName, match=reason):
        part.read_name(PurePosixPath(path))


def test_both_editions_of_savee_are_the_same_clips(tmp_path):
    full_tree("savee", tmp_path / "folders")
    for path in (tmp_path / "folders").rglob("*.wav"):
        touch(tmp_path / "flat", f"{path.parent.name}_{path.name}")
    labels = [
        {
            (clip.id, clip.speaker, clip.emotion, clip.sentence)
            for clip in savee.clips(tmp_path / edition, savee.Params())
        }
        for edition in ("folders", "flat")
    ]
    assert labels[0] == labels[1]
    assert len(labels[0]) == savee.N_CLIPS


def test_savee_shares_three_sentences_between_emotions():
    heard = defaultdict(set)
    for utterance in spoken_savee.utterances(None):
        clip = savee.read_name(PurePosixPath(utterance.path))
        heard[clip.sentence].add(clip.emotion)
    assert {sentence for sentence, emotions in heard.items() if len(emotions) > 1} == {
        *("01", "02", "03")
    }
    assert all(len(heard[sentence]) == 7 for sentence in ("01", "02", "03"))


@pytest.mark.parametrize(
    "folder",
    ["Dégoût", "De\u0301gou\u0302t", "D\u201ago\u2013t", "DÃ©goÃ»t", "D_go_t"],
)
def test_cafe_is_read_however_its_accents_were_unpacked(folder, tmp_path):
    touch(tmp_path, f"{folder}/Fort/01-D-2-1.wav", f"{folder}/Fort/01-C-2-1.wav")
    reject, clip = cafe.clips(tmp_path, cafe.Params())
    assert (clip.id, clip.emotion) == ("cafe/01-D-2-1", "disgust")
    assert reject.reason == f"anger by its name, but in the folder {folder}"


def test_enterface05_keeps_subjects_11_and_12_apart(tmp_path):
    clips = list(enterface05.clips(full_tree("enterface05", tmp_path), enterface05.Params()))
    by_name = defaultdict(list)
    for clip in clips:
        by_name[PurePosixPath(clip.path).stem].append(clip)
    twice = {name for name, same in by_name.items() if len(same) > 1}
    assert len(twice) == 30 and all(name.startswith("s12_") for name in twice)
    assert {clip.id for clip in by_name["s12_an_1"]} == {
        "enterface05/s12_an_1",
        "enterface05/11/s12_an_1",
    }
    sizes = Counter(clip.speaker for clip in clips)
    assert {speaker: n for speaker, n in sizes.items() if n != 30} == {
        "enterface05/6": 6,
        "enterface05/23": 27,
    }


# -- Known faults ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("corpus", "n_clips", "n_speakers", "n_excluded"),
    [("cremad", 7435, 91, 7), ("aesdd", 604, 6, 1), ("enterface05", 1287, 43, 6)],
)
def test_known_faults_are_left_out_and_listed(corpus, n_clips, n_speakers, n_excluded, tmp_path):
    part = parts.load("corpora", corpus)
    found = exclusions.leave_out(part.clips(full_tree(corpus, tmp_path), part.Params()), corpus)
    clips = [item for item in found if isinstance(item, Clip)]
    rejects = [item for item in found if isinstance(item, Reject)]
    assert (len(clips), len({clip.speaker for clip in clips})) == (n_clips, n_speakers)
    assert [reject.kind for reject in rejects] == ["excluded"] * n_excluded


# -- CREMA-D's votes ------------------------------------------------------------------------------

HEADER = '"","FileName","VoiceVote","VoiceLevel","FaceVote","FaceLevel","MultiModalVote",'
HEADER += '"MultiModalLevel"\n'
PERCEIVED = cremad.Params(labels="perceived")


def write_votes(root: Path, *rows: str, header: str = HEADER) -> None:
    path = root / "processedResults" / "summaryTable.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(header + "".join(f"{row}\n" for row in rows), encoding="utf-8")


def test_perceived_labels_are_what_most_heard_in_the_voice(tmp_path):
    names = ("1001_IEO_ANG_HI", "1001_IEO_DIS_LO", "1001_IEO_FEA_MD", "1001_TIE_SAD_XX")
    touch(tmp_path, *(f"AudioWAV/{name}.wav" for name in names))
    write_votes(
        tmp_path,
        '"1","1001_IEO_ANG_HI","N","69.1","A","92.22","A","64.78"',
        '"2","1001_IEO_DIS_LO","A:D"," 37:58.6","D","45.5","D","44.2"',
        '"3","1001_IEO_FEA_MD","F","51","F","5","F","4"',
    )
    first, tied, third, unknown = cremad.clips(tmp_path, PERCEIVED)
    assert (first.emotion, first.intensity) == ("neutral", "69.1")
    assert (tied.emotion, tied.intensity) == (None, None)
    assert (third.emotion, third.intensity, third.sentence) == ("fear", "51", "IEO")
    assert unknown == Reject(
        path="AudioWAV/1001_TIE_SAD_XX.wav",
        reason="processedResults/summaryTable.csv has no votes on it",
    )
    acted = [clip.emotion for clip in cremad.clips(tmp_path, cremad.Params())]
    assert acted == ["anger", "disgust", "fear", "sadness"]
    assert cremad.label_files(tmp_path, cremad.Params()) == []
    (table,) = cremad.label_files(tmp_path, PERCEIVED)
    assert table.is_file()


def test_the_table_is_found_below_a_deeper_root(tmp_path):
    touch(tmp_path, "CREMA-D-master/AudioWAV/1001_IEO_ANG_HI.wav")
    write_votes(tmp_path / "CREMA-D-master", '"1","1001_IEO_ANG_HI","H","9","H","9","H","9"')
    (clip,) = cremad.clips(tmp_path, PERCEIVED)
    assert clip.emotion == "happiness"


@pytest.mark.parametrize(
    ("row", "header", "sentence"),
    [
        ('"1","1001_IEO_ANG_HI","X","9","A","9","A","9"', HEADER, "line 2 has the vote 'X'"),
        (
            '"1","1001_IEO_ANG_HI","A:D","9","A","9","A","9"',
            HEADER,
            "line 2 has the vote 'A:D' with the level '9'",
        ),
        ('"1","1001_IEO_ANG_HI","A","?","A","9","A","9"', HEADER, "line 2 .* the level '\\?'"),
        ('"1","1001_IEO_ANG_HI"', HEADER, "line 2 has the vote"),
        ("", "FileName,VoiceVote\n", "lacks the column VoiceLevel"),
        ("", "", "lacks the column FileName"),
    ],
)
def test_another_table_is_refused(row, header, sentence, tmp_path):
    touch(tmp_path, "1001_IEO_ANG_HI.wav")
    write_votes(tmp_path, row, header=header)
    with pytest.raises(CorpusError, match=rf"summaryTable\.csv: {sentence}.*again") as caught:
        list(cremad.clips(tmp_path, PERCEIVED))
    assert "\n" not in str(caught.value)


def test_missing_table_and_unknown_labels(tmp_path):
    touch(tmp_path, "1001_IEO_ANG_HI.wav")
    with pytest.raises(CorpusError, match=r"summaryTable\.csv: there is no such file; .*acted"):
        list(cremad.clips(tmp_path, PERCEIVED))
    with pytest.raises(ParameterError, match=r"corpora\.cremad\.labels is 'heard'; write acted"):
        cremad.Params(labels="heard")


def test_votes_on_the_stand_in_follow_what_is_spoken():
    utterances = list(spoken_cremad.utterances(None))
    ((name, text),) = spoken_cremad.label_files(utterances)
    assert name == cremad.SUMMARY
    rows = {row["FileName"]: row for row in csv.DictReader(io.StringIO(text))}
    assert len(rows) == cremad.N_CLIPS
    assert ((name, text),) == tuple(spoken_cremad.label_files(utterances))
    heard = {how: defaultdict(Counter) for how in ("Voice", "Face", "MultiModal")}
    for name, row in rows.items():
        _actor, _sentence, acted, level = name.split("_")
        for how in heard:
            vote = row[f"{how}Vote"]
            assert len(vote.split(":")) == len(row[f"{how}Level"].split(":"))
            heard[how][acted, level][acted[0] if acted[0] == vote else vote] += 1

    def recognised(how, level):
        counts = [
            (votes[acted[0]], votes.total())
            for (acted, graded), votes in heard[how].items()
            if graded == level and acted != "NEU"
        ]
        return sum(n for n, _ in counts) / sum(n for _, n in counts)

    # The owner's listeners hear neutral in half of all voices, and 9 % of the votes are ties.
    voices = sum(heard["Voice"].values(), Counter())
    assert 0.45 < voices["N"] / cremad.N_CLIPS < 0.65
    assert 0.05 < sum(n for vote, n in voices.items() if ":" in vote) / cremad.N_CLIPS < 0.15
    assert recognised("Voice", "LO") + 0.2 < recognised("Voice", "HI")
    assert recognised("Voice", "XX") + 0.3 < recognised("MultiModal", "XX")


# -- Stand-ins end to end -------------------------------------------------------------------------


def render(corpus, tmp_path, monkeypatch, *names):
    """The stand-in's files of these names, written and acquired with nothing excluded."""
    stand_in = import_module(f"emometric.stand_ins.{corpus}")
    part = parts.load("corpora", corpus)
    chosen = [u for u in stand_in.utterances(None) if PurePosixPath(u.path).stem in names]
    monkeypatch.setattr(stand_in, "utterances", lambda _max_clips: iter(chosen))
    write_tree(corpus, tmp_path / "tree", max_clips=None, n_jobs=1)
    whole = part.Params(exclusions=False)
    acquiring.acquire(corpus, whole, tmp_path / "tree", tmp_path / "out")
    with (tmp_path / "out" / "rejects.csv").open(encoding="utf-8", newline="") as file:
        rejects = {row["path"]: row["reason"] for row in csv.DictReader(file)}
    return chosen, store.Ragged(tmp_path / "out" / "audio"), rejects


def test_films_of_enterface05_are_acquired(tmp_path, monkeypatch):
    names = ("s1_an_1", "s_3_su_2", "s16_su_3avi", "s12_fe_3", "s6_ha")
    chosen, clips, rejects = render("enterface05", tmp_path, monkeypatch, *names)
    assert rejects == {}
    assert set(clips.ids) == {
        "enterface05/s1_an_1",
        "enterface05/s_3_su_2",
        "enterface05/s16_su_3avi",
        "enterface05/s12_fe_3",
        "enterface05/11/s12_fe_3",
        "enterface05/s6_ha",
    }
    lengths = {id_: len(clips.read(id_)) for id_ in clips.ids}
    assert lengths.pop("enterface05/s6_ha") > 1.5 * max(lengths.values())  # five sentences
    with Speaker() as speaker:
        spoken = perform(speaker, chosen[0], spoken_enterface05.RECORDING)
    assert spoken.shape[1] == 2
    soundfile.write(tmp_path / "spoken.wav", spoken, spoken_enterface05.RECORDING.rate_hz)
    np.testing.assert_array_equal(
        clips.read("enterface05/s1_an_1"),
        audio.to_pcm16(audio.read_waveform(tmp_path / "spoken.wav")),
    )


def test_cremads_faults_are_in_its_stand_in(tmp_path, monkeypatch):
    pairs = [
        ("1006_TIE_HAP_XX", "1006_TIE_NEU_XX"),
        ("1013_WSI_DIS_XX", "1013_WSI_SAD_XX"),
        ("1017_IWW_ANG_XX", "1017_IWW_FEA_XX"),
    ]
    names = [name for pair in pairs for name in pair]
    _, clips, rejects = render("cremad", tmp_path, monkeypatch, *names, "1076_MTI_SAD_XX")
    assert rejects == {}
    for one, other in pairs:
        first, second = (tmp_path / f"tree/AudioWAV/{name}.wav" for name in (one, other))
        assert first.read_bytes() == second.read_bytes()
    assert np.abs(clips.read("cremad/1076_MTI_SAD_XX")).max() == 0
    assert len({clips.read(f"cremad/{one}").tobytes() for one, _ in pairs}) == 3


def test_aesdds_unreadable_file_is_a_reject(tmp_path, monkeypatch):
    names = ("s05 (3)", "a03 (4)", "d03 (01)", "s01 (5)b")
    _, clips, rejects = render("aesdd", tmp_path, monkeypatch, *names)
    assert set(clips.ids) == {"aesdd/a03 (4)", "aesdd/d03 (01)", "aesdd/s01 (5)b"}
    assert list(rejects) == ["sadness/s05 (3).wav"]
    assert "get the file again" in rejects["sadness/s05 (3).wav"]


@pytest.mark.parametrize(
    ("corpus", "name", "rate_hz"),
    [
        ("cremad", "1042_IWL_HAP_XX", 16000),
        ("savee", "sa07", 44100),
        ("cafe", "04-T-1-5", 48000),
        ("aesdd", "f20 (2)", 44100),
    ],
)
def test_recordings_have_the_owners_form(corpus, name, rate_hz, tmp_path, monkeypatch):
    chosen, _, rejects = render(corpus, tmp_path, monkeypatch, name)
    assert rejects == {}
    for utterance in chosen:
        info = soundfile.info(tmp_path / "tree" / utterance.path)
        assert (info.format, info.subtype, info.samplerate) == ("WAV", "PCM_16", rate_hz)
        assert 0.8 < info.duration < 9


def test_greek_sentences_are_shared_and_improvisations_are_not():
    texts = defaultdict(set)
    for utterance in spoken_aesdd.utterances(None):
        clip = aesdd.read_name(PurePosixPath(utterance.path))
        texts[clip.sentence].add(utterance.text)
    assert len(texts.pop(None)) > 20
    assert len(texts) == 19 and all(len(said) == 1 for said in texts.values())

"""Corpora with speakers and without emotions: VoxCeleb2 and LibriSpeech."""

import re
import shutil
from collections import Counter
from pathlib import Path, PurePosixPath

import pytest

from emometric.acquisition.listing import UnknownName
from emometric.corpora import librispeech, voxceleb2
from emometric.stand_ins import librispeech as spoken_librispeech
from emometric.stand_ins import voxceleb2 as spoken_voxceleb2
from emometric.storage.clip import Clip, Reject

BOOK = "LibriSpeech/test-clean/1089/134686"


def write(root: Path, path: str, text: str = "") -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text, encoding="utf-8")


def books(root: Path) -> list[Clip | Reject]:
    return list(librispeech.clips(root, librispeech.Params()))


@pytest.mark.parametrize("part", [librispeech, voxceleb2])
def test_parts_add_up_to_what_is_published(part):
    speakers, clips = (sum(column) for column in zip(*part.SPLITS.values(), strict=True))
    assert (speakers, clips) == (part.N_SPEAKERS, part.N_CLIPS)
    assert part.EMOTIONS == part.CLIPS_BY_EMOTION == {}


# -- VoxCeleb2 ------------------------------------------------------------------------------------


def test_a_piece_of_a_video_is_named_by_its_folders(tmp_path):
    for path in (
        "dev/aac/id00012/21Uxsk56VDQ/00001.m4a",
        "dev/aac/id00012/-_Uxsk56VDQ/00001.m4a",
        "test/aac/id00017/01dfn2spqyE/00001.m4a",
        "vox2_dev/id09272/u7VNkYraCw0/00387.wav",
    ):
        write(tmp_path, path)
    clips = list(voxceleb2.clips(tmp_path, voxceleb2.Params()))
    assert [(clip.id, clip.speaker, clip.emotion) for clip in clips] == [
        ("voxceleb2/id00012/-_Uxsk56VDQ/00001", "voxceleb2/id00012", None),
        ("voxceleb2/id00012/21Uxsk56VDQ/00001", "voxceleb2/id00012", None),
        ("voxceleb2/id00017/01dfn2spqyE/00001", "voxceleb2/id00017", None),
        ("voxceleb2/id09272/u7VNkYraCw0/00387", "voxceleb2/id09272", None),
    ]


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("00001.m4a", "not a name"),
        ("21Uxsk56VDQ/00001.m4a", "not a name"),
        ("id0012/21Uxsk56VDQ/00001.m4a", "not a name"),
        ("id00012/21Uxsk56VD/00001.m4a", "not a name"),
        ("id00012/21Uxsk56VDé/00001.m4a", "not a name"),
        ("id00012/21Uxsk56VDQ/0001.m4a", "not a name"),
        ("id00012/21Uxsk56VDQ/a/00001.m4a", "not a name"),
        ("id10270/21Uxsk56VDQ/00001.m4a", "id10270 is a speaker of VoxCeleb1"),
    ],
)
def test_no_names_of_voxceleb2(path, reason):
    with pytest.raises(UnknownName, match=reason):
        voxceleb2.read_name(PurePosixPath(path))


def test_spoken_voxceleb2_has_over_a_hundred_speakers():
    every = list(spoken_voxceleb2.utterances(None))
    assert len(every) == 720
    for max_clips in (None, 4, 1):
        kept = list(spoken_voxceleb2.utterances(max_clips))
        of_parts = Counter(path for path, _ in {(u.path[:4], u.speaker) for u in kept})
        assert of_parts == {"dev/": 100, "test": 20}
    assert Counter(u.sex for u in every) == {"f": 360, "m": 360}
    videos = {PurePosixPath(u.path).parent for u in every}
    assert len(videos) == 360
    assert len({video.name for video in videos}) == 360


def test_spoken_voxceleb2_lists_its_speakers():
    every = list(spoken_voxceleb2.utterances(None))
    ((path, text),) = spoken_voxceleb2.label_files(every)
    head, *rows = (line.split(" ,") for line in text.splitlines())
    assert (path, head[0], head[3].strip()) == ("vox2_meta.csv", "VoxCeleb2 ID", "Set")
    assert {(row[0], row[2], row[3]) for row in rows} == {
        (u.speaker, u.sex, u.path.split("/")[0]) for u in every
    }


# -- LibriSpeech ----------------------------------------------------------------------------------


def test_reads_transcripts_and_readers(tmp_path):
    for name in ("1089-134686-0000.flac", "1089-134686-0001.flac"):
        write(tmp_path, f"{BOOK}/{name}")
    one, other = books(tmp_path)
    assert (one.id, one.speaker) == ("librispeech/1089-134686-0000", "librispeech/1089")
    assert (one.emotion, one.sentence, other.sentence) == (None, None, None)
    write(tmp_path, f"{BOOK}/1089-134686.trans.txt", "1089-134686-0001 STUFF IT INTO YOU\n")
    assert [clip.sentence for clip in books(tmp_path)] == [None, "STUFF IT INTO YOU"]
    readers = "; a remark | with 1089 |\n;ID  |SEX|\n{} | M | test-clean | 8.03 | A | B\n"
    write(tmp_path, "LibriSpeech/SPEAKERS.TXT", readers.format("1089"))
    assert [clip.sentence for clip in books(tmp_path)] == [None, "STUFF IT INTO YOU"]
    write(tmp_path, "LibriSpeech/SPEAKERS.TXT", readers.format("109 "))
    assert [item.reason for item in books(tmp_path)] == ["SPEAKERS.TXT has no reader 1089"] * 2
    assert [path.name for path in librispeech.label_files(tmp_path, librispeech.Params())] == [
        "SPEAKERS.TXT",
        "1089-134686.trans.txt",
    ]


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("1089-134686-000.flac", "not a name"),
        ("1089-134686.flac", "not a name"),
        ("0-134686-0000.flac", "not a name"),
        ("a1089-134686-0000.flac", "not a name"),
        ("1089/134687/1089-134686-0000.flac", "but in the folder 134687"),
        ("1090/134686/1089-134686-0000.flac", "but in the folder 1090"),
    ],
)
def test_no_names_of_librispeech(path, reason):
    with pytest.raises(UnknownName, match=reason):
        librispeech.read_name(PurePosixPath(path))


@pytest.mark.original
def test_the_real_slice(corpora_root):
    if not (corpora_root / "librispeech").is_dir():
        pytest.skip("no real librispeech")
    clips = books(corpora_root / "librispeech")
    assert all(isinstance(clip, Clip) for clip in clips)
    assert len(librispeech.read_readers(corpora_root / "librispeech")) == librispeech.N_SPEAKERS
    per_speaker = Counter(clip.speaker for clip in clips)
    assert (len(clips), len(per_speaker)) == (351, 261)
    assert Counter(per_speaker.values()) == {1: 251, 10: 10}


def test_spoken_librispeech_is_read_with_its_texts(tmp_path):
    spoken = list(spoken_librispeech.utterances(3))
    assert Counter(u.speaker for u in spoken) == {u.speaker: 3 for u in spoken}
    for utterance in spoken:
        write(tmp_path, utterance.path)
    for path, text in spoken_librispeech.label_files(spoken):
        write(tmp_path, path, text)
    clips = {clip.path: clip for clip in books(tmp_path)}
    assert len(clips) == 120
    for utterance in spoken:
        words = re.findall(r"[\w']+", utterance.text.upper())
        assert clips[utterance.path].sentence.split() == words
    shutil.rmtree(tmp_path / "LibriSpeech" / "test-clean")
    assert {clip.path.split("/")[1] for clip in books(tmp_path)} == {"dev-clean"}


def test_sound_files_have_the_owners_containers(tmp_path, monkeypatch):
    pytest.importorskip("av")
    import soundfile

    from emometric.sound import audio
    from emometric.stand_ins.tree import write_tree

    for corpus, module in (("voxceleb2", spoken_voxceleb2), ("librispeech", spoken_librispeech)):
        chosen = list(module.utterances(None))[::200][:2]
        monkeypatch.setattr(module, "utterances", lambda _max_clips, kept=chosen: iter(kept))
        write_tree(corpus, tmp_path / corpus, max_clips=None, n_jobs=1)
        for utterance in chosen:
            path = tmp_path / corpus / utterance.path
            seconds = len(audio.read_waveform(path)) / audio.RATE_HZ
            if corpus == "voxceleb2":
                assert path.read_bytes()[4:8] == b"ftyp"
                assert utterance.cut_s <= seconds < utterance.cut_s + 0.5
            else:
                assert soundfile.info(path).format == "FLAC"
                assert 2 < seconds < 12

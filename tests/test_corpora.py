"""Every corpus reads its owner's names; what does not fit is listed with its reason."""

import shutil
from collections import Counter, defaultdict
from importlib import import_module
from pathlib import Path, PurePosixPath

import pytest

from emometric import emotions
from emometric.acquisition.listing import UnknownName, recordings
from emometric.base import parts
from emometric.base.errors import CorpusError
from emometric.corpora import emodb, ravdess, urdu
from emometric.sound.audio import SUFFIXES
from emometric.stand_ins import tree
from emometric.storage.clip import Clip, Reject

# Those that somebody publishes; a corpus of one's own has no names to know (test_own.py), and a
# pool none of its own (test_pool.py).
CORPORA = tuple(name for name in parts.available("corpora") if name not in ("own", "pooled"))


@pytest.fixture(params=CORPORA)
def corpus(request):
    return request.param


@pytest.fixture(scope="module")
def empty_trees(tmp_path_factory) -> Path:
    """Every stand-in at full scale, with names, label files, and without a sound."""
    root = tmp_path_factory.mktemp("trees")
    for name in CORPORA:
        stand_in = import_module(f"emometric.stand_ins.{name}")
        utterances = list(stand_in.utterances(None))
        touch(root / name, *(utterance.path for utterance in utterances))
        tree.write_labels(root / name, stand_in, utterances)
    return root


def copy_labels(source: Path, target: Path) -> None:
    """Everything in `source` that is no recording."""
    shutil.copytree(source, target, ignore=shutil.ignore_patterns(*(f"*{s}" for s in SUFFIXES)))


def touch(root: Path, *paths: str) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).touch()


def check_published(part, found: list[Clip | Reject]) -> None:
    assert [item for item in found if isinstance(item, Reject)] == []
    assert len({clip.id for clip in found}) == len(found)
    n_speakers = len({clip.speaker for clip in found})
    if part.EMOTIONS:
        assert (len(found), n_speakers) == (part.N_CLIPS, part.N_SPEAKERS)
    else:  # speakers alone: too large to speak or to keep here whole
        assert 0 < len(found) < part.N_CLIPS
        assert 1 < n_speakers < part.N_SPEAKERS
    assert Counter(clip.emotion for clip in found if clip.emotion) == part.CLIPS_BY_EMOTION


def test_states_where_it_comes_from(corpus):
    part = parts.load("corpora", corpus)
    for text in (part.NAME, part.LICENCE, part.CITATION, part.LANGUAGE):
        assert text.strip()
    assert part.URL.startswith("https://")
    assert part.LICENCE_URL.startswith("https://")
    assert "doi:10." in part.CITATION or "https://" in part.CITATION
    assert part.ACCESS.strip()
    for remote in part.REMOTES:
        assert remote.url.startswith(("http://", "https://"))
    assert part.CHANNEL in ("mean", "left")
    assert set(part.EMOTIONS.values()) - {None} == set(part.CLIPS_BY_EMOTION)
    assert set(part.CLIPS_BY_EMOTION) <= set(emotions.EMOTIONS)
    if part.EMOTIONS and None not in part.EMOTIONS.values():
        assert sum(part.CLIPS_BY_EMOTION.values()) == part.N_CLIPS
    else:  # the rest has no emotion
        assert sum(part.CLIPS_BY_EMOTION.values()) < part.N_CLIPS


def test_published_names_give_published_counts(corpus, empty_trees):
    part = parts.load("corpora", corpus)
    found = list(part.clips(empty_trees / corpus, part.Params()))
    check_published(part, found)
    assert [clip.path for clip in found] == sorted(clip.path for clip in found)
    for clip in found:
        assert clip.corpus == corpus
        assert clip.id.startswith(f"{corpus}/")
        assert clip.speaker.startswith(f"{corpus}/")
        assert (empty_trees / corpus / clip.path).is_file()


@pytest.mark.original
def test_real_recordings_give_published_counts(corpus, corpora_root, empty_trees):
    if not (corpora_root / corpus).is_dir():
        pytest.skip(f"no real {corpus}")
    part = parts.load("corpora", corpus)
    real = list(part.clips(corpora_root / corpus, part.Params()))
    check_published(part, real)
    if not part.EMOTIONS:
        return
    # The stand-in has the owner's names, one by one, and so the same labels.
    labels = {(clip.id, clip.speaker, clip.emotion, clip.sentence) for clip in real}
    assert labels == {
        (clip.id, clip.speaker, clip.emotion, clip.sentence)
        for clip in part.clips(empty_trees / corpus, part.Params())
    }


def test_any_depth_and_any_container(corpus, empty_trees, tmp_path):
    part = parts.load("corpora", corpus)
    clips = list(part.clips(empty_trees / corpus, part.Params()))[::37]
    copy_labels(empty_trees / corpus, tmp_path / "a" / "b")
    for clip in clips:
        touch(tmp_path, str(PurePosixPath("a/b", clip.path).with_suffix(".FLAC")))
    moved = list(part.clips(tmp_path, part.Params()))
    assert [clip.id for clip in moved] == [clip.id for clip in clips]
    assert [clip.emotion for clip in moved] == [clip.emotion for clip in clips]


def test_unknown_name_is_a_reject(corpus, tmp_path):
    touch(tmp_path, "x/hello.wav", "x/readme.txt", "x/._hello.wav", ".trash/hello.wav", "x/wav")
    part = parts.load("corpora", corpus)
    (reject,) = part.clips(tmp_path, part.Params())
    assert reject.path == "x/hello.wav"
    assert "not a name of" in reject.reason


def test_second_copy_of_a_clip_is_a_reject(corpus, empty_trees, tmp_path):
    part = parts.load("corpora", corpus)
    first = next(part.clips(empty_trees / corpus, part.Params())).path
    copy_labels(empty_trees / corpus, tmp_path / "a")
    touch(tmp_path, f"a/{first}", f"b/{first}")
    clip, reject = part.clips(tmp_path, part.Params())
    assert clip.path == f"a/{first}"
    assert reject == Reject(path=f"b/{first}", reason=f"same name as a/{first}")


def test_missing_root_is_one_sentence(corpus, tmp_path):
    part = parts.load("corpora", corpus)
    with pytest.raises(CorpusError, match="nowhere: no such folder; link the folder"):
        list(part.clips(tmp_path / "nowhere", part.Params()))


def test_emodb_counts_of_ntalampiras2020_table_2(empty_trees):
    """Six emotions of ten speakers, as the paper prints them."""
    table = defaultdict(Counter)
    for clip in emodb.clips(empty_trees / "emodb", emodb.Params()):
        table[clip.speaker][clip.emotion] += 1
    columns = ("anger", "disgust", "fear", "happiness", "neutral", "sadness")
    assert [[table[speaker][emotion] for emotion in columns] for speaker in sorted(table)] == [
        [14, 1, 4, 7, 11, 7],
        [12, 0, 6, 11, 10, 9],
        [13, 8, 1, 4, 9, 4],
        [10, 1, 8, 4, 4, 3],
        [11, 2, 10, 8, 9, 7],
        [12, 2, 6, 2, 4, 4],
        [12, 8, 7, 10, 9, 5],
        [16, 8, 12, 8, 7, 10],
        [13, 5, 8, 6, 11, 4],
        [14, 11, 7, 11, 5, 9],
    ]


def test_urdu_ties_speakers_to_emotions(empty_trees):
    heard = defaultdict(set)
    for clip in urdu.clips(empty_trees / "urdu", urdu.Params()):
        heard[clip.speaker].add(clip.emotion)
    assert sum(len(emotions) == 1 for emotions in heard.values()) == 26
    assert sum("anger" in emotions for emotions in heard.values()) == 4


def test_labels_of_known_names():
    clip = emodb.read_name(PurePosixPath("download/wav/03a01Fa.wav"))
    assert (clip.id, clip.speaker, clip.sentence, clip.emotion, clip.intensity) == (
        "emodb/03a01Fa",
        "emodb/03",
        "a01",
        "happiness",
        None,
    )
    clip = ravdess.read_name(PurePosixPath("Actor_12/03-01-06-02-01-02-12.wav"))
    assert (clip.speaker, clip.sentence, clip.emotion, clip.intensity) == (
        "ravdess/12",
        "01",
        "fear",
        "strong",
    )
    clip = urdu.read_name(PurePosixPath("Angry/SM4_F48_A0100.wav"))
    assert (clip.speaker, clip.sentence, clip.emotion) == ("urdu/SM4", None, "anger")


@pytest.mark.parametrize(
    ("part", "path", "reason"),
    [
        (emodb, "99a01Fa.wav", "no speaker 99"),
        (emodb, "03a03Fa.wav", "no sentence a03"),
        (emodb, "03a01Xa.wav", "no emotion X"),
        (emodb, "03a01F.wav", "not a name"),
        (emodb, "03a01Fax.wav", "not a name"),
        (ravdess, "03-02-06-02-01-02-12.wav", "vocal channel 02 is not 01"),
        (ravdess, "01-01-06-02-01-02-12.wav", "modality 01 is not 03"),
        (ravdess, "03-01-09-01-01-02-12.wav", "no emotion 09"),
        (ravdess, "03-01-01-02-01-02-12.wav", "no strong intensity of neutral"),
        (ravdess, "03-01-03-03-01-02-12.wav", "no intensity 03"),
        (ravdess, "03-01-03-01-03-02-12.wav", "no sentence 03"),
        (ravdess, "03-01-03-01-02-03-12.wav", "no repetition 03"),
        (ravdess, "03-01-03-01-02-02-25.wav", "no actor 25"),
        (ravdess, "03-01-03-01-02-02-00.wav", "no actor 00"),
        (ravdess, "03-01-03-01-02-02.wav", "not a name"),
        (ravdess, "Actor_11/03-01-03-01-02-02-12.wav", "actor 12 .* folder Actor_11"),
        (urdu, "SM1_F4_X04.wav", "no emotion X"),
        (urdu, "SX1_F4_A04.wav", "not a name"),
        (urdu, "SM1_F4_A4.wav", "not a name"),
        (urdu, "Sad/SM1/SM1_F4_A04.wav", "anger .* folder Sad"),
    ],
)
def test_names_outside_the_grammar(part, path, reason):
    with pytest.raises(UnknownName, match=reason):
        part.read_name(PurePosixPath(path))


def test_recordings_do_not_open_files(tmp_path):
    touch(tmp_path, "b.wav", "a.OGG", "c/d.flac", "e.txt")
    (tmp_path / "folder.wav").mkdir()
    assert list(map(str, recordings(tmp_path))) == ["a.OGG", "b.wav", "c/d.flac"]
    shutil.rmtree(tmp_path / "c")
    assert len(recordings(tmp_path)) == 2

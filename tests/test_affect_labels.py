"""das2022's labels: every quirk of their headers is read, and what is not theirs is refused."""

import functools
import hashlib
import http.server
import importlib
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from emometric.acquisition import affect_labels
from emometric.base import parts
from emometric.base.errors import CorpusError
from emometric.cli import main as cli
from emometric.corpora import emodb
from emometric.download.fetch import Remote
from emometric.storage.clip import Clip, Reject

HEADERS = (
    "filename,activation,valence ",
    "filname,activation ,valence",
    ",,filename,activation,valence",
    "\ufefffilename,activation,valence",
)
# As their authors published them: rows, and how many of the corpus's clips they rate.
PUBLISHED = {"aesdd": (455, 454), "cafe": (936, 936), "emodb": (535, 535), "urdu": (400, 400)}


def clip(name):
    return emodb.read_name(Path(f"wav/{name}.wav"))


def write(path, *rows, header=HEADERS[0]):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join((header, *rows)) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("header", HEADERS)
def test_every_header_is_understood(header, tmp_path):
    blank = "," * (header.count(",") - 2)
    rows = (f"{blank}03a01Fa.wav,3,4.5", f"{blank}s05 (3).wav,nan,nan", f"{blank}x y.wav,1.5,5")
    path = write(tmp_path / "labels.csv", *rows, header=header)
    assert affect_labels.read(path) == {"03a01Fa": (3.0, 4.5), "s05 (3)": None, "x y": (1.5, 5.0)}


@pytest.mark.parametrize(
    ("header", "rows", "sentence"),
    [
        ("file,emotion", ("a.wav,anger",), r"has the columns file, emotion where das2022's"),
        ("", (), r"has the columns of no name where"),
        (HEADERS[0], (), r"holds no row"),
        (HEADERS[0], ("a.wav,3,3", "b.wav,6,3"), r"row 3: holds 6 and 3, not both on the scale"),
        (HEADERS[0], ("a.wav,0.5,3",), r"row 2: holds 0.5 and 3, not both on the scale of 1 to 5"),
        (HEADERS[0], ("a.wav,nan,3",), r"row 2: holds nan and 3, not both"),
        (HEADERS[0], ("a.wav,high,3",), r"row 2: holds 'high and 3', not two numbers"),
        (HEADERS[0], ("a.wav,3",), r"row 2: holds 2 cells where the header has 3"),
        (HEADERS[0], ("a.wav,3,3", "a.wav,3,4"), r"row 3: holds a a second time"),
    ],
)
def test_wrong_files_get_one_sentence(header, rows, sentence, tmp_path):
    path = write(tmp_path / "labels.csv", *rows, header=header)
    with pytest.raises(CorpusError, match=sentence) as caught:
        affect_labels.read(path)
    assert "\n" not in str(caught.value)


def test_a_recording_in_place_of_labels(tmp_path):
    path = tmp_path / "EMO_DB.csv"
    path.write_bytes(b"RIFF\xff\xfe\x00\x80" * 9)
    with pytest.raises(CorpusError, match="is no CSV"):
        affect_labels.read(path)


@given(st.dictionaries(st.from_regex(r"[a-z]{1,8}", fullmatch=True), st.integers(2, 10)))
def test_labels_join_by_name_and_absent_ones_stay_absent(tmp_path_factory, half_steps):
    found = [
        *(
            Clip(corpus="emodb", id=f"emodb/{name}", path=f"{name}.flac", speaker="s", emotion=None)
            for name in half_steps
        ),
        Clip(corpus="emodb", id="emodb/-", path="-.wav", speaker="s", emotion="anger"),
        Reject(path="x.wav", reason="odd"),
    ]
    rows = [f"{name}.wav,{value / 2},1" for name, value in half_steps.items()]
    path = write(tmp_path_factory.mktemp("labels") / "any.csv", "other.wav,1,1", *rows)
    if not half_steps:
        with pytest.raises(CorpusError, match=r"names none of the 1 clips of emodb \(but other"):
            list(affect_labels.rated(found, "emodb", path.parent, path))
        return
    *rated, unrated, reject = affect_labels.rated(found, "emodb", path.parent, path)
    assert [one.activation for one in rated] == [value / 2 for value in half_steps.values()]
    assert {one.valence for one in rated} == {1.0}
    assert [one.id for one in rated] == [one.id for one in found[:-2]]
    assert (unrated, reject) == tuple(found[-2:])


def test_where_labels_are_looked_for(tmp_path):
    root = tmp_path / "emodb"
    root.mkdir()
    (one,) = affect_labels.rated([clip("03a01Fa")], "emodb", root, None)
    assert one == clip("03a01Fa")
    beside = write(tmp_path / "das2022/EMO_DB.csv", "03a01Fa.wav,2,2")
    inside = write(root / "das2022/EMO_DB.csv", "03a01Fa.wav,1,1")
    named = write(tmp_path / "labels/EMO_DB.csv", "03a01Fa.wav,3,3")
    for labels, activation in ((None, 1), (named, 3), (str(named.parent), 3), (beside, 2)):
        (one,) = affect_labels.rated([clip("03a01Fa")], "emodb", root, labels)
        assert one.activation == activation
    inside.unlink()
    assert emodb.label_files(root, emodb.Params()) == [beside]
    with pytest.raises(CorpusError, match=r"CAFE\.csv: no such file; .* corpora\.cafe\.affect"):
        affect_labels.label_file("cafe", root, named.parent)


def test_labels_of_another_corpus_are_refused(tmp_path):
    path = write(tmp_path / "URDU.csv", "SF1_F6_H06.wav,4,3")
    with pytest.raises(CorpusError, match=r"names none of the 1 clips of emodb .*EMO_DB\.csv"):
        list(affect_labels.rated([clip("03a01Fa")], "emodb", tmp_path, path))


def test_what_may_be_fetched_is_pinned():
    assert set(affect_labels.REMOTES) == set(affect_labels.FILES)
    for corpus, remote in affect_labels.REMOTES.items():
        assert "/54ca6aeba10407a5ce77781038db7ff4494135eb/" in remote.url
        assert remote.url.endswith(affect_labels.FILES[corpus])
        assert len(remote.sha256) == 64


@pytest.mark.original
@pytest.mark.parametrize("corpus", PUBLISHED)
def test_published_labels(corpus, corpora_root, tmp_path):
    folder = corpora_root.parent / "labels" / "das2022"
    if not folder.is_dir():
        pytest.skip("no labels of das2022 in ../labels/das2022 beside the corpora")
    path = folder / affect_labels.FILES[corpus]
    remote = affect_labels.REMOTES[corpus]
    assert hashlib.sha256(path.read_bytes()).hexdigest() == remote.sha256
    assert path.stat().st_size == remote.n_bytes
    n_rows, n_rated = PUBLISHED[corpus]
    assert len(affect_labels.read(path)) == n_rows
    part = parts.load("corpora", corpus)
    for utterance in importlib.import_module(f"emometric.stand_ins.{corpus}").utterances(None):
        (tmp_path / utterance.path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / utterance.path).touch()
    clips = list(part.clips(tmp_path, part.Params(affect=str(folder))))
    rated = [clip for clip in clips if clip.activation is not None]
    assert len(rated) == n_rated
    assert all(1 <= value <= 5 for clip in rated for value in (clip.activation, clip.valence))
    # Anger is rated as more active than sadness: neither columns nor rows are mixed up.
    mean = {
        emotion: sum(values) / len(values)
        for emotion in ("anger", "sadness")
        if (values := [clip.activation for clip in rated if clip.emotion == emotion])
    }
    assert mean["anger"] > mean["sadness"] + 0.5


def test_get_labels_fetches_them_beside_the_corpora(tmp_path, monkeypatch):
    (tmp_path / "server").mkdir()
    for corpus, name in affect_labels.FILES.items():
        write(tmp_path / "server" / name, f"{corpus}.wav,2,3")
    handler = functools.partial(_Quiet, directory=tmp_path / "server")
    monkeypatch.chdir(tmp_path)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        for corpus, name in affect_labels.FILES.items():
            monkeypatch.setitem(affect_labels.REMOTES, corpus, Remote(url=f"{url}/{name}"))
        for said in ("root/das2022: 4 files", "root/das2022 is there already"):
            done = CliRunner().invoke(cli.app, ["corpora", "get-labels", "--root", "root"])
            assert said in done.stdout
            assert "cite Das et al. 2022" in done.stdout
        server.shutdown()
    assert affect_labels.label_file("cafe", tmp_path / "root/cafe", None).name == "CAFE.csv"


def test_get_labels_needs_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("EMOMETRIC_CORPORA", raising=False)
    error = CliRunner().invoke(cli.app, ["corpora", "get-labels"]).exception
    assert isinstance(error, CorpusError) and "--root" in str(error)


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_words):
        pass

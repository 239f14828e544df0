"""Emo-DB's listening test: the owner's file is read with its quirks, absent rates stay absent."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from emometric.acquisition import acquiring
from emometric.base.errors import CorpusError
from emometric.corpora import emodb
from emometric.sound import vad
from emometric.stand_ins import emodb as spoken
from emometric.stand_ins.tree import write_tree
from emometric.storage import store
from emometric.storage.clip import Reject

HEADER = "Nr.\tSatz\terkannt\tnatuerlich"


def write(path: Path, *rows: str, header: str = HEADER, encoding: str = "latin-1") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes("".join(f"{row}\n" for row in (header, *rows)).encode(encoding))
    return path


@pytest.mark.parametrize("encoding", ["latin-1", "utf-8", "utf-8-sig"])
def test_the_owners_form_is_read(tmp_path, encoding):
    path = write(
        tmp_path / "erkennung.txt",
        "1\xa0\xa0\t03a01Ab.wav\t65,00\xa0\xa0\xa0\xa0\xa0\t35,00\xa0\xa0\xa0",
        "2\xa0\xa0\t03a01Fa.wav\t100,00\xa0\xa0\xa0\xa0\xa0\t95,24\xa0\xa0",
        "",
        "3\t08a01Fa.wav\t80.95\t0",
        encoding=encoding,
    )
    assert emodb.read_listeners(path) == {
        "03a01Ab": (0.65, 0.35),
        "03a01Fa": (1.0, 0.9524),
        "08a01Fa": (0.8095, 0.0),
    }


def test_lines_of_windows_and_a_file_without_naturalness(tmp_path):
    path = tmp_path / "erkennung.txt"
    path.write_bytes(b"Satz\terkannt\r\n03a01Fa.wav\t90,00\xa0\r\n\r\n")
    assert emodb.read_listeners(path) == {"03a01Fa": (0.9, None)}


@pytest.mark.parametrize(
    ("header", "rows", "sentence"),
    [
        ("name\tuar", ("a\t1",), r"lacks the columns Satz and erkannt"),
        ("", (), r"lacks the columns"),
        (HEADER, (), r"holds no row"),
        (HEADER, ("1\ta.wav\t95,00",), r"row 2: holds 3 cells where the header has 4"),
        (HEADER, ("1\ta.wav\thigh\t9,00",), r"row 2: holds 'high', not a number"),
        (HEADER, ("1\ta.wav\t95\t9", "2\tb.wav\t101\t9"), r"row 3: holds 101, not from 0 to 100"),
        (HEADER, ("1\ta.wav\tnan\t9",), r"row 2: holds nan, not from 0"),
        (HEADER, ("1\ta.wav\t95\t9", "2\ta.wav\t95\t9"), r"row 3: holds a a second time"),
    ],
)
def test_wrong_files_get_one_sentence(tmp_path, header, rows, sentence):
    with pytest.raises(CorpusError, match=sentence) as caught:
        emodb.read_listeners(write(tmp_path / "erkennung.txt", *rows, header=header))
    assert "\n" not in str(caught.value)


@given(st.integers(0, 10000), st.integers(0, 10000))
def test_a_share_is_its_per_cent(tmp_path_factory, heard, natural):
    # As the owner writes a number: two decimals behind a comma.
    cells = (f"{value // 100},{value % 100:02d}\xa0\xa0" for value in (heard, natural))
    path = write(
        tmp_path_factory.getbasetemp() / "share.txt", "\t".join(("1", "03a01Fa.wav", *cells))
    )
    ((recognition, naturalness),) = emodb.read_listeners(path).values()
    assert recognition == pytest.approx(heard / 10000, abs=1e-12)
    assert naturalness == pytest.approx(natural / 10000, abs=1e-12)


def test_rates_join_by_name_and_absent_ones_stay_absent(tmp_path):
    for name in ("03a01Fa.wav", "03a01Nc.flac", "odd.wav"):
        (tmp_path / name).touch()
    without = list(emodb.clips(tmp_path, emodb.Params()))
    assert {clip.recognition for clip in without[:2]} == {None}
    assert emodb.label_files(tmp_path, emodb.Params()) == []
    path = write(tmp_path / "a" / "b" / "erkennung.txt", "1\t03a01Nc.wav\t85,00\t60,00")
    rated, named, reject = emodb.clips(tmp_path, emodb.Params())
    assert (rated.recognition, rated.naturalness) == (None, None)
    assert (named.recognition, named.naturalness) == (0.85, 0.6)
    assert isinstance(reject, Reject)
    assert emodb.label_files(tmp_path, emodb.Params()) == [path]
    nearer = write(tmp_path / "erkennung.txt", "1\t16b10Wb.wav\t85,00\t60,00")
    assert emodb.label_files(tmp_path, emodb.Params()) == [nearer]
    with pytest.raises(CorpusError, match="names none of the 2 clips"):
        list(emodb.clips(tmp_path, emodb.Params()))


def test_the_stand_in_has_the_owners_file_and_the_manifest_its_rates(tmp_path):
    write_tree("emodb", tmp_path / "emodb", max_clips=1)
    path = tmp_path / "emodb/download/erkennung.txt"
    content = path.read_bytes()
    first = content.split(b"\n")[1]
    assert first.startswith(b"1\xa0\xa0\t03a01Fa.wav\t") and first.count(b"\xa0") == 12
    assert len(emodb.read_listeners(path)) == emodb.N_CLIPS
    assert content == dict(spoken.label_files([]))["download/erkennung.txt"]
    done = acquiring.acquire("emodb", emodb.Params(), tmp_path / "emodb", tmp_path / "out")
    assert (done.n_recognised, done.n_rated, done.n_unlabelled) == (done.n_clips,) * 2 + (0,)
    labels = pq.read_table(tmp_path / "out/labels.parquet")
    rows = vad.mark(labels, store.Ragged(tmp_path / "out/audio"), vad.Params()).to_pylist()
    assert {row["id"] for row in rows} < {f"emodb/{name}" for name in emodb.read_listeners(path)}
    for row in rows:
        rates = emodb.read_listeners(path)[row["id"].removeprefix("emodb/")]
        assert (row["recognition"], row["naturalness"]) == rates
        assert 0.8 <= row["recognition"] <= 1 and 0.45 <= row["naturalness"] <= 1


def test_clips_without_a_label_are_counted(tmp_path):
    folder = tmp_path / "own"
    (folder).mkdir()
    rows = ["file,speaker,emotion", "a.wav,x,anger", "b.wav,x,", "c.wav,x,wonder"]
    (folder / "table.csv").write_text("\n".join(rows))
    for name in "abc":
        soundfile.write(folder / f"{name}.wav", [0.1, -0.1] * 4000, 16000)
    from emometric.corpora import own

    params = own.Params(emotions={"wonder": None})
    done = acquiring.acquire("own", params, folder, tmp_path / "out")
    assert (done.n_clips, done.n_unlabelled) == (3, 2)


@pytest.mark.original
def test_the_real_file(corpora_root):
    (path,) = (corpora_root / "emodb").rglob("erkennung.txt")
    rates = emodb.read_listeners(path)
    assert len(rates) == emodb.N_LISTENED
    assert rates["03a01Fa"] == (0.9, 0.75)
    clips = list(emodb.clips(corpora_root / "emodb", emodb.Params()))
    assert len(clips) == 535
    # 80 per cent had to recognise a clip that was to be published.
    assert min(clip.recognition for clip in clips) == 0.8
    assert min(clip.naturalness for clip in clips) == 0.45
    assert sum(clip.recognition == 1 for clip in clips) == 184

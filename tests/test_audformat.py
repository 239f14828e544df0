"""audformat: what goes out comes back as it was, and databases of others come in."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile
from typer.testing import CliRunner

from emometric.base.errors import CorpusError, PipelineError
from emometric.cli import audformat_exchange
from emometric.cli import main as cli
from emometric.corpora import own
from emometric.storage import store
from emometric.storage.clip import MANIFEST_SCHEMA

audformat = pytest.importorskip("audformat", reason="the extra audformat is not installed")

# audformat still writes pandas the old way; newer releases of pandas say so.
pytestmark = pytest.mark.filterwarnings("ignore:.*:DeprecationWarning:audformat")

CLIPS = ("w/01.flac", "w/02.avi", "03.wav", "04.wav")


@pytest.fixture
def manifest() -> pa.Table:
    """Four clips, of which the last has no emotion and no speech was found in the third."""
    rows = [
        {
            "corpus": "emodb",
            "id": f"emodb/{path.rpartition('.')[0]}",
            "path": path,
            "speaker": f"emodb/{number % 2}",
            "emotion": ("anger", "fear", "anger", None)[number],
            "sentence": f"a0{number}",
            "activation": None if number == 1 else number + 0.5,
            "split": ("train", "valid", "test", None)[number],
            "seconds": 1.0,
            "voiced_s": 0.5,
            "speech_found": number != 2,
            "voiced": [] if number == 2 else [[0, 1600], [3200, 3201 + number]],
        }
        for number, path in enumerate(CLIPS)
    ]
    return pa.Table.from_pylist(rows, MANIFEST_SCHEMA)


@pytest.fixture
def clips(manifest, tmp_path) -> store.Ragged:
    random = np.random.default_rng(0)
    rows = [(id_, random.integers(-99, 99, 16000, np.int16)) for id_ in manifest["id"].to_pylist()]
    store.write_ragged(tmp_path / "audio", rows, dtype=np.int16)
    return store.Ragged(tmp_path / "audio")


def bytes_of(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def save(database, folder: Path, *files: str) -> Path:
    database.save(str(folder), storage_format="csv", update_other_formats=False)
    for file in files:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).touch()
    return folder


def theirs(files=("a.wav", "b.wav", "c.wav"), words=("anger", "joy", "anger")):
    """A database of somebody else's, with speakers as a scheme of their own properties."""
    database = audformat.Database("theirs")
    database.schemes["emotion"] = audformat.Scheme(labels=sorted(set(words)))
    database.schemes["speaker"] = audformat.Scheme(labels={3: {"sex": "f"}, 5: {"sex": "m"}})
    database.schemes["arousal"] = audformat.Scheme("float")
    database.schemes["transcription"] = audformat.Scheme(labels={"s1": "Hello.", "s2": "Bye."})
    index = audformat.filewise_index(list(files))
    for table, columns in {
        "emotion": {"emotion": list(words), "arousal": [0.5, -1.0, None]},
        "files": {"speaker": [3, 5, 3], "transcription": ["s1", "s2", "s1"]},
    }.items():
        database[table] = audformat.Table(index)
        for name, values in columns.items():
            database[table][name] = audformat.Column(scheme_id=name)
            database[table][name].set(values[: len(files)])
    return database


def test_round_trip(manifest, clips, tmp_path):
    folder = tmp_path / "database"
    assert audformat_exchange.write("emodb", manifest, clips, folder, origin="original") == 4
    done = audformat_exchange.read(folder, folder / "table.csv")
    assert (done.n_clips, done.unknown) == (4, ())
    back = {clip.id.removeprefix("own/"): clip for clip in own.clips(folder, own.Params())}
    for row in manifest.to_pylist():
        clip = back.pop(row["id"].removeprefix("emodb/"))
        assert clip.speaker.removeprefix("own/") == row["speaker"].removeprefix("emodb/")
        for name in ("emotion", "sentence", "activation", "valence", "session", "split"):
            assert getattr(clip, name) == row[name]
        samples, rate_hz = soundfile.read(folder / clip.path, dtype="int16")
        assert rate_hz == 16000
        np.testing.assert_array_equal(samples, clips.read(row["id"]))
    assert not back


def test_what_is_written_is_audformat(manifest, clips, tmp_path):
    audformat_exchange.write("emodb", manifest, clips, tmp_path / "database", origin="synthetic")
    database = audformat.Database.load(str(tmp_path / "database"), load_data=True)
    assert (database.name, database.languages, database.license) == ("emodb", ["deu"], "CC0 1.0")
    assert "Burkhardt" in database.description and "Stand-in" in database.description
    assert list(database["files"].files) == ["w/01.wav", "w/02.wav", "03.wav", "04.wav"]
    assert set(database.files_duration(list(database.files), root=str(tmp_path / "database"))) == {
        pd.Timedelta("1s")
    }
    assert {name: list(database[f"split.{name}"].files) for name in database.splits} == {
        "train": ["w/01.wav"],
        "dev": ["w/02.wav"],
        "test": ["03.wav"],
    }
    voiced = database["voiced"].index
    assert len(voiced) == 6
    assert voiced[1] == ("w/01.wav", pd.Timedelta("0.2s"), pd.Timedelta(3201 / 16000, unit="s"))


def test_same_bytes_and_never_over_what_is_there(manifest, clips, tmp_path):
    for name in ("one", "two"):
        audformat_exchange.write("emodb", manifest, clips, tmp_path / name, origin="original")
    assert bytes_of(tmp_path / "one") == bytes_of(tmp_path / "two")
    before = bytes_of(tmp_path / "one")
    with pytest.raises(CorpusError, match="one: is there already and not empty; name a new folder"):
        audformat_exchange.write("emodb", manifest, clips, tmp_path / "one", origin="original")
    assert bytes_of(tmp_path / "one") == before


def test_tables_alone_keep_the_owners_paths(manifest, tmp_path):
    folder = tmp_path / "database"
    audformat_exchange.write("emodb", manifest, None, folder, origin="original")
    assert not list(folder.rglob("*.wav"))
    database = audformat.Database.load(str(folder), load_data=True)
    assert list(database["files"].files) == list(CLIPS)


def test_an_empty_corpus_is_refused(tmp_path):
    with pytest.raises(CorpusError, match="'urdu' has no clips to write"):
        audformat_exchange.write(
            "urdu", MANIFEST_SCHEMA.empty_table(), None, tmp_path / "x", origin="original"
        )


def test_databases_of_others(tmp_path):
    folder = save(theirs(), tmp_path / "theirs", "a.wav", "b.wav", "c.wav")
    done = audformat_exchange.read(folder, tmp_path / "table.csv")
    assert (done.n_clips, done.unknown) == (3, ("joy",))
    params = own.Params(emotions={"joy": "happiness"})
    first, second, third = own.clips(tmp_path, params)
    assert (first.path, first.speaker, first.emotion) == ("theirs/a.wav", "own/3", "anger")
    assert (first.sentence, first.activation) == ("s1", 0.5)
    assert (second.speaker, second.emotion, second.activation) == ("own/5", "happiness", -1.0)
    assert third.activation is None


def test_other_names_and_one_table_of_several(tmp_path):
    database = theirs()
    database.schemes["mood"] = audformat.Scheme("str")
    for name, words in (("first", ["fear", "fear", "fear"]), ("second", ["anger"] * 3)):
        database[name] = audformat.Table(database["files"].index)
        database[name]["mood"] = audformat.Column(scheme_id="mood")
        database[name]["mood"].set(words)
    folder = save(database, tmp_path / "theirs", "a.wav", "b.wav", "c.wav")
    table = folder / "table.csv"
    with pytest.raises(CorpusError, match=r"'mood' is not one label a file .* with --table"):
        audformat_exchange.read(folder, table, emotion="mood")
    audformat_exchange.read(folder, table, emotion="mood", tables=("second",))
    assert {clip.emotion for clip in own.clips(folder, own.Params())} == {"anger"}


def segmented(database):
    database["emotion"] = audformat.Table(
        audformat.segmented_index(["a.wav"], [pd.Timedelta("0s")], [pd.Timedelta("1s")])
    )
    database["emotion"]["emotion"] = audformat.Column(scheme_id="emotion")
    database["emotion"]["emotion"].set(["anger"])
    return database


@pytest.mark.parametrize(
    ("database", "names", "sentence"),
    [
        (theirs, {"emotion": "mood"}, r"no emotions under the name 'mood'; choose .* emotion"),
        (theirs, {"speaker": "who"}, r"no speakers under the name 'who'; choose among arousal"),
        (theirs, {"tables": ("nosuch",)}, r"no table 'nosuch'; choose among emotion, files with"),
        (lambda: segmented(theirs()), {}, r"'emotion' labels segments of files; cut them"),
    ],
)
def test_what_cannot_be_imported(database, names, sentence, tmp_path):
    folder = save(database(), tmp_path / "theirs")
    with pytest.raises(CorpusError, match=sentence) as caught:
        audformat_exchange.read(folder, folder / "table.csv", **names)
    assert "\n" not in str(caught.value)
    assert not (folder / "table.csv").exists()


def test_folders_that_are_no_database(tmp_path):
    with pytest.raises(CorpusError, match=r"holds no db\.yaml; name the folder"):
        audformat_exchange.read(tmp_path, tmp_path / "table.csv")
    (tmp_path / "db.yaml").write_text("schemes: [1, 2\n")
    with pytest.raises(CorpusError, match="audformat cannot read this database") as caught:
        audformat_exchange.read(tmp_path, tmp_path / "table.csv")
    assert "\n" not in str(caught.value)


def test_a_table_below_the_media_is_refused(tmp_path):
    folder = save(theirs(), tmp_path / "theirs")
    with pytest.raises(CorpusError, match=r"write the table at or above the media"):
        audformat_exchange.read(folder, tmp_path / "elsewhere" / "table.csv")


def test_the_table_that_is_there_stays_unless_forced(tmp_path):
    folder = save(theirs(), tmp_path / "theirs")
    table = folder / "table.csv"
    table.write_text("mine")
    with pytest.raises(CorpusError, match=r"is there already; choose another TABLE, or --force"):
        audformat_exchange.read(folder, table)
    assert table.read_text() == "mine"
    audformat_exchange.read(folder, table, force=True)
    assert table.read_text() != "mine"


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ("theirs/db.yaml", "is a file of the database"),
        ("theirs/db.files.csv", "is a file of the database"),
        ("theirs/db.new.csv", "is a file of the database"),
        ("theirs/../theirs/db.yaml", "is a file of the database"),
        ("theirs/more.csv", "is a file of the database"),
        ("theirs", "is a folder"),
        (".", "is a folder"),
        ("table.txt", r"does not end in \.csv"),
        ("theirs/a.wav", r"does not end in \.csv"),
    ],
)
def test_what_a_table_must_not_replace(table, sentence, force, monkeypatch, tmp_path):
    database = theirs()
    database.attachments["more"] = audformat.Attachment("more.csv")
    (tmp_path / "theirs").mkdir()
    if force:  # else it is not there, and is refused all the same
        (tmp_path / "theirs/more.csv").write_text("attached")
    save(database, tmp_path / "theirs", "a.wav")
    before = bytes_of(tmp_path)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CorpusError, match=rf"{sentence}; name another table, as in theirs/table"):
        audformat_exchange.read(Path("theirs"), Path(table), force=force)
    assert bytes_of(tmp_path) == before


def test_a_table_that_cannot_be_written_is_said(tmp_path):
    folder = save(theirs(), tmp_path / "theirs")
    (tmp_path / "file").touch()
    with pytest.raises(CorpusError, match=r"cannot be written \(.*\); name another TABLE"):
        audformat_exchange._write_table(pd.DataFrame(), tmp_path / "file" / "table.csv")
    assert "file" not in bytes_of(folder)


def test_without_audformat(monkeypatch, manifest, tmp_path):
    monkeypatch.setitem(sys.modules, "audformat", None)
    with pytest.raises(PipelineError, match=r"pip install 'emometric\[audformat\]'"):
        audformat_exchange.write("emodb", manifest, None, tmp_path / "x", origin="original")
    assert not (tmp_path / "x").exists()


def test_commands(manifest, clips, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    Path("data/synthetic/manifests").mkdir(parents=True)
    pq.write_table(manifest, "data/synthetic/manifests/emodb.parquet")
    (tmp_path / "data/synthetic/corpora/emodb").mkdir(parents=True)
    (tmp_path / "audio").rename("data/synthetic/corpora/emodb/audio")
    done = CliRunner().invoke(cli.app, ["corpora", "export-audformat", "emodb", "db"])
    assert (done.exit_code, done.stdout) == (0, "db: 4 clips of emodb\n")
    done = CliRunner().invoke(cli.app, ["corpora", "import-audformat", "db"])
    assert done.stdout == (
        "db/table.csv: 4 recordings; name it in params.yaml under corpora.own.table\n"
    )
    done = CliRunner().invoke(cli.app, ["corpora", "import-audformat", "db"])
    assert "db/table.csv is there already" in str(done.exception)
    done = CliRunner().invoke(cli.app, ["corpora", "import-audformat", "db", "--force"])
    assert done.exit_code == 0
    done = CliRunner().invoke(cli.app, ["corpora", "export-audformat", "emodb", "t", "--no-audio"])
    assert done.exit_code == 0
    assert not list(Path("t").rglob("*.wav"))

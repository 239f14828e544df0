"""Linking records what is there, without naming this machine, and finding notices what changed."""

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from emometric.acquisition import roots
from emometric.base import parts
from emometric.base.errors import CorpusError
from emometric.cli import corpora as cli_corpora
from emometric.corpora import emodb, own

CORPORA = {part: parts.load("corpora", part).Params() for part in ("emodb", "ravdess", "urdu")}
EMODB = CORPORA["emodb"]


@pytest.fixture
def root(tmp_path) -> Path:
    """Emo-DB with two recordings; RAVDESS an empty folder; no URDU."""
    wav = tmp_path / "corpora" / "emodb" / "download" / "wav"
    wav.mkdir(parents=True)
    (wav / "03a01Fa.wav").write_bytes(b"abc")
    (wav / "03a01Nc.wav").write_bytes(b"defgh")
    (wav / "readme.txt").write_bytes(b"not a recording")
    (tmp_path / "corpora" / "ravdess").mkdir()
    return tmp_path / "corpora"


@pytest.fixture
def data(tmp_path) -> Path:
    return tmp_path / "data"


def text_of(data: Path, origin: str, corpus: str) -> str:
    return (data / origin / "roots" / f"{corpus}.json").read_text(encoding="utf-8")


def digest_of(root: Path, data: Path) -> str:
    return roots.link(root, {"emodb": EMODB}, data)[0]["digest"]


def test_records_what_is_there(root, data):
    emodb, ravdess, urdu = roots.link(root, CORPORA, data)
    assert (emodb["corpus"], emodb["state"]) == ("emodb", "present")
    assert (emodb["n_files"], emodb["n_bytes"]) == (2, 8)
    for record, corpus in ((ravdess, "ravdess"), (urdu, "urdu")):
        assert record == {
            "corpus": corpus,
            "state": "missing",
            "n_files": 0,
            "n_label_files": 0,
            "n_bytes": 0,
            "digest": None,
        }
    assert json.loads(text_of(data, "original", "emodb")) == emodb
    assert json.loads(text_of(data, "synthetic", "urdu")) == {"corpus": "urdu", "state": "stand-in"}


def test_records_are_sorted_end_in_a_newline_and_name_no_machine(root, data, tmp_path):
    roots.link(root, CORPORA, data)
    for path in data.rglob("*.json"):
        text = path.read_text(encoding="utf-8")
        assert text.endswith("}\n")
        assert list(json.loads(text)) == sorted(json.loads(text))
        assert str(tmp_path) not in text
    assert (data / "original" / "root.txt").read_text(encoding="utf-8") == f"{root.resolve()}\n"


def test_digest_follows_names_and_contents_alone(root, data, tmp_path):
    before = digest_of(root, data)
    moved = shutil.move(root, tmp_path / "elsewhere")
    assert digest_of(moved, data) == before
    wav = moved / "emodb" / "download" / "wav"
    (wav / "readme.txt").write_bytes(b"changed")
    assert digest_of(moved, data) == before
    (wav / "03a01Fa.wav").write_bytes(b"abd")
    changed = digest_of(moved, data)
    (wav / "03a01Fa.wav").write_bytes(b"abc")
    (wav / "03a01Fa.wav").rename(wav / "03a01Fb.wav")
    renamed = digest_of(moved, data)
    assert len({before, changed, renamed}) == 3


def test_linking_again_changes_nothing(root, data):
    roots.link(root, CORPORA, data)
    before = {path: path.read_bytes() for path in data.rglob("*") if path.is_file()}
    roots.link(root, CORPORA, data)
    assert before == {path: path.read_bytes() for path in data.rglob("*") if path.is_file()}
    assert len(before) == 10


def test_remembers_what_each_recording_held(root, data):
    assert roots.digests("emodb", data) == {}
    roots.link(root, CORPORA, data)
    wav = root / "emodb" / "download" / "wav"
    assert roots.digests("emodb", data) == {
        f"download/wav/{name}": roots.digest(wav / name)[0]
        for name in ("03a01Fa.wav", "03a01Nc.wav")
    }
    assert roots.digests("ravdess", data) == {}
    # The record is in git: it may come from another machine, and then says something else.
    record = roots.record_path("original", "emodb", data)
    record.write_text(record.read_text().replace('digest": "', 'digest": "0'), encoding="utf-8")
    assert roots.digests("emodb", data) == {}


def test_wrong_folder_writes_nothing(tmp_path, data):
    (tmp_path / "wrong" / "other").mkdir(parents=True)
    with pytest.raises(CorpusError, match=r"wrong: holds none of emodb/, ravdess/, urdu/"):
        roots.link(tmp_path / "wrong", CORPORA, data)
    with pytest.raises(CorpusError, match="nowhere: no such folder"):
        roots.link(tmp_path / "nowhere", CORPORA, data)
    assert not data.exists()


def test_finds_what_was_linked(root, data):
    roots.link(root, CORPORA, data)
    assert roots.find("original", "emodb", EMODB, data) == root.resolve() / "emodb"
    assert roots.find("original", "urdu", CORPORA["urdu"], data) is None
    assert roots.find("synthetic", "emodb", EMODB, data) is None


def test_relative_root_is_found_from_elsewhere(root, data, tmp_path, monkeypatch):
    monkeypatch.chdir(root.parent)
    roots.link(Path(root.name), CORPORA, data)
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    assert roots.find("original", "emodb", EMODB, data).is_dir()


def test_says_what_to_do_when_not_found(root, data):
    with pytest.raises(CorpusError, match=r"emodb is not linked \(original\); run: emometric"):
        roots.find("original", "emodb", EMODB, data)
    roots.link(root, CORPORA, data)
    (root / "emodb" / "download" / "wav" / "03a01Nc.wav").unlink()
    with pytest.raises(CorpusError, match="holds 1 recordings and 0 label files, 3 bytes, where 2"):
        roots.find("original", "emodb", EMODB, data)
    shutil.rmtree(root)
    with pytest.raises(CorpusError, match="emodb: the linked corpus has vanished"):
        roots.find("original", "emodb", EMODB, data)
    # A clone has the records, but no machine's folder.
    (data / "original" / "root.txt").unlink()
    with pytest.raises(CorpusError, match="emodb is not linked on this machine"):
        roots.find("original", "emodb", EMODB, data)
    roots.record_path("original", "emodb", data).write_text("{", encoding="utf-8")
    with pytest.raises(CorpusError, match=r"emodb\.json is damaged"):
        roots.find("original", "emodb", EMODB, data)


def test_label_files_count_wherever_they_lie(root, data, tmp_path):
    before = digest_of(root, data)
    labels = tmp_path / "labels" / "EMO_DB.csv"
    labels.parent.mkdir()
    labels.write_text("filename,activation,valence\n03a01Fa.wav,3,3\n")
    named = {"emodb": emodb.Params(affect=str(labels))}
    (record,) = roots.link(root, named, data)
    assert (record["n_files"], record["n_label_files"]) == (2, 1)
    assert record["digest"] != before
    assert set(roots.digests("emodb", data)) == {
        "EMO_DB.csv",
        "download/wav/03a01Fa.wav",
        "download/wav/03a01Nc.wav",
    }
    assert str(tmp_path) not in text_of(data, "original", "emodb")
    assert roots.find("original", "emodb", named["emodb"], data) == root.resolve() / "emodb"
    with labels.open("a") as file:
        file.write("03a01Nc.wav,2,3\n")
    with pytest.raises(CorpusError, match="restore them, or run: emometric corpora link"):
        roots.find("original", "emodb", named["emodb"], data)
    with pytest.raises(CorpusError, match="restore them, or run: emometric corpora link"):
        roots.find("original", "emodb", EMODB, data)
    beside = root / "das2022" / "EMO_DB.csv"
    beside.parent.mkdir()
    labels.replace(beside)
    assert roots.link(root, {"emodb": EMODB}, data)[0]["n_label_files"] == 1


def test_a_table_of_ones_own_lies_anywhere(root, data, tmp_path):
    folder = tmp_path / "mine"
    (folder / "a").mkdir(parents=True)
    (folder / "a" / "x.wav").write_bytes(b"abc")
    (folder / "a" / "stray.wav").write_bytes(b"not in the table")
    (folder / "my.csv").write_text("file,speaker,emotion\na/x.wav,1,anger\n")
    params = own.Params(table=str(folder / "my.csv"))
    (record,) = roots.link(root, {"own": params}, data)
    assert (record["state"], record["n_files"], record["n_label_files"]) == ("present", 1, 1)
    assert roots.find("original", "own", params, data) == folder
    assert str(tmp_path) not in text_of(data, "original", "own")
    # Where none is named, it lies where every corpus does; where there is none, it is missing.
    _, record = roots.link(root, {"emodb": EMODB, "own": own.Params()}, data)
    assert record["state"] == "missing"
    folder.rename(root / "own")
    (root / "own" / "my.csv").rename(root / "own" / "table.csv")
    (record,) = roots.link(root, {"own": own.Params()}, data)
    assert record["state"] == "present"
    (root / "own" / "table.csv").write_text("file,speaker,emotion\na/y.wav,1,anger\n")
    with pytest.raises(CorpusError, match=r"row 2: a/y\.wav is not there"):
        roots.link(root, {"own": own.Params()}, data)


def test_params_without_places():
    params = own.Params(table="a.csv", exclusions=False)
    assert roots.without_places(params) == own.Params(exclusions=False)
    assert roots.without_places(emodb.Params(affect="x")) == EMODB
    assert roots.without_places(CORPORA["ravdess"]) == CORPORA["ravdess"]


@pytest.fixture
def run(project_root, tmp_path, monkeypatch):
    """Run `emometric corpora ...` in a folder that has only the project's params.yaml."""
    shutil.copy(project_root / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("EMOMETRIC_CORPORA", raising=False)
    return lambda *words, **env: CliRunner().invoke(cli_corpora.app, words, env=env)


def test_link_command(run, root):
    done = run("link", str(root))
    assert done.exit_code == 0
    lines = [line.split() for line in done.stdout.splitlines()]
    assert ["emodb", "present", "2", "recordings"] in lines
    done = run("link", "--json", EMOMETRIC_CORPORA=str(root))
    states = {record["corpus"]: record["state"] for record in json.loads(done.stdout)}
    assert (states["emodb"], states["aesdd"]) == ("present", "missing")
    assert Path("data/original/roots/ravdess.json").is_file()


def test_link_command_needs_a_folder(run):
    error = run("link").exception
    assert isinstance(error, CorpusError)
    assert "set EMOMETRIC_CORPORA" in str(error)


def test_list_command(run, root):
    rows = json.loads(run("list", "--json").stdout)
    assert [row["corpus"] for row in rows] == sorted(set(parts.available("corpora")) - {"pooled"})
    assert {row["state"] for row in rows} == {"unlinked"}
    run("link", str(root))
    table = [line.split() for line in run("list").stdout.splitlines()]
    states = {cells[0]: cells[-1] for cells in table[1:]}
    assert (states["emodb"], states["urdu"]) == ("present", "missing")
    emodb = next(cells for cells in table if cells[0] == "emodb")
    assert emodb[1:6] == ["Emo-DB", "de", "10", "535", "7"]


@pytest.mark.original
def test_links_the_real_corpora(corpora_root, data):
    here = {name: CORPORA[name] for name in CORPORA if (corpora_root / name).is_dir()}
    for record in roots.link(corpora_root, here, data):
        part = parts.load("corpora", record["corpus"])
        assert (record["state"], record["n_files"]) == ("present", part.N_CLIPS)

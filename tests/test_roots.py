"""Linking records what is there, without naming this machine, and finding notices what changed."""

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from emometric import cli_corpora, parts, roots
from emometric.errors import CorpusError

CORPORA = ("emodb", "ravdess", "urdu")


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
    return roots.link(root, ("emodb",), data)[0]["digest"]


def test_records_what_is_there(root, data):
    emodb, ravdess, urdu = roots.link(root, CORPORA, data)
    assert (emodb["corpus"], emodb["state"]) == ("emodb", "present")
    assert (emodb["n_files"], emodb["n_bytes"]) == (2, 8)
    for record, corpus in ((ravdess, "ravdess"), (urdu, "urdu")):
        assert record == {
            "corpus": corpus,
            "state": "missing",
            "n_files": 0,
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
    assert len(before) == 7


def test_wrong_folder_writes_nothing(tmp_path, data):
    (tmp_path / "wrong" / "other").mkdir(parents=True)
    with pytest.raises(CorpusError, match=r"wrong: holds none of emodb/, ravdess/, urdu/"):
        roots.link(tmp_path / "wrong", CORPORA, data)
    with pytest.raises(CorpusError, match="nowhere: no such folder"):
        roots.link(tmp_path / "nowhere", CORPORA, data)
    assert not data.exists()


def test_finds_what_was_linked(root, data):
    roots.link(root, CORPORA, data)
    assert roots.find("original", "emodb", data) == root.resolve() / "emodb"
    assert roots.find("original", "urdu", data) is None
    assert roots.find("synthetic", "emodb", data) is None


def test_relative_root_is_found_from_elsewhere(root, data, tmp_path, monkeypatch):
    monkeypatch.chdir(root.parent)
    roots.link(Path(root.name), CORPORA, data)
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    assert roots.find("original", "emodb", data).is_dir()


def test_says_what_to_do_when_not_found(root, data):
    with pytest.raises(CorpusError, match=r"emodb is not linked \(original\); run: emometric"):
        roots.find("original", "emodb", data)
    roots.link(root, CORPORA, data)
    (root / "emodb" / "download" / "wav" / "03a01Nc.wav").unlink()
    with pytest.raises(CorpusError, match="holds 1 recordings of 3 bytes where 2 of 8 were linked"):
        roots.find("original", "emodb", data)
    shutil.rmtree(root)
    with pytest.raises(CorpusError, match="emodb: the linked corpus has vanished"):
        roots.find("original", "emodb", data)
    # A clone has the records, but no machine's folder.
    (data / "original" / "root.txt").unlink()
    with pytest.raises(CorpusError, match="emodb is not linked on this machine"):
        roots.find("original", "emodb", data)
    roots.record_path("original", "emodb", data).write_text("{", encoding="utf-8")
    with pytest.raises(CorpusError, match=r"emodb\.json is damaged"):
        roots.find("original", "emodb", data)


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
    assert done.stdout.splitlines()[0].split() == ["emodb", "present", "2", "recordings"]
    done = run("link", "--json", EMOMETRIC_CORPORA=str(root))
    assert next(record["state"] for record in json.loads(done.stdout)) == "present"
    assert Path("data/original/roots/ravdess.json").is_file()


def test_link_command_needs_a_folder(run):
    error = run("link").exception
    assert isinstance(error, CorpusError)
    assert "set EMOMETRIC_CORPORA" in str(error)


def test_list_command(run, root):
    rows = json.loads(run("list", "--json").stdout)
    assert [row["corpus"] for row in rows] == list(parts.available("corpora"))
    assert {row["state"] for row in rows} == {"unlinked"}
    run("link", str(root))
    table = [line.split() for line in run("list").stdout.splitlines()]
    states = {cells[0]: cells[-1] for cells in table[1:]}
    assert (states["emodb"], states["urdu"]) == ("present", "missing")
    emodb = next(cells for cells in table if cells[0] == "emodb")
    assert emodb[1:6] == ["Emo-DB", "de", "10", "535", "7"]


@pytest.mark.original
def test_links_the_real_corpora(corpora_root, data):
    here = [corpus for corpus in CORPORA if (corpora_root / corpus).is_dir()]
    for record in roots.link(corpora_root, here, data):
        part = parts.load("corpora", record["corpus"])
        assert (record["state"], record["n_files"]) == ("present", part.N_CLIPS)

"""`emometric store`: it lists what is there, names what is broken, removes what may go."""

import errno
import json
import os
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from typer.testing import CliRunner

from emometric.base import parts
from emometric.cli import main as cli
from emometric.cli import store as cli_store
from emometric.extraction import cache, extracting
from emometric.features import egemaps, log_mel
from emometric.sound import audio
from emometric.storage import store
from emometric.storage.clip import MANIFEST_SCHEMA
from emometric.upkeep import cache_files, inventory, store_faults

N_CLIPS = 5
DAY_S = inventory.DAY_S


def build(folder, feature, params, root, n_clips=N_CLIPS):
    """Extract a feature of generated clips into `folder`; how many had to be computed."""
    generator = np.random.default_rng(1)
    clips = {
        f"c/{number}": generator.integers(-900, 900, 6000).astype("i2") for number in range(n_clips)
    }
    place = folder.parent / "audio"
    shutil.rmtree(place, ignore_errors=True)
    store.write_ragged(place, clips.items(), dtype="int16")
    rows = [
        {"corpus": "c", "id": name, "content": audio.content_hash(values), "voiced": [(0, 6000)]}
        for name, values in clips.items()
    ]
    done = extracting.extract_corpus(
        feature,
        params,
        pa.Table.from_pylist(rows, MANIFEST_SCHEMA),
        place,
        folder,
        cache_folder=root,
    )
    shutil.rmtree(place)
    return done.n_computed


def fill_cache(root, part, version, n_packs=N_CLIPS):
    """Packs of one entry each; their files."""
    with cache.ClipCache(root, part, version) as clips:
        for number in range(n_packs):
            values = np.full((40, 3), number, np.float32)
            clips.put(cache.key(f"{number}", {"part": part}, version), values)
    return sorted((root / "clips" / part).rglob("*.pack"))


class Project:
    """A project's data folder with two stores, and a cache with two parts of some packs each."""

    def __init__(self, folder):
        self.folder, self.root = folder, folder / "cache"
        self.log_mel = folder / "data/synthetic/features/emodb/log_mel"
        self.egemaps = folder / "data/original/study_features/emodb/egemaps"
        self.extract()
        for part in (log_mel, egemaps):
            name = part.__name__.rpartition(".")[2]
            fill_cache(self.root, name, extracting.folder_of(part))

    def extract(self, root=None):
        """Build both stores, from a cache of their own; how many clips had to be computed."""
        root = root or self.folder / "own cache"
        return build(self.log_mel, "log_mel", log_mel.Params(), root) + build(
            self.egemaps, "egemaps", egemaps.Params(), root
        )

    def packs(self, part="log_mel"):
        return sorted((self.root / "clips" / part).rglob("*.pack"))

    def run(self, *arguments):
        result = CliRunner().invoke(
            cli.app, ["store", *arguments], env={"EMOMETRIC_CACHE": str(self.root)}
        )
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    def json(self, *arguments):
        result = self.run(*arguments, "--json")
        return result.exit_code, json.loads(result.stdout)


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Project(tmp_path)


def set_age(path, days):
    """Written and last read so many days ago."""
    then = time.time() - days * DAY_S
    os.utime(path, (then, then))


def make_old(project, part="log_mel"):
    """The part's entries under a version that no program here has; where they are now."""
    (version,) = (project.root / "clips" / part).iterdir()
    return version.rename(version.with_name("0,float16,numpy-1.0"))


# -- list -----------------------------------------------------------------------------------------


def test_list_names_every_store_and_every_version(project):
    code, found = project.json("list")
    assert code == 0
    rows = {(row["origin"], row["kind"], row["corpus"], row["feature"]) for row in found["stores"]}
    assert rows == {
        ("synthetic", "features", "emodb", "log_mel"),
        ("original", "study_features", "emodb", "egemaps"),
    }
    for row in found["stores"]:
        assert row["clips"] == N_CLIPS
        there = sum(path.stat().st_size for path in (project.folder / row["path"]).iterdir())
        assert row["n_bytes"] == there
    groups = {row["part"]: row for row in found["groups"]}
    assert set(groups) == {"egemaps", "log_mel"}
    for part, row in groups.items():
        assert row["entries"] == N_CLIPS and row["is_current"] and row["kind"] == "clips"
        files = project.packs(part)
        assert row["n_bytes"] == sum(path.stat().st_size for path in files)
        assert row["version"] == extracting.folder_of(parts.load("features", part))
        assert abs(row["used"] - time.time()) < 600


def test_list_for_people(project):
    make_old(project)
    text = project.run("list").stdout
    assert "synthetic  features        emodb   log_mel  5" in text
    assert f"caches in {project.root}" in text
    (line,) = [line for line in text.splitlines() if "0,float16,numpy-1.0" in line]
    assert line.startswith("clips  log_mel") and line.endswith("old")


def test_list_says_which_store_cannot_be_read(project):
    (project.log_mel / "index.parquet").write_bytes(b"PAR1")
    _, found = project.json("list")
    assert sorted(row["clips"] or 0 for row in found["stores"]) == [0, N_CLIPS]
    assert "damaged" in project.run("list").stdout


def test_an_empty_project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    runner = CliRunner()
    for command in ("list", "verify", "prune"):
        result = runner.invoke(cli.app, ["store", command, "--cache", str(tmp_path / "none")])
        assert result.exit_code == 0, result.output
    assert not (tmp_path / "none").exists()


def test_parts_whose_packages_are_missing_are_not_called_old(monkeypatch):
    original = extracting.folder_of

    def without(part):
        if part.__name__.endswith("log_mel"):
            raise ModuleNotFoundError("no numpy of that kind")
        return original(part)

    monkeypatch.setattr(extracting, "folder_of", without)
    current = inventory.current_versions()
    assert inventory.is_current("clips", "log_mel", "x", current)
    assert not inventory.is_current("clips", "no such part", "x", current)
    assert not inventory.is_current("clips", "mfcc", "x", current)


# -- verify ---------------------------------------------------------------------------------------


def test_verify_of_what_is_whole(project):
    result = project.run("verify")
    assert result.exit_code == 0
    assert result.stdout == (
        f"2 stores, 0 of them broken; {2 * N_CLIPS} files of the caches, 0 of them broken\n"
    )


def flip(path, at):
    data = bytearray(path.read_bytes())
    data[round(at * (len(data) - 1))] ^= 4
    path.write_bytes(data)


def test_verify_names_a_damaged_shard_and_its_cure(project):
    flip(project.log_mel / "000.npz", 0.5)
    result = project.run("verify")
    assert result.exit_code == 1
    assert "000.npz: 'c/" in result.stdout and "' is damaged" in result.stdout
    path = Path("data/synthetic/features/emodb/log_mel")
    assert f"remove {path}, then run `dvc repro`" in result.stdout
    code, found = project.json("verify")
    assert code == 1
    assert [row["path"] for row in found["broken_stores"]] == [str(path)]
    # The cure cures it.
    shutil.rmtree(project.log_mel)
    assert project.extract() == 0
    assert project.run("verify").exit_code == 0


def values_of(path):
    ids, names, values = store.read_functionals(path)
    return ids, names, values.tobytes()


def test_verify_notices_any_changed_byte_that_changes_functionals(project):
    path = project.egemaps / "functionals.parquet"
    whole, wanted = path.read_bytes(), values_of(path)
    found = []
    for at in np.linspace(0, 1, 150):
        flip(path, at)
        found.append(store_faults.fault(project.egemaps) is not None)
        # Only what no value hangs on may pass: unused bounds in the head of a page.
        assert found[-1] or values_of(path) == wanted
        path.write_bytes(whole)
    assert np.mean(found) > 0.5
    assert store_faults.fault(project.egemaps) is None


def test_verify_names_damaged_functionals(project):
    flip(project.egemaps / "functionals.parquet", 1.0)
    code, found = project.json("verify")
    assert code == 1 and len(found["broken_stores"]) == 1
    assert "functionals.parquet is damaged" in found["broken_stores"][0]["fault"]


@pytest.mark.parametrize("name", ["index.parquet", "000.npz"])
def test_verify_names_what_is_missing(project, name):
    (project.log_mel / name).unlink()
    code, found = project.json("verify")
    assert code == 1 and name in found["broken_stores"][0]["fault"]


def test_verify_names_damaged_files_of_the_cache_and_the_cure(project):
    one, two = project.packs()[:2]
    flip(one, 0.7)
    two.write_bytes(two.read_bytes()[:-3])
    result = project.run("verify")
    assert result.exit_code == 1
    for path in (one, two):
        assert f"{path} is damaged: remove it, what it held is computed again" in result.stdout
    _, found = project.json("verify")
    assert sorted(found["broken_cache_files"]) == sorted(map(str, (one, two)))
    for path in (one, two):
        path.unlink()
    assert project.run("verify").exit_code == 0


def test_damage_to_the_cache_is_found_and_its_cure_leaves_the_store_as_it_was(project):
    wanted = (project.egemaps / "functionals.parquet").read_bytes()
    own = project.folder / "own cache"
    packs = sorted((own / "clips/egemaps").rglob("*.pack"))
    flip(packs[0], 0.5)
    assert not all(inventory.is_intact(one) for one in inventory.held(own))
    packs[0].unlink()
    assert project.extract() == 0  # the store stands: what was made of it is not asked for
    (project.egemaps / "functionals.parquet").unlink()
    assert project.extract() > 0
    assert (project.egemaps / "functionals.parquet").read_bytes() == wanted


def test_looking_is_no_use(project):
    path = project.packs()[0]
    now = time.time()
    os.utime(path, (now - 40 * DAY_S, now - 50 * DAY_S))
    for command in ("list", "verify"):
        assert project.run(command).exit_code == 0
    found = project.json("prune", "--unused-days", "39", "--dry-run")[1]
    assert [row["n_bytes"] for row in found["groups"]] == [path.stat().st_size]
    assert path.stat().st_mtime == pytest.approx(now - 50 * DAY_S, abs=1)


# -- prune ----------------------------------------------------------------------------------------


def test_prune_leaves_what_a_run_would_use(project):
    before = project.packs() + project.packs("egemaps")
    assert project.run("prune").stdout == f"freed 0 B in {project.root}\n"
    assert project.packs() + project.packs("egemaps") == before


def test_prune_removes_old_versions_and_parts_that_are_gone(project):
    old = make_old(project)
    n_bytes = sum(path.stat().st_size for path in project.packs())
    gone = project.root / "clips/loudness/1/ab" / f"{'a' * 32}.pack"
    gone.parent.mkdir(parents=True)
    gone.write_bytes(project.packs("egemaps")[0].read_bytes())
    n_bytes += gone.stat().st_size
    set_age(old / "new", 1)  # nobody has written there for an hour
    dry = project.run("prune", "--dry-run").stdout
    assert old.exists() and gone.exists()
    assert "old version" in dry and "would free" in dry
    code, found = project.json("prune")
    assert code == 0 and found["removed"] and found["n_bytes"] >= n_bytes
    assert {(row["part"], row["version"]) for row in found["groups"]} == {
        ("log_mel", old.name),
        ("loudness", "1"),
    }
    assert not old.exists() and not gone.parents[2].exists()
    assert len(project.packs("egemaps")) == N_CLIPS
    assert (project.root / "clips").is_dir()


def test_prune_by_age(project):
    for path in project.packs()[:2]:
        set_age(path, 40)
    set_age(project.packs("egemaps")[0], 20)
    assert project.json("prune", "--unused-days", "50")[1]["entries"] == 0
    _, found = project.json("prune", "--unused-days", "30")
    assert found["entries"] == 2
    assert [row["part"] for row in found["groups"]] == ["log_mel"]
    assert len(project.packs()) == N_CLIPS - 2
    assert len(project.packs("egemaps")) == N_CLIPS


def test_what_was_read_lately_is_in_use_though_written_long_ago(project):
    path = project.packs()[0]
    now = time.time()
    os.utime(path, (now, now - 90 * DAY_S))
    assert project.json("prune", "--unused-days", "30")[1]["entries"] == 0


def test_prune_down_to_a_size_takes_the_longest_unused_first(project):
    files = project.packs() + project.packs("egemaps")
    for number, path in enumerate(files):
        set_age(path, 10 + number % 5)
    sizes = {path: path.stat().st_size for path in files}
    limit = sum(sizes.values()) - 1
    _, found = project.json("prune", "--down-to", str(limit))
    left = set(project.packs() + project.packs("egemaps"))
    (gone,) = set(files) - left
    assert found["entries"] == 1 and found["n_bytes"] == sizes[gone]
    assert gone in (files[4], files[9])
    assert project.json("prune", "--down-to", "100GB")[1]["entries"] == 0
    project.run("prune", "--down-to", "0")
    assert project.packs() == project.packs("egemaps") == []


def test_limits_count_what_old_versions_leave():
    def held(part, version, n_bytes, used):
        return inventory.Held(
            kind="clips", part=part, version=version, path=Path(f"{part}{used}"),
            n_entries=1, n_bytes=n_bytes, used=used,
        )  # fmt: skip

    entries = [held("a", "1", 50, 9.0), held("a", "2", 30, 1.0), held("a", "2", 30, 2.0)]
    going = inventory.chosen_to_go(entries, {("clips", "a"): "2"}, down_to=60, now=10.0)
    assert going == entries[:1]  # then 60 bytes are left: enough
    going = inventory.chosen_to_go(entries, {("clips", "a"): "2"}, down_to=59, now=10.0)
    assert going == entries[:2]


def test_prune_removes_what_killed_writers_left_but_not_what_is_being_written(project):
    shard = project.root / "clips/log_mel" / extracting.folder_of(log_mel) / "new"
    shard.mkdir(exist_ok=True)
    young, old = shard / ".young.part", shard / ".old.part"
    for path in (young, old):
        path.write_bytes(b"half")
    set_age(old, 1)
    earlier = project.root / "egemaps/ab" / f"{'b' * 40}.npy"
    earlier.parent.mkdir(parents=True)
    earlier.write_bytes(b"earlier layout")
    set_age(earlier, 1)
    _, found = project.json("prune")
    assert found["leftovers"] == 2
    assert young.exists() and not old.exists() and not earlier.parents[1].exists()


def test_prune_and_verify_see_the_cells_of_studies(project):
    for version in ("0", "99"):
        path = project.root / "cells/feng2020" / version / f"{'c' * 40}.zip"
        path.parent.mkdir(parents=True)
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("numbers", "x" * 1000)
            archive.comment = path.stem.encode()
    held = [one for one in inventory.held(project.root) if one.kind == "cells"]
    assert [(one.part, one.version) for one in held] == [("feng2020", "0"), ("feng2020", "99")]
    assert all(map(inventory.is_intact, held))
    flip(held[0].path, 0.4)
    code, found = project.json("verify")
    assert code == 1 and found["broken_cache_files"] == [str(held[0].path)]
    going = inventory.chosen_to_go(held, {("cells", "feng2020"): "99"})
    assert going == held[:1]


@pytest.mark.parametrize("size", ["much", "-1", "5 furlongs", "1e9"])
def test_a_size_that_is_none_is_refused(project, size):
    from emometric.base.errors import PipelineError

    with pytest.raises(PipelineError, match=r"--down-to is '.*'; write a size such as 500MB"):
        project.run("prune", f"--down-to={size}")


PRUNER = """
import sys, time
from emometric.upkeep import inventory as upkeep
root = sys.argv[1]
print("ready", flush=True)
while True:
    upkeep.remove([entry.path for entry in upkeep.held(root)], root)
    time.sleep(0.05)
"""


def test_pruning_all_beside_a_running_extraction_spoils_nothing(project):
    """Another process removes every pack that it sees, time and again; the store is the same."""
    wanted = {path.name: path.read_bytes() for path in project.log_mel.iterdir()}
    pruner = subprocess.Popen(
        [sys.executable, "-c", PRUNER, str(project.root)], stdout=subprocess.PIPE
    )
    try:
        assert pruner.stdout.readline() == b"ready\n"
        for _ in range(20):
            shutil.rmtree(project.log_mel)
            build(project.log_mel, "log_mel", log_mel.Params(), project.root)
            found = {path.name: path.read_bytes() for path in project.log_mel.iterdir()}
            assert found == wanted
        assert pruner.poll() is None  # it was at work all the time
    finally:
        pruner.kill()
        pruner.communicate()


def test_prune_touches_nothing_that_is_not_the_caches_own(project):
    """Folders and files of somebody else below the cache's root, old as they may be."""
    others = [
        project.root / "clips" / name
        for name in (
            "holiday/day1/film.mp4",
            "holiday/day1/raw/b.mov",
            "holiday/day1/ab/.DS_Store",
            f"holiday/day1/pack/{'a' * 32}.pack",
            "holiday/day1/ab/pack-12.pack",
        )
    ]
    old = make_old(project)
    set_age(old / "new", 1)
    others.append(old / "notes.txt")
    for path in others:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("mine")
        set_age(path, 400)
    code, found = project.json("prune", "--unused-days", "0")
    assert code == 0 and found["entries"] == 2 * N_CLIPS
    assert all(path.read_text() == "mine" for path in others)
    assert sorted(path.name for path in old.iterdir()) == ["notes.txt"]


def test_prune_spares_a_run_of_another_checkout_that_is_at_work(project):
    """Its version is unknown here, and it has no pack yet but the one that it writes."""
    with cache.ClipCache(project.root, "log_mel", "another") as clips:
        name = cache.key("a", {}, "another")
        with clips.packing() as pack:
            pack.add(name, np.ones((2, 3), np.float32))
            assert project.run("prune").exit_code == 0
        clips.adopt(pack.name)
        assert clips.get(name).tolist() == [[1.0] * 3] * 2
        pack_paths = list(clips.folder.rglob("*.pack"))
    assert len(pack_paths) == 1


def test_the_index_of_a_version_in_use_stays(project):
    """All its packs may go: a run here may have the index open, and writes others soon."""
    (index,) = (project.root / "clips/log_mel").glob("*/entries.sqlite")
    code, found = project.json("prune", "--down-to", "0")
    assert code == 0 and found["entries"] == 2 * N_CLIPS and found["leftovers"] == 0
    assert index.exists() and not project.packs()


def test_what_goes_is_told_before(project):
    """A dry run counts the same bytes, the index of a version among them that goes as a whole."""
    make_old(project)
    _, told = project.json("prune", "--dry-run")
    _, done = project.json("prune")
    assert told | {"removed": True} == done
    assert done["leftovers"] == 1  # entries.sqlite
    assert project.json("prune")[1]["n_bytes"] == 0


@pytest.mark.parametrize("name", ["000.npz", "index.parquet"])
def test_damage_in_a_head_is_a_fault_like_any_other(project, name):
    """Libraries tell it in their own ways: SyntaxError, KeyError, NotImplementedError."""
    path = project.log_mel / name
    whole = path.read_bytes()
    places = (*range(200), *range(len(whole) - 1500, len(whole), 3))
    found = []
    for place in places:
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
        found.append(store_faults.fault(project.log_mel) is not None)
        assert len(list(inventory.stores("data"))) == 2
    assert np.mean(found) > 0.3


def test_damage_in_the_head_of_a_kept_cell_is_found(tmp_path):
    path = tmp_path / f"{'c' * 40}.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("cells.parquet", bytes(range(256)) * 8)
        archive.comment = path.stem.encode()
    whole = path.read_bytes()
    entry = inventory.Held(
        kind="cells", part="p", version="1", path=path, n_entries=1, n_bytes=1, used=1e9
    )
    assert inventory.is_intact(entry)
    found = []
    for place in range(len(whole)):
        for bit in (1, 8):
            path.write_bytes(whole[:place] + bytes([whole[place] ^ bit]) + whole[place + 1 :])
            found.append(inventory.is_intact(entry))
    assert np.mean(found) < 0.3  # what is not read may differ


def test_a_folder_that_goes_meanwhile_holds_nothing(tmp_path):
    assert cache_files._files(tmp_path / "gone") == cache_files._folders(tmp_path / "gone") == []


def test_what_the_system_refuses_is_one_sentence(tmp_path, monkeypatch, capsys):
    root = tmp_path / "cache"
    (root / "clips").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EMOMETRIC_CACHE", f"{root}")

    def refused(*_):
        raise PermissionError(errno.EACCES, "Permission denied", f"{root}/clips")

    monkeypatch.setattr(os, "scandir", refused)
    monkeypatch.setattr(sys, "argv", ["emometric", "store", "list"])
    with pytest.raises(SystemExit) as ended:
        cli.run()
    assert ended.value.code == 1
    told = capsys.readouterr().err
    assert told == (
        f"error: {root}/clips: cannot be read or written (Permission denied); check the path, its "
        "permissions and the disk.\n"
    )


def test_sizes_of_any_length_are_read():
    assert cli_store._bytes("9" * 400) == int("9" * 400)


def test_start_up_imports_no_extractor():
    code = (
        "import sys; from emometric.cli import main; "
        "assert not {'opensmile', 'torch', 'transformers'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)

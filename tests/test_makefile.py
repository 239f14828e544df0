"""`make repro` asks DVC only where a file of the pipeline has changed, come or gone."""

import os
import shutil
import subprocess
import time

import pytest

DVC = """#!/bin/sh
echo "dvc $*" >> calls
test -e fails && exit 1
test -e edits && rm edits && sleep 0.02 && echo "# edited meanwhile" >> src/emometric/part.py
mkdir -p data/synthetic && echo computed > data/synthetic/words
exit 0
"""
WITHIN = ("src/emometric", "stages", "splits", "data/synthetic", "reports/synthetic", ".venv/bin")


@pytest.fixture
def project(project_root, tmp_path, monkeypatch):
    """The Makefile in a folder of its own; in the place of DVC a script that notes its calls."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(project_root / "Makefile", tmp_path)
    for name in WITHIN:
        (tmp_path / name).mkdir(parents=True)
    for name in ("pyproject.toml", "constraints.txt", "params.yaml", "dvc.yaml", "dvc.lock",
                 "src/emometric/part.py", "stages/one.py", "splits/own.json",
                 "reports/synthetic/metrics.json", "data/synthetic/words", ".venv/.ready",
                 ".venv/.checked-synthetic"):  # fmt: skip
        (tmp_path / name).write_text("as it was")
        time.sleep(0.002)
    for name, text in (("dvc", DVC), ("emometric", "#!/bin/sh\n")):
        (tmp_path / ".venv/bin" / name).write_text(text)
        (tmp_path / ".venv/bin" / name).chmod(0o755)
    return tmp_path


def repro(folder, code=0):
    """How often DVC was called."""
    time.sleep(0.02)  # a file system's clock may stand still for some milliseconds
    (folder / "calls").write_text("")
    done = subprocess.run(["make", "repro"], cwd=folder, capture_output=True, text=True)
    assert done.returncode == code, done.stderr
    return (folder / "calls").read_text().count("dvc repro")


def edit_in_place_with_its_old_time(folder):
    path = folder / "data/synthetic/words"
    before = path.stat()
    path.write_text("changed!!")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


CHANGES = {
    "code": lambda folder: (folder / "src/emometric/part.py").write_text("other"),
    "settings": lambda folder: (folder / "params.yaml").write_text("other"),
    "lock file": lambda folder: (folder / "dvc.lock").write_text("other"),
    "new module": lambda folder: (folder / "src/emometric/new.py").write_text(""),
    "figure gone": lambda folder: (folder / "reports/synthetic/metrics.json").unlink(),
    "data gone": lambda folder: shutil.rmtree(folder / "data/synthetic"),
    "data changed, with its old time": edit_in_place_with_its_old_time,
    "set up again": lambda folder: (folder / ".venv/.ready").touch(),
}


def test_nothing_changed_and_dvc_is_not_asked(project):
    assert [repro(project) for _ in range(3)] == [1, 0, 0]
    cached = project / "src/emometric/__pycache__"
    cached.mkdir()
    assert repro(project) == 1  # a folder came: better asked in vain
    (cached / "part.pyc").write_bytes(b"")
    assert repro(project) == 0


@pytest.mark.parametrize("what", list(CHANGES))
def test_whatever_changed_dvc_is_asked(project, what):
    assert [repro(project) for _ in range(2)] == [1, 0]
    CHANGES[what](project)
    assert [repro(project) for _ in range(2)] == [1, 0]


def test_what_is_edited_meanwhile_is_run_next_time(project):
    (project / "edits").touch()
    assert [repro(project) for _ in range(3)] == [1, 1, 0]


def test_a_failure_is_passed_on_and_not_taken_for_done(project):
    (project / "fails").touch()
    assert [repro(project, code=2) for _ in range(2)] == [1, 1]
    (project / "fails").unlink()
    assert [repro(project) for _ in range(2)] == [1, 0]

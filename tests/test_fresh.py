"""`emometric fresh` in real clones of a tiny DVC project, without its data."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from emometric.base.errors import PipelineError
from emometric.cli.main import app
from emometric.comparison import freshness

FIRST = """
from pathlib import Path
Path("data").mkdir(exist_ok=True)
Path("data/words").write_text(Path("roots.json").read_text() * 2)
"""
REPORT = """
from pathlib import Path
Path("reports/figures").mkdir(parents=True, exist_ok=True)
Path("reports/metrics.json").write_text('{"run": {"uar": 0.5}}\\n')
Path("reports/per_speaker.csv").write_text(Path("data/words").read_text())
Path("reports/figures/folds.png").write_bytes(b"picture")
"""
PIPELINE = """
vars:
  - where: data
stages:
  first:
    cmd: python first.py
    deps:
      - first.py
      - roots.json
    outs:
      - ${where}/words
  report:
    cmd: python report.py
    deps:
      - report.py
      - ${where}/words
    params:
      - seed
    metrics:
      - reports/metrics.json:
          cache: false
    outs:
      - reports/per_speaker.csv:
          cache: false
    plots:
      - reports/figures:
          cache: false
"""
NEW_STAGE = """
  late:
    cmd: python late.py
    deps:
      - data/words
    outs:
      - data/late
"""


def sh(folder: Path, *command: str) -> None:
    subprocess.run(command, cwd=folder, check=True, capture_output=True)


def dvc(folder: Path, *arguments: str) -> None:
    sh(folder, sys.executable, "-m", "dvc", *arguments)


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project whose report is committed and whose data is in no cache but its own."""
    folder = tmp_path_factory.mktemp("project")
    sh(folder, "git", "init", "--quiet", "-b", "main")
    dvc(folder, "init", "--quiet")
    for name, value in (("analytics", "false"), ("check_update", "false")):
        dvc(folder, "config", f"core.{name}", value)
    files = {
        "first.py": FIRST,
        "report.py": REPORT,
        "dvc.yaml": PIPELINE,
        "params.yaml": "seed: 7\n",
        "roots.json": "{}\n",
        ".gitignore": "/data/\n",
    }
    for name, text in files.items():
        (folder / name).write_text(text.replace("python ", f"{sys.executable} "), encoding="utf-8")
    dvc(folder, "repro", "--quiet")
    sh(folder, "git", "add", "-A")
    sh(folder, "git", "-c", "user.name=t", "-c", "user.email=t@t.org", "commit", "-qm", "run")
    return folder


@pytest.fixture
def clone(project, tmp_path):
    sh(tmp_path, "git", "clone", "--quiet", str(project), "clone")
    assert not (tmp_path / "clone" / "data").exists()
    return tmp_path / "clone"


def append(clone, name, text):
    path = clone / name
    path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")


def change_lock(clone):
    """The report of a lock file merged by hand: it read other words than the first stage wrote."""
    path = clone / "dvc.lock"
    text = path.read_text(encoding="utf-8")
    head, tail = text.split("  report:")
    old = tail.split("data/words\n      hash: md5\n      md5: ")[1][:32]
    path.write_text(f"{head}  report:{tail.replace(old, 'dead' + old[4:], 1)}", encoding="utf-8")


def replace(clone, name, old, new):
    path = clone / name
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def edit_code_settings_and_outputs(clone):
    append(clone, "report.py", "#\n")
    replace(clone, "params.yaml", "7", "8")
    replace(clone, "dvc.yaml", "report.py\n    deps", "report.py --x\n    deps")
    replace(clone, "reports/metrics.json", "0.5", "0.9")
    (clone / "reports/figures/old.png").write_bytes(b"left over")


def delete_what_git_keeps(clone):
    (clone / "reports/metrics.json").unlink()
    shutil.rmtree(clone / "reports/figures")


NOT_AS_LOCKED = "it or what it depends on is not what its lock file says"
STALE = {
    # the hole of the usual gate: a first stage that would run, and the exit code is 0
    "first stage": (
        lambda clone: [append(clone, name, "\n") for name in ("first.py", "roots.json")],
        ["first: first.py modified; roots.json modified"],
    ),
    "code, settings, command, metrics, figures": (
        edit_code_settings_and_outputs,
        [
            "report: report.py modified; params.yaml: seed modified; "
            "reports/metrics.json modified; reports/figures modified; changed command"
        ],
    ),
    # the second hole: what git keeps and somebody deleted counts as data that is not here
    "deleted metrics and figures": (
        delete_what_git_keeps,
        ["report: reports/metrics.json deleted; reports/figures deleted"],
    ),
    "lock file merged by hand": (change_lock, [f"report: {NOT_AS_LOCKED}"]),
    "stage that never ran": (
        lambda clone: append(clone, "dvc.yaml", NEW_STAGE),
        [f"late: {NOT_AS_LOCKED}"],
    ),
    "stage that is no more": (
        lambda clone: append(clone, "dvc.lock", "  gone:\n    cmd: python gone.py\n"),
        ["gone: only its lock file knows it, no pipeline; remove its entry there"],
    ),
}


def test_a_clone_without_data_is_fresh(clone):
    assert freshness.stale(clone) == []
    untouched = subprocess.run(
        ["git", "status", "--porcelain"], cwd=clone, capture_output=True, text=True
    )
    assert untouched.stdout == ""


@pytest.mark.parametrize("case", list(STALE))
def test_what_is_stale_is_named(clone, case):
    spoil, expected = STALE[case]
    spoil(clone)
    assert [words(sentence) for sentence in freshness.stale(clone)] == list(map(words, expected))


def words(sentence):
    """Stage and reasons; DVC does not promise their order."""
    stage, _, reasons = sentence.partition(": ")
    return stage, sorted(reasons.split("; "))


def test_the_command_fails_and_says_what_to_do(project, clone, monkeypatch):
    monkeypatch.chdir(project)  # with its data
    result = CliRunner().invoke(app, ["fresh"])
    assert (result.exit_code, result.stdout) == (0, "lock files, metrics and figures are fresh\n")
    monkeypatch.chdir(clone / "reports")
    (clone / "reports/metrics.json").unlink()
    result = CliRunner().invoke(app, ["fresh", "--json"])
    assert json.loads(result.stdout) == {"stale": ["report: reports/metrics.json deleted"]}
    assert result.exit_code == 1
    with pytest.raises(PipelineError, match=r"stale: report; run `dvc repro`"):
        raise result.exception


def test_a_lock_file_of_no_stage_leaves_all_stale(clone):
    (clone / "dvc.lock").write_text("schema: '2.0'\n", encoding="utf-8")
    stages = [sentence.partition(":")[0] for sentence in freshness.stale(clone)]
    assert stages == ["first", "report"]


def test_pipelines_that_cannot_be_read_are_said_so(clone):
    append(clone, "dvc.yaml", "stages: [\n")
    with pytest.raises(PipelineError, match="DVC cannot read the pipelines"):
        freshness.stale(clone)


def test_without_dvc_it_says_what_to_install(clone, monkeypatch):
    monkeypatch.setattr(freshness.sys, "executable", "/usr/bin/python3")
    probe = subprocess.run(["/usr/bin/python3", "-c", "import dvc"], capture_output=True)
    if probe.returncode == 0:
        pytest.skip("the system's Python has DVC")
    with pytest.raises(PipelineError, match="pip install 'emometric"):
        freshness.stale(clone)

"""The workflows parse, may do no more than they must, and call only what exists."""

import re
import shlex

import pytest
import yaml
from typer.main import get_command

from emometric.cli.main import app

NAMES = ("metrics", "tests")
PINNED = re.compile(r"actions/[a-z-]+@v\d+")


def text(root, name):
    return (root / ".github/workflows" / f"{name}.yml").read_text(encoding="utf-8")


def workflow(root, name):
    # PyYAML reads the key `on` as True, as YAML 1.1 says.
    return yaml.safe_load(text(root, name))


def steps(root, name):
    return [step for job in workflow(root, name)["jobs"].values() for step in job["steps"]]


def lines(root, name):
    """Every command line that a workflow runs, split into words."""
    for step in steps(root, name):
        for line in step.get("run", "").splitlines():
            yield shlex.split(line)


def test_these_are_all_workflows(project_root):
    found = sorted(path.stem for path in (project_root / ".github/workflows").glob("*.yml"))
    assert tuple(found) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_actions_are_pinned_and_permissions_small(project_root, name):
    for step in steps(project_root, name):
        assert ("uses" in step) != ("run" in step)
        if "uses" in step:
            assert PINNED.fullmatch(step["uses"])
    allowed = {"contents": "read"}
    if name == "metrics":
        allowed["pull-requests"] = "write"
    assert workflow(project_root, name)["permissions"] == allowed
    assert "pull_request" in workflow(project_root, name)[True]
    assert "pull_request_target" not in workflow(project_root, name)[True]
    assert "secrets." not in text(project_root, name)
    for job in workflow(project_root, name)["jobs"].values():
        assert job["timeout-minutes"] <= 90


@pytest.mark.parametrize("name", NAMES)
def test_what_a_stranger_chooses_never_reaches_a_shell_as_text(project_root, name):
    for step in steps(project_root, name):
        assert "${{" not in step.get("run", "")


@pytest.mark.parametrize("name", NAMES)
def test_commands_exist(project_root, name):
    makefile = (project_root / "Makefile").read_text(encoding="utf-8")
    command = get_command(app)
    known = {
        "cat": None,
        "echo": None,
        "gh": None,
        "python": None,
        ".venv/bin/pip": None,
        "make": lambda words: all(re.search(rf"^{word}:", makefile, re.M) for word in words),
        "emometric": lambda words: has_options(command.commands[words[0]], words[1:]),
    }
    called = list(lines(project_root, name))
    for words in called:
        assert words[0] in known, words
        check = known[words[0]]
        assert check is None or check(words[1:]), words
    assert any(words[0] == ("make" if name == "tests" else "emometric") for words in called)


def has_options(command, words):
    options = {option for parameter in command.params for option in parameter.opts}
    return all(word in options for word in words if word.startswith("--"))


def test_the_metrics_job_sees_the_whole_history_and_always_reports(project_root):
    by_name = {step.get("name", step.get("uses")): step for step in steps(project_root, "metrics")}
    assert by_name["actions/checkout@v5"]["with"] == {"fetch-depth": 0}
    for name in ("What changed, and is it noise", "Show it in the summary", "Comment"):
        assert "!cancelled()" in by_name[name]["if"]
    assert "head.repo.full_name == github.repository" in by_name["Comment"]["if"]
    assert "GITHUB_STEP_SUMMARY" in by_name["Show it in the summary"]["run"]

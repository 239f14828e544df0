"""`emometric diff` on a real small git history: what moved, and what was noise."""

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

import fabricated_history as history
from emometric.base.errors import ParameterError, PipelineError, StoreError
from emometric.cli.main import app
from emometric.comparison import changes, difference, document, pairing, recorded, revisions
from emometric.scoring import evaluation

PARAMS = evaluation.Params(n_resamples=500, confidence=0.95, perplexity=20)
BASE = history.counts()
BASELINE = history.counts(seed=1)
RUN = ("run", "triplet")
SVM = ("run", "egemaps_svm_linear")


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """main: before any report -> base; branches regression, better, noise and so on from base."""
    folder = tmp_path_factory.mktemp("repository")
    history.git(folder, "init", "--quiet", "-b", "main")
    history.write_settings(folder)
    (folder / "README.md").write_text("nothing measured yet\n", encoding="utf-8")
    history.commit(folder, "no reports")
    history.git(folder, "tag", "before")
    base = {RUN: BASE, SVM: BASELINE}
    history.write_reports(folder, base)
    history.commit(folder, "base")
    history.git(folder, "tag", "base")
    jitter = np.random.default_rng(3).integers(-1, 2, len(BASE))  # a clip up here, down there
    assert jitter.sum()
    branches = {
        "regression": ({RUN: history.shifted(BASE, -2), SVM: BASELINE}, {}),
        "better": ({RUN: history.shifted(BASE, 2), SVM: BASELINE}, {}),
        "noise": ({RUN: history.shifted(BASE, jitter), SVM: BASELINE}, {}),
        "new": (base, {"more": {"run.recall_at_5": 0.75, "transfer.state": "missing"}}),
        "removed": (base, {"more": {"run.accuracy": None}}),
        "other_loss": ({("run", "softmax"): history.shifted(BASE, 2), SVM: BASELINE}, {}),
    }
    for name, (cells, more) in branches.items():
        history.git(folder, "checkout", "--quiet", "-b", name, "base")
        history.write_reports(folder, cells, **more)
        if name == "other_loss":
            history.write_settings(folder, loss="softmax", margin=0.2)
        history.commit(folder, name)
    history.git(folder, "checkout", "--quiet", "main")
    # what came to main after the branches left it must not count against them
    history.write_reports(folder, {RUN: history.shifted(BASE, 4), SVM: BASELINE})
    history.commit(folder, "main goes on")
    history.git(folder, "checkout", "--quiet", "--detach", "base")
    return folder


@pytest.fixture
def diff(repository, monkeypatch):
    """Run `emometric diff` there; (exit code, output, error)."""
    monkeypatch.chdir(repository)

    def run(*arguments):
        result = CliRunner().invoke(app, ["diff", *arguments])
        return result.exit_code, result.stdout, result.exception

    return run


def rows(diff, *arguments):
    """The metrics of --json by name, and the exit code."""
    code, text, _ = diff(*arguments, "--json")
    data = json.loads(text)
    return {row["name"]: row for row in data["origins"]["original"]["metrics"]}, code, data


def test_a_regression_fails(diff):
    metrics, code, data = rows(diff, "base", "regression")
    assert code == 1
    found = metrics["run.uar"]
    assert (found["mark"], found["direction"]) == ("change", "worse")
    expected = history.uar(history.shifted(BASE, -2)) - history.uar(BASE)
    assert found["difference"] == pytest.approx(expected, abs=1e-9)
    assert found["low"] <= found["difference"] <= found["high"] < 0
    assert data["regressions"] == ["original: run.accuracy", "original: run.uar"]
    assert "run.egemaps_svm_linear.uar" not in metrics  # as before


def test_an_improvement_passes(diff):
    metrics, code, _ = rows(diff, "base", "better")
    assert code == 0
    assert (metrics["run.uar"]["mark"], metrics["run.uar"]["direction"]) == ("change", "better")
    assert metrics["run.uar"]["low"] > 0


def test_noise_passes_in_both_directions(diff):
    for arguments in (("base", "noise"), ("noise", "base", "--direct")):
        metrics, code, _ = rows(diff, *arguments)
        assert code == 0
        assert set(metrics) == {"run.accuracy", "run.uar"}
        for row in metrics.values():
            assert (row["mark"], row["direction"]) == ("noise", "")
            assert row["difference"] != 0
            assert row["low"] < 0 < row["high"]


def test_new_and_removed_metrics_are_named_and_pass(diff):
    metrics, code, _ = rows(diff, "base", "new")
    assert code == 0
    assert {name: row["mark"] for name, row in metrics.items()} == {
        "run.recall_at_5": "new",
        "transfer.state": "new",
    }
    metrics, code, _ = rows(diff, "base", "removed")
    assert code == 0
    assert {name: row["mark"] for name, row in metrics.items()} == {"run.accuracy": "removed"}


def test_a_base_without_reports_makes_all_new(diff):
    metrics, code, _ = rows(diff, "before", "base")
    assert code == 0
    assert {row["mark"] for row in metrics.values()} == {"new"}
    _, text, _ = diff("before", "base", "--md")
    assert "has no metrics, so all are new" in text
    _, text, _ = diff("base", "before", "--direct")
    assert "all of them are gone" in text
    code, text, _ = diff("before", "before")
    assert code == 0
    assert "Neither revision has" in text


def test_what_came_to_main_since_is_not_held_against_a_branch(diff):
    metrics, code, _ = rows(diff, "main", "better")
    assert (code, metrics["run.uar"]["direction"]) == (0, "better")
    metrics, code, _ = rows(diff, "main", "better", "--direct")
    assert (code, metrics["run.uar"]["direction"]) == (1, "worse")


def test_a_run_is_compared_with_the_run_whatever_its_loss(diff):
    metrics, code, data = rows(diff, "base", "other_loss")
    assert (code, metrics["run.uar"]["direction"]) == (0, "better")
    assert data["params"] == [
        {"key": "loss", "base": "triplet", "head": "softmax"},
        {"key": "margin", "head": 0.2},
    ]


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ((), 1),
        (("--never-fail",), 0),
        (("--tolerance", "0.5"), 0),
        (("--tolerance", "0.1"), 1),
        (("--metric", "run.uar"), 1),
        (("--metric", "*.egemaps*"), 0),
        (("--metric", "*.egemaps*", "--metric", "*.uar"), 1),
    ],
)
def test_what_fails_is_the_users_choice(diff, options, code):
    assert diff("base", "regression", *options)[0] == code


def test_wrong_options_are_refused(diff):
    with pytest.raises(ParameterError, match=r"is called 'run\.uarr'"):
        raise diff("base", "noise", "--metric", "run.uarr")[2]
    with pytest.raises(ParameterError, match="tolerance is -1"):
        raise diff("base", "noise", "--tolerance", "-1")[2]
    assert diff("base", "noise", "--md", "--json")[0] == 2
    assert diff("base", "noise", "--worktree")[0] == 2


def test_unknown_revisions_are_said_in_one_sentence(diff, tmp_path, monkeypatch):
    with pytest.raises(PipelineError, match="no revision 'nowhere'; fetch it"):
        raise diff("nowhere")[2]
    with pytest.raises(PipelineError, match="no revision '--all'"):
        raise diff("--", "--all")[2]
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PipelineError, match="is in no git repository"):
        raise CliRunner().invoke(app, ["diff", "main"]).exception


def test_a_shallow_clone_says_what_to_fetch(repository, tmp_path, monkeypatch):
    history.git(
        tmp_path, "clone", "--quiet", "--depth", "1", "-b", "better", f"file://{repository}", "c"
    )
    clone = tmp_path / "c"
    monkeypatch.chdir(clone)
    with pytest.raises(PipelineError, match=r"shallow and lacks the revision 'main'.*--unshallow"):
        raise CliRunner().invoke(app, ["diff", "main"]).exception
    history.git(clone, "fetch", "--quiet", "--depth", "1", "origin", "main:refs/heads/main")
    with pytest.raises(PipelineError, match=r"lacks the commit at which .* left .*fetch-depth: 0"):
        raise CliRunner().invoke(app, ["diff", "main"]).exception


def test_a_fresh_clone_without_data_or_remote_is_enough(repository, tmp_path):
    history.git(tmp_path, "clone", "--quiet", "-b", "regression", str(repository), "clone")
    clone = tmp_path / "clone"
    history.git(clone, "checkout", "--quiet", "--detach")
    history.git(clone, "branch", "--quiet", "-D", "regression")
    program = [sys.executable, "-m", "emometric.cli.main"]
    here = subprocess.run([*program, "diff", "main"], cwd=clone, capture_output=True, text=True)
    assert here.returncode == 1  # main is found as origin/main
    assert "regression" in here.stdout
    assert here.stderr.startswith("error: run.accuracy (original), run.uar (original) fell by")
    assert here.stderr.count("\n") == 1


def test_uncommitted_work_is_compared_on_demand(repository, tmp_path, monkeypatch):
    history.git(tmp_path, "clone", "--quiet", str(repository), "clone")
    clone = tmp_path / "clone"
    history.git(clone, "checkout", "--quiet", "base")
    monkeypatch.chdir(clone)
    history.write_reports(clone, {RUN: history.shifted(BASE, 2), SVM: BASELINE})
    result = CliRunner().invoke(app, ["diff", "base"])
    assert "No number differs" in result.stdout
    assert "what is not committed was not compared" in result.stderr
    result = CliRunner().invoke(app, ["diff", "base", "--worktree", "--json"])
    data = json.loads(result.stdout)
    assert [row["name"] for row in data["origins"]["original"]["metrics"]] == [
        "run.accuracy",
        "run.uar",
    ]
    assert data["origins"]["original"]["figures"] == ["reports/original/figures/run/folds.png"]


def test_markdown_holds_what_a_reviewer_needs(diff, repository):
    url = "https://github.com/someone/emometric"
    _, text, _ = diff("base", "regression", "--md", "--url", f"{url}/")
    assert "**2 regressions: run.accuracy (original), run.uar (original).**" in text
    line = next(line for line in text.splitlines() if line.startswith("| run.uar |"))
    assert line.endswith("| change (worse) |")
    assert f"{history.uar(BASE):.4f}" in line
    head = history.git(repository, "rev-parse", "regression")
    assert f"[here]({url}/blob/{head}/reports/original/figures/run/folds.png)" in text
    assert "[base](" in text
    for name in ("base", "here"):
        assert f"{name}: per cent of the clips" in text
    for table in (part for part in text.split("\n\n") if part.startswith("|")):
        assert len({line.replace(r"\|", "").count("|") for line in table.splitlines()}) == 1
    assert "params.yaml is the same" in text


def test_plain_text_shows_the_same_and_marks_nothing_up(diff):
    _, text, _ = diff("base", "regression")
    assert "change (worse)" in text
    assert "<details>" not in text
    assert "**" not in text


def test_confusion_matrices_are_those_of_both(diff):
    _, text, _ = diff("base", "regression", "--md")
    tables = [part for part in text.split("\n\n") if part.startswith("|  | anger")]
    assert len(tables) == 2
    for table, counts in zip(tables, (BASE, history.shifted(BASE, -2)), strict=True):
        for line in table.splitlines()[2:]:
            emotion, *percent, n = (cell.strip() for cell in line.strip("|").split("|"))
            own = counts[counts["emotion"] == emotion]
            assert int(n) == own["n"].sum() == 120
            assert sum(map(int, percent)) == pytest.approx(100, abs=2)
            # of the clips that are not recognised some fall on their own emotion again
            column = int(percent[history.EMOTIONS.index(emotion)])
            assert column >= round(100 * own["correct"].sum() / 120)


def record(cells, **more):
    """A record as `recorded.read` would give it, without git."""
    numbers, tables = {}, []
    for (study, cell), table in cells.items():
        name = study if (study, cell) == RUN else f"{study}.{cell}"
        numbers |= {f"{name}.uar": history.uar(table)}
        tables.append(table.assign(study=study, cell=cell))
    return recorded.Recorded(
        numbers=numbers | more,
        recalls=pd.concat(tables)[list(recorded.RECALLS)],
        confusion=pd.DataFrame(columns=["truth", "predicted"]),
        figures={},
    )


def test_the_interval_is_the_one_of_evaluation():
    other = history.shifted(BASE, np.random.default_rng(5).integers(-1, 3, len(BASE)))
    found = changes.headlines(record({RUN: BASE}), record({RUN: other}), PARAMS)
    expected = evaluation.compare(other, BASE, PARAMS, pairing.SEED)
    assert [change.name for change in found] == ["run.uar"]
    assert (found[0].low, found[0].high, found[0].p) == (expected.low, expected.high, expected.p)
    assert found[0].difference == pytest.approx(expected.difference)


def test_accuracy_has_the_interval_of_all_clips_alike():
    # twice as many clips of one emotion: accuracy and UAR part ways
    base = pd.concat([BASE[BASE["emotion"] != "anger"], history.counts(12, n=20, seed=4)[::4]])
    head = history.shifted(base, np.where(base["emotion"] == "anger", 4, 0))
    sides = [
        record({RUN: table}, **{"run.accuracy": history.accuracy(table)}) for table in (base, head)
    ]
    found = {change.name: change for change in changes.headlines(*sides, PARAMS)}
    for name, rate in (("run.accuracy", history.accuracy), ("run.uar", history.uar)):
        assert found[name].difference == pytest.approx(rate(head) - rate(base), abs=1e-4)
    assert found["run.accuracy"].difference > found["run.uar"].difference > 0


def test_changed_speakers_are_paired_on_the_common_ones():
    others = ("emodb/90", "emodb/91", "emodb/92")
    fresh = history.counts(1, spread=0, speakers=others)  # badly recognised newcomers
    kept = BASE[~BASE["speaker"].isin(history.SPEAKERS[:3])]
    head = pd.concat([history.shifted(kept, 2), fresh])
    (found,) = changes.headlines(record({RUN: BASE}), record({RUN: head}), PARAMS)
    assert found.head < found.base + 0.1
    assert found.difference == pytest.approx(
        evaluation.compare(history.shifted(kept, 2), kept, PARAMS, 0).difference
    )
    assert found.direction == "better"
    assert found.remark == "over the clips that both tested, of 9 speakers (base 12, here 12)"


def test_no_common_speaker_means_no_verdict():
    head = history.counts(1, speakers=("urdu/1", "urdu/2"))
    (found,) = changes.headlines(record({RUN: BASE}), record({RUN: head}), PARAMS)
    assert (found.mark, found.difference, found.direction) == ("no interval", None, "")
    assert found.remark == "no speaker was tested on the same clips"
    assert changes.regressions([found], patterns=(), tolerance=0) == []


def test_one_speaker_cannot_be_resampled():
    one = history.counts(speakers=("emodb/00",))
    sides = record({RUN: one}), record({RUN: history.shifted(one, -3)})
    (found,) = changes.headlines(*sides, PARAMS)
    assert (found.mark, found.low, found.direction) == ("no interval", None, "worse")
    assert "too few to resample" in found.remark
    assert changes.regressions([found], patterns=(), tolerance=0) == []
    assert changes.regressions([found], patterns=("run.*",), tolerance=0) == [found]


def test_numbers_outside_per_speaker_are_judged_by_their_own_intervals():
    def sides(value, low, high):
        return record({RUN: BASE}, **{"r2": value, "r2_low": low, "r2_high": high})

    base = sides(0.10, 0.05, 0.15)
    marks = {
        "noise": sides(0.14, 0.13, 0.16),
        "change": sides(0.30, 0.25, 0.35),
    }
    for mark, head in marks.items():
        (found,) = changes.headlines(base, head, PARAMS)
        assert (found.name, found.mark) == ("r2", mark)
    without = [record({RUN: BASE}, n_clips=n) for n in (100, 90)]
    (found,) = changes.headlines(*without, PARAMS)
    assert (found.mark, found.difference, found.direction) == ("no interval", -10, "")


GRID = [("grid", f"margin=0.{k}") for k in range(40)]


def test_of_many_cells_their_mean_counts():
    generator = np.random.default_rng(8)
    base = {key: history.counts(seed=k) for k, key in enumerate(GRID)}
    noisy = {
        key: history.shifted(table, generator.integers(-1, 2, len(table)))
        for key, table in base.items()
    }
    found = difference._judge(record(base), record(noisy), PARAMS)
    (mean,), cells = found
    assert (mean.name, mean.mark) == ("grid.mean_of_cells.uar", "noise")
    assert len(cells) > 30  # a few come out the same
    assert any(change.mark == "change" for change in cells)  # by chance: that is the point
    worse = {key: history.shifted(table, -1) for key, table in base.items()}
    (mean,), _ = difference._judge(record(base), record(worse), PARAMS)
    assert changes.regressions([mean], patterns=(), tolerance=0) == [mean]
    expected = np.mean([history.uar(worse[key]) - history.uar(base[key]) for key in GRID])
    assert mean.difference == pytest.approx(expected, abs=1e-4)


def test_cells_without_a_headline_are_compared():
    base = {RUN: BASE, ("few", "a"): history.counts(seed=4), ("few", "b"): history.counts(seed=5)}
    head = {**base, ("few", "b"): history.shifted(base["few", "b"], -2)}
    sides = [
        recorded.Recorded(
            numbers={"run.uar": 0.5, "few.n_cells": 2},
            recalls=record(cells).recalls,
            confusion=pd.DataFrame(),
            figures={},
        )
        for cells in (base, head)
    ]
    headlines, cells = difference._judge(*sides, PARAMS)
    assert headlines == []
    assert {change.name: change.mark for change in cells} == {
        "few.a.uar": "noise",
        "few.b.uar": "change",
    }


@given(
    shift=st.lists(st.integers(-3, 3), min_size=len(BASE), max_size=len(BASE)),
    seed=st.integers(0, 9),
)
@settings(max_examples=25, deadline=None)
def test_both_directions_tell_one_story(shift, seed):
    base = history.counts(5, seed=seed)
    head = history.shifted(base, np.array(shift))
    there = changes.headlines(record({RUN: base}), record({RUN: head}), PARAMS)
    back = changes.headlines(record({RUN: head}), record({RUN: base}), PARAMS)
    assert [change.mark for change in there] == [change.mark for change in back]
    for one, other in zip(there, back, strict=True):
        assert one.mark in pairing.MARKS
        assert one.difference == pytest.approx(-other.difference)
        assert (one.low, one.high) == pytest.approx((-other.high, -other.low))


def test_row_order_is_irrelevant():
    head = history.shifted(BASE, -1)
    one = changes.headlines(record({RUN: BASE}), record({RUN: head}), PARAMS)
    other = changes.headlines(
        record({RUN: BASE.sample(frac=1, random_state=1)}),
        record({RUN: head.sample(frac=1, random_state=2)}),
        PARAMS,
    )
    assert one == other


def test_broken_files_are_named(repository, tmp_path):
    history.git(tmp_path, "clone", "--quiet", str(repository), "clone")
    tree = revisions.worktree(tmp_path / "clone")
    reports = tree.root / "reports" / "original"
    (reports / "per_speaker.csv").write_text("study,cell\n", encoding="utf-8")
    with pytest.raises(StoreError, match=r"per_speaker.csv of the working tree has not the col"):
        recorded.read(tree, "original")
    (reports / "metrics.json").write_text("{", encoding="utf-8")
    with pytest.raises(StoreError, match=r"metrics.json of the working tree is not a map"):
        recorded.read(tree, "original")
    (tree.root / "params.yaml").write_text("a: [", encoding="utf-8")
    with pytest.raises(StoreError, match=r"params.yaml of the working tree is not valid YAML"):
        recorded.settings(tree)


@pytest.fixture
def clone(repository, tmp_path, monkeypatch):
    """A clone to spoil, as the working folder."""
    folder = tmp_path / "a clone "  # git ends the path that it prints with a newline, no more
    history.git(tmp_path, "clone", "--quiet", "-b", "better", str(repository), folder.name)
    monkeypatch.chdir(folder)
    return folder


def spoil(clone, name, old, new):
    """Put `new` in place of the first `old` of a committed file."""
    path = clone / name
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


FIRST_ROW = f"run,triplet,emodb/00,anger,{history.N},"
LACKS, NO_NUMBER, BEYOND = "a row lacks a value", "is no whole number", "not between 0 and n"


@pytest.mark.parametrize(
    ("name", "old", "new", "sentence"),
    [
        ("per_speaker.csv", FIRST_ROW, "run,triplet,emodb/00,anger,,", LACKS),
        ("per_speaker.csv", FIRST_ROW, f"<<<<<<< HEAD\n{FIRST_ROW}", LACKS),
        ("per_speaker.csv", FIRST_ROW, "run,triplet,emodb/00,anger,ten,", NO_NUMBER),
        ("per_speaker.csv", FIRST_ROW, "run,triplet,emodb/00,anger,10.5,", NO_NUMBER),
        ("per_speaker.csv", FIRST_ROW, f"run,triplet,emodb/00,anger,{10**30},", NO_NUMBER),
        ("per_speaker.csv", FIRST_ROW, f"{FIRST_ROW}99", BEYOND),
        ("per_speaker.csv", FIRST_ROW, f"{FIRST_ROW}-", BEYOND),
        ("plots/confusion.csv", "anger,anger", "<<<<<<< HEAD\nanger,anger", LACKS),
    ],
)
def test_a_damaged_row_is_no_number(clone, name, old, new, sentence):
    spoil(clone, f"reports/original/{name}", old, new)
    tree = revisions.worktree(clone)
    with pytest.raises(StoreError, match=rf"{name} of the working tree is damaged: .*{sentence}"):
        recorded.read(tree, "original")
    result = CliRunner().invoke(app, ["diff", "HEAD", "--worktree"])
    assert isinstance(result.exception, StoreError)


def test_files_of_other_bytes_are_named(clone):
    tree = revisions.worktree(clone)
    (clone / "reports/original/metrics.json").write_bytes(b'{"a": "\xff"}')
    with pytest.raises(StoreError, match=r"metrics.json of the working tree is not a map in JSON"):
        recorded.read(tree, "original")
    (clone / "params.yaml").write_text("day: 2024-13-01\n", encoding="utf-8")
    with pytest.raises(StoreError, match=r"params.yaml of the working tree is not valid YAML"):
        recorded.settings(tree)


def test_json_has_no_nan_and_dates_are_text(clone):
    spoil(clone, "reports/original/metrics.json", '"run": {', '"run": {"odd_recall": 0.5,')
    history.commit(clone, "a number")
    spoil(clone, "reports/original/metrics.json", '"odd_recall": 0.5', '"odd_recall": NaN')
    append = "day: 2024-05-01\nlimit: .inf\ndays: [{2024-05-02: 1}]\n"
    (clone / "params.yaml").write_text(
        (clone / "params.yaml").read_text(encoding="utf-8") + append, encoding="utf-8"
    )
    result = CliRunner().invoke(app, ["diff", "HEAD", "--worktree", "--json"])
    assert result.exit_code == 0

    def refuse(constant):
        raise AssertionError(f"{constant} is no JSON")

    data = json.loads(result.stdout, parse_constant=refuse)
    (row,) = data["origins"]["original"]["metrics"]
    assert (row["name"], row["base"], row["head"]) == ("run.odd_recall", 0.5, None)
    assert (row["mark"], row["difference"], row["direction"]) == ("no interval", None, "")
    assert data["params"] == [
        {"key": "day", "head": "2024-05-01"},
        {"key": "limit", "head": None},
        {"key": "days", "head": [{"2024-05-02": 1}]},
    ]


def test_what_git_refuses_is_passed_on(clone, monkeypatch):
    for name in ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"):
        monkeypatch.setenv(name, "/dev/null")  # no safe.directory of this machine
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    with pytest.raises(PipelineError, match=r"dubious ownership.*safe\.directory") as caught:
        revisions.root()
    assert "is in no git repository" not in str(caught.value) and "\n" not in str(caught.value)


def test_a_folder_may_end_in_a_space(clone):
    assert revisions.root() == clone


def test_the_working_tree_names_files_as_git_does(repository):
    committed = revisions.find(repository, "base")
    history.git(repository, "checkout", "--quiet", "--detach", "base")
    assert revisions.worktree(repository).files("reports") == committed.files("reports")
    assert committed.read("reports/none") is None
    assert revisions.worktree(repository).read("reports/none") is None


@given(st.text(max_size=30))
def test_no_text_breaks_out_of_a_table(text):
    table = document.Table(("metric", "base"), [(text, "0.5")])
    lines = document.markdown([table]).rstrip("\n").split("\n")
    assert len(lines) == 3
    assert lines[2].replace("\\\\", "").replace("\\|", "").count("|") == 3


def test_a_comment_fits_into_what_github_takes():
    rows = [(f"study.cell_{n}.uar", "0.1234", "0.4321") for n in range(500)]
    links = [(f"figure_{n}", f"[here](https://github.com/{'x' * 300}/{n})") for n in range(90)]
    blocks = [
        document.Heading("Metrics"),
        document.Table(("metric", "base", "here"), rows),
        document.Fold("90 figures", [document.Listing(links)]),
    ]
    whole = document.markdown(blocks)
    assert "| study.cell_59.uar |" in whole and "study.cell_60" not in whole
    assert "| and 440 more |" in whole and "- and 30 more" in whole
    assert document.fitting(blocks, 10**6) == whole
    for limit in (20_000, 6_000):
        text = document.fitting(blocks, limit)
        assert limit / 2 < len(text.encode()) <= limit
        assert "study.cell_0.uar" in text and "- [here](" in text
        assert text.count("<details>") == text.count("</details>") == 1
    assert "- " not in document.plain(blocks)


def test_a_comparison_of_the_same_cells_draws_no_resamples(monkeypatch):
    def side(cells):
        return recorded.Recorded(
            numbers={"grid.n_cells": 8},
            recalls=record(cells).recalls,
            confusion=pd.DataFrame(),
            figures={},
        )

    def refuse(*_arguments):
        raise AssertionError("resampled what is the same")

    grid = {("grid", f"cell={n}"): history.counts(seed=n) for n in range(8)}
    monkeypatch.setattr(changes, "paired", refuse)
    headlines, cells = difference._judge(side(grid), side(grid), PARAMS)
    assert headlines == []
    assert len(cells) == 8
    assert {(change.mark, change.difference, change.p) for change in cells} == {("noise", 0.0, 1.0)}
    other = {**grid, ("grid", "cell=3"): history.shifted(grid["grid", "cell=3"], 1)}
    with pytest.raises(AssertionError, match="resampled"):
        difference._judge(side(grid), side(other), PARAMS)

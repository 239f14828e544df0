"""The graph under DVC itself: one change reruns the least, and two origins never meet."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from emometric.report import style

ROOT = Path(__file__).resolve().parents[1]
SMALL = {
    "corpora": {"emodb": {"exclusions": True}, "urdu": {"exclusions": True}},
    "pool": {"corpora": ["emodb", "urdu"], "emotions": "shared"},
    "stand_in": {"max_clips": 1, "max_corpus": None},
    "study_features": {"emodb": ["egemaps"], "urdu": ["egemaps"]},
    "training": {
        "sampler": "emotion_balanced",
        "batch_size": 32,
        "epochs": 1,
        "crop_s": 0.3,
        "learning_rate": 0.001,
        "decay_every": 1,
    },
    "studies": {
        "das2022_emodb_urdu": {
            "method": "das2022",
            "feature": "egemaps",
            "source": "emodb",
            "target": "urdu",
            "settings": {
                "variants": ["unsupervised", "metric_act"],
                "n_folds": 2,
                "epochs_paper": 2,
                "epochs_released": 2,
            },
        }
    },
}
RUN_STAGES = ["train@run", "embed@run", "evaluate@run", "report"]


def shell(project: Path, *command: str, code: int = 0) -> str:
    """Run a command in a project; returns stdout and stderr together."""
    bin_folder = Path(sys.executable).parent
    done = subprocess.run(
        command,
        cwd=project,
        env={**os.environ, "PATH": f"{bin_folder}:{os.environ['PATH']}", "DVC_NO_ANALYTICS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stdout
    return done.stdout


def printed_json(project: Path, *command: str):
    """What a command prints as JSON, behind whatever it warns of."""
    output = shell(project, *command, "--json")
    return json.loads(output[output.index("{") :])


def ran(output: str) -> list[str]:
    return re.findall(r"Running stage '(?:original/dvc\.yaml:)?([^']+)'", output)


def commit(project: Path, message: str) -> None:
    shell(project, "git", "add", "-A")
    shell(project, "git", "commit", "-qm", message)


def bytes_of(*folders: Path) -> dict[str, bytes]:
    files = [file for folder in folders for file in sorted(folder.rglob("*")) if file.is_file()]
    return {str(file): file.read_bytes() for file in files}


def trim(pipeline: Path) -> None:
    """Take the corpora and studies that SMALL lacks out of the stages that name them."""
    text = yaml.safe_load(pipeline.read_text(encoding="utf-8"))
    pool = text["stages"]["pool"]
    made = [f"corpora/{name}" for name in SMALL["corpora"]]
    made += [f"manifests/{name}.parquet" for name in SMALL["corpora"]]
    pool["deps"] = [
        dep
        for dep in pool["deps"]
        if not dep.startswith("data/") or dep.removeprefix("data/${origin}/") in made
    ]
    del text["stages"]["pretrain"]  # whose corpora these are not
    results = "data/${origin}/results/"
    kept = {results + name for name in ("run", *SMALL["studies"])}
    report = text["stages"]["report"]
    report["deps"] = [dep for dep in report["deps"] if dep in kept or not dep.startswith(results)]
    pipeline.write_text(yaml.safe_dump(text, sort_keys=False), encoding="utf-8")


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    """A copy of the project with small settings, its synthetic pipeline run once."""
    folder = tmp_path_factory.mktemp("project")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        check=True,
    ).stdout.decode()
    for name in filter(None, listed.split("\0")):
        # The copy starts without results: neither committed reports nor locks.
        if (ROOT / name).is_file() and not name.startswith("reports/") and "dvc.lock" not in name:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    params = yaml.safe_load((folder / "params.yaml").read_text(encoding="utf-8"))
    params |= SMALL
    params["encoders"]["se_resnet34"] |= {"widths": [4, 4, 4, 4], "dim": 16}
    params["protocols"]["speaker_folds"]["n_folds"] = 2
    for network in params["pretraining"].values():
        network["corpora"] = []
    params["evaluation"]["n_resamples"] = 100
    (folder / "params.yaml").write_text(
        yaml.safe_dump(params, default_flow_style=False, sort_keys=False), encoding="utf-8"
    )
    for pipeline in ("dvc.yaml", "original/dvc.yaml"):
        trim(folder / pipeline)
    shell(folder, "git", "init", "-q")
    shell(folder, "git", "config", "user.name", "tester")
    shell(folder, "git", "config", "user.email", "tester@example.org")
    commit(folder, "start")
    output = shell(folder, "dvc", "repro")
    assert {"acquire@emodb", "vad@urdu", "features@emodb-egemaps", *RUN_STAGES} <= set(ran(output))
    assert {"study_features@urdu", "study@das2022_emodb_urdu"} <= set(ran(output))
    commit(folder, "synthetic")
    return folder


def test_second_repro_runs_no_stage(project):
    assert not ran(shell(project, "dvc", "repro"))
    status = shell(project, "dvc", "status", "dvc.yaml")
    assert status.strip() == "Data and pipelines are up to date."


def test_results_are_there_and_name_their_origin(project):
    reports = project / "reports/synthetic"
    run = json.loads((reports / "metrics.json").read_text())["run"]
    assert 0 <= run["uar_low"] <= run["uar"] <= run["uar_high"] <= 1
    assert run["n_clips"] == 69  # one speaker of Emo-DB lacks one of the seven emotions
    page = (reports / "index.html").read_text(encoding="utf-8")
    assert "stand-in" in page
    assert not re.findall(r'(?:src|href)="https?://[^"]*\.(?:js|css|png)', page)
    assert len(list((reports / "figures/run/emodb").glob("*.png"))) == 5
    assert str(project) not in "".join(
        file.read_text(encoding="utf-8")
        for file in reports.rglob("*")
        if file.suffix in {".csv", ".json", ".html"}
    )


def test_a_study_stands_beside_the_run(project):
    reports = project / "reports/synthetic"
    metrics = json.loads((reports / "metrics.json").read_text())
    assert set(metrics) == {"run", *SMALL["studies"]}
    assert metrics["das2022_emodb_urdu"]["n_cells"] > 0
    lines = (reports / "per_speaker.csv").read_text().splitlines()
    assert {line.partition(",")[0] for line in lines[1:]} == set(metrics)


def test_nothing_but_the_report_enters_git(project):
    tracked = shell(project, "git", "ls-files", "data").split()
    assert all("/roots/" in name for name in tracked)


def test_misspelt_part_is_refused_and_nothing_is_lost(project):
    before = bytes_of(project / "reports")
    params = project / "params.yaml"
    text = params.read_text(encoding="utf-8")
    try:
        params.write_text(text.replace("loss: triplet", "loss: tripet"), encoding="utf-8")
        output = shell(project, "emometric", "params", code=1)
        assert output == (
            "error: params.yaml: 'tripet' is not known under losses; did you mean 'triplet'?\n"
        )
        command = "train run --origin synthetic --corpus emodb --feature spectrogram"
        command += " --encoder se_resnet34 --loss tripet --seed 7"
        stage, *arguments = command.split()
        output = shell(project, "python", f"stages/{stage}.py", *arguments, code=1)
        assert output.count("\n") == 1
        assert "did you mean 'triplet'?" in output
        assert "losses/tripet.py" in shell(project, "dvc", "repro", code=255)
    finally:
        params.write_text(text, encoding="utf-8")
    assert bytes_of(project / "reports") == before
    assert not ran(shell(project, "dvc", "repro"))


@pytest.fixture(scope="module")
def other_loss(project) -> str:
    output = shell(project, "dvc", "exp", "run", "-S", "loss=emotion_triplet")
    commit(project, "emotion triplet")
    return output


def test_one_change_runs_the_run_and_nothing_before_it(other_loss):
    assert ran(other_loss) == RUN_STAGES


def test_diffs_work_in_a_fresh_clone_without_data(project, other_loss, tmp_path):
    clone = tmp_path / "clone"
    shell(tmp_path, "git", "clone", "-q", str(project), str(clone))
    assert not (clone / "data/synthetic/features").exists()
    metrics = printed_json(clone, "dvc", "metrics", "diff", "HEAD~1")
    # After one epoch two losses may guess equally well; their intervals are not the same.
    changed = metrics["reports/synthetic/metrics.json"]
    assert any(name.startswith("run.uar") for name in changed)
    params = printed_json(clone, "dvc", "params", "diff", "HEAD~1")
    assert params["params.yaml"]["loss"] == {"old": "triplet", "new": "emotion_triplet"}
    shell(clone, "dvc", "plots", "diff", "HEAD~1", "-o", "plots")
    page = (clone / "plots/index.html").read_text(encoding="utf-8")
    for title in ("Confusion: per cent", "UAR by fold", "t-SNE of", "Learning curves"):
        assert title in page


@pytest.fixture(scope="module")
def original(project, other_loss, tmp_path_factory) -> tuple[Path, str]:
    """The second pipeline on a tree in the owner's layout; one corpus is absent."""
    recordings = tmp_path_factory.mktemp("recordings")
    code = (
        "import sys; from emometric.stand_ins import tree; "
        "tree.write_tree('emodb', sys.argv[1], max_clips=1)"
    )
    shell(project, "python", "-c", code, str(recordings / "emodb"))
    shell(project, "emometric", "corpora", "link", str(recordings))
    return recordings, shell(project, "dvc", "repro", "original/dvc.yaml")


def test_each_pipeline_leaves_the_other_alone(project, original):
    _, output = original
    assert {"acquire@urdu", *RUN_STAGES} <= set(ran(output))  # the absent corpus does not stop it
    about = (project / "data/original/results/das2022_emodb_urdu/study.json").read_text()
    assert (json.loads(about)["state"], json.loads(about)["missing"]) == ("missing", ["urdu"])
    commit(project, "original")
    ours = [project / "data/synthetic", project / "reports/synthetic"]
    theirs = [project / "data/original", project / "reports/original"]
    locks = {name: (project / name).read_bytes() for name in ("dvc.lock", "original/dvc.lock")}
    before = bytes_of(*theirs)
    output = shell(project, "dvc", "exp", "run", "-S", "loss=softmax", "dvc.yaml")
    assert ran(output) == RUN_STAGES
    assert bytes_of(*theirs) == before
    assert (project / "original/dvc.lock").read_bytes() == locks["original/dvc.lock"]
    commit(project, "softmax")
    before = bytes_of(*ours)
    lock = (project / "dvc.lock").read_bytes()
    output = shell(project, "dvc", "exp", "run", "-S", "loss=triplet", "original/dvc.yaml")
    assert ran(output) == RUN_STAGES
    assert bytes_of(*ours) == before
    assert (project / "dvc.lock").read_bytes() == lock
    listed = printed_json(project, "dvc", "metrics", "show")
    files = {name for revision in listed.values() for name in revision["data"]}
    assert files == {"reports/synthetic/metrics.json", "reports/original/metrics.json"}
    page = (project / "reports/original/index.html").read_text(encoding="utf-8")
    assert style.STAND_IN_STAMP not in page

"""The house rules: layers, stage deps that cover every import, two pipelines of one text."""

import ast
import re
from functools import cache
from itertools import product
from pathlib import Path

import pytest
import yaml

from emometric.base import parts, settings
from emometric.report.style import STAND_IN_STAMP

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "emometric"

# A module may import from layers below its own; part kinds (layer 4) never from a sibling.
LAYERS = (
    ("base", "emotions"),
    ("storage", "ranges", "parallel", "download", "fitting.batch"),
    ("sound", "splits", "division", "scoring", "layers"),
    ("extraction", "fitting", "acquisition", "audit"),
    (*(kind for kind in parts.KINDS if kind != "methods"), "stand_ins"),
    ("studies",),  # what methods are made of; the runner and what reads its tables lie above them
    ("methods",),  # presets of the other parts
    ("pretraining", "fold_models", "bench", "upkeep"),
    ("explain", "inspection", "report", "papers.ledger"),
    ("studies.runner", "studies.record", "studies.summary", "studies.evaluating"),
    ("comparison", "papers"),
    ("cli",),
)


def module_name(path: Path) -> str:
    name = ".".join(path.relative_to(ROOT / "src").with_suffix("").parts)
    return name.removesuffix(".__init__")


MODULES = {module_name(path): path for path in sorted(SOURCE.rglob("*.py"))}


@cache
def imports(path: Path) -> frozenset[str]:
    """Modules of emometric, but empty packages, that a file imports anywhere."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
    return frozenset(
        name
        for name in found
        if name in MODULES and name != "emometric" and MODULES[name].stat().st_size
    )


@cache
def closure(path: Path) -> frozenset[str]:
    """Files that decide what `path` does: its imports and theirs."""
    reached: set[str] = set()
    waiting = [*imports(path)]
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += imports(MODULES[name])
    return frozenset(str(MODULES[name].relative_to(ROOT)) for name in reached)


def layer(name: str) -> int:
    """Number of the layer that names the module, or else its package."""
    module = ".".join(name.split(".")[1:3])
    heads = [head for layer in LAYERS for head in layer]
    wanted = module if module in heads else module.split(".")[0]
    return next(number for number, layer in enumerate(LAYERS) if wanted in layer)


def test_every_module_has_a_layer():
    heads = {name.split(".")[1] for name in MODULES if "." in name}
    assert heads == {head.split(".")[0] for heads in LAYERS for head in heads}


@pytest.mark.parametrize("name", [name for name in MODULES if "." in name])
def test_imports_point_down(name):
    for other in imports(MODULES[name]):
        same_package = name.split(".")[1] == other.split(".")[1]
        if same_package and name.split(".")[1] not in parts.KINDS and layer(other) == layer(name):
            continue
        assert layer(other) <= layer(name), f"{name} imports {other}, which lies above it"
        if name.split(".")[1] in parts.KINDS:
            assert layer(other) < layer(name), f"{name} imports its sibling {other}"


def test_part_packages_hold_nothing_but_parts():
    for kind in parts.KINDS:
        assert not (SOURCE / kind / "__init__.py").read_text(encoding="utf-8").strip()


def pipeline(path: Path) -> dict:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def test_both_pipelines_have_one_text():
    def body(path):
        text = path.read_text(encoding="utf-8")
        return text[text.index("\n# Everything from here on") :]

    assert body(ROOT / "dvc.yaml") == body(ROOT / "original/dvc.yaml")
    # Stand-ins decide what is spoken, but nothing of what is read from recordings.
    nothing = "src/emometric/corpora/__init__.py"
    assert pipeline(ROOT / "dvc.yaml")["vars"][1:] == [
        {
            "origin": "synthetic",
            "root": ".",
            "spoken": "src/emometric/stand_ins",
            "heard": STAND_IN_STAMP,
        }
    ]
    assert pipeline(ROOT / "original/dvc.yaml")["vars"][1:] == [
        {"origin": "original", "root": "..", "spoken": nothing, "heard": "real recordings"}
    ]
    assert (ROOT / nothing).read_bytes() == b""


def stages() -> dict[str, dict]:
    """Stage name -> its text in dvc.yaml, with `do:` unwrapped and `${spoken}` resolved."""
    text = pipeline(ROOT / "dvc.yaml")
    found = {name: {**stage, **stage.get("do", {})} for name, stage in text["stages"].items()}
    for stage in found.values():
        stage["deps"] = [
            dep.replace("${spoken}", text["vars"][1]["spoken"]) for dep in stage["deps"]
        ]
    return found


def used_by(stage: dict) -> set[str]:
    """The scripts of a stage and all that they import."""
    scripts = re.findall(r"stages/\w+\.py", stage["cmd"])
    return {*scripts, *(path for script in scripts for path in closure(ROOT / script))}


@pytest.mark.parametrize("name", list(stages()))
def test_stage_deps_cover_every_import(name):
    stage = stages()[name]
    declared = set(stage["deps"])
    missing = used_by(stage) - declared
    # A part that the stage loads by name stands in deps as a template: src/emometric/losses/${...}
    templates = {dep for dep in declared if "${" in dep and dep.startswith("src/")}
    for template in templates:
        kind = template.split("/")[2]
        for part in (SOURCE / kind).glob("*.py"):
            missing |= closure(part) - declared
    folders = {dep.rstrip("/") for dep in declared if (ROOT / dep).is_dir()}
    missing = {
        path for path in missing if not any(path.startswith(f"{folder}/") for folder in folders)
    }
    missing -= {
        path
        for path in missing
        for template in templates
        if path.rpartition("/")[0] == template.rpartition("/")[0]
    }
    assert not missing, f"stage {name}: add to deps {sorted(missing)}"


@pytest.mark.parametrize("name", list(stages()))
def test_stage_deps_name_what_is_there_and_used(name):
    stage = stages()[name]
    used = used_by(stage)
    folders = [dep for dep in stage["deps"] if dep.startswith("src/") and not dep.endswith(".py")]
    templates = [dep for dep in stage["deps"] if "${" in dep and dep.startswith("src/")]
    by_name = (*parts.KINDS, "stand_ins")  # any part of the kind may be loaded
    for kind in {named.split("/")[2] for named in (*folders, *templates)} & {*by_name}:
        for part in (SOURCE / kind).glob("*.py"):
            used |= closure(part)
    for dep in stage["deps"]:
        if "${" in dep or dep.startswith("data/"):
            continue
        assert (ROOT / dep).exists(), f"stage {name}: no file {dep}"
        if dep.endswith(".py"):
            assert dep in used, f"stage {name} does not use {dep}"
    for folder in folders:  # stands for all of its modules, so that one more would rerun the stage
        if "${" not in folder and folder.split("/")[2] not in by_name:
            modules = [path for path in (ROOT / folder).rglob("*.py") if path.stat().st_size]
            idle = {str(path.relative_to(ROOT)) for path in modules} - used
            assert not idle, f"stage {name} names {folder}, but does not use {sorted(idle)}"


def test_graph_stays_small():
    values = settings.read("synthetic", ROOT / "params.yaml")
    count = 0
    for stage in pipeline(ROOT / "dvc.yaml")["stages"].values():
        axes = [*stage.get("matrix", {}).values(), *filter(None, [stage.get("foreach")])]
        sizes = [values[axis[2:-1]] if isinstance(axis, str) else axis for axis in axes]
        count += len(list(product(*sizes)))
    assert count < 80


@pytest.mark.parametrize("stage", ["train", "study"])
def test_training_needs_no_audio_library(stage):
    # A machine that only trains has torch and the table libraries, nothing that reads sound.
    audio = {"soundfile", "soxr", "opensmile", "webrtcvad", "matplotlib", "librosa", "skops"}
    files = {f"stages/{stage}.py", *closure(ROOT / f"stages/{stage}.py")}
    for kind in ("encoders", "losses", "samplers", "methods"):
        for part in (SOURCE / kind).glob("*.py"):
            files |= {str(part.relative_to(ROOT)), *closure(part)}
    for file in files:
        tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
        names = {
            alias.name.split(".")[0]
            for node in ast.walk(tree)
            if isinstance(node, ast.Import)
            for alias in node.names
        } | {
            node.module.split(".")[0]
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and node.module
        }
        assert not names & audio, f"{file} imports {names & audio}"

"""params.yaml: what is unknown is refused by name, and each origin gets its scale."""

import difflib
import json
import shutil

import pytest
import yaml
from dvc.utils.serialize import modify_yaml
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from emometric.base import parts, settings
from emometric.base.errors import ParameterError
from emometric.cli import main as cli


@pytest.fixture
def raw(project_root):
    return yaml.safe_load((project_root / "params.yaml").read_text(encoding="utf-8"))


def write(tmp_path, raw):
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(raw), encoding="utf-8")
    return path


def test_scale_of_the_origin_is_chosen(tmp_path, raw):
    raw["scale"] = {"synthetic": "quick", "original": "paper"}
    path = write(tmp_path, raw)
    quick = settings.read("synthetic", path)
    paper = settings.read("original", path)
    assert quick["training"]["epochs"] == raw["training"]["epochs"]["quick"]
    assert paper["training"]["epochs"] == raw["training"]["epochs"]["paper"]
    assert quick["training"]["batch_size"] == paper["training"]["batch_size"]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"loss": "tripet"}, r"'tripet' is not known under losses; did you mean 'triplet'\?"),
        ({"corpus": "emo-db"}, r"'emo-db' is not known under corpora; did you mean 'emodb'\?"),
        ({"los": "triplet"}, r"unknown key 'los'; did you mean 'loss'\?"),
        ({"zzz": 1}, r"unknown key 'zzz'; remove it\."),
        ({"vad": {"moode": 2}}, r"unknown key 'vad.moode'; did you mean 'vad.mode'\?"),
        ({"vad": 3}, r"vad must be a block of keys"),
        ({"seed": "x"}, r"seed is 'x'; write a whole number"),
        ({"scale": {"synthetic": "fast", "original": "quick"}}, r"scale.synthetic is 'fast'"),
        ({"corpora": {}}, r"corpora names no corpus"),
        ({"corpora": ["emodb"]}, r"corpora must be a block of keys"),
        ({"losses": {"tripet": {}}}, r"'tripet' is not known under losses"),
    ],
)
def test_bad_settings_get_one_sentence(tmp_path, raw, change, sentence):
    path = write(tmp_path, raw | change)
    with pytest.raises(ParameterError, match=sentence) as caught:
        settings.read("synthetic", path)
    assert "\n" not in str(caught.value)


def test_a_missing_key_is_named(tmp_path, raw):
    del raw["vad"]["pad_s"]
    with pytest.raises(ParameterError, match=r"'vad.pad_s' is missing"):
        settings.read("synthetic", write(tmp_path, raw))


def test_missing_and_broken_files(tmp_path):
    with pytest.raises(ParameterError, match="run from the project's root"):
        settings.read("synthetic", tmp_path / "params.yaml")
    (tmp_path / "params.yaml").write_text("a: [1\nb: 2\n")
    with pytest.raises(ParameterError, match="line 2 is not valid YAML"):
        settings.read("synthetic", tmp_path / "params.yaml")


plain = st.none() | st.integers() | st.text(max_size=5)
tree = st.recursive(
    plain,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(tree)
def test_without_pairs_nothing_changes(value):
    assert settings.at_scale(value, "quick") == value


@given(tree, tree)
def test_a_pair_becomes_its_choice_at_any_depth(quick, paper):
    value = {"a": [{"quick": quick, "paper": paper}]}
    assert settings.at_scale(value, "quick") == {"a": [quick]}
    assert settings.at_scale(value, "paper") == {"a": [paper]}


def test_one_change_through_dvc_is_one_line(tmp_path, project_root):
    # `dvc exp run -S` writes the whole file anew, in a style of its own.
    path = tmp_path / "params.yaml"
    shutil.copy(project_root / "params.yaml", path)
    before = path.read_text(encoding="utf-8").splitlines()
    with modify_yaml(path) as values:
        values["loss"] = "softmax"
    after = path.read_text(encoding="utf-8").splitlines()
    changed = list(difflib.unified_diff(before, after, n=0, lineterm=""))[3:]
    assert changed == ["-loss: triplet", "+loss: softmax"]


def test_every_part_accepts_its_block_and_refuses_a_misspelt_key(raw):
    for kind in settings.PART_BLOCKS:
        for name, block in settings.at_scale(raw[kind], "quick").items():
            parts.make_params(kind, name, block)
            with pytest.raises(ParameterError, match=f"'zzz' is not known under {kind}.{name}"):
                parts.make_params(kind, name, {**block, "zzz": 1})


def test_command_prints_the_working_run(monkeypatch, project_root, raw):
    monkeypatch.chdir(project_root)
    result = CliRunner().invoke(cli.app, ["params", "--json"])
    assert result.exit_code == 0
    assert json.loads(result.stdout) == {"origin": "synthetic"} | {
        key: raw[key] for key in settings.RUN
    }

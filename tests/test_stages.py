"""Stages called by hand: a name that params.yaml does not know is refused before anything else."""

import importlib.util
import sys

import pytest

from emometric import console

WRONG = [
    ("acquire", {"corpus": "emobd"}, "'emobd' is not known under corpora"),
    ("features", {"corpus": "emodb", "feature": "mffc"}, "'mffc' is not known under features"),
    (
        "train",
        {"corpus": "emodb", "feature": "mffc", "encoder": "se_resnet34", "loss": "triplet"},
        "'mffc' is not known under features; did you mean 'mfcc'?",
    ),
    (
        "train",
        {"corpus": "emodb", "feature": "mfcc", "encoder": "resnet", "loss": "triplet"},
        "'resnet' is not known under encoders",
    ),
    (
        "train",
        {"corpus": "emodb", "feature": "mfcc", "encoder": "se_resnet34", "loss": "tripet"},
        "'tripet' is not known under losses; did you mean 'triplet'?",
    ),
    (
        "embed",
        {"corpus": "emodb", "feature": "mfcc", "decision": "svm_rfb"},
        "'svm_rfb' is not known under decisions; did you mean 'svm_rbf'?",
    ),
]


@pytest.mark.parametrize(("stage", "options", "sentence"), WRONG)
def test_misspelt_name_is_one_sentence(project_root, monkeypatch, capsys, stage, options, sentence):
    monkeypatch.chdir(project_root)
    spec = importlib.util.spec_from_file_location(f"stage_{stage}", f"stages/{stage}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    words = [stage] + (["run", "--seed", "7"] if stage in ("train", "embed") else [])
    for option, value in options.items():
        words += [f"--{option}", value]
    monkeypatch.setattr(sys, "argv", [*words, "--origin", "synthetic"])
    with pytest.raises(SystemExit) as ended:
        console.main(module.app)
    told = capsys.readouterr()
    assert ended.value.code == 1
    assert sentence in told.err and told.err.count("\n") == 1 and "Traceback" not in told.err

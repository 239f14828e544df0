"""Stages called by hand: a name that params.yaml does not know is refused before anything else."""

import pytest

import stage_scripts

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
    words = ["run", "--seed", "7"] if stage in ("train", "embed") else []
    for option, value in options.items():
        words += [f"--{option}", value]
    assert stage_scripts.run(monkeypatch, stage, *words, "--origin", "synthetic") == 1
    told = capsys.readouterr()
    assert sentence in told.err and told.err.count("\n") == 1 and "Traceback" not in told.err

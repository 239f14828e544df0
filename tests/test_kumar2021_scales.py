"""kumar2021 with several scales of its logits: validation clips choose, and nobody else."""

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from emometric import parallel
from emometric.base import settings
from emometric.base.errors import ParameterError
from emometric.methods import kumar2021
from emometric.studies import method
from emometric.studies.cell import Table
from emometric.studies.window_training import Trained

ROOT = Path(__file__).resolve().parents[1]
NAMES = ("anger", "calm", "neutral")


@pytest.fixture(scope="module")
def values(tmp_path_factory):
    return settings.read("original", ROOT / "params.yaml")


def params(values, **replaced):
    block = {**values["methods"]["kumar2021"], "repeats": 1, "splits": ["random_holdout"]}
    block |= {"networks": ["fc7", "gru8"], "emotions": list(NAMES)}
    return method.load("kumar2021", block, replaced).params


def table():
    rows = [
        (f"{speaker}{emotion[0]}{take}", speaker, emotion)
        for speaker in "abcd"
        for emotion in NAMES
        for take in range(5)
    ]
    clips = pd.DataFrame(rows, columns=["id", "speaker", "emotion"])
    clips = clips.assign(text_id=clips["id"].str[-1])
    lengths = np.full(len(clips), 12)
    frames = np.random.default_rng(0).normal(size=(lengths.sum(), 3))
    return Table(corpus="x", clips=clips, values=frames, names=("p", "q", "r"), lengths=lengths)


def outcomes(values, monkeypatch, accuracy, **replaced):
    """Outcomes of one group whose trainings are not done but said: `accuracy` (scale, network)."""
    asked = []

    def said(job, tick):
        scale = job.schedule.scale
        asked.append((job.network, scale, job.seed))
        embedding = np.full((len(job.emotion), 2), scale, np.float32)
        return Trained(
            embedding=embedding,
            prototypes=np.eye(3, 2, dtype=np.float32),
            accuracy=accuracy(scale, job.network),
        )

    monkeypatch.setattr(kumar2021, "train", said)
    monkeypatch.setattr(parallel, "processors", lambda: 1)
    chosen, heard = params(values, **replaced), table()
    groups = kumar2021.plan(chosen, heard, heard, 7)
    found = [one for cells in groups for one in kumar2021.run(cells, chosen, heard, heard, "cpu")]
    return found, asked, groups


def test_the_scale_of_the_best_last_weights_is_taken(values, monkeypatch):
    def accuracy(scale, network):
        if network == "gru8":
            return [0.9, {4.0: 0.5, 8.0: 0.7, 16.0: 0.6}[scale]]  # of the last phase, not the first
        return [0.1, 0.5]  # equal: the first

    found, asked, groups = outcomes(values, monkeypatch, accuracy, scale=[4.0, 8.0, 16.0])
    chosen = {one.cell.settings["network"]: one for one in found}
    assert {name: one.numbers["scale"] for name, one in chosen.items()} == {"gru8": 8, "fc7": 4}
    assert chosen["gru8"].numbers["triplet_valid_accuracy"] == 0.7
    test = next(one for one in found if (one.embedding["role"] == "test").any())
    of_test = test.embedding[test.embedding["role"] == "test"]["embedding"].iloc[0]
    assert of_test[0] == test.numbers["scale"]  # embeddings are of the training that was taken
    assert len(asked) == 6 and len({seed for name, _, seed in asked if name == "fc7"}) == 1
    assert len(groups) == 1
    several = params(values, scale=[4.0, 8.0, 16.0], networks=["fc7", "gru8", "cnn8"])
    assert len(kumar2021.plan(several, table(), table(), 7)) == 2  # three trainings a network


def test_one_scale_is_what_it_was(values, monkeypatch):
    found, asked, groups = outcomes(values, monkeypatch, lambda *_: [0.1, 0.5])
    assert len(asked) == 2 and len(groups) == 1
    assert all("scale" not in one.numbers for one in found)
    # What is kept of kumar2021_ravdess goes by these settings: a new key would train it anew.
    assert set(asdict(params(values))) == {
        "networks", "splits", "test_share", "repeats", "n_folds", "valid_share", "emotions",
        "clips_per_emotion", "window_frames", "width", "dim", "windows", "batch_size",
        "softmax_epochs", "triplet_epochs", "patience", "min_gain", "first_rate", "last_rate",
        "momentum", "margin", "scale",
    }  # fmt: skip
    assert params(values).scale == 16.0 and kumar2021.VERSION == 1


def test_only_the_ablation_chooses(values):
    blocks = {
        name: {**values["methods"]["kumar2021"], **block["settings"]}["scale"]
        for name, block in values["studies"].items()
        if block["method"] == "kumar2021"
    }
    assert {name for name, scale in blocks.items() if isinstance(scale, list)} == {
        "kumar2021_ablation"
    }


@pytest.mark.parametrize("scale", [0.0, -1, [], [4.0, 0.0]])
def test_a_scale_that_is_none_is_refused(values, scale):
    with pytest.raises(ParameterError, match="scale"):
        params(values, scale=scale)


def test_several_scales_need_validation_clips(values):
    with pytest.raises(ParameterError, match="valid_share"):
        params(values, scale=[4.0, 8.0], valid_share=0)

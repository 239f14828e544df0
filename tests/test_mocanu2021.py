"""mocanu2021: what tells S1 to S5 apart, where they start, and who may have taught the network."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from hypothesis import given
from hypothesis import strategies as st

from emometric import parallel
from emometric.base import settings
from emometric.base.errors import ParameterError, SplitError
from emometric.fitting import checkpoint, spectrum_input
from emometric.methods import mocanu2021 as method
from emometric.scoring import evaluation
from emometric.studies import evaluating, record, runner, spectrum_training
from emometric.studies import method as methods
from emometric.studies.cell import Cell, Table
from emometric.studies.spectrum_training import Ending, Job, Schedule, train

ROOT = Path(__file__).resolve().parents[1]
EMOTIONS = ("anger", "calm", "happiness", "neutral")
SHAPE = {"widths": (4, 4, 4, 4), "dim": 8, "reduction": 2, "stem": "pooled"}
SCHEDULE = Schedule(
    epochs=(1, 1),
    rates=(0.003, 0.001),
    batch_size=8,
    crop_frames=20,
    weight_decay=0.01,
    label_smoothing=0.1,
    bin_mask=2,
    frame_mask=4,
    n_masks=1,
    bfloat16=False,
)


@pytest.fixture(autouse=True)
def here(monkeypatch):
    """Starting processes takes longer than these trainings."""
    monkeypatch.setattr(parallel, "processors", lambda: 1)
    with torch.random.fork_rng():
        torch.manual_seed(5)
        yield


@cache
def raw(scale="quick") -> dict:
    return settings.at_scale(
        yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8")), scale
    )


def params(**changes):
    small = {"emotions": EMOTIONS, "protocol": "speaker_folds", "n_folds": 2, "join_bins": 2}
    small |= {"first_folds": None, "crop_frames": 20, "bin_mask": 2, "batch_size": 8, **SHAPE}
    small |= {"softmax_epochs": 1, "ending_epochs": 1, "bfloat16": False}
    return methods.load("mocanu2021", raw()["methods"]["mocanu2021"], small | changes).params


def speech(name="two", n_speakers=4, beside=None) -> Table:
    generator = np.random.default_rng(3)
    clips = pd.DataFrame(
        [
            {
                "corpus": name,
                "id": f"{name}/{speaker}_{number}_{take}",
                "speaker": f"{name}/{speaker}",
                "emotion": emotion,
            }
            for speaker in range(n_speakers)
            for number, emotion in enumerate(EMOTIONS)
            for take in range(2)
        ]
    )
    lengths = generator.integers(10, 40, len(clips))
    values = generator.normal(0, 1, (lengths.sum(), 24))
    kind = np.arange(len(clips)) // 2 % len(EMOTIONS)
    own = np.arange(24) // 6 == np.repeat(kind, lengths)[:, None]
    bursts = np.concatenate([np.arange(length) // 4 % 2 for length in lengths])
    values += 4 * bursts[:, None] * own  # an emotion's bins beat, the others hiss
    return Table(
        corpus=name,
        clips=clips,
        values=values.astype(np.float16),
        names=tuple(f"bin_{number:03d}" for number in range(24)),
        lengths=lengths,
        beside=beside or {},
    )


def functionals(table: Table) -> Table:
    kind = table.clips["emotion"].map(EMOTIONS.index).to_numpy()
    values = np.random.default_rng(1).normal(0, 1, (len(table), 5)) + 9 * np.eye(5)[kind]
    names = tuple(f"f{number}" for number in range(5))
    return Table(corpus=table.corpus, clips=table.clips, values=values, names=names)


def speakers(folder: Path | None, corpus="speakers", **changes) -> Table:
    """Two people whom a network knows; the network, of random weights, goes to `folder`."""
    clips = pd.DataFrame(
        [
            {"corpus": "elsewhere", "id": f"elsewhere/{n}", "speaker": f"elsewhere/{n}"}
            for n in range(2)
        ]
    ).assign(emotion=None)
    if folder is not None:
        shape = {**SHAPE, "clusters": 8, "ghosts": 0} | changes
        recipe = checkpoint.Recipe(
            encoder="se_resnet34",
            encoder_params=shape,
            loss="softmax",
            loss_params={"label_smoothing": 0.0},
            emotions=("one", "two"),
            n_bins=12,
        )
        heard = {"feature": {"compress": "log"}}
        checkpoint.save(folder / "network", checkpoint.Network(recipe), recipe, heard)
    return Table(corpus=corpus, clips=clips, values=np.zeros((2, 0)), names=(), network=folder)


def outcomes(chosen, source, target, seed=3):
    groups = method.plan(chosen, source, target, seed)
    return {
        (one.cell.name, one.cell.fold): one
        for group in groups
        for one in method.run(group, chosen, source, target, "cpu")
    }


def test_strategies_differ_in_ghosts_start_and_loss():
    chosen = params(ghosts=3)
    shapes = {name: chosen.recipes().encoder(name, {}) for name in method.ENDINGS}
    assert [shapes[name].ghosts for name in sorted(shapes)] == [0, 0, 3, 3, 3]
    assert {shape.clusters for shape in shapes.values()} == {8}
    endings = {name: chosen.recipes().ending(name, {}).loss for name in method.ENDINGS}
    assert list(endings.values()) == ["softmax"] * 3 + ["triplet", "emotion_triplet"]
    assert "S1" not in method.STARTED and len(method.STARTED) == 4


def test_a_group_trains_what_strategies_share_once(tmp_path, monkeypatch):
    jobs = []
    monkeypatch.setattr(parallel, "run", lambda work, given, **_: jobs.extend(given) or [])
    chosen, source, target = params(), speakers(tmp_path), speech()
    groups = method.plan(chosen, source, target, 3)
    for group in groups:
        with pytest.raises(ValueError, match="zip"):  # nothing comes back
            method.run(group, chosen, source, target, "cpu")
    found = sorted((len(job.endings), job.start is not None, job.encoder.ghosts) for job in jobs)
    assert found == [(1, False, 0)] * 2 + [(1, True, 0)] * 2 + [(3, True, 2)] * 2
    assert max(map(len, groups)) == 6 and len(jobs) == 6
    # The same batches and the same start for all strategies of a fold: differences are paired.
    assert len({job.seed for job in jobs}) == 2


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The folder of a network, and the outcomes of S1 to S5 that start from it."""
    folder = tmp_path_factory.mktemp("speakers")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parallel, "processors", lambda: 1)
        return folder, outcomes(params(), speakers(folder), speech())


def test_every_strategy_decides_every_clip_once(trained):
    target, found = speech(), trained[1]
    assert {name for name, _ in found} == {f"strategy=S{n}" for n in range(1, 6)}
    for strategy in range(1, 6):
        decided = pd.concat([found[f"strategy=S{strategy}", fold].clips for fold in (0, 1)])
        assert sorted(decided["id"]) == sorted(target.clips["id"])
        one = found[f"strategy=S{strategy}", 0]
        roles = {"train", "test"} if strategy > 2 else set()
        assert set(one.embedding["role"]) == roles
        assert found[f"strategy=S{strategy}", 1].embedding.empty
        assert ("n_started" in one.numbers) == (strategy > 1)
    scores = [found[f"strategy=S{strategy}", 0].scores for strategy in range(1, 6)]
    for first in range(5):
        for other in range(first):
            assert not np.array_equal(scores[first], scores[other])


def test_tables_are_those_of_the_paper(trained, tmp_path):
    folder, found = trained
    source = replace(speakers(None), network=folder)
    study = runner.Study(
        name="small",
        method=methods.Method(name="mocanu2021", part=method, params=params()),
        source=source,
        target=speech(),
        seed=3,
        device="cpu",
    )
    record.write(tmp_path / "study", study, found.values(), {})
    rules = evaluation.Params(n_resamples=100, confidence=0.95, perplexity=5)
    metrics = evaluating.evaluate(tmp_path / "study", tmp_path / "results", study, rules)
    assert len(metrics) > 1
    tables = {file.stem: file for file in (tmp_path / "results").glob("*.csv")}
    accuracy = pd.read_csv(tables["accuracy"])
    assert list(accuracy["strategy"]) == ["S1", "S2", "S3", "S4", "S5"]
    assert (accuracy["n_clips"] == 32).all() and (accuracy["n_runs"] == 2).all()
    steps = pd.read_csv(tables["steps"])
    assert {"S1", "S3", "S4"} <= set(steps["first"])
    assert set(pd.read_csv(tables["map"])["strategy"]) == {"S3", "S4", "S5"}


def test_a_cell_is_the_same_alone(trained):
    folder, together = trained
    source = replace(speakers(None), network=folder)
    cell = Cell(settings={"strategy": "S5"}, fold=1, repeat=0, seed=3)
    (alone,) = method.run([cell], params(), source, speech(), "cpu")
    np.testing.assert_array_equal(alone.scores, together["strategy=S5", 1].scores)


def test_without_a_network_only_the_first_strategy_runs():
    cells = [c for group in method.plan(params(), speakers(None), speech(), 3) for c in group]
    assert [cell.settings for cell in cells] == [{"strategy": "S1"}] * 2


def test_a_tested_speaker_who_taught_the_network_is_refused(tmp_path):
    source, target = speakers(tmp_path), speech()
    known = source.clips.assign(corpus="two", speaker="two/1")
    with pytest.raises(SplitError, match="two/1"):
        method.plan(params(), replace(source, clips=known), target, 3)


@pytest.mark.parametrize(
    ("change", "network", "message"),
    [
        ({"widths": (4, 4, 4, 8)}, {}, r"mocanu2021\.widths makes .*8.*run the stage pretrain"),
        ({}, {"stem": "plain"}, r"mocanu2021\.stem makes pooled, .*plain"),
        ({"join_bins": 3}, {}, r"mocanu2021\.join_bins makes 8, .*12"),
        ({"compress": "decibel"}, {}, r"mocanu2021\.compress makes decibel, .*log"),
    ],
)
def test_a_network_of_another_shape_is_refused(tmp_path, change, network, message):
    with pytest.raises(ParameterError, match=message):
        method.plan(params(**change), speakers(tmp_path, **network), speech(), 3)


def job(**changes) -> Job:
    table = speech()
    rules = spectrum_input.Params(join_bins=2, compress="log", where="here")
    values = {
        "encoder": params().recipes().encoder("S3", {}),
        "schedule": SCHEDULE,
        "frames": [spectrum_input.prepared(table.frames(row), rules) for row in range(len(table))],
        "emotion": table.clips["emotion"].map(EMOTIONS.index).to_numpy(),
        "speaker": np.arange(len(table)) // 8,
        "emotions": EMOTIONS,
        "train": np.arange(24),
        "endings": [params().recipes().ending("S3", {})],
        "start": None,
        "seed": (7, 0),
        "device": "cpu",
    }
    return Job(**{**values, **changes})


def test_training_starts_from_the_networks_weights(tmp_path):
    speakers(tmp_path)
    still = replace(SCHEDULE, epochs=(0, 1), rates=(0.003, 1e-12))  # one epoch that moves nothing
    (started,) = train(job(start=tmp_path, schedule=still))
    (new,) = train(job(schedule=still))
    assert np.isnan(new.n_started) and not np.allclose(started.embedding, new.embedding)
    network, _ = checkpoint.load(tmp_path / "network")
    n_tensors = len(network.encoder.state_dict())
    assert started.n_started == n_tensors  # the ghosts' rows alone are new
    # Running means of normalisation move even so; what is learned does not.
    found = {}
    monkey = pytest.MonkeyPatch()
    with monkey.context() as patch:
        patch.setattr(
            spectrum_training.training,
            "embed",
            lambda last, *_: found.update(last.encoder.state_dict()) or np.zeros((32, 8)),
        )
        train(job(start=tmp_path, schedule=still))
    weight = "blocks.3.first.weight"
    torch.testing.assert_close(found[weight], network.encoder.state_dict()[weight])


def test_what_endings_there_are_changes_none():
    softmax, triplet = (params().recipes().ending(name, {}) for name in ("S3", "S4"))
    both = train(job(endings=[softmax, triplet]))
    (alone,) = train(job(endings=[triplet]))
    assert np.array_equal(both[1].embedding, alone.embedding)
    assert not np.array_equal(both[0].embedding, alone.embedding)


def test_a_training_repeats_itself_whatever_ran_before():
    (one,) = train(job())
    torch.randn(3)
    assert np.array_equal(train(job())[0].embedding, one.embedding)
    assert not np.array_equal(train(job(seed=(8, 0)))[0].embedding, one.embedding)


def test_test_clips_decide_nothing():
    base = job()
    frames = [one if row < 24 else 3 - one for row, one in enumerate(base.frames)]
    emotion = np.where(np.arange(32) < 24, base.emotion, 0)
    (one,), (other,) = train(base), train(job(frames=frames, emotion=emotion))
    assert np.array_equal(one.embedding[:24], other.embedding[:24])
    assert not np.array_equal(one.embedding[24:], other.embedding[24:])


def test_it_fits_what_it_is_shown():
    longer = replace(SCHEDULE, epochs=(30, 10), rates=(0.01, 0.003), crop_frames=30)
    longer = replace(longer, bin_mask=0, frame_mask=0)
    wider = params(widths=(8, 8, 8, 8), dim=16).recipes().encoder("S3", {})
    (found,) = train(job(encoder=wider, schedule=longer))
    (short,) = train(job(encoder=wider))
    assert found.loss < 0.9 < short.loss
    emotion = job().emotion[:24]
    means = np.stack([found.embedding[:24][emotion == n].mean(axis=0) for n in range(4)])
    gap = np.linalg.norm(found.embedding[:24, None] - means, axis=2)
    assert (gap.argmin(axis=1) == emotion).mean() >= 0.5  # a quarter by chance


def test_masks_are_stripes_of_the_width_that_is_allowed():
    pictures = torch.ones(40, 30, 16)
    rules = replace(SCHEDULE, bin_mask=5, frame_mask=9, n_masks=1)
    hidden = spectrum_training.masked(pictures, rules, np.random.default_rng(0)) == 0
    bins, frames = hidden.all(dim=1).sum(dim=1), hidden.all(dim=2).sum(dim=1)
    assert int(bins.max()) == 5 and int(frames.max()) == 9
    assert int(bins.min()) == 0 and int(frames.min()) == 0
    blank = hidden.all(dim=1)[:, None, :] | hidden.all(dim=2)[:, :, None]
    assert torch.equal(hidden, blank)  # stripes, nothing else
    for row in frames.nonzero()[:, 0]:
        place = hidden[row].all(dim=1).nonzero()[:, 0]
        assert int(place[-1] - place[0]) == len(place) - 1
    none = replace(SCHEDULE, bin_mask=0, frame_mask=0)
    assert torch.equal(spectrum_training.masked(pictures, none, np.random.default_rng(0)), pictures)


@given(st.floats(0, 0.9999), st.floats(1e-5, 0.1))
def test_learning_rate_stays_inside_one_cycle(done, top):
    rate = spectrum_training.rate_at(done, top)
    assert 0 < rate <= top
    assert rate <= spectrum_training.rate_at(0.25, top) == pytest.approx(top)


@given(st.integers(1, 9), st.integers(1, 4), st.sampled_from(spectrum_input.COMPRESSIONS))
def test_input_is_of_zero_mean_and_the_right_shape(n_frames, join, compress):
    frames = np.random.default_rng(n_frames).normal(0, 1, (n_frames, 9)).astype(np.float16)
    frames[:, 4] = 0
    rules = spectrum_input.Params(join_bins=join, compress=compress, where="here")
    found = spectrum_input.prepared(frames, rules)
    assert found.shape == (n_frames, 9 // join) and found.dtype == np.float16
    assert np.isfinite(found).all()
    if compress == "log":
        assert np.abs(found.mean(axis=0)).max() < 1e-2
        # Order within a bin is kept, and so is it whatever scale and place the z-scores have.
        moved = spectrum_input.prepared((2 * frames + 1).astype(np.float32), rules)
        assert moved.shape == found.shape
    else:
        if compress == "decibel":
            frames = (frames.astype(np.float32) + 40) / 20
        plain = [frames[:, n * join : n * join + join].mean(axis=1) for n in range(9 // join)]
        np.testing.assert_allclose(found, np.stack(plain, axis=1), atol=2e-3)


def test_compression_is_written_out():
    frames = np.array([[0.0], [1.0], [5.0]])
    values = np.log([1.0, 11.0, 51.0])
    wanted = (values - values.mean()) / values.std()
    rules = spectrum_input.Params(join_bins=1, compress="log", where="here")
    np.testing.assert_allclose(spectrum_input.prepared(frames, rules)[:, 0], wanted, atol=2e-3)


def test_peers_learn_from_the_training_clips_alone():
    table = speech()
    target = replace(table, beside={"egemaps": functionals(table)})
    chosen = params(strategies=["egemaps_svm"])
    found = outcomes(chosen, speakers(None), target)
    for fold in (0, 1):
        one = found["strategy=egemaps_svm", fold]
        said = np.array(EMOTIONS)[one.scores.argmax(axis=1)]
        assert (said == one.clips["emotion"]).mean() > 0.9
        (ids,) = method.learnt([one.cell], chosen, target, target)
        assert set(ids).isdisjoint(one.clips["id"]) and len(ids) == 16


def test_points_replace_and_name_their_settings(tmp_path):
    points = [{"clusters": 4, "ghosts": 0}, {"clusters": 8, "ghosts": 2}]
    chosen = params(strategies=["S5"], points=points)
    groups = method.plan(chosen, speakers(tmp_path), speech(), 3)
    names = {cell.name for group in groups for cell in group}
    assert names == {"clusters=4 ghosts=0 strategy=S5", "clusters=8 ghosts=2 strategy=S5"}
    margins = params(strategies=["S5"], points=[{"alpha": a, "beta": 0.1} for a in (0.1, 0.2)])
    groups = method.plan(margins, speakers(tmp_path), speech(), 3)
    # Margins share the softmax part: two trainings, one a fold, with two endings each.
    assert [len(group) for group in groups] == [4]
    with pytest.raises(ParameterError, match=r"'alhpa' is not known under .*'alpha'"):
        params(points=[{"alhpa": 0.1}])


def test_relations_say_what_differs_from_the_wheel():
    chosen = params()
    assert chosen.recipes().table("wheel") == dict(chosen.polarity)
    assert chosen.recipes().table("neutral_positive") == {**chosen.polarity, "neutral": "positive"}
    ending = chosen.recipes().ending("S5", {"relations": "neutral_negative"})
    assert ending.loss_params["polarity"]["neutral"] == "negative"
    with pytest.raises(ParameterError, match="'weel' is not known"):
        params(relation="weel")


@pytest.mark.parametrize("scale", ["quick", "paper"])
def test_the_studies_of_params_yaml_can_be_made(scale):
    values = raw(scale)
    chosen = {
        name: block for name, block in values["studies"].items() if block["method"] == "mocanu2021"
    }
    assert len(chosen) == 6
    for block in chosen.values():
        found = methods.load("mocanu2021", values["methods"]["mocanu2021"], block["settings"])
        assert block["source"] == ("emotions" if block["target"] == "emodb" else "speakers")
        assert len(found.emotions) == (8 if block["target"] == "ravdess" else 6)
        assert isinstance(found.params.recipes().ending("S5", found.params.points[0]), Ending)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"strategies": ["S6"]}, "'S6' is not known"),
        ({"strategies": []}, "needs a strategy"),
        ({"points": []}, "a point"),
        ({"protocol": "foriegn"}, "did you mean 'foreign'"),
        ({"rate": 0.0}, r"mocanu2021\.rate is 0\.0"),
        ({"ending_epochs": 0}, "ending_epochs is '0'"),
        ({"compress": "sqrt"}, r"'sqrt' is not known under methods\.mocanu2021\.compress"),
        ({"join_bins": 0}, "join_bins is '0'"),
        ({"stem": "deep"}, "stem is 'deep'"),
        ({"margin": 3.0}, "margin is 3.0"),
    ],
)
def test_wrong_settings_are_refused(change, message):
    with pytest.raises(ParameterError, match=message) as caught:
        params(**change)
    assert "\n" not in str(caught.value)


def test_too_many_joined_bins_are_refused():
    rules = spectrum_input.Params(join_bins=30, compress="none", where="here")
    with pytest.raises(ParameterError, match=r"here\.join_bins is 30, more than the 9 bins"):
        spectrum_input.prepared(np.zeros((3, 9)), rules)

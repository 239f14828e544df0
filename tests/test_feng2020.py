"""feng2020 on made-up corpora: what it plans, trains, asks and says."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from emometric.base import parts, settings
from emometric.base.errors import ParameterError
from emometric.layers.stacked import generators
from emometric.layers.stacked_siamese import StackedSiamese
from emometric.methods import feng2020
from emometric.scoring import cells as cells_table
from emometric.scoring import evaluation
from emometric.studies import record, siamese_training, siamese_transfer
from emometric.studies.cell import Stored, Table
from emometric.studies.siamese_transfer import Labelled

EVALUATION = evaluation.Params(n_resamples=100, confidence=0.95, perplexity=5)
WORDS = ("anger", "fear", "happiness", "sadness")


@pytest.fixture(scope="module")
def params(project_root):
    block = settings.read("synthetic", project_root / "params.yaml")["methods"]["feng2020"]
    small = {
        "epochs": 12,
        "tuning_steps": 15,
        "frozen": [0, 2],
        "n_speakers": [2, 3],
        "chosen_n_speakers": 3,
        "repeats": 2,
    }
    return parts.make_params("methods", "feng2020", {**block, **small})


def corpus(name, *, n_speakers=5, words=(*WORDS, None, "neutral"), shift=0.0, seed=0):
    """Each emotion pushes some features of 12; a corpus has a shift, a speaker another."""
    generator = np.random.default_rng(seed)
    rows, values = [], []
    for speaker in range(n_speakers):
        own = generator.normal(size=12) * 0.5
        for word in words:
            for take in range(3):
                push = np.zeros(12)
                if word in WORDS:
                    push[3 * WORDS.index(word) : 3 * WORDS.index(word) + 3] = 2.0
                rows.append(
                    {
                        "id": f"{name}/{speaker}-{word}-{take}",
                        "speaker": f"{name}/{speaker}",
                        "emotion": word,
                    }
                )
                values.append(generator.normal(size=12) + own + push + shift)
    names = tuple(f"f{number}" for number in range(12))
    return Table(corpus=name, clips=pd.DataFrame(rows), values=np.array(values), names=names)


@pytest.fixture(scope="module")
def source():
    return corpus("there", n_speakers=6, seed=1)


@pytest.fixture(scope="module")
def target():
    return corpus("here", shift=0.4, seed=2)


@pytest.fixture(scope="module")
def groups(params, source, target):
    return feng2020.plan(params, source, target, 7)


@pytest.fixture(scope="module")
def outcomes(params, source, target, groups):
    found = [feng2020.run(group, params, source, target, "cpu") for group in groups]
    return [one for group in found for one in group]


def of(outcomes, **wanted):
    return [
        one
        for one in outcomes
        if all(one.cell.settings.get(key) == value for key, value in wanted.items())
    ]


def rate(found):
    tables = [
        cells_table.build(
            one.clips,
            one.scores,
            WORDS,
            study="s",
            cell=one.cell.name,
            fold=one.cell.fold,
            seed=one.cell.seed,
            repeat=one.cell.repeat,
        )
        for one in found
    ]
    return evaluation.summarise(pd.concat(tables), EVALUATION, 0)["uar"]


def test_the_grid_is_the_papers(project_root, source):
    values = settings.at_scale(
        settings.read("synthetic", project_root / "params.yaml")["methods"]["feng2020"], "paper"
    )
    assert values["n_speakers"] in ([2, 6], list(range(2, 21, 2)))  # as the scale has it
    full = {
        **values,
        "frozen": [0, 1, 2],
        "n_speakers": list(range(2, 21, 2)),
        "repeats": 10,
        "chosen_n_speakers": 20,
    }
    planned = feng2020.plan(
        parts.make_params("methods", "feng2020", full), source, corpus("big", n_speakers=24), 7
    )
    tuned = [cell for group in planned for cell in group if "frozen" in cell.settings]
    trained = {
        (*(cell.settings[key] for key in ("variant", "frozen", "n_speakers")), cell.repeat)
        for cell in tuned
    }
    assert len(trained) == 600 and len(tuned) == 1200  # each trained once, tested in two ways
    assert [len(group) for group in planned] == [2 * (1 + 24), 10, 24, 400, 400, 400]


def test_every_cell_has_its_outcome(params, source, target, groups, outcomes):
    assert [one.cell for one in outcomes] == [cell for group in groups for cell in group]
    assert feng2020.plan(params, source, target, 7) == groups
    for one in outcomes:
        assert one.scores.shape == (len(one.clips), 4) and np.isfinite(one.scores).all()
        assert set(one.clips["emotion"]) <= set(WORDS)
        if one.cell.settings["model"] == "siamese":
            assert (one.scores <= 0).all()  # means of log-probabilities


def test_who_is_tested(source, target, outcomes):
    everyone = set(target.clips.loc[target.clips["emotion"].isin(WORDS), "id"])
    for one in of(outcomes, variant="out_of_domain"):
        assert set(one.clips["id"]) == everyone
    for model in ("siamese", "svm_linear", "majority"):
        found = of(outcomes, variant="in_domain", model=model)
        assert [one.clips["speaker"].nunique() for one in found] == [1] * 5
        assert set(pd.concat([one.clips for one in found])["id"]) == everyone
        for one in found:
            learnt = one.embedding.loc[one.embedding["role"] == "train", "id"]
            assert set(learnt) == everyone - set(one.clips["id"])
    for one in of(outcomes, tested="all_speakers"):
        granted = set(one.embedding["id"])
        assert set(one.embedding["role"]) == {"enrol"}
        assert len(granted) == 4 * one.cell.settings["n_speakers"]
        assert set(one.clips["id"]) == everyone - granted
    for one in of(outcomes, tested="new_speakers"):
        known = {name.rpartition("-")[0].rpartition("-")[0] for name in one.embedding["id"]}
        assert len(known) == one.cell.settings["n_speakers"]
        assert set(one.clips["speaker"]).isdisjoint(known)
        assert one.clips["speaker"].nunique() == 5 - len(known)


def test_networks_are_better_than_chance_and_closer_speakers_help(outcomes):
    assert rate(of(outcomes, variant="out_of_domain", model="siamese")) > 0.5
    assert rate(of(outcomes, variant="in_domain", model="siamese")) > 0.6
    assert rate(of(outcomes, variant="in_domain", model="svm_linear")) > 0.6
    assert rate(of(outcomes, variant="in_domain", model="majority")) == pytest.approx(0.25)
    for variant in ("fine_tuning", "fine_tuning+relative_distance"):
        few = {"n_speakers": 3, "frozen": 0, "tested": "new_speakers"}
        assert rate(of(outcomes, variant=variant, **few)) > 0.5


def test_the_relative_distance_loss_does_what_it_is_for(outcomes):
    """Same pairs of the granted clips come closer, against different ones, than without it."""

    def ratios(variant):
        return [one.numbers["same_over_different"] for one in of(outcomes, variant=variant)]

    plain, apart = ratios("fine_tuning"), ratios("fine_tuning+relative_distance")
    assert np.mean(apart) < 0.8 * np.mean(plain)


def test_a_cell_alone_equals_the_cell_in_its_group(params, source, target, groups, outcomes):
    together = {one.cell: one for one in outcomes}
    for group in groups[1:]:
        for cell in (group[0], group[-1]):
            (alone,) = feng2020.run([cell], params, source, target, "cpu")
            one = together[cell]
            # Equal to the last digit where the matrix products are; here a library may differ.
            np.testing.assert_allclose(alone.scores, one.scores, rtol=2e-3, atol=2e-3)
            assert list(alone.clips["id"]) == list(one.clips["id"])
            assert dict(alone.numbers) == pytest.approx(dict(one.numbers), rel=1e-2, abs=1e-4)


def test_the_same_group_gives_the_same_bytes(params, source, target, groups, outcomes):
    again = feng2020.run(groups[1], params, source, target, "cpu")
    for one, other in zip(again, of(outcomes, variant="out_of_domain", model="siamese")):  # noqa: B905
        assert one.scores.tobytes() == other.scores.tobytes()


def test_order_of_the_clips_does_not_matter(params, source, target, groups):
    order = np.random.default_rng(0).permutation(len(target))
    one, other = (
        feng2020.run(groups[2][:1], params, source, table, "cpu")[0]
        for table in (target, target.take(order))
    )
    np.testing.assert_array_equal(one.scores, other.scores)


def test_test_clips_set_no_statistic(params, source, target, groups):
    """The clips of the tested speaker may be anything: the network stays the same."""
    values = target.values.copy()
    values[target.clips["speaker"] == "here/0"] *= 100
    changed = replace(target, values=values)
    for cell, stays in ((groups[2][0], True), (groups[2][1], False)):  # test here/0, here/1
        one, other = (
            feng2020.run([cell], params, source, table, "cpu")[0].embedding
            for table in (target, changed)
        )
        both = [np.stack(part.loc[part["role"] == "train", "embedding"]) for part in (one, other)]
        assert np.array_equal(*both) == stays


def test_a_stack_trains_each_network_as_it_would_train_alone():
    """To the last digits, in double precision: cells share nothing, whatever batch they have."""
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(40, 6, generator=generator, dtype=torch.float64)
    emotion = torch.arange(40) % 4
    cells = [
        siamese_training.draw(
            emotion.numpy(),
            np.arange(20 * seed % 40, 20 * seed % 40 + 20),
            n_emotions=4,
            per_emotion=per_emotion,
            steps=60,
            generator=np.random.default_rng(seed),
        )
        for seed, per_emotion in ((1, 4), (2, 4), (3, 4))
    ]
    cells[2][1][::4] = False  # one with fewer clips

    def train(seeds):
        stack = StackedSiamese(generators(seeds), 6, (5, 4, 3), 4).double()
        clips = siamese_training.Clips(
            values=values,
            emotion=emotion,
            mean=torch.tensor([[0.1 * seed] * 6 for seed in seeds]).double(),
            deviation=torch.tensor([[0.5 + seed] * 6 for seed in seeds]).double(),
        )
        batches = siamese_training.stack_batches([cells[seed - 1] for seed in seeds], "cpu")
        schedule = siamese_training.Schedule(
            steps=60, learning_rate=0.01, relative_rate=0.01, limit=0.9
        )
        loss = siamese_training.train(stack, clips, batches, schedule, 1)
        return [parameter.detach() for parameter in stack.parameters()], loss

    together, losses = train((1, 2, 3))
    for place, seed in enumerate((1, 2, 3)):
        alone, loss = train((seed,))
        assert loss[0] == pytest.approx(losses[place], abs=1e-9)
        for one, many in zip(alone, together, strict=True):
            # A gradient that is zero but for rounding still moves a weight a little, under Adam.
            torch.testing.assert_close(many[place], one[0], rtol=1e-5, atol=1e-6)


def test_frozen_layers_keep_the_weights_of_the_source(params, source, target):
    how = params.program
    there, here = Labelled.of(source, WORDS), Labelled.of(target, WORDS)
    start = siamese_transfer.train_whole(there, [np.arange(len(there.emotion))], [3], how, "cpu")
    rows, _ = siamese_transfer.granted(here, 3, 3, 4)
    for frozen in range(3):
        tuned = siamese_transfer.fine_tune(
            start, [0], here, [rows], [3], how, frozen=frozen, relative=True
        )
        for number, (layer, before) in enumerate(
            zip(tuned.stack.layers, start.stack.layers, strict=True)
        ):
            assert torch.equal(layer.weight, before.weight) == (number < frozen)
            assert torch.equal(layer.bias, before.bias) == (number < frozen)
        np.testing.assert_array_equal(tuned.mean, start.mean)  # the source's statistics


def test_the_relative_distance_loss_leaves_the_decision_layers_alone(params, source, target):
    how = params.program
    still = replace(how, tuning=replace(how.tuning, learning_rate=1e-30))
    there, here = Labelled.of(source, WORDS), Labelled.of(target, WORDS)
    start = siamese_transfer.train_whole(there, [np.arange(len(there.emotion))], [3], how, "cpu")
    rows, _ = siamese_transfer.granted(here, 3, 3, 4)
    tuned = siamese_transfer.fine_tune(
        start, [0], here, [rows], [3], still, frozen=0, relative=True
    )
    for layer, before in zip(tuned.stack.head, start.stack.head, strict=True):
        torch.testing.assert_close(layer.weight, before.weight, rtol=0, atol=1e-12)
    assert not torch.equal(tuned.stack.layers[0].weight, start.stack.layers[0].weight)


@given(st.integers(0, 30), st.integers(2, 4))
def test_what_is_granted(seed, n_speakers):
    here = Labelled.of(corpus("here", n_speakers=5), WORDS)
    rows, names = siamese_transfer.granted(here, n_speakers, seed, 4)
    clips = here.take(rows).truth()
    assert set(clips["speaker"]) == names and len(names) == n_speakers
    assert (clips.groupby(["speaker", "emotion"]).size() == 1).all() and len(
        clips
    ) == 4 * n_speakers
    more, others = siamese_transfer.granted(here, n_speakers + 1, seed, 4)
    assert set(rows) < set(more) and names < others


def test_all_that_can_be_granted_is():
    here = Labelled.of(corpus("here", n_speakers=4), WORDS)
    seen = {
        row for seed in range(60) for row in siamese_transfer.granted(here, 2, seed, 4)[0].tolist()
    }
    assert seen == set(range(len(here.emotion)))


@given(
    counts=st.lists(st.integers(0, 12), min_size=3, max_size=3).filter(lambda n: max(n) > 0),
    per_emotion=st.integers(1, 5),
    steps=st.integers(1, 30),
)
def test_batches_are_balanced_and_hold_no_clip_twice(counts, per_emotion, steps):
    emotion = np.repeat(np.arange(3), counts)
    index, mask = siamese_training.draw(
        emotion,
        np.arange(len(emotion)),
        n_emotions=3,
        per_emotion=per_emotion,
        steps=steps,
        generator=np.random.default_rng(0),
    )
    assert index.shape == (steps, 3 * per_emotion) and mask.shape == (3 * per_emotion,)
    for row in index:
        kept = row[mask]
        assert len(set(kept)) == len(kept)
        found = np.bincount(emotion[kept], minlength=3)
        assert found.tolist() == [min(per_emotion, n) for n in counts]
    for label, n in enumerate(counts):  # each clip comes before any comes again
        own = index[:, label * per_emotion : (label + 1) * per_emotion]
        rounds = n // per_emotion
        if rounds and steps >= rounds:
            assert len(set(own[:rounds].ravel())) == rounds * per_emotion


@pytest.mark.parametrize("nodes", [0, 5])
def test_the_network_is_a_siamese_perceptron(nodes):
    """Against the same seed's nn.Linear, clip by clip and pair by pair."""
    stack = StackedSiamese(generators([9, 4]), 6, (5, 4, 3), nodes)
    torch.manual_seed(4)
    plain = [nn.Linear(6, 5), nn.Linear(5, 4), nn.Linear(4, 3)]
    head = [nn.Linear(3, nodes), nn.Linear(nodes, 1)] if nodes else [nn.Linear(3, 1)]
    values = torch.randn(8, 6)
    embedding = values
    for layer in plain:
        embedding = layer(embedding).relu()
    torch.testing.assert_close(stack.encode(values.expand(2, -1, -1))[1], embedding)
    emotion = torch.tensor([0, 2, 2, 0, 2])
    query, support = embedding[:3], embedding[3:]
    found = stack.log_similarity(1, query, support, emotion, 3)
    for row in range(3):
        logs = {0: [], 2: []}
        for place, label in enumerate(emotion.tolist()):
            out = (query[row] - support[place]).abs()
            for position, layer in enumerate(head):
                out = layer(out.relu() if position else out)
            logs[label].append(-math.log1p(math.exp(-out.item())))
        for label, values in logs.items():
            assert found[row, label].item() == pytest.approx(np.mean(values), rel=1e-5)
        assert found[row, 1].item() == -math.inf  # no support


def test_chunks_of_a_decision_do_not_show(monkeypatch):
    stack = StackedSiamese(generators([1]), 6, (5, 3), 4)
    query, support = torch.rand(11, 3), torch.rand(7, 3)
    emotion = torch.arange(7) % 2
    whole = stack.log_similarity(0, query, support, emotion, 2)
    monkeypatch.setattr("emometric.layers.stacked_siamese._PAIRS_AT_ONCE", 15)
    torch.testing.assert_close(stack.log_similarity(0, query, support, emotion, 2), whole)


def test_sum_and_mean_agree_on_balanced_support_and_differ_else(params, source, target):
    how = params.program
    there = Labelled.of(source, WORDS)
    networks = siamese_transfer.train_whole(there, [np.arange(len(there.emotion))], [3], how, "cpu")
    embedding = networks.embed(0, there.table.values)
    summed = replace(how, sums=True)
    mean = networks.scores(0, embedding[:5], embedding, there.emotion, how)
    total = networks.scores(0, embedding[:5], embedding, there.emotion, summed)
    np.testing.assert_allclose(total, mean * np.bincount(there.emotion))
    uneven = there.emotion.copy()
    uneven[uneven == 3] = 0
    assert networks.scores(0, embedding[:5], embedding, uneven, summed)[:, 3].max() == -np.inf


def test_a_source_without_an_emotion_never_says_it(params, target):
    three = corpus("three", words=("anger", "happiness", "sadness"), seed=5)
    planned = feng2020.plan(params, three, target, 7)
    for one in feng2020.run(planned[1][:1] + planned[3][:1], params, three, target, "cpu"):
        silent = one.cell.settings["variant"] == "out_of_domain"
        assert np.isneginf(one.scores[:, 1]).all() == silent
        assert np.isfinite(one.scores.max(axis=1)).all()


def test_tables(params, source, target, outcomes):
    decided = [
        cells_table.build(
            one.clips,
            one.scores,
            WORDS,
            study="s",
            cell=one.cell.name,
            fold=one.cell.fold,
            seed=one.cell.seed,
            repeat=one.cell.repeat,
        )
        for one in outcomes
    ]
    stored = Stored(
        cells=pd.concat(decided, ignore_index=True),
        embeddings=pd.DataFrame(),
        numbers=record.numbers_table(outcomes),
        seed=7,
    )
    found = feng2020.tables(stored, params, source, target, EVALUATION)
    grid, table1, gain = found["figure2"], found["table1"], found["gain"]
    assert len(grid) == 2 * 2 * 2 * 2 and (grid["n_runs"] == 2).all()
    known = grid[grid["tested"] == "all_speakers"]
    for variant in ("fine_tuning", "fine_tuning+relative_distance"):
        rows = table1[table1["variant"] == variant].set_index(["choice", "tested"])
        best = rows.loc[("best on test", "all_speakers")]
        assert best["uar"] == known.loc[known["variant"] == variant, "uar"].max()
        assert best["stamps"] == "tests speakers it adapted to; cell chosen on test"
        clean = rows.loc[("beforehand", "new_speakers")]
        assert (clean["frozen"], clean["n_speakers"], clean["stamps"]) == (0, 3, "")
        own = of(outcomes, variant=variant, tested="new_speakers", frozen=0, n_speakers=3)
        assert clean["uar"] == pytest.approx(rate(own))
    plain = table1[table1["choice"] == ""]
    assert list(plain["model"]) == ["siamese", "svm_linear", "majority"] * 2
    assert len(gain) == 2 * (1 + 4) and gain["method"].str.startswith("paired sign-flip").all()
    point = gain[(gain["tested"] == "new_speakers") & (gain["frozen"] == 2)].iloc[0]
    with_loss, without = (
        rate(of(outcomes, variant=variant, tested="new_speakers", frozen=2, n_speakers=2))
        for variant in ("fine_tuning+relative_distance", "fine_tuning")
    )
    assert point["difference"] == pytest.approx(with_loss - without)
    blocks = feng2020.headline(params, pd.DataFrame(), found)
    assert "fine_tuning, beforehand, new speakers" in blocks and len(blocks) == len(table1)


def test_stamps():
    assert feng2020.stamps(None, {"tested": "all_speakers"}) == ("tests speakers it adapted to",)
    assert feng2020.stamps(None, {"tested": "new_speakers"}) == ()
    assert feng2020.stamps(None, {"variant": "in_domain"}) == ()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"decision": "max"}, "decision is 'max'"),
        ({"emotions": ["fear", "anger"]}, "emotions is 'fear, anger'"),
        ({"frozen": [0, 3]}, "frozen is '3'"),
        ({"n_speakers": [2, 2]}, "n_speakers is '2, 2'"),
        ({"chosen_n_speakers": 5}, "chosen_n_speakers is '5'"),
        ({"relative_limit": 1}, "relative_limit is '1'"),
        ({"epochs": 0}, "epochs is '0'"),
        ({"learning_rate": 0.0}, "learning_rate is '0.0'"),
        ({"widths": [8, 0]}, "widths is '0'"),
    ],
)
def test_settings_out_of_range_are_refused(params, change, message):
    with pytest.raises(ParameterError, match=message):
        replace(params, **change)


def test_too_few_speakers_are_refused(params, source):
    with pytest.raises(ParameterError, match="adapts to 3 of the 3 speakers of 'small'"):
        feng2020.plan(params, source, corpus("small", n_speakers=3), 7)

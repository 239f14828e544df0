"""ntalampiras2020's training: pictures, pairs, folds, decisions, streams, and that it learns."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from hypothesis import given
from hypothesis import strategies as st

from emometric import parallel
from emometric.base import settings
from emometric.base.errors import ParameterError
from emometric.layers.picture_twin import Branch, Input, Twin, TwinParams
from emometric.studies import (
    analogy_folds,
    analogy_maps,
    analogy_outcomes,
    analogy_training,
    analogy_variants,
    method,
)
from emometric.studies.analogy_pictures import Extracted, extracted, shrunk
from emometric.studies.augmentation import Augmentation, vary
from emometric.studies.cell import Table

NAMES = ("anger", "disgust", "fear", "happiness", "neutral", "sadness")
STILL = {"warp": 0.0, "level_db": 0.0, "noise": 0.0, "stripes": 0, "stripe": 0.1}
TWIN = TwinParams(widths=(2, 3, 3), dim=4, start="he", batch_norm=False, dropout=0.5)
SMALL = {
    "widths": [2, 2, 2],
    "dim": 6,
    "shrink": 1,
    "crop_frames": 12,
    "epochs": 2,
    "group": 100,
    "repeats": 1,
    "n_folds": 2,
}


@pytest.fixture(autouse=True)
def one_process(monkeypatch):
    monkeypatch.setattr(parallel, "processors", lambda: 1)


def corpus(n_speakers: int = 5, takes: int = 2) -> Table:
    """Log-Mel, modulation and functionals of clips whose emotion decides on the columns' means."""
    generator = np.random.default_rng(5)
    rows = [
        {"id": f"c/{speaker}_{kind}_{take}", "speaker": f"c/{speaker}", "emotion": emotion}
        for speaker in range(n_speakers)
        for kind, emotion in enumerate((*NAMES, "boredom"))
        for take in range(takes)
    ]
    clips = pd.DataFrame(rows)
    kind = np.arange(len(rows)) // takes % 7

    def of(lengths: np.ndarray | None, width: int) -> Table:
        n = np.ones(len(rows), np.int64) if lengths is None else lengths
        values = generator.normal(0, 1, (n.sum(), width)).astype(np.float32)
        values += generator.normal(0, 2, (7, width)).astype(np.float32)[np.repeat(kind, n)]
        names = tuple(map(str, range(width)))
        return Table(corpus="c", clips=clips, values=values, names=names, lengths=lengths)

    first = of(generator.integers(10, 25, len(rows)), 8)
    beside = {"modulation": of(np.full(len(rows), 9), 8), "compare": of(None, 30)}
    return replace(first, beside=beside)


def make(**replaced) -> method.Method:
    with open("params.yaml", encoding="utf-8") as file:
        block = settings.at_scale(yaml.safe_load(file), "quick")["methods"]["ntalampiras2020"]
    return method.load("ntalampiras2020", block, {**SMALL, **replaced})


def run(chosen: method.Method, table: Table) -> list:
    groups = chosen.plan(table, table, 3)
    return [
        one
        for group in groups
        for one in chosen.part.run(group, chosen.params, table, table, "cpu")
    ]


# -- Pictures --------------------------------------------------------------------------------------


@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 4))
def test_shrunk_is_the_mean_of_blocks(rows, columns, by):
    picture = np.random.default_rng(0).normal(size=(rows, columns))
    found = shrunk(picture, by)
    down, across = min(by, rows), min(by, columns)
    assert found.shape == (rows // down, columns // across)
    for row in range(found.shape[0]):
        for column in range(found.shape[1]):
            block = picture[row * down : (row + 1) * down, column * across : (column + 1) * across]
            assert found[row, column] == pytest.approx(block.mean(), abs=1e-6)


def test_pictures_are_standardised_by_the_training_clips_alone():
    table = corpus()
    rows = np.arange(len(table))
    train = np.arange(0, 20)
    for name in ("log_mel", "modulation", "compare"):
        one = table if name == "log_mel" else table.beside[name]
        raw = extracted(one, rows, 1, fixed=name != "log_mel")
        seen = raw.standardised(train, torch.device("cpu"))
        whole = seen.whole(train)
        values = whole.values.double()
        if name == "log_mel":
            own = torch.arange(values.shape[1]) < whole.lengths[:, None]
            values = values[own]
        assert values.mean(dim=0).abs().max() < 1e-5, name
        assert (values.std(dim=0, unbiased=False) - 1).abs().max() < 1e-4, name
        other = Extracted(values=raw.values.copy(), lengths=raw.lengths, branch=raw.branch)
        other.values[-3:] = 1e6  # of the last clip, which does not train
        again = other.standardised(train, torch.device("cpu"))
        assert torch.equal(again.whole(train).values, whole.values)


def test_a_crop_lies_within_its_clip_and_a_short_clip_is_whole():
    lengths = np.array([3, 10])
    values = np.arange(13, dtype=np.float32)[:, None].repeat(2, axis=1)
    raw = Extracted(values=values, lengths=lengths, branch=Branch(rows=None, columns=2))
    seen = replace(
        raw.standardised(np.array([0, 1]), torch.device("cpu")), values=torch.from_numpy(values)
    )
    generator, drawing = np.random.default_rng(0), torch.Generator()
    starts = set()
    for _ in range(60):
        given_ = seen.batch(np.array([0, 1]), 4, generator, drawing, None)
        assert given_.lengths.tolist() == [3, 4]
        assert given_.values[0, :, 0].tolist() == [0, 1, 2, 0]
        piece = given_.values[1, :, 0]
        assert torch.equal(piece, piece[0] + torch.arange(4))
        starts.add(int(piece[0]) - 3)
    assert starts == set(range(7))


# -- The twin --------------------------------------------------------------------------------------


def branches() -> dict[str, Branch]:
    return {
        "log_mel": Branch(rows=None, columns=8),
        "modulation": Branch(rows=9, columns=8),
        "compare": Branch(rows=0, columns=30),
    }


@pytest.mark.parametrize("batch_norm", [False, True])
def test_padding_and_batch_mates_change_nothing(batch_norm):
    torch.manual_seed(0)
    twin = Twin(branches(), replace(TWIN, batch_norm=batch_norm)).eval()
    lengths = torch.tensor([5, 17, 1])
    values = torch.randn(3, 17, 8)
    beside = {
        "modulation": Input(values=torch.randn(3, 9, 8)),
        "compare": Input(values=torch.randn(3, 30)),
    }
    together = twin({"log_mel": Input(values=values, lengths=lengths), **beside})
    assert together.shape == (3, twin.dim) and twin.dim == 12
    for row, length in enumerate(lengths):
        alone = {
            "log_mel": Input(values=values[row : row + 1, :length], lengths=lengths[row : row + 1]),
            **{name: Input(values=one.values[row : row + 1]) for name, one in beside.items()},
        }
        torch.testing.assert_close(twin(alone)[0], together[row], atol=1e-5, rtol=1e-4)


def test_narrow_start_is_the_papers():
    torch.manual_seed(0)
    twin = Twin(branches(), replace(TWIN, widths=(16, 16, 16), dim=32, start="narrow"))
    for name, weights in twin.named_parameters():
        if name.endswith("weight") and weights.numel() > 1000:
            assert abs(float(weights.detach().std()) / 0.01 - 1) < 0.15, name
            assert abs(float(weights.detach().mean())) < 0.002, name


# -- Augmentation ----------------------------------------------------------------------------------


def varied(**how) -> tuple[torch.Tensor, torch.Tensor]:
    pictures = torch.randn(40, 20, 16, generator=torch.Generator().manual_seed(1)) + 3
    found = vary(
        pictures, torch.full((16,), 2.0), Augmentation(**{**STILL, **how}), torch.Generator()
    )
    return pictures, found


def test_without_anything_to_vary_pictures_stay():
    pictures, found = varied()
    assert torch.equal(pictures, found)


def test_level_moves_a_whole_picture_within_its_bounds():
    pictures, found = varied(level_db=6.0)
    moved = found - pictures
    assert (moved - moved[:, :1, :1]).abs().max() < 1e-5
    assert 2.0 < moved.abs().max() <= 3.0  # 6 dB over a deviation of 2 dB


def test_stripes_hide_whole_rows_and_columns():
    pictures, found = varied(stripes=1, stripe=0.5)
    hidden = found == 0
    rows, columns = hidden.all(dim=2), hidden.all(dim=1)
    assert torch.equal(hidden, rows[:, :, None] | columns[:, None, :])
    assert rows.any() and columns.any()
    assert rows.sum(dim=1).max() <= 10 and columns.sum(dim=1).max() <= 8
    assert torch.equal(found[~hidden], pictures[~hidden])


def test_warping_keeps_what_is_constant_and_moves_what_is_not():
    pictures, found = varied(warp=0.2)
    assert not torch.allclose(pictures, found)
    flat = vary(
        torch.ones(3, 20, 16),
        torch.ones(16),
        Augmentation(**{**STILL, "warp": 0.2}),
        torch.Generator(),
    )
    torch.testing.assert_close(flat, torch.ones(3, 20, 16))


@pytest.mark.parametrize("wrong", [{"warp": 1.5}, {"noise": -1.0}, {"stripes": 0.5}])
def test_wrong_augmentation_is_refused(wrong):
    with pytest.raises(ParameterError, match=f"augmentation.{next(iter(wrong))}"):
        Augmentation(**{**STILL, **wrong})


# -- Pairs, folds, decisions -----------------------------------------------------------------------


@given(st.lists(st.booleans(), min_size=1, max_size=60), st.integers(2, 40))
def test_sampled_pairs_are_half_similar(same, n_pairs):
    same = np.array(same)
    drawn = analogy_training.sample_pairs(same, n_pairs, np.random.default_rng(0))
    for kind in (True, False):
        assert drawn[same == kind].sum() == min((same == kind).sum(), max(1, n_pairs // 2))


def rules(protocol: str, **replaced) -> analogy_folds.Rules:
    given_ = {
        "protocol": protocol,
        "emotions": NAMES,
        "n_known": (2, 3),
        "n_speakers": 4,
        "repeats": 3,
        "n_folds": 2,
        "valid_share": 0.3,
    }
    return analogy_folds.Rules(**{**given_, **replaced})


@pytest.mark.parametrize("protocol", analogy_folds.PROTOCOLS)
def test_no_speaker_is_known_and_tested(protocol):
    clips = corpus().clips
    clips = clips[clips["emotion"] != "boredom"].reset_index(drop=True)
    units = list(analogy_folds.units(clips, rules(protocol), 3))
    assert len({unit.key for unit in units}) == len(units)
    expected = {"leave_one_speaker_out": 5, "unknown_emotion": 12}
    assert len(units) == expected.get(protocol, 6)
    for unit in units:
        roles = analogy_folds.positions(clips, unit.fold)
        speakers = {role: set(clips["speaker"].iloc[rows]) for role, rows in roles.items()}
        assert not (speakers["support"] | speakers["train"] | speakers["valid"]) & speakers["test"]
        assert not speakers["train"] & speakers["valid"] and speakers["valid"]
        learnt = set(clips["emotion"].iloc[[*roles["train"], *roles["valid"]]])
        point = dict(unit.settings)
        if protocol == "unknown_emotion":
            assert learnt == set(NAMES) - {point["unknown"]}
            assert set(clips["emotion"].iloc[roles["test"]]) == set(NAMES)
        if protocol == "known_emotions":
            assert len(learnt) == point["n_known"]
            assert set(clips["emotion"].iloc[roles["support"]]) == set(NAMES)
        if protocol == "known_speakers":
            assert len(speakers["support"]) == point["n_known"]


def test_other_members_hold_out_other_speakers():
    clips = corpus(8).clips
    clips = clips[clips["emotion"] != "boredom"].reset_index(drop=True)
    unit = next(analogy_folds.units(clips, rules("leave_one_speaker_out"), 3))
    roles = analogy_folds.positions(clips, unit.fold)
    held = set()
    for member in range(6):
        other = analogy_folds.held_out_anew(clips, roles, 0.15, (1, member))
        assert np.array_equal(other["test"], roles["test"])
        assert np.array_equal(other["support"], roles["support"])
        both = np.sort(np.concatenate([other["train"], other["valid"]]))
        assert np.array_equal(both, roles["support"])
        held.add(frozenset(clips["speaker"].iloc[other["valid"]]))
    assert len(held) > 2


def test_the_three_rules():
    generator = np.random.default_rng(0)
    similarity, support = generator.random((7, 60)), generator.integers(0, 5, 60)
    for rule, pool in (("max", max), ("mean", np.mean)):
        found = analogy_outcomes.scores(similarity, support, 6, rule, 0)
        assert np.isneginf(found[:, 5]).all()
        for row in range(7):
            for one in range(5):
                own = [
                    value for value, of in zip(similarity[row], support, strict=True) if of == one
                ]
                assert found[row, one] == pytest.approx(pool(own))
    twenty = analogy_outcomes.scores(similarity, support, 6, "twenty", 4)
    assert (twenty <= analogy_outcomes.scores(similarity, support, 6, "max", 0)).all()
    assert np.array_equal(twenty, analogy_outcomes.scores(similarity, support, 6, "twenty", 4))
    assert not np.array_equal(twenty, analogy_outcomes.scores(similarity, support, 6, "twenty", 5))


def test_pairs_are_counted_by_both_emotions():
    similarity = np.array([[0.5, 0.49, 0.9], [0.1, 0.7, 0.2]])
    counts = analogy_outcomes.pair_counts(
        similarity, np.array([0, 1]), np.array([0, 0, 1]), ("anger", "fear")
    )
    assert counts == {
        "pairs_anger_anger": 2,
        "similar_anger_anger": 1,
        "pairs_anger_fear": 1,
        "similar_anger_fear": 1,
        "pairs_fear_anger": 2,
        "similar_fear_anger": 1,
        "pairs_fear_fear": 1,
        "similar_fear_fear": 0,
    }


def test_similarity_is_the_sigmoid_of_the_head():
    generator = np.random.default_rng(0)
    embedding, weight = generator.normal(size=(6, 3)), generator.normal(size=3)
    one = analogy_training.Trained(
        embedding=embedding, weight=weight, bias=0.3, epochs=1, valid_auroc=0.5
    )
    found = one.similarity(np.array([0, 2]), np.array([2, 3, 5]))
    for row, first in enumerate((0, 2)):
        for column, second in enumerate((2, 3, 5)):
            logit = sum(weight * abs(embedding[first] - embedding[second])) + 0.3
            assert found[row, column] == pytest.approx(1 / (1 + np.exp(-logit)))


def test_hidden_regions_tile_the_picture():
    picture = torch.rand(30, 16) + 1
    hidden = analogy_maps.hide(picture, (4, 6))
    assert hidden.shape == (24, 30, 16)
    assert torch.equal((hidden == 0).sum(dim=0), torch.ones(30, 16, dtype=torch.long))
    low_and_early = hidden[0] == 0
    assert low_and_early[:5, :4].all() and low_and_early.sum() == 20


# -- The method ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"protocol": "known_speaker"}, "did you mean 'known_speakers'"),
        ({"chosen": ["publishd"]}, "did you mean 'published'"),
        ({"variants": {"published": {"pars": "all"}}}, "did you mean 'pairs'"),
        ({"variants": {"published": {"pairs": "some"}}}, "choose one of: all, sampled"),
        ({"variants": {"published": {"networks": ["log_mel+compar"]}}}, "did you mean 'compare'"),
        ({"variants": {"published": {"svm_c": 1.0}}}, "svm_c needs functionals"),
        ({"protocol": "known_speakers", "n_known": []}, "n_known is empty"),
        ({"widths": [2, 2]}, "three widths"),
        ({"augmentation": {"warp": 0.1}}, "lacks 'level_db'"),
    ],
)
def test_wrong_settings_are_named(wrong, words):
    with pytest.raises(ParameterError, match=words) as caught:
        make(**wrong)
    assert "\n" not in str(caught.value)


def test_a_feature_that_the_study_does_not_hear_is_named():
    alone = replace(corpus(), beside={})
    with pytest.raises(ParameterError, match="hears modulation, which the study does not"):
        run(make(), alone)


def test_the_functionals_are_learnt():
    table = corpus()
    variants = {"published": {"networks": ["compare"], "softmax": 1.0, "dropout": 0.2}}
    done = run(make(variants=variants, epochs=40, dim=32, learning_rate=0.01, patience=100), table)
    right = [
        (one.scores.argmax(axis=1) == one.clips["emotion"].map(NAMES.index)).mean()
        for one in done
        if one.cell.settings["rule"] == "mean"
    ]
    assert len(right) == 5 and np.mean(right) > 0.9


def test_what_a_fold_left_out_leaves():
    table = corpus()
    chosen = make(chosen=["published", "compare_svm_linear"])
    done = run(chosen, table)
    assert len(done) == 5 * (3 + 1)
    assert {one.cell.settings["variant"] for one in done} == {"published", "compare_svm_linear"}
    for one in done:
        is_first = one.cell.settings == {"variant": "published", "rule": "max"}
        assert bool(one.numbers) == is_first
        assert bool(len(one.embedding)) == (is_first and one.cell.fold == 0)
    (first,) = (one for one in done if len(one.embedding))
    pairs = sum(value for name, value in first.numbers.items() if name.startswith("pairs_"))
    assert pairs == len(first.clips) * 4 * 12
    roles = first.embedding.groupby("role")
    assert set(roles.groups) == {
        *("train", "valid", "test", "input 128x100", "modulation 54x76", "occlusion 8x12"),
        *("map layer1 64x96", "map layer2 32x48", "map layer3 16x24"),
    }
    for role, own in roles:
        if "x" in role:
            rows, columns = map(int, role.split()[-1].split("x"))
            assert all(len(values) == rows * columns for values in own["embedding"])
            assert len(own) == len(NAMES) and set(own["id"]) <= set(first.clips["id"])


def test_a_stream_past_an_unknown_emotion():
    table = corpus()
    variants = {"published": {"networks": ["compare"], "softmax": 1.0, "dropout": 0.2}}
    chosen = make(
        protocol="unknown_emotion",
        variants=variants,
        epochs=30,
        dim=32,
        learning_rate=0.01,
        patience=100,
        valid_share=0.3,
    )
    done = [one for one in run(chosen, table) if one.cell.settings["rule"] == "max"]
    assert len(done) == 12
    for one in done:
        unknown = NAMES.index(one.cell.settings["unknown"])
        assert np.isneginf(one.scores[:, unknown]).all()
        stream = one.embedding[one.embedding["role"] == "stream"]
        rows = np.stack(stream["embedding"].to_numpy())
        assert sorted(stream["id"]) == sorted(one.clips["id"])
        assert np.array_equal(rows[:, 0], np.arange(len(rows)))
        assert one.numbers["n_founded"] == rows[:, 3].sum()
        assert set(rows[rows[:, 3] == 1, 2]) == {100.0 + k for k in range(int(rows[:, 3].sum()))}
        founded_later = rows[:, 1] >= one.numbers["threshold"]
        assert not rows[founded_later, 3].any()
    assert np.mean([one.numbers["auroc"] for one in done]) > 0.6


def test_variants_that_share_a_network_train_it_once():
    variants = {
        "published": {"networks": ["compare"], "softmax": 1.0},
        "ensemble": {"networks": ["compare"], "softmax": 1.0, "members": 2},
    }
    chosen = make(variants=variants, chosen=["published", "ensemble"])
    table = corpus()
    (cells,) = chosen.plan(table, table, 3)
    work = chosen.part.Work(chosen.params.setup(), table, 3, "cpu")
    keys = [key for cell in cells for key in work.keys(cell)]
    assert len(set(keys)) == 5 * 2 and len(keys) == 5 * (1 + 2) * 3


def test_a_variant_as_published_asks_for_both_spectrograms():
    shared = analogy_variants.Shared(
        widths=(2, 2, 2), dim=4, epochs=7, rate=0.1, augmentation=Augmentation(**STILL)
    )
    ((recipe, member),) = analogy_variants.variant("published", {}).recipes(shared)
    assert recipe.features == ("log_mel", "modulation") and member == 0
    assert (recipe.epochs, recipe.rate) == (7, 0.1) and recipe.pairs == "all"
    assert recipe.softmax == 0 and recipe.augmentation is None

"""Pairs of a batch: differences, the relative distance loss and the pair cross-entropy."""

import itertools
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from emometric.base import parts
from emometric.base.errors import ParameterError
from emometric.fitting.batch import Batch, Encoded
from emometric.layers.pairs import (
    Pairs,
    lengths,
    means_by_kind,
    pair_cross_entropy,
    relative_distance,
)

EMOTIONS = ("anger", "fear", "happiness", "sadness")
LIMIT = 0.9


def normal(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def relative(embedding, emotion, limit=LIMIT):
    """Value and S / D of single batches: embedding (n, dim), emotion (n,)."""
    pairs = Pairs(len(embedding))
    same = pairs.same(torch.as_tensor(emotion)[None])
    differences = pairs.differences(embedding[None])
    value, ratio = relative_distance(differences, same, torch.ones_like(same), limit)
    return value[0], ratio[0]


def by_loop(embedding, emotion, limit=LIMIT):
    """feng2020, equation 1, clip by clip, with its tangent from `limit` on."""
    kinds = {True: [], False: []}
    for i in range(len(emotion)):
        for j in range(i):
            gap = math.dist(embedding[i].tolist(), embedding[j].tolist())
            kinds[emotion[i] == emotion[j]].append(gap)
    near, far = (sum(kinds[kind]) / len(kinds[kind]) for kind in (True, False))
    if near <= limit * far:
        return (far + near) / (far - near)
    at_limit = (1 + limit) / (1 - limit)
    return at_limit + 2 / (1 - limit) ** 2 * (near / far - limit)


@given(st.integers(0, 200), st.sampled_from([0.2, 0.5, 0.9, 0.99]), st.floats(0.0, 6.0))
def test_relative_distance_equals_a_plain_loop(seed, limit, apart):
    emotion = [0, 0, 1, 1, 1, 2, 3, 3]
    embedding = normal(8, 3, seed=seed) + apart * torch.tensor(emotion).double()[:, None]
    value, _ = relative(embedding, emotion, limit)
    assert value.item() == pytest.approx(by_loop(embedding, emotion, limit), rel=1e-9)


def test_both_sides_of_the_guard_are_tested_by_the_loop():
    emotion = [0, 0, 1, 1, 1, 2, 3, 3]
    spread = normal(8, 3, seed=0)
    assert relative(spread, emotion)[1] > LIMIT
    assert relative(spread + 6 * torch.tensor(emotion)[:, None], emotion)[1] < LIMIT


def test_relative_distance_has_its_minimum_of_one_where_emotions_are_points():
    emotion = torch.tensor([0, 0, 1, 1, 2, 2])
    assert relative(normal(3, 4)[emotion], emotion)[0].item() == 1.0
    for seed in range(20):
        assert relative(normal(6, 4, seed=seed), emotion)[0].item() > 1.0


@given(
    seed=st.integers(0, 100),
    scale=st.floats(1e-3, 1e3),
    shift=st.floats(-50, 50),
    apart=st.floats(0, 4),
)
def test_rotation_translation_and_scale_change_nothing(seed, scale, shift, apart):
    emotion = torch.tensor([0, 0, 1, 1, 2, 2, 3, 3])
    embedding = normal(8, 4, seed=seed) + apart * emotion[:, None]
    turn = torch.linalg.qr(normal(4, 4, seed=seed + 1))[0]
    moved = scale * (embedding @ turn + shift)
    assert relative(moved, emotion)[0].item() == pytest.approx(
        relative(embedding, emotion)[0].item(), rel=1e-8
    )


@pytest.mark.parametrize("shape", ["mixed", "crossed"])
def test_where_same_pairs_lie_farther_it_is_finite_and_descent_lowers_the_ratio(shape):
    emotion = torch.tensor([0, 0, 1, 1])
    start = torch.tensor([[0.0, 0.0], [3.0, 0.1], [0.1, 0.0], [3.0, 0.0]], dtype=torch.float64)
    if shape == "crossed":
        start = start[:, :1] * 100  # on a line, far apart
    embedding = start.clone().requires_grad_()
    value, ratio = relative(embedding, emotion)
    assert ratio > 1 and value.isfinite()  # D < S: the plain formula is negative here
    optimiser, ratios = torch.optim.SGD([embedding], lr=1e-4 * start.abs().max() ** 2), []
    for _ in range(300):
        optimiser.zero_grad()
        value, ratio = relative(embedding, emotion)
        value.backward()
        assert value.isfinite() and embedding.grad.isfinite().all()
        optimiser.step()
        ratios.append(ratio.item())
    assert ratios[-1] < 0.5 < 1 < ratios[0]
    assert all(after < before + 0.05 for before, after in itertools.pairwise(ratios))


@given(st.integers(0, 50))
def test_a_step_against_the_gradient_lowers_the_ratio_on_either_side(seed):
    emotion = torch.tensor([0, 0, 1, 1, 2, 2])
    embedding = normal(6, 2, seed=seed).requires_grad_()
    value, ratio = relative(embedding, emotion)
    value.backward()
    step = 1e-4 * embedding.grad / embedding.grad.norm()
    assert relative(embedding - step, emotion)[1] < ratio


def test_value_and_slope_are_continuous_at_the_limit():
    def at(ratio):
        # one same pair of length `ratio`, the two others 1 long
        angle = 2 * math.asin(ratio / 2)
        points = [[0.0, 0.0], [1.0, 0.0], [math.cos(angle), math.sin(angle)]]
        return relative(torch.tensor(points, dtype=torch.float64), [0, 1, 1])[0].item()

    h = 1e-5
    assert at(LIMIT) == pytest.approx(1.9 / 0.1, rel=1e-6)
    left, right = (at(LIMIT) - at(LIMIT - h)) / h, (at(LIMIT + h) - at(LIMIT)) / h
    assert left == pytest.approx(right, rel=1e-3) and left == pytest.approx(200, rel=1e-3)


@pytest.mark.parametrize("apart", [0.0, 5.0])
def test_gradients_equal_finite_differences(apart):
    emotion = torch.tensor([0, 0, 1, 1, 2, 2])
    embedding = (normal(6, 3, seed=3) + apart * emotion[:, None]).requires_grad_()
    assert torch.autograd.gradcheck(lambda values: relative(values, emotion)[0], embedding)


@pytest.mark.parametrize(
    ("points", "emotion"),
    [
        ([[1.0, 1.0]] * 4, [0, 0, 1, 1]),  # all on one point
        ([[0.0, 0.0], [0.0, 0.0], [1.0, 0.0], [2.0, 0.0]], [0, 1, 0, 1]),  # two on one point
    ],
)
def test_coinciding_embeddings_have_a_finite_gradient(points, emotion):
    embedding = torch.tensor(points, dtype=torch.float64, requires_grad=True)
    value, ratio = relative(embedding, emotion)
    value.backward()
    assert value.isfinite() and embedding.grad.isfinite().all()
    if len({tuple(point) for point in points}) == 1:
        assert ratio == 1 and embedding.grad.abs().max() == 0


@pytest.mark.parametrize("emotion", [[0], [0, 0, 0], [0, 1, 2]])
@pytest.mark.parametrize("name", ["relative_distance", "pairwise_similarity"])
def test_losses_are_zero_without_pairs_of_both_kinds(name, emotion):
    block = {"limit": LIMIT} if name == "relative_distance" else {"nodes": 4}
    loss = parts.load("losses", name).Loss(parts.make_params("losses", name, block), 3, EMOTIONS)
    embedding = normal(len(emotion), 3).float().requires_grad_()
    value = loss(Encoded(embedding=embedding), batch(emotion))
    value.backward()
    assert value.item() == 0 and embedding.grad.abs().max() == 0


def batch(emotion):
    emotion = torch.as_tensor(emotion)
    return Batch(
        features=torch.zeros(len(emotion), 1, 1),
        lengths=torch.ones(len(emotion), dtype=torch.int64),
        emotion=emotion,
        speaker=torch.arange(len(emotion)),
    )


@pytest.mark.parametrize("nodes", [0, 3])
def test_pairwise_similarity_equals_a_plain_loop(nodes):
    part = parts.load("losses", "pairwise_similarity")
    loss = part.Loss(part.Params(nodes=nodes), 4, EMOTIONS).double()
    embedding, emotion = normal(7, 4), [0, 0, 0, 1, 1, 2, 3]
    costs = {True: [], False: []}
    for i in range(7):
        for j in range(7):
            if i < j:
                values = (embedding[i] - embedding[j]).abs()
                for position, layer in enumerate(loss.head):
                    values = values.clamp(min=0) if position else values
                    values = layer.weight @ values + layer.bias
                share = 1 / (1 + math.exp(-values.item()))
                same = emotion[i] == emotion[j]
                costs[same].append(-math.log(share if same else 1 - share))
    expected = sum(sum(values) / len(values) for values in costs.values()) / 2
    assert loss(Encoded(embedding=embedding), batch(emotion)).item() == pytest.approx(expected)


def test_relative_distance_part_equals_the_function():
    part = parts.load("losses", "relative_distance")
    embedding, emotion = normal(9, 4, seed=5), [0, 1, 2] * 3
    loss = part.Loss(part.Params(limit=0.5), 4, EMOTIONS)
    value = loss(Encoded(embedding=embedding), batch(emotion)).item()
    assert value == pytest.approx(by_loop(embedding, emotion, 0.5))


def test_masked_places_count_for_nothing():
    pairs, emotion = Pairs(5), torch.tensor([[0, 0, 1, 1, 0], [0, 1, 0, 1, 1]])
    mask = torch.tensor([[True] * 4 + [False], [True] * 5])
    embedding = normal(2, 5, 3)
    embedding[0, 4] = float("nan")
    differences, same = pairs.differences(embedding.nan_to_num(7.0)), pairs.same(emotion)
    present = pairs.present(mask)
    value, _ = relative_distance(differences, same, present, LIMIT)
    alone, _ = relative(embedding[0, :4], emotion[0, :4])
    assert value[0].item() == pytest.approx(alone.item())
    logits = normal(2, 10)
    logits[0, ~present[0]] = float("nan")
    assert pair_cross_entropy(logits, same, present).isfinite().all()


def test_means_by_kind_know_what_is_missing():
    values = torch.tensor([[1.0, 2.0, 6.0]])
    same, present = torch.tensor([[True, False, False]]), torch.tensor([[True, True, True]])
    near, far, both = means_by_kind(values, same, present)
    assert (near.item(), far.item(), both.item()) == (1.0, 4.0, True)
    assert not means_by_kind(values, same, torch.tensor([[False, True, True]]))[2]


def test_length_of_a_zero_has_a_zero_gradient():
    values = torch.tensor([[0.0, 0.0], [3.0, 4.0]], requires_grad=True)
    lengths(values).sum().backward()
    assert values.grad.tolist() == [[0.0, 0.0], [pytest.approx(0.6), pytest.approx(0.8)]]


@pytest.mark.parametrize(
    ("name", "block", "message"),
    [
        ("relative_distance", {"limit": 1.0}, "limit is '1.0'"),
        ("relative_distance", {"limit": True}, "limit is 'True'"),
        ("pairwise_similarity", {"nodes": -1}, "nodes is '-1'"),
    ],
)
def test_settings_out_of_range_are_refused(name, block, message):
    with pytest.raises(ParameterError, match=message):
        parts.make_params("losses", name, block)

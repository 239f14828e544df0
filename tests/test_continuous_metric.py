"""The continuous metric loss: known answers, a plain double loop, invariances, and its labels."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from emometric.base.errors import ParameterError
from emometric.emotions import EMOTIONS
from emometric.fitting import training
from emometric.fitting.batch import Batch, Encoded
from emometric.layers.continuous_metric import DISTANCES, metric, pair_distances
from emometric.losses import continuous_metric

each = pytest.mark.parametrize("distance", DISTANCES)
NAN = float("nan")


def draw(n, *, dim=2, seed=0):
    generator = torch.Generator().manual_seed(seed)
    latents = torch.randn(n, dim, generator=generator, dtype=torch.float64)
    labels = torch.randint(2, 11, (n,), generator=generator).double() / 2
    return latents.requires_grad_(), labels


def loop(latents, labels, distance):
    """The paper's formulas, pair by pair."""
    z, y = latents.tolist(), labels.tolist()
    pairs = []
    for i in range(len(y)):
        for j in range(i + 1, len(y)):
            if math.isnan(y[i]) or math.isnan(y[j]):
                continue
            if distance == "euclidean":
                pairs.append((math.dist(z[i], z[j]), abs(y[i] - y[j])))
            else:
                steps = [a - b for a, b in zip(z[i], z[j], strict=True)]
                pairs.append((sum(steps) / len(steps), y[i] - y[j]))
    slope = sum(dz * dy for dz, dy in pairs) / sum(dy * dy for _, dy in pairs)
    residual = [(slope * dy - dz) ** 2 for dz, dy in pairs]
    return abs(slope - 1) + sum(residual) / len(residual)


@each
@pytest.mark.parametrize("seed", range(3))
def test_equals_a_plain_double_loop(distance, seed):
    latents, labels = draw(9, dim=3, seed=seed)
    result = metric(latents, labels, distance)
    assert result.item() == pytest.approx(loop(latents, labels, distance), abs=1e-12)
    labels[[0, 4]] = NAN
    result = metric(latents, labels, distance)
    assert result.item() == pytest.approx(loop(latents, labels, distance), abs=1e-12)


@each
def test_equals_a_double_loop_by_its_gradient(distance):
    latents, labels = draw(7, seed=5)
    assert torch.autograd.gradcheck(lambda z: metric(z, labels, distance), latents)


def test_zero_where_distances_equal_those_of_the_labels():
    labels = torch.tensor([1.0, 2.5, 4.0, 4.0, 5.0], dtype=torch.float64)
    direction = torch.tensor([0.6, 0.8], dtype=torch.float64)
    assert metric(labels[:, None] * direction, labels, "euclidean").item() == pytest.approx(0)
    # The signed form is zero where the mean coordinate follows the label, whatever lies across it.
    across = torch.tensor([[3.0, -3], [0, 0], [-2, 2], [1, -1], [9, -9]], dtype=torch.float64)
    latents = labels[:, None] + across
    assert metric(latents, labels, "signed").item() == pytest.approx(0)
    assert metric(latents, labels, "euclidean").item() > 1


@given(st.floats(0, 4))
@settings(max_examples=25, deadline=None)
def test_slope_error_alone(slope):
    # Latents on a line, stretched: no residual, and the loss is how far the slope is from one.
    labels = torch.tensor([1.0, 2.0, 3.5, 5.0], dtype=torch.float64)
    for distance in DISTANCES:
        latents = slope * labels[:, None].expand(4, 2)
        scale = math.sqrt(2) if distance == "euclidean" else 1
        result = metric(latents, labels, distance).item()
        assert result == pytest.approx(abs(scale * slope - 1), abs=1e-9)


def test_residual_alone_grows_while_the_slope_stays_one():
    # Three clips, labels 0, 1, 1: the pair of equal labels moves apart by e, along an arc around
    # the first, so that dz of the other pairs stays 1. Slope 1, residual e^2 / 3.
    labels = torch.tensor([0.0, 1.0, 1.0], dtype=torch.float64)
    last = 0.0
    for angle in (0.2, 0.5, 1.0):
        turned = [math.cos(angle), math.sin(angle)]
        latents = torch.tensor([[0.0, 0.0], [1.0, 0.0], turned], dtype=torch.float64)
        apart = math.dist([1.0, 0.0], turned)
        result = metric(latents, labels, "euclidean").item()
        assert result == pytest.approx(apart**2 / 3, abs=1e-12)
        assert result > last
        last = result


def test_rotation_and_translation_do_not_matter_in_the_euclidean_form():
    latents, labels = draw(12, dim=3, seed=3)
    rotation = torch.linalg.qr(draw(3, dim=3, seed=9)[0].detach())[0]
    moved = latents @ rotation + torch.tensor([5.0, -3.0, 0.5])
    same = metric(latents, labels, "euclidean").item()
    assert metric(moved, labels, "euclidean").item() == pytest.approx(same, abs=1e-9)
    # The signed form allows the shift alone.
    shifted = metric(latents + 7, labels, "signed").item()
    assert shifted == pytest.approx(metric(latents, labels, "signed").item(), abs=1e-9)
    assert metric(moved, labels, "signed").item() != pytest.approx(shifted, abs=1e-3)


@each
def test_a_batch_of_equal_labels_pulls_the_latents_together(distance):
    latents, _ = draw(6, seed=4)
    result = metric(latents, torch.full((6,), 3.0), distance)
    result.backward()
    dz, _, pairs = pair_distances(latents, torch.full((6,), 3.0), distance)
    assert result.item() == pytest.approx((dz.square().sum() / pairs.sum()).item())
    with torch.no_grad():
        nearer = metric(latents - 0.05 * latents.grad, torch.full((6,), 3.0), distance)
    assert nearer < result


@each
@pytest.mark.parametrize("equal_labels", [False, True])
def test_coinciding_latents_have_a_value_and_a_gradient(distance, equal_labels):
    labels = torch.full((6,), 3.0) if equal_labels else torch.arange(6.0)
    latents = torch.ones(6, 2, requires_grad=True)
    result = metric(latents, labels, distance)
    result.backward()
    # dz = 0 everywhere: slope 0 where the labels differ, no residual.
    assert result.item() == pytest.approx(0.0 if equal_labels else 1.0)
    assert latents.grad.isfinite().all()


def test_some_coinciding_latents_do_not_spoil_the_others():
    latents, labels = draw(6, seed=2)
    with torch.no_grad():
        latents[1] = latents[0]
    metric(latents, labels, "euclidean").backward()
    assert latents.grad.isfinite().all() and (latents.grad.abs().sum(dim=1) > 0).all()


@each
@pytest.mark.parametrize("labels", [[3.0], [NAN, NAN, 2.0], []])
def test_zero_without_a_rated_pair(distance, labels):
    latents = torch.randn(len(labels), 2, generator=torch.Generator().manual_seed(1))
    latents.requires_grad_()
    result = metric(latents, torch.tensor(labels), distance)
    result.backward()
    assert result.item() == 0 and latents.grad.abs().sum() == 0


@each
def test_each_cell_of_a_stack_equals_itself_alone(distance):
    cells = [draw(8, seed=seed) for seed in range(3)]
    cells[1][1][:2] = NAN
    stacked = metric(
        torch.stack([z for z, _ in cells]), torch.stack([y for _, y in cells]), distance
    )
    alone = [metric(z, y, distance).item() for z, y in cells]
    assert stacked.tolist() == pytest.approx(alone, abs=1e-12)


def batch(emotion, affect=None):
    emotion = torch.as_tensor(emotion)
    return Batch(
        features=torch.zeros(len(emotion), 1, 1),
        lengths=torch.ones(len(emotion), dtype=torch.int64),
        emotion=emotion,
        speaker=torch.zeros(len(emotion), dtype=torch.int64),
        affect=None if affect is None else torch.tensor(affect),
    )


@pytest.mark.parametrize(("label", "column"), [("activation", 0), ("valence", 1)])
def test_ratings_come_first_and_emotions_fill_in(label, column):
    emotions = ("anger", "neutral", "sadness")
    params = continuous_metric.Params(label=label, distance="euclidean")
    loss = continuous_metric.Loss(params, 2, emotions)
    values, _ = draw(4, seed=1)
    encoded = Encoded(embedding=values)
    levels = [continuous_metric.LEVELS[word][column] for word in ("anger", "neutral", "sadness")]
    guessed = torch.tensor([*levels, levels[0]])
    expected = metric(values, guessed, "euclidean").item()
    assert loss(encoded, batch([0, 1, 2, 0])).item() == pytest.approx(expected)
    rated = [[5.0, 1.0], [2.0, 3.0], [NAN, NAN], [4.0, 2.5]]
    labels = torch.tensor([rated[0][column], rated[1][column], levels[2], rated[3][column]])
    expected = metric(values, labels, "euclidean").item()
    assert loss(encoded, batch([0, 1, 2, 0], rated)).item() == pytest.approx(expected)


def test_the_working_run_carries_ratings_to_the_loss():
    affect = np.array([[5.0, 1.0], [NAN, NAN], [2.0, 3.0]])
    frames = [np.zeros((4, 2), np.float16)] * 3
    labels = np.arange(3)
    clips = training.Clips(frames, labels, labels, torch.device("cpu"), affect)
    found = clips.crops(np.array([2, 1]), 2, np.zeros(2)).affect
    np.testing.assert_array_equal(found.numpy(), affect[[2, 1]].astype(np.float32))
    clips = training.Clips(frames, labels, labels, torch.device("cpu"))
    assert clips.crops(np.array([2, 1]), 2, np.zeros(2)).affect is None


def test_half_precision_embeddings_are_taken_as_floats():
    params = continuous_metric.Params(label="activation", distance="euclidean")
    loss = continuous_metric.Loss(params, 2, ("anger", "neutral"))
    values = draw(4, seed=1)[0].detach().bfloat16()
    result = loss(Encoded(embedding=values), batch([0, 1, 1, 0]))
    assert result.dtype == torch.float32


def test_levels_cover_the_vocabulary_on_the_raters_scale():
    assert set(continuous_metric.LEVELS) == set(EMOTIONS)
    assert all(1 <= level <= 5 for both in continuous_metric.LEVELS.values() for level in both)


@pytest.mark.parametrize(
    ("change", "message"),
    [({"label": "arousal"}, "label is 'arousal'"), ({"distance": "l1"}, "distance is 'l1'")],
)
def test_unknown_settings_are_refused(change, message):
    with pytest.raises(ParameterError, match=message):
        continuous_metric.Params(**{"label": "valence", "distance": "signed", **change})

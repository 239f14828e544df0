"""A contract over all losses, and each loss against a plain loop of its formula."""

import math
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
import torch

from emometric.base import parts, settings
from emometric.base.errors import ParameterError
from emometric.emotions import EMOTIONS
from emometric.fitting.batch import Batch, Encoded

PARAMS = settings.read("synthetic", Path(__file__).resolve().parents[1] / "params.yaml")["losses"]
POLARITY = PARAMS["emotion_triplet"]["polarity"]
CORPORA = {
    "emodb": ("anger", "boredom", "disgust", "fear", "happiness", "neutral", "sadness"),
    "ravdess": (
        "anger", "calm", "disgust", "fear", "happiness", "neutral", "sadness", "surprise",
    ),
    "urdu": ("anger", "happiness", "neutral", "sadness"),
    "cremad": ("anger", "disgust", "fear", "happiness", "neutral", "sadness"),
}  # fmt: skip
# The others have no triplets: tests of their own say what they promise.
METRIC = [name for name in parts.available("losses") if name in ("triplet", "emotion_triplet")]
each = pytest.mark.parametrize("name", parts.available("losses"))
each_metric = pytest.mark.parametrize("name", METRIC)


@pytest.fixture(autouse=True)
def seeded():
    with torch.random.fork_rng():
        torch.manual_seed(2)
        yield


def make(name, emotions, dim=4):
    params = parts.make_params("losses", name, PARAMS[name])
    return parts.load("losses", name).Loss(params, dim, emotions).double()


def batch(emotion):
    emotion = torch.as_tensor(emotion)
    return Batch(
        features=torch.zeros(len(emotion), 1, 1),
        lengths=torch.ones(len(emotion), dtype=torch.int64),
        emotion=emotion,
        speaker=torch.arange(len(emotion)),
    )


def embeddings(n, dim=4, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, dim, generator=generator, dtype=torch.float64).requires_grad_()


@each
def test_order_of_the_batch_does_not_matter(name):
    loss, values = make(name, CORPORA["emodb"]), embeddings(21)
    emotion = torch.arange(21) % 7
    order = torch.randperm(21)
    one = loss(Encoded(embedding=values), batch(emotion))
    two = loss(Encoded(embedding=values[order]), batch(emotion[order]))
    assert one.ndim == 0
    assert one.item() == pytest.approx(two.item(), abs=1e-12)


@each
def test_gradient_is_finite_with_duplicate_embeddings(name):
    loss = make(name, CORPORA["emodb"])
    values = torch.ones(14, 4, dtype=torch.float64, requires_grad=True)
    result = loss(Encoded(embedding=values), batch(torch.arange(14) % 7))
    result.backward()
    assert result.isfinite() and values.grad.isfinite().all()


@each
def test_gradient_equals_finite_differences(name):
    loss, emotion = make(name, CORPORA["emodb"]), torch.arange(14) % 7
    torch.autograd.gradcheck(
        lambda values: loss(Encoded(embedding=values), batch(emotion)), embeddings(14, seed=4)
    )


@each
def test_descent_lowers_the_loss(name):
    loss, values = make(name, CORPORA["ravdess"]), embeddings(24).detach().requires_grad_()
    inputs = batch(torch.arange(24) % 8)
    optimiser = torch.optim.Adam([values, *loss.parameters()], lr=0.05)
    curve = []
    for _ in range(100):
        optimiser.zero_grad()
        result = loss(Encoded(embedding=values), inputs)
        result.backward()
        optimiser.step()
        curve.append(result.item())
    assert curve[-1] < 0.5 * curve[0]


@each
@pytest.mark.parametrize("corpus", CORPORA)
def test_an_anchor_of_every_emotion_learns(name, corpus):
    # Each clip's embedding is pulled somewhere, in most batches of any corpus's emotions.
    emotions = CORPORA[corpus]
    loss, emotion = make(name, emotions), torch.arange(4 * len(emotions)) % len(emotions)
    moved = np.zeros(len(emotions))
    for seed in range(10):
        values = embeddings(len(emotion), seed=seed)
        loss(Encoded(embedding=values), batch(emotion)).backward()
        norms = values.grad.norm(dim=1).numpy()
        moved += np.bincount(emotion, norms > 1e-9) / 4 / 10
    assert moved.min() > 0.5


@each_metric
@pytest.mark.parametrize("emotion", [[0], [0, 0, 0], [0, 1, 2]])
def test_zero_without_a_valid_pair(name, emotion):
    loss, values = make(name, ("anger", "happiness", "neutral")), embeddings(len(emotion))
    result = loss(Encoded(embedding=values), batch(emotion))
    result.backward()
    assert result.item() == 0.0
    assert values.grad.abs().max() == 0.0


@each_metric
def test_rotation_and_length_of_embeddings_do_not_matter(name):
    loss, values, emotion = make(name, CORPORA["emodb"]), embeddings(21), torch.arange(21) % 7
    rotation = torch.linalg.qr(torch.randn(4, 4, dtype=torch.float64))[0]
    stretched = values @ rotation * torch.linspace(0.5, 3, 21, dtype=torch.float64)[:, None]
    one = loss(Encoded(embedding=values), batch(emotion))
    two = loss(Encoded(embedding=stretched), batch(emotion))
    assert two.item() == pytest.approx(one.item(), abs=1e-10)


def distances(values):
    unit = values.detach() / values.detach().norm(dim=1, keepdim=True)
    return [[math.dist(a.tolist(), b.tolist()) for b in unit] for a in unit]


def term(distance, triplets, margin):
    """Mean hinge over semi-hard triplets, and the least hard one of each pair that has no `far`
    beyond its `near`; `triplets` is a list of (anchor, near, far)."""
    kept = []
    for a, near, far in triplets:
        gap = distance[a][far] - distance[a][near]
        all_gaps = [
            distance[a][f] - distance[a][near] for b, m, f in triplets if (b, m) == (a, near)
        ]
        if 0 < gap <= margin or (gap <= 0 and gap == max(all_gaps)):
            kept.append(margin - gap)
    return sum(kept) / len(kept) if kept else 0.0


@pytest.mark.parametrize("seed", range(3))
def test_triplet_equals_a_plain_loop(seed):
    emotion, values = [0, 0, 0, 1, 1, 2, 2, 2], embeddings(8, seed=seed)
    triplets = [
        (a, p, n) for a, p, n in permutations(range(8), 3) if emotion[a] == emotion[p] != emotion[n]
    ]
    expected = term(distances(values), triplets, PARAMS["triplet"]["margin"])
    loss = make("triplet", ("anger", "fear", "neutral"))
    result = loss(Encoded(embedding=values), batch(emotion))
    assert result.item() == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("corpus", CORPORA)
@pytest.mark.parametrize("seed", range(2))
def test_emotion_triplet_equals_a_plain_loop(corpus, seed):
    words = [word for word in CORPORA[corpus] for _ in range(3)]
    side = [POLARITY[word] for word in words]
    values = embeddings(len(words), seed=seed)
    inner, outer = [], []
    for a, x, y in permutations(range(len(words)), 3):
        polar = side[a] != "neutral"
        lonely = not any(polar and side[b] == side[a] and words[b] != words[a] for b in range(len(words)))  # fmt: skip # noqa: E501
        opposite = polar and side[y] not in ("neutral", side[a])
        if words[x] == words[a]:
            related = polar and side[y] == side[a] and words[y] != words[a]
            other = opposite if polar else words[y] != words[a]
            if other if lonely else related:
                inner.append((a, x, y))
        elif polar and side[x] == side[a] and opposite:
            outer.append((a, x, y))
    distance = distances(values)
    expected = term(distance, inner, 0.1) + term(distance, outer, 0.15)
    loss = make("emotion_triplet", CORPORA[corpus])
    result = loss(Encoded(embedding=values), batch([CORPORA[corpus].index(w) for w in words]))
    assert result.item() == pytest.approx(expected, abs=1e-12)


def test_emotion_triplet_is_zero_when_polarities_lie_apart_and_emotions_within():
    # anger and fear 10 degrees apart, happiness opposite, each emotion on one point.
    angles = torch.tensor([0, 0, 10, 10, 180, 180, 90, 90]).double().deg2rad()
    values = torch.stack([angles.cos(), angles.sin()], dim=1)
    loss = make("emotion_triplet", ("anger", "fear", "happiness", "neutral"), dim=2)
    result = loss(Encoded(embedding=values), batch([0, 0, 1, 1, 2, 2, 3, 3]))
    assert result.item() == 0.0
    # Happiness between anger and fear: same clips, now related ones lie farther than opposite.
    result = loss(Encoded(embedding=values), batch([0, 0, 2, 2, 1, 1, 3, 3]))
    assert result.item() > 0.15


def test_softmax_known_answer():
    loss = make("softmax", ("anger", "fear"), dim=2)
    with torch.no_grad():
        loss.classify.weight.copy_(torch.eye(2))
        loss.classify.bias.zero_()
    values = torch.tensor([[1.0, 0.0], [0.0, 2.0]], dtype=torch.float64)
    expected = (math.log(1 + math.exp(-1)) + math.log(1 + math.exp(2))) / 2
    assert loss(Encoded(embedding=values), batch([0, 0])).item() == pytest.approx(expected)


def without(word):
    return {key: value for key, value in POLARITY.items() if key != word}


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("triplet", {"margin": 0}, "margin is 0"),
        ("softmax", {"label_smoothing": 1.0}, "label_smoothing is 1.0"),
        ("emotion_triplet", {"beta": -1}, "beta is -1"),
        ("emotion_triplet", {"polarity": without("calm")}, "lacks 'calm'"),
        ("emotion_triplet", {"polarity": {**POLARITY, "joy": "positive"}}, "unknown emotion 'joy'"),
        ("emotion_triplet", {"polarity": {**POLARITY, "fear": "bad"}}, "fear is 'bad'"),
    ],
)
def test_values_out_of_range_are_refused(name, change, message):
    with pytest.raises(ParameterError, match=message):
        parts.make_params("losses", name, {**PARAMS[name], **change})


def test_polarity_covers_the_vocabulary():
    assert set(POLARITY) == set(EMOTIONS)

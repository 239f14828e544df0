"""The parts of ntalampiras2020: what each computes, and that they learn together on log-Mel."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional

import stage_scripts
from emometric import fold_models
from emometric.base import parts
from emometric.base.errors import ParameterError
from emometric.decisions import support_similarity
from emometric.encoders import siamese_cnn
from emometric.features import log_mel
from emometric.fitting import checkpoint, seeding, training
from emometric.fitting.batch import Batch, Encoded
from emometric.layers.frame_norm import FrameNorm
from emometric.losses import contrastive

CPU = torch.device("cpu")
RATE_HZ = 16000


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with torch.random.fork_rng():
        torch.manual_seed(3)
        yield
    torch.set_num_threads(before)


def encoder(n_bins=21, start="he", widths=(3, 4, 5), dim=6):
    params = siamese_cnn.Params(widths=widths, dim=dim, start=start)
    return siamese_cnn.Encoder(params, n_bins)


# -- FrameNorm ------------------------------------------------------------------------------------


def test_frame_norm_has_the_moments_of_all_frames_seen():
    norm, seen = FrameNorm(4), []
    for seed in range(3):
        lengths = torch.tensor([3 + seed, 7, 1])
        mask = torch.arange(9) < lengths[:, None]
        features = 5 + torch.randn(3, 9, 4) * torch.tensor([1.0, 10.0, 0.1, 0.0])
        features[~mask] = 1e6  # padding must not count
        seen.append(features[mask])
        norm(features, mask)
    frames = torch.cat(seen).double()
    assert norm.count == len(frames)
    torch.testing.assert_close(norm.mean, frames.mean(dim=0))
    torch.testing.assert_close(norm.squares / norm.count, frames.var(dim=0, correction=0))
    norm.eval()
    before = {name: value.clone() for name, value in norm.state_dict().items()}
    out = norm(frames.float()[None], torch.ones(1, len(frames), dtype=torch.bool))
    assert all(torch.equal(value, norm.state_dict()[name]) for name, value in before.items())
    torch.testing.assert_close(out.mean(dim=(0, 1)), torch.zeros(4), atol=1e-4, rtol=0)
    wanted = torch.tensor([1.0, 1.0, 1.0, 0.0])  # the last bin never moved
    torch.testing.assert_close(out.std(dim=(0, 1), correction=0), wanted, atol=1e-4, rtol=0)


def test_frame_norm_clears_padding_and_starts_as_it_is():
    norm = FrameNorm(2).eval()
    mask = torch.tensor([[True, False]])
    out = norm(torch.tensor([[[3.0, 4.0], [7.0, torch.nan]]]), mask)
    assert out.tolist() == [[[3.0, 4.0], [0.0, 0.0]]]


# -- The encoder ----------------------------------------------------------------------------------


def plain(network, clip):
    """The embedding of one clip, (frames, bins), by the formula, without mask or batch."""
    norm = network.norm
    spread = (norm.squares / norm.count).sqrt()
    maps = ((clip - norm.mean) / spread)[None]
    for number, layer in enumerate(network.layers):
        if number > 0:
            channels, frames, bins = maps.shape
            pooled = torch.zeros(channels, -(-frames // 2), -(-bins // 2), dtype=maps.dtype)
            for i in range(pooled.shape[1]):
                for j in range(pooled.shape[2]):
                    window = maps[:, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2]
                    pooled[:, i, j] = window.flatten(1).max(dim=1).values
            maps = pooled
        size = (10, 7, 4)[number]
        left, right = (size - 1) // 2, size // 2
        weight, bias = layer.weight.double(), layer.bias.double()
        padded = functional.pad(maps, (left, right, left, right))
        patches = padded.unfold(1, size, 1).unfold(2, size, 1)  # channels, frames, bins, size, size
        maps = torch.einsum("cfbij,ocij->ofb", patches, weight) + bias[:, None, None]
        maps = maps.clamp(min=0)
    mean = maps.mean(dim=1).flatten()
    return network.project.weight.double() @ mean + network.project.bias.double()


@pytest.mark.parametrize("frames", [1, 2, 13, 30])
def test_embedding_is_that_of_the_formula(frames):
    network = encoder()
    network(3 + 2 * torch.randn(4, 20, 21), torch.full((4,), 20))  # moments to standardise by
    network.eval()
    clip = 3 + 2 * torch.randn(frames, 21)
    with torch.no_grad():
        embedding = network(clip[None], torch.tensor([frames])).embedding
        wanted = plain(network, clip.double())
    torch.testing.assert_close(embedding[0].double(), wanted, atol=1e-5, rtol=1e-4)


def test_padding_changes_nothing_in_training_either():
    clips = torch.randn(2, 24, 21)
    lengths = torch.tensor([24, 11])
    found = []
    for rubbish in (0.0, 9.0):
        with torch.random.fork_rng():
            torch.manual_seed(1)
            network = encoder()
        clips[1, 11:] = rubbish
        found.append(network(clips, lengths).embedding)
    assert torch.equal(*found)


def test_published_sizes():
    network = siamese_cnn.Encoder(siamese_cnn.Params(widths=(64, 128, 128), dim=4096), 128)
    assert [tuple(layer.kernel_size) for layer in network.layers] == [(10, 10), (7, 7), (4, 4)]
    assert {layer.stride for layer in network.layers} == {(1, 1)}
    count = [sum(weight.numel() for weight in layer.parameters()) for layer in network.layers]
    assert count == [100 * 64 + 64, 49 * 64 * 128 + 128, 16 * 128 * 128 + 128]
    assert network.project.in_features == 128 * 32


def test_activations_are_as_large_as_they_say():
    network = encoder()
    found = network.activations(torch.randn(2, 13, 21), torch.tensor([13, 6]))
    assert [tuple(maps.shape) for maps, _ in found] == [(2, 3, 13, 21), (2, 4, 7, 11), (2, 5, 4, 6)]
    assert [lengths.tolist() for _, lengths in found] == [[13, 6], [7, 3], [4, 2]]
    for maps, lengths in found:
        assert (maps >= 0).all() and not maps[1, :, lengths[1] :].any()


@pytest.mark.parametrize("start", siamese_cnn.STARTS)
def test_start_weights(start):
    network = encoder(start=start, widths=(40, 40, 40), dim=100)
    for module in (*network.layers, network.project):
        fan_in = module.weight[0].numel()
        wanted = {"narrow": 0.01, "he": (2 / fan_in) ** 0.5}[start]
        assert module.weight.std().item() == pytest.approx(wanted, rel=0.1)
        assert not module.bias.any()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"widths": [64, 128]}, r"widths is \[64, 128\]; write 3"),
        ({"dim": 0}, "dim is 0"),
        ({"start": "zero"}, "start is 'zero'; write he or narrow"),
    ],
)
def test_encoder_settings_out_of_range(change, message):
    with pytest.raises(ParameterError, match=message):
        siamese_cnn.Params(**{"widths": [1, 1, 1], "dim": 1, **change})


# -- The loss -------------------------------------------------------------------------------------


def batch(emotion):
    emotion = torch.as_tensor(emotion)
    ones = torch.ones(len(emotion), dtype=torch.int64)
    return Batch(features=torch.zeros(len(emotion), 1, 1), lengths=ones, emotion=emotion,
                 speaker=ones)  # fmt: skip


def loss_of(values, emotion, margin=1.0):
    loss = contrastive.Loss(contrastive.Params(margin=margin), values.shape[1], ("a", "b", "c"))
    return loss(Encoded(embedding=values), batch(emotion))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("margin", [0.5, 1.3])
def test_contrastive_equals_a_plain_loop(seed, margin):
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(9, 3, generator=generator, dtype=torch.float64)
    emotion = [0, 0, 1, 2, 2, 2, 1, 0, 1]
    unit = [row / row.norm() for row in values]
    similar, dissimilar = [], []
    for i in range(9):
        for j in range(i):
            distance = float((unit[i] - unit[j]).norm())
            if emotion[i] == emotion[j]:
                similar.append(distance**2)
            else:
                dissimilar.append(max(0.0, margin - distance) ** 2)
    wanted = (np.mean(similar) + np.mean(dissimilar)) / 2
    assert loss_of(values, emotion, margin).item() == pytest.approx(wanted, abs=1e-12)
    assert margin < 1 or (any(dissimilar) and not all(dissimilar))


def test_contrastive_known_answers():
    right = torch.tensor([[1.0, 0], [0, 2], [1, 0]], dtype=torch.float64)
    # similar: one pair at sqrt 2; dissimilar: one at sqrt 2, beyond the margin, one at 0
    assert loss_of(right, [0, 0, 1]).item() == pytest.approx((2 + (0 + 1) / 2) / 2)
    apart = torch.tensor([[1.0, 0], [5, 0], [0, 1]], dtype=torch.float64)
    assert loss_of(apart, [0, 0, 1]).item() == 0.0


@pytest.mark.parametrize("emotion", [[0], [1, 1, 1], [0, 1, 2]])
def test_contrastive_is_zero_without_both_kinds(emotion):
    values = torch.randn(len(emotion), 4, requires_grad=True)
    result = loss_of(values, emotion)
    result.backward()
    assert result.ndim == 0 and result.item() == 0.0 and not values.grad.any()


def test_contrastive_does_not_see_turns_and_lengths():
    values = torch.randn(12, 4, dtype=torch.float64)
    turn = torch.linalg.qr(torch.randn(4, 4, dtype=torch.float64))[0]
    emotion = torch.arange(12) % 3
    stretched = values @ turn * torch.linspace(0.2, 4, 12, dtype=torch.float64)[:, None]
    one, two = loss_of(values, emotion), loss_of(stretched, emotion)
    assert one.item() == pytest.approx(two.item(), abs=1e-12)


def test_contrastive_gradient_is_that_of_differences():
    values = torch.randn(8, 3, dtype=torch.float64, requires_grad=True)
    torch.autograd.gradcheck(lambda some: loss_of(some, torch.arange(8) % 3), values)


@pytest.mark.parametrize("margin", [0, -1.0, 2.5])
def test_contrastive_refuses_a_margin_out_of_range(margin):
    with pytest.raises(ParameterError, match=r"contrastive\.margin is"):
        contrastive.Params(margin=margin)


# -- The decision ---------------------------------------------------------------------------------


def decision(n_emotions=3, **settings):
    return support_similarity.Decision(support_similarity.Params(**settings), n_emotions)


@pytest.mark.parametrize("pool", support_similarity.POOLS)
@pytest.mark.parametrize("similarity", ["cosine", "euclidean"])
def test_scores_are_those_of_algorithm_1(pool, similarity):
    generator = np.random.default_rng(0)
    support, queries = generator.normal(size=(20, 4)), generator.normal(size=(7, 4))
    emotion = generator.choice([0, 2], 20)
    scores = decision(pool=pool, similarity=similarity).fit(support, emotion).scores(queries)
    for row, query in enumerate(queries):
        found = {0: [], 2: []}
        for clip, label in zip(support, emotion, strict=True):
            if similarity == "cosine":
                value = query @ clip / (query @ query) ** 0.5 / (clip @ clip) ** 0.5
            else:
                value = -(((query - clip) ** 2).sum() ** 0.5)
            found[label].append(value)
        pooled = {"max": max, "mean": lambda some: sum(some) / len(some)}[pool]
        assert scores[row, 0] == pytest.approx(pooled(found[0]), abs=1e-12)
        assert scores[row, 2] == pytest.approx(pooled(found[2]), abs=1e-12)
    assert (scores[:, 1] == -np.inf).all()


def test_one_near_clip_decides_by_the_largest_and_not_by_the_mean():
    support = np.array([[1.0, 0], [-1, 0], [-1, 0.1], [0.8, 0.6], [0.8, 0.7]])
    emotion = np.array([0, 0, 0, 1, 1])
    query = np.array([[1.0, 0.05]])
    assert decision(pool="max").fit(support, emotion).scores(query).argmax() == 0
    assert decision(pool="mean").fit(support, emotion).scores(query).argmax() == 1


def test_cosine_of_zeros_is_zero():
    scores = decision().fit(np.zeros((1, 2)), np.array([1])).scores(np.ones((1, 2)))
    assert scores.tolist() == [[-np.inf, 0.0, -np.inf]]


def test_a_near_copy_is_nearer_than_itself_moved():
    # The distance by squares would give 0 for both.
    support = np.array([[1e4, 0.0], [1e4, 1e-6]])
    scores = decision(similarity="euclidean").fit(support, np.array([0, 1])).scores(support)
    np.testing.assert_allclose(scores[:, :2], [[0, -1e-6], [-1e-6, 0]], atol=1e-15)


@pytest.mark.parametrize("n_clips", [3, 4, 7, 10, 99])
def test_a_drawn_support_holds_the_emotions_alike(n_clips):
    emotion = np.repeat([0, 1, 2], [20, 2, 9])
    rows = support_similarity.draw(emotion, n_clips, seed=5)
    assert len(set(rows)) == len(rows) == min(n_clips, 31) and list(rows) == sorted(rows)
    count = sorted(np.bincount(emotion[rows], minlength=3))
    assert (
        count == {3: [1, 1, 1], 4: [1, 1, 2], 7: [2, 2, 3], 10: [2, 4, 4], 99: [2, 9, 20]}[n_clips]
    )
    assert np.array_equal(rows, support_similarity.draw(emotion, n_clips, seed=5))


def test_which_clips_are_drawn_hangs_on_the_seed():
    emotion = np.repeat([0, 1], 50)
    drawn = [support_similarity.draw(emotion, 20, seed) for seed in range(200)]
    hits = np.bincount(np.concatenate(drawn), minlength=100) / 200
    assert len({tuple(rows) for rows in drawn}) == 200
    np.testing.assert_allclose(hits, 0.2, atol=0.12)  # 4 deviations of a share of 200 draws


def test_a_drawn_support_is_what_decides():
    generator = np.random.default_rng(1)
    support, emotion = generator.normal(size=(40, 3)), np.arange(40) % 3
    fitted = decision(n_support=6, draw_seed=2).fit(support, emotion)
    rows = support_similarity.draw(emotion, 6, 2)
    by_hand = decision().fit(support[rows], emotion[rows])
    queries = generator.normal(size=(5, 3))
    np.testing.assert_array_equal(fitted.scores(queries), by_hand.scores(queries))


def test_too_small_a_support_is_refused():
    with pytest.raises(ParameterError, match="n_support is 2, but the support has 3 emotions"):
        decision(n_support=2).fit(np.eye(3), np.arange(3))


def test_a_trained_head_may_compare():
    def head(first, second):
        return -np.abs(first[:, None, 0] - second[None, :, 0])  # looks at one dimension alone

    support, emotion = np.array([[0.0, 9], [5, 0]]), np.array([0, 1])
    params = support_similarity.Params(similarity="loss")
    fitted = support_similarity.Decision(params, 2, head)
    assert fitted.fit(support, emotion).scores([[1.0, 0]]).tolist() == [[-1.0, -4.0]]
    with pytest.raises(ParameterError, match="no loss was trained here; write cosine"):
        support_similarity.Decision(params, 2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pool": "sum"}, "pool is 'sum'; write max, mean"),
        ({"similarity": "dot"}, "similarity is 'dot'; write cosine, euclidean, loss"),
        ({"n_support": 0}, "n_support is '0'; write a whole number from 1"),
        ({"n_support": 2.5}, "n_support is '2.5'"),
        ({"draw_seed": None}, "draw_seed is 'None'"),
    ],
)
def test_decision_settings_out_of_range(change, message):
    with pytest.raises(ParameterError, match=message):
        support_similarity.Params(**change)


# -- Together -------------------------------------------------------------------------------------


def voice(emotion, generator, seconds=0.6):
    """Harmonics whose pitch and its movement tell the emotion, at any level, in noise."""
    time = np.arange(round(seconds * generator.uniform(0.8, 1.2) * RATE_HZ)) / RATE_HZ
    pitch = generator.uniform(95, 125) * (1, 1.5, 2.2)[emotion]
    phase = 2 * np.pi * pitch * (time + 0.01 * np.sin(2 * np.pi * (3 + 3 * emotion) * time))
    sound = sum(np.sin(number * phase) / number for number in range(1, 12))
    sound = generator.uniform(0.05, 0.2) * (sound + 0.3 * generator.normal(size=len(time)))
    return sound.astype(np.float32)


@pytest.fixture(scope="module")
def trained():
    """A network of these parts after a short training on log-Mel, and its clips."""
    generator = np.random.default_rng(0)
    features, emotion, speaker = [], [], []
    for one in range(4):
        for kind in range(3):
            for _ in range(4):
                sound = voice(kind, generator)
                features.append(log_mel.extract(sound, RATE_HZ, log_mel.Params()))
                emotion.append(kind)
                speaker.append(one)
    clips = training.Clips(features, np.array(emotion), np.array(speaker), CPU)
    recipe = checkpoint.Recipe(
        encoder="siamese_cnn",
        encoder_params={"widths": [4, 8, 8], "dim": 16, "start": "he"},
        loss="contrastive",
        loss_params={"margin": 1.0},
        emotions=("anger", "neutral", "sadness"),
        n_bins=clips.n_bins,
    )
    params = training.Params(
        sampler="emotion_balanced",
        batch_size=12,
        epochs=8,
        crop_s=0.3,
        learning_rate=0.003,
        decay_every=6,
    )
    roles = np.flatnonzero(clips.speaker < 2), np.flatnonzero(clips.speaker == 2)
    with seeding.reproducible((7, 0), CPU):
        network = checkpoint.Network(recipe)
        curve = training.fit(network, clips, roles, params, crop_frames=20, seed=(7, 0))
    return network, recipe, clips, curve


def test_the_parts_learn_together_on_log_mel(trained):
    network, _, clips, curve = trained
    assert curve[-1].train_loss < 0.5 * curve[0].train_loss
    known = np.flatnonzero(clips.speaker < 3)
    test = np.flatnonzero(clips.speaker == 3)  # a speaker that nothing has heard
    support, queries = (training.embed(network, clips, rows) for rows in (known, test))
    for settings in ({}, {"pool": "mean"}, {"n_support": 9}, {"similarity": "euclidean"}):
        params = parts.make_params("decisions", "support_similarity", settings)
        fitted = support_similarity.Decision(params, 3).fit(support, clips.emotion[known])
        predicted = fitted.scores(queries).argmax(axis=1)
        assert np.mean(predicted == clips.emotion[test]) > 0.8, settings  # a guess: 0.33


def test_a_loss_hands_its_similarity_to_the_decision(trained, tmp_path):
    network, recipe, _, _ = trained
    checkpoint.save(tmp_path / "without", network, recipe, {})
    with pytest.raises(ParameterError, match="the loss 'contrastive' trains no similarity; in par"):
        fold_models.similarity(tmp_path / "without")
    recipe = replace(recipe, loss="pairwise_similarity", loss_params={"nodes": 4})
    owner = checkpoint.Network(recipe)
    checkpoint.save(tmp_path / "with", owner, recipe, {})
    compare = fold_models.similarity(tmp_path / "with")
    generator = np.random.default_rng(0)
    first, second = generator.normal(size=(5, 16)), generator.normal(size=(7, 16))
    values = compare(first, second)
    assert values.shape == (5, 7) and values.dtype == np.float64
    inner, outer = owner.loss.head
    for row, one in enumerate(first):
        for column, other in enumerate(second):
            hidden = inner(torch.tensor(np.abs(one - other), dtype=torch.float32)).clamp(min=0)
            wanted = outer(hidden).item()
            assert values[row, column] == pytest.approx(wanted, abs=1e-5)
    np.testing.assert_allclose(compare(second, first), values.T, atol=1e-6)
    params = support_similarity.Params(similarity="loss")
    fitted = support_similarity.Decision(params, 2, compare).fit(second, np.arange(7) % 2)
    np.testing.assert_array_equal(fitted.scores(first)[:, 1], values[:, 1::2].max(axis=1))


def test_the_stage_gives_the_decision_the_head_of_its_fold(trained, tmp_path):
    _, recipe, _, _ = trained
    recipe = replace(recipe, loss="pairwise_similarity", loss_params={"nodes": 0})
    checkpoint.save(tmp_path / "fold_00", checkpoint.Network(recipe), recipe, {})
    stage = stage_scripts.load("embed")
    points = np.random.default_rng(0).normal(size=(6, 16))
    own = fold_models.similarity(tmp_path / "fold_00")(points, points)
    params = parts.make_params("decisions", "support_similarity", {"similarity": "loss"})
    fitted = stage.make_decision("support_similarity", params, 6, tmp_path / "fold_00")
    np.testing.assert_array_equal(fitted.fit(points, np.arange(6)).scores(points), own)
    params = parts.make_params("decisions", "support_similarity", {})
    fitted = stage.make_decision("support_similarity", params, 6, tmp_path / "no model there")
    cosine = support_similarity.cosine(points, points)
    np.testing.assert_array_equal(fitted.fit(points, np.arange(6)).scores(points), cosine)

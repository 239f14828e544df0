"""Activation maps, occlusion and integrated gradients: known answers and plain loops."""

import itertools
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from emometric.base import parts
from emometric.base.errors import ParameterError
from emometric.explain import explaining


def picture(frames: int, bins: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(frames, bins, generator=torch.Generator().manual_seed(seed))


def linear(weights: torch.Tensor):
    """A similarity that is a weighted sum of the picture: every contribution is known."""
    return lambda features: (features * weights).sum(dim=(1, 2))


def siamese_cnn(n_bins: int = 20) -> nn.Module:
    torch.manual_seed(1)
    params = parts.make_params("encoders", "siamese_cnn", {"widths": [3, 4, 5], "dim": 6})
    return parts.load("encoders", "siamese_cnn").Encoder(params, n_bins).eval()


def se_resnet34(n_bins: int = 33) -> nn.Module:
    torch.manual_seed(1)
    settings = {"widths": [2, 3, 4, 5], "clusters": 2, "ghosts": 1, "dim": 6, "reduction": 2}
    params = parts.make_params("encoders", "se_resnet34", settings)
    return parts.load("encoders", "se_resnet34").Encoder(params, n_bins).eval()


def cosine_to(encoder: nn.Module, other: torch.Tensor):
    def embed(features):
        lengths = torch.full((len(features),), features.shape[1])
        return encoder(features, lengths).embedding

    with torch.no_grad():
        fixed = embed(other[None])
    return lambda features: nn.functional.cosine_similarity(embed(features), fixed)


@settings(deadline=None, max_examples=40)
@given(
    frames=st.integers(2, 9),
    bins=st.integers(2, 9),
    regions=st.tuples(st.integers(1, 9), st.integers(1, 9)),
)
def test_occlusion_of_a_linear_network_is_the_regions_contribution(frames, bins, regions):
    features, weights = picture(frames, bins), picture(frames, bins, 1)
    fall = explaining.occlusion(linear(weights), features, regions)
    rows, columns = min(regions[0], bins), min(regions[1], frames)
    assert fall.shape == (rows, columns)
    part = ((features - features.mean(dim=0)) * weights).numpy()
    for row in range(rows):
        for column in range(columns):
            own_bins = [b for b in range(bins) if b * rows // bins == row]
            own_frames = [f for f in range(frames) if f * columns // frames == column]
            expected = sum(part[f, b] for f in own_frames for b in own_bins)
            # float32 sums of up to 81 values of size 1 to 10
            assert fall[row, column] == pytest.approx(expected, abs=2e-5)


def test_occlusion_equals_a_plain_loop_over_a_real_encoder():
    encoder, features = siamese_cnn(), picture(30, 20)
    similarity = cosine_to(encoder, picture(24, 20, 1))
    fall = explaining.occlusion(similarity, features, (4, 3))
    with torch.no_grad():
        for row in range(4):
            for column in range(3):
                hidden = features.clone()
                time = slice(10 * column, 10 * column + 10)
                band = slice(5 * row, 5 * row + 5)
                hidden[time, band] = features[:, band].mean(dim=0)
                expected = similarity(features[None]) - similarity(hidden[None])
                # a batch may be summed in another order than a single clip
                assert fall[row, column] == pytest.approx(float(expected), abs=1e-5)


def test_what_the_network_does_not_see_has_no_part_in_the_similarity():
    weights = torch.zeros(12, 16)
    weights[3:6, 8:12] = 1.0  # frames 3 to 5, bins 8 to 11: row 2, column 1 of 4 x 4
    features = picture(12, 16)
    fall = explaining.occlusion(linear(weights), features, (4, 4))
    assert np.flatnonzero(fall).tolist() == [2 * 4 + 1]
    points, _ = explaining.integrated_gradients(linear(weights), features)
    assert (points[:8] == 0).all() and (points[8:12, 3:6] != 0).all()


def test_a_picture_that_does_not_change_in_time_has_nothing_to_hide():
    steady = torch.linspace(-1, 1, 20).expand(15, 20)
    fall = explaining.occlusion(cosine_to(siamese_cnn(), picture(20, 20)), steady, (4, 5))
    assert np.abs(fall).max() < 1e-6


def test_regions_are_of_frequency_by_time_with_the_lowest_bin_first():
    weights = torch.zeros(10, 8)
    weights[-1, 0] = 1.0  # the last frame of the lowest bin
    fall = explaining.occlusion(linear(weights), picture(10, 8), (2, 5))
    assert np.flatnonzero(fall).tolist() == [4]  # the first row's last column


def test_integrated_gradients_of_a_linear_network_are_exact():
    features, weights = picture(7, 5), picture(7, 5, 1)
    points, gap = explaining.integrated_gradients(linear(weights), features, steps=3)
    expected = ((features - features.mean(dim=0)) * weights).numpy().T
    np.testing.assert_allclose(points, expected, atol=1e-6)
    assert gap == pytest.approx(0, abs=1e-5)  # a float32 sum of 35 values


def test_integrated_gradients_of_a_square_are_known():
    """x^2 from the mean m: the integral of 2 (m + a (x - m)) (x - m) is x^2 - m^2."""
    features = torch.tensor([[1.0], [5.0]])  # the mean is 3
    points, gap = explaining.integrated_gradients(lambda x: x.square().sum(dim=(1, 2)), features)
    np.testing.assert_allclose(points, [[1 - 9, 25 - 9]], atol=1e-5)
    assert gap == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("make, n_bins", [(siamese_cnn, 20), (se_resnet34, 33)])
def test_integrated_gradients_are_complete(make, n_bins):
    """Of a network with ReLU the sum comes nearer to s(x) - s(baseline) with more steps."""
    encoder, features = make(), picture(40, n_bins)
    similarity = cosine_to(encoder, picture(33, n_bins, 1))
    points, gap = explaining.integrated_gradients(similarity, features, steps=200)
    with torch.no_grad():
        start = features.mean(dim=0).expand(1, 40, n_bins)
        whole = float(similarity(features[None]) - similarity(start))
    assert points.shape == (n_bins, 40)
    assert points.sum() - gap == pytest.approx(whole, abs=1e-6)
    assert abs(gap) < 0.02 * abs(whole)
    _, coarse = explaining.integrated_gradients(similarity, features, steps=2)
    assert abs(gap) < abs(coarse)


def test_activation_maps_are_the_means_over_channels_of_what_the_encoder_says_itself():
    encoder, features = siamese_cnn(), picture(21, 20)
    maps = explaining.activation_maps(encoder, features, explaining.NAMED["siamese_cnn"])
    with torch.no_grad():
        own = encoder.activations(features[None], torch.tensor([21]))
    assert list(maps) == ["layer 1", "layer 2", "layer 3"]
    for found, (expected, _) in zip(maps.values(), own, strict=True):
        loop = sum(expected[0, channel] for channel in range(expected.shape[1]))
        np.testing.assert_allclose(found, (loop / expected.shape[1]).T, rtol=1e-5)


def test_activation_maps_of_the_resnet_halve_from_stage_to_stage():
    encoder, features = se_resnet34(), picture(40, 33)
    maps = explaining.activation_maps(encoder, features, explaining.NAMED["se_resnet34"])
    assert maps["stem"].shape == (17, 20)
    stages = [maps[f"stage {number}"].shape for number in (1, 2, 3, 4)]
    for (rows, columns), after in itertools.pairwise(stages):
        assert after == (-(-rows // 2), -(-columns // 2))
    with torch.no_grad():
        stem = encoder.stem_norm(encoder.stem(features[None, None])).relu()
        inner = stem if encoder.pool is None else encoder.pool(stem)
        for block in encoder.blocks[:3]:
            inner = block(inner, None)
    np.testing.assert_allclose(maps["stem"], stem[0].mean(dim=0).T, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(maps["stage 1"], inner[0].mean(dim=0).T, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", ["resnet11", "cnn8"])
def test_convolutions_over_time_alone_give_a_row(name):
    params = parts.make_params("encoders", name, {"width": 4, "dim": 5})
    encoder = parts.load("encoders", name).Encoder(params, 7).eval()
    maps = explaining.activation_maps(encoder, picture(50, 7))
    assert maps and all(found.shape == (1, 5) for found in maps.values())


def test_encoders_without_convolutions_have_no_maps():
    params = parts.make_params("encoders", "fc7", {"width": 4, "dim": 5})
    encoder = parts.load("encoders", "fc7").Encoder(params, 7).eval()
    assert explaining.activation_maps(encoder, picture(50, 7)) == {}


def test_a_network_of_another_kind_is_run_by_call():
    network = nn.Sequential(nn.Conv2d(1, 1, 1))
    nn.init.constant_(network[0].weight, -2.0)
    nn.init.constant_(network[0].bias, 1.0)
    features = torch.tensor([[0.0, 1.0, -1.0]])
    maps = explaining.activation_maps(
        network, features, {"only": "0"}, call=lambda one: network(one[:, None])
    )
    assert maps["only"].tolist() == [[1.0], [0.0], [3.0]]  # ReLU of 1 - 2 x, bins upwards


def test_no_hook_stays_behind():
    encoder = siamese_cnn()
    with pytest.raises(RuntimeError):
        explaining.activation_maps(encoder, picture(5, 7), explaining.NAMED["siamese_cnn"])
    explaining.activation_maps(encoder, picture(5, 20), explaining.NAMED["siamese_cnn"])
    assert not any(module._forward_hooks for module in encoder.modules())


def test_same_inputs_same_maps_and_inputs_stay_as_they_are():
    encoder, features = se_resnet34(), picture(30, 33)
    similarity, before = cosine_to(encoder, picture(30, 33, 1)), features.clone()
    first, second = (explaining.integrated_gradients(similarity, features) for _ in range(2))
    np.testing.assert_array_equal(first[0], second[0])
    np.testing.assert_array_equal(*(explaining.occlusion(similarity, features) for _ in range(2)))
    assert torch.equal(features, before)
    assert not any(value.grad is not None for value in encoder.parameters())


def test_unknown_modules_are_refused():
    with pytest.raises(ParameterError, match=r"no module 'layers\.9'; name one of norm, layers"):
        explaining.activation_maps(siamese_cnn(), picture(5, 20), {"x": "layers.9"})
    with pytest.raises(ParameterError, match="'x' gives no maps of channels"):
        explaining.activation_maps(siamese_cnn(), picture(5, 20), {"x": "project"})


def test_without_captum_one_sentence(monkeypatch):
    monkeypatch.setitem(sys.modules, "captum", None)
    with pytest.raises(ParameterError, match=r"pip install 'emometric\[explain\]'"):
        explaining.occlusion(linear(torch.ones(2, 2)), picture(2, 2))


def test_captum_is_asked_for_only_when_needed():
    code = "import sys; from emometric.explain import explaining; sys.exit('captum' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)

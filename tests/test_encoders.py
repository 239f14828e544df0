"""A contract over all encoders, and the published figures of single ones."""

import json
from pathlib import Path

import pytest
import torch

from emometric.base import parts, settings
from emometric.base.errors import ParameterError, StoreError
from emometric.fitting import checkpoint

N_BINS = 257
PARAMS = Path(__file__).resolve().parents[1] / "params.yaml"


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with torch.random.fork_rng():
        torch.manual_seed(5)
        yield
    torch.set_num_threads(before)


def make(name):
    """A new encoder with the settings of params.yaml."""
    params = parts.make_params(
        "encoders", name, settings.read("synthetic", PARAMS)["encoders"][name]
    )
    return params, parts.load("encoders", name).Encoder(params, N_BINS)


def make_used(name):
    """An encoder in eval(), its batch normalisation moved off the start."""
    params, encoder = make(name)
    with torch.no_grad():
        for _ in range(3):
            encoder(torch.randn(6, 40, N_BINS) + 0.3, torch.full((6,), 40))
        for module in encoder.modules():
            if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
                module.weight.uniform_(0.5, 1.0)
                module.bias.normal_(std=0.5)  # so that a forgotten mask shows
    return params, encoder.eval()


each = pytest.mark.parametrize("name", parts.available("encoders"))


@each
@pytest.mark.parametrize("length", [1, 2, 17, 63])
def test_padding_and_batch_mates_change_nothing(name, length):
    params, encoder = make_used(name)
    clip = torch.randn(1, length, N_BINS)
    mates = torch.randn(2, 97, N_BINS)
    rubbish = 5 * torch.randn(1, 97 - length, N_BINS)  # a clip's end counts, not zeros behind it
    batch = torch.cat([mates[:1], torch.cat([clip, rubbish], dim=1), mates[1:]])
    with torch.no_grad():
        alone = encoder(clip, torch.tensor([length])).embedding
        among = encoder(batch, torch.tensor([97, length, 80])).embedding
        again = encoder(batch.flip(0), torch.tensor([80, length, 97])).embedding
    assert alone.shape == (1, params.dim)
    assert float(alone.std()) > 1e-3
    torch.testing.assert_close(among[1:2], alone, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(again[1:2], alone, atol=1e-5, rtol=1e-5)


@each
def test_every_weight_learns(name):
    _, encoder = make(name)
    # Clips must differ: squeeze-and-excitation shuts units off that see the same everywhere.
    features = torch.randn(8, 50, N_BINS) * torch.linspace(0.2, 2, 8)[:, None, None]
    embedding = encoder(features, torch.tensor([50, 50, 30, 7] * 2)).embedding
    (embedding * torch.randn(embedding.shape)).sum().backward()
    for key, weight in encoder.named_parameters():
        assert weight.grad is not None and weight.grad.isfinite().all(), key
        assert weight.grad.abs().max() > 0, key


@each
def test_checkpoint_round_trip(name, tmp_path):
    values = settings.read("synthetic", PARAMS)
    recipe = checkpoint.Recipe(
        encoder=name,
        encoder_params=values["encoders"][name],
        loss="softmax",
        loss_params=values["losses"]["softmax"],
        emotions=("anger", "neutral"),
        n_bins=N_BINS,
    )
    network = checkpoint.Network(recipe).eval()
    checkpoint.save(tmp_path / "one", network, recipe, {"fold": 3})
    checkpoint.save(tmp_path / "two", network, recipe, {"fold": 3})
    for first, second in zip(
        checkpoint.files(tmp_path / "one"), checkpoint.files(tmp_path / "two"), strict=True
    ):
        assert first.read_bytes() == second.read_bytes()
    loaded, description = checkpoint.load(tmp_path / "one")
    assert description["fold"] == 3 and not loaded.training
    clip, length = torch.randn(1, 30, N_BINS), torch.tensor([30])
    with torch.no_grad():
        torch.testing.assert_close(
            loaded.encoder(clip, length).embedding,
            network.encoder(clip, length).embedding,
            atol=0,
            rtol=0,
        )
    assert torch.equal(loaded.loss.classify.weight, network.loss.classify.weight)


def spoil_weights(folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


def spoil_text(folder):
    (folder / "model.json").write_text("{")


def other_width(folder):
    path = folder / "model.json"
    description = json.loads(path.read_text())
    description["recipe"]["n_bins"] = 100
    path.write_text(json.dumps(description))


def lose_weights(folder):
    (folder / "model.safetensors").unlink()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (spoil_weights, "is damaged"),
        (spoil_text, "is damaged"),
        (other_width, "is damaged"),
        (lose_weights, "no model at"),
    ],
)
def test_damaged_checkpoints_are_refused(tmp_path, spoil, message):
    values = settings.read("synthetic", PARAMS)
    recipe = checkpoint.Recipe(
        encoder="se_resnet34",
        encoder_params={"widths": [2, 2, 2, 2], "clusters": 2, "ghosts": 1, "dim": 4},
        loss="triplet",
        loss_params=values["losses"]["triplet"],
        emotions=("anger", "neutral"),
        n_bins=N_BINS,
    )
    checkpoint.save(tmp_path / "model", checkpoint.Network(recipe), recipe, {})
    spoil(tmp_path)
    with pytest.raises(StoreError, match=message):
        checkpoint.load(tmp_path / "model")


def test_se_resnet34_has_the_depth_of_a_resnet34():
    _, encoder = make("se_resnet34")
    assert [len(list(block.children())) for block in encoder.blocks] == [6] * 16
    # 34 layers: the stem, two convolutions in each of 16 blocks, and the one that collapses bins.
    spatial = [m for m in encoder.modules() if isinstance(m, torch.nn.Conv2d)]
    assert sum(max(m.kernel_size) > 1 for m in spatial) == 1 + 2 * 16 + 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"widths": [16, 32]}, "widths is"),
        ({"clusters": 0}, "clusters is 0"),
        ({"ghosts": -1}, "ghosts is -1"),
        ({"dim": 0}, "dim is 0"),
    ],
)
def test_se_resnet34_refuses_values_out_of_range(change, message):
    good = {"widths": [16, 32, 64, 128], "clusters": 8, "ghosts": 2, "dim": 512}
    with pytest.raises(ParameterError, match=message):
        parts.make_params("encoders", "se_resnet34", {**good, **change})


@pytest.mark.parametrize("length", [1, 2, 3, 4, 5, 8, 9])
def test_se_resnet34_pools_a_padded_clip_as_if_it_stood_alone(length):
    torch.manual_seed(length)
    values = {"widths": [4, 4, 4, 4], "clusters": 2, "ghosts": 1, "dim": 6, "reduction": 2}
    for stem, bins in (("pooled", 9), ("plain", 17)):
        params = parts.make_params("encoders", "se_resnet34", {**values, "stem": stem})
        encoder = parts.load("encoders", "se_resnet34").Encoder(params, N_BINS)
        assert encoder.collapse.kernel_size == (1, bins)  # 257 bins, halved five times, or four
        for module in encoder.modules():
            if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
                module.bias.data.normal_(std=0.5)  # so that a forgotten mask shows
        encoder.eval()
        clip = torch.randn(1, length, N_BINS)
        padded = torch.cat([clip, 9 * torch.randn(1, 11, N_BINS)], dim=1)
        with torch.no_grad():
            alone = encoder(clip, torch.tensor([length])).embedding
            torch.testing.assert_close(
                encoder(padded, torch.tensor([length])).embedding, alone, atol=1e-5, rtol=1e-5
            )


def test_se_resnet34_refuses_an_unknown_stem():
    good = {"widths": [16, 32, 64, 128], "clusters": 8, "ghosts": 2, "dim": 512}
    with pytest.raises(ParameterError, match="stem is 'deep'; write pooled or plain"):
        parts.make_params("encoders", "se_resnet34", {**good, "stem": "deep"})

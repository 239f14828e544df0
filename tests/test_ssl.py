"""Frozen speech models: the values are those of transformers called by hand, and refusals speak."""

import json
import os
import shutil
import subprocess
import sys
import threading
from importlib import metadata

import numpy as np
import pyarrow as pa
import pytest
import torch
import transformers
from hypothesis import given
from hypothesis import strategies as st

import tiny_speech_models as tiny
from emometric.base import parts
from emometric.base.errors import AudioError, ParameterError
from emometric.extraction import extracting, pretrained, speech_models, workers
from emometric.features import ssl, ssl_mean
from emometric.sound import audio
from emometric.storage import store
from emometric.storage.clip import MANIFEST_SCHEMA

RATE_HZ = 16000
each_kind = pytest.mark.parametrize("kind", tiny.KINDS)


@pytest.fixture(scope="module", params=["stable", "group"])
def models(request, tmp_path_factory):
    """A folder a kind; as the large ones are, and as wav2vec2-base is."""
    folder = tmp_path_factory.mktemp(request.param)
    group = {"feat_extract_norm": "group", "do_stable_layer_norm": False}
    for kind in tiny.KINDS:
        changes = group if request.param == "group" and kind != "whisper" else {}
        tiny.save(folder / kind, kind, **changes)
    return folder


@pytest.fixture(scope="module")
def hubert(tmp_path_factory):
    return tiny.save(tmp_path_factory.mktemp("one"), "hubert")


def noise(seconds, seed=0):
    generator = np.random.default_rng(seed)
    return generator.uniform(-0.3, 0.3, round(seconds * RATE_HZ)).astype(np.float32)


def by_hand(folder, waveform):
    """All states as a user of transformers gets them, (layers + 1, frames, width)."""
    extractor = transformers.AutoFeatureExtractor.from_pretrained(folder)
    network = transformers.AutoModel.from_pretrained(folder).eval()
    inputs = extractor(waveform, sampling_rate=RATE_HZ, return_tensors="pt")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with torch.no_grad():
        if network.config.model_type == "whisper":
            network = network.encoder
        out = network(**inputs, output_hidden_states=True)
    torch.set_num_threads(threads)
    states = torch.cat([*out.hidden_states[:-1], out.last_hidden_state]).numpy()
    if network.config.model_type == "whisper":
        states = states[:, : -(-len(waveform) // 320)]  # the rest is silence behind the clip
    return states


@each_kind
def test_every_layer_is_that_of_transformers(models, kind):
    waveform = noise(1.13)
    wanted = by_hand(models / kind, waveform)
    assert len(wanted) == tiny.LAYERS + 1
    assert wanted.shape[1] == {"whisper": 57}.get(kind, 56)
    for layer, states in enumerate(wanted):
        params = ssl.Params(model=str(models / kind), layer=layer)
        np.testing.assert_array_equal(ssl.extract(waveform, RATE_HZ, params), states)
    assert len({states.tobytes() for states in wanted}) == tiny.LAYERS + 1
    mean = ssl.extract(waveform, RATE_HZ, ssl.Params(model=str(models / kind)))
    np.testing.assert_allclose(mean, wanted.mean(axis=0), rtol=1e-6, atol=1e-6)
    params = ssl_mean.Params(model=str(models / kind), layer=1)
    pooled = ssl_mean.extract(waveform, RATE_HZ, params)
    assert pooled.shape == (1, tiny.WIDTH) and pooled.dtype == np.float32
    np.testing.assert_allclose(pooled[0], wanted[1].mean(axis=0), rtol=1e-5, atol=1e-6)


@pytest.mark.filterwarnings("ignore:Support for mismatched key_padding_mask")  # WavLM's own
@each_kind
def test_a_clip_alone_is_as_in_a_padded_batch_with_its_mask(tmp_path, kind):
    # Where a model takes a mask (those with group normalisation do not), it agrees with batch one.
    folder = tiny.save(tmp_path / kind, kind)
    short, long = noise(0.6, seed=1), noise(1.1, seed=2)
    extractor = transformers.AutoFeatureExtractor.from_pretrained(folder)
    network = transformers.AutoModel.from_pretrained(folder).eval()
    padding = {} if kind == "whisper" else {"padding": True, "return_attention_mask": True}
    inputs = extractor([short, long], sampling_rate=RATE_HZ, return_tensors="pt", **padding)
    with torch.no_grad():
        network = network.encoder if kind == "whisper" else network
        out = network(**inputs, output_hidden_states=True)
    params = ssl.Params(model=str(folder), layer=2)
    for row, waveform in enumerate((short, long)):
        alone = ssl.extract(waveform, RATE_HZ, params)
        together = out.hidden_states[2][row, : len(alone)].numpy()
        # float32 sums in another order
        np.testing.assert_allclose(alone, together, atol=2e-5)


@each_kind
def test_a_frame_stands_where_its_sound_is(models, kind):
    # Other sound from 1.0 to 1.2 s changes what enters the layers there: hop_s is what it says.
    one, two = noise(2.0), noise(2.0)
    two[16000:19200] = noise(0.2, seed=1)
    params = ssl.Params(model=str(models / kind), layer=0)
    moved = ssl.extract(two, RATE_HZ, params) - ssl.extract(one, RATE_HZ, params)
    far = np.linalg.norm(moved, axis=1)
    time = np.arange(len(far)) * params.hop_s
    # A frame's own window, and the embedding of places, which looks at 8 frames on both sides.
    near = (time > 0.8) & (time < 1.4)
    assert far[near].max() > 20 * far[~near].max()
    assert abs((far**2) @ time / (far**2).sum() - 1.1) < 0.04


def test_normalisation_is_the_extractors_own(tmp_path):
    waveform = noise(0.5)
    values = {}
    for do_normalize in (True, False):
        folder = tiny.save(tmp_path / f"{do_normalize}", "wav2vec2")
        path = folder / "preprocessor_config.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), "do_normalize": do_normalize}))
        params = ssl.Params(model=str(folder), layer=1)
        values[do_normalize] = [
            ssl.extract(gain * waveform, RATE_HZ, params) for gain in (1.0, np.float32(0.01))
        ]
    np.testing.assert_allclose(*values[True], atol=1e-3)  # the gain is gone, up to the 1e-7 within
    assert np.abs(values[False][0] - values[False][1]).max() > 0.05


@each_kind
def test_long_clips_go_in_pieces(models, kind):
    waveform = noise(7.03)
    params = ssl.Params(model=str(models / kind), layer=2, piece_s=2.0)
    values = ssl.extract(waveform, RATE_HZ, params)
    assert values.shape == ({"whisper": 352}.get(kind, 351), tiny.WIDTH)
    assert np.isfinite(values).all()
    again = ssl.extract(waveform, RATE_HZ, params)
    np.testing.assert_array_equal(values, again)
    if kind == "whisper":  # never hears more than its 2 s, whatever is asked
        longer = ssl.extract(waveform, RATE_HZ, ssl.Params(model=params.model, layer=2))
        np.testing.assert_array_equal(longer, values)
        first = by_hand(models / kind, waveform[: 2 * RATE_HZ])[2]
        np.testing.assert_array_equal(values[:90], first[:90])
        # the second piece begins where a tenth of it is spent on what was kept already
        second = by_hand(models / kind, waveform[80 * 320 : 180 * 320])[2]
        np.testing.assert_array_equal(values[90:170], second[10:90])


def test_pieces_join_without_a_seam_where_layers_look_near_alone(tmp_path):
    # Before the layers a frame sees 0.025 s and its neighbours' places: pieces must not show.
    folder = tiny.save(tmp_path, "wav2vec2")
    path = folder / "preprocessor_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "do_normalize": True}))
    waveform = noise(6.0)
    whole, cut = (
        ssl.extract(waveform, RATE_HZ, ssl.Params(model=str(folder), layer=0, piece_s=piece_s))
        for piece_s in (30.0, 2.0)
    )
    # float32 in another order; a frame that is one place off differs by more than 0.1
    np.testing.assert_allclose(cut, whole, atol=1e-5)
    assert np.abs(whole[1:] - whole[:-1]).max() > 0.1


@given(
    n_frames=st.integers(1, 400),
    length=st.integers(1, 60),
    tenth=st.integers(3, 20),
)
def test_pieces_keep_each_frame_once_and_deep(n_frames, length, tenth):
    context = length // tenth
    kept = []
    cuts = list(speech_models.pieces(n_frames, length, context))
    for number, (start, rows) in enumerate(cuts):
        assert start >= 0 and 0 <= rows.start < rows.stop <= length
        assert number == 0 or rows.start >= context
        assert number == len(cuts) - 1 or rows.stop <= length - context
        kept += range(start + rows.start, start + rows.stop)
    assert kept == list(range(n_frames))
    assert len(cuts) == 1 or length < n_frames


def test_gradients_and_dropout_are_off(hubert):
    waveform = noise(0.4)
    params = ssl.Params(model=str(hubert), layer=3)
    with torch.random.fork_rng():
        torch.manual_seed(1)
        one = ssl.extract(waveform, RATE_HZ, params)
        torch.manual_seed(2)
        two = ssl.extract(waveform, RATE_HZ, params)
    np.testing.assert_array_equal(one, two)
    assert not pretrained.load(hubert, pretrained.stamp(hubert, "x"), "x").network.training


# -- The key of the clip cache --------------------------------------------------------------------


def test_the_key_follows_the_weights_and_not_their_place(tmp_path, hubert):
    shutil.copytree(hubert, tmp_path / "copy")
    tiny.save(tmp_path / "other", "hubert", seed=1)
    here, copy, other = (
        ssl.cache_settings(ssl.Params(model=str(folder)))
        for folder in (hubert, tmp_path / "copy", tmp_path / "other")
    )
    assert here == copy != other
    assert json.dumps(here) and len(here["model"]) == 40
    assert ssl.cache_settings(ssl.Params(model=str(hubert), layer=1)) != here


@pytest.mark.parametrize("name", ["model.safetensors", "preprocessor_config.json"])
def test_a_changed_file_is_another_model(tmp_path, hubert, name):
    folder = tmp_path / "model"
    shutil.copytree(hubert, folder)
    params = ssl.Params(model=str(folder), layer=1)
    before, values = ssl.cache_settings(params), ssl.extract(noise(0.3), RATE_HZ, params)
    if name == "model.safetensors":
        tiny.save(tmp_path / "other", "hubert", seed=1)
        shutil.copy(tmp_path / "other" / name, folder / name)
    else:
        text = json.loads((folder / name).read_text())
        (folder / name).write_text(json.dumps({**text, "do_normalize": False}))
    assert ssl.cache_settings(params) != before
    assert not np.array_equal(ssl.extract(noise(0.3), RATE_HZ, params), values)


def extracted(folder, model, n_clips=3, feature="ssl_mean", n_jobs=1):
    """Extract generated clips by a model into `folder`; clips computed, and the stored values."""
    clips = {f"c/{one}": audio.to_pcm16(noise(0.3, seed=one)) for one in range(n_clips)}
    shutil.rmtree(folder / "audio", ignore_errors=True)
    store.write_ragged(folder / "audio", clips.items(), dtype="int16")
    rows = [
        {"corpus": "c", "id": name, "content": audio.content_hash(values), "voiced": []}
        for name, values in clips.items()
    ]
    done = extracting.extract_corpus(
        feature,
        parts.make_params("features", feature, {"model": None if model is None else str(model)}),
        pa.Table.from_pylist(rows, MANIFEST_SCHEMA),
        folder / "audio",
        folder / "out",
        cache_folder=folder / "cache",
        n_jobs=n_jobs,
    )
    return done.n_computed, store.read_functionals(folder / "out/functionals.parquet")[2]


def test_extraction_computes_again_for_other_weights_alone(tmp_path, hubert):
    model = tmp_path / "model"
    shutil.copytree(hubert, model)
    n_computed, before = extracted(tmp_path, model)
    assert n_computed == 3 and before.shape == (3, tiny.WIDTH)
    assert extracted(tmp_path, hubert)[0] == 0  # the same weights under another name
    tiny.save(tmp_path / "other", "hubert", seed=1)
    shutil.copy(tmp_path / "other/model.safetensors", model)
    n_computed, after = extracted(tmp_path, model)
    assert n_computed == 3 and not np.array_equal(before, after)
    n_computed, again = extracted(tmp_path, hubert)
    assert n_computed == 0 and np.array_equal(before, again)


@pytest.mark.parametrize("kind", ["wavlm", "whisper"])
def test_all_cores_share_one_model(tmp_path, monkeypatch, kind):
    """Threads of this process, since each other process would hold torch and the weights again."""
    model = tiny.save(tmp_path / "model", kind)
    n_computed, alone = extracted(tmp_path / "alone", model, n_clips=12)
    processes, threads, n_threads = set(), set(), set()
    original = speech_models.states

    def states(*arguments):
        processes.add(os.getpid())
        threads.add(threading.get_ident())
        n_threads.add(torch.get_num_threads())
        return original(*arguments)

    monkeypatch.setattr(speech_models, "states", states)
    monkeypatch.setattr(extracting, "_ALONE_S", 0.0)
    monkeypatch.setattr(extracting, "_TASK_S", (0.3, 0.3))
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        with workers.use():
            assert extracted(tmp_path, model, n_clips=12, n_jobs=2)[0] == n_computed == 12
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
    np.testing.assert_array_equal(
        store.read_functionals(tmp_path / "out/functionals.parquet")[2], alone
    )
    assert processes == {os.getpid()} and len(threads) == 2 and n_threads == {1}


@pytest.mark.parametrize("n_clips", [0, 3])
def test_extraction_refuses_in_one_sentence(tmp_path, monkeypatch, hubert, n_clips):
    with pytest.raises(ParameterError, match=r"features\.ssl_mean\.model is empty"):
        extracted(tmp_path, None, n_clips)
    monkeypatch.setitem(sys.modules, "transformers", None)

    def version(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", version)
    with pytest.raises(ParameterError, match="needs the package transformers; run: pip install"):
        extracted(tmp_path, hubert, n_clips)


# -- Refusals, each in one sentence ---------------------------------------------------------------


def refused(params, match):
    for part_call in (ssl.cache_settings, lambda one: ssl.extract(noise(0.3), RATE_HZ, one)):
        with pytest.raises(ParameterError, match=match) as caught:
            part_call(params)
        assert "\n" not in str(caught.value)


def test_no_model(tmp_path):
    refused(ssl.Params(), r"features\.ssl\.model is empty; write the folder of a wav2vec2")
    refused(ssl.Params(model=str(tmp_path / "no")), "no folder here and no name on the Hugging")
    with pytest.raises(ParameterError, match=r"features\.ssl_mean\.model is empty"):
        ssl_mean.extract(noise(0.3), RATE_HZ, ssl_mean.Params())


def test_no_network(monkeypatch):
    import huggingface_hub

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    refused(ssl.Params(model="nobody/nothing"), "'nobody/nothing' could not be fetched .*; go onl")


def test_a_name_on_the_hub_is_fetched_once(monkeypatch, hubert):
    import huggingface_hub

    asked = []

    def download(model, *, revision, allow_patterns):
        asked.append((model, revision))
        assert "model*.safetensors" in allow_patterns and not any(
            "bin" in p for p in allow_patterns
        )
        return str(hubert)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    pretrained._fetch.cache_clear()
    by_name = ssl.Params(model="some.one/tiny-hubert", revision="refs/pr/3")
    by_folder = ssl.Params(model=str(hubert))
    assert ssl.cache_settings(by_name) == ssl.cache_settings(by_folder)
    np.testing.assert_array_equal(
        *(ssl.extract(noise(0.3), RATE_HZ, params) for params in (by_name, by_folder))
    )
    assert asked == [("some.one/tiny-hubert", "refs/pr/3")]
    pretrained._fetch.cache_clear()


@pytest.mark.parametrize(
    ("lost", "match"),
    [
        ("config.json", r"holds no config\.json; fetch the model whole"),
        ("preprocessor_config.json", r"holds no preprocessor_config\.json"),
        ("model.safetensors", "holds no weights as safetensors; convert them"),
    ],
)
def test_a_file_is_missing(tmp_path, hubert, lost, match):
    shutil.copytree(hubert, tmp_path / "model")
    (tmp_path / "model" / lost).unlink()
    refused(ssl.Params(model=str(tmp_path / "model")), match)


def test_pickled_weights_are_not_read(tmp_path, hubert):
    shutil.copytree(hubert, tmp_path / "model")
    (tmp_path / "model/model.safetensors").rename(tmp_path / "model/pytorch_model.bin")
    refused(ssl.Params(model=str(tmp_path / "model")), r"\(pickled ones are not read\)")


def spoil(path):
    path.write_bytes(path.read_bytes()[:-100])


def lose_a_layer(path):
    from safetensors.torch import load_file, save_file

    weights = load_file(path)
    kept = {name: value for name, value in weights.items() if "layers.1." not in name}
    save_file(kept, path, metadata={"format": "pt"})


@pytest.mark.parametrize(
    ("how", "match"),
    [
        (spoil, "cannot be loaded"),
        (lose_a_layer, "lacks .* weights, the first is encoder.layers.1"),
    ],
)
def test_weights_that_are_not_whole(tmp_path, hubert, how, match):
    shutil.copytree(hubert, tmp_path / "model")
    how(tmp_path / "model/model.safetensors")
    with pytest.raises(ParameterError, match=match) as caught:
        ssl.extract(noise(0.3), RATE_HZ, ssl.Params(model=str(tmp_path / "model")))
    assert "\n" not in str(caught.value)


def test_another_kind_of_model(tmp_path, hubert):
    shutil.copytree(hubert, tmp_path / "model")
    transformers.BertConfig().save_pretrained(tmp_path / "model")
    with pytest.raises(ParameterError, match="kind 'bert'; choose one of the kinds wav2vec2"):
        ssl.extract(noise(0.3), RATE_HZ, ssl.Params(model=str(tmp_path / "model")))


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"layer": 4}, "layer is 4, .* has 3; write 0 to 3, or mean"),
        ({"hop_s": 0.01}, r"hop_s is 0\.01, the model's is 0\.02; write it"),
    ],
)
def test_settings_that_do_not_fit_the_model(hubert, change, match):
    with pytest.raises(ParameterError, match=match):
        ssl.extract(noise(0.3), RATE_HZ, ssl.Params(model=str(hubert), **change))


def test_another_rate(hubert):
    with pytest.raises(ParameterError, match="hears 16000 Hz, the clip has 8000 Hz"):
        ssl.extract(noise(0.3), 8000, ssl.Params(model=str(hubert)))


@pytest.mark.parametrize("part", [ssl, ssl_mean])
@pytest.mark.parametrize(
    "change",
    [{"layer": -1}, {"layer": "last"}, {"layer": True}, {"piece_s": 0.1}, {"piece_s": "x"}],
)
def test_settings_out_of_range(part, change):
    with pytest.raises(ParameterError, match=rf"{next(iter(change))} is '.*'; write"):
        part.Params(**change)


def test_a_state_too_large_for_the_store(hubert, monkeypatch):
    monkeypatch.setattr(speech_models, "states", lambda *_: np.full((3, 16), 7e4, np.float32))
    with pytest.raises(AudioError, match="a state is 70000, too large to store"):
        ssl.extract(noise(0.3), RATE_HZ, ssl.Params(model=str(hubert)))


def test_without_the_extra_a_sentence_says_so(hubert, monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    refused(ssl.Params(model=str(hubert)), r"needs the package transformers; run: pip install 'emo")


def test_nothing_heavy_is_imported_before_it_is_used():
    code = (
        "import sys; from emometric.base import parts; parts.load('features', 'ssl').Params(); "
        "parts.load('features', 'ssl_mean').Params(); "
        "assert not {'torch', 'transformers', 'huggingface_hub'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)

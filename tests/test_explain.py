"""`emometric explain`: two recordings under the network of a run that the test lays out."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile
import torch
from matplotlib.figure import Figure
from typer.testing import CliRunner

from emometric import emotions, fold_models, splits
from emometric.base.errors import ParameterError, PipelineError, StoreError
from emometric.cli import explain as command
from emometric.cli import explain_output, main
from emometric.decisions import nearest_prototype
from emometric.explain import explaining, likeness, run_clips, run_model
from emometric.extraction.spectra import mel_filters
from emometric.features import log_mel
from emometric.fitting import checkpoint, seeding
from emometric.report import explain_figure
from emometric.report.palette import DARK, LIGHT, contrast
from emometric.sound import audio, vad
from emometric.storage import store
from emometric.storage.clip import MANIFEST_SCHEMA, Fold

ROOT = Path(__file__).resolve().parents[1]
FEATURES = {
    "spectrogram": {
        "silence": "keep",
        "window_s": 0.032,
        "hop_s": 0.01,
        "n_fft": 512,
        "normalise": "bin",
    },
    "log_mel": {
        "silence": "remove",
        "window_s": 0.03,
        "hop_s": 0.015,
        "n_fft": 1024,
        "n_mels": 24,
        "range_db": 80.0,
    },
}
ENCODERS = {
    "siamese_cnn": {"widths": [3, 4, 5], "dim": 6},
    "se_resnet34": {
        "widths": [2, 2, 3, 3],
        "clusters": 2,
        "ghosts": 1,
        "dim": 6,
        "reduction": 1,
    },
}


def voice(number: int, seconds: float = 0.6) -> np.ndarray:
    """A buzz of its own pitch, int16."""
    time = np.arange(round(seconds * audio.RATE_HZ)) / audio.RATE_HZ
    pitch = 110.0 + 40.0 * number
    wave = sum(np.sin(2 * np.pi * pitch * k * time) / k for k in range(1, 12))
    swell = np.sin(np.pi * time / seconds)
    return audio.to_pcm16((0.2 * wave * swell).astype(np.float32))


def lay_out(data: Path, feature="log_mel", encoder="siamese_cnn", loss="pairwise_similarity"):
    """A run of two folds, untrained, on six clips of two speakers, below data/synthetic."""
    folder = data / "synthetic"
    ids = [f"emodb/clip{number}" for number in range(6)]
    feelings = ["anger", "neutral", "sadness"] * 2
    pcm = [voice(number) for number in range(6)]
    rows = [
        {
            "corpus": "emodb",
            "id": ids[n],
            "path": f"wav/clip{n}.wav",
            "speaker": f"emodb/{n // 3}",
            "emotion": feelings[n],
            "seconds": len(pcm[n]) / audio.RATE_HZ,
            "content": audio.content_hash(pcm[n]),
            "speech_found": True,
            "voiced": [(1600, 4800), (6400, 8000)],
        }
        for n in range(6)
    ]
    (folder / "manifests").mkdir(parents=True)
    table = pa.Table.from_pylist(rows, MANIFEST_SCHEMA)
    pq.write_table(table, folder / "manifests" / "emodb.parquet")
    store.write_ragged(
        folder / "corpora" / "emodb" / "audio", zip(ids, pcm, strict=True), dtype=np.int16
    )
    folds = [
        Fold(train=tuple(ids[3:]), valid=(), test=tuple(ids[:3])),
        Fold(train=tuple(ids[:3]), valid=(), test=tuple(ids[3:])),
    ]
    splits.write(folder / "splits" / "run.parquet", folds)
    recipe = checkpoint.Recipe(
        encoder=encoder,
        encoder_params=ENCODERS[encoder],
        loss=loss,
        loss_params={"nodes": 4} if loss == "pairwise_similarity" else {"margin": 0.2},
        emotions=emotions.present(feelings),
        n_bins=24 if feature == "log_mel" else 257,
    )
    embedded = []
    for number, fold in enumerate(folds):
        with seeding.reproducible((number,), torch.device("cpu")):
            network = checkpoint.Network(recipe).eval()
            about = {
                "fold": number,
                "corpus": "emodb",
                "feature": {"name": feature, **FEATURES[feature]},
            }
            model = folder / "models" / "run" / fold_models.name(number)
            checkpoint.save(model, network, recipe, about)
            for role in ("train", "test"):
                for clip in getattr(fold, role):
                    heard = run_clips.hear(clip, folder, vad.Params())
                    picture = run_clips.picture(heard, feature, FEATURES[feature])
                    with torch.no_grad():
                        vector = likeness.embed(network, torch.from_numpy(picture.values)[None])[0]
                    embedded.append((number, clip, role, vector.tolist()))
    (folder / "embeddings" / "run").mkdir(parents=True)
    frame = pd.DataFrame(embedded, columns=["fold", "id", "role", "embedding"])
    frame.to_parquet(folder / "embeddings" / "run" / "embeddings.parquet")
    return data


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return lay_out(tmp_path_factory.mktemp("run") / "data")


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A current folder with the project's own settings in it."""
    shutil.copyfile(ROOT / "params.yaml", tmp_path / "params.yaml")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def call(*arguments):
    """What the command prints; a PipelineError as the console shows it: (exit code, text)."""
    result = CliRunner().invoke(main.app, ["explain", *map(str, arguments)])
    if isinstance(result.exception, PipelineError):
        return 1, str(result.exception)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output


def plain_figure(monkeypatch):
    """An empty figure in place of the true one, which takes a second to lay out."""
    monkeypatch.setattr(explain_output, "figure", lambda *given: Figure((1, 1)))


@pytest.fixture(scope="module")
def drawn(data, tmp_path_factory):
    """One whole call: the numbers that it printed, and the folder it wrote to."""
    folder = tmp_path_factory.mktemp("drawn")
    shutil.copyfile(ROOT / "params.yaml", folder / "params.yaml")
    soundfile.write(folder / "mine.flac", voice(9), audio.RATE_HZ)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        code, text = call(
            "mine.flac", "--against", "emodb/clip4", "--data", data, "--json", "--out", "it"
        )
    assert code == 0, text
    return json.loads(text), folder


def test_the_numbers_are_those_of_a_plain_computation(data, drawn):
    facts, folder = drawn
    path = data / "synthetic" / "models" / "run" / "fold_01"  # which does not know clip4
    network, _ = checkpoint.load(path)
    mine, rate = soundfile.read(folder / "mine.flac", dtype="int16")
    found = vad.voiced(audio.from_pcm16(mine), rate, vad.Params())
    voiced = {"mine": found, "clip4": [(1600, 4800), (6400, 8000)]}
    embeddings = []
    for name, pcm in (("mine", mine), ("clip4", voice(4))):
        spoken = vad.apply_silence(pcm, voiced[name], "remove")
        params = log_mel.Params(**FEATURES["log_mel"])
        values = log_mel.extract(audio.from_pcm16(spoken), rate, params)
        batch = torch.from_numpy(values.astype(np.float16).astype(np.float32))[None]
        with torch.no_grad():
            embeddings.append(network.encoder(batch, torch.tensor([batch.shape[1]])).embedding[0])
    first, second = (one.double().numpy() for one in embeddings)
    cosine = first @ second / np.linalg.norm(first) / np.linalg.norm(second)
    assert facts["fold"] == 1 and facts["kind"] == "cosine"
    assert facts["similarity"] == pytest.approx(cosine, abs=1e-5)  # float32
    assert [clip["role"] for clip in facts["clips"]] == [None, "test"]


def test_the_gradients_are_complete_and_the_strongest_region_is_the_largest(drawn):
    facts, _ = drawn
    for clip in facts["clips"]:
        hidden = np.array(clip["occlusion"])
        assert hidden.shape == (8, min(12, clip["frames"]))
        assert clip["strongest"]["fall"] == hidden.max()
        assert 0 <= clip["strongest"]["seconds"][0] < clip["strongest"]["seconds"][1] <= 0.61
        low, high = clip["strongest"]["hz"]
        assert 0 < low < high < 8000
        assert abs(clip["gradients"]["gap"]) < 0.02
        assert [one["score"] for one in clip["nearest"]] == sorted(
            (one["score"] for one in clip["nearest"]), reverse=True
        )


def test_png_svg_and_csv_belong_together(drawn):
    facts, folder = drawn
    assert facts["files"] == ["it.png", "it.svg", "it.csv"]
    assert (folder / "it.png").read_bytes()[:4] == b"\x89PNG"
    assert b"<svg" in (folder / "it.svg").read_bytes()
    rows = pd.read_csv(folder / "it.csv")
    assert list(rows) == ["clip", "map", "row", "column", "hz", "seconds", "value"]
    assert set(rows["clip"]) == {"mine.flac", "emodb/clip4"}
    for clip in facts["clips"]:
        own = rows[rows["clip"] == clip["name"]]
        hidden = own[own["map"] == "occlusion"].pivot(index="row", columns="column", values="value")
        np.testing.assert_array_equal(hidden.to_numpy(), clip["occlusion"])
        adds = own[own["map"] == "integrated gradients"]["value"].sum()
        assert adds == pytest.approx(clip["gradients"]["sum"], abs=1e-4)  # six digits a row
        assert {"input", "layer 1", "layer 2", "layer 3"} <= set(own["map"])
        assert own["hz"].between(0, 8000).all() and own["seconds"].between(0, 0.6).all()
    assert not list(folder.glob(".*.part"))


def test_same_question_same_bytes_and_no_file_is_replaced_unasked(data, drawn, place, monkeypatch):
    _, folder = drawn
    shutil.copyfile(folder / "mine.flac", place / "mine.flac")
    asked = ("mine.flac", "--against", "emodb/clip4", "--data", data, "--out", "it.png")
    code, text = call(*asked)
    assert code == 0 and "stand-in speech" in text and "see it.png, it.svg, it.csv" in text
    for ending in ("png", "svg", "csv"):
        assert (place / f"it.{ending}").read_bytes() == (folder / f"it.{ending}").read_bytes()
    (place / "it.png").unlink()
    code, text = call(*asked)
    assert code == 1 and text == (
        "it.svg is there already; choose another --out, or --force to replace."
    )
    before = (place / "it.svg").read_bytes()
    plain_figure(monkeypatch)
    assert call(*asked, "--force")[0] == 0
    assert (place / "it.svg").read_bytes() != before


def test_a_file_with_a_clips_samples_is_that_clip(data, place):
    soundfile.write(place / "again.wav", voice(2), audio.RATE_HZ)
    heard = run_clips.hear("again.wav", data / "synthetic", vad.Params())
    assert heard.id == "emodb/clip2" and heard.name == "again.wav"
    assert run_model.find(data, "synthetic", None, [heard.id]).number == 0
    assert run_model.find(data, "synthetic", None, ["emodb/clip5"]).number == 1
    # Where each fold has learned one of them, the first clip is the one to be new.
    assert run_model.find(data, "synthetic", None, ["emodb/clip5", "emodb/clip2"]).number == 1
    assert run_model.find(data, "synthetic", None, ["emodb/clip2", "emodb/clip5"]).number == 0


def test_a_clip_that_the_network_learned_from_is_said(data, place, monkeypatch):
    plain_figure(monkeypatch)
    code, text = call("emodb/clip1", "--against", "emodb/clip5", "--fold", "1", "--data", data)
    assert code == 0
    assert text.count("note: this network learned from that clip") == 1
    assert set(pd.read_csv("explain_clip1_clip5.csv")["clip"]) == {"emodb/clip1", "emodb/clip5"}


@pytest.mark.parametrize("feature, encoder", [("spectrogram", "se_resnet34")])
def test_the_other_encoder_and_the_losss_own_similarity(tmp_path, place, feature, encoder):
    data = lay_out(tmp_path / "other", feature, encoder)
    asked = ("emodb/clip0", "--against", "emodb/clip1", "--data", data, "--json")
    code, text = call(*asked, "--similarity", "loss", "--theme", "dark")
    assert code == 0, text
    network, _ = checkpoint.load(data / "synthetic/models/run/fold_00")
    stored = pd.read_parquet(data / "synthetic/embeddings/run/embeddings.parquet")
    own = stored[stored["fold"] == 0].set_index("id")["embedding"]
    first, second = (torch.tensor(own[f"emodb/clip{n}"], dtype=torch.float32) for n in (0, 1))
    with torch.no_grad():
        logit = float(network.loss.logits(first - second))
    assert json.loads(text)["similarity"] == pytest.approx(logit, abs=1e-5)


def test_clips_of_one_name_are_told_apart(data, place, monkeypatch):
    plain_figure(monkeypatch)
    for folder, number in (("a", 7), ("b", 8)):
        (place / folder).mkdir()
        soundfile.write(place / folder / "x.wav", voice(number), audio.RATE_HZ)
    assert call("a/x.wav", "--against", "b/x.wav", "--data", data)[0] == 0
    rows = pd.read_csv("explain_x_x.csv")
    assert set(rows["clip"]) == {"a/x.wav", "b/x.wav"}
    assert call("a/x.wav", "--against", "a/x.wav", "--data", data, "--out", "own")[0] == 0
    assert set(pd.read_csv("own.csv")["clip"]) == {"x.wav", "the same again"}


def test_silence_and_a_very_short_clip_are_no_error(data, place, monkeypatch):
    monkeypatch.setattr(explain_figure, "to_png", lambda *given: b"")
    soundfile.write(place / "silent.wav", np.zeros(16000, np.int16), audio.RATE_HZ)
    soundfile.write(place / "short.wav", voice(1, 0.1), audio.RATE_HZ)
    code, text = call("silent.wav", "--against", "short.wav", "--data", data, "--json")
    assert code == 0, text
    silent = json.loads(text)["clips"][0]
    assert np.abs(silent["occlusion"]).max() < 1e-6 and silent["gradients"]["sum"] == 0


def test_swapping_the_clips_swaps_the_sides(data):
    network, _ = checkpoint.load(data / "synthetic/models/run/fold_00")
    draw = np.random.default_rng(0)
    pictures = tuple(draw.normal(size=(n, 24)).astype(np.float32) for n in (30, 41))
    params = likeness.Params(layers=explaining.NAMED["siamese_cnn"], steps=4)
    there = likeness.explain(network, pictures, params)
    back = likeness.explain(network, pictures[::-1], params)
    assert there.similarity == back.similarity
    for one, other in zip(there.sides, back.sides[::-1], strict=True):
        np.testing.assert_array_equal(one.occlusion, other.occlusion)
        np.testing.assert_array_equal(one.gradients, other.gradients)


@pytest.mark.parametrize("kind, value", [("cosine", 1.0), ("euclidean", 0.0)])
def test_a_clip_is_most_like_itself(data, kind, value):
    network, _ = checkpoint.load(data / "synthetic/models/run/fold_00")
    picture = np.random.default_rng(0).normal(size=(30, 24)).astype(np.float32)
    found = likeness.explain(network, (picture, picture), likeness.Params(kind=kind, steps=2))
    assert found.similarity == pytest.approx(value, abs=1e-6)
    assert found.sides[0].occlusion.min() >= -1e-6  # nothing speaks against it
    assert np.isfinite(found.sides[0].gradients).all()


def test_the_decision_is_fitted_on_the_folds_training_clips(data):
    model = run_model.find(data, "synthetic", 1, ())
    stored = pd.read_parquet(data / "synthetic/embeddings/run/embeddings.parquet")
    own = stored[stored["fold"] == 1].set_index("id")["embedding"]
    query = np.array([own["emodb/clip4"]])
    scores = run_model.decide(model, "nearest_prototype", nearest_prototype.Params(), query)
    expected = [-np.linalg.norm(query[0] - own[f"emodb/clip{n}"]) for n in range(3)]
    np.testing.assert_allclose(scores[0], expected)  # anger, neutral, sadness: one clip each


def test_time_is_that_of_the_recording_where_pauses_are_cut(data):
    heard = run_clips.hear("emodb/clip0", data / "synthetic", vad.Params())
    cut = run_clips.picture(heard, "log_mel", FEATURES["log_mel"])
    # Voiced: 0.1 to 0.3 s and 0.4 to 0.5 s, 0.3 s together; windows of 30 ms, hops of 15 ms.
    assert len(cut.values) == 1 + (4800 - 480) // 240
    assert cut.seconds[0] == pytest.approx(0.015) and cut.recorded_s[0] == pytest.approx(0.115)
    later = cut.seconds > 0.2
    np.testing.assert_allclose(cut.recorded_s - cut.seconds, np.where(later, 0.2, 0.1), atol=1e-9)


def test_axes_are_true():
    linear = explain_figure.hz_of("spectrogram", 257, None, 16000)
    assert linear[[0, 128, 256]].tolist() == [0, 4000, 8000]
    mel = explain_figure.hz_of("log_mel", 40, mel_filters(16000, 1024, 40), 16000)
    assert (np.diff(mel) > 0).all() and 0 < mel[0] < 200 and 7000 < mel[-1] < 8000
    narrow = explain_figure.hz_of("log_mel", 128, mel_filters(16000, 256, 128), 16000)
    assert np.isfinite(narrow).all() and (np.diff(narrow) >= 0).all()
    assert explain_figure.hz_of("mfcc", 39, None, 16000) is None
    frame = explain_figure.Frame(seconds=np.array([0.016, 0.026]), hop_s=0.01, hz=None)
    assert frame.extent(5) == pytest.approx((0.011, 0.031, 0, 5))


def test_the_scale_diverges_alike_on_both_sides():
    """Equal steps from 0 in either direction stand out from the surface about equally."""
    for theme in (LIGHT, DARK):
        ends = explain_figure.DIVERGING[theme.name]
        assert ends[3] == theme.surface
        for against, speaks in zip(ends[:3], ends[:3:-1], strict=True):
            ratio = contrast(against, theme.surface) / contrast(speaks, theme.surface)
            assert 0.6 < ratio < 1.67
        assert contrast(ends[0], theme.surface) > 7 and contrast(ends[-1], theme.surface) > 7


def test_cells_keep_the_whole_sum():
    points = np.random.default_rng(0).normal(size=(13, 29))
    cells = explain_figure.summed(points, (4, 7))
    assert cells.shape == (4, 7) and cells.sum() == pytest.approx(points.sum())
    # the same cells as the occlusion's
    row = [place * 4 // 13 for place in range(13)]
    column = [place * 7 // 29 for place in range(29)]
    loop = np.zeros((4, 7))
    for i in range(13):
        for j in range(29):
            loop[row[i], column[j]] += points[i, j]
    np.testing.assert_allclose(cells, loop)
    assert [explain_output._span(13, 4, part) for part in range(4)] == [
        (row.index(part), 12 - row[::-1].index(part)) for part in range(4)
    ]


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        (("nothing.wav", "--against", "emodb/clip1"), "nothing.wav: there is no such file"),
        (("emodb/clip9", "--against", "emodb/clip1"), "emodb/clip9: there is no such file"),
        (("bad.wav", "--against", "emodb/clip1"), "bad.wav: is no recording"),
        (("emodb/clip0", "--against", "long.wav"), "long.wav: lasts 61 s"),
        (("emodb/clip0", "--against", "emodb/clip1", "--fold", "2"), "--fold is 2; the run has"),
        (("emodb/clip0", "--against", "emodb/clip1", "--theme", "x"), "--theme is 'x'; write"),
        (("emodb/clip0", "--against", "emodb/clip1", "--similarity", "x"), "--similarity is 'x'"),
        (("emodb/clip0", "--against", "emodb/clip1", "--origin", "x"), "the origin 'x' is none"),
        (("emodb/clip0", "--against", "emodb/clip1", "--origin", "original"), "no trained network"),
        (("emodb/clip0", "--against", "emodb/clip1", "--out", "bad.wav/it"), "cannot be written"),
    ],
)
def test_bad_input_is_one_sentence(data, place, monkeypatch, arguments, sentence):
    plain_figure(monkeypatch)
    (place / "bad.wav").write_bytes(b"RIFF no sound at all, whatever its name says")
    soundfile.write(place / "long.wav", np.tile(voice(0), 102), audio.RATE_HZ)
    code, text = call(*arguments, "--data", data)
    assert code == 1 and sentence in text and "\n" not in text
    assert not list(place.glob("*.png"))


def test_without_a_run_it_says_how_to_make_one(data, place, tmp_path):
    asked = ("emodb/clip0", "--against", "emodb/clip1")
    code, text = call(*asked)
    assert code == 1 and "`make repro`, or `dvc repro`" in text
    code, text = call(*asked, "--origin", "original", "--data", data)
    assert "make repro-original" in text and "choose --origin synthetic, which has one" in text


def test_a_loss_without_a_similarity_is_said(tmp_path):
    network, _ = checkpoint.load(
        lay_out(tmp_path / "data", loss="triplet") / "synthetic/models/run/fold_00"
    )
    with pytest.raises(ParameterError, match="trains no similarity of its own"):
        likeness.comparison(network, "loss")


def test_a_network_of_other_bins_is_refused(tmp_path, place):
    data = lay_out(tmp_path / "data")
    path = data / "synthetic/models/run/fold_00.json"
    path.write_text(path.read_text().replace('"n_mels": 24', '"n_mels": 20'))
    code, text = call("emodb/clip0", "--against", "emodb/clip1", "--data", data)
    assert code == 1 and "was trained on 24 bins, and the feature has 20 now" in text


def test_embeddings_of_another_run_are_refused(tmp_path):
    data = lay_out(tmp_path / "data")
    model = run_model.find(data, "synthetic", 0, ())
    with pytest.raises(StoreError, match="does not fit the run's networks"):
        run_model.decide(model, "nearest_prototype", nearest_prototype.Params(), np.ones((1, 5)))


def test_what_a_decision_compares():
    def values(name, **block):
        return {"decision": name, "decisions": {name: block}}

    assert command.compared_by(values("svm_rbf", c=1.0)) == "cosine"
    assert command.compared_by(values("nearest_prototype")) == "euclidean"
    assert command.compared_by(values("support_similarity", similarity="loss")) == "loss"


@pytest.mark.original
def test_two_clips_of_emodb(corpora_root, tmp_path, place):
    """Two real clips through the whole command, by a network that nobody trained."""
    data = lay_out(tmp_path / "data", "spectrogram", "se_resnet34")
    folder = corpora_root / "emodb"
    first, second = (next(folder.rglob(f"{name}.wav")) for name in ("03a01Wa", "09a05Wb"))
    code, text = call(first, "--against", second, "--data", data, "--json")
    assert code == 0, text
    facts = json.loads(text)
    assert -1 <= facts["similarity"] <= 1
    for clip in facts["clips"]:
        assert clip["seconds"] > 1 and np.isfinite(clip["occlusion"]).all()
        assert abs(clip["gradients"]["gap"]) < 0.1
    assert (place / "explain_03a01Wa_09a05Wb.svg").exists()

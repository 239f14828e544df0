"""Training: what it learns, that it repeats itself, and that a kill costs one fold at most."""

import json
import math
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from emometric import fold_models, splits
from emometric.base.errors import ParameterError, StoreError
from emometric.fitting import checkpoint, seeding, training
from emometric.storage import store
from emometric.storage.clip import Fold

CPU = torch.device("cpu")
N_BINS = 33
RECIPE = checkpoint.Recipe(
    encoder="se_resnet34",
    # Pictures of 33 bins are too small to pool.
    encoder_params={
        "widths": [4, 4, 4, 4],
        "clusters": 2,
        "ghosts": 1,
        "dim": 8,
        "stem": "plain",
    },
    loss="triplet",
    loss_params={"margin": 0.2},
    emotions=("anger", "neutral", "sadness"),
    n_bins=N_BINS,
)
PARAMS = training.Params(
    sampler="emotion_balanced",
    batch_size=6,
    epochs=2,
    crop_s=0.2,
    learning_rate=0.003,
    decay_every=1,
)


def speech(n_speakers=4, takes=2, seed=0):
    """Frames in which the emotion is a ramp over the bins: (features, emotion, speaker)."""
    generator = np.random.default_rng(seed)
    features, emotion, speaker = [], [], []
    for one in range(n_speakers):
        for kind in range(3):
            for _ in range(takes):
                ramp = (kind - 1) * np.linspace(-1, 1, N_BINS)
                frames = generator.integers(12, 40)
                features.append(generator.normal(ramp, 0.7, (frames, N_BINS)).astype(np.float16))
                emotion.append(kind)
                speaker.append(one)
    return features, np.array(emotion), np.array(speaker)


@pytest.fixture(scope="module")
def clips():
    return training.Clips(*speech(), CPU)


def roles(clips):
    """Two speakers to train on, one to validate."""
    return np.flatnonzero(clips.speaker < 2), np.flatnonzero(clips.speaker == 2)


def fitted(clips, params=PARAMS, seed=(7, 0), recipe=RECIPE, on=None):
    with seeding.reproducible(seed, CPU):
        network = checkpoint.Network(recipe)
        curve = training.fit(network, clips, on or roles(clips), params, crop_frames=20, seed=seed)
    return network, curve


def weights(network):
    return torch.cat([value.flatten().double() for value in network.state_dict().values()])


def test_batch_holds_the_frames_asked_for(clips):
    features = speech()[0]
    batch = clips.batch(np.array([3, 0]), np.array([2, 5]), 50)
    assert batch.features.shape == (2, 50, N_BINS)
    for row, (clip, begin) in enumerate([(3, 2), (0, 5)]):
        length = len(features[clip]) - begin
        assert batch.lengths[row] == length
        assert np.array_equal(batch.features[row, :length].numpy(), features[clip][begin:])
        assert not batch.features[row, length:].any()
    assert batch.emotion.tolist() == clips.emotion[[3, 0]].tolist()


def test_crops_reach_from_the_first_frame_to_the_last(clips):
    features = speech()[0]
    long = int(np.argmax(clips.lengths))
    ends = clips.crops(np.array([long, long]), 10, np.array([0.0, np.nextafter(1, 0)]))
    assert np.array_equal(ends.features[0].numpy(), features[long][:10])
    assert np.array_equal(ends.features[1].numpy(), features[long][-10:])
    whole = clips.crops(np.array([long]), 100, np.array([0.7]))
    assert whole.lengths.item() == len(features[long])


def test_fit_learns():
    recipe = replace(RECIPE, loss="softmax", loss_params={"label_smoothing": 0.0})
    clips = training.Clips(*speech(takes=6), CPU)
    params = replace(PARAMS, epochs=6, decay_every=5, learning_rate=0.01)
    network, curve = fitted(clips, params, recipe=recipe)
    assert max(epoch.valid_uar for epoch in curve) > 0.8  # a guess: 0.33
    assert [epoch.learning_rate for epoch in curve] == pytest.approx([0.01] * 5 + [0.001])
    # A speaker that it never heard: the nearest training clip has the same emotion.
    train, test = roles(clips)[0], np.flatnonzero(clips.speaker == 3)
    known, new = (training.embed(network, clips, rows) for rows in (train, test))
    cosine = (new / np.linalg.norm(new, axis=1)[:, None]) @ (
        known / np.linalg.norm(known, axis=1)[:, None]
    ).T
    assert np.mean(clips.emotion[train][cosine.argmax(axis=1)] == clips.emotion[test]) > 0.8


def test_fit_keeps_the_weights_of_the_best_epoch(clips):
    # Stopping after the best epoch gives the same weights as going on and coming back.
    params = replace(PARAMS, epochs=5, decay_every=9, learning_rate=0.02)
    for seed in range(20):
        network, curve = fitted(clips, params, seed=(seed, 0))
        best = training.best_epoch(curve)
        if best.number < 5:
            break
    else:
        pytest.fail("no seed whose best epoch is not the last")
    short, _ = fitted(clips, replace(params, epochs=best.number), seed=(seed, 0))
    assert torch.equal(weights(network), weights(short))


def test_without_validation_clips_the_last_epoch_stays(clips):
    train, _ = roles(clips)
    network, curve = fitted(clips, on=(train, np.array([], dtype=np.int64)))
    assert all(math.isnan(epoch.valid_uar) for epoch in curve)
    assert training.best_epoch(curve).number == 2
    assert weights(network).isfinite().all()


def test_test_clips_do_not_touch_training():
    features, emotion, speaker = speech()
    one, _ = fitted(training.Clips(features, emotion, speaker, CPU))
    for row in np.flatnonzero(speaker == 3):
        features[row] = features[row] + 5
        emotion[row] = 0
    two, _ = fitted(training.Clips(features, emotion, speaker, CPU))
    assert torch.equal(weights(one), weights(two))


def test_fit_repeats_itself_whatever_ran_before(clips):
    one, first = fitted(clips)
    torch.manual_seed(99)
    np.random.seed(99)
    before = torch.get_rng_state()
    two, second = fitted(clips)
    assert torch.equal(torch.get_rng_state(), before)  # and leaves the global state alone
    other, _ = fitted(clips, seed=(8, 0))
    assert torch.equal(weights(one), weights(two)) and first == second
    assert not torch.equal(weights(one), weights(other))


def test_fit_refuses_a_loss_that_is_not_finite(clips):
    features, emotion, speaker = speech()
    broken = training.Clips([f * np.float16(np.inf) for f in features], emotion, speaker, CPU)
    with pytest.raises(ParameterError, match="epoch 1: the loss is not a finite number; lower"):
        fitted(broken)


def test_embed_keeps_the_order_and_does_not_depend_on_batch_mates(clips, monkeypatch):
    network, _ = fitted(clips)
    rows = np.array([5, 0, 17, 9, 2])
    together = training.embed(network, clips, rows)
    monkeypatch.setattr(training, "MAX_FRAMES", 1)  # each clip alone
    alone = np.concatenate([training.embed(network, clips, rows[i : i + 1]) for i in range(5)])
    np.testing.assert_allclose(together, alone, atol=1e-5)
    np.testing.assert_array_equal(training.embed(network, clips, rows), alone)


@pytest.mark.parametrize("lengths", [[1], [30, 10, 20, 20], [500, 1, 1]])
def test_embedding_batches_are_bounded(lengths, monkeypatch):
    monkeypatch.setattr(training, "MAX_FRAMES", 40)
    groups = training._groups(np.array(lengths))
    assert sorted(np.concatenate(groups)) == list(range(len(lengths)))
    for group in groups:
        assert len(group) == 1 or len(group) * max(np.array(lengths)[group]) <= 40


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epochs": 0}, "epochs is 0"),
        ({"batch_size": 1}, "batch_size is 1"),
        ({"learning_rate": float("nan")}, "learning_rate is nan"),
        ({"crop_s": -1.0}, "crop_s is -1.0"),
        ({"sampler": "emotion_balansed"}, "did you mean 'emotion_balanced'"),
    ],
)
def test_params_out_of_range_are_refused(change, message):
    with pytest.raises(ParameterError, match=message):
        replace(PARAMS, **change)


# -- folds ----------------------------------------------------------------------------------------


def write_corpus(folder):
    """A manifest and a store as the stages before leave them; (source, two folds)."""
    features, emotion, speaker = speech()
    ids = [f"made/{row:02d}" for row in range(len(features))]
    rows = pd.DataFrame(
        {
            "id": ids,
            "speaker": [f"made/{one}" for one in speaker],
            "emotion": [RECIPE.emotions[kind] for kind in emotion],
        }
    )
    folder.mkdir(parents=True, exist_ok=True)
    rows.to_parquet(folder / "made.parquet")
    if not (folder / "features").exists():
        store.write_ragged(folder / "features", zip(ids, features, strict=True), dtype="float16")
    of = {one: tuple(rows.loc[speaker == one, "id"]) for one in range(4)}
    folds = [
        Fold(train=of[0] + of[1], valid=of[2], test=of[3]),
        Fold(train=of[2] + of[3], valid=of[0], test=of[1]),
    ]
    source = fold_models.Source(
        corpus="made", manifest=folder / "made.parquet", features=folder / "features"
    )
    return source, folds


def make_jobs(folder, source, folds):
    return [
        fold_models.Job(
            source=source,
            fold=fold,
            number=number,
            recipe=RECIPE,
            params=PARAMS,
            crop_frames=20,
            seed=7,
            device="cpu",
            folder=folder / "parts" / f"{number}",
            about={"fold": number},
        )
        for number, fold in enumerate(folds)
    ]


def train(folder, processes, tick=lambda: None):
    source, folds = write_corpus(folder)
    jobs = make_jobs(folder, source, folds)
    fold_models.train(jobs, folder / "models", folder / "parts", processes=processes, tick=tick)
    return {path.name: path.read_bytes() for path in sorted((folder / "models").iterdir())}


def test_folds_do_not_depend_on_the_number_of_processes(tmp_path):
    ticks = []
    one = train(tmp_path / "one", 1, tick=lambda: ticks.append(1))
    two = train(tmp_path / "two", 2, tick=lambda: ticks.append(2))
    assert one == two
    assert ticks == [1] * 4 + [2] * 4  # two folds of two epochs
    names = ["curves.csv", *(f"fold_0{k}.{end}" for k in (0, 1) for end in ("json", "safetensors"))]
    assert sorted(one) == sorted(names)
    assert not (tmp_path / "one/parts").exists()
    curves = pd.read_csv(tmp_path / "one/models/curves.csv")
    assert list(curves.columns) == list(fold_models.CURVE)
    assert curves[["fold", "epoch"]].to_numpy().tolist() == [[0, 1], [0, 2], [1, 1], [1, 2]]
    assert json.loads(one["fold_01.json"])["fold"] == 1

    source, folds = write_corpus(tmp_path / "one")
    first, second = fold_models.embed(
        source, tmp_path / "one/models", list(enumerate(folds)), "cpu",
        processes=1, tick=lambda: None,
    )  # fmt: skip
    assert {role: len(rows) for role, rows in first.items()} == {"train": 12, "valid": 6, "test": 6}
    assert first["test"].dtype == np.float32 and np.isfinite(second["test"]).all()


KILLED = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from test_training import train
train(Path({folder!r}), 1)
"""


def test_a_killed_run_goes_on_where_it_was(tmp_path):
    whole = train(tmp_path / "whole", 1)
    folder = tmp_path / "killed"
    code = KILLED.format(tests=str(Path(__file__).parent), folder=str(folder))
    run = subprocess.Popen([sys.executable, "-c", code], env={**os.environ})
    limit = time.monotonic() + 120
    while not (folder / "parts/0/curve.json").exists():  # the first fold is done
        assert run.poll() is None and time.monotonic() < limit
        time.sleep(0.01)
    run.send_signal(signal.SIGKILL)
    run.wait()
    assert not (folder / "models").exists()
    stamp = (folder / "parts/0/curve.json").stat().st_mtime_ns
    source, folds = write_corpus(folder)
    fold_models._train_fold(make_jobs(folder, source, folds)[0], lambda: None)
    assert (folder / "parts/0/curve.json").stat().st_mtime_ns == stamp  # not trained again
    assert train(folder, 1) == whole


def test_digest_changes_with_what_decides(tmp_path):
    source, _ = write_corpus(tmp_path)
    digest = fold_models.digest(source, {"seed": 7})
    assert fold_models.digest(source, {"seed": 7}) == digest
    assert fold_models.digest(source, {"seed": 8}) != digest
    rows = pd.read_parquet(source.manifest)
    rows.loc[0, "emotion"] = "sadness"
    rows.to_parquet(source.manifest)
    assert fold_models.digest(source, {"seed": 7}) != digest


def test_folds_of_unknown_clips_are_refused(tmp_path):
    source, folds = write_corpus(tmp_path)
    splits.write(tmp_path / "run.parquet", folds)
    corpus = fold_models.read_corpus(source, "cpu")
    with pytest.raises(StoreError, match="the folds name 'made/zz'"):
        corpus.positions(["made/00", "made/zz"])

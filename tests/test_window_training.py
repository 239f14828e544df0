"""kumar2021's windows, triplets and two phases, against plain loops and known answers."""

import numpy as np
import pytest
import torch

from emometric.base import parts
from emometric.layers.windowed import Windowed, WindowParams
from emometric.studies import window_training
from emometric.studies.window_training import Classified, Frames, Job, Schedule, train

NETWORKS = ("cnn8", "fc7", "gru8", "lstm7", "resnet11", "rnn8")
SCHEDULE = Schedule(
    epochs=(12, 6),
    patience=200,
    min_gain=0.0005,
    rates=(0.05, 0.005),
    momentum=0.9,
    batch_size=40,
    windows=4,
    margin=0.2,
    scale=16.0,
)


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with torch.random.fork_rng():
        torch.manual_seed(5)
        yield
    torch.set_num_threads(before)


def clips(n=40, n_emotions=3, seed=0):
    """Clips of unlike lengths whose first bin says the emotion."""
    generator = np.random.default_rng(seed)
    emotion = np.arange(n) % n_emotions
    frames = [
        generator.normal(0, 1, (length, 6)) + 2.0 * one * np.eye(6)[0]
        for length, one in zip(generator.integers(4, 40, n), emotion, strict=True)
    ]
    return frames, emotion


def job(**changes) -> Job:
    frames, emotion = clips()
    place = np.arange(len(frames))
    values = {
        "network": "fc7",
        "window": WindowParams(width=8, dim=5),
        "schedule": SCHEDULE,
        "frames": frames,
        "emotion": emotion,
        "n_emotions": 3,
        "roles": {"train": place[:24], "valid": place[24:30], "test": place[30:]},
        "seed": (7, 0),
        "device": "cpu",
    }
    return Job(**{**values, **changes})


def test_an_embedding_is_the_mean_over_whole_windows():
    # A network that returns the window's first frame: all that is left to get wrong is the cutting.
    class First(torch.nn.Module):
        def forward(self, frames):
            return frames[:, :, 0]

    encoder = Windowed(WindowParams(window_frames=4, hop_frames=3), 2, lambda bins: First()).eval()
    features = torch.randn(3, 11, 2)
    lengths = torch.tensor([11, 5, 2])
    embedding = encoder(features, lengths).embedding
    scale = (1 + encoder.norm.eps) ** -0.5  # of batch normalisation that has seen nothing
    for row, starts in enumerate([[0, 3, 6], [0], [0]]):
        vectors = torch.stack([features[row, start] * scale for start in starts])
        unit = vectors / vectors.norm(dim=1, keepdim=True)
        torch.testing.assert_close(embedding[row], unit.mean(dim=0))


def test_windows_never_leave_their_clip():
    frames = [np.full((length, 2), number + 1.0) for number, length in enumerate((3, 10, 25))]
    stored = Frames(frames, np.array([0, 1, 2]), torch.device("cpu"))
    which = np.repeat([0, 1, 2], 50)
    windows = stored.draw(which, 10, np.random.default_rng(0)).numpy()
    assert np.array_equal(windows[which == 0][:, :3], np.ones((50, 3, 2)))
    assert not windows[which == 0][:, 3:].any()  # zeros behind a short clip's end
    assert (windows[which == 1] == 2).all() and (windows[which == 2] == 3).all()


def test_every_place_of_a_window_is_drawn():
    frames = [np.arange(13.0)[:, None]]
    stored = Frames(frames, np.array([0]), torch.device("cpu"))
    windows = stored.draw(np.zeros(200, dtype=int), 10, np.random.default_rng(0)).numpy()
    assert set(windows[:, 0, 0]) == {0, 1, 2, 3}


def test_triplets_are_valid_and_cover_every_anchor():
    emotion = np.array([0, 0, 0, 1, 1, 2])
    generator = np.random.default_rng(0)
    drawn = [window_training.random_triplets(emotion, generator) for _ in range(60)]
    for anchor, positive, negative in drawn:
        assert list(anchor) == [0, 1, 2, 3, 4]  # 5 has nobody of its emotion
        assert (emotion[anchor] == emotion[positive]).all() and (anchor != positive).all()
        assert (emotion[anchor] != emotion[negative]).all()
    assert {tuple(one[1:, 0]) for one in drawn} == {(p, n) for p in (1, 2) for n in (3, 4, 5)}
    alike = window_training.random_triplets(np.zeros(4, dtype=int), generator)
    assert alike.shape == (3, 0)


def test_triplet_loss_is_a_plain_loop_with_right_gradients():
    generator = np.random.default_rng(1)
    emotion = np.array([0, 1, 0, 2, 1, 2, 0])
    triplets = window_training.random_triplets(emotion, generator)
    raw = torch.randn(7, 4, dtype=torch.float64, requires_grad=True)

    def loss(raw):
        unit = torch.nn.functional.normalize(raw)
        return window_training.triplet_loss(unit, triplets, 0.2)

    unit = torch.nn.functional.normalize(raw).detach()
    plain = np.mean(
        [
            max(0.0, float(unit[a] @ unit[n]) - float(unit[a] @ unit[p]) + 0.2)
            for a, p, n in triplets.T
        ]
    )
    assert loss(raw).detach().item() == pytest.approx(plain)
    assert torch.autograd.gradcheck(loss, raw)
    none = window_training.triplet_loss(unit, np.zeros((3, 0), dtype=np.int64), 0.2)
    assert float(none) == 0


@pytest.mark.parametrize("network", NETWORKS)
def test_every_network_learns_what_is_plain(network):
    longer = Schedule(**{**vars(SCHEDULE), "epochs": (80, 20), "batch_size": 24, "scale": 4.0})
    trained = train(job(network=network, schedule=longer))
    _, emotion = clips()
    nearest = (trained.embedding @ trained.prototypes.T).argmax(axis=1)
    assert (nearest == emotion).mean() >= 0.55  # a third by chance
    assert np.linalg.norm(trained.prototypes, axis=1) == pytest.approx(1)
    assert len(trained.accuracy) == 2 and np.linalg.norm(trained.embedding, axis=1).max() < 1.00001


def test_test_clips_decide_nothing():
    frames, emotion = clips()
    frames = [frame if row < 30 else 100 * frame for row, frame in enumerate(frames)]
    other = train(job(frames=frames, emotion=np.where(np.arange(40) < 30, emotion, 0)))
    one = train(job())
    assert np.array_equal(one.prototypes, other.prototypes)
    assert np.array_equal(one.embedding[:30], other.embedding[:30])


def test_training_stops_when_validation_rises_no_more(monkeypatch):
    rates = iter([0.5, 0.6, 0.6003, 0.55, 0.58, 0.9])
    monkeypatch.setattr(window_training, "_accuracy", lambda *_: next(rates))
    epochs = []
    encoder = parts.load("encoders", "fc7").Encoder(WindowParams(width=4, dim=3), 6)
    frames, emotion = clips()
    schedule = Schedule(**{**vars(SCHEDULE), "epochs": (50, 0), "patience": 3})
    best = window_training.fit(
        Classified(encoder, 3, 3, 16.0),
        Frames(frames, emotion, torch.device("cpu")),
        (np.arange(30), np.arange(30, 40)),
        schedule,
        np.random.default_rng(0),
        on_epoch=lambda: epochs.append(1),
    )
    # 0.6003 is no rise by 0.0005, so three epochs pass after the second.
    assert best == [0.6] and len(epochs) == 5


def test_a_recipe_repeats_itself_whatever_ran_before():
    one = train(job(network="gru8"))
    torch.randn(3)
    assert np.array_equal(train(job(network="gru8")).embedding, one.embedding)
    other = train(job(network="gru8", seed=(8, 0)))
    assert not np.array_equal(other.embedding, one.embedding)

"""Pre-training on speakers: roles, pieces, training that resumes, what is written and read."""

import json
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
import yaml
from hypothesis import given
from hypothesis import settings as tries
from hypothesis import strategies as st

from emometric.base import settings
from emometric.base.errors import ParameterError, SplitError
from emometric.encoders import se_resnet34
from emometric.features import spectrogram
from emometric.fitting import checkpoint, seeding, training, warm_start
from emometric.pretraining import gathering, learning, speaker_roles, teaching
from emometric.pretraining.speaker_roles import Shares
from emometric.pretraining.training_state import State
from emometric.storage import store
from emometric.storage.clip import MANIFEST_SCHEMA
from emometric.studies import speaker_audit, tables

SHARES = Shares(test=0.25, valid=0.2, clips=5)
N_BINS = 24
SHAPE = {"widths": [4, 4, 4, 4], "stem": "plain", "reduction": 2, "dim": 8, "clusters": 2}
PARAMS = teaching.Params(
    corpora=["books", "acted"],
    feature="spectrogram",
    join_bins=1,
    compress="none",
    test_share=0.25,
    valid_share=0.2,
    clips_a_speaker=5,
    batch_size=8,
    batches=3,
    epochs=2,
    crop_s=0.2,
    learning_rate=0.01,
    weight_decay=0.0,
    label_smoothing=0.0,
    bin_mask=2,
    frame_mask=2,
    n_masks=1,
)


def rows_of(corpus, takes, part="", speakers=()):
    """Clips of a corpus: speaker number -> how many takes."""
    names = speakers or [f"{corpus}/{number:02d}" for number in range(len(takes))]
    return [
        {
            "id": f"{name}-{take}",
            "corpus": corpus,
            "speaker": name,
            "path": f"{part}{name}/{take}.wav",
        }
        for name, n_takes in zip(names, takes, strict=True)
        for take in range(n_takes)
    ]


# -- roles -----------------------------------------------------------------------------------------


def roles_by_speaker(clips, role):
    """Speaker -> the roles of the clips that are used."""
    used = clips.assign(role=role).query("role != ''")
    return used.groupby("speaker")["role"].agg(lambda one: "".join(sorted(set(one)))).to_dict()


corpora_of_speakers = st.lists(
    st.lists(st.integers(1, 7), min_size=1, max_size=15), min_size=1, max_size=3
)


@tries(max_examples=40, deadline=None)
@given(corpora_of_speakers, st.integers(0, 5))
def test_a_speaker_has_one_role_whatever_the_order(corpora, seed):
    clips = [
        row for name, takes in zip("abc", corpora, strict=False) for row in rows_of(name, takes)
    ]
    clips = pd.DataFrame(clips)
    role = speaker_roles.assign(clips, SHARES, (seed,))
    found = roles_by_speaker(clips, role)
    assert set(found.values()) <= set(speaker_roles.ROLES)
    counts = clips["speaker"].value_counts()
    for speaker, one in found.items():
        assert one != "test" or counts[speaker] > 1
        assert (clips["speaker"][role != ""] == speaker).sum() == min(counts[speaker], SHARES.clips)
    for name, takes in zip("abc", corpora, strict=False):
        per = [one for speaker, one in found.items() if speaker.startswith(name)]
        several = sum(n > 1 for n in takes)
        n_tested = max(-(-several // 4), 2) if several >= 4 else 0
        assert per.count("test") == n_tested
        n_valid = int(0.2 * (len(takes) - n_tested) + 1e-9)
        assert per.count("valid") == (n_valid if n_valid >= 2 else 0)
    shuffled = clips.sample(frac=1, random_state=1)
    again = pd.Series(speaker_roles.assign(shuffled, SHARES, (seed,)), shuffled.index)
    assert again.sort_index().tolist() == role.tolist()


@pytest.mark.parametrize(
    ("part", "tests"),
    [
        ("librispeech_test-other/", True),
        ("LibriSpeech/test-clean/", True),
        ("test/aac/", True),
        ("contest/", False),
        ("latest/", False),
    ],
)
def test_the_owners_test_part_tests(part, tests):
    clips = pd.DataFrame(
        rows_of("a", [3, 1, 2], part, ["a/x", "a/y", "a/z"]) + rows_of("a", [1] * 4, "train/")
    )
    found = roles_by_speaker(clips, speaker_roles.assign(clips, SHARES, (0,)))
    if tests:  # y has one utterance, and is not used
        assert found == {"a/x": "test", "a/z": "test"} | {f"a/0{n}": "train" for n in range(4)}
    else:
        assert set(found) == set(clips["speaker"]) and "test" not in found.values()


# -- pieces ----------------------------------------------------------------------------------------


@tries(deadline=None)
@given(st.integers(0, 300), st.integers(1, 6), st.integers(1, 60), st.integers(0, 5))
def test_pieces_are_long_enough_and_apart(length, n_pieces, least, gap):
    pieces = speaker_roles.cut(np.arange(length), n_pieces, least, gap)
    assert len(pieces) != 1 and len(pieces) <= max(n_pieces, 0)
    assert all(len(piece) >= least for piece in pieces)
    for one, two in pairwise(pieces):
        assert two[0] - one[-1] == gap + 1
    fits = n_pieces >= 2 and length >= 2 * least + gap
    assert bool(pieces) == fits
    if pieces:
        assert pieces[0][0] == 0 and length - pieces[-1][-1] - 1 < len(pieces)


@pytest.mark.parametrize("normalise", ["bin", "clip"])
def test_a_piece_is_as_if_it_had_been_the_clip(normalise):
    params = spectrogram.Params(silence="keep", normalise=normalise)
    waveform = np.random.default_rng(0).normal(0, 0.1, 16000).astype(np.float32)
    whole = spectrogram.extract(waveform, 16000, params)
    alone = spectrogram.extract(waveform[: 160 * 39 + 512], 16000, params)
    piece = speaker_roles.standardise(whole[:40].astype(np.float16), normalise)
    np.testing.assert_allclose(piece, alone, atol=0.01)  # float16 in between
    assert speaker_roles.standardise(whole, None) is not None
    np.testing.assert_array_equal(speaker_roles.standardise(np.ones((5, 3)), "bin"), 0)


def test_frames_of_two_pieces_share_no_sample():
    # 32 ms every 10 ms: a gap of three frames is the smallest that will do.
    first, second = speaker_roles.cut(np.arange(40), 2, 10, 3)
    assert first[-1] * 160 + 512 <= second[0] * 160
    first, second = speaker_roles.cut(np.arange(40), 2, 10, 2)
    assert first[-1] * 160 + 512 > second[0] * 160


# -- the audit of who may teach --------------------------------------------------------------------


def test_a_tested_speaker_and_a_copy_are_refused():
    learned = pd.DataFrame(rows_of("a", [2, 2])).assign(content=list("pqrs"))
    tested = pd.DataFrame(rows_of("b", [2, 2])).assign(content=list("tuvw"))
    speaker_audit.check_apart(learned, tested)
    speaker_audit.check_apart(learned.iloc[:0], tested)
    with pytest.raises(
        SplitError, match="trained on a/00, who also speaks the tested clip 'a/00-1'"
    ):
        speaker_audit.check_apart(learned, learned.iloc[1:2])
    copy = tested.assign(content=["t", "u", "r", "w"])
    with pytest.raises(
        SplitError, match="'a/01-0', whose audio is that of the tested clip 'b/01-0'"
    ):
        speaker_audit.check_apart(learned, copy)
    speaker_audit.check_apart(learned, copy.drop(columns="content"))


# -- training --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """Manifests and frames of two corpora in which a speaker is a ramp over the bins."""
    folder = tmp_path_factory.mktemp("stored")
    generator = np.random.default_rng(0)
    manifests, stores = {}, {}
    several = rows_of("books", [4] * 3, "test/", [f"books/t{n}" for n in range(3)])
    for corpus, rows in (
        ("books", rows_of("books", [1] * 12, "train/") + several),
        ("acted", rows_of("acted", [4] * 8)),
    ):
        voice = {row["speaker"]: generator.normal(0, 3, N_BINS) for row in rows}
        frames = [
            (
                row["id"],
                voice[row["speaker"]] * np.sin(np.arange(n := generator.integers(60, 90)))[:, None]
                + generator.normal(0, 0.5, (n, N_BINS)),
            )
            for row in rows
        ]
        table = [dict.fromkeys(MANIFEST_SCHEMA.names) | row | {"emotion": "fear"} for row in rows]
        manifests[corpus], stores[corpus] = folder / f"{corpus}.parquet", folder / corpus
        pq.write_table(pa.Table.from_pylist(table, MANIFEST_SCHEMA), manifests[corpus])
        store.write_ragged(stores[corpus], frames, dtype=np.float16)
    return manifests, stores


def job(stored, **changes) -> learning.Job:
    manifests, stores = stored
    return learning.Job(
        people=gathering.gather(manifests, PARAMS.shares, (7,)),
        stores=stores,
        heard=gathering.Heard(
            picture=lambda frames: np.asarray(frames, np.float16), least=15, gap=3, normalise="bin"
        ),
        shape={**SHAPE, "ghosts": 0},
        params=replace(PARAMS, **changes),
        crop_frames=20,
        seed=7,
        device="cpu",
        resamples=50,
        confidence=0.9,
    )


def learn(stored, path, **changes):
    return learning.learn(job(stored, **changes), State(path, {}), lambda epoch: None)


def weights(network):
    return torch.cat([value.flatten().double() for value in network.state_dict().values()])


@pytest.fixture(scope="module")
def learned(stored, tmp_path_factory):
    return learn(stored, tmp_path_factory.mktemp("state") / "s", epochs=8, batches=7)


def test_it_learns_to_tell_others_apart(learned):
    (every, acted, books) = learned.rates
    assert [row["group"] for row in learned.rates] == ["all", "acted", "books"]
    assert every["eer"] < 0.25 and every["eer"] + 0.1 < every["untrained_eer"]
    assert every["n_trials"] == acted["n_trials"] + books["n_trials"] == len(learned.trials)
    assert books["n_speakers"] == 3 and books["n_same"] == 3 * 6 and books["eer_low"] is None
    assert every["eer_low"] <= every["eer"] <= every["eer_high"]


def test_the_epoch_that_validates_best_is_kept(stored, learned):
    best = teaching.best_epoch(learned.curve)
    assert best.valid_eer == min(epoch.valid_eer for epoch in learned.curve)
    one = job(stored)
    valid = gathering.utterances(one.people, "valid", one.stores, one.heard, torch.device("cpu"))
    with seeding.reproducible((0,), torch.device("cpu")):
        assert teaching.valid_eer(learned.network, valid) == best.valid_eer


def test_a_tie_goes_to_the_later_epoch_and_without_validation_the_last_stays():
    def curve(*rates):
        return [
            teaching.Epoch(number=n, learning_rate=1.0, train_loss=1.0, valid_eer=rate)
            for n, rate in enumerate(rates, start=1)
        ]

    assert teaching.best_epoch(curve(0.3, 0.1, 0.1, 0.2)).number == 3
    assert teaching.best_epoch(curve(*[float("nan")] * 3)).number == 3


def test_validating_pieces_come_from_speakers_of_one_clip(stored):
    one = job(stored)
    found = gathering.utterances(one.people, "valid", one.stores, one.heard, torch.device("cpu"))
    single = found.table[found.table["corpus"] == "books"]
    assert single["id"].str.contains("#").all()
    assert (single.groupby("speaker").size() >= 2).all()
    assert not set(found.table["speaker"]) & set(one.people.speakers)
    assert len(found.clips) == len(found.table) and (found.clips.lengths >= 15).all()


class Killed(Exception):
    pass


def test_a_killed_training_goes_on_to_the_same_weights(stored, tmp_path):
    def stop(epoch):
        if epoch.number == 2:
            raise Killed

    whole = learn(stored, tmp_path / "whole", epochs=3)
    one = job(stored, epochs=3)
    with pytest.raises(Killed):
        learning.learn(one, State(tmp_path / "state", {"a": 1}), stop)
    seen = []
    resumed = learning.learn(one, State(tmp_path / "state", {"a": 1}), seen.append)
    assert torch.equal(weights(whole.network), weights(resumed.network))
    assert whole.curve == resumed.curve and [epoch.number for epoch in seen] == [1, 2, 3]
    pd.testing.assert_frame_equal(whole.trials, resumed.trials)


def test_a_state_of_something_else_or_a_damaged_one_is_left_alone(tmp_path):
    network, other = torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)
    optimiser = torch.optim.AdamW(network.parameters(), fused=True)
    network(torch.ones(1, 2)).sum().backward()
    optimiser.step()
    state = State(tmp_path / "state", {"a": 1})
    kept = {name: value.clone() for name, value in network.state_dict().items()}
    state.save(network, optimiser, [{"number": 1, "rate": float("nan")}], kept)
    before = other.weight.clone()
    fresh = torch.optim.AdamW(other.parameters(), fused=True)
    assert State(tmp_path / "state", {"a": 2}).load(other, fresh) == ([], {})
    assert torch.equal(before, other.weight)
    rows, best = State(tmp_path / "state", {"a": 1}).load(other, fresh)
    assert rows[0]["number"] == 1 and np.isnan(rows[0]["rate"])
    assert torch.equal(best["weight"], network.weight) and torch.equal(other.weight, network.weight)
    for mine, theirs in zip(fresh.state.values(), optimiser.state.values(), strict=True):
        assert all(torch.equal(mine[key], theirs[key]) for key in theirs)
    (tmp_path / "state").write_bytes(b"no tensors")
    assert state.load(other, fresh) == ([], {})
    state.remove()
    state.remove()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_a_gpu_repeats_itself(stored, tmp_path):
    one, other = (
        learning.learn(
            replace(job(stored), device="cuda"), State(tmp_path / name, {}), lambda epoch: None
        )
        for name in "ab"
    )
    assert torch.equal(weights(one.network), weights(other.network))
    assert one.rates == other.rates


def test_loss_that_is_no_number_is_one_sentence(stored, tmp_path):
    with pytest.raises(ParameterError, match=r"lower pretraining\.learning_rate"):
        learn(stored, tmp_path / "state", learning_rate=1e30)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"corpora": []}, "pretraining.corpora names no corpus"),
        ({"test_share": 1.0}, "pretraining.test_share is '1.0'"),
        ({"batches": 0}, "pretraining.batches is '0'; write a whole number from 1"),
        ({"epochs": 1.5}, "pretraining.epochs is '1.5'"),
        ({"learning_rate": 0}, "pretraining.learning_rate is 0"),
        ({"weight_decay": -1}, "pretraining.weight_decay is -1"),
    ],
)
def test_bad_settings_are_one_sentence(changes, sentence):
    with pytest.raises(ParameterError, match=sentence):
        replace(PARAMS, **changes)


# -- what is written, and who starts from it -------------------------------------------------------


@pytest.fixture(scope="module")
def folder(learned, tmp_path_factory):
    folder = tmp_path_factory.mktemp("written") / "speakers"
    learning.write(folder, learned, {"state": "trained", "taught": {"n_train_clips": 3}})
    return folder


def test_files_hold_what_was_learned(folder, learned):
    assert sorted(path.name for path in folder.iterdir()) == [
        "curve.csv",
        "network.json",
        "network.safetensors",
        "trials.csv",
        "verification.json",
    ]
    network, about = checkpoint.load(folder / "network")
    assert torch.equal(weights(network), weights(learned.network))
    assert about["state"] == "trained" and about["recipe"]["encoder"] == "se_resnet34"
    rates = json.loads((folder / "verification.json").read_text())
    assert rates[0]["group"] == "all" and rates[0]["n_train_clips"] == 3
    trials = pd.read_csv(folder / "trials.csv")
    assert list(trials.columns) == ["group", "first", "second", "same", "score", "untrained"]
    curve = pd.read_csv(folder / "curve.csv")
    assert curve["number"].tolist() == list(range(1, 9)) and curve.notna().all(axis=None)


def test_a_study_reads_clips_and_network(stored, folder, tmp_path):
    people = job(stored).people
    pq.write_table(people.learned(), tmp_path / "speakers.parquet")
    table = tables.read("speakers", tmp_path / "speakers.parquet", folder, ["spectrogram"])
    assert table.network == folder and table.clips["emotion"].isna().all()
    assert set(table.clips["split"]) == {"train", "valid"}
    assert set(table.clips["speaker"]) == set(
        people.table.query("role in ['train', 'valid']").speaker
    )
    assert not set(table.clips["speaker"]) & set(people.rows("test")["speaker"])
    assert people.counts()["books"]["n_test_speakers"] == 3


def test_without_speakers_the_state_is_empty(stored, tmp_path):
    empty = {name: tmp_path / f"{name}.parquet" for name in stored[0]}
    for path in empty.values():
        pq.write_table(MANIFEST_SCHEMA.empty_table(), path)
    people = gathering.gather(empty, SHARES, (0,))
    assert not people.enough and people.learned().schema == MANIFEST_SCHEMA
    learning.write_empty(tmp_path / "speakers", {"state": "empty"})
    pq.write_table(people.learned(), tmp_path / "speakers.parquet")
    table = tables.read("speakers", tmp_path / "speakers.parquet", tmp_path / "speakers", ["x"])
    assert table.network is None and len(table) == 0


def encoder(**changes):
    torch.manual_seed(3)
    return se_resnet34.Encoder(se_resnet34.Params(**{**SHAPE, "ghosts": 0, **changes}), N_BINS)


def test_a_start_copies_the_encoder(folder, learned):
    new = encoder()
    assert warm_start.start(new, folder) == ()
    for name, value in learned.network.encoder.state_dict().items():
        assert torch.equal(new.state_dict()[name], value), name


def test_ghosts_stay_as_they_were_drawn(folder, learned):
    new, untouched = encoder(ghosts=3), encoder(ghosts=3)
    assert warm_start.start(new, folder) == ()
    old = learned.network.encoder.vlad.assign.weight
    assert torch.equal(new.vlad.assign.weight[:2], old)
    assert torch.equal(new.vlad.assign.weight[2:], untouched.vlad.assign.weight[2:])
    assert torch.equal(new.vlad.assign.bias[2:], untouched.vlad.assign.bias[2:])
    assert torch.equal(new.project.weight, learned.network.encoder.project.weight)


def test_other_clusters_leave_the_aggregation_new(folder, learned):
    new, untouched = encoder(clusters=3), encoder(clusters=3)
    left = warm_start.start(new, folder)
    assert set(left) == {
        name for name in untouched.state_dict() if name.startswith(("vlad.", "project"))
    }
    for name, value in new.state_dict().items():
        source = untouched if name in left else learned.network.encoder
        assert torch.equal(value, source.state_dict()[name]), name


# -- A network of emotions -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def felt(tmp_path_factory):
    """A corpus whose emotions are waves along time of other lengths, and clips without one."""
    folder = tmp_path_factory.mktemp("felt")
    generator = np.random.default_rng(1)
    rows = rows_of("acted", [9] * 6)
    known = ("sadness", "anger", None)
    table, frames = [], []
    for number, row in enumerate(rows):
        emotion = known[number % 3]
        table.append(dict.fromkeys(MANIFEST_SCHEMA.names) | row | {"emotion": emotion})
        time = np.arange(generator.integers(60, 90))[:, None] + generator.integers(0, 20)
        wave = np.sin(time / {"sadness": 8, "anger": 1.5, None: 3}[emotion])
        noise = generator.normal(0, 0.5, (len(time), N_BINS))
        frames.append((row["id"], wave * np.linspace(0, 2, N_BINS) + noise))
    manifests, stores = {"acted": folder / "acted.parquet"}, {"acted": folder / "acted"}
    pq.write_table(pa.Table.from_pylist(table, MANIFEST_SCHEMA), manifests["acted"])
    store.write_ragged(stores["acted"], frames, dtype=np.float16)
    return manifests, stores


def test_a_network_learns_emotions(felt, tmp_path):
    """All speakers teach, clips without an emotion do not; classes have the vocabulary's order."""
    everybody = Shares(test=0.0, valid=0.0, clips=100)
    people = gathering.gather(felt[0], everybody, (7,), learns="emotion")
    assert people.classes == ("anger", "sadness")
    assert len(people.rows("train")) == 36 and len(people.rows("")) == 18
    assert set(people.rows("")["emotion"].isna()) == {True}
    assert people.learned()["emotion"].to_pylist() == people.rows("train")["emotion"].tolist()
    work = replace(job(felt, epochs=8, batches=7), people=people)
    learned = learning.learn(work, State(tmp_path / "s", {}), lambda epoch: None)
    assert learned.recipe.emotions == people.classes and not learned.rates
    assert all(np.isnan(epoch.valid_eer) for epoch in learned.curve)
    clips = gathering.training_clips(people, felt[1], work.heard, torch.device("cpu"))
    assert clips.emotion.tolist() == [int(one == "sadness") for one in people.rows("train").emotion]
    embedding = training.embed(learned.network, clips, np.arange(len(clips)))
    last = learned.network.loss.classify
    logits = last(torch.from_numpy(embedding)).detach().numpy()
    right = (logits.argmax(axis=1) == clips.emotion).mean()
    assert right > 0.9


# -- params.yaml and the graph ---------------------------------------------------------------------


@pytest.fixture
def raw(project_root):
    return yaml.safe_load((project_root / "params.yaml").read_text(encoding="utf-8"))


def read_changed(tmp_path, raw):
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(raw), encoding="utf-8")
    return settings.read("original", path)


def changed(raw, network, changes):
    blocks = raw["pretraining"]
    return raw | {"pretraining": blocks | {network: blocks[network] | changes}}


@pytest.mark.parametrize("network", settings.NETWORKS)
def test_nobody_whom_a_study_tests_teaches(tmp_path, raw, network):
    tested = {one["target"] for one in raw["studies"].values() if one["source"] == network}
    names = raw["pretraining"][network]["corpora"]
    assert tested and not tested & set(names)
    for corpus in sorted(tested):
        more = changed(raw, network, {"corpora": [*names, corpus]})
        with pytest.raises(ParameterError, match=rf"{network}\.corpora names {corpus}, on whose"):
            read_changed(tmp_path, more)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"corpora": "emodb"}, r"pretraining\.speakers\.corpora must be a list"),
        ({"corpora": ["emobd"]}, r"'emobd' is not known under corpora; did you mean 'emodb'"),
        ({"corpora": ["savee"]}, r"pretraining\.speakers hears spectrogram of savee; add it under"),
        ({"feature": "spectogram"}, r"'spectogram' is not known under features"),
        ({"epoch": 3}, r"key 'pretraining\.speakers\.epoch'; did you mean '[a-z.]*\.epochs'"),
    ],
)
def test_bad_blocks_are_one_sentence(tmp_path, raw, changes, sentence):
    with pytest.raises(ParameterError, match=sentence):
        read_changed(tmp_path, changed(raw, "speakers", changes))


def test_an_unknown_network_is_one_sentence(tmp_path, raw):
    blocks = raw["pretraining"] | {"emotion": raw["pretraining"]["emotions"]}
    with pytest.raises(ParameterError, match=r"did you mean 'pretraining\.emotions'"):
        read_changed(tmp_path, raw | {"pretraining": blocks})


@pytest.mark.parametrize("network", settings.NETWORKS)
def test_the_block_is_accepted_at_both_scales(project_root, network):
    for origin in settings.ORIGINS:
        block = settings.read(origin, project_root / "params.yaml")["pretraining"][network]
        assert teaching.Params(**block).schedule(10).crop_frames == 10


def test_the_graph_names_the_corpora_of_the_blocks(project_root, raw):
    stage = yaml.safe_load((project_root / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    deps = stage["pretrain"]["do"]["deps"]
    named = {
        part: {dep.split("/")[3] for dep in deps if f"}}/{part}/" in dep}
        for part in ("manifests", "study_features")
    }
    names = {name for block in raw["pretraining"].values() for name in block["corpora"]}
    assert named["study_features"] == names
    assert named["manifests"] == {f"{name}.parquet" for name in names}

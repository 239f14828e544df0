"""From cells to rates, intervals, comparisons and tables; and the three stages that make them."""

import itertools
import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import stage_scripts
from emometric import splits
from emometric.base.errors import CorpusError, ParameterError, PipelineError, StoreError
from emometric.scoring import cells, evaluation, metrics, projection, resampling, results
from emometric.storage import store

EMOTIONS = ("anger", "fear", "sadness")
PARAMS = evaluation.Params(n_resamples=400, confidence=0.95, perplexity=10)


def make_cells(seed=0, *, cell="triplet", n_speakers=8, n_each=4, skill=0.6, spread=0.25):
    """Clips of speakers who differ in how well they are recognised; two speakers a fold."""
    generator = np.random.default_rng(seed)
    parts = []
    for speaker in range(n_speakers):
        right = np.clip(skill + spread * generator.normal(), 0.05, 0.95)
        emotion = np.repeat(EMOTIONS, n_each)
        clips = pd.DataFrame(
            {
                "id": [f"c/{speaker:02d}{take:02d}" for take in range(len(emotion))],
                "speaker": f"c/s{speaker:02d}",
                "emotion": emotion,
            }
        )
        truth = np.repeat(np.eye(3), n_each, axis=0)
        is_right = generator.random((len(emotion), 1)) < right
        scores = np.where(is_right, truth, np.roll(truth, 1, axis=1))
        parts.append(
            cells.build(clips, scores, EMOTIONS, study="run", cell=cell, fold=speaker // 2, seed=7)
        )
    return pd.concat(parts, ignore_index=True)


def counts_of(table):
    wide = evaluation.by_speaker(table).pivot(index="speaker", columns="emotion")
    return wide["n"].to_numpy(float), wide["correct"].to_numpy(float)


# -- resampling ------------------------------------------------------------------------------------


def interval(n, correct, seed=0, n_resamples=500, confidence=0.95):
    return resampling.bootstrap_by_speaker(
        np.asarray(n, dtype=float),
        np.asarray(correct, dtype=float),
        n_resamples=n_resamples,
        confidence=confidence,
        generator=np.random.default_rng(seed),
    )


count_tables = st.integers(2, 7).flatmap(
    lambda n_speakers: st.lists(
        st.lists(st.integers(0, 4), min_size=3, max_size=3),
        min_size=n_speakers,
        max_size=n_speakers,
    )
)


@settings(max_examples=20, deadline=None)
@given(n=count_tables, seed=st.integers(0, 1000))
def test_resampling_equals_a_plain_loop(n, seed):
    n = np.array(n)
    n[0, 0] += 1
    generator = np.random.default_rng(seed)
    correct = generator.binomial(n, 0.6)
    generator, values, n_drawn = np.random.default_rng(seed), [], 0
    has = n.sum(axis=0) > 0
    while len(values) < 200 and n_drawn < 200 * resampling.N_TRIES:
        picks = generator.integers(len(n), size=len(n))
        n_drawn += 1
        if (n[picks][:, has].sum(axis=0) > 0).all():
            recall = correct[picks][:, has].sum(axis=0) / n[picks][:, has].sum(axis=0)
            values.append(recall.mean())
    low, high = interval(n, correct, seed, n_resamples=200)
    if len(values) < 200:
        assert np.isnan([low, high]).all()
    else:
        np.testing.assert_allclose([low, high], np.quantile(values, [0.025, 0.975]), atol=1e-12)


def test_interval_covers_the_truth_as_often_as_it_says():
    # 20 speakers, recalls scattered around 0.6: a nominal 90 % interval, 300 corpora. A percentile
    # bootstrap of 20 units is a little narrow; by 0.80 the method would be wrong.
    generator = np.random.default_rng(0)
    n = np.full((20, 4), 10)
    hits = 0
    for corpus in range(300):
        recall = np.clip(0.6 + 0.12 * generator.normal(size=(20, 1)), 0, 1)
        low, high = interval(n, generator.binomial(n, recall), corpus, 400, confidence=0.9)
        hits += low <= 0.6 <= high
    assert 0.84 <= hits / 300 <= 0.94


def test_interval_of_clips_alike_within_speakers_is_wider_than_of_clips():
    # Each speaker is all right or all wrong: ten times the clips tell nothing more.
    n, right = np.full((16, 2), 10), np.repeat([[1, 1], [0, 0]], 8, axis=0)
    assert interval(n, 10 * right) == interval(n // 10, right)


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_speakers_alike_leave_no_doubt(share):
    n = np.full((5, 3), 4)
    assert interval(n, share * n) == (share, share)


def test_interval_widens_with_confidence_and_holds_the_uar():
    n, correct = counts_of(make_cells())
    uar = resampling.pooled_uar(n, correct)
    wide, narrow = (interval(n, correct, confidence=level) for level in (0.99, 0.5))
    assert wide[0] < narrow[0] < uar < narrow[1] < wide[1]


def test_one_speaker_has_no_interval():
    assert np.isnan(interval([[3, 3]], [[2, 1]])).all()


def test_an_emotion_of_one_speaker_is_drawn_again_until_it_is_there():
    n = np.array([[4, 0], [0, 4], [0, 4], [0, 4]])
    weights = resampling.draw_speakers(n, 300, np.random.default_rng(0))
    assert weights.shape == (300, 4)
    assert (weights.sum(axis=1) == 4).all()
    assert (weights[:, 0] > 0).all()


def test_an_emotion_for_each_speaker_has_no_interval():
    # Eight speakers with an emotion of their own: one resample in 416 holds all eight.
    assert np.isnan(interval(4 * np.eye(8), 2 * np.eye(8))).all()


def test_2000_resamples_take_no_time():
    n = np.random.default_rng(0).integers(0, 9, (91, 6))
    weights = resampling.draw_speakers(n, 2000, np.random.default_rng(0))
    assert weights.shape == (2000, 91)


@settings(max_examples=30, deadline=None)
@given(n=count_tables, seed=st.integers(0, 1000))
def test_sign_flip_equals_swapping_the_systems(n, seed):
    n = np.array(n)
    n[0, 0] += 1
    generator = np.random.default_rng(seed)
    one, two = generator.binomial(n, 0.7), generator.binomial(n, 0.4)
    p = resampling.sign_flip_p(n, one, two, n_resamples=2000, generator=generator)
    observed = abs(resampling.pooled_uar(n, one) - resampling.pooled_uar(n, two))
    extreme = []
    for swap in itertools.product((False, True), repeat=len(n)):
        swapped = np.where(np.array(swap)[:, None], two, one)
        back = np.where(np.array(swap)[:, None], one, two)
        difference = resampling.pooled_uar(n, swapped) - resampling.pooled_uar(n, back)
        extreme.append(abs(difference) >= observed - 1e-12)
    assert p == pytest.approx(np.mean(extreme), abs=1e-12)


def test_sign_flip_by_chance_agrees_with_all_flips():
    n, one = counts_of(make_cells(1, n_speakers=10))
    _, two = counts_of(make_cells(2, n_speakers=10, skill=0.5))
    exact, drawn = (
        resampling.sign_flip_p(n, one, two, n_resamples=number, generator=np.random.default_rng(0))
        for number in (2000, 1000)
    )
    assert exact == pytest.approx(drawn, abs=0.05)  # three standard errors of 1000 flips
    assert exact != drawn


def test_sign_flip_p_is_never_zero():
    n = np.full((15, 2), 4)
    generator = np.random.default_rng(0)
    p = resampling.sign_flip_p(n, n, 0 * n, n_resamples=100, generator=generator)
    assert p == 1 / 101  # only the observed signs are as extreme: 2 of 32768 are


def test_speakers_who_do_not_differ_do_not_count():
    n = np.full((40, 2), 4)
    other = n.copy()
    other[:3] -= 1
    generator = np.random.default_rng(0)
    assert resampling.sign_flip_p(n, n, other, n_resamples=100, generator=generator) == 2 / 2**3


def test_sign_flip_p_is_uniform_where_nothing_differs():
    generator = np.random.default_rng(0)
    n = np.full((9, 3), 6)
    ps = [
        resampling.sign_flip_p(
            n,
            generator.binomial(n, 0.6),
            generator.binomial(n, 0.6),
            n_resamples=600,
            generator=generator,
        )
        for _ in range(400)
    ]
    assert 0.02 <= np.mean(np.array(ps) <= 0.05) <= 0.08


# -- rates and tables ------------------------------------------------------------------------------


def test_summary_pools_the_clips():
    table = make_cells()
    summary = evaluation.summarise(table, PARAMS, 7)
    assert summary["uar"] == metrics.uar(table["truth"], table["predicted"])
    assert summary["uar"] == pytest.approx(resampling.pooled_uar(*counts_of(table)), abs=1e-12)
    assert summary["accuracy"] == np.mean(table["truth"] == table["predicted"])
    assert (summary["n_clips"], summary["n_speakers"], summary["n_folds"]) == (96, 8, 4)
    uars = [metrics.uar(rows["truth"], rows["predicted"]) for _, rows in table.groupby("fold")]
    assert summary["uar_fold_mean"] == pytest.approx(np.mean(uars), abs=1e-12)
    assert summary["uar_fold_sd"] == pytest.approx(np.std(uars, ddof=1), abs=1e-12)
    assert summary["uar_low"] < summary["uar"] < summary["uar_high"]
    assert summary == evaluation.summarise(table.sample(frac=1, random_state=1), PARAMS, 7)


def test_folds_that_miss_emotions_are_pooled_before_the_uar():
    # As in URDU: each fold holds one emotion, and 0 is predicted of everything.
    clips = pd.DataFrame(
        {"id": ["a", "b", "c"], "speaker": ["s", "t", "u"], "emotion": list(EMOTIONS)}
    )
    table = pd.concat(
        cells.build(
            clips[k : k + 1], np.eye(3)[:1], EMOTIONS, study="run", cell="x", fold=k, seed=1
        )
        for k in range(3)
    )
    assert evaluation.summarise(table, PARAMS, 7)["uar"] == pytest.approx(1 / 3)
    assert evaluation.by_fold(table)["uar"].tolist() == [1.0, 0.0, 0.0]


def test_per_speaker_counts_every_clip_once():
    table = pd.concat([make_cells(), make_cells(1, cell="majority")])
    recalls = evaluation.by_speaker(table)
    assert list(recalls.columns) == ["study", "cell", "speaker", "emotion", "n", "correct"]
    assert len(recalls) == 2 * 8 * 3
    row = recalls.set_index(["cell", "speaker", "emotion"]).loc[("triplet", "c/s03", "fear")]
    rows = table[
        (table["cell"] == "triplet") & (table["speaker"] == "c/s03") & (table["truth"] == "fear")
    ]
    assert (row["n"], row["correct"]) == (4, (rows["predicted"] == "fear").sum())
    assert recalls.equals(recalls.sort_values(["cell", "speaker", "emotion"], ignore_index=True))


def test_confusion_rows_sum_to_a_hundred():
    table = make_cells()
    matrix = evaluation.confusion(table, ("anger", "fear", "sadness", "surprise"))
    sums = matrix.groupby("truth")[["n", "percent"]].sum()
    assert sums["n"].to_dict() == {"anger": 32, "fear": 32, "sadness": 32, "surprise": 0}
    np.testing.assert_allclose(sums["percent"], [100, 100, 100, 0])
    hits = matrix[matrix["truth"] == matrix["predicted"]].set_index("truth")["percent"]
    recall = metrics.recall_by_emotion(table["truth"], table["predicted"])
    assert {name: hits[name] / 100 for name in recall} == pytest.approx(recall)


@pytest.mark.parametrize(
    ("key", "value"),
    [("n_resamples", 10), ("n_resamples", 1e3), ("confidence", 95), ("perplexity", "many")],
)
def test_settings_out_of_range_are_refused(key, value):
    good = {"n_resamples": 2000, "confidence": 0.95, "perplexity": 20}
    with pytest.raises(ParameterError, match=f"evaluation.{key} is '{value}'"):
        evaluation.Params(**{**good, key: value})


# -- comparison ------------------------------------------------------------------------------------


def compare(one, two, seed=7):
    return evaluation.compare(evaluation.by_speaker(one), evaluation.by_speaker(two), PARAMS, seed)


def test_a_cell_does_not_differ_from_itself():
    assert compare(make_cells(), make_cells()) == evaluation.Comparison(
        difference=0.0, low=0.0, high=0.0, p=1.0
    )


def test_comparison_turns_round_with_its_sides():
    one, two = make_cells(1, skill=0.8, spread=0.1), make_cells(2, skill=0.4, spread=0.1)
    there, back = compare(one, two), compare(two, one)
    assert there.difference == -back.difference > 0
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low), abs=1e-12)
    assert there.p == back.p < 0.05
    assert there.low > 0


def test_pairing_takes_out_what_both_share():
    # Speakers differ widely, yet the second cell misses one clip more of each: always worse.
    one = make_cells(n_each=10, spread=0.3)
    two = one.copy()
    right = two[two["truth"] == two["predicted"]].groupby("speaker").head(1).index
    two.loc[right, "predicted"] = two.loc[right, "truth"].map(
        dict(zip(EMOTIONS, np.roll(EMOTIONS, 1), strict=True))
    )
    paired = compare(one, two)
    alone = evaluation.summarise(one, PARAMS, 7)
    assert 0 < paired.low < paired.difference < paired.high
    assert paired.high - paired.low < (alone["uar_high"] - alone["uar_low"]) / 3
    assert paired.p == 2 / 2**8


def test_cells_of_other_clips_are_not_compared():
    table = make_cells()
    with pytest.raises(PipelineError, match="tested different clips"):
        compare(table, table[1:])
    with pytest.raises(PipelineError, match="tested different clips"):
        compare(table[table["speaker"] != "c/s00"], table)


# -- map -------------------------------------------------------------------------------------------


def test_map_is_reproducible_and_keeps_neighbours():
    generator = np.random.default_rng(0)
    group = np.repeat([0, 1, 2], 15)
    embedding = (np.eye(3)[group] @ generator.normal(size=(3, 16))) * 9
    embedding = embedding + generator.normal(size=embedding.shape)
    position = projection.tsne(embedding, perplexity=8, seed=3)
    assert position.tobytes() == projection.tsne(embedding, perplexity=8, seed=3).tobytes()
    distance = np.linalg.norm(position[:, None] - position, axis=2) + 1e9 * np.eye(45)
    assert (group[distance.argmin(axis=1)] == group).all()


def test_map_of_few_clips_or_of_a_collapsed_network():
    embedding = np.random.default_rng(0).normal(size=(5, 3))
    assert np.isfinite(projection.tsne(embedding, perplexity=50, seed=0)).all()
    assert not projection.tsne(np.ones((9, 4)), perplexity=5, seed=0).any()
    with pytest.raises(PipelineError, match="3 clips"):
        projection.tsne(embedding[:3], perplexity=5, seed=0)


# -- stages ----------------------------------------------------------------------------------------


@pytest.fixture
def project(tmp_path, project_root, monkeypatch):
    """A project with Emo-DB acquired, its functionals extracted and a run embedded: made up."""
    monkeypatch.chdir(tmp_path)
    text = (project_root / "params.yaml").read_text(encoding="utf-8")
    (tmp_path / "params.yaml").write_text(text, encoding="utf-8")
    table = make_cells(n_speakers=8, n_each=3)
    data = tmp_path / "data/original"
    for folder in ("manifests", "corpora/emodb", "embeddings/run", "models/run"):
        (data / folder).mkdir(parents=True)
    clips = table[["clip", "speaker", "truth"]].set_axis(["id", "speaker", "emotion"], axis=1)
    clips = clips.assign(corpus="emodb", sentence="a", seconds=2.0, activation=3.5)
    nameless = clips[:1].assign(id="c/zz", emotion=None)
    pd.concat([clips, nameless]).to_parquet(data / "manifests/emodb.parquet")
    (data / "corpora/emodb/rejects.csv").write_text(
        "path,reason,kind\nwav/x.wav,empty,rejected\nwav/y.wav,silent,excluded\n"
    )
    generator = np.random.default_rng(0)
    values = generator.normal(size=(len(clips), 5))
    values[:, 0] += clips["emotion"].map({"anger": 0, "fear": 2, "sadness": 4})
    store.write_functionals(
        data / "features/emodb/egemaps/functionals.parquet", clips["id"], list("abcde"), values
    )
    return SimpleNamespace(data=data, table=table, clips=clips)


def embed(project):
    """What train and embed would leave: predictions and embeddings on the folds of `split`."""
    folds = splits.read(project.data / "splits/run.parquet")
    number = {clip: k for k, fold in enumerate(folds) for clip in fold.test}
    own = project.table.assign(fold=project.table["clip"].map(number))
    cells.write(project.data / "embeddings/run/cells.parquet", own)
    rows = [
        (k, clip, role)
        for k, fold in enumerate(folds)
        for role in ("train", "valid", "test")
        for clip in getattr(fold, role)
    ]
    embedding = np.random.default_rng(0).normal(size=(len(rows), 6)).astype(np.float32)
    columns = dict(zip(("fold", "id", "role"), map(list, zip(*rows, strict=True)), strict=True))
    columns["embedding"] = pa.array(list(embedding), pa.list_(pa.float32()))
    pq.write_table(pa.table(columns), project.data / "embeddings/run/embeddings.parquet")
    curves = "fold,epoch,learning_rate,train_loss,valid_uar\n0,1,0.001,0.5,0.4\n"
    (project.data / "models/run/curves.csv").write_text(curves)
    (project.data / "models/run/fold_00.json").write_text(
        '{"device": "cpu", "versions": {"torch": "2.13.0"}}'
    )


RUN = {"run": "run", "origin": "original", "corpus": "emodb", "seed": 7}
CHOICE = {"feature": "spectrogram", "encoder": "se_resnet34", "loss": "triplet"}
CHOICE |= {"decision": "svm_rbf", "protocol": "speaker_folds"}


def test_stages_from_manifest_to_results(project):
    stage_scripts.load("split").split(**RUN, protocol="speaker_folds")
    stage_scripts.load("baselines").evaluate(**RUN, feature="egemaps", decision="svm_linear")
    embed(project)
    evaluate = stage_scripts.load("evaluate").evaluate
    with pytest.raises(StoreError, match=r"no audit at .*audit\.json; run `dvc repro`"):
        evaluate(**RUN, **CHOICE)
    (project.data / "audits/run").mkdir(parents=True)
    (project.data / "audits/run/audit.json").write_text('{"verdict": "clean"}')
    evaluate(**RUN, **CHOICE)
    folder = project.data / "results/run"
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert sorted(files) == [
        "cells.parquet",
        "confusion.csv",
        "curves.csv",
        "folds.csv",
        "metrics.json",
        "per_speaker.csv",
        "run.json",
        "tsne.csv",
    ]
    evaluate(**RUN, **CHOICE)
    assert files == {path.name: path.read_bytes() for path in folder.iterdir()}

    truth, predicted = project.table["truth"], project.table["predicted"]
    found = json.loads(files["metrics.json"])
    assert found["uar"] == round(metrics.uar(truth, predicted), 4)
    assert found["accuracy"] == round(metrics.accuracy(truth, predicted), 4)
    assert found["uar_low"] < found["uar"] < found["uar_high"]
    n_folds = len(splits.read(project.data / "splits/run.parquet"))
    assert (found["n_clips"], found["n_speakers"], found["n_folds"]) == (72, 8, n_folds)
    assert set(found["majority"]) == set(found["speaker_lookup"]) == {"uar", "accuracy"}
    svm = found["egemaps_svm_linear"]
    assert set(svm) == {"uar", "uar_low", "uar_high", "accuracy"}
    assert found["gain"]["uar"] == pytest.approx(found["uar"] - svm["uar"], abs=1.01e-4)
    assert set(found["gain"]) == {"uar", "uar_low", "uar_high", "p"}

    run = json.loads(files["run.json"])
    assert run["audit"] == {"verdict": "clean"}
    assert run["emotions"] == {"anger": 24, "fear": 24, "sadness": 24}
    assert (run["origin"], run["scale"], run["loss"]) == ("original", "quick", "triplet")
    assert run["baseline"] == "egemaps_svm_linear"
    assert run["corpus"]["name"] == "Emo-DB"
    assert (run["corpus"]["n_rejects"], run["corpus"]["n_excluded"]) == (2, 1)
    assert run["corpus"]["seconds"] == 144.0

    tables = {name: pd.read_csv(folder / f"{name}.csv") for name in ("confusion", "tsne", "folds")}
    assert list(tables["confusion"].columns) == ["truth", "predicted"]
    assert len(tables["confusion"]) == 72
    assert metrics.uar(*tables["confusion"].to_numpy().T) == metrics.uar(truth, predicted)
    assert tables["folds"].groupby("cell").size().tolist() == [n_folds] * 4
    tsne = tables["tsne"].set_index("clip")
    first = splits.read(project.data / "splits/run.parquet")[0]
    assert set(tsne.index) == {*first.train, *first.test}
    assert set(tsne.index[tsne["predicted"].notna()]) == set(first.test)
    assert set(tsne.index[tsne["role"] == "test"]) == set(first.test)
    near = tsne["neighbours"].str.split()
    assert (near.str.len() == 5).all() and "activation" in tsne
    assert all(clip not in names and set(names) <= set(tsne.index) for clip, names in near.items())
    about = json.loads((folder / "run.json").read_text())
    assert about["device"] == "cpu" and about["versions"] == {"torch": "2.13.0"}


def test_nearest_equals_a_plain_search():
    embedding = np.random.default_rng(0).normal(size=(40, 6)).astype(np.float32)
    found = projection.nearest(embedding, 7)
    far = np.linalg.norm(embedding[:, None].astype(float) - embedding[None], axis=2)
    np.fill_diagonal(far, np.inf)
    assert np.array_equal(found, np.argsort(far, axis=1)[:, :7])
    assert projection.nearest(np.ones((3, 2)), 5).tolist() == [[1, 2], [0, 2], [0, 1]]
    assert projection.nearest(np.ones((1, 2)), 5).shape == (1, 0)


def test_a_run_without_its_corpus_stops_with_one_sentence(project):
    path = project.data / "manifests/emodb.parquet"
    pd.read_parquet(path)[:0].to_parquet(path)
    with pytest.raises(CorpusError, match="emometric corpora link ROOT"):
        stage_scripts.load("split").split(**RUN, protocol="speaker_folds")
    assert not (project.data / "splits").exists()


def test_a_misspelt_protocol_is_named(project):
    with pytest.raises(ParameterError, match="did you mean 'speaker_folds'"):
        stage_scripts.load("split").split(**RUN, protocol="speaker_fold")


def test_baselines_of_another_kind_are_refused():
    own = make_cells()
    with pytest.raises(StoreError, match="majority, speaker_lookup and one more"):
        results.svm_cell(make_cells(cell="majority"))
    beside = pd.concat(
        make_cells(cell=name)[1:] for name in ("majority", "speaker_lookup", "egemaps_svm_linear")
    )
    with pytest.raises(PipelineError, match="tested different clips"):
        results.headline(own, beside, PARAMS, 7)

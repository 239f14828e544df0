"""Closed forms on functionals: folds, what each system hears, and what it may not."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from emometric.base.errors import ParameterError, SplitError, StoreError
from emometric.decisions import lda
from emometric.methods import functionals as method
from emometric.scoring import evaluation
from emometric.studies import functional_systems
from emometric.studies.cell import Table

EMOTIONS = ("anger", "fear", "neutral")
WIDTH = 30


def corpus(name, n_speakers=5, per_emotion=6, seed=0, spread=1.0):
    """Emotions lie apart in the first columns, speakers in all."""
    generator = np.random.default_rng(seed)
    centres = np.random.default_rng(99).normal(size=(4, WIDTH)) * (np.arange(WIDTH) < 6)
    rows, values = [], []
    for speaker in range(n_speakers):
        voice = generator.normal(size=WIDTH)
        for number, emotion in enumerate((*EMOTIONS, "boredom")):
            for take in range(per_emotion):
                clip = f"{name}/{speaker}{number}{take}"
                said = {"corpus": name, "speaker": f"{name}/{speaker}", "emotion": emotion}
                rows.append({"id": clip, **said})
                noise = spread * generator.normal(size=WIDTH)
                values.append(2 * centres[number] + voice + noise)
    names = tuple(f"f{number}" for number in range(WIDTH))
    table = np.array(values, dtype=np.float32)
    return Table(corpus=name, clips=pd.DataFrame(rows), values=table, names=names)


def params(**changes):
    chosen = {
        "systems": list(functional_systems.SYSTEMS),
        "emotions": list(EMOTIONS[::-1]),
        "n_folds": 5,
        "shares": [0.1, 0.6],
        "source_weight": 0.1,
        "svm_c": 0.01,
    }
    return method.Params(**chosen | changes)


def outcomes(chosen, source, target, seed=7):
    return {
        (one.cell.settings["system"], one.cell.fold): one
        for cells in method.plan(chosen, source, target, seed)
        for one in method.run(cells, chosen, source, target, "cpu")
    }


SOURCE, TARGET = corpus("other", seed=1), corpus("own", seed=2)


@pytest.fixture(scope="module")
def found():
    return outcomes(params(), SOURCE, TARGET)


def test_each_speaker_is_tested_once_and_never_learned_from(found):
    for system in functional_systems.SYSTEMS:
        ones = [one for (name, _), one in found.items() if name == system]
        clips = pd.concat([one.clips for one in ones])
        assert len(ones) == 5 and sorted(clips["id"]) == sorted(
            TARGET.clips["id"][TARGET.clips["emotion"].isin(EMOTIONS)]
        )
        learnt = method.learnt([one.cell for one in ones], params(), SOURCE, TARGET)
        for one, ids in zip(ones, learnt, strict=True):
            assert one.clips["speaker"].nunique() == 1
            known = TARGET.clips.set_index("id").loc[list(ids), "speaker"]
            assert set(known) == set(TARGET.clips["speaker"]) - set(one.clips["speaker"])
            assert one.scores.shape == (18, 3) and np.isfinite(one.scores).all()
            right = np.array(EMOTIONS)[one.scores.argmax(axis=1)] == one.clips["emotion"]
            assert right.mean() > 0.5


def test_the_svm_is_scikit_learns(found):
    mine = TARGET.clips["emotion"].isin(EMOTIONS).to_numpy()
    one = found["svm", 0]
    test = TARGET.clips["speaker"].eq(one.clips["speaker"].iloc[0]).to_numpy()
    machine = make_pipeline(StandardScaler(), SVC(kernel="linear", C=0.01, class_weight="balanced"))
    machine.fit(TARGET.values[mine & ~test].astype(float), TARGET.clips["emotion"][mine & ~test])
    said = machine.predict(TARGET.values[mine & test].astype(float))
    assert np.array_equal(np.array(EMOTIONS)[one.scores.argmax(axis=1)], said)


def changed(table, rows, **values):
    copy = table.values.copy()
    copy[rows] = values["to"](copy[rows])
    return replace(table, values=copy)


def test_a_test_clip_changes_no_other_score_but_where_a_system_is_transductive(found):
    one = found["svm", 0]
    row = TARGET.clips.index[TARGET.clips["id"] == one.clips["id"].iloc[0]]
    moved = outcomes(params(), SOURCE, changed(TARGET, row, to=lambda value: value * 5 - 3))
    for system in functional_systems.SYSTEMS:
        before, after = (all_of[system, 0].scores[1:] for all_of in (found, moved))
        assert np.array_equal(before, after) == (system != "svm_by_speaker")


def test_speakers_standardised_by_themselves_lose_scale_and_offset(found):
    rows = np.flatnonzero(TARGET.clips["speaker"] == "own/3")
    moved = outcomes(params(), SOURCE, changed(TARGET, rows, to=lambda value: value * 3 + 40))
    for fold in range(5):
        same = (all_of["svm_by_speaker", fold].scores for all_of in (found, moved))
        np.testing.assert_allclose(*same, atol=1e-3)


def test_the_distance_is_that_of_the_decision_where_nothing_else_is_heard():
    chosen = params(systems=["lda"], shares=[0.3])
    one = outcomes(chosen, TARGET, TARGET)["lda", 0]
    mine = TARGET.clips["emotion"].isin(EMOTIONS).to_numpy()
    test = TARGET.clips["speaker"].eq(one.clips["speaker"].iloc[0]).to_numpy()
    emotion = TARGET.clips["emotion"].map({n: i for i, n in enumerate(EMOTIONS)})
    decision = lda.Decision(lda.Params(shrinkage=0.3, ranks=True), 3)
    decision.fit(TARGET.values[mine & ~test], emotion[mine & ~test].to_numpy(int))
    np.testing.assert_allclose(one.scores, decision.scores(TARGET.values[mine & test]), atol=1e-8)
    assert one.numbers == {"share": 0.3}


def test_the_share_is_the_one_that_inner_folds_prefer(found):
    """By a plain loop over training speakers and shares."""
    one = found["lda", 2]
    mine = TARGET.clips["emotion"].isin(EMOTIONS).to_numpy()
    train = mine & TARGET.clips["speaker"].ne(one.clips["speaker"].iloc[0]).to_numpy()
    emotion = TARGET.clips["emotion"].map({n: i for i, n in enumerate(EMOTIONS)}).to_numpy()
    right = []
    for share in (0.1, 0.6):
        count = 0
        for speaker in TARGET.clips["speaker"][train].unique():
            asked = train & TARGET.clips["speaker"].eq(speaker).to_numpy()
            learned = train & ~asked
            decision = lda.Decision(lda.Params(shrinkage=share, ranks=True), 3)
            decision.fit(TARGET.values[learned], emotion[learned].astype(int))
            count += (decision.scores(TARGET.values[asked]).argmax(1) == emotion[asked]).sum()
        right.append(count)
    assert one.numbers["share"] == (0.1, 0.6)[int(np.argmax(right))]


def test_another_corpus_helps_where_the_own_is_small():
    small = corpus("own", n_speakers=3, per_emotion=2, seed=5, spread=2.0)
    large = corpus("other", n_speakers=12, per_emotion=8, seed=6, spread=2.0)
    chosen = params(systems=["lda", "lda_source"], n_folds=3, shares=[0.3], source_weight=0.5)
    all_of = outcomes(chosen, large, small)
    right = {
        system: np.mean([
            np.array(EMOTIONS)[one.scores.argmax(axis=1)] == one.clips["emotion"]
            for (name, _), one in all_of.items() if name == system
        ])
        for system in chosen.systems
    }  # fmt: skip
    assert right["lda_source"] > right["lda"] + 0.05


def test_a_weight_counts_like_copies():
    generator = np.random.default_rng(0)
    values, emotion = generator.normal(size=(20, 4)), np.arange(20) % 3
    weight = np.where(np.arange(20) < 5, 3.0, 1.0)
    copied = np.concatenate([values, values[:5], values[:5]])
    labels = np.concatenate([emotion, emotion[:5], emotion[:5]])
    # The axes are found without weights, but all directions are kept here.
    one, other = lda.Within(values, emotion, weight), lda.Within(copied, labels, np.ones(30))
    np.testing.assert_allclose(one.means, other.means)
    maps = [within.metric(0.2) for within in (one, other)]
    np.testing.assert_allclose(*(metric @ metric.T for metric in maps), atol=1e-9)


def test_within_a_corpus_nothing_is_learned_from_another():
    cells = [cell for group in method.plan(params(), TARGET, TARGET, 7) for cell in group]
    assert {cell.settings["system"] for cell in cells} == {"svm", "lda", "svm_by_speaker"}
    pooled = replace(TARGET, corpus="pooled")
    with pytest.raises(SplitError, match="pooled holds speakers of own"):
        method.plan(params(), pooled, TARGET, 7)


def test_what_is_to_be_said_of_each():
    said = {name: method.stamps(params(), {"system": name}) for name in functional_systems.SYSTEMS}
    assert said["svm"] == () and said["svm_by_speaker"][0].startswith("transductive")
    assert said["lda"] == said["lda_source"] and "tested" in said["lda"][0]


@pytest.mark.parametrize(
    "wrong",
    [{"systems": ["smv"]}, {"systems": []}, {"emotions": ["anger"]}, {"emotions": ["x", "fear"]},
     {"n_folds": 1}, {"shares": []}, {"shares": [0]}, {"shares": [1.5]}, {"source_weight": 0},
     {"svm_c": -1}],
)  # fmt: skip
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(ParameterError, match=r"params\.yaml"):
        params(**wrong)


def test_frames_are_refused():
    frames = replace(TARGET, lengths=np.ones(len(TARGET.clips), dtype=np.int64))
    (cells, *_) = method.plan(params(systems=["svm"]), SOURCE, TARGET, 7)
    with pytest.raises(StoreError, match="own: functionals are asked for"):
        method.run(cells, params(systems=["svm"]), SOURCE, frames, "cpu")


def test_gains_are_paired_over_speakers(found, project_root):
    cells = []
    for (system, fold), one in found.items():
        predicted = np.array(EMOTIONS)[one.scores.argmax(axis=1)]
        about = {"study": "s", "cell": f"system={system}", "fold": fold, "repeat": 0, "seed": 7}
        clips = one.clips.rename(columns={"id": "clip", "emotion": "truth"})
        cells.append(clips.assign(predicted=predicted, **about))
    values = yaml.safe_load((project_root / "params.yaml").read_text())["evaluation"]
    rules = evaluation.Params(**values)

    class Stored:
        seed = 7

    Stored.cells = pd.concat(cells, ignore_index=True)
    gains = functional_systems.gains(Stored, rules)
    assert list(gains["system"]) == ["lda", "lda_source", "svm_by_speaker"]
    part = dict(tuple(Stored.cells.groupby("cell")))

    def uar(name):
        rows = part[f"system={name}"]
        return (rows["truth"] == rows["predicted"]).groupby(rows["truth"]).mean().mean()

    for row in gains.itertuples():
        assert row.gain == pytest.approx(uar(row.system) - uar("svm"))
        assert row.gain_low <= row.gain <= row.gain_high and row.n_speakers == 5

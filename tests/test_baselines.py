"""Baselines: what they say is known, and they never see what they are tested on."""

import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from emometric.base.errors import StoreError
from emometric.decisions import svm_linear
from emometric.scoring import baselines, cells, metrics
from emometric.storage.clip import Fold

EMOTIONS = ("anger", "fear", "sadness")


def make_clips(seed=0, n_speakers=6, n_each=12):
    generator = np.random.default_rng(seed)
    n = n_speakers * n_each
    clips = pd.DataFrame(
        {
            "id": [f"c/{number:03d}" for number in range(n)],
            "speaker": np.repeat([f"c/s{speaker}" for speaker in range(n_speakers)], n_each),
            "emotion": generator.choice(EMOTIONS, n, p=[0.5, 0.3, 0.2]),
        }
    )
    values = generator.normal(size=(n, 4)) * [1, 100, 0.01, 1]
    values[:, 0] += clips["emotion"].map({"anger": 0, "fear": 2, "sadness": 4})
    return clips, pd.DataFrame(values, index=clips["id"], columns=list("abcd"))


def folds_of(clips, n_folds=3):
    ids = {name: tuple(rows["id"]) for name, rows in clips.groupby("speaker")}
    names = sorted(ids)
    for number in range(n_folds):
        test = names[number::n_folds]
        rest = [name for name in names if name not in test]
        yield Fold(
            train=sum((ids[name] for name in rest[1:]), ()),
            valid=ids[rest[0]],
            test=sum((ids[name] for name in test), ()),
        )


def evaluate(clips, functionals, folds):
    return baselines.evaluate(
        clips,
        folds,
        functionals,
        svm_linear,
        svm_linear.Params(c=0.1),
        emotions=EMOTIONS,
        study="run",
        name="egemaps_svm_linear",
        seed=7,
    )


def test_majority_says_the_same_of_every_clip():
    train = pd.DataFrame({"emotion": ["fear", "anger", "fear", "fear"]})
    scores = baselines.majority(train, train[:2], EMOTIONS)
    assert scores.tolist() == [[0.25, 0.75, 0.0]] * 2


def test_speaker_lookup_knows_speakers_and_falls_back_to_the_majority():
    train = pd.DataFrame({"speaker": list("aaabb"), "emotion": ["anger"] * 3 + ["fear", "sadness"]})
    test = pd.DataFrame({"speaker": ["b", "z", "a"], "emotion": ["fear"] * 3})
    scores = baselines.speaker_lookup(train, test, EMOTIONS)
    assert scores.tolist() == [[0, 0.5, 0.5], [0.6, 0.2, 0.2], [1, 0, 0]]


def test_table_is_sound_and_disjoint_speakers_tell_the_lookup_nothing():
    clips, functionals = make_clips()
    table = evaluate(clips, functionals, list(folds_of(clips)))
    cells.check(table)
    by_cell = {cell: rows.reset_index(drop=True) for cell, rows in table.groupby("cell")}
    assert set(by_cell) == {"majority", "speaker_lookup", "egemaps_svm_linear"}
    assert all(sorted(rows["clip"]) == sorted(clips["id"]) for rows in by_cell.values())
    assert by_cell["majority"]["predicted"].equals(by_cell["speaker_lookup"]["predicted"])
    svm = by_cell["egemaps_svm_linear"]
    assert metrics.uar(svm["truth"], svm["predicted"]) > 0.7


def test_a_split_that_shares_speakers_is_given_away_by_the_lookup():
    clips, functionals = make_clips()
    clips["emotion"] = clips["speaker"].map(lambda name: EMOTIONS[int(name[-1]) % 3])
    even, odd = tuple(clips["id"][::2]), tuple(clips["id"][1::2])
    folds = [Fold(train=even, valid=(), test=odd), Fold(train=odd, valid=(), test=even)]
    table = evaluate(clips, functionals, folds)
    lookup = table[table["cell"] == "speaker_lookup"]
    assert metrics.uar(lookup["truth"], lookup["predicted"]) == 1.0


def test_svm_is_a_plain_pipeline_on_all_that_is_not_tested():
    clips, functionals = make_clips()
    folds = list(folds_of(clips))
    table = evaluate(clips, functionals, folds)
    svm = table[table["cell"] == "egemaps_svm_linear"].set_index("clip")
    emotion = clips.set_index("id")["emotion"]
    for fold in folds:
        known, asked = [*fold.train, *fold.valid], list(fold.test)
        plain = make_pipeline(
            StandardScaler(), SVC(kernel="linear", class_weight="balanced", C=0.1)
        ).fit(functionals.loc[known].to_numpy(), emotion[known].to_numpy())
        expected = plain.predict(functionals.loc[asked].to_numpy())
        assert svm.loc[asked, "predicted"].tolist() == expected.tolist()


def test_test_clips_decide_nothing_but_their_own_prediction():
    clips, functionals = make_clips()
    folds = list(folds_of(clips))[:1]
    before = evaluate(clips, functionals, folds)
    changed, (first, *others) = clips.copy(), folds[0].test
    changed.loc[changed["id"].isin(folds[0].test), "emotion"] = "sadness"
    functionals = functionals.copy()
    functionals.loc[first] += 1e6
    after = evaluate(changed, functionals, folds)
    rows = before["clip"].isin(others)
    assert before.loc[rows, "predicted"].equals(after.loc[rows, "predicted"])
    assert not before["truth"].equals(after["truth"])


def test_order_of_functionals_is_irrelevant_and_gaps_are_refused():
    clips, functionals = make_clips()
    folds = list(folds_of(clips))
    assert evaluate(clips, functionals, folds).equals(evaluate(clips, functionals[::-1], folds))
    with pytest.raises(StoreError, match="2 clips have no functionals, the first is c/003"):
        evaluate(clips, functionals.drop(["c/003", "c/009"]), folds)

"""The folds table: unsound divisions are refused, sound ones survive the disk."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from emometric import splits
from emometric.base.errors import CorpusError, SplitError, StoreError
from emometric.storage.clip import Fold

CLIPS = pd.DataFrame(
    {
        "id": [f"c/{speaker}{take}" for speaker in "abcd" for take in range(2)],
        "speaker": [f"c/{speaker}" for speaker in "abcd" for _ in range(2)],
        "emotion": ["anger", "fear"] * 4,
    }
)
STRICT = splits.Promises(shares_speakers=False)
A, B, C, D = (tuple(CLIPS["id"][start : start + 2]) for start in (0, 2, 4, 6))
FOLDS = [
    Fold(train=(*C, *D), valid=B, test=A),
    Fold(train=(*A, *D), valid=C, test=B),
    Fold(train=(*A, *B), valid=D, test=C),
    Fold(train=(*B, *C), valid=A, test=D),
]


def test_sound_folds_pass():
    splits.check(FOLDS, CLIPS, STRICT)
    splits.check(FOLDS[:2], CLIPS, STRICT)  # some clips may go untested


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"valid": (*B, A[0])}, "c/a0 2 roles"),
        ({"train": (*C, *D, C[0])}, "c/c0 2 roles"),
        ({"test": ()}, "no test clips"),
        ({"train": ()}, "no train clips"),
        ({"train": (*C, *D, "c/x0")}, "c/x0, which is not in the manifest"),
        ({"test": A[:1], "train": (*C, *D, A[1])}, "speaker c/a in train and in test"),
        ({"test": A[:1], "valid": (*B, A[1])}, "speaker c/a in valid and in test"),
        ({"valid": B[:1], "train": (*C, *D, B[1])}, "speaker c/b in train and in valid"),
        ({"test": A[:1], "enrol": A[1:]}, "enrols and tests the speaker c/a"),
        ({"valid": B[:1], "enrol": B[1:]}, "speaker c/b in valid and in enrol"),
        ({"train": (*C, D[0]), "enrol": D[1:]}, "speaker c/d in train and in enrol"),
    ],
)
def test_unsound_folds_are_refused(change, message):
    folds = [dataclasses.replace(FOLDS[0], **change), *FOLDS[1:]]
    with pytest.raises(SplitError, match=message):
        splits.check(folds, CLIPS, STRICT)


def test_enrolment_of_test_speakers_is_sound_where_it_is_admitted():
    fold = dataclasses.replace(FOLDS[0], test=A[:1], enrol=A[1:])
    splits.check([fold], CLIPS, splits.Promises(shares_speakers=False, enrols_tested=True))


def test_enrolment_of_others_is_sound():
    splits.check([dataclasses.replace(FOLDS[0], train=C, enrol=D)], CLIPS, STRICT)
    # A training speaker's clips of an emotion that nobody trains on.
    fold = Fold(train=(C[0], D[0]), valid=(B[0],), test=A, enrol=(C[1],))
    splits.check([fold], CLIPS, STRICT)


def test_shared_speakers_pass_where_the_protocol_says_so():
    fold = Fold(train=(A[0], *B), valid=(), test=(A[1], *C))
    splits.check([fold], CLIPS, splits.Promises(shares_speakers=True))
    with pytest.raises(SplitError, match="c/a in train and in test"):
        splits.check([fold], CLIPS, STRICT)


def test_a_clip_tested_twice_is_refused():
    with pytest.raises(SplitError, match="2 clips are tested in more than one fold"):
        splits.check([FOLDS[0], FOLDS[0]], CLIPS, STRICT)


def test_no_folds_are_refused():
    with pytest.raises(SplitError, match="no fold"):
        splits.check([], CLIPS, STRICT)


def test_a_clip_may_be_tested_again_in_another_repeat():
    splits.check([FOLDS[0], dataclasses.replace(FOLDS[0], repeat=1)], CLIPS, STRICT)


def test_round_trip(tmp_path):
    path = tmp_path / "splits/run.parquet"
    splits.write(path, FOLDS)
    first = path.read_bytes()
    assert splits.read(path) == FOLDS
    shuffled = [
        Fold(train=fold.train[::-1], valid=fold.valid[::-1], test=fold.test[::-1]) for fold in FOLDS
    ]
    splits.write(path, shuffled)
    assert path.read_bytes() == first
    table = pd.read_parquet(path)
    assert list(table.columns) == ["fold", "repeat", "id", "role"]
    assert table["fold"].dtype == np.int64
    assert table.equals(table.sort_values(["fold", "id"], ignore_index=True))
    assert len(table) == 32
    again = [dataclasses.replace(FOLDS[0], repeat=repeat) for repeat in (0, 5)]
    splits.write(path, again)
    assert splits.read(path) == again


def test_fold_numbers_are_sorted_as_numbers(tmp_path):
    ids = [f"c/{number:02d}" for number in range(12)]
    folds = [
        Fold(train=tuple(other for other in ids if other != one), valid=(), test=(one,))
        for one in ids
    ]
    splits.write(tmp_path / "run.parquet", folds)
    assert splits.read(tmp_path / "run.parquet") == folds


def test_missing_and_foreign_tables_are_refused(tmp_path):
    with pytest.raises(StoreError, match=r"run\.parquet"):
        splits.read(tmp_path / "run.parquet")
    CLIPS.to_parquet(tmp_path / "run.parquet")
    with pytest.raises(StoreError, match="not a folds table"):
        splits.read(tmp_path / "run.parquet")


def test_clips_without_emotion_do_not_enter_a_run(tmp_path):
    emotion = ["anger", None, "fear", "anger", None, "fear", "anger", "fear"]
    CLIPS[::-1].assign(emotion=emotion[::-1]).to_parquet(tmp_path / "emodb.parquet")
    clips = splits.read_clips(tmp_path / "emodb.parquet", "emodb")
    assert clips["id"].tolist() == ["c/a0", "c/b0", "c/b1", "c/c1", "c/d0", "c/d1"]


def test_a_corpus_that_is_not_there_is_fatal_with_a_cure(tmp_path):
    CLIPS[:0].assign(emotion=[]).to_parquet(tmp_path / "urdu.parquet")
    with pytest.raises(CorpusError, match=r"'urdu' has no clips.*`emometric corpora link ROOT`"):
        splits.read_clips(tmp_path / "urdu.parquet", "urdu")
    with pytest.raises(StoreError, match=r"ravdess\.parquet"):
        splits.read_clips(tmp_path / "ravdess.parquet", "ravdess")

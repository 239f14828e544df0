"""Folds from files: what is published is read, and what is wrong is said in one sentence."""

import json
from dataclasses import replace

import pandas as pd
import pytest

from emometric import splits
from emometric.base import parts, settings
from emometric.base.errors import SplitError
from emometric.corpora import ravdess
from emometric.division import fold_file
from emometric.protocols import foreign

CLIPS = pd.DataFrame(
    [
        {
            "id": f"ravdess/{speaker:02d}-{emotion}-{take}",
            "speaker": f"ravdess/{speaker:02d}",
            "emotion": emotion,
            "corpus": "ravdess",
        }
        for speaker in range(1, 25)
        for emotion in ("anger", "fear")
        for take in range(2)
    ]
)
PARAMS = foreign.Params(
    path="folds.json", shares_speakers=False, complete=True, valid_share=0.2, valid=None
)


def split(tmp_path, value, clips=CLIPS, **changes):
    path = tmp_path / f"folds.{'csv' if isinstance(value, str) and ',' in value else 'json'}"
    path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
    return list(foreign.split(clips, replace(PARAMS, path=str(path), **changes), 7))


def speakers_of(ids) -> set[int]:
    by_id = CLIPS.set_index("id")
    return {int(speaker[-2:]) for speaker in by_id.loc[list(ids), "speaker"]}


def test_the_published_folds_of_ravdess(project_root):
    block = settings.read("original", project_root / "params.yaml")["protocols"]["foreign"]
    path = project_root / block["path"]
    published = json.loads(path.read_text(encoding="utf-8"))
    params = parts.make_params("protocols", "foreign", {**block, "path": str(path)})
    folds = list(foreign.split(CLIPS, params, 7))
    splits.check(folds, CLIPS, splits.promises(foreign, params))
    assert [speakers_of(fold.test) for fold in folds] == [*map(set, published["test_folds"])]
    assert [speakers_of(fold.valid) for fold in folds] == [*map(set, published["valid_folds"])]
    for fold in folds:
        assert len(fold.train) + len(fold.valid) + len(fold.test) == len(CLIPS)


@pytest.mark.original
def test_the_published_folds_fit_the_real_corpus(corpora_root, project_root, monkeypatch):
    monkeypatch.chdir(project_root)
    found = ravdess.clips(corpora_root / "ravdess", ravdess.Params(exclusions=False))
    clips = pd.DataFrame([vars(clip) for clip in found])
    block = settings.read("original")["protocols"]["foreign"]
    folds = splits.make(foreign, parts.make_params("protocols", "foreign", block), clips, 7)
    assert [len(fold.test) for fold in folds] == [300, 300, 300, 300, 240]


THIRDS = [[f"{number:02d}" for number in range(1, 25) if number % 3 == third] for third in range(3)]


@pytest.mark.parametrize(
    "names",
    [
        THIRDS,
        [[int(name) for name in third] for third in THIRDS],
        [[f"ravdess/{name}" for name in third] for third in THIRDS],
        [list(CLIPS["id"][CLIPS["speaker"].str[-2:].isin(third)]) for third in THIRDS],
        [list(CLIPS["id"].str[8:][CLIPS["speaker"].str[-2:].isin(third)]) for third in THIRDS],
    ],
    ids=["codes", "numbers", "whole speakers", "whole clips", "clips"],
)
def test_every_way_to_name_a_clip_gives_the_same_folds(tmp_path, names):
    expected = split(tmp_path, {"test_folds": THIRDS})
    assert [speakers_of(fold.test) for fold in expected] == [{*map(int, some)} for some in THIRDS]
    assert all(fold.valid for fold in expected)
    assert split(tmp_path, {"test_folds": names}) == expected
    assert split(tmp_path, [{"test": some} for some in names]) == expected
    kind = "clip" if len(names[0]) > 8 else "speaker"
    rows = [f"{fold},{name}" for fold, some in enumerate(names) for name in some]
    assert split(tmp_path, "\n".join([f"fold,{kind}", *rows])) == expected
    assert split(tmp_path, "\ufeff" + "\r\n".join([f"fold,{kind}", *reversed(rows)])) == expected


def test_all_roles_can_be_named(tmp_path):
    expected = [{"train": [1, 2], "valid": [3], "test": [4, 5]}]
    rows = ["1,train", "2,train", "3,valid", "4,test", "5,"]
    table = "\n".join(["fold,speaker,role", *(f"7,{row}" for row in rows)])
    for value in (expected, table):
        (fold,) = split(tmp_path, value, complete=False)
        assert speakers_of(fold.train) == {1, 2}
        assert speakers_of(fold.valid) == {3}
        assert speakers_of(fold.test) == {4, 5}


def test_validation_among_shared_speakers_is_drawn_by_clips(tmp_path):
    half = [{"test": [clip for clip in CLIPS["id"] if clip.endswith("0")]}]
    (fold,) = split(tmp_path, half, complete=False, shares_speakers=True)
    assert len(fold.valid) == round(0.2 * 48)
    assert len(speakers_of(fold.valid) & speakers_of(fold.train)) > 0
    with pytest.raises(SplitError, match="in train and in test"):
        folds = split(tmp_path, half, complete=False)
        splits.check(folds, CLIPS, splits.Promises(shares_speakers=False))


GOOD = {"test_folds": THIRDS}


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"test_folds": [[1, 99]]}, r"fold 0 has '99' in test, which is no clip and no speaker"),
        ({"test_folds": [["ravdess/01-joy-0"]]}, r"'ravdess/01-joy-0' in test, which is no clip"),
        ({"test_folds": [[1], [2, 1]]}, r"folds 0 and 1 both test the clip ravdess/01-anger-0"),
        ({"test_folds": THIRDS[:2]}, r"no fold tests 32 of 96 clips.*complete to false"),
        ([{"test": [1], "valid": [1]}], r"fold 0 has the clip ravdess/01-anger-0 in valid and in"),
        ({"folds": THIRDS}, r"has no list 'test_folds'; set protocols.foreign.test.*: folds\."),
        ({"test_folds": []}, r"holds no folds"),
        ({"test_folds": [[]]}, r"fold 0 tests nothing"),
        ({"test_folds": [[1.5]]}, r"'\[1.5\]' is no list of names or numbers"),
        ({"test_folds": ["12"]}, r"'12' is no list of names or numbers"),
        ([{"tests": [1]}], r"a fold must map train, valid, test to lists"),
        ("3", r"neither a list of folds nor a map"),
        ("{\n[", r"line 2 is not valid JSON"),
        ("fold,actor\n0,1", r"has the columns fold, actor; give fold, clip or speaker"),
        ("fold,speaker\nx,1", r"line 2: write a fold from 0, a speaker"),
        ("fold,speaker,role\n0,1,\n0,2,dev", r"line 3: write a fold from 0"),
        ("fold,speaker\n0,", r"line 2: write a fold"),
    ],
)
def test_wrong_files_get_one_sentence(tmp_path, value, message):
    with pytest.raises(SplitError, match=message) as error:
        split(tmp_path, value)
    assert "\n" not in str(error.value) and str(tmp_path) in str(error.value)


def test_lists_of_unequal_length_are_refused(tmp_path):
    with pytest.raises(SplitError, match="differ in length"):
        split(tmp_path, {**GOOD, "valid_folds": [[1]]}, valid="valid_folds")


def test_a_name_of_two_corpora_is_refused(tmp_path):
    other = CLIPS.assign(
        **{name: CLIPS[name].str.replace("ravdess", "other") for name in ("id", "speaker")}
    )
    both = pd.concat([CLIPS, other], ignore_index=True)
    with pytest.raises(SplitError, match="may be other/01 or ravdess/01; write it whole"):
        split(tmp_path, {"test_folds": [["01"]]}, both)
    (fold,) = split(tmp_path, {"test_folds": [["other/01"]]}, both, complete=False)
    assert len(fold.test) == 4


@pytest.mark.parametrize("name", ["none.json", "folder.json", "latin.csv"])
def test_files_that_cannot_be_read(tmp_path, name):
    (tmp_path / "folder.json").mkdir()
    (tmp_path / "latin.csv").write_bytes(b"fold,speaker\n0,\xe9")
    with pytest.raises(SplitError, match=name):
        fold_file.read(tmp_path / name, test="test_folds", valid=None)

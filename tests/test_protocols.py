"""What every protocol promises, and what each of them is known to do."""

import itertools
import json
from dataclasses import fields
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emometric import splits
from emometric.base import parts
from emometric.base import settings as project_settings
from emometric.base.errors import ParameterError, SplitError
from emometric.division import speakers
from emometric.protocols import (
    k_shot,
    known_emotions,
    known_speakers,
    leave_one_corpus_out,
    leave_one_sentence_out,
    leave_one_session_out,
    leave_one_speaker_out,
    own_split,
    random_holdout,
    random_stratified,
    source_to_target,
    speaker_80_10_10,
    speaker_folds,
)
from emometric.storage.clip import Fold

EMOTIONS = ("anger", "happiness", "neutral", "sadness")
PROTOCOLS = parts.available("protocols")
SETTINGS = project_settings.read("synthetic", Path(__file__).resolve().parents[1] / "params.yaml")[
    "protocols"
]
# What the made-up clips need: their corpora are c and d, of ten speakers or more.
ADAPTED = {
    "source_to_target": {"source": "c", "target": "d", "n_adapted": 2},
    "speaker_80_10_10": {"tenths": "balanced"},
    "foreign": {"valid": None},
}
TESTS_EACH_CLIP_ONCE = (
    "foreign",
    "leave_one_corpus_out",
    "leave_one_sentence_out",
    "leave_one_session_out",
    "leave_one_speaker_out",
    "random_stratified",
    "speaker_80_10_10",
    "speaker_folds",
)
DRAWS_VALIDATION = tuple(
    name
    for name in PROTOCOLS
    if "valid_share" in {field.name for field in fields(parts.load("protocols", name).Params)}
)


def make_clips(counts: np.ndarray, n_corpora: int = 1) -> pd.DataFrame:
    """Clips of speakers s00, s01, ...: counts (speakers, emotions). Pairs of speakers have a
    session, takes have one of three sentences, corpora take turns."""
    return pd.DataFrame(
        [
            {
                "id": f"{'cd'[speaker % n_corpora]}/s{speaker:02d}{emotion}{take}",
                "speaker": f"{'cd'[speaker % n_corpora]}/s{speaker:02d}",
                "emotion": EMOTIONS[emotion],
                "sentence": "abc"[(speaker + take) % 3],
                "corpus": "cd"[speaker % n_corpora],
                "session": f"{speaker // 2}",
                "split": ("train", "train", "valid", "test", None)[speaker % 5],
            }
            for speaker, row in enumerate(counts)
            for emotion, count in enumerate(row)
            for take in range(count)
        ]
    )


def like_urdu(generator: np.random.Generator) -> np.ndarray:
    """29 speakers, three of them with several emotions, 26 with one; four have anger."""
    counts = np.zeros((29, 4), dtype=np.int64)
    counts[:3] = generator.integers(1, 25, (3, 4))
    counts[3, 0] = 40
    for speaker in range(4, 29):
        counts[speaker, 1 + speaker % 3] = generator.integers(1, 20)
    return counts


@st.composite
def corpora(draw, min_speakers=10, max_speakers=14):
    """Counts of speakers by emotion; many speakers show one emotion only."""
    n_speakers = draw(st.integers(min_speakers, max_speakers))
    rows = []
    for _ in range(n_speakers):
        many = st.lists(st.integers(0, 5), min_size=4, max_size=4)
        one = st.tuples(st.integers(0, 3), st.integers(1, 20)).map(
            lambda pair: [pair[1] if emotion == pair[0] else 0 for emotion in range(4)]
        )
        row = draw(st.one_of(one, many))
        rows.append(row if any(row) else [1, 0, 0, 0])
    return np.array(rows)


@pytest.fixture(scope="module")
def fold_files(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("folds")


def params_of(name, clips=None, folder=None):
    """The protocol's block of params.yaml, fitted to the made-up clips."""
    block = {**SETTINGS[name], **ADAPTED.get(name, {})}
    if name == "foreign" and clips is not None:
        names = sorted(clips["speaker"].dropna().unique())
        path = folder / f"{len(names)}.json"
        path.write_text(json.dumps({"test_folds": [names[number::3] for number in range(3)]}))
        block["path"] = str(path)
    return parts.make_params("protocols", name, block)


def split(name, clips, folder=None, seed=7) -> list[Fold]:
    part = parts.load("protocols", name)
    return list(part.split(clips, params_of(name, clips, folder), seed))


@pytest.mark.parametrize("name", PROTOCOLS)
@settings(max_examples=10, deadline=None)
@given(counts=corpora(), seed=st.integers(0, 2**32 - 1), random=st.randoms(use_true_random=False))
def test_contract(name, fold_files, counts, seed, random):
    counts[:2] += 2  # two speakers have several clips of all emotions
    clips = make_clips(counts, n_corpora=2)
    before = clips.copy()
    folds = split(name, clips, fold_files, seed)
    assert clips.equals(before), "the clips were changed"
    promises = splits.promises(parts.load("protocols", name), params_of(name, clips, fold_files))
    splits.check(folds, clips, promises)  # roles, speakers, no clip tested twice
    by_id = clips.set_index("id")
    by_id["sentence"] = by_id["corpus"] + by_id["sentence"]
    for fold in folds:
        for column, may_share in (
            ("speaker", promises.shares_speakers),
            ("sentence", promises.shares_sentences),
        ):
            heard = set(by_id.loc[[*fold.train, *fold.valid], column])
            assert may_share or not heard & set(by_id.loc[list(fold.test), column])
        roles = (fold.train, fold.valid, fold.test, fold.enrol)
        assert all(list(ids) == sorted(ids) for ids in roles)
        assert all(type(clip) is str for ids in roles for clip in ids)
    if name in TESTS_EACH_CLIP_ONCE:
        tested = [clip for fold in folds for clip in fold.test]
        assert sorted(tested) == sorted(clips["id"]), "each clip is tested once"
    assert folds == split(name, clips, fold_files, seed), "split twice differs"
    order = list(range(len(clips)))
    random.shuffle(order)
    assert folds == split(name, clips.iloc[order], fold_files, seed), "row order matters"


@pytest.mark.parametrize("name", PROTOCOLS)
def test_promises_are_declared(name):
    part = parts.load("protocols", name)
    for constant in ("SHARES_SPEAKERS", "SHARES_SENTENCES", "ENROLS_TESTED"):
        assert type(getattr(part, constant)) is bool
    kept = splits.promises(part, params_of(name))
    for field in fields(kept):  # settings may narrow what the file declares, never widen it
        assert getattr(kept, field.name) <= getattr(part, field.name.upper())


@pytest.mark.parametrize("name", DRAWS_VALIDATION)
@settings(max_examples=10, deadline=None)
@given(counts=corpora())
def test_validation_leaves_every_emotion_in_training(name, fold_files, counts):
    counts[:2] += 2
    clips = make_clips(counts, n_corpora=2)
    emotion, speaker = (clips.set_index("id")[column] for column in ("emotion", "speaker"))
    for fold in split(name, clips, fold_files):
        rest = [*fold.train, *fold.valid]
        assert set(emotion[list(fold.train)]) == set(emotion[rest])
        by_speaker = not parts.load("protocols", name).SHARES_SPEAKERS or name == "foreign"
        if not fold.valid and by_speaker:  # only where each speaker is the last of some emotion
            holders = speaker[rest].groupby(emotion[rest]).agg(set)
            alone = set.union(*(some for some in holders if len(some) == 1))
            assert alone == set(speaker[rest])


@pytest.mark.parametrize("name", [name for name in PROTOCOLS if name != "own_split"])
def test_the_seed_decides(name, fold_files):
    clips = make_clips(np.full((14, 4), 3), n_corpora=2)
    clips["sentence"] = [f"{number % 17}" for number in range(len(clips))]
    assert split(name, clips, fold_files, 1) != split(name, clips, fold_files, 2)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        *(
            (name, "1 speaker")
            for name in ("k_shot", "known_emotions", "known_speakers", "leave_one_speaker_out")
        ),
        ("leave_one_corpus_out", "1 corpus cannot be left out"),
        ("leave_one_session_out", "1 session cannot be left out"),
        ("own_split", "no clip has the split 'test'"),
        ("source_to_target", "no clips of 'd'"),
        ("speaker_80_10_10", "1 speakers make no ten groups"),
        ("speaker_folds", "1 speakers cannot fill"),
    ],
)
def test_one_speaker_is_refused(name, message):
    with pytest.raises(SplitError, match=message):
        split(name, make_clips(np.array([[3, 3, 3, 3]])))


@pytest.mark.parametrize("name", PROTOCOLS)
@pytest.mark.parametrize("column", ["emotion", "speaker", "id"])
def test_unlabelled_clips_are_refused(name, column, fold_files):
    clips = make_clips(np.full((12, 4), 2), n_corpora=2).astype(object)
    clips.loc[3, column] = None
    with pytest.raises(SplitError, match=f"without {column}"):
        split(name, clips, fold_files)


@pytest.mark.parametrize("name", PROTOCOLS)
def test_a_clip_that_occurs_twice_is_refused(name, fold_files):
    clips = make_clips(np.full((12, 4), 2), n_corpora=2)
    with pytest.raises(SplitError, match="c/s0000 occurs twice"):
        split(name, pd.concat([clips, clips[:1]]), fold_files)


@pytest.mark.parametrize("name", DRAWS_VALIDATION)
@pytest.mark.parametrize("share", [-0.1, 1.0, "0,15", None, True])
def test_valid_share_out_of_range_is_refused(name, share):
    with pytest.raises(ParameterError, match=f"{name}.valid_share is '{share}'"):
        parts.make_params("protocols", name, {**SETTINGS[name], "valid_share": share})


@pytest.mark.parametrize(
    ("name", "setting", "value"),
    [
        ("random_stratified", "n_folds", 1),
        ("random_holdout", "test_share", 0),
        ("random_holdout", "repeats", 0),
        ("speaker_80_10_10", "tenths", "sorted"),
        ("k_shot", "shots", 0),
        ("k_shot", "repeats", 1.5),
        ("known_speakers", "n_known", 0),
        ("known_speakers", "repeats", None),
        ("known_emotions", "n_known", 0),
        ("known_emotions", "n_speakers", True),
        ("source_to_target", "source", None),
        ("source_to_target", "target", "emodb"),
        ("source_to_target", "n_adapted", -1),
        ("source_to_target", "tests_adapted", "no"),
        ("foreign", "path", None),
        ("foreign", "path", "folds.xlsx"),
        ("foreign", "shares_speakers", 1),
        ("foreign", "complete", None),
        ("own_split", "shares_speakers", None),
    ],
)
def test_settings_out_of_range_are_refused(name, setting, value):
    with pytest.raises(
        ParameterError, match=rf"params\.yaml: protocols\.{name}\.\w+ is '"
    ) as error:
        parts.make_params("protocols", name, {**SETTINGS[name], setting: value})
    assert "\n" not in str(error.value)


def test_speaker_folds_of_equal_speakers_are_equal():
    # RAVDESS: 24 actors alike, 10 folds: four of three actors, six of two.
    clips = make_clips(np.full((24, 4), 5))
    folds = list(speaker_folds.split(clips, speaker_folds.Params(n_folds=10, valid_share=0.15), 7))
    assert sorted(len(fold.test) for fold in folds) == [40] * 6 + [60] * 4
    for fold in folds:
        assert len(fold.valid) == 60  # three of 21 or 22 speakers


def test_speaker_folds_of_a_skewed_corpus_train_on_every_emotion():
    for seed in range(5):
        counts = like_urdu(np.random.default_rng(seed))
        clips = make_clips(counts)
        emotion = clips.set_index("id")["emotion"]
        folds = list(
            speaker_folds.split(clips, speaker_folds.Params(n_folds=10, valid_share=0.15), seed)
        )
        for fold in folds:
            assert emotion[list(fold.train)].nunique() == 4
            assert fold.valid
        largest = max(counts.sum(axis=1).max(), counts.sum() / 10)
        assert max(len(fold.test) for fold in folds) < 2 * largest


@settings(max_examples=60, deadline=None)
@given(counts=corpora(min_speakers=3, max_speakers=6), n_folds=st.integers(2, 3))
def test_speaker_folds_confine_no_emotion_without_need(counts, n_folds):
    clips = make_clips(counts)
    names, counts = speakers.count(clips)
    folds = list(
        speaker_folds.split(clips, speaker_folds.Params(n_folds=n_folds, valid_share=0.2), 7)
    )
    of_speaker = clips.set_index("id")["speaker"]
    number = {name: k for k, fold in enumerate(folds) for name in of_speaker[list(fold.test)]}

    def n_confined(fold_of):
        held = [{fold_of[s] for s in np.flatnonzero(column)} for column in counts.T]
        return sum(len(some) == 1 for some in held)

    divisions = itertools.product(range(n_folds), repeat=len(names))
    least = min(n_confined(some) for some in divisions if len(set(some)) == n_folds)
    assert n_confined([number[name] for name in names]) == least


def test_speaker_folds_refuse_more_folds_than_speakers():
    params = speaker_folds.Params(n_folds=4, valid_share=0.15)
    with pytest.raises(SplitError, match=r"3 speakers cannot fill 4 folds.*n_folds to 3"):
        list(speaker_folds.split(make_clips(np.full((3, 4), 2)), params, 7))


@pytest.mark.parametrize("n_folds", [1, 0, 2.5, "4", None])
def test_n_folds_out_of_range_is_refused(n_folds):
    with pytest.raises(ParameterError, match="n_folds"):
        speaker_folds.Params(n_folds=n_folds, valid_share=0.15)


def test_leave_one_speaker_out_tests_each_speaker_in_turn():
    clips = make_clips(np.array([[2, 1, 0, 0], [1, 1, 1, 1], [4, 2, 2, 2]]))
    of_speaker = clips.set_index("id")["speaker"]
    folds = list(
        leave_one_speaker_out.split(clips, leave_one_speaker_out.Params(valid_share=0.0), 7)
    )
    assert [set(of_speaker[list(fold.test)]) for fold in folds] == [{"c/s00"}, {"c/s01"}, {"c/s02"}]
    assert all(fold.valid == () for fold in folds)


def test_validation_nears_its_share():
    counts = np.full((20, 4), 3)
    validates = speakers.choose_valid(counts, 0.15, np.random.default_rng(0))
    assert validates.sum() == 3


def test_validation_is_empty_where_every_speaker_is_the_last_of_an_emotion():
    assert not speakers.choose_valid(np.eye(4, dtype=int), 0.5, np.random.default_rng(0)).any()


def roles_of(fold: Fold, clips: pd.DataFrame, column: str = "speaker") -> dict[str, set[str]]:
    """What is in `column` of the clips of each role."""
    values = clips.set_index("id")[column]
    return {role: set(values[list(getattr(fold, role))]) for role in splits.ROLES}


def test_sessions_are_left_out_whole_and_must_not_share_speakers():
    clips = make_clips(np.full((6, 4), 2))
    params = leave_one_session_out.Params(valid_share=0.2)
    folds = list(leave_one_session_out.split(clips, params, 7))
    tested = [roles_of(fold, clips)["test"] for fold in folds]
    assert tested == [{"c/s00", "c/s01"}, {"c/s02", "c/s03"}, {"c/s04", "c/s05"}]
    clips.loc[clips.index[-1], "session"] = "0"
    with pytest.raises(SplitError, match="speaker c/s05 speaks in 2 sessions"):
        list(leave_one_session_out.split(clips, params, 7))
    for nothing in (clips.drop(columns="session"), clips.assign(session=None)):
        with pytest.raises(SplitError, match="have no session; use"):
            list(leave_one_session_out.split(nothing, params, 7))


def test_sessions_of_two_corpora_are_two():
    clips = make_clips(np.full((4, 4), 2), n_corpora=2).assign(session="1")
    folds = list(
        leave_one_session_out.split(clips, leave_one_session_out.Params(valid_share=0.0), 7)
    )
    assert [roles_of(fold, clips, "corpus")["test"] for fold in folds] == [{"c"}, {"d"}]


def test_sentences_are_left_out_whole_and_validate_whole():
    clips = make_clips(np.full((6, 4), 6))
    folds = list(
        leave_one_sentence_out.split(clips, leave_one_sentence_out.Params(valid_share=0.4), 7)
    )
    for fold, sentence in zip(folds, "abc", strict=True):
        said = roles_of(fold, clips, "sentence")
        assert said["test"] == {sentence}
        assert len(said["train"]) == len(said["valid"]) == 1
        assert said["train"] | said["valid"] | said["test"] == set("abc")
    two = clips[clips["sentence"] != "c"]  # as RAVDESS: the one left cannot be divided
    for fold in leave_one_sentence_out.split(
        two, leave_one_sentence_out.Params(valid_share=0.4), 7
    ):
        assert fold.valid == ()


@pytest.mark.parametrize(
    ("sentence", "message"), [(None, "have no sentence"), ("a", "1 sentence cannot be left out")]
)
def test_sentences_that_cannot_be_left_out_are_refused(sentence, message):
    clips = make_clips(np.full((6, 4), 2)).assign(sentence=sentence)
    with pytest.raises(SplitError, match=message):
        split("leave_one_sentence_out", clips)


def test_corpora_are_left_out_whole():
    clips = make_clips(np.full((6, 4), 2), n_corpora=2)
    folds = list(leave_one_corpus_out.split(clips, leave_one_corpus_out.Params(valid_share=0.3), 7))
    assert [roles_of(fold, clips, "corpus")["test"] for fold in folds] == [{"c"}, {"d"}]
    assert all(len(roles_of(fold, clips)["valid"]) == 1 for fold in folds)


def test_random_folds_are_alike_in_every_emotion():
    counts = np.array([[7, 2, 9, 4], [3, 8, 2, 6]])
    clips = make_clips(counts)
    emotion = clips.set_index("id")["emotion"]
    params = random_stratified.Params(n_folds=5, valid_share=0.2)
    folds = list(random_stratified.split(clips, params, 7))
    sizes = [emotion[list(fold.test)].value_counts().reindex(EMOTIONS) for fold in folds]
    assert (pd.concat(sizes, axis=1).max(axis=1) - pd.concat(sizes, axis=1).min(axis=1)).max() <= 1
    assert {len(fold.test) for fold in folds} == {8, 9}  # 41 clips
    assert all(len(fold.valid) == round(0.2 * (41 - len(fold.test))) for fold in folds)
    with pytest.raises(SplitError, match="3 clips cannot fill 5 folds"):
        list(random_stratified.split(clips[:3], params, 7))


def test_random_holdout_as_published():
    # kumar2021: 30 per cent of RAVDESS, of each of its emotions (96 neutral, 192 of the others)
    clips = make_clips(np.tile([4, 8, 8, 8], (24, 1)))
    emotion = clips.set_index("id")["emotion"]
    params = random_holdout.Params(test_share=0.3, repeats=10, valid_share=0.0)
    folds = list(random_holdout.split(clips, params, 7))
    assert [fold.repeat for fold in folds] == list(range(10))
    assert len({fold.test for fold in folds}) == 10
    for fold in folds:
        assert not fold.valid
        assert len(fold.test) == round(0.3 * len(clips))
        share = emotion[list(fold.test)].value_counts() / emotion.value_counts()
        assert share.between(0.29, 0.31).all()
    with pytest.raises(SplitError, match=r"0\.3 of 1 clips is no clip"):
        list(random_holdout.split(clips[:1], params, 7))


def test_ten_blocks_are_those_of_the_papers_table():
    clips = make_clips(np.ones((91, 4), dtype=int))
    folds = list(speaker_80_10_10.split(clips, speaker_80_10_10.Params(tenths="consecutive"), 7))
    number = clips.set_index("id")["speaker"].str[3:].astype(int) + 1  # actors count from 1

    def ends(ids):
        actors = sorted(set(number[list(ids)]))
        assert actors == list(range(actors[0], actors[-1] + 1))
        return actors[0], actors[-1]

    tested = [ends(fold.test) for fold in folds]
    assert [tested[place] for place in (0, 1, 6, 8, 9)] == [
        (1, 9),
        (10, 18),
        (55, 63),
        (73, 81),
        (82, 91),
    ]
    assert set(number[list(folds[8].train)]) == {*range(1, 64), *range(82, 92)}
    assert [ends(fold.valid) for fold in folds] == [tested[-1], *tested[:-1]]
    assert all(set(fold.train) for fold in folds)


def test_k_shot_grants_what_it_says():
    counts = np.array([[3, 3, 2, 0], [4, 1, 1, 1], [5, 5, 5, 5], [2, 2, 2, 2]])
    clips = make_clips(counts)
    folds = list(k_shot.split(clips, k_shot.Params(shots=2, repeats=3, valid_share=0.0), 7))
    by_id = clips.set_index("id")
    # The second speaker has three clips or more of one emotion, the last of none.
    assert [(roles_of(fold, clips)["test"], fold.repeat) for fold in folds] == [
        ({speaker}, repeat) for speaker in ("c/s00", "c/s02") for repeat in range(3)
    ]
    for fold in folds:
        roles = roles_of(fold, clips)
        assert roles["enrol"] == roles["test"] and not roles["train"] & roles["test"]
        granted = by_id.loc[list(fold.enrol), "emotion"].value_counts()
        asked = by_id.loc[list(fold.test), "emotion"].value_counts()
        assert set(granted) == {2} and set(granted.index) == set(asked.index)
    assert len({fold.enrol for fold in folds}) == 6
    assert len({(fold.train, fold.valid) for fold in folds}) == 2
    with pytest.raises(SplitError, match="no speaker has more than 9 clips of two emotions"):
        list(k_shot.split(clips, k_shot.Params(shots=9, repeats=1, valid_share=0.0), 7))


def test_known_speakers_are_as_many_as_asked_and_differ():
    clips = make_clips(np.full((10, 4), 2))
    params = known_speakers.Params(n_known=3, repeats=20, valid_share=0.3)
    folds = list(known_speakers.split(clips, params, 7))
    drawn = []
    for fold in folds:
        roles = roles_of(fold, clips)
        drawn.append(frozenset(roles["train"] | roles["valid"]))
        assert len(drawn[-1]) == 3 and len(roles["test"]) == 7 and len(roles["valid"]) == 1
    assert [fold.repeat for fold in folds] == list(range(20))
    assert len(set(drawn)) > 10 and set.union(*map(set, drawn)) == set(clips["speaker"])
    nine = known_speakers.Params(n_known=9, repeats=1, valid_share=0.0)  # the paper's other end
    assert len(roles_of(next(known_speakers.split(clips, nine, 7)), clips)["test"]) == 1


def test_known_emotions_hide_the_others_from_training_alone():
    clips = make_clips(np.full((10, 4), 2))
    params = known_emotions.Params(n_known=2, n_speakers=8, repeats=12, valid_share=0.2)
    folds = list(known_emotions.split(clips, params, 7))
    for fold in folds:
        who, what = roles_of(fold, clips), roles_of(fold, clips, "emotion")
        assert len(what["train"]) == 2 and what["valid"] == what["train"]
        assert what["enrol"] == set(EMOTIONS) - what["train"]
        assert what["test"] == set(EMOTIONS)
        assert who["enrol"] == who["train"] and len(who["train"] | who["valid"]) == 8
        assert not who["test"] & (who["train"] | who["valid"])
        assert len(fold.test) == 2 * 4 * 2
    assert len({frozenset(roles_of(fold, clips, "emotion")["train"]) for fold in folds}) > 3
    with pytest.raises(SplitError, match="4 emotions with 4 of them known leave none"):
        list(
            known_emotions.split(
                clips, known_emotions.Params(n_known=4, n_speakers=8, repeats=1, valid_share=0), 7
            )
        )
    apart = make_clips(np.repeat(np.eye(4, dtype=int), 3, axis=0))  # one emotion a speaker
    with pytest.raises(SplitError, match="1 speakers never had clips of 2 emotions"):
        list(
            known_emotions.split(
                apart, known_emotions.Params(n_known=2, n_speakers=1, repeats=1, valid_share=0), 7
            )
        )


def transfer(**changes) -> source_to_target.Params:
    block = {"source": "c", "target": "d", "n_adapted": 0, "tests_adapted": False, "repeats": 3}
    return source_to_target.Params(**{**block, "valid_share": 0.2, **changes})


def test_source_to_target_without_adaptation():
    clips = make_clips(np.full((10, 4), 3), n_corpora=2)
    (fold,) = source_to_target.split(clips, transfer(), 7)
    assert roles_of(fold, clips, "corpus") == {
        "train": {"c"},
        "valid": {"c"},
        "test": {"d"},
        "enrol": set(),
    }
    assert len(fold.test) == 60 == len(fold.train) + len(fold.valid)


@pytest.mark.parametrize("tests_adapted", [True, False])
def test_adapted_speakers_grant_one_clip_of_each_emotion(tests_adapted):
    clips = make_clips(np.full((10, 4), 3), n_corpora=2)
    params = transfer(n_adapted=2, tests_adapted=tests_adapted)
    folds = list(source_to_target.split(clips, params, 7))
    assert [fold.repeat for fold in folds] == [0, 1, 2]
    assert len({fold.enrol for fold in folds}) == 3
    by_id = clips.set_index("id")
    for fold in folds:
        granted = by_id.loc[list(fold.enrol)]
        assert len(granted) == 8 and granted["speaker"].nunique() == 2
        assert not granted.duplicated(["speaker", "emotion"]).any()
        who = roles_of(fold, clips)
        assert bool(who["enrol"] & who["test"]) == tests_adapted
        assert len(fold.test) == (60 - 8 if tests_adapted else 60 - 2 * 12)
    assert splits.promises(source_to_target, params).enrols_tested == tests_adapted
    assert not splits.promises(source_to_target, transfer(tests_adapted=True)).enrols_tested


def test_more_adapted_speakers_than_there_are_are_refused():
    clips = make_clips(np.full((10, 4), 3), n_corpora=2)
    assert list(source_to_target.split(clips, transfer(n_adapted=5, tests_adapted=True), 7))
    with pytest.raises(SplitError, match=r"5 of the 5 speakers of 'd'.*n_adapted lower"):
        list(source_to_target.split(clips, transfer(n_adapted=5), 7))


def test_own_split_is_taken_as_it_is():
    clips = make_clips(np.full((5, 4), 2))
    (fold,) = own_split.split(clips, own_split.Params(shares_speakers=False), 7)
    assert roles_of(fold, clips) == {
        "train": {"c/s00", "c/s01"},
        "valid": {"c/s02"},
        "test": {"c/s03"},
        "enrol": set(),
    }
    with pytest.raises(SplitError, match="no clip has the split 'train'"):
        list(
            own_split.split(clips.drop(columns="split"), own_split.Params(shares_speakers=False), 7)
        )

"""The audit: what is planted is found, what is not admitted is refused, and known answers."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

import fabricated_sounds as sound
import stage_scripts
from emometric import splits
from emometric.acquisition import acquiring
from emometric.audit import auditing
from emometric.base import parts
from emometric.base.errors import SplitError
from emometric.cli import main as cli
from emometric.protocols import random_stratified, speaker_folds
from emometric.sound import audio
from emometric.splits import Promises
from emometric.storage import store
from emometric.storage.clip import Fold

ROOT = Path(__file__).resolve().parents[1]
STRICT = Promises(shares_speakers=False, shares_sentences=False)
LOOSE = Promises(shares_speakers=True, enrols_tested=True)
NONE = pd.DataFrame(columns=list(auditing.DUPLICATES))


def make_clips(n_speakers: int = 4, sentences: bool = True) -> pd.DataFrame:
    """Two clips of anger and two of fear of each speaker; every clip its own sentence and sound."""
    rows = [
        {
            "id": f"c/{speaker}{emotion[0]}{take}",
            "corpus": "c",
            "speaker": f"c/{speaker}",
            "emotion": emotion,
            "sentence": f"{speaker}{emotion}{take}" if sentences else None,
            "content": f"{speaker}{emotion}{take}",
        }
        for speaker in "pqrstuvw"[:n_speakers]
        for emotion in ("anger", "fear")
        for take in range(2)
    ]
    return pd.DataFrame(rows)


def folds_of(clips: pd.DataFrame) -> list[Fold]:
    """One fold a speaker; the next speaker validates."""
    ids = clips.groupby("speaker")["id"].agg(tuple)
    names = list(ids.index)
    return [
        Fold(
            test=ids[name],
            valid=ids[names[place - 1]],
            train=tuple(
                clip
                for other in names
                if other not in (name, names[place - 1])
                for clip in ids[other]
            ),
        )
        for place, name in enumerate(names)
    ]


def pairs(*found: tuple[str, str, str], emotions: tuple[str, str] = ("anger", "anger")):
    rows = [
        (kind, one, other, 0.0, 0.0, one[:3], other[:3], *emotions) for kind, one, other in found
    ]
    return pd.DataFrame(rows, columns=list(auditing.DUPLICATES))


def test_a_clean_split_is_called_clean():
    clips = make_clips()
    found = auditing.audit(clips, folds_of(clips), STRICT, NONE)
    assert found.facts["verdict"] == "clean" and found.facts["stamps"] == []
    assert found.leaks == ()
    found.check()
    text = " ".join(found.facts["findings"])
    assert "No speaker of training or validation is tested." in text
    assert "No sentence of training or validation is tested." in text
    assert "No two clips hold the same samples." in text
    assert "Every fold has labelled clips of all emotions and tests all." in text
    assert json.loads(json.dumps(found.facts, allow_nan=False)) == found.facts


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_counts_are_those_of_plain_sets(data):
    clips = make_clips()
    clips["sentence"] = data.draw(
        st.lists(st.sampled_from(["a", "b", "c", None]), min_size=16, max_size=16)
    )
    role = data.draw(
        st.lists(
            st.sampled_from(["train", "valid", "test", "enrol", "-"]), min_size=16, max_size=16
        )
    )
    role[:2] = ["train", "test"]
    ids = {name: tuple(clips["id"][np.array(role) == name]) for name in splits.ROLES}
    drawn = data.draw(
        st.lists(
            st.tuples(st.sampled_from(["byte", "near"]), *[st.sampled_from(list(clips["id"]))] * 2),
            max_size=5,
        )
    )
    found = auditing.audit(clips, [Fold(**ids)], LOOSE, pairs(*drawn))
    by_id = clips.set_index("id")

    def said(column, *roles):
        values = {by_id.loc[clip, column] for name in roles for clip in ids[name]}
        return {value for value in values if isinstance(value, str)}

    def reach(clip, kinds):
        reached = {clip}
        for _ in clips["id"]:
            for kind, one, other in drawn:
                if kind in kinds and {one, other} & reached:
                    reached |= {one, other}
        return reached

    labelled = {clip for name in ("train", "valid", "enrol") for clip in ids[name]}
    equal = {clip for clip in ids["test"] if reach(clip, ("byte",)) & labelled}
    near = {clip for clip in ids["test"] if reach(clip, ("byte", "near")) & labelled} - equal
    (row,) = found.facts["folds"]
    assert row == {
        "fold": 0,
        "repeat": 0,
        **{f"n_{name}": len(ids[name]) for name in splits.ROLES},
        "shared_speakers": len(said("speaker", "train", "valid") & said("speaker", "test")),
        "shared_sentences": len(said("sentence", "train", "valid") & said("sentence", "test")),
        "enrolled_speakers": len(said("speaker", "enrol") & said("speaker", "test")),
        "byte_duplicates": len(equal),
        "near_duplicates": len(near),
        "unlabelled": " ".join(
            sorted(said("emotion", "test") - said("emotion", "train", "valid", "enrol"))
        ),
    }
    balance = found.balance.set_index(["role", "emotion"])["n"]
    for name in splits.ROLES:
        for emotion in ("anger", "fear"):
            n = sum(by_id.loc[clip, "emotion"] == emotion for clip in ids[name])
            assert balance[name, emotion] == n
    assert found.facts["n_untested"] == 16 - len(ids["test"])


P, Q, R, S = (
    tuple(f"c/{speaker}{clip}" for clip in ("a0", "a1", "f0", "f1")) for speaker in "pqrs"
)


@pytest.mark.parametrize(
    ("fold", "found", "message", "stamp"),
    [
        (
            Fold(train=(*P[:2], *Q), valid=R, test=(*P[2:], *S)),
            NONE,
            "fold 1 trains on and tests 1 speaker, which its protocol does not admit; keep all",
            "shares speakers",
        ),
        (
            Fold(train=Q, valid=(*R, P[0]), test=(*P[1:], *S)),
            NONE,
            "fold 1 trains on and tests 1 speaker,",
            "shares speakers",
        ),
        (
            Fold(train=Q, valid=R, test=(*P[1:], *S), enrol=P[:1]),
            NONE,
            "fold 1 enrols and tests 1 speaker, which its protocol does not admit",
            "enrols test speakers",
        ),
        (
            Fold(train=Q, valid=R, test=S),
            pairs(("byte", Q[0], S[0])),
            "fold 1 tests 1 recording that it also trains on; leave one of each out, such as "
            "c/sa0, equal to c/qa0",
            "duplicates across training and test",
        ),
    ],
)
def test_what_is_not_admitted_is_refused_and_what_is_admitted_stamped(fold, found, message, stamp):
    clips = make_clips()
    clean = Fold(train=P, valid=Q, test=R)
    strict = auditing.audit(clips, [clean, fold], STRICT, found)
    with pytest.raises(SplitError, match=message) as error:
        strict.check()
    assert "\n" not in str(error.value)
    loose = auditing.audit(clips, [clean, fold], LOOSE, found)
    loose.check()
    assert loose.facts["verdict"] == "stamped" and stamp in loose.facts["stamps"]


def test_shared_sentences_are_refused_where_the_protocol_excludes_them_and_never_stamped():
    clips = make_clips().assign(sentence="a")
    strict = auditing.audit(clips, folds_of(clips), STRICT, NONE)
    with pytest.raises(SplitError, match="fold 0 trains on and tests 1 sentence, which its"):
        strict.check()
    loose = auditing.audit(clips, folds_of(clips), replace(STRICT, shares_sentences=True), NONE)
    loose.check()
    assert loose.facts["stamps"] == []
    assert "Up to 1 sentence of a fold are" not in " ".join(loose.facts["findings"])


def test_sentences_of_two_corpora_are_not_the_same_and_may_be_unknown():
    clips = make_clips().assign(sentence="a")
    other = clips["speaker"].isin(["c/r", "c/s"])
    clips.loc[other, "corpus"] = "d"
    fold = Fold(train=P, valid=Q, test=(*R, *S))
    assert auditing.audit(clips, [fold], STRICT, NONE).facts["folds"][0]["shared_sentences"] == 0
    unknown = auditing.audit(make_clips(sentences=False), [fold], STRICT, NONE)
    unknown.check()
    assert "What was said is not known" in " ".join(unknown.facts["findings"])


def test_near_duplicates_are_stamped_and_not_refused():
    clips = make_clips()
    found = auditing.audit(clips, folds_of(clips), STRICT, pairs(("near", Q[0], S[0])))
    found.check()
    assert found.facts["stamps"] == ["near duplicates across training and test"]
    text = " ".join(found.facts["findings"])
    assert "(1 of two speakers) sound like one recording (up to 0 % of their bits differ)" in text
    inside = auditing.audit(clips, folds_of(clips), STRICT, pairs(("near", Q[0], Q[1])))
    assert inside.facts["verdict"] == "clean"


def test_contradictory_labels_are_stamped():
    clips = make_clips()
    found = pairs(("byte", P[0], P[2]), emotions=("anger", "fear"))
    facts = auditing.audit(clips, folds_of(clips), STRICT, found).facts
    assert facts["stamps"] == ["contradictory labels"] and facts["conflicts"] == 1
    assert "first anger (c/pa0) and fear (c/pf0)." in " ".join(facts["findings"])


def test_an_emotion_without_labelled_clips_is_named():
    clips = make_clips()
    facts = auditing.audit(clips, [Fold(train=P[:2], valid=Q[:2], test=R)], STRICT, NONE).facts
    assert facts["folds"][0]["unlabelled"] == "fear"
    assert "1 of 1 folds test an emotion without any labelled clip" in " ".join(facts["findings"])
    shown = Fold(train=P[:2], valid=Q[:2], test=R, enrol=P[2:])
    assert auditing.audit(clips, [shown], STRICT, NONE).facts["folds"][0]["unlabelled"] == ""


def test_guesses_by_hand():
    clips = make_clips(2)
    clips.loc[clips["speaker"] == "c/p", "emotion"] = "anger"
    clips.loc[clips["speaker"] == "c/q", "emotion"] = "fear"
    # p is trained on with three clips of anger, q with one of fear: the majority is anger.
    fold = Fold(train=(*P[:3], Q[0]), valid=(), test=(P[3], *Q[1:]))
    facts = auditing.audit(clips, [fold], LOOSE, NONE).facts
    assert facts["majority"] == {"uar": 0.5, "accuracy": 0.25}
    assert facts["speaker_lookup"] == {"uar": 1.0, "accuracy": 1.0}


@pytest.fixture(scope="module")
def recordings() -> dict[str, np.ndarray]:
    """int16 samples of the clips of `make_clips`: one copied, two processed."""
    generator = np.random.default_rng(1)
    waveforms = {clip: sound.utterance(generator, 1.5) for clip in make_clips()["id"]}
    waveforms["c/qf0"] = waveforms["c/pa1"]
    waveforms["c/sa0"] = 0.3 * sound.with_noise(waveforms["c/pf0"], 25, generator)
    waveforms["c/rf1"] = waveforms["c/ra0"][2000:]
    return {clip: audio.to_pcm16(one) for clip, one in waveforms.items()}


def with_content(clips: pd.DataFrame, recordings: dict[str, np.ndarray]) -> pd.DataFrame:
    return clips.assign(content=[audio.content_hash(recordings[clip]) for clip in clips["id"]])


def test_planted_duplicates_are_found_whatever_the_order(recordings):
    clips = with_content(make_clips(), recordings)
    found = auditing.find_duplicates(clips, recordings.__getitem__, n_jobs=2)
    assert found[["kind", "clip", "other"]].to_numpy().tolist() == [
        ["byte", "c/pa1", "c/qf0"],
        ["near", "c/pf0", "c/sa0"],
        ["near", "c/ra0", "c/rf1"],
    ]
    assert found["other_speaker"].tolist() == ["c/q", "c/s", "c/r"]
    assert (found["emotion"] != found["other_emotion"]).all()
    assert found["error"].tolist()[0] == 0 and found["error"][1:].between(0.001, 0.15).all()
    assert found["shift_s"].iloc[2] == pytest.approx(2000 / 16000, abs=0.017)
    again = auditing.find_duplicates(clips[::-1], recordings.__getitem__)
    pd.testing.assert_frame_equal(found, again)


def test_a_copy_of_what_is_byte_equal_is_near_to_both_sides(recordings):
    clips = with_content(make_clips(), recordings)
    # pa1 = qf0: only one of them is fingerprinted, yet both lie on its side.
    near = {**recordings, "c/sf0": audio.to_pcm16(0.5 * audio.from_pcm16(recordings["c/pa1"]))}
    clips = with_content(clips, near)
    found = auditing.find_duplicates(clips, near.__getitem__)
    assert ["near", "c/pa1", "c/sf0"] in found[["kind", "clip", "other"]].to_numpy().tolist()
    fold = Fold(train=Q, valid=R, test=S)
    facts = auditing.audit(clips, [fold], STRICT, found).facts
    assert facts["folds"][0]["byte_duplicates"] == 0
    assert facts["folds"][0]["near_duplicates"] == 1  # sf0, through pa1, by qf0


@pytest.fixture
def project(tmp_path, monkeypatch, recordings):
    """A project of one corpus of eight speakers, split but not audited yet."""
    clips = make_clips(8)
    generator = np.random.default_rng(2)
    samples = {
        clip: recordings.get(clip, audio.to_pcm16(sound.utterance(generator, 0.5)))
        for clip in clips["id"]
    }
    samples["c/qf0"] = audio.to_pcm16(sound.utterance(generator, 0.5))
    clips = with_content(clips, samples)
    data = tmp_path / "data/original"
    store.write_ragged(data / "corpora/emodb/audio", samples.items(), dtype=np.int16)
    (data / "manifests").mkdir(parents=True)
    clips.to_parquet(data / "manifests/emodb.parquet")
    values = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    stage_scripts.load("split").split(
        "run", origin="original", corpus="emodb", protocol="speaker_folds", seed=7
    )
    return tmp_path


def test_stage_writes_the_same_twice_and_nothing_where_it_refuses(project, monkeypatch, capsys):
    stage = stage_scripts.load("audit")
    arguments = {"origin": "original", "corpus": "emodb", "protocol": "speaker_folds"}
    stage.look("run", **arguments)
    folder = project / "data/original/audits/run"
    first = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert set(first) == {
        "audit.json",
        "verdict.json",
        "folds.csv",
        "balance.csv",
        "duplicates.csv",
    }
    verdict = json.loads(first["verdict.json"])
    facts = json.loads(first["audit.json"])
    assert verdict == {"verdict": facts["verdict"], "stamps": facts["stamps"]}
    assert facts["near_duplicates"] == 2 and facts["byte_duplicates"] == 0
    assert len(pd.read_csv(folder / "folds.csv")) == facts["n_folds"] >= 2
    assert "run: No speaker of training or validation is tested." in capsys.readouterr().out
    stage.look("run", **arguments)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == first
    for path in folder.iterdir():
        path.unlink()
    table = pd.read_parquet(project / "data/original/splits/run.parquet")
    table.loc[(table["fold"] == 1) & (table["role"] == "test"), "role"] = ["train"] + ["test"] * (
        ((table["fold"] == 1) & (table["role"] == "test")).sum() - 1
    )
    table.to_parquet(project / "data/original/splits/run.parquet")
    with pytest.raises(SplitError, match="fold 1 trains on and tests 1 speaker"):
        stage.look("run", **arguments)
    assert list(folder.iterdir()) == []


def test_command_audits_any_protocol_and_a_file_of_folds(project):
    def run(*arguments, code=0):
        done = CliRunner().invoke(cli.app, ["audit", *arguments, "--origin", "original"])
        assert done.exit_code == code, done.output
        return done

    assert run().stdout.startswith("emodb, speaker_folds: ")
    facts = json.loads(run("random_stratified", "--seed", "3", "--json").stdout)
    assert facts["protocol"] == "random_stratified" and "shares speakers" in facts["stamps"]
    folds = project / "mine.json"
    folds.write_text(
        json.dumps({"test_folds": [list("pqrs"), list("tuvw")], "valid_folds": [[], []]})
    )
    assert json.loads(run("--folds", str(folds), "--json").stdout)["n_folds"] == 2
    folds.write_text(json.dumps({"test_folds": [["p", "z"]], "valid_folds": [[]]}))
    assert "fold 0 has 'z' in test" in str(run("--folds", str(folds), code=1).exception)
    assert "did you mean 'speaker_folds'" in str(run("speaker_fold", code=1).exception)
    told = str(run("speaker_folds", "--folds", str(folds), code=1).exception)
    assert told.startswith("--folds names a file, but speaker_folds draws its own")
    run("--seed", "-1", code=2)


@pytest.mark.original
@pytest.mark.slow
def test_the_duplicate_of_ravdess_is_found(corpora_root, tmp_path):
    clips, read = acquired("ravdess", corpora_root, tmp_path)
    found = auditing.find_duplicates(clips, read, n_jobs=2)
    assert found[["kind", "clip", "other"]].to_numpy().tolist() == [
        ["byte", "ravdess/03-01-03-01-02-01-07", "ravdess/03-01-03-01-02-02-07"]
    ]


@pytest.mark.original
def test_urdu_gives_its_speakers_away_on_a_random_split_alone(corpora_root, tmp_path):
    clips, _ = acquired("urdu", corpora_root, tmp_path)
    assert clips["speaker"].nunique() == 29
    for seed in range(3):
        params = random_stratified.Params(n_folds=5, valid_share=0.15)
        folds = splits.make(random_stratified, params, clips, seed)
        facts = auditing.audit(clips, folds, splits.promises(random_stratified, params), NONE).facts
        assert facts["speaker_lookup"]["accuracy"] > 0.9 and facts["speaker_lookup"]["uar"] > 0.9
        assert facts["stamps"] == ["shares speakers"]
        params = speaker_folds.Params(n_folds=5, valid_share=0.15)
        folds = splits.make(speaker_folds, params, clips, seed)
        found = auditing.audit(clips, folds, splits.promises(speaker_folds, params), NONE)
        found.check()
        # New speakers are not in the table: it guesses the majority, at chance (1 of 4) or below,
        # where training has most of what the test clips have least of.
        assert found.facts["speaker_lookup"] == found.facts["majority"]
        assert found.facts["speaker_lookup"]["uar"] <= 0.25
        assert found.facts["stamps"] == []


def acquired(corpus: str, corpora_root: Path, folder: Path):
    """The labels of a real corpus with nothing left out, and how to read its samples."""
    params = parts.load("corpora", corpus).Params(exclusions=False)
    acquiring.acquire(corpus, params, corpora_root / corpus, folder / corpus, n_jobs=2)
    labels = store.read_table(folder / corpus / "labels.parquet").to_pandas()
    return labels, store.Ragged(folder / corpus / "audio").read

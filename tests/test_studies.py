"""Studies: resumable, the same bytes whatever the history, and results from tables alone."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import scipy.stats
import yaml
from typer.testing import CliRunner

import emometric.methods
import stage_scripts
from emometric.base import parts, settings
from emometric.base.errors import ParameterError, PipelineError, StoreError
from emometric.cli import main as cli
from emometric.cli import study as study_command
from emometric.report import merging
from emometric.scoring import cells, evaluation
from emometric.storage import clip, store
from emometric.studies import evaluating, kept, method, record, runner, statistics, summary, tables
from emometric.studies.cell import Cell, Outcome, Stored, Table

TOY = str(Path(__file__).parent / "toy_methods")
PARAMS = evaluation.Params(n_resamples=200, confidence=0.95, perplexity=20)
EMOTIONS = ("anger", "happiness", "sadness")
PER_SPEAKER = ["study", "cell", "speaker", "emotion", "n", "correct"]


@pytest.fixture(autouse=True)
def toy_methods(monkeypatch):
    """The folder of the toy method is one more place where methods are found."""
    monkeypatch.setattr(emometric.methods, "__path__", [*emometric.methods.__path__, TOY])


def corpus(name, n_speakers=4, takes=3, seed=0, shift=0.0):
    """Clips whose first two values show the emotion, with noise; one clip has no label."""
    generator = np.random.default_rng(seed)
    rows = [
        (f"{name}/{speaker}{(emotion or 'x')[0]}{take}", f"{name}/{speaker}", emotion)
        for speaker in range(n_speakers)
        for emotion in (*EMOTIONS, *([None] if speaker == 0 else []))
        for take in range(takes)
    ]
    clips = pd.DataFrame(rows, columns=["id", "speaker", "emotion"])
    centre = {"anger": (2, 0), "happiness": (-1, 2), "sadness": (-1, -2)}
    values = generator.normal(shift, 1.2, (len(clips), 5))
    values[:, :2] += [centre.get(emotion, (0, 0)) for emotion in clips["emotion"]]
    return Table(corpus=name, clips=clips, values=values, names=tuple("abcde"))


def make_study(source=None, target=None, **replaced):
    return runner.Study(
        name="toy_study",
        method=method.load("nearest_mean", {}, replaced),
        source=corpus("one") if source is None else source,
        target=corpus("two", seed=1, shift=0.3) if target is None else target,
        seed=7,
        device="cpu",
    )


def run_study(folder, study, cache=None, tick=lambda n_cells: None):
    outcomes = runner.run(study, study.groups(), cache_folder=cache or folder / "cache", tick=tick)
    record.write(folder / "study", study, outcomes, {"origin": "synthetic"})
    evaluating.evaluate(folder / "study", folder / "results", study, PARAMS)
    return bytes_in(folder)


def bytes_in(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for name in ("study", "results")
        for path in sorted((folder / name).iterdir())
    }


@pytest.fixture
def calls(monkeypatch):
    """The groups that the toy method really trains."""
    part = parts.load("methods", "nearest_mean")
    seen = []
    real = part.run

    def run(group, *rest):
        seen.append(len(group))
        return real(group, *rest)

    monkeypatch.setattr(part, "run", run)
    return seen


# -- cells, tables, outcomes ----------------------------------------------------------------------


def test_cell_is_named_by_its_settings():
    one = Cell(settings={"b": 0.5, "a": "x", "c": True}, fold=1, repeat=2, seed=3)
    assert one.name == "a=x b=0.5 c=true"
    assert Cell(settings={}, fold=0, repeat=0, seed=0).name == "default"
    same = Cell(settings={"a": "x", "c": True, "b": 0.5}, fold=1, repeat=2, seed=3)
    assert one == same and hash(one) == hash(same) and one != replace(one, fold=0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"settings": {"a": "two words"}},
        {"settings": {"a=b": 1}},
        {"settings": {"a": ""}},
        {"fold": -1},
        {"seed": -3},
    ],
)
def test_a_cell_that_cannot_be_named_is_refused(wrong):
    with pytest.raises(ParameterError, match="a cell has"):
        Cell(**{"settings": {}, "fold": 0, "repeat": 0, "seed": 0} | wrong)


def test_table_stands_in_the_order_of_ids():
    table = corpus("one")
    order = np.random.default_rng(3).permutation(len(table))
    again = Table(
        corpus="one",
        clips=table.clips.iloc[order],
        values=table.values[order],
        names=table.names,
    )
    assert again.clips.equals(table.clips) and np.array_equal(again.values, table.values)
    assert tables.digest(again) == tables.digest(table)
    assert list(table.clips["id"]) == sorted(table.clips["id"])
    few = table.take(np.array([4, 1]))
    assert list(few.clips["id"]) == [table.clips["id"][1], table.clips["id"][4]]
    assert np.array_equal(few.values, table.values[[1, 4]])
    assert len(table.take(table.clips["emotion"].isna().to_numpy())) == 3


def test_digest_changes_with_what_a_method_sees():
    table = corpus("one")
    found = {tables.digest(table)}
    values = table.values.copy()
    values[3, 2] = np.nextafter(values[3, 2], np.float32(9))
    clips = table.clips.copy()
    clips.loc[2, "emotion"] = None
    for change in (
        {"values": values},
        {"clips": clips},
        {"corpus": "other"},
        {"names": tuple("abcdf")},
    ):
        found.add(tables.digest(replace(table, **change)))
    assert len(found) == 5


def test_tables_that_do_not_fit_are_refused():
    table = corpus("one")
    with pytest.raises(StoreError, match="give one row a clip"):
        replace(table, names=("a",))
    with pytest.raises(StoreError, match="comes twice"):
        replace(table, clips=table.clips.assign(id="one/x"))
    with pytest.raises(StoreError, match="lack emotion"):
        replace(table, clips=table.clips.drop(columns="emotion"))


def write_corpus(folder, name, table):
    """Manifest and functionals as the stages before leave them, rows in another order."""
    clips = table.clips[["id", "speaker", "emotion"]].astype(object)
    clips = clips.where(clips.notna(), None)
    rows = [
        dict.fromkeys(clip.MANIFEST_SCHEMA.names)
        | {"corpus": name, "path": "x.wav", "seconds": 1.0, **row}
        for row in clips.to_dict("records")
    ][::-1]
    (folder / "manifests").mkdir(parents=True, exist_ok=True)
    manifest = pa.Table.from_pylist(rows, schema=clip.MANIFEST_SCHEMA)
    pq.write_table(manifest, folder / f"manifests/{name}.parquet")
    path = folder / f"study_features/{name}/egemaps/functionals.parquet"
    store.write_functionals(path, list(table.clips["id"]), table.names, table.values)
    return folder / f"manifests/{name}.parquet", path.parents[1]


def test_a_corpus_of_frames_keeps_each_clips_own(tmp_path):
    table = corpus("one")
    manifest, features = write_corpus(tmp_path, "one", table)
    generator = np.random.default_rng(3)
    frames = {
        clip_id: generator.normal(size=(length, 5)).astype(np.float16)
        for clip_id, length in zip(
            table.clips["id"], generator.integers(1, 9, len(table)), strict=True
        )
    }
    store.write_ragged(features / "mfcc", list(frames.items())[::-1], dtype=np.float16)
    read = tables.read("one", manifest, features, ["mfcc"])
    some = read.take(np.array([4, 0, 2]))
    for one in (read, some):
        for row, clip_id in enumerate(one.clips["id"]):
            assert np.array_equal(one.frames(row), frames[clip_id])
    assert some.values.shape == (sum(some.lengths), 5) and tables.digest(some) != tables.digest(
        read
    )
    with pytest.raises(StoreError, match="choose a feature of frames, such as mfcc"):
        table.frames(0)


def test_several_features_of_a_corpus_stand_side_by_side(tmp_path):
    table = corpus("one")
    manifest, features = write_corpus(tmp_path, "one", table)
    ids = list(table.clips["id"])
    frames = [(one, np.full((2, 3), row, np.float16)) for row, one in enumerate(ids)]
    store.write_ragged(features / "mfcc", frames, dtype=np.float16)
    both = tables.read("one", manifest, features, ["egemaps", "mfcc"])
    assert np.array_equal(both.values, table.values) and list(both.beside) == ["mfcc"]
    some = both.take(np.array([5, 1]))
    assert list(some.beside["mfcc"].clips["id"]) == list(some.clips["id"]) == [ids[1], ids[5]]
    assert [some.beside["mfcc"].frames(row)[0, 0] for row in range(2)] == [1, 5]
    alone = tables.read("one", manifest, features, ["egemaps"])
    assert len({tables.digest(one) for one in (both, alone, some)}) == 3
    assert len(tables.read("one", manifest, features, ["mfcc", "egemaps"]).beside["egemaps"]) > 0
    with pytest.raises(StoreError, match=r"mfcc is there of other clips; run `dvc repro`"):
        replace(alone, beside={"mfcc": some.beside["mfcc"]})


def test_a_network_of_speakers_is_a_corpus_without_values(tmp_path):
    table = corpus("speakers")
    manifest, folder = write_corpus(tmp_path, "speakers", table)
    for name in tables.NETWORK:
        (folder / name).write_bytes(b"one")
    read = tables.read("speakers", manifest, folder, ["egemaps"])
    assert read.network == folder and read.values.shape == (len(table), 0)
    before = tables.digest(read)
    (folder / "network.safetensors").write_bytes(b"two")
    assert tables.digest(read) != before


def empty(name):
    return corpus(name).take(np.zeros(0, dtype=np.int64))


def test_a_corpus_is_read_with_its_labels(tmp_path):
    table = corpus("one")
    manifest, features = write_corpus(tmp_path, "one", table)
    read = tables.read("one", manifest, features, ["egemaps"])
    assert list(read.clips.columns) == list(tables.COLUMNS)
    wanted = ["id", "speaker", "emotion"]
    assert read.clips[wanted].equals(table.clips[wanted])
    assert read.clips["emotion"].isna().sum() == 3 and read.clips["activation"].isna().all()
    assert np.array_equal(read.values, table.values) and read.names == table.names
    store.write_functionals(
        features / "egemaps/functionals.parquet",
        list(table.clips["id"])[:-1],
        table.names,
        table.values[:-1],
    )
    with pytest.raises(StoreError, match=r"does not hold the clips of .*run `dvc repro`"):
        tables.read("one", manifest, features, ["egemaps"])
    nothing = write_corpus(tmp_path, "none", empty("none"))
    assert len(tables.read("none", *nothing, ["egemaps"])) == 0


def outcome(**change):
    one = {
        "cell": Cell(settings={}, fold=0, repeat=0, seed=0),
        "clips": pd.DataFrame({"id": ["a/1"], "speaker": ["a/s"], "emotion": ["anger"]}),
        "scores": np.array([[0.1, -np.inf, 0.3]]),
        "embedding": pd.DataFrame(
            {"id": ["a/2", "a/1"], "role": ["train", "test"], "embedding": [[0.5, 1.0], [2.0, 3.0]]}
        ),
        "numbers": {"loss": 0.25, "r2": float("nan")},
    }
    return Outcome(**one | change)


def test_outcomes_are_kept_as_they_are(tmp_path):
    silent = outcome(
        cell=Cell(settings={"x": 1}, fold=1, repeat=0, seed=0),
        clips=pd.DataFrame({"id": [], "speaker": [], "emotion": []}),
        scores=np.zeros((0, 3)),
        embedding=pd.DataFrame({"id": [], "role": [], "embedding": []}),
        numbers={},
    )
    group = [outcome(), silent]
    runs = [one.cell for one in group]
    place = kept.Kept(tmp_path, "toy", 1)
    name = kept.key(["m"], runs)
    assert place.get(name, runs) is None
    place.put(name, group)
    first, second = place.get(name, runs)
    assert first.cell == runs[0] and second.cell == runs[1]
    assert first.clips.equals(group[0].clips)
    np.testing.assert_array_equal(first.scores, group[0].scores)
    assert [list(row) for row in first.embedding["embedding"]] == [[0.5, 1.0], [2.0, 3.0]]
    assert first.numbers["loss"] == 0.25 and np.isnan(first.numbers["r2"])
    assert len(second.clips) == len(second.embedding) == 0 and second.scores.shape == (0, 3)
    (entry,) = (tmp_path / "cells").rglob("*.zip")
    whole = entry.read_bytes()
    for damage in (whole[:-3], whole[:200] + b"x" + whole[201:], b"", b"PK"):
        entry.write_bytes(damage)
        assert place.get(name, runs) is None
    entry.with_name("0123.zip").write_bytes(whole)
    assert place.get("0123", runs) is None  # another group's


# -- the runner -----------------------------------------------------------------------------------


def test_a_second_run_trains_nothing(tmp_path, calls):
    ticks = []
    first = run_study(tmp_path / "a", make_study(), tmp_path / "cache", ticks.append)
    assert calls == ticks == [2, 2, 2]  # two variants, three repeats
    assert run_study(tmp_path / "b", make_study(), tmp_path / "cache", ticks.append) == first
    assert calls == [2, 2, 2] and ticks == [2] * 6
    assert run_study(tmp_path / "c", make_study(), tmp_path / "new cache") == first
    assert len(calls) == 6


def test_what_decides_is_trained_again(tmp_path, calls, monkeypatch):
    cache = tmp_path / "cache"
    run_study(tmp_path / "a", make_study(), cache)
    for changed in (
        replace(make_study(), seed=8),
        make_study(target=corpus("two", seed=2)),
        make_study(repeats=2),
    ):
        calls.clear()
        run_study(tmp_path / "b", changed, cache)
        assert sum(calls) == len(changed.method.plan(changed.source, changed.target, 7)) * 2
    calls.clear()
    monkeypatch.setattr(parts.load("methods", "nearest_mean"), "VERSION", 2)
    run_study(tmp_path / "b", make_study(), cache)
    assert calls == [2, 2, 2]


def test_a_damaged_entry_is_trained_again(tmp_path, calls):
    first = run_study(tmp_path / "a", make_study())
    entry = sorted((tmp_path / "a/cache/cells").rglob("*.zip"))[0]
    entry.write_bytes(entry.read_bytes()[:-1])
    calls.clear()
    assert run_study(tmp_path / "a", make_study()) == first
    assert calls == [2]


KILLED = """
import sys, time
from pathlib import Path
sys.path.insert(0, {tests!r})
import emometric.methods
import test_studies
emometric.methods.__path__.append(test_studies.TOY)
test_studies.run_study(Path({folder!r}), test_studies.make_study(), tick=lambda n: time.sleep(1))
"""


def test_a_killed_study_loses_one_group_at_most(tmp_path, calls):
    whole = run_study(tmp_path / "whole", make_study())
    folder = tmp_path / "killed"
    code = KILLED.format(tests=str(Path(__file__).parent), folder=str(folder))
    run = subprocess.Popen([sys.executable, "-c", code], env={**os.environ})
    limit = time.monotonic() + 120
    while not list(folder.rglob("cache/cells/*/*/*.zip")):  # the first group is done
        assert run.poll() is None and time.monotonic() < limit
        time.sleep(0.01)
    run.send_signal(signal.SIGKILL)
    run.wait()
    assert not (folder / "study").exists()
    calls.clear()
    assert run_study(folder, make_study()) == whole
    assert calls == [2, 2]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda found: found[::-1], "one outcome a cell, in their order"),
        (lambda found: found[:1], "one outcome a cell, in their order"),
        (
            lambda found: [replace(one, scores=one.scores[:, :2]) for one in found],
            "scores other than 3 emotions",
        ),
        (
            lambda found: [
                replace(one, clips=one.clips.assign(emotion="boredom")) for one in found
            ],
            "whose emotion is not scored",
        ),
        (
            lambda found: [replace(one, clips=one.clips.assign(id="a")) for one in found],
            "decides a clip twice",
        ),
    ],
)
def test_a_method_that_breaks_its_contract_is_named(tmp_path, monkeypatch, spoil, message):
    part = parts.load("methods", "nearest_mean")
    real = part.run
    monkeypatch.setattr(part, "run", lambda *given: spoil(real(*given)))
    with pytest.raises(StoreError, match=message) as caught:
        run_study(tmp_path, make_study())
    assert "nearest_mean" in str(caught.value) and "\n" not in str(caught.value)
    assert not list((tmp_path / "cache").rglob("*.zip"))


def test_a_cell_planned_twice_is_refused(monkeypatch):
    part = parts.load("methods", "nearest_mean")
    real = part.plan
    monkeypatch.setattr(part, "plan", lambda *given: real(*given) * 2)
    with pytest.raises(StoreError, match="plans the cell variant=plain twice"):
        make_study().groups()


def test_emotions_out_of_order_are_refused(monkeypatch):
    monkeypatch.setattr(
        parts.load("methods", "nearest_mean"), "emotions", lambda params: ("fear", "anger")
    )
    with pytest.raises(StoreError, match="unknown or in disorder"):
        _ = make_study().method.emotions


# -- what is stored -------------------------------------------------------------------------------


def test_stored_tables_hold_every_cell(tmp_path):
    study = make_study()
    run_study(tmp_path, study)
    stored, about = record.read(tmp_path / "study")
    cells.check(stored.cells)
    runs = {(cell.name, cell.fold, cell.repeat) for group in study.groups() for cell in group}
    assert set(stored.cells[["cell", "fold", "repeat"]].itertuples(index=False, name=None)) == runs
    assert len(stored.cells) == 6 * 36  # clips without a label are not decided
    assert list(stored.numbers.columns) == [
        "cell", "variant", "fold", "repeat", "seed", "distance",
    ]  # fmt: skip
    assert len(stored.numbers) == 6 and stored.seed == 7
    assert stored.embeddings.groupby(["cell", "repeat"]).size().unique() == [72]
    assert about["state"] == "done" and about["missing"] == [] and about["n_cells"] == 6
    assert about["source"] == {
        "corpus": "one", "state": "present", "n_clips": 39, "n_labelled": 36, "n_speakers": 4,
        "members": [],
    }  # fmt: skip
    assert about["stamps"] == {"variant=random": ["projected at random"]}
    assert about["method"]["version"] == 1 and about["method"]["params"]["repeats"] == 3
    assert set(about["versions"]) == set(runner.PACKAGES) and about["origin"] == "synthetic"


def test_order_of_cells_and_groups_does_not_show(tmp_path):
    one = run_study(tmp_path / "one", make_study())
    other = run_study(tmp_path / "other", make_study(group=5))
    differing = {name for name in one if one[name] != other[name]}
    assert differing == {"study/study.json", "results/study.json"}  # where `group` stands


def test_what_a_study_shows_goes_to_git(tmp_path, monkeypatch):
    files = run_study(tmp_path / "a", make_study())
    about = json.loads(files["results/study.json"])
    assert about["shown"] == ["variant=plain", "variant=random"]
    stored = json.loads(files["study/study.json"])
    assert {key: about[key] for key in stored} == stored and set(about) - set(stored) == {"shown"}
    part = parts.load("methods", "nearest_mean")
    best = lambda params, summary, tables: ["variant=random", "of no study"]  # noqa: E731
    monkeypatch.setattr(part, "shown", best, raising=False)
    run_study(tmp_path / "b", make_study())
    run_study(tmp_path / "c", make_study(source=empty("gone")))
    run = tmp_path / "run"
    run.mkdir()
    own = pd.DataFrame([["run", "triplet", "x/1", "anger", 3, 2]], columns=PER_SPEAKER)
    own.to_csv(run / "per_speaker.csv", index=False)
    folders = {name: tmp_path / name / "results" for name in "abc"}
    merged = pd.read_csv(io.BytesIO(merging.per_speaker(run, folders)))
    assert list(merged.columns) == PER_SPEAKER
    assert merged["cell"].value_counts().to_dict() == {
        "triplet": 1, "variant=plain": 12, "variant=random": 24,
    }  # fmt: skip
    found = merging.metrics({"uar": 0.5}, folders)
    assert found["run"] == {"uar": 0.5} and found["c"] == {"n_cells": 0}
    assert found["a"] == json.loads(files["results/metrics.json"])
    (folders["a"] / "metrics.json").unlink()
    with pytest.raises(StoreError, match=r"no metrics\.json in .*run `dvc repro`"):
        merging.metrics({}, folders)


@pytest.mark.parametrize("role", ["source", "target"])
def test_an_absent_corpus_gives_empty_valid_results(tmp_path, role, calls):
    study = make_study(**{role: empty("gone")})
    files = run_study(tmp_path, study)
    assert not calls
    stored, about = record.read(tmp_path / "study")
    assert about["state"] == "missing" and about["missing"] == ["gone"]
    assert list(stored.cells.columns) == cells.schema(EMOTIONS).names and stored.cells.empty
    assert stored.embeddings.empty and stored.numbers.empty
    assert json.loads(files["results/metrics.json"]) == {"n_cells": 0}
    assert files["results/per_speaker.csv"] == b"study,cell,speaker,emotion,n,correct\n"
    assert files["results/summary.csv"].decode().startswith("cell,n_runs,n_clips,")


def test_whole_numbers_with_gaps_stay_whole(tmp_path, monkeypatch):
    part = parts.load("methods", "nearest_mean")
    monkeypatch.setattr(part, "stamps", lambda params, settings: ())
    group = [
        outcome(cell=Cell(settings=chosen, fold=0, repeat=0, seed=0))
        for chosen in ({"n": 3, "deep": True}, {"share": 0.5, "deep": False})
    ]
    study = replace(make_study(), target=empty("gone"))
    record.write(tmp_path, study, group, {})
    stored, _ = record.read(tmp_path)
    table = stored.numbers.set_index("cell")
    assert list(table.index) == ["deep=false share=0.5", "deep=true n=3"]
    assert table["n"].dtype == "Int64" and table["n"].to_list()[1] == 3
    assert table["n"].isna().tolist() == [True, False]
    assert table["share"].to_list()[0] == 0.5 and table["deep"].to_list() == [False, True]


def test_a_number_named_as_a_setting_is_refused():
    cell = Cell(settings={"loss": "x"}, fold=0, repeat=0, seed=0)
    with pytest.raises(StoreError, match="'loss' is a number and a setting"):
        record.numbers_table([outcome(cell=cell)])


# -- results --------------------------------------------------------------------------------------


def results_of(folder):
    return pd.read_csv(folder / "results/summary.csv"), json.loads(
        (folder / "results/metrics.json").read_text()
    )


def test_summary_is_what_the_cells_say(tmp_path):
    study = make_study()
    run_study(tmp_path, study)
    stored, _ = record.read(tmp_path / "study")
    table, metrics = results_of(tmp_path)
    assert list(table["variant"]) == ["plain", "random"] and list(table["n_runs"]) == [3, 3]
    for _, row in table.iterrows():
        own = stored.cells[stored.cells["cell"] == row["cell"]]
        hit = (own["truth"] == own["predicted"]).astype(float)
        assert row["uar"] == pytest.approx(hit.groupby(own["truth"]).mean().mean(), rel=1e-5)
        assert row["accuracy"] == pytest.approx(hit.mean(), rel=1e-5)
        runs = [
            (part["truth"] == part["predicted"]).groupby(part["truth"]).mean().mean()
            for _, part in own.groupby("repeat")
        ]
        assert row["uar_mean"] == pytest.approx(np.mean(runs), rel=1e-5)
        assert row["uar_sd"] == pytest.approx(np.std(runs, ddof=1), rel=1e-5, abs=1e-9)
        assert row["uar_low"] <= row["uar"] <= row["uar_high"]
        assert row["majority_uar"] == row["speaker_lookup_uar"] == pytest.approx(1 / 3, rel=1e-5)
        assert metrics[row["cell"]]["uar"] == round(row["uar"], 4)
    assert table["uar"][0] > 0.7  # a guess: 0.33
    assert table["stamps"].fillna("").tolist() == ["", "projected at random"]
    assert metrics["n_cells"] == 6 and metrics["variant=plain"]["n_runs"] == 3
    own = pd.read_csv(tmp_path / "results/distances.csv")
    assert own["distance"].tolist() == pytest.approx(
        stored.numbers.groupby("variant")["distance"].mean().tolist(), rel=1e-5
    )
    speakers = pd.read_csv(tmp_path / "results/per_speaker.csv")
    assert speakers.equals(evaluation.by_speaker(stored.cells))


def test_results_come_from_the_stored_tables_alone(tmp_path, monkeypatch):
    files = run_study(tmp_path, make_study())
    part = parts.load("methods", "nearest_mean")
    for name in ("run", "plan"):
        monkeypatch.setattr(part, name, None)
    study = replace(make_study(), device="elsewhere")
    evaluating.evaluate(tmp_path / "study", tmp_path / "results", study, PARAMS)
    assert bytes_in(tmp_path) == files


def test_a_method_chooses_its_headline(tmp_path, monkeypatch):
    part = parts.load("methods", "nearest_mean")
    monkeypatch.setattr(
        part,
        "headline",
        lambda params, summary, tables: {"best": {"uar": summary["uar"].max(), "n": np.int64(3)}},
        raising=False,
    )
    run_study(tmp_path, make_study())
    table, metrics = results_of(tmp_path)
    assert metrics == {"n_cells": 6, "best": {"uar": round(table["uar"].max(), 4), "n": 3}}


@pytest.mark.parametrize("name", ["summary", "Table 1", "../x"])
def test_a_table_that_cannot_be_a_file_is_refused(tmp_path, monkeypatch, name):
    part = parts.load("methods", "nearest_mean")
    monkeypatch.setattr(part, "tables", lambda *given: {name: pd.DataFrame()})
    with pytest.raises(StoreError, match="calls a table"):
        run_study(tmp_path, make_study())
    assert not (tmp_path / "results").exists()


def stored_rows(rows, embeddings=()):
    """A cells table of one cell from (fold, clip, speaker, truth, predicted)."""
    table = pd.concat(
        [
            cells.build(
                pd.DataFrame([(name, speaker, truth)], columns=["id", "speaker", "emotion"]),
                np.array([[float(emotion == said) for emotion in EMOTIONS]]),
                EMOTIONS,
                study="s",
                cell="default",
                fold=fold,
                seed=1,
            )
            for fold, name, speaker, truth, said in rows
        ],
        ignore_index=True,
    )
    columns = ["cell", "fold", "repeat", "id", "role", "embedding"]
    found = [("default", fold, 0, name, role, [0.0]) for fold, name, role in embeddings]
    return Stored(
        cells=table,
        embeddings=pd.DataFrame(found, columns=columns),
        numbers=pd.DataFrame(
            [("default", fold, 0, 1) for fold in sorted({row[0] for row in rows})],
            columns=["cell", "fold", "repeat", "seed"],
        ),
        seed=0,
    )


def labelled(name, rows):
    clips = pd.DataFrame(rows, columns=["id", "speaker", "emotion"])
    return Table(corpus=name, clips=clips, values=np.zeros((len(clips), 1)), names=("a",))


def test_guesses_know_what_the_cell_has_learnt_from(monkeypatch):
    rows = [
        ("t/1", "t/p", "anger"),
        ("t/2", "t/p", "anger"),
        ("t/3", "t/q", "sadness"),
        ("t/4", "t/q", "sadness"),
        ("t/5", "t/q", "sadness"),
        ("t/6", "t/r", "happiness"),
    ]
    study = make_study(source=labelled("t", rows), target=labelled("t", rows))
    tested = [(0, *rows[0], "anger"), (0, *rows[5], "anger"), (0, *rows[2], "anger")]
    train = [(0, "t/2", "train"), (0, "t/4", "valid"), (0, "t/5", "enrol"), (0, "t/1", "test")]
    found = summary.guesses(stored_rows(tested, train), study)
    assert found["majority"].tolist() == ["sadness"] * 3
    # The table knows p and q; r is new to it and gets the majority.
    assert found["speaker_lookup"].tolist() == ["anger", "sadness", "sadness"]
    # Nothing is known of training: no guess rather than a wrong one.
    found = summary.guesses(stored_rows(tested), study)
    assert found[list(summary.GUESSES)].isna().all(axis=None)
    rates = summary.summarise(stored_rows(tested), study, PARAMS, {})
    assert np.isnan(rates["majority_uar"][0]) and rates["uar"][0] == pytest.approx(1 / 3)
    # The method says it, also of clips of another corpus and of emotions that nobody scores.
    source = labelled("s", [("s/1", "s/x", "happiness"), ("s/2", "s/x", "boredom")])
    asked = []

    def learnt(cells, params, source, target):
        asked.extend(cells)
        return [["s/1", "s/2"]]

    monkeypatch.setattr(study.method.part, "learnt", learnt, raising=False)
    found = summary.guesses(stored_rows(tested), replace(study, source=source))
    assert set(found["majority"]) == set(found["speaker_lookup"]) == {"happiness"}
    assert asked == [Cell(settings={}, fold=0, repeat=0, seed=1)]
    # A run of which nothing is known does not count.
    monkeypatch.setattr(study.method.part, "learnt", lambda *given: [["t/2"], []])
    rates = summary.summarise(stored_rows([*tested, (1, *rows[1], "anger")]), study, PARAMS, {})
    assert rates["majority_uar"][0] == pytest.approx(1 / 3)


def test_cells_are_read_back_from_their_numbers(tmp_path):
    run_study(tmp_path, make_study())
    stored, _ = record.read(tmp_path / "study")
    planned = {cell for group in make_study().groups() for cell in group}
    assert set(stored.runs()) == planned and len(stored.runs()) == len(planned)


# -- statistics -----------------------------------------------------------------------------------


def two_cells(n_speakers, n_runs, seed=0, gain=0.25):
    """Two settings that test the same clips in each run; the second is better."""
    generator = np.random.default_rng(seed)
    frames = []
    for cell, skill in (("a", 0.5), ("b", 0.5 + gain)):
        for run in range(n_runs):
            clips = pd.DataFrame(
                [
                    (f"t/{speaker}{emotion}{take}", f"t/{speaker:02d}", emotion)
                    for speaker in range(n_speakers)
                    for emotion in EMOTIONS
                    for take in range(3)
                ],
                columns=["id", "speaker", "emotion"],
            )
            truth = clips["emotion"].map(EMOTIONS.index).to_numpy()
            said = np.where(generator.random(len(clips)) < skill, truth, (truth + 1) % 3)
            frames.append(
                cells.build(
                    clips,
                    np.eye(3)[said],
                    EMOTIONS,
                    study="s",
                    cell=cell,
                    fold=0,
                    repeat=run,
                    seed=run,
                )
            )
    return pd.concat(frames, ignore_index=True)


def scipy_p(differences, n_resamples=np.inf, generator=None):
    """Sign flips of paired differences, by scipy."""
    return scipy.stats.permutation_test(
        (differences, np.zeros_like(differences)),
        lambda x, y, axis: (x - y).sum(axis=axis),
        permutation_type="samples",
        n_resamples=n_resamples,
        vectorized=True,
        rng=generator,
    ).pvalue


def uar_parts(table):
    """What each speaker adds to the difference of the pooled UARs (clips are balanced here)."""
    hit = table.assign(hit=(table["truth"] == table["predicted"]).astype(float))
    wide = hit.groupby(["cell", "speaker"])["hit"].sum().unstack("cell")
    return ((wide["b"] - wide["a"]) / (len(table) / 2)).to_numpy()


def test_paired_speakers_agree_with_scipy():
    table = two_cells(n_speakers=8, n_runs=1, gain=0.2)
    found = statistics.over_speakers(
        table, "b", "a", evaluation.Params(n_resamples=5000, confidence=0.95, perplexity=1), 3
    )
    parts_ = uar_parts(table)
    assert found.difference == pytest.approx(parts_.sum())
    assert found.p == pytest.approx(scipy_p(parts_), abs=1e-12)
    n_differing = np.count_nonzero(np.abs(parts_) > 1e-12)
    assert found.method == (
        f"paired sign-flip permutation over 8 speakers (exact: all {2**n_differing} sign vectors "
        f"of the {n_differing} that differ)"
    )
    assert found.low <= found.difference <= found.high and found.n_units == 8


def test_paired_runs_agree_with_scipy():
    table = two_cells(n_speakers=3, n_runs=9, gain=0.15)
    params = replace(PARAMS, n_resamples=600)
    found = statistics.over_runs(table, "b", "a", params, 3)
    a, b = (statistics.by_run(table[table["cell"] == cell]).to_numpy() for cell in "ab")
    assert found.difference == pytest.approx(np.mean(b - a))
    assert found.p == pytest.approx(scipy_p(b - a), abs=1e-12)
    assert "over 9 runs (exact: all " in found.method and found.n_units == 9
    assert found.low < found.difference < found.high
    mirrored = statistics.over_runs(table, "a", "b", params, 3)
    assert mirrored.p == found.p and mirrored.difference == pytest.approx(-found.difference)


def test_many_pairs_are_sampled_and_say_so():
    table = two_cells(n_speakers=30, n_runs=2, gain=0.06, seed=2)
    params = evaluation.Params(n_resamples=4000, confidence=0.95, perplexity=1)
    found = statistics.over_speakers(table, "b", "a", params, 3)
    assert found.method.endswith("over 30 speakers (4000 random sign vectors)")
    wanted = scipy_p(uar_parts(table), 20000, np.random.default_rng(1))
    assert found.p == pytest.approx(wanted, abs=4 * np.sqrt(wanted * (1 - wanted) / 4000))
    assert statistics.over_speakers(table, "b", "a", params, 3) == found


def test_what_cannot_be_paired_is_refused():
    table = two_cells(n_speakers=3, n_runs=2)
    less = table[~((table["cell"] == "a") & (table["repeat"] == 1))]
    with pytest.raises(PipelineError, match="compare settings of the same folds"):
        statistics.over_runs(less, "a", "b", PARAMS, 0)
    with pytest.raises(PipelineError, match="cannot be compared in pairs"):
        statistics.over_speakers(less, "a", "b", PARAMS, 0)
    with pytest.raises(PipelineError, match="the table has no cell 'c'"):
        statistics.over_runs(table, "a", "c", PARAMS, 0)


def test_a_single_run_has_no_spread():
    assert statistics.spread(np.array([0.5]))[0] == 0.5
    assert np.isnan(statistics.spread(np.array([0.5]))[1])
    table = two_cells(n_speakers=3, n_runs=1)
    found = statistics.over_runs(table, "a", "b", PARAMS, 0)
    assert np.isnan(found.low) and found.p == 1.0  # one pair tells nothing


# -- the stage and the graph ----------------------------------------------------------------------


@pytest.fixture
def project(tmp_path, monkeypatch, project_root):
    """A project with two small corpora and one absent, and a study between them."""
    raw = yaml.safe_load((project_root / "params.yaml").read_text(encoding="utf-8"))
    raw["methods"] = {"nearest_mean": {"repeats": {"quick": 1, "paper": 2}}}
    raw["grid"] = {"seed": 7}
    raw["evaluation"]["n_resamples"] = 100
    one = {"method": "nearest_mean", "feature": "egemaps", "settings": {}}
    raw["studies"] = {
        "toy_emodb_urdu": {**one, "source": "emodb", "target": "urdu"},
        "toy_urdu": {**one, "source": "urdu", "target": "urdu", "settings": {"repeats": 2}},
        "toy_emovo_urdu": {**one, "source": "emovo", "target": "urdu"},
    }
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(raw), encoding="utf-8")
    for name, table in (("emodb", corpus("emodb")), ("urdu", corpus("urdu", seed=4))):
        write_corpus(tmp_path / "data/synthetic", name, table)
    write_corpus(tmp_path / "data/synthetic", "emovo", empty("emovo"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run_stage(monkeypatch, name):
    words = (name, "--origin", "synthetic", "--seed", "7")
    return stage_scripts.run(monkeypatch, "study", *words)


@pytest.mark.parametrize(
    ("name", "n_cells", "printed"),
    [
        ("toy_emodb_urdu", 2, "toy_emodb_urdu: 2 cells\n"),
        ("toy_urdu", 8, "toy_urdu: 8 cells\n"),  # two folds, and two repeats by its own settings
        ("toy_emovo_urdu", 0, "toy_emovo_urdu: 0 cells, for there is no emovo\n"),
    ],
)
def test_stage_writes_a_study(project, monkeypatch, capsys, name, n_cells, printed):
    assert run_stage(monkeypatch, name) == 0
    assert capsys.readouterr().out == printed
    data = project / "data/synthetic"
    names = {path.name for path in (data / "studies" / name).iterdir()}
    assert names == {"cells.parquet", "embeddings.parquet", "cells.csv", "study.json"}
    results = data / "results" / name
    assert json.loads((results / "metrics.json").read_text())["n_cells"] == n_cells
    about = json.loads((results / "study.json").read_text())
    assert (about["origin"], about["scale"], about["feature"]) == ("synthetic", "quick", "egemaps")
    assert (results / "summary.csv").is_file() and (results / "per_speaker.csv").is_file()


def test_stage_refuses_an_unknown_study(project, monkeypatch, capsys):
    assert run_stage(monkeypatch, "toy_emodb") == 1
    told = capsys.readouterr().err
    assert "there is no study 'toy_emodb'; choose one of toy_emodb_urdu" in told
    assert told.count("\n") == 1


def test_command_lists_and_shows_studies(project, monkeypatch, capsys):
    for name in ("toy_emodb_urdu", "toy_emovo_urdu"):
        run_stage(monkeypatch, name)
    listed = CliRunner().invoke(cli.app, ["study", "--json"])
    states = {row["study"]: (row["state"], row["cells"]) for row in json.loads(listed.stdout)}
    assert states == {
        "toy_emodb_urdu": ("done", 2),
        "toy_urdu": ("not run", 0),
        "toy_emovo_urdu": ("missing emovo", 0),
    }
    (row, _) = json.loads(CliRunner().invoke(cli.app, ["study", "toy_emodb_urdu", "--json"]).stdout)
    assert row["variant"] == "plain" and 0 < row["uar"] <= 1
    shown = CliRunner().invoke(cli.app, ["study", "toy_emodb_urdu"]).stdout
    assert "variant=random" in shown and "projected at random" in shown
    assert "missing emovo" in CliRunner().invoke(cli.app, ["study", "toy_emovo_urdu"]).stdout
    for wrong, sentence in (
        ("toy_urdu", "run `dvc repro study@toy_urdu`"),
        ("toy_urd", "'toy_urd' is not known under studies; did you mean 'toy_urdu'?"),
    ):
        monkeypatch.setattr(sys, "argv", ["emometric", "study", wrong])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.run()
        assert ended.value.code == 1 and sentence in capsys.readouterr().err


def ask(capsys, monkeypatch, *words):
    """What `emometric study` says on stderr where it refuses."""
    monkeypatch.setattr(sys, "argv", ["emometric", "study", *words])
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        cli.run()
    told = capsys.readouterr().err
    assert ended.value.code == 1 and told.count("\n") == 1
    return told


ORIGINS = {"synthetic": "study@toy_urdu", "original": "original/dvc.yaml:study@toy_urdu"}


def test_command_says_what_builds_a_study(project, monkeypatch, capsys):
    for origin, stage in ORIGINS.items():
        told = ask(capsys, monkeypatch, "toy_urdu", "--origin", origin)
        folder = Path("data", origin, "results", "toy_urdu")
        assert f"no results of 'toy_urdu' in {folder}; run `dvc repro {stage}`." in told


@pytest.mark.parametrize("origin", list(ORIGINS))
@pytest.mark.parametrize(
    ("name", "content"),
    [
        *(
            ("study.json", content)
            for content in (b"", b"{}", b"[]", b'{"state": 3, "missing": []}', b"\xff\xfe")
        ),
        *(("summary.csv", content) for content in (b"", b"\x80\xff\x00\n", b"a,b\n1,2\n")),
        ("summary.csv", b"cell,uar\none,0.5\n"),
        ("summary.csv", b'"cell\n'),
    ],
)
def test_command_names_a_damaged_result(project, monkeypatch, capsys, origin, name, content):
    folder = Path("data", origin, "results", "toy_urdu")
    folder.mkdir(parents=True)
    columns = ",".join(["cell", *study_command.RATES])
    (folder / "summary.csv").write_text(f"{columns}\n", encoding="utf-8")  # a study of no cells
    (folder / name).write_bytes(content)
    sentence = f"{folder / name} is damaged; build it again by `dvc repro {ORIGINS[origin]}`."
    assert sentence in ask(capsys, monkeypatch, "toy_urdu", "--origin", origin)
    if name == "study.json":
        assert sentence in ask(capsys, monkeypatch, "--origin", origin)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"method": "nearest_men"}, r"'nearest_men' is not known under methods; did you mean"),
        ({"feature": "egemap"}, r"'egemap' is not known under features; did you mean 'egemaps'"),
        ({"source": "emo-db"}, r"'emo-db' is not known under corpora; did you mean 'emodb'"),
        ({"target": "urd"}, r"'urd' is not known under corpora; did you mean 'urdu'"),
        ({"settings": {"repeets": 1}}, r"'repeets' is not known under methods.nearest_mean; did"),
        ({"settings": 3}, r"studies.toy_urdu.settings must be a block of keys"),
        ({"sorce": "urdu"}, r"unknown key 'studies.toy_urdu.sorce'; did you mean"),
    ],
)
def test_a_wrong_study_gets_one_sentence(project, change, sentence):
    path = project / "params.yaml"
    raw = yaml.safe_load(path.read_text())
    raw["studies"]["toy_urdu"] |= change
    path.write_text(yaml.safe_dump(raw))
    with pytest.raises(ParameterError, match=sentence) as caught:
        settings.read("synthetic")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["run", "Two Words", "a/b", "a.b"])
def test_a_study_has_a_plain_name(project, name):
    path = project / "params.yaml"
    raw = yaml.safe_load(path.read_text())
    raw["studies"] = {name: raw["studies"]["toy_urdu"]}
    path.write_text(yaml.safe_dump(raw))
    with pytest.raises(ParameterError, match="needs another name"):
        settings.read("synthetic")


def test_a_missing_key_and_a_wrong_seed_are_named(project):
    path = project / "params.yaml"
    raw = yaml.safe_load(path.read_text())
    del raw["studies"]["toy_urdu"]["feature"]
    path.write_text(yaml.safe_dump(raw))
    with pytest.raises(ParameterError, match=r"'studies\.toy_urdu\.feature' is missing"):
        settings.read("synthetic")
    raw["studies"]["toy_urdu"]["feature"] = "egemaps"
    raw["grid"]["seed"] = -1
    path.write_text(yaml.safe_dump(raw))
    with pytest.raises(ParameterError, match=r"grid\.seed is '-1'; write a whole number"):
        settings.read("synthetic")


def test_the_graph_makes_what_the_studies_need(project_root):
    values = settings.read("synthetic", project_root / "params.yaml")
    made = {
        (corpus, feature)
        for corpus, features in values["study_features"].items()
        for feature in features
    }
    needed = {
        (study[role], feature)
        for study in values["studies"].values()
        for role in ("source", "target")
        for feature in settings.features_of(study)
        if study[role] not in settings.NETWORKS
    }
    needed |= {
        (corpus, block["feature"])
        for block in values["pretraining"].values()
        for corpus in block["corpora"]
    }
    assert needed == made, "list under study_features in params.yaml what is heard, and no more"
    text = yaml.safe_load((project_root / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    results = {
        dep.removeprefix("data/${origin}/results/")
        for dep in text["report"]["deps"]
        if dep.startswith("data/${origin}/results/")
    }
    assert results == {"run", *values["studies"]}, "name each study's results under report's deps"

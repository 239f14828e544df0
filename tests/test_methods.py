"""The contract of every method: each file of `emometric/methods` is held to it by itself."""

from dataclasses import replace
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import yaml

from emometric import parallel
from emometric.base import parts, settings
from emometric.scoring import evaluation
from emometric.studies import evaluating, method, record, runner, summary
from emometric.studies.cell import Table

ROOT = Path(__file__).resolve().parents[1]
EVALUATION = evaluation.Params(n_resamples=100, confidence=0.95, perplexity=5)
MAX_CELLS = 1000  # of a group: what a kill may lose, and what has to fit into memory
# Settings that make a method quick on the small corpora of these tests; else those of quick scale.
SMALL = {
    "das2022": {"epochs_paper": 3, "epochs_released": 3, "n_folds": 2, "batch_size": 16},
    "feng2020": {
        "epochs": 3,
        "tuning_steps": 4,
        "frozen": [0, 1],
        "n_speakers": [2, 4],
        "chosen_frozen": 1,
        "chosen_n_speakers": 2,
        "repeats": 2,
    },
    "functionals": {"n_folds": 3, "shares": [0.1, 0.5]},
    "kumar2021": {
        "networks": ["fc7", "resnet11"],
        "repeats": 1,
        "n_folds": 2,
        "softmax_epochs": 1,
        "triplet_epochs": 1,
    },
    "mocanu2021": {  # without a network of speakers S1 has cells; test_mocanu2021.py has them all
        "strategies": ["S1", "S3"],
        "protocol": "speaker_folds",
        "n_folds": 3,
        "widths": [4, 4, 4, 4],
        "dim": 8,
        "join_bins": 2,
        "crop_frames": 30,
        "bin_mask": 2,
    },
    "ntalampiras2020": {  # one feature alone; test_ntalampiras2020.py has them all
        "variants": {
            "published": {"networks": ["log_mel"]},
            "augmented": {"networks": ["log_mel"], "augment": True, "softmax": 1.0, "members": 2},
        },
        "chosen": ["published", "augmented"],
        "widths": [2, 2, 2],
        "dim": 4,
        "shrink": 1,
        "crop_frames": 20,
        "group": 3,
    },
}


@pytest.fixture(autouse=True)
def one_process(monkeypatch):
    """Starting processes takes longer than these trainings."""
    monkeypatch.setattr(parallel, "processors", lambda: 1)


@cache
def raw() -> dict:
    values = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    return settings.at_scale(values, "quick")


def corpus(name: str, emotions, *, framed: bool, seed: int) -> Table:
    """Six speakers with labels of every kind, one emotion that no method knows, and none at all."""
    generator = np.random.default_rng(seed)
    rows = [
        {
            "corpus": name,
            "id": f"{name}/{speaker}_{number}_{take}",
            "speaker": f"{name}/{speaker}",
            "emotion": emotion,
            "sentence": f"s{take}",
            "session": f"{speaker // 2}",
            "activation": float(generator.integers(1, 6)),
            "valence": float(generator.integers(1, 6)),
            "seconds": 1.0,
        }
        for speaker in range(6)
        for number, emotion in enumerate((*emotions, "boredom", None))
        for take in range(3)
    ]
    clips = pd.DataFrame(rows)
    lengths = generator.integers(20, 60, len(rows)) if framed else None
    n_rows = lengths.sum() if framed else len(rows)
    kind = np.arange(len(rows)) // 3 % (len(emotions) + 2)
    values = generator.normal(0, 1, (n_rows, 12))
    values[:, 0] += np.repeat(kind, lengths) if framed else kind
    names = tuple(f"f{number:02d}" for number in range(12))
    return Table(corpus=name, clips=clips, values=values, names=names, lengths=lengths)


def shuffled(table: Table) -> Table:
    order = np.random.default_rng(0).permutation(len(table))
    if table.lengths is None:
        values = table.values[order]
    else:
        values = np.concatenate([table.frames(row) for row in order])
    return Table(
        corpus=table.corpus,
        clips=table.clips.iloc[order],
        values=values,
        names=table.names,
        lengths=None if table.lengths is None else table.lengths[order],
    )


def ways(name: str) -> list[str]:
    """How the studies of a method are laid out: within a corpus, between two, or both."""
    found = {
        "within" if study["source"] == study["target"] else "between"
        for study in raw()["studies"].values()
        if study["method"] == name
    }
    return sorted(found)


CASES = [(name, way) for name in parts.available("methods") for way in ways(name)]


@cache
def make(case: tuple[str, str]) -> runner.Study:
    """The method on one small corpus, or between two."""
    name, way = case
    found = method.load(name, raw()["methods"][name], SMALL.get(name))
    features = [one["feature"] for one in raw()["studies"].values() if one["method"] == name]
    first = features[0] if isinstance(features[0], str) else features[0][0]
    framed = parts.load("features", first).KIND == "frames"
    source = corpus("one", found.emotions, framed=framed, seed=1)
    target = source if way == "within" else corpus("two", found.emotions, framed=framed, seed=2)
    return runner.Study(
        name="small", method=found, source=source, target=target, seed=3, device="cpu"
    )


@cache
def trained(case: tuple[str, str]) -> list[list]:
    """The outcomes of every group, trained once for all tests."""
    study = make(case)
    return [run(study, group) for group in study.groups()]


def run(study: runner.Study, group) -> list:
    return study.method.part.run(
        group, study.method.params, study.source, study.target, study.device
    )


def assert_same(one, other, tolerance: float = 0.0) -> None:
    """Equal outcomes of one cell; with a tolerance on whatever is a number."""
    assert one.cell == other.cell
    columns = ["id", "speaker", "emotion"]
    first, second = (found.clips[columns].reset_index(drop=True) for found in (one, other))
    assert first.astype(object).equals(second.astype(object))
    np.testing.assert_allclose(one.scores, other.scores, rtol=tolerance, atol=tolerance)
    mine, theirs = (found.embedding.sort_values(["role", "id"]) for found in (one, other))
    for column in ("role", "id"):
        assert list(mine[column]) == list(theirs[column])
    for role in dict.fromkeys(mine["role"]):  # vectors of one role have one length
        values = [
            np.stack(table.loc[table["role"] == role, "embedding"].to_numpy())
            for table in (mine, theirs)
        ]
        if tolerance and len(values[0]) > 1:
            # What decides by differences does not see a space that is moved: rounding may move it.
            values = [vectors - vectors.mean(axis=0) for vectors in values]
        np.testing.assert_allclose(*values, rtol=tolerance, atol=tolerance)
    assert set(one.numbers) == set(other.numbers)
    for number in one.numbers:
        np.testing.assert_allclose(
            one.numbers[number], other.numbers[number], rtol=tolerance, atol=tolerance
        )


@pytest.fixture(params=CASES, ids="-".join)
def case(request) -> tuple[str, str]:
    return request.param


def test_every_method_has_a_study():
    assert {name for name, _ in CASES} == set(parts.available("methods")) == set(raw()["methods"])


def test_a_method_has_what_the_runner_asks_for(case):
    study = make(case)
    part = study.method.part
    assert isinstance(part.VERSION, int) and not isinstance(part.VERSION, bool)
    assert len(study.method.emotions) > 1
    assert set(raw()["methods"][case[0]]) == set(study.method.described()["params"])


def test_the_plan_repeats_itself_and_is_bounded(case):
    study = make(case)
    groups = study.groups()
    assert groups == study.groups() and groups
    assert replace(
        study, source=shuffled(study.source), target=shuffled(study.target)
    ).groups() == (groups)
    cells = [cell for group in groups for cell in group]
    assert len(cells) == len(set(cells)) and all(groups)
    assert max(map(len, groups)) <= MAX_CELLS
    assert replace(study, seed=4).groups() != groups


def test_an_empty_corpus_has_no_cells(case):
    study = make(case)
    nothing = study.source.take(np.zeros(0, dtype=np.int64))
    assert replace(study, source=nothing).groups() == []
    assert replace(study, target=nothing).groups() == []


def test_outcomes_keep_the_contract(case):
    study = make(case)
    for group, outcomes in zip(study.groups(), trained(case), strict=True):
        runner._check(outcomes, group, study.method)
        for one in outcomes:
            labels = pd.concat([study.source.clips, study.target.clips]).drop_duplicates("id")
            speaker = labels.set_index("id")["speaker"]
            assert list(one.clips["speaker"]) == list(speaker.loc[one.clips["id"]])
            assert not np.isnan(one.scores).any()
            assert all(isinstance(value, (int, float)) for value in one.numbers.values())


def test_training_repeats_itself(case):
    study = make(case)
    group = study.groups()[0]
    for one, other in zip(trained(case)[0], run(study, group), strict=True):
        assert_same(one, other)


def test_order_of_rows_does_not_matter(case):
    study = make(case)
    mixed = replace(study, source=shuffled(study.source), target=shuffled(study.target))
    for group, outcomes in list(zip(study.groups(), trained(case), strict=True))[-2:]:
        for one, other in zip(outcomes, run(mixed, group), strict=True):
            assert_same(one, other)


def test_a_cell_does_not_depend_on_its_batch_mates(case):
    study = make(case)
    for group, outcomes in zip(study.groups(), trained(case), strict=True):
        for place in {0, len(group) // 2, len(group) - 1}:
            (alone,) = run(study, [group[place]])
            # float32, added up in another order, over some steps of training
            assert_same(outcomes[place], alone, tolerance=2e-4)


def test_nothing_is_tested_that_was_learnt(case, tmp_path):
    outcomes = [one for group in trained(case) for one in group]
    record.write(tmp_path / "study", make(case), outcomes, {})
    stored, _ = record.read(tmp_path / "study")
    known = summary.learnt(stored, make(case))
    assert known
    for one in outcomes:
        learnt = known.get((one.cell.name, one.cell.fold, one.cell.repeat), ())
        assert not set(learnt) & set(one.clips["id"])


def test_every_cell_can_be_stamped(case):
    part, params = make(case).method.part, make(case).method.params
    for group in make(case).groups():
        for cell in group:
            stamps = part.stamps(params, cell.settings)
            assert isinstance(stamps, tuple) and all(isinstance(words, str) for words in stamps)


def test_tables_come_from_what_is_stored(case, tmp_path, monkeypatch):
    study = make(case)
    record.write(tmp_path / "study", study, [one for group in trained(case) for one in group], {})
    part = study.method.part
    frozen = SimpleNamespace(**{**vars(part), "run": None, "plan": None})
    study = replace(study, method=replace(study.method, part=frozen))
    first = evaluating.evaluate(tmp_path / "study", tmp_path / "a", study, EVALUATION)
    assert evaluating.evaluate(tmp_path / "study", tmp_path / "b", study, EVALUATION) == first
    files = {path.name: path.read_bytes() for path in (tmp_path / "a").iterdir()}
    assert files == {path.name: path.read_bytes() for path in (tmp_path / "b").iterdir()}
    own = {file for file in files if file.endswith(".csv")} - {"summary.csv", "per_speaker.csv"}
    assert any(len(pd.read_csv(tmp_path / "a" / file)) for file in own)
    assert len(first) > 1

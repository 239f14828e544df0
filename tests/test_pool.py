"""The pool of corpora: nothing is lost or mixed up, and both protocols over corpora run on it."""

import json
import runpy
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from emometric import parallel, splits
from emometric.acquisition import acquiring
from emometric.base import parts, settings
from emometric.base.errors import CorpusError, ParameterError, SplitError
from emometric.corpora import pooled
from emometric.sound import vad
from emometric.stand_ins.tree import write_tree
from emometric.storage import store
from emometric.storage.clip import MANIFEST_SCHEMA

TWO = pooled.Params(corpora=("urdu", "emodb"))


def manifest(corpus: str, *emotions: str | None, **values) -> pa.Table:
    rows = [
        {
            "corpus": corpus,
            "id": f"{corpus}/{number:02d}",
            "path": f"wav/{number:02d}.wav",
            "speaker": f"{corpus}/{number % 3}",
            "emotion": emotion,
            "sentence": "a01",
            "seconds": 1.0,
            **values,
        }
        for number, emotion in enumerate(emotions)
    ]
    return pa.Table.from_pylist(rows, MANIFEST_SCHEMA)


def pool(params: pooled.Params, **manifests: pa.Table) -> tuple[pd.DataFrame, tuple[str, ...]]:
    table, emotions = pooled.manifest(manifests, params)
    assert table.schema.equals(MANIFEST_SCHEMA)
    return table.to_pandas(), emotions


def test_every_clip_is_there_once_and_names_are_its_corpus():
    rows, emotions = pool(
        TWO,
        urdu=manifest("urdu", "anger", "sadness", session="Ses01"),
        emodb=manifest("emodb", "anger", "sadness", "anger", activation=3.0),
    )
    assert list(rows["id"]) == ["emodb/00", "emodb/01", "emodb/02", "urdu/00", "urdu/01"]
    assert emotions == ("anger", "sadness")
    assert list(rows["emotion"]) == ["anger", "sadness", "anger", "anger", "sadness"]
    assert list(rows["path"])[::4] == ["emodb/wav/00.wav", "urdu/wav/01.wav"]
    assert set(rows["sentence"]) == {"emodb/a01", "urdu/a01"}
    assert list(rows["session"].dropna()) == ["urdu/Ses01"] * 2
    assert rows["activation"].notna().sum() == 3


def test_emotions_that_not_all_have_are_none_unless_all_are_asked_for():
    manifests = {
        "emodb": manifest("emodb", "anger", "boredom", "sadness", None),
        "urdu": manifest("urdu", "sadness", "anger"),
    }
    rows, emotions = pool(TWO, **manifests)
    assert emotions == ("anger", "sadness")
    assert list(rows["emotion"].fillna("-"))[:4] == ["anger", "-", "sadness", "-"]
    rows, emotions = pool(pooled.Params(corpora=("emodb", "urdu"), emotions="all"), **manifests)
    assert emotions == ("anger", "boredom", "sadness")
    assert rows["emotion"].isna().sum() == 1


def test_a_corpus_without_clips_does_not_decide_what_is_shared():
    three = pooled.Params(corpora=("emodb", "savee", "urdu"))
    rows, emotions = pool(
        three,
        emodb=manifest("emodb", "anger", "sadness"),
        savee=MANIFEST_SCHEMA.empty_table(),
        urdu=manifest("urdu", "anger", "sadness"),
    )
    assert (len(rows), emotions) == (4, ("anger", "sadness"))


@pytest.mark.parametrize(
    ("urdu", "sentence"),
    [
        ((), r"of emodb, urdu there are: emodb; link more"),
        ((None,), r"needs two corpora with labelled clips"),
        (("happiness",), r"emodb, urdu share 0 emotions; list other corpora"),
        (("anger", "fear"), r"share 1 emotions"),
    ],
)
def test_what_cannot_be_pooled_gets_one_sentence(urdu, sentence):
    with pytest.raises(CorpusError, match=sentence) as caught:
        pool(TWO, emodb=manifest("emodb", "anger", "sadness"), urdu=manifest("urdu", *urdu))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "block",
    [
        {"corpora": ["emodb"]},
        {"corpora": ["emodb", "emodb"]},
        {"corpora": "emodb"},
        {"corpora": ["emodb", "urdu"], "emotions": "union"},
    ],
)
def test_wrong_params_are_refused(block):
    with pytest.raises(ParameterError, match=r"params\.yaml: pool\."):
        pooled.Params(**block)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"pool": {"corpora": ["emodb", "urduu"], "emotions": "all"}}, r"did you mean 'urdu'\?"),
        ({"pool": {"corpora": "emodb", "emotions": "all"}}, r"pool\.corpora must be a list"),
        ({"pool": {"corpora": ["pooled", "urdu"], "emotions": "all"}}, r"'pooled' is not known"),
        ({"pool": {"emotions": "all"}}, r"'pool\.corpora' is missing"),
    ],
)
def test_settings_refuse_what_is_no_pool(project_root, tmp_path, change, sentence):
    raw = yaml.safe_load((project_root / "params.yaml").read_text(encoding="utf-8"))
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(raw | change))
    with pytest.raises(ParameterError, match=sentence):
        settings.read("synthetic", path)
    path.write_text(yaml.safe_dump(raw | {"corpus": "pooled"}))
    assert settings.read("synthetic", path)["corpus"] == "pooled"
    raw["corpora"]["pooled"] = {}
    path.write_text(yaml.safe_dump(raw))
    with pytest.raises(ParameterError, match=r"corpora\.pooled is no block"):
        settings.read("synthetic", path)


@pytest.mark.parametrize("pipeline", ["dvc.yaml", "original/dvc.yaml"])
def test_the_stage_depends_on_what_is_pooled_and_on_nothing_that_is_not_made(
    project_root, pipeline
):
    # DVC takes no list from params.yaml as deps. One of your own: add its two lines there.
    stages = yaml.safe_load((project_root / pipeline).read_text(encoding="utf-8"))["stages"]
    data = "data/${origin}/"
    deps = [dep.removeprefix(data) for dep in stages["pool"]["deps"] if dep.startswith(data)]
    folders = {dep.removeprefix("corpora/") for dep in deps if dep.startswith("corpora/")}
    assert sorted(deps) == sorted(
        line for name in folders for line in (f"corpora/{name}", f"manifests/{name}.parquet")
    )
    chosen = settings.read("synthetic", project_root / "params.yaml")
    assert set(chosen["pool"]["corpora"]) <= folders <= set(chosen["corpora"])


# -- end to end ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def project(project_root, tmp_path_factory) -> Path:
    """A folder with small settings and two acquired stand-ins, pooled by the stage."""
    folder = tmp_path_factory.mktemp("project")
    raw = yaml.safe_load((project_root / "params.yaml").read_text(encoding="utf-8"))
    raw["corpus"] = "pooled"
    raw["pool"]["corpora"] = ["emodb", "savee"]
    raw["protocols"]["source_to_target"] |= {"source": "emodb", "target": "savee"}
    raw["encoders"]["se_resnet34"] |= {"widths": [4, 4, 4, 4], "dim": 16}
    raw["training"] |= {"epochs": 1, "crop_s": 0.3}
    raw["evaluation"]["n_resamples"] = 100
    (folder / "params.yaml").write_text(yaml.safe_dump(raw, sort_keys=False))
    shutil.copytree(project_root / "splits", folder / "splits")
    data = folder / "data/synthetic"
    for corpus in raw["pool"]["corpora"]:
        write_tree(corpus, folder / "trees" / corpus, max_clips=1)
        part = parts.load("corpora", corpus)
        target = data / "corpora" / corpus
        acquiring.acquire(corpus, part.Params(), folder / "trees" / corpus, target)
        labels = store.read_table(target / "labels.parquet")
        table = vad.mark(labels, store.Ragged(target / "audio"), vad.Params())
        (data / "manifests").mkdir(exist_ok=True)
        pq.write_table(table, data / "manifests" / f"{corpus}.parquet")
    run(project_root, folder, "pool")
    return folder


def run(project_root: Path, place: Path, stage: str, *words: str, **options: str | int) -> None:
    """One stage, in this process."""
    script = runpy.run_path(str(project_root / "stages" / f"{stage}.py"))
    (command,) = script["app"].registered_commands
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        patch.setattr(parallel, "processors", lambda: 1)
        command.callback(*words, origin="synthetic", **options)


def test_the_stage_writes_what_its_corpora_hold(project):
    data = project / "data/synthetic"
    table = store.read_table(data / "manifests/pooled.parquet").to_pandas()
    labels = store.read_table(data / "corpora/pooled/labels.parquet").to_pandas()
    clips = store.Ragged(data / "corpora/pooled/audio")
    assert list(table["id"]) == list(labels["id"]) == list(clips.ids) == sorted(clips.ids)
    for corpus in ("emodb", "savee"):
        own = store.Ragged(data / "corpora" / corpus / "audio")
        assert set(own.ids) == {name for name in clips.ids if name.startswith(f"{corpus}/")}
        for name in own.ids[::9]:
            np.testing.assert_array_equal(own.read(name), clips.read(name))
    emotions = {"anger", "disgust", "fear", "happiness", "neutral", "sadness"}
    assert set(table["emotion"].dropna()) == emotions  # neither boredom nor surprise
    assert table["emotion"].isna().sum() == 10 + 4  # one a speaker


def test_without_two_corpora_it_stays_empty(project, project_root, tmp_path, capsys):
    shutil.copytree(project / "data", tmp_path / "data")
    shutil.copy(project / "params.yaml", tmp_path)
    data = tmp_path / "data/synthetic"
    pq.write_table(MANIFEST_SCHEMA.empty_table(), data / "manifests/savee.parquet")
    run(project_root, tmp_path, "pool")
    assert "stays empty; a pool needs two corpora" in capsys.readouterr().out
    assert len(store.read_table(data / "manifests/pooled.parquet")) == 0
    assert len(store.Ragged(data / "corpora/pooled/audio")) == 0
    with pytest.raises(CorpusError, match="the corpus 'pooled' has no clips"):
        splits.read_clips(data / "manifests/pooled.parquet", "pooled")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("protocol", "tested"),
    [("leave_one_corpus_out", [{"emodb"}, {"savee"}]), ("source_to_target", [{"savee"}])],
)
def test_protocols_over_corpora_run_to_the_end(project, project_root, protocol, tested):
    data = project / "data/synthetic"
    both = {"corpus": "pooled", "seed": 7}
    run(project_root, project, "split", "run", protocol=protocol, **both)
    folds = splits.read(data / "splits/run.parquet")
    corpora = [{clip.split("/")[0] for clip in fold.test} for fold in folds]
    assert corpora == tested
    for fold, names in zip(folds, corpora, strict=True):
        assert not {clip.split("/")[0] for clip in (*fold.train, *fold.valid)} & names
    run(project_root, project, "audit", "run", corpus="pooled", protocol=protocol)
    verdict = json.loads((data / "audits/run/verdict.json").read_text())
    assert "leaks" not in verdict["stamps"]
    for feature in ("spectrogram", "egemaps"):
        if not (data / "features/pooled" / feature).exists():
            run(project_root, project, "features", corpus="pooled", feature=feature)
    baseline = {"feature": "egemaps", "decision": "svm_linear"}
    run(project_root, project, "baselines", "run", **baseline, **both)
    heard = {"feature": "spectrogram", **both}
    network = {"encoder": "se_resnet34", "loss": "triplet"}
    run(project_root, project, "train", "run", **network, **heard)
    run(project_root, project, "embed", "run", decision="svm_rbf", **heard)
    decided = {"decision": "svm_rbf", "protocol": protocol}
    run(project_root, project, "evaluate", "run", **network, **decided, **heard)
    result = json.loads((data / "results/run/run.json").read_text())
    assert result["corpus"]["name"] == "pool of corpora"
    assert result["protocol"] == protocol
    metrics = json.loads((data / "results/run/metrics.json").read_text())
    assert metrics["n_clips"] == sum(len(fold.test) for fold in folds)
    assert 0 <= metrics["uar"] <= 1


def test_a_corpus_outside_the_pool_is_named(project, project_root):
    params = parts.make_params(
        "protocols",
        "source_to_target",
        {**settings.read("synthetic", project / "params.yaml")["protocols"]["source_to_target"]}
        | {"source": "cremad"},
    )
    clips = splits.read_clips(project / "data/synthetic/manifests/pooled.parquet", "pooled")
    part = parts.load("protocols", "source_to_target")
    with pytest.raises(SplitError, match="no clips of 'cremad'"):
        splits.make(part, params, clips, 7)

"""ntalampiras2020 on real speech: the network as published hears emotions of a speaker left out."""

from pathlib import Path

import joblib
import numpy as np
import pyarrow.parquet as pq
import pytest

from emometric.acquisition import acquiring
from emometric.base import parts, settings
from emometric.extraction import extracting
from emometric.sound import vad
from emometric.storage import store
from emometric.studies import method, runner, tables

pytestmark = [pytest.mark.original, pytest.mark.slow]
VALUES = settings.read("original", Path(__file__).resolve().parents[1] / "params.yaml")
FEATURES = ("log_mel", "modulation")


@pytest.fixture(scope="module")
def emodb(corpora_root, own_cache, tmp_path_factory):
    folder = tmp_path_factory.mktemp("emodb")
    part = parts.load("corpora", "emodb")
    acquiring.acquire("emodb", part.Params(), corpora_root / "emodb", folder / "corpus", n_jobs=2)
    clips = store.Ragged(folder / "corpus/audio")
    labels = store.read_table(folder / "corpus/labels.parquet")
    pq.write_table(vad.mark(labels, clips, vad.Params()), folder / "manifest.parquet")
    for feature in FEATURES:
        with joblib.parallel_config(backend="loky", inner_max_num_threads=1):
            extracting.extract_corpus(
                feature,
                parts.make_params("features", feature, VALUES["features"][feature]),
                folder / "manifest.parquet",
                folder / "corpus/audio",
                folder / "features" / feature,
                cache_folder=own_cache,
                n_jobs=joblib.cpu_count(),
            )
    return tables.read("emodb", folder / "manifest.parquet", folder / "features", FEATURES)


def test_the_published_network_is_far_from_chance(emodb, tmp_path):
    """Half of the epochs of the study, whose accuracy is 0.476; the commonest emotion is 0.28."""
    changes = {"chosen": ["published"], "epochs": 15, "group": 10}
    made = method.load("ntalampiras2020", VALUES["methods"]["ntalampiras2020"], changes)
    study = runner.Study(name="n", method=made, source=emodb, target=emodb, seed=7, device="cpu")
    outcomes = list(runner.run(study, study.groups(), cache_folder=tmp_path))
    decided = [one for one in outcomes if one.cell.settings["rule"] == "max"]
    assert len(decided) == 10 and sum(len(one.clips) for one in decided) == 454
    truth = np.concatenate([one.clips["emotion"].to_numpy() for one in decided])
    names = np.array(made.emotions)
    predicted = np.concatenate([names[one.scores.argmax(axis=1)] for one in decided])
    assert 0.38 < (truth == predicted).mean() < 0.60
    alike, other = (
        counted(decided, "similar_", one) / counted(decided, "pairs_", one) for one in (True, False)
    )
    assert alike > other + 0.1


def counted(outcomes, kind, is_one):
    """Pairs of clips of one emotion, or of two, as the cells count them under such a name."""
    return sum(
        value
        for outcome in outcomes
        for name, value in outcome.numbers.items()
        if name.startswith(kind) and (len(set(name.removeprefix(kind).split("_"))) == 1) == is_one
    )

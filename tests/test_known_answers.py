"""Known answers: functionals of the real corpora, as the pipeline makes them, and a plain SVM.

The figures were measured once outside this project: eGeMAPSv02 at 16 kHz, silence kept,
scikit-learn's StandardScaler on the training speakers and a linear SVM with balanced classes, UAR
over the pooled test clips.
"""

from collections.abc import Callable

import joblib
import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import (
    BaseCrossValidator,
    GroupKFold,
    LeaveOneGroupOut,
    cross_val_predict,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from emometric.acquisition import acquiring
from emometric.base import parts
from emometric.extraction import extracting
from emometric.features import egemaps
from emometric.sound import vad
from emometric.storage import store

pytestmark = [pytest.mark.original, pytest.mark.slow]

Table = tuple[pa.Table, np.ndarray]


@pytest.fixture(scope="session")
def functionals(corpora_root, own_cache, tmp_path_factory) -> Callable[[str], Table]:
    """Corpus -> its manifest and its functionals, rows in the order of clip ids."""

    def make(corpus: str) -> Table:
        folder = tmp_path_factory.mktemp(corpus)
        whole = parts.load("corpora", corpus).Params(exclusions=False)
        acquiring.acquire(corpus, whole, corpora_root / corpus, folder / "corpus", n_jobs=2)
        clips = store.Ragged(folder / "corpus/audio")
        labels = store.read_table(folder / "corpus/labels.parquet")
        manifest = vad.mark(labels, clips, vad.Params())
        with joblib.parallel_config(backend="loky", inner_max_num_threads=1):
            extracting.extract_corpus(
                "egemaps",
                egemaps.Params(silence="keep"),
                manifest,
                folder / "corpus/audio",
                folder / "features",
                cache_folder=own_cache,
                n_jobs=joblib.cpu_count(),
            )
        ids, _, values = store.read_functionals(folder / "features/functionals.parquet")
        assert list(ids) == manifest["id"].to_pylist() == sorted(ids)
        return manifest, values

    return make


def uar(table: Table, folds: BaseCrossValidator, c: float) -> float:
    """UAR of the pooled test clips, speakers apart."""
    manifest, values = table
    emotion = np.array(manifest["emotion"].to_pylist())
    speaker = np.array(manifest["speaker"].to_pylist())
    machine = make_pipeline(
        StandardScaler(), SVC(kernel="linear", class_weight="balanced", C=c, random_state=0)
    )
    predicted = cross_val_predict(machine, values, emotion, groups=speaker, cv=folds)
    return balanced_accuracy_score(emotion, predicted)


def test_emodb_leaving_one_speaker_out(functionals):
    table = functionals("emodb")
    assert len(table[0]) == 535
    assert uar(table, LeaveOneGroupOut(), 0.01) == pytest.approx(0.667, abs=0.01)


def test_ravdess_in_ten_groups_of_actors(functionals):
    table = functionals("ravdess")
    assert len(table[0]) == 1440
    assert 0.49 <= uar(table, GroupKFold(10), 0.1) <= 0.51


def test_urdu_in_ten_groups_of_speakers(functionals):
    table = functionals("urdu")
    assert len(table[0]) == 400
    assert 0.64 <= uar(table, GroupKFold(10), 0.1) <= 0.67

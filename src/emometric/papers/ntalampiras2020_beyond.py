"""What others reach where ntalampiras2020 was tried, one speaker left out: mocanu2021's network,
and closed forms on functionals."""

from collections.abc import Mapping
from pathlib import Path

from emometric.papers import finished
from emometric.papers.finished import Study, estimated
from emometric.papers.mocanu2021_tables import PEERS
from emometric.report.section import Table

METHOD = "mocanu2021"
CLOSED = "functionals"
SYSTEMS = {
    "svm": "linear SVM",
    "lda": "nearest mean under a learned Mahalanobis distance",
    "lda_source": "the same, learned from clips of {source} as well",
    "svm_by_speaker": "linear SVM, each speaker standardised by own clips (transductive)",
}
RESULTS = ("accuracy", "joined", "summary")
WORDS = ("strategy", "system", "cell", "stamps")
NETWORKS = {
    "S1": "SE-ResNet-34 from nothing",
    "S2": "SE-ResNet-34 that learned emotions of other corpora before",
}


def tables(results: Mapping[str, Path], target: str) -> list[Table]:
    """A table for each finished study of `METHOD` that leaves one speaker of `target` out.

    results: study key -> its folder of results, other papers' too.
    """
    done, _ = finished.read(results, METHOD, RESULTS, text=WORDS)
    closed, _ = finished.read(results, CLOSED, ("accuracy", "gains", "summary"), text=WORDS)
    return [
        build(study)
        for build, studies in ((_table, done), (_closed, closed))
        for study in studies
        if study.target == target and _leaves_one_out(study)
    ]


def _leaves_one_out(study: Study) -> bool:
    accuracy = study.tables["accuracy"]
    return bool((accuracy["n_runs"] == accuracy["n_speakers"]).all())


def _table(study: Study) -> Table:
    rows = {}
    measured = study.tables["accuracy"].set_index("strategy")
    together = study.tables["joined"].set_index("system")
    for name, words in {**NETWORKS, **PEERS}.items():
        if name in measured.index:
            rows[words] = _cells(measured.loc[name])
        if name in together.index and name in NETWORKS:
            rows[f"{words}, and ComParE"] = _cells(together.loc[name])
    stamps = sorted({stamp for stamp in study.tables["summary"]["stamps"] if stamp})
    return Table(
        title=f"Beyond the paper: another network on {study.target}, one speaker left out, in %",
        rows=finished.frame(rows, "system"),
        note="Accuracy pools the test clips of all folds; UAR with the 95 % interval that "
        "resamples speakers. The network and the SVM behind it are mocanu2021's; "
        f"docs/pretraining.md says what it has learned before. The study is {study.key}.",
        stamps=tuple(stamps),
    )


def _closed(study: Study) -> Table:
    gains = study.tables["gains"].set_index("system")
    rows = {}
    measured = study.tables["accuracy"].set_index("system")
    for system in (name for name in SYSTEMS if name in measured.index):
        row = measured.loc[system]
        rows[SYSTEMS[system].format(source=study.source)] = _cells(row) | {
            "over the SVM, UAR points": _gain(gains.loc[system]) if system in gains.index else "",
        }
    stamps = sorted({stamp for stamp in study.tables["summary"]["stamps"] if stamp})
    return Table(
        title=f"Beyond the paper: closed forms on ComParE on {study.target}, one speaker left out, "
        "in %",
        rows=finished.frame(rows, "system"),
        note="Accuracy pools the test clips of all folds; UAR, and what it has over the SVM's, "
        "with the 95 % interval that resamples speakers. How much the covariance is shrunk is "
        "chosen in each fold by leaving out its training speakers in turn. What is transductive "
        "hears all "
        "clips of the test speaker, without labels, before it decides: how far it is ahead is what "
        f"an unknown voice costs. The study is {study.key}.",
        stamps=tuple(stamps),
    )


def _gain(row: Mapping) -> str:
    low, high = 100 * row["gain_low"], 100 * row["gain_high"]
    return f"{100 * row['gain']:+.1f} ({low:+.1f} to {high:+.1f})"


def _cells(row: Mapping) -> dict[str, str]:
    return {"accuracy": f"{100 * row['accuracy']:.1f}", "UAR": estimated(row, "uar")}

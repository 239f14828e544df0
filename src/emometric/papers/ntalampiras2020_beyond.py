"""What mocanu2021's network reaches where ntalampiras2020 was tried: one speaker left out."""

from collections.abc import Mapping
from pathlib import Path

from emometric.papers import finished
from emometric.papers.finished import Study, estimated
from emometric.papers.mocanu2021_tables import PEERS
from emometric.report.section import Table

METHOD = "mocanu2021"
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
    return [_table(study) for study in done if study.target == target and _leaves_one_out(study)]


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
        "resamples speakers. What is transductive hears all clips of the test speaker, without "
        "labels, before it decides: how far it is ahead is what an unknown voice costs. "
        "The network and the SVM behind it are mocanu2021's; "
        f"docs/pretraining.md says what it has learned before. The study is {study.key}.",
        stamps=tuple(stamps),
    )


def _cells(row: Mapping) -> dict[str, str]:
    return {"accuracy": f"{100 * row['accuracy']:.1f}", "UAR": estimated(row, "uar")}

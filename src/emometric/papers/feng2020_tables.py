"""feng2020's table 1 from finished studies: as published, clean, and what the loss adds."""

from collections.abc import Sequence

import pandas as pd

from emometric.papers import ledger
from emometric.papers.finished import Study, estimated, frame
from emometric.report.section import Table, estimate

PAPER = "feng2020"
PLAIN, RELATIVE = "fine_tuning", "fine_tuning+relative_distance"
ROWS = {
    "out_of_domain": "OODT",
    "in_domain": "IDT",
    PLAIN: "Siamese NN fine-tuning",
    RELATIVE: "Siamese NN fine-tuning with modified loss",
}
MODELS = {"siamese": "", "svm_linear": ": linear SVM, same features", "majority": ": majority"}
TESTED = {"all_speakers": "as published", "new_speakers": "new speakers"}
ON_TEST = "tests speakers it adapted to; cell chosen on test"
N_SPEAKERS = {"cremad": 91, "enterface05": 42}  # § 3: those of the paper's sources


def row(
    study: Study, variant: str, *, choice: str = "", tested: str = "", model: str = "siamese"
) -> pd.Series:
    """The row of table 1 with these words; an empty `tested`: whichever there is."""
    found = study.rows("table1", variant=variant, model=model, choice=choice)
    found = found[found["tested"] == tested] if tested else found
    return found.iloc[0]


def published(studies: Sequence[Study]) -> Table:
    """The four rows of the paper, each fine-tuning by its best cell."""
    paper = _paper_values()
    columns: dict[tuple[str, str], dict[str, object]] = {}
    for study in studies:
        values = paper.get(f"{study.source}->{study.target}")
        if values:
            columns[study.way, "paper"] = {ROWS[name]: values[name] for name in ROWS}
        columns[study.way, "ours"] = {
            words: estimated(
                row(study, name, choice="best on test" if name in (PLAIN, RELATIVE) else ""), "uar"
            )
            for name, words in ROWS.items()
        }
    rows = pd.DataFrame(columns, index=pd.Index(list(ROWS.values()), name="method"))
    rows.columns = pd.MultiIndex.from_tuples(columns)
    rows["stamp", ""] = [ON_TEST if name in (PLAIN, RELATIVE) else "" for name in ROWS]
    return Table(
        title="Table 1, as published: UAR in per cent, the best of the grid's cells",
        rows=rows,
        note="In brackets: 95 % interval over speakers. The best cell is chosen among all numbers "
        "of frozen layers and of speakers by what it scores on the test clips, which include other "
        f"clips of the speakers it was given clips of. {_differences(studies)}".strip(),
    )


def clean(studies: Sequence[Study]) -> Table:
    """What can be trusted: a cell chosen beforehand, tested on speakers it was given nothing of."""
    rows: dict[str, dict[str, str]] = {}
    for study in studies:
        for name in ("out_of_domain", "in_domain"):
            for model, words in MODELS.items():
                found = row(study, name, model=model)
                rows.setdefault(f"{ROWS[name]}{words}", {})[study.way] = estimated(found, "uar")
        for name in (PLAIN, RELATIVE):
            found = row(study, name, choice="beforehand", tested="new_speakers")
            rows.setdefault(ROWS[name], {})[study.way] = estimated(found, "uar")
    chosen = row(studies[0], PLAIN, choice="beforehand", tested="new_speakers")
    return Table(
        title="Table 1, clean: UAR in per cent, the cell chosen beforehand, new speakers",
        rows=pd.DataFrame.from_dict(rows, orient="index").rename_axis("method"),
        note="Without the adapted speakers' clips in the test set; the cell was set before any "
        f"result: {chosen['frozen']:.0f} frozen layers, one clip of each emotion from "
        f"{chosen['n_speakers']:.0f} speakers. In brackets: 95 % interval over speakers.",
    )


def gain(studies: Sequence[Study]) -> Table:
    """What the relative distance loss adds over the whole grid."""
    rows = {}
    for study in studies:
        found = study.tables["gain"]
        whole, points = found[found["frozen"].isna()], found[found["frozen"].notna()]
        for found in whole.to_dict("records"):
            own = points[points["tested"] == found["tested"]]
            added = estimate(found["difference"], found["low"], found["high"])
            rows[study.way, TESTED[found["tested"]]] = {
                "gain": added,
                "p": f"{found['p']:.4f}",
                "cells with a gain": f"{(own['difference'] > 0).sum()} of {len(own)}",
                "how p was found": found["method"],
            }
    return Table(
        title="What the relative distance loss adds to the UAR, in points, over all cells",
        rows=frame(rows, ("study", "tested")),
        note="Fine-tuning with the loss minus without it, cells and repeats pooled; the same clips "
        "and the same speakers in both.",
    )


def other_speakers(study: Study) -> str:
    expected, found = N_SPEAKERS.get(study.source), study.about["source"]["n_speakers"]
    if expected in (None, found):
        return ""
    return f"{study.source}: {found} speakers, the paper had {expected}"


def _differences(studies: Sequence[Study]) -> str:
    """Which columns are not the paper's, in sentences; empty where all are."""
    foreign = [study.source for study in studies if study.source not in N_SPEAKERS]
    said = [f"Not the paper's sources: {', '.join(foreign)}."] if foreign else []
    said += [f"{other_speakers(study)}." for study in studies if other_speakers(study)]
    for study in studies:
        unknown = row(study, "out_of_domain")["unknown"]
        if unknown:
            said.append(f"{study.source} has no clips of {unknown}: OODT from it never says so.")
    return " ".join(said)


def _paper_values() -> dict[str, dict[str, float]]:
    claims = ledger.claims_of(PAPER)
    return {
        corpus: dict(zip(part["setting"], part["value"].astype(float), strict=True))
        for corpus, part in claims.groupby("corpus")
    }

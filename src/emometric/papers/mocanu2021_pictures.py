"""mocanu2021's figures 6 to 11 from finished studies, its steps, and the trials of speakers."""

from collections.abc import Sequence

import numpy as np

from emometric.papers import mocanu2021_tables as tables
from emometric.papers.finished import Study
from emometric.papers.mocanu2021_tables import STRATEGIES, panels
from emometric.papers.shown import Plate, heading
from emometric.report import cell_figures, component_figures, trial_figure
from emometric.report.section import Picture
from emometric.report.style import CorpusHeading

LOSSES = {"S3": "softmax", "S4": "triplet", "S5": "emotion triplet"}  # figures 6 and 7
NUMBERS = {"ravdess": ("7", "8"), "cremad": ("6", "9")}  # of the map, of the confusion


def _heading(study: Study, origin: str, *facts: str) -> CorpusHeading:
    return heading(study, origin, study.target, *facts, tables.folds(study))


def of_strategies(study: Study, origin: str, suffix: str) -> list[Picture]:
    """Maps, the confusion matrix of the last strategy, and what each step adds.

    suffix: the end of the files' names; the corpus, and what tells two studies of it apart.
    """
    return [
        *_figure_map(study, origin, suffix),
        *_figure_confusion(study, origin, suffix),
        *_figure_steps(study, origin, suffix),
    ]


def _figure_map(study: Study, origin: str, suffix: str) -> list[Picture]:
    place = study.tables["map"]
    place = place[place["strategy"].isin(LOSSES)]
    if place.empty:
        return []
    number, _ = NUMBERS.get(study.target, ("6 or 7", ""))
    apart = study.tables["separation"].set_index("strategy")["silhouette"]
    below = {name: f"silhouette {apart[name]:.2f}" for name in LOSSES if name in apart.index}
    n_clips = place["clip"].nunique()
    plate = Plate(
        item=f"figure_{number.replace(' ', '_')}_{suffix}",
        title=f"Figure {number}: embeddings under three losses, {study.target}",
        heading=_heading(study, origin, f"{n_clips} test clips of the first fold"),
        alt=f"t-SNE of the embeddings of {n_clips} test clips of {study.target} under softmax, "
        "triplet and emotion triplet loss, coloured by emotion.",
        data=place,
    )
    return [plate.drawn(component_figures.maps, place, LOSSES, below)]


def _figure_confusion(study: Study, origin: str, suffix: str) -> list[Picture]:
    rows = study.rows("confusion", strategy="S5")
    rates = study.rows("accuracy", strategy="S5")
    if rows.empty:
        return []
    _, number = NUMBERS.get(study.target, ("", "8 or 9"))
    emotions = list(study.about["emotions"])
    counts = rows.pivot(index="truth", columns="predicted", values="n")
    counts = counts.reindex(index=emotions, columns=emotions).to_numpy(np.int64)
    rate = tuple(float(rates.iloc[0][name]) for name in ("uar", "uar_low", "uar_high"))
    over = _heading(study, origin, f"figure {number}", STRATEGIES["S5"])
    return [
        Picture(
            item=f"figure_{number.replace(' ', '_')}_{suffix}",
            title=f"Figure {number}: confusion of S5, {study.target}",
            alt=f"Confusion matrix of {len(emotions)} emotions of {study.target} under the whole "
            "system, in per cent of the clips of each emotion.",
            data=rows,
            draw=lambda theme: cell_figures.confusion(
                counts, emotions, rate, confidence=0.95, heading=over, theme=theme
            ),
        )
    ]


def _figure_steps(study: Study, origin: str, suffix: str) -> list[Picture]:
    found = tables.with_paper(study)
    if found.empty:
        return []
    names = [tables.step_name(row) for row in found.to_dict("records")]
    plate = Plate(
        item=f"steps_{suffix}",
        title=f"What each step adds to the UAR, {study.target}",
        heading=_heading(study, origin),
        alt=f"The difference that each step from S1 to S5 makes on {study.target} with its "
        "interval, and the difference in the paper's table 2.",
        data=found,
    )
    return [plate.drawn(component_figures.steps, found, names)]


def of_points(study: Study, origin: str) -> list[Picture]:
    found = []
    for item, names, table in panels(study):
        if not item.startswith("Figure"):
            continue  # a table says it: they have no order
        plate = Plate(
            item=f"{item.lower().replace(' ', '_')}_{study.target}",
            title=f"{item}: accuracy against {' and '.join(names.values())}, {study.target}",
            heading=_heading(study, origin, tables.epochs(study)),
            alt=f"Mean accuracy on {study.target} against {' and '.join(names.values())}, a panel "
            "each, with intervals.",
            data=table,
            stamps=("the published values were chosen by test results",),
        )
        found.append(plate.drawn(component_figures.grid, table, names))
    return found


def of_trials(studies: Sequence[Study], origin: str) -> list[Picture]:
    told = next((one for one in studies if len(one.tables["trials"])), None)
    if told is None:
        return []
    rates = told.tables["verification"]
    data = told.tables["trials"]
    words = f"equal error rate {100 * rates['eer'].iloc[0]:.1f} %" if len(rates) else ""
    plate = Plate(
        item="verification",
        title="Does the start tell speakers apart?",
        heading=heading(told, origin, f"{tables.taught(told)[0]} speakers learned"),
        alt="Histogram of the similarity of two utterances of one speaker, and of two speakers, "
        "who were not trained on.",
        data=data,
    )
    return [plate.drawn(trial_figure.trials, data, words)]

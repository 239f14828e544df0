"""das2022: a denoising autoencoder whose latent distances follow activation or valence.

Das, S., Lund, N. L., Lønfeldt, N. N., Pagsberg, A. K. and Clemmensen, L. H. (2022), "Continuous
metric learning for transferable speech emotion recognition and embedding across low-resource
languages". eGeMAPS functionals -> 40 -> 20 -> 10 -> 2 latents and back; mean squared error of the
restored values plus `layers.continuous_metric.metric` of the latents. Trained on the source's clips
of four emotions, in folds; tested on the source's other folds, or on a transfer corpus.

Departures: a ReLU follows no output layer, where the text asks for one after every layer: it could
not restore the negative half of standardised values. The linear support vector classifier is
fitted on the training clips' latents, standardised, with balanced classes. As the paper leaves
open what is done with speakers, a variant with whole speakers in folds stands beside the released
folds (`studies.standardised.within`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import pandas as pd

from emometric import ranges
from emometric.base import parts
from emometric.base.errors import ParameterError
from emometric.layers.continuous_metric import DISTANCES
from emometric.scoring import evaluation
from emometric.studies import affect_tables, autoencoder_training, scenarios, standardised
from emometric.studies.autoencoder_training import Schedule, Stream, Task
from emometric.studies.cell import EMBEDDING_COLUMNS, Cell, Outcome, Stored, Table
from emometric.studies.scenarios import CLASSES, EMOTIONS
from emometric.studies.standardised import FOLDS, Part, Rules, View, Views

VERSION = 1
WIDTHS = (40, 20, 10, 2)  # section 4; the last one is the latent space
LABELS = {"act": "activation", "val": "valence"}
SVC = "svc_egemaps"
# Variants: `supervised_*` learn from the transfer corpus's own labels, SVC hears eGeMAPS as it is.
VARIANTS = ("unsupervised", "metric_act", "metric_val", "supervised_act", "supervised_val", SVC)
# Which decoder layers a ReLU follows: as the text says (but for the output), and as released.
RECTIFIED = {"paper": (True, True, True, False), "released": (False, True, False, False)}
MAX_NETWORKS = 64  # trained, kept and lost together
_WHERE = "methods.das2022"


@dataclass(frozen=True, kw_only=True)
class Params:
    """Settings of the method; comments in params.yaml give the paper's sections.

    variants: of VARIANTS; settings: of RECTIFIED, each with learning_rate_<it> and epochs_<it>;
    distances: of `layers.continuous_metric.DISTANCES`; folds: of `standardised.FOLDS`; the grid is
    all of their combinations, over n_folds folds and `repeats` divisions. all_emotions: clips of
    other emotions take part in training and in the regressions. share: of a transfer corpus, which
    standardises the rest; outlier: |z| above it; noise: deviation of what is added to the input;
    c: of the support vector classifier.
    """

    variants: Sequence[str]
    settings: Sequence[str]
    distances: Sequence[str]
    folds: Sequence[str]
    n_folds: int
    repeats: int
    all_emotions: bool
    merge_excitement: bool
    outlier: float
    share: float
    noise: float
    batch_size: int
    epochs_paper: int
    epochs_released: int
    learning_rate_paper: float
    learning_rate_released: float
    c: float

    def __post_init__(self):
        for name, known in (
            ("variants", VARIANTS),
            ("settings", tuple(RECTIFIED)),
            ("distances", DISTANCES),
            ("folds", FOLDS),
        ):
            for value in getattr(self, name):
                parts.check_name(f"{_WHERE}.{name}", value, known)
            if not len(getattr(self, name)):
                raise ParameterError(f"params.yaml: {_WHERE}.{name} is empty; name one at least.")
        for name, least in (
            ("n_folds", 2),
            ("repeats", 1),
            ("batch_size", 2),
            ("epochs_paper", 1),
            ("epochs_released", 1),
        ):
            ranges.check_whole(f"{_WHERE}.{name}", getattr(self, name), least)
        for name in ("all_emotions", "merge_excitement"):
            ranges.check_flag(f"{_WHERE}.{name}", getattr(self, name))
        ranges.check_share(f"{_WHERE}.share", self.share, from_zero=False)
        for name in ("outlier", "learning_rate_paper", "learning_rate_released", "c", "noise"):
            value = getattr(self, name)
            if not isinstance(value, (int, float)) or not 0 <= value < np.inf or not value > 0:
                raise ParameterError(
                    f"params.yaml: {_WHERE}.{name} is '{value}'; write a number above 0."
                )

    def rules(self) -> Rules:
        """Which clips take part, and how they are standardised."""
        return Rules(
            emotions=EMOTIONS,
            merged={"excitement": "happiness"} if self.merge_excitement else {},
            all_emotions=self.all_emotions,
            outlier=self.outlier,
            share=self.share,
        )

    def schedule(self, setting: str, width: int) -> Schedule:
        """How the networks of one setting of the optimiser are trained."""
        return Schedule(
            widths=(width, *WIDTHS),
            rectified=RECTIFIED[setting],
            epochs=getattr(self, f"epochs_{setting}"),
            batch_size=self.batch_size,
            learning_rate=getattr(self, f"learning_rate_{setting}"),
            noise=self.noise,
            logarithm=setting == "released",
        )


def emotions(params: Params) -> tuple[str, ...]:
    """The four emotions that the classifier tells apart."""
    return EMOTIONS


def plan(params: Params, source: Table, target: Table, seed: int) -> list[list[Cell]]:
    """Groups by repeat, by the corpus that is learned from, and by the optimiser's setting.

    A network has a cell for each scenario of CLASSES. No metric on a label that nobody rated in the
    corpus learned from; no `supervised_*` within one corpus, where they are the metric variants.
    """
    views = _views(params, source, target)
    groups = []
    for repeat in range(params.repeats):
        for setting, supervised in product(params.settings, (False, True)):
            networks = list(_networks(params, views, supervised, setting, seed + repeat))
            for first in range(0, len(networks), MAX_NETWORKS):
                chunk = networks[first : first + MAX_NETWORKS]
                groups.append(_cells(chunk, repeat, seed + repeat))
        if SVC in params.variants:
            machines = [
                ({"variant": SVC, "folds": kind}, fold)
                for kind in params.folds
                for fold in range(len(views.folds(True, kind, seed + repeat)))
            ]
            groups.append(_cells(machines, repeat, seed + repeat))
    return [group for group in groups if group]


def run(
    cells: Sequence[Cell], params: Params, source: Table, target: Table, device: str
) -> list[Outcome]:
    """Train a group's networks as one program, or fit its classifiers; an outcome a cell."""
    views = _views(params, source, target)
    if cells[0].settings["variant"] == SVC:
        return [_machine(cell, params, _view(views, cell)) for cell in cells]
    networks = {_network(cell): cell for cell in reversed(cells)}  # a scenario trains nothing anew
    streams, tasks = _tasks(list(networks.values()), views)
    schedule = params.schedule(cells[0].settings["settings"], len(source.names))
    stack, losses = autoencoder_training.train(tasks, streams, schedule, device)
    made = {}
    for place, (key, cell) in enumerate(networks.items()):
        view = _view(views, cell)
        latents = [
            Part(
                clips=part.clips,
                values=autoencoder_training.encode(stack, place, part.values, device),
            )
            for part in (view.train, view.test)
        ]
        numbers = dict(zip(("reconstruction", "metric"), losses[place].tolist(), strict=True))
        made[key] = (*latents, {**numbers, **_counts(view)})
    return [_outcome(cell, params, *made[_network(cell)]) for cell in cells]


def stamps(params: Params, settings: dict) -> tuple[str, ...]:
    """What is to be said of every number of a cell."""
    said = []
    if settings["folds"] == "stratified":
        said.append("folds share speakers, as released")
        said.append("outliers chosen among the tested clips too, as published")
    if settings["variant"] == SVC or settings["variant"].startswith("supervised"):
        said.append("learns from the tested corpus's own labels")
    return tuple(said)


def tables(
    stored: Stored, params: Params, source: Table, target: Table, evaluated: evaluation.Params
) -> dict[str, pd.DataFrame]:
    """affect (table 3), pairs (table 1, within one corpus), latents (figure 3)."""
    within = source.corpus == target.corpus
    clips = standardised.taking_part(target, params.rules()).clips
    shown = {"settings": params.settings[0], "folds": params.folds[-1]}
    return affect_tables.make(stored, clips, evaluated, within=within, shown=shown)


def headline(
    params: Params, summary: pd.DataFrame, made: dict[str, pd.DataFrame]
) -> dict[str, dict[str, float]]:
    """For metrics.json: the networks of the first setting and distance, speakers apart."""
    chosen = {"settings": params.settings[0], "folds": params.folds[-1]}
    return affect_tables.headline(summary, made, {**chosen, "distance": params.distances[0]})


def shown(params: Params, summary: pd.DataFrame, made: dict[str, pd.DataFrame]) -> list[str]:
    """The cells of the headline, for the grid has many."""
    chosen = {"settings": params.settings[0], "folds": params.folds[-1]}
    table = summary.reindex(columns=["cell", *chosen, "distance"])
    for name, value in {**chosen, "distance": params.distances[0]}.items():
        table = table[table[name].isna() | (table[name] == value)]
    return list(table["cell"])


def learnt(
    cells: Sequence[Cell], params: Params, source: Table, target: Table
) -> list[Sequence[str]]:
    """Ids of the clips that each cell's network, or its classifier, was fitted on."""
    views = _views(params, source, target)
    return [tuple(_view(views, cell).train.clips["id"]) for cell in cells]


def _views(params: Params, source: Table, target: Table) -> Views:
    return Views(source, target, params.rules(), params.n_folds)


def _networks(
    params: Params, views: Views, supervised: bool, setting: str, seed: int
) -> Iterator[tuple[dict, int]]:
    """Settings and fold of each network that learns from the source, or from the target."""
    if supervised and not views.is_transfer:
        return
    clips = (views.target if supervised else views.source).clips
    for kind, variant in product(params.folds, params.variants):
        if variant == SVC or variant.startswith("supervised") != supervised:
            continue
        label = LABELS.get(variant.rpartition("_")[2])
        if label and clips.reindex(columns=[label])[label].isna().all():
            continue
        for distance in params.distances if label else (None,):
            settings = {"variant": variant, "folds": kind, "settings": setting}
            if distance:
                settings["distance"] = distance
            for fold in range(len(views.folds(supervised, kind, seed))):
                yield settings, fold


def _cells(networks: Sequence[tuple[dict, int]], repeat: int, seed: int) -> list[Cell]:
    return [
        Cell(settings={**settings, "classes": n_classes}, fold=fold, repeat=repeat, seed=seed)
        for settings, fold in networks
        for n_classes in CLASSES
    ]


def _network(cell: Cell) -> tuple:
    """What tells the networks of a group apart: all but the scenario."""
    settings = {name: value for name, value in cell.settings.items() if name != "classes"}
    return (*sorted(settings.items()), cell.fold, cell.repeat, cell.seed)


def _view(views: Views, cell: Cell) -> View:
    variant = cell.settings["variant"]
    supervised = variant == SVC or variant.startswith("supervised")
    return views.of(supervised, cell.settings["folds"], cell.fold, cell.seed)


def _tasks(cells: Sequence[Cell], views: Views) -> tuple[list[Stream], list[Task]]:
    """What `autoencoder_training` needs; cells of one fold share order, noise and first weights."""
    streams: dict[tuple, Stream] = {}
    tasks = []
    for cell in cells:
        variant, kind = cell.settings["variant"], cell.settings["folds"]
        label = LABELS.get(variant.rpartition("_")[2])
        train = _view(views, cell).train
        key = (variant.startswith("supervised"), kind, cell.fold, cell.seed)
        entropy = [cell.seed, int(key[0]), FOLDS.index(kind), cell.fold]
        seeds = np.random.SeedSequence(entropy).generate_state(2).tolist()
        streams.setdefault(key, Stream(values=train.values, seed=seeds[0]))
        labels = train.clips[label].to_numpy(dtype=np.float64) if label else None
        place = list(streams).index(key)
        distance = cell.settings.get("distance", DISTANCES[0])
        tasks.append(Task(stream=place, labels=labels, distance=distance, seed=seeds[1]))
    return list(streams.values()), tasks


def _machine(cell: Cell, params: Params, view: View) -> Outcome:
    """The classifier on eGeMAPS itself; it says which clips it learned, with no embedding."""
    outcome = _outcome(cell, params, view.train, view.test, _counts(view))
    learnt = pd.DataFrame({"id": view.train.clips["id"], "role": "train"})
    learnt["embedding"] = [np.empty(0, dtype=np.float32)] * len(learnt)
    return replace(outcome, embedding=learnt[list(EMBEDDING_COLUMNS)])


def _outcome(
    cell: Cell, params: Params, train: Part, test: Part, numbers: dict[str, float]
) -> Outcome:
    """The classifier's answers; the latents go with the cell of four classes."""
    decided, scores = scenarios.decide(train, test, cell.settings["classes"], params.c)
    embedding = pd.DataFrame({"id": test.clips["id"], "role": "test"})
    embedding["embedding"] = list(test.values.astype(np.float32))
    if cell.settings["classes"] != max(CLASSES) or cell.settings["variant"] == SVC:
        embedding = embedding.iloc[:0]
    return Outcome(
        cell=cell,
        clips=decided,
        scores=scores,
        embedding=embedding[list(EMBEDDING_COLUMNS)],
        numbers=numbers,
    )


def _counts(view: View) -> dict[str, float]:
    return {"n_train": len(view.train), "n_outliers": view.n_outliers}

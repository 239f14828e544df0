"""kumar2021: windows of MFCC, softmax pre-training, triplets of cosines; the smallest angle wins.

Every network (ResNet-11 and the ablation's five others) is trained under the paper's random 70/30
division, where test and training share speakers and sentences, and in folds of whole speakers. A
network decides twice: by the angle to its class weights, as the paper does, and to the mean
embedding of each class's training clips. FACTS: sections III-B and IV of the paper; what it leaves
open (optimiser, margin, sizes, windows a clip) are settings.

Departures: a share of the training side validates, for the paper names no data for its early
stopping; a phase keeps its best weights.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from emometric import emotions as vocabulary
from emometric import parallel, ranges
from emometric.base import parts
from emometric.base.errors import ParameterError
from emometric.layers.windowed import WindowParams
from emometric.scoring import evaluation
from emometric.storage.clip import Fold
from emometric.studies import angles
from emometric.studies.cell import Cell, Outcome, Stored, Table
from emometric.studies.window_training import Job, Schedule, train
from emometric.studies.window_work import DECISIONS, NETWORKS, SPLITS, Setup, Work, best, key

VERSION = 1
SHARES = ("shares speakers and sentences between training and test, as published",)
GROUP = 4  # networks that are trained, kept and lost together
_WHERE = "methods.kumar2021"


@dataclass(frozen=True, kw_only=True)
class Params:
    """Settings of the method; comments in params.yaml give the paper's sections.

    networks: of NETWORKS; splits: of SPLITS; repeats: of the random division; n_folds: of whole
    speakers; emotions: those that take part; clips_per_emotion: at most so many, drawn at random
    (None: all); scale: one, or several: then each training is done with each, and the one that
    recognises most validation clips is taken (the earlier of equals); the rest:
    `window_training.Schedule` and `layers.windowed.WindowParams`.
    """

    networks: Sequence[str]
    splits: Sequence[str]
    test_share: float
    repeats: int
    n_folds: int
    valid_share: float
    emotions: Sequence[str]
    clips_per_emotion: int | None
    window_frames: int
    width: int
    dim: int
    windows: int
    batch_size: int
    softmax_epochs: int
    triplet_epochs: int
    patience: int
    min_gain: float
    first_rate: float
    last_rate: float
    momentum: float
    margin: float
    scale: float | Sequence[float]

    def __post_init__(self):
        for name in self.networks:
            parts.check_name(f"{_WHERE}.networks", name, NETWORKS)
        for name in self.splits:
            parts.check_name(f"{_WHERE}.splits", name, SPLITS)
        for name in self.emotions:
            parts.check_name(f"{_WHERE}.emotions", name, vocabulary.EMOTIONS)
        for name, least in (
            ("repeats", 1),
            ("n_folds", 2),
            ("windows", 1),
            ("batch_size", 2),
            ("softmax_epochs", 0),
            ("triplet_epochs", 0),
            ("patience", 1),
        ):
            ranges.check_whole(f"{_WHERE}.{name}", getattr(self, name), least)
        ranges.check_share(f"{_WHERE}.test_share", self.test_share, from_zero=False)
        ranges.check_share(f"{_WHERE}.valid_share", self.valid_share)
        if self.clips_per_emotion is not None:
            ranges.check_whole(f"{_WHERE}.clips_per_emotion", self.clips_per_emotion, 2)
        if not (len(self.networks) and len(self.splits) and len(self.emotions) > 1):
            raise ParameterError(
                f"params.yaml: {_WHERE} needs a network, a split and two emotions; add what lacks."
            )
        if not self.scales() or min(self.scales()) <= 0:
            raise ParameterError(
                f"params.yaml: {_WHERE}.scale is {self.scale}; write a number above 0, or several."
            )
        if len(self.scales()) > 1 and self.valid_share == 0:
            raise ParameterError(
                f"params.yaml: {_WHERE}.scale has {len(self.scales())} values, but valid_share is "
                "0; give one value, or validation clips to choose it by."
            )
        self.window()

    def scales(self) -> tuple[float, ...]:
        """The scales that each training is done with."""
        return (self.scale,) if isinstance(self.scale, (int, float)) else tuple(self.scale)

    def window(self) -> WindowParams:
        """The sizes of every network; a window follows the other without overlap."""
        return WindowParams(
            window_frames=self.window_frames,
            hop_frames=self.window_frames,
            width=self.width,
            dim=self.dim,
        )

    def setup(self) -> Setup:
        """What a group of trainings needs to know."""
        return Setup(
            window=self.window(),
            schedules=[self.schedule(scale) for scale in self.scales()],
            emotions=emotions(self),
        )

    def schedule(self, scale: float) -> Schedule:
        return Schedule(
            epochs=(self.softmax_epochs, self.triplet_epochs),
            patience=self.patience,
            min_gain=self.min_gain,
            rates=(self.first_rate, self.last_rate),
            momentum=self.momentum,
            batch_size=self.batch_size,
            windows=self.windows,
            margin=self.margin,
            scale=scale,
        )


def emotions(params: Params) -> tuple[str, ...]:
    """The emotions of the study, in the vocabulary's order."""
    return vocabulary.present(params.emotions)


def plan(params: Params, source: Table, target: Table, seed: int) -> list[list[Cell]]:
    """Groups of at most GROUP networks with both decisions each; within one corpus only."""
    if source.corpus != target.corpus:
        raise ParameterError(
            f"studies: kumar2021 works within one corpus, not from {source.corpus} to "
            f"{target.corpus}; give source and target the same name."
        )
    runs = [
        [
            Cell(
                settings={"network": network, "split": split, "decision": decision},
                fold=number,
                repeat=fold.repeat,
                seed=seed,
            )
            for decision in DECISIONS
        ]
        for network in params.networks
        for split in params.splits
        for number, fold in enumerate(_folds(params, source, split, seed))
    ]
    size = -(-GROUP // len(params.scales()))  # a group stays about as much work
    return [
        [cell for run in runs[first : first + size] for cell in run]
        for first in range(0, len(runs), size)
    ]


def run(
    cells: Sequence[Cell], params: Params, source: Table, target: Table, device: str
) -> list[Outcome]:
    """Train the networks of a group, in processes of their own on a CPU, and decide with each."""
    clips = _chosen(params, source, cells[0].seed)
    work = Work(params.setup(), source, clips, device)
    jobs: dict[tuple, list[Job]] = {}
    for cell, fold in zip(cells, _folds_of(cells, params, source), strict=True):
        if key(cell) not in jobs:
            jobs[key(cell)] = work.jobs(cell, fold)
    processes = parallel.processors() if device == "cpu" else 1
    every = [job for one in jobs.values() for job in one]
    trained = iter(parallel.run(train, every, processes=processes, tick=lambda: None))
    found = {name: best([(job, next(trained)) for job in one]) for name, one in jobs.items()}
    return [work.outcome(cell, *found[key(cell)]) for cell in cells]


def stamps(params: Params, settings: dict) -> tuple[str, ...]:
    """The random division shares speakers and both sentences."""
    return SHARES if settings["split"] == "random_holdout" else ()


def tables(
    stored: Stored, params: Params, source: Table, target: Table, rules: evaluation.Params
) -> dict[str, pd.DataFrame]:
    """accuracy (tables I, IV, V), angles (II, III), deviations (VI, VII), of_clips (figure 5),
    map (figure 4), gap: see `studies.angles`."""
    names = emotions(params)
    return {
        "accuracy": angles.accuracy(stored, rules),
        "angles": angles.between(stored, names),
        "deviations": angles.deviations(stored, names),
        "of_clips": angles.of_clips(stored, names),
        "map": angles.embedding_map(stored, rules.perplexity),
        "gap": angles.gap(stored, rules),
    }


def learnt(
    cells: Sequence[Cell], params: Params, source: Table, target: Table
) -> list[Sequence[str]]:
    """Ids of the clips that each network was trained on, or its epochs chosen with."""
    return [(*fold.train, *fold.valid) for fold in _folds_of(cells, params, source)]


def _folds_of(cells: Sequence[Cell], params: Params, source: Table) -> list[Fold]:
    """The fold of each cell; every division is made once."""
    keys = dict.fromkeys((cell.settings["split"], cell.seed) for cell in cells)
    folds = {(split, seed): list(_folds(params, source, split, seed)) for split, seed in keys}
    return [folds[cell.settings["split"], cell.seed][cell.fold] for cell in cells]


def _folds(params: Params, source: Table, split: str, seed: int) -> Iterator[Fold]:
    clips = _chosen(params, source, seed)
    if clips.empty:
        return iter(())
    protocol = parts.load("protocols", split)
    if split == "random_holdout":
        rules = protocol.Params(
            test_share=params.test_share, repeats=params.repeats, valid_share=params.valid_share
        )
    else:
        rules = protocol.Params(n_folds=params.n_folds, valid_share=params.valid_share)
    return protocol.split(clips, rules, seed)


def _chosen(params: Params, source: Table, seed: int) -> pd.DataFrame:
    """Rows of the clips that take part; their index says where they stand in the table."""
    clips = source.clips[source.clips["emotion"].isin(params.emotions)]
    if params.clips_per_emotion is None:
        return clips
    order = np.random.default_rng([seed, 200]).permutation(len(clips))
    drawn = clips.iloc[order].groupby("emotion").head(params.clips_per_emotion)
    return drawn.sort_index()

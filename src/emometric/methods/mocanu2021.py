"""mocanu2021: SE-ResNet-34 with GhostVLAD on spectrograms, in the five steps S1 to S5.

S1 learns from nothing, with NetVLAD (no ghosts) and cross-entropy; S2 starts from a network that
knows speakers; S3 adds ghost clusters; S4 ends in the triplet loss, S5 in the emotion-constrained
one. An RBF-SVM on the embeddings decides. Papers: sections 3, 4.3 and 5; what they leave open are
settings. The source is the table of the speakers whose network S2 to S5 start from.

What S2 to S5 start from: `warm_start`. All of the encoder is copied but the rows of ghost clusters;
where K is not the network's, the aggregation and the layer behind it start anew.

Departures: every strategy takes the same number of steps. A first part under cross-entropy is the
same for S3, S4 and S5, and trained once; in the second part S1, S2 and S3 go on under
cross-entropy, S4 and S5 under their loss with new margins of the same batches, so that the losses
differ and nothing else. The learning rate follows one cycle in each part instead of steps of 20
epochs, with decoupled weight decay; stripes of each picture are blanked. Nothing is chosen on
validation clips, so these may train too (`valid_trains`). The paper's authors chose the parameters
"to maximize the performance on the testing" data (section 5); ours were looked at on a few
speakers, whom `chosen_on` names.

Beside the strategies, peers under the same folds: a linear SVM on eGeMAPS and on ComParE.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from emometric import (
    checkpoint,
    evaluation,
    parallel,
    parts,
    ranges,
    speaker_audit,
    spectrum_input,
    warm_start,
)
from emometric import emotions as vocabulary
from emometric.clip import Fold
from emometric.decisions import svm_rbf
from emometric.encoders import se_resnet34
from emometric.errors import ParameterError
from emometric.protocols import foreign, speaker_80_10_10, speaker_folds
from emometric.studies import components, joined, linear_peers, speaker_trials
from emometric.studies.cell import Cell, Outcome, Stored, Table
from emometric.studies.spectrum_training import Ending, Job, Schedule, Trained, train

VERSION = 1
ENDINGS = {
    "S1": "softmax",
    "S2": "softmax",
    "S3": "softmax",
    "S4": "triplet",
    "S5": "emotion_triplet",
}
PEERS = {"egemaps_svm": "egemaps", "compare_svm": "compare"}
STARTED = ("S2", "S3", "S4", "S5")  # from the network of the source
MAPPED = ("S3", "S4", "S5")  # whose embeddings of the first fold are kept: figures 6 and 7
PROTOCOLS = ("foreign", "speaker_80_10_10", "speaker_folds")
VARIED = ("clusters", "ghosts", "alpha", "beta", "relations")  # what a point may replace
SHAPE = ("widths", "stem", "reduction", "dim")  # of the encoder, alike in all strategies
GROUP = 2  # trainings that are run side by side, kept and lost together
_WHERE = "methods.mocanu2021"


@dataclass(frozen=True, kw_only=True)
class Params:
    """Settings of the method; comments in params.yaml give the paper's sections.

    strategies: of S1 to S5 and PEERS; points: of the grid, each a mapping of some of VARIED, which
    replaces the values below; protocol: of PROTOCOLS; path: of the folds of "foreign"; n_folds: of
    "speaker_folds"; first_folds: how many of the folds are tried, None: all; relation: the name in
    `relations` of the table of polarities that S5 goes by, each of which says what differs from
    `polarity`; chosen_on: speakers on whom settings were chosen, for the stamp; emotions: those
    that take part; crop_frames: of each clip and epoch; the rest: `encoders.se_resnet34.Params`,
    `spectrum_input.Params`, `spectrum_training.Schedule`, the losses' and the decisions'.
    """

    strategies: Sequence[str]
    points: Sequence[Mapping[str, Any]]
    protocol: str
    path: str
    n_folds: int
    first_folds: int | None
    valid_trains: bool
    chosen_on: Sequence[str]
    emotions: Sequence[str]
    widths: Sequence[int]
    stem: str
    reduction: int
    clusters: int
    ghosts: int
    dim: int
    join_bins: int
    compress: str
    crop_frames: int
    softmax_epochs: int
    ending_epochs: int
    batch_size: int
    rate: float
    ending_rate: float
    weight_decay: float
    label_smoothing: float
    bin_mask: int
    frame_mask: int
    n_masks: int
    bfloat16: bool
    margin: float
    alpha: float
    beta: float
    relation: str
    relations: Mapping[str, Mapping[str, str] | None]
    polarity: Mapping[str, str]
    svm_c: float
    linear_c: float

    def __post_init__(self):
        for name in self.strategies:
            parts.check_name(f"{_WHERE}.strategies", name, (*ENDINGS, *PEERS))
        parts.check_name(f"{_WHERE}.protocol", self.protocol, PROTOCOLS)
        for name in self.emotions:
            parts.check_name(f"{_WHERE}.emotions", name, vocabulary.EMOTIONS)
        for point in self.points:
            for name in point:
                parts.check_name(f"{_WHERE}.points", name, VARIED)
        if not (len(self.strategies) and len(self.points) and len(self.emotions) > 1):
            raise ParameterError(
                f"params.yaml: {_WHERE} needs a strategy, a point (if only an empty one) and two "
                "emotions; add what lacks."
            )
        wholes = [("softmax_epochs", 0), ("ending_epochs", 1), ("batch_size", 2), ("n_folds", 2)]
        wholes += [("crop_frames", 1), ("bin_mask", 0), ("frame_mask", 0), ("n_masks", 0)]
        for name, least in wholes:
            ranges.check_whole(f"{_WHERE}.{name}", getattr(self, name), least)
        if self.first_folds is not None:
            ranges.check_whole(f"{_WHERE}.first_folds", self.first_folds, 1)
        ranges.check_flag(f"{_WHERE}.valid_trains", self.valid_trains)
        ranges.check_flag(f"{_WHERE}.bfloat16", self.bfloat16)
        for name in ("rate", "ending_rate"):
            if not 0 < getattr(self, name) < 1:
                raise ParameterError(
                    f"params.yaml: {_WHERE}.{name} is {getattr(self, name)}; write a number "
                    "above 0 and below 1."
                )
        self.input()
        for point in self.points:  # says at once what is out of range
            self.encoder("S3", point)
            for strategy in ENDINGS:
                self.ending(strategy, point)

    def value(self, point: Mapping[str, Any], name: str) -> Any:
        """One of VARIED at a point of the grid."""
        return point.get(name, self.relation if name == "relations" else getattr(self, name))

    def encoder(self, strategy: str, point: Mapping[str, Any]) -> se_resnet34.Params:
        """S1 and S2 have no ghosts (section 5)."""
        return se_resnet34.Params(
            widths=tuple(self.widths),
            clusters=self.value(point, "clusters"),
            ghosts=0 if strategy in ("S1", "S2") else self.value(point, "ghosts"),
            dim=self.dim,
            reduction=self.reduction,
            stem=self.stem,
        )

    def ending(self, strategy: str, point: Mapping[str, Any]) -> Ending:
        """The loss that a strategy ends in, its settings checked."""
        loss = ENDINGS[strategy]
        settings = {
            "softmax": {"label_smoothing": self.label_smoothing},
            "triplet": {"margin": self.margin},
            "emotion_triplet": {
                "alpha": self.value(point, "alpha"),
                "beta": self.value(point, "beta"),
                "polarity": self.table(self.value(point, "relations")),
            },
        }[loss]
        parts.make_params("losses", loss, settings)
        return Ending(loss=loss, loss_params=settings, seed=0)

    def table(self, name: str) -> dict[str, str]:
        """The polarity of every emotion under one of `relations`."""
        parts.check_name(f"{_WHERE}.relations", name, self.relations)
        return {**self.polarity, **(self.relations[name] or {})}

    def input(self) -> spectrum_input.Params:
        return spectrum_input.Params(join_bins=self.join_bins, compress=self.compress, where=_WHERE)

    def schedule(self) -> Schedule:
        return Schedule(
            epochs=(self.softmax_epochs, self.ending_epochs),
            rates=(self.rate, self.ending_rate),
            batch_size=self.batch_size,
            crop_frames=self.crop_frames,
            weight_decay=self.weight_decay,
            label_smoothing=self.label_smoothing,
            bin_mask=self.bin_mask,
            frame_mask=self.frame_mask,
            n_masks=self.n_masks,
            bfloat16=self.bfloat16,
        )


def emotions(params: Params) -> tuple[str, ...]:
    """The emotions of the study, in the vocabulary's order."""
    return vocabulary.present(params.emotions)


def plan(params: Params, source: Table, target: Table, seed: int) -> list[list[Cell]]:
    """Groups of GROUP trainings with the cells that follow from each.

    Without a network of speakers only S1 and the peers have cells. Raises SplitError where a
    speaker of the target has taught that network, ParameterError where it has other sizes.
    """
    n_folds = len(_folds(params, target, seed))
    runs: dict[tuple, list[Cell]] = {}
    for strategy in params.strategies:
        if strategy in STARTED and source.network is None:
            continue
        points = [{}] if strategy in PEERS else params.points
        for number, point in ((number, one) for one in points for number in range(n_folds)):
            cell = Cell(settings={"strategy": strategy, **point}, fold=number, repeat=0, seed=seed)
            runs.setdefault(_training(params, cell), []).append(cell)
    if source.network is not None:
        speaker_audit.check_apart(source.clips, target.clips)
        _check_network(params, source, target)
    ordered = sorted(runs.values(), key=len)  # a group's trainings take about equally long
    return [
        [cell for run in ordered[first : first + GROUP] for cell in run]
        for first in range(0, len(ordered), GROUP)
    ]


def run(
    cells: Sequence[Cell], params: Params, source: Table, target: Table, device: str
) -> list[Outcome]:
    """Train what the cells of a group need, in processes of their own on a CPU, and decide."""
    clips = _chosen(params, target)
    folds = _folds(params, target, cells[0].seed)
    trainings: dict[tuple, list[Cell]] = {}
    for cell in cells:
        if cell.settings["strategy"] not in PEERS:
            trainings.setdefault(_training(params, cell), []).append(cell)
    shared = _shared(params, target, clips, device) if trainings else {}
    jobs = [
        _job(params, shared, source, clips, folds[same[0].fold], same)
        for same in trainings.values()
    ]
    processes = parallel.processors() if device == "cpu" else 1
    trained = parallel.run(train, jobs, processes=processes, tick=lambda: None)
    found = {
        cell: one
        for same, endings in zip(trainings.values(), trained, strict=True)
        for cell, one in zip(same, endings, strict=True)
    }
    return [
        _outcome(cell, params, clips, folds[cell.fold], found[cell])
        if cell in found
        else linear_peers.outcome(
            cell,
            target.beside[PEERS[cell.settings["strategy"]]],
            (clips, _learns(params, folds[cell.fold]), folds[cell.fold].test),
            emotions(params),
            params.linear_c,
        )
        for cell in cells
    ]


def stamps(params: Params, settings: dict) -> tuple[str, ...]:
    """Actors are apart in every protocol; settings may have been chosen on some who are tested."""
    if settings["strategy"] in PEERS or not params.chosen_on:
        return ()
    return (f"settings chosen on {', '.join(params.chosen_on)}, each tested in a fold too",)


def tables(
    stored: Stored, params: Params, source: Table, target: Table, rules: evaluation.Params
) -> dict[str, pd.DataFrame]:
    """accuracy (table 2), steps, recalls, confusion (figures 8, 9), map (6, 7), separation, grid
    (10, 11): `studies.components`; joined: with the functionals, `studies.joined`; verification,
    trials: `studies.speaker_trials`."""
    varied = [name for name in VARIED if any(name in point for point in params.points)]
    reference = {name: params.value({}, name) for name in varied}
    names = emotions(params)
    verification, trials = speaker_trials.read(source.network)
    return {
        "accuracy": components.accuracy(stored, rules),
        "steps": components.steps(stored, rules),
        "recalls": components.recalls(stored, rules),
        "confusion": components.confusion(stored, names),
        "map": components.maps(stored, rules.perplexity),
        "separation": components.separation(stored),
        "grid": components.grid(stored, rules, reference),
        "joined": joined.joined(stored, rules, components.systems(stored), "compare_svm"),
        "verification": verification,
        "trials": trials,
    }


def learnt(
    cells: Sequence[Cell], params: Params, source: Table, target: Table
) -> list[Sequence[str]]:
    """Ids of the target's clips that each network was trained on."""
    folds = {seed: _folds(params, target, seed) for seed in {cell.seed for cell in cells}}
    return [_learns(params, folds[cell.seed][cell.fold]) for cell in cells]


def _check_network(params: Params, source: Table, target: Table) -> None:
    """Else little of the network would be copied, and S2 be S1 under another name."""
    recipe = checkpoint.describe(source.network / warm_start.NAME)["recipe"]
    theirs = parts.make_params("encoders", recipe["encoder"], recipe["encoder_params"])
    n_bins = len(target.names) // params.join_bins
    for name, ours, found in (
        *((name, getattr(params, name), getattr(theirs, name, None)) for name in SHAPE),
        ("join_bins", n_bins, recipe["n_bins"]),
    ):
        if ours != found and (name != "widths" or list(ours) != list(found)):
            raise ParameterError(
                f"params.yaml: {_WHERE}.{name} makes {ours}, but the network of {source.corpus} "
                f"has {found}; run the stage pretrain again, with these settings."
            )


def _training(params: Params, cell: Cell) -> tuple:
    """What cells that share a training have in common."""
    strategy = cell.settings["strategy"]
    if strategy in PEERS:
        return strategy, cell.fold
    shape = params.encoder(strategy, cell.settings)
    return strategy in STARTED, shape.clusters, shape.ghosts, cell.fold


def _folds(params: Params, target: Table, seed: int) -> list[Fold]:
    clips = _chosen(params, target)
    if clips.empty:
        return []
    folds: Iterator[Fold]
    if params.protocol == "foreign":
        rules = foreign.Params(
            path=params.path, shares_speakers=False, complete=True, valid_share=0.0
        )
        folds = foreign.split(clips, rules, seed)
    elif params.protocol == "speaker_80_10_10":
        tenths = speaker_80_10_10.Params(tenths="consecutive")
        folds = speaker_80_10_10.split(clips, tenths, seed)
    else:
        balanced = speaker_folds.Params(n_folds=params.n_folds, valid_share=0.0)
        folds = speaker_folds.split(clips, balanced, seed)
    return list(folds)[: params.first_folds]


def _chosen(params: Params, target: Table) -> pd.DataFrame:
    """Rows of the clips that take part; their index says where they stand in the table."""
    return target.clips[target.clips["emotion"].isin(params.emotions)]


def _learns(params: Params, fold: Fold) -> tuple[str, ...]:
    return (*fold.train, *fold.valid) if params.valid_trains else tuple(fold.train)


def _shared(params: Params, target: Table, clips: pd.DataFrame, device: str) -> dict[str, Any]:
    """What all jobs of a group have alike: the pictures, read and prepared once, and labels."""
    names, rules = emotions(params), params.input()
    return {
        "schedule": params.schedule(),
        "frames": [spectrum_input.prepared(target.frames(row), rules) for row in clips.index],
        "emotion": clips["emotion"].map(names.index).to_numpy(np.int64),
        "speaker": pd.factorize(clips["speaker"], sort=True)[0].astype(np.int64),
        "emotions": names,
        "device": device,
    }


def _job(
    params: Params,
    shared: Mapping[str, Any],
    source: Table,
    clips: pd.DataFrame,
    fold: Fold,
    cells: Sequence[Cell],
) -> Job:
    first = cells[0].settings
    learns = clips["id"].isin(set(_learns(params, fold))).to_numpy()
    return Job(
        **shared,
        encoder=params.encoder(first["strategy"], first),
        train=np.flatnonzero(learns),
        endings=[params.ending(cell.settings["strategy"], cell.settings) for cell in cells],
        start=source.network if first["strategy"] in STARTED else None,
        seed=(cells[0].seed, cells[0].fold),
    )


def _outcome(
    cell: Cell, params: Params, clips: pd.DataFrame, fold: Fold, trained: Trained
) -> Outcome:
    names = emotions(params)
    rows = {
        role: np.flatnonzero(clips["id"].isin(set(ids)))
        for role, ids in (("train", _learns(params, fold)), ("test", fold.test))
    }
    emotion = clips["emotion"].map(names.index).to_numpy(np.int64)
    decision = svm_rbf.Decision(svm_rbf.Params(c=params.svm_c), len(names))
    decision.fit(trained.embedding[rows["train"]], emotion[rows["train"]])
    mapped = cell.fold == 0 and cell.settings["strategy"] in MAPPED and len(cell.settings) == 1
    kept = [
        (clips["id"].iloc[row], role, trained.embedding[row])
        for role in (rows if mapped else ())
        for row in rows[role]
    ]
    numbers = {"loss": trained.loss}
    if cell.settings["strategy"] in STARTED:
        numbers["n_started"] = trained.n_started
    return Outcome(
        cell=cell,
        clips=clips.iloc[rows["test"]][["id", "speaker", "emotion"]],
        scores=decision.scores(trained.embedding[rows["test"]]),
        embedding=pd.DataFrame(kept, columns=["id", "role", "embedding"]),
        numbers=numbers,
    )

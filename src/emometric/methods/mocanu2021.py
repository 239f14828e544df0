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

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from emometric import emotions as vocabulary
from emometric import parallel, ranges
from emometric.base import parts
from emometric.base.errors import ParameterError
from emometric.encoders import se_resnet34
from emometric.fitting import spectrum_input
from emometric.scoring import evaluation
from emometric.storage.clip import Fold
from emometric.studies import component_folds, components, joined, speaker_audit, speaker_trials
from emometric.studies.cell import Cell, Outcome, Stored, Table
from emometric.studies.component_folds import PROTOCOLS
from emometric.studies.component_strategies import ENDINGS, PEERS, STARTED, VARIED, Recipes
from emometric.studies.component_work import Setup, Work, check_network
from emometric.studies.spectrum_training import Schedule, train

VERSION = 1
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
        recipes = self.recipes()
        for point in self.points:  # says at once what is out of range
            recipes.encoder("S3", point)
            for strategy in ENDINGS:
                recipes.ending(strategy, point)

    def recipes(self) -> Recipes:
        """What the strategies are made of."""
        return Recipes(
            published=se_resnet34.Params(
                widths=tuple(self.widths),
                clusters=self.clusters,
                ghosts=self.ghosts,
                dim=self.dim,
                reduction=self.reduction,
                stem=self.stem,
            ),
            label_smoothing=self.label_smoothing,
            margin=self.margin,
            alpha=self.alpha,
            beta=self.beta,
            relation=self.relation,
            relations=self.relations,
            polarity=self.polarity,
            where=_WHERE,
        )

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

    def rules(self) -> component_folds.Rules:
        return component_folds.Rules(
            protocol=self.protocol,
            path=self.path,
            n_folds=self.n_folds,
            first_folds=self.first_folds,
            valid_trains=self.valid_trains,
            emotions=emotions(self),
        )

    def setup(self) -> Setup:
        """What a group of trainings needs to know."""
        return Setup(
            rules=self.rules(),
            recipes=self.recipes(),
            schedule=self.schedule(),
            input=self.input(),
            emotions=emotions(self),
            svm_c=self.svm_c,
            linear_c=self.linear_c,
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
    recipes, runs = params.recipes(), {}
    for strategy in params.strategies:
        if strategy in STARTED and source.network is None:
            continue
        points = [{}] if strategy in PEERS else params.points
        for number, point in ((number, one) for one in points for number in range(n_folds)):
            cell = Cell(settings={"strategy": strategy, **point}, fold=number, repeat=0, seed=seed)
            runs.setdefault(recipes.training(cell), []).append(cell)
    if source.network is not None:
        speaker_audit.check_apart(source.clips, target.clips)
        check_network(params.setup(), source, target)
    ordered = sorted(runs.values(), key=len)  # a group's trainings take about equally long
    return [
        [cell for run in ordered[first : first + GROUP] for cell in run]
        for first in range(0, len(ordered), GROUP)
    ]


def run(
    cells: Sequence[Cell], params: Params, source: Table, target: Table, device: str
) -> list[Outcome]:
    """Train what the cells of a group need, in processes of their own on a CPU, and decide."""
    work = Work(params.setup(), target, cells[0].seed, device)
    trainings = work.trainings(cells)
    jobs = [work.job(same, source.network) for same in trainings]
    processes = parallel.processors() if device == "cpu" else 1
    trained = parallel.run(train, jobs, processes=processes, tick=lambda: None)
    found = {
        cell: one
        for same, endings in zip(trainings, trained, strict=True)
        for cell, one in zip(same, endings, strict=True)
    }
    return [work.outcome(cell, found[cell]) if cell in found else work.peer(cell) for cell in cells]


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
    reference = {name: params.recipes().value({}, name) for name in varied}
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
    return [component_folds.learns(folds[cell.seed][cell.fold], params.rules()) for cell in cells]


def _folds(params: Params, target: Table, seed: int) -> list[Fold]:
    rules = params.rules()
    return component_folds.folds(component_folds.taking_part(target.clips, rules), rules, seed)

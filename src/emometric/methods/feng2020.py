"""feng2020: a siamese perceptron from one corpus to another, with a relative distance loss.

Feng and Chaspari: A Siamese Neural Network with Modified Distance Loss For Transfer Learning in
Speech Emotion Recognition, 2020. What the paper leaves open was chosen with Emo-DB and EMOVO as
each other's source and target and under leave-one-speaker-out, never with the speakers of RAVDESS.
Mean UAR of 3 seeds (leave one speaker out; a linear SVM: 0.72 and 0.59):

    passes over the corpus    12     30     60    120
    Emo-DB                  0.59   0.66   0.70   0.70
    EMOVO                   0.54   0.52   0.49   0.49

so `epochs` is 40; an L2 penalty of 0.001 changed nothing and 0.01 lost, a learning rate of 0.0003
and a head without its hidden layer were no better. Fine-tuning, 2 to 8 speakers, 6 or 12 repeats:
50, 200 and 500 steps, 4 and 8 clips of each emotion in a batch, learning rates of 0.001 and 0.0003
and limits of 0.5 and 0.9 lay within 0.02 of each other; the middle or the cheapest was taken.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from emometric import emotions as vocabulary
from emometric.base.errors import ParameterError
from emometric.scoring import evaluation
from emometric.studies import transfer_outcomes, transfer_tables
from emometric.studies.cell import Cell, Outcome, Setting, Stored, Table
from emometric.studies.siamese_training import Schedule
from emometric.studies.siamese_transfer import Labelled, Program
from emometric.studies.transfer_tables import FINE_TUNING, IN_DOMAIN, OUT_OF_DOMAIN, RELATIVE

VERSION = 1  # raise it with every change that changes results
GUESSES = ("majority", "svm_linear")
TESTED = ("all_speakers", "new_speakers")


@dataclass(frozen=True, kw_only=True)
class Params:
    """emotions: of the vocabulary, at least two. widths, decision_nodes: nodes of the layers; the
    latter 0: |difference| goes straight to the output. decision: mean or sum of the
    log-similarities of a class.

    per_emotion, tuning_per_emotion: clips of each emotion in a batch, from 2. epochs: passes over
    a whole corpus; tuning_steps: steps on the granted clips. relative_rate: learning rate of the
    relative distance loss; relative_limit: S / D from which it goes straight on, in (0, 1).

    frozen, n_speakers: the grid; repeats of everything that is drawn. chosen_frozen,
    chosen_n_speakers: the point of the grid that was chosen beforehand. svm_c: of the baseline.
    """

    emotions: Sequence[str]
    widths: Sequence[int]
    decision_nodes: int
    decision: str
    per_emotion: int
    epochs: int
    learning_rate: float
    tuning_per_emotion: int
    tuning_steps: int
    tuning_learning_rate: float
    relative_rate: float
    relative_limit: float
    frozen: Sequence[int]
    n_speakers: Sequence[int]
    repeats: int
    chosen_frozen: int
    chosen_n_speakers: int
    svm_c: float

    def __post_init__(self) -> None:
        for name in ("emotions", "widths", "frozen", "n_speakers"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        for name, least in _WHOLE.items():
            values = getattr(self, name)
            for value in values if isinstance(values, tuple) else (values,):
                if not isinstance(value, int) or isinstance(value, bool) or value < least:
                    raise _wrong(name, value, f"a whole number from {least}")
        for name in ("learning_rate", "tuning_learning_rate", "relative_rate", "svm_c"):
            if not _is_number(getattr(self, name)) or getattr(self, name) <= 0:
                raise _wrong(name, getattr(self, name), "a number above 0")
        if not _is_number(self.relative_limit) or not 0 < self.relative_limit < 1:
            raise _wrong("relative_limit", self.relative_limit, "a number above 0 and below 1")
        if self.decision not in ("mean", "sum"):
            raise _wrong("decision", self.decision, "mean or sum")
        if len(self.emotions) < 2 or vocabulary.present(self.emotions) != self.emotions:
            known = ", ".join(vocabulary.EMOTIONS)
            raise _wrong("emotions", ", ".join(map(str, self.emotions)), f"some of {known}, sorted")
        if not self.widths or max(self.frozen, default=0) >= len(self.widths):
            raise _wrong("frozen", max(self.frozen, default=0), "less than there are widths")
        for name, grid in (("frozen", self.frozen), ("n_speakers", self.n_speakers)):
            if not grid or len(set(grid)) < len(grid):
                raise _wrong(name, ", ".join(map(str, grid)), "at least one number, none twice")
            if getattr(self, f"chosen_{name}") not in grid:
                raise _wrong(f"chosen_{name}", getattr(self, f"chosen_{name}"), f"one of {name}")

    @property
    def program(self) -> Program:
        """How the networks look, and how they are trained and asked."""
        return Program(
            n_emotions=len(self.emotions),
            widths=self.widths,
            decision_nodes=self.decision_nodes,
            per_emotion=self.per_emotion,
            epochs=self.epochs,
            learning_rate=self.learning_rate,
            tuning_per_emotion=self.tuning_per_emotion,
            tuning=Schedule(
                steps=self.tuning_steps,
                learning_rate=self.tuning_learning_rate,
                relative_rate=self.relative_rate,
                limit=self.relative_limit,
            ),
            sums=self.decision == "sum",
        )


_WHOLE = {
    "widths": 1,
    "decision_nodes": 0,
    "per_emotion": 2,
    "epochs": 1,
    "tuning_per_emotion": 2,
    "tuning_steps": 1,
    "frozen": 0,
    "n_speakers": 2,
    "repeats": 1,
}


def emotions(params: Params) -> tuple[str, ...]:
    """The emotions that every cell scores."""
    return params.emotions


def plan(params: Params, source: Table, target: Table, seed: int) -> list[list[Cell]]:
    """Groups: the baselines; out of domain; in domain; and the grid, one group a number frozen.

    A fine-tuned cell starts from the network that was trained on the source in its own repeat, so
    that repeats share nothing but the clips. Cells of one repeat draw the same speakers. Raises
    ParameterError where the target has too few speakers for the grid, or a corpus lacks clips.
    """
    clips, others = (Labelled.of(table, params.emotions) for table in (target, source))
    n_folds = len(np.unique(clips.speaker))
    if len(np.unique(others.emotion)) < 2 or max(params.n_speakers) >= n_folds:
        raise ParameterError(
            f"params.yaml: methods.feng2020 adapts to {max(params.n_speakers)} of the {n_folds} "
            f"speakers of '{target.corpus}' from '{source.corpus}' with {len(others.emotion)} clips"
            "; leave one speaker at least to test, and take a source with two of the emotions."
        )
    guesses = [
        Cell(settings={"model": model, "variant": variant}, fold=fold, repeat=0, seed=seed)
        for model in GUESSES
        for variant, folds in ((OUT_OF_DOMAIN, 1), (IN_DOMAIN, n_folds))
        for fold in range(folds)
    ]
    repeats = range(params.repeats)
    out = [_siamese(OUT_OF_DOMAIN, repeat=repeat, seed=seed + repeat) for repeat in repeats]
    within = [_siamese(IN_DOMAIN, fold=fold, seed=seed) for fold in range(n_folds)]
    grid = [
        [
            _siamese(
                variant,
                repeat=repeat,
                seed=seed + repeat,
                settings={"frozen": frozen, "n_speakers": n_speakers, "tested": tested},
            )
            for variant in (FINE_TUNING, RELATIVE)
            for n_speakers in params.n_speakers
            for repeat in repeats
            for tested in TESTED
        ]
        for frozen in params.frozen
    ]
    return [guesses, out, within, *grid]


def run(
    cells: Sequence[Cell], params: Params, source: Table, target: Table, device: str
) -> list[Outcome]:
    """The outcomes of some cells; one variant and number of frozen layers is one program."""
    how = params.program
    labelled = [Labelled.of(table, params.emotions) for table in (source, target)]
    kinds: dict[tuple, list[Cell]] = {}
    for cell in cells:
        settings = cell.settings
        key = (settings["model"], settings["variant"], settings.get("frozen"))
        kinds.setdefault(key, []).append(cell)
    seeds = sorted({cell.seed for cell in cells if "frozen" in cell.settings})
    start = transfer_outcomes.from_source(seeds, labelled[0], how, device) if seeds else None
    found: dict[Cell, Outcome] = {}
    for (model, variant, _), some in kinds.items():
        if model in GUESSES:
            found |= {cell: _guess(cell, params, *labelled) for cell in some}
        elif variant == OUT_OF_DOMAIN:
            found |= transfer_outcomes.out_of_domain(some, *labelled, how, device)
        elif variant == IN_DOMAIN:
            found |= transfer_outcomes.in_domain(some, labelled[1], how, device)
        else:
            parents = [seeds.index(cell.seed) for cell in some]
            found |= transfer_outcomes.fine_tuned(some, start, parents, labelled[1], how)
    return [found[cell] for cell in cells]


def stamps(params: Params, settings: Mapping[str, Setting]) -> tuple[str, ...]:
    """Said of every cell that tests other clips of the speakers whose clips it was given."""
    tests_known = settings.get("tested") == "all_speakers"
    return ("tests speakers it adapted to",) if tests_known else ()


def tables(
    stored: Stored, params: Params, source: Table, target: Table, evaluation: evaluation.Params
) -> dict[str, pd.DataFrame]:
    """table1, figure2 and gain; see `studies.transfer_tables`."""
    chosen = {"frozen": params.chosen_frozen, "n_speakers": params.chosen_n_speakers}
    return transfer_tables.tables(stored, chosen, evaluation)


def headline(
    params: Params, summary: pd.DataFrame, tables: Mapping[str, pd.DataFrame]
) -> dict[str, dict[str, float]]:
    """The rows of table 1, each under its variant and how it was chosen; none without a source."""
    return transfer_tables.headline(tables["table1"]) if tables else {}


def shown(params: Params, summary: pd.DataFrame, tables: Mapping[str, pd.DataFrame]) -> list[str]:
    """The cells of table 1, for the grid has many."""
    return list(tables["table1"]["cell"]) if tables else []


def _siamese(
    variant: str,
    *,
    seed: int,
    fold: int = 0,
    repeat: int = 0,
    settings: Mapping[str, Setting] | None = None,
) -> Cell:
    named = {"model": "siamese", "variant": variant, **(settings or {})}
    return Cell(settings=named, fold=fold, repeat=repeat, seed=seed)


def _guess(cell: Cell, params: Params, source: Labelled, target: Labelled) -> Outcome:
    train, test = source, target
    if cell.settings["variant"] == IN_DOMAIN:
        tested = target.of_fold(cell.fold)
        train, test = target.take(~tested), target.take(tested)
    if cell.settings["model"] == "majority":
        return transfer_outcomes.majority(cell, train, test, len(params.emotions))
    return transfer_outcomes.linear_svm(cell, train, test, params.svm_c, len(params.emotions))


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _wrong(name: str, value: object, wanted: str) -> ParameterError:
    return ParameterError(f"params.yaml: methods.feng2020.{name} is '{value}'; write {wanted}.")

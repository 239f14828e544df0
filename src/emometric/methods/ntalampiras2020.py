"""ntalampiras2020: a siamese CNN learns analogies; the most similar clip of the support decides.

A twin sees the log-Mel and the modulation spectrogram of a clip, a branch for each; a head on
|difference| of two embeddings says how similar they are. Four studies, by `protocol`: one speaker
left out, few known speakers, few known emotions, and each emotion in turn unknown. Beside the
published network stand variants: what is trained otherwise, and a third branch of functionals.
FACTS: sections 3 and 4 of the paper; what it leaves open are settings.

Departures: Adam with weight decay and a rate that rises and falls, for plain descent at 6e-5 takes
thousands of epochs; random pieces of one length, for the fixed input length is not said; pictures
shrunk by `shrink` before the first layer, for a CPU's sake (1: not).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import pandas as pd

from emometric import emotions as vocabulary
from emometric import parallel, ranges
from emometric.base import parts
from emometric.base.errors import ParameterError
from emometric.scoring import evaluation
from emometric.studies import analogies, analogy_folds, analogy_work
from emometric.studies.analogy_folds import PROTOCOLS
from emometric.studies.analogy_outcomes import RULES
from emometric.studies.analogy_training import Schedule, train
from emometric.studies.analogy_variants import Shared, Variant, variant
from emometric.studies.analogy_work import Setup, Work
from emometric.studies.augmentation import Augmentation
from emometric.studies.cell import Cell, Outcome, Stored, Table

VERSION = 1
TUNED = "its settings were chosen on training speakers of three folds, whom other folds test"
_WHERE = "methods.ntalampiras2020"


@dataclass(frozen=True, kw_only=True)
class Params:
    """Settings of the method; comments in params.yaml give the paper's sections.

    protocol: of analogy_folds.PROTOCOLS, whose `Rules` says what n_known, n_speakers, repeats,
    n_folds and valid_share are. variants: by name, what `analogy_variants.Variant` holds; chosen:
    those that are trained. shrink: neighbouring values of a picture, on both axes, of which the
    mean is taken; crop_frames: of a log-Mel picture, before that; augmentation: of the variants
    that vary their pictures; group: folds that are trained, kept and lost together; the rest:
    `analogy_training.Schedule` and `picture_twin.TwinParams`.
    """

    protocol: str
    emotions: Sequence[str]
    variants: Mapping[str, Mapping[str, Any] | None]
    chosen: Sequence[str]
    n_known: Sequence[int]
    n_speakers: int
    repeats: int
    n_folds: int
    valid_share: float
    widths: Sequence[int]
    dim: int
    shrink: int
    crop_frames: int
    batch_size: int
    epochs: int
    check_every: int
    patience: int
    learning_rate: float
    weight_decay: float
    augmentation: Mapping[str, Any]
    group: int

    def __post_init__(self):
        parts.check_name(f"{_WHERE}.protocol", self.protocol, PROTOCOLS)
        for name in self.emotions:
            parts.check_name(f"{_WHERE}.emotions", name, vocabulary.EMOTIONS)
        for name in self.chosen:
            parts.check_name(f"{_WHERE}.variants", name, self.variants)
        for name, least in (
            ("n_speakers", 1),
            ("repeats", 1),
            ("n_folds", 2),
            ("dim", 1),
            ("shrink", 1),
            ("crop_frames", 1),
            ("batch_size", 4),
            ("epochs", 1),
            ("check_every", 1),
            ("patience", 1),
            ("group", 1),
        ):
            ranges.check_whole(f"{_WHERE}.{name}", getattr(self, name), least)
        for place, name in (("n_known", self.n_known), ("widths", self.widths)):
            for value in name:
                ranges.check_whole(f"{_WHERE}.{place}", value, 1)
        ranges.check_share(f"{_WHERE}.valid_share", self.valid_share)
        if len(self.widths) != 3 or len(self.emotions) < 2 or not len(self.chosen):
            raise ParameterError(
                f"params.yaml: {_WHERE} needs three widths, two emotions and a chosen variant; add "
                "what lacks."
            )
        if self.protocol.startswith("known_") and not len(self.n_known):
            raise ParameterError(
                f"params.yaml: {_WHERE}.n_known is empty; {self.protocol} asks for numbers."
            )
        self.of_variants()
        self.augmented()

    def of_variants(self) -> dict[str, Variant]:
        """The chosen variants, by name, in the order of `variants`."""
        return {
            name: variant(name, settings)
            for name, settings in self.variants.items()
            if name in self.chosen
        }

    def augmented(self) -> Augmentation:
        """How the pictures of some variants vary."""
        known = [field.name for field in fields(Augmentation)]
        for key in self.augmentation:
            parts.check_name(f"{_WHERE}.augmentation", key, known)
        for key in known:
            if key not in self.augmentation:
                raise ParameterError(f"params.yaml: {_WHERE}.augmentation lacks '{key}'; add it.")
        return Augmentation(**self.augmentation)

    def schedule(self) -> Schedule:
        return Schedule(
            batch_size=self.batch_size,
            check_every=self.check_every,
            patience=self.patience,
            weight_decay=self.weight_decay,
            crop_rows=max(1, self.crop_frames // self.shrink),
        )

    def rules(self) -> analogy_folds.Rules:
        return analogy_folds.Rules(
            protocol=self.protocol,
            emotions=emotions(self),
            n_known=self.n_known,
            n_speakers=self.n_speakers,
            repeats=self.repeats,
            n_folds=self.n_folds,
            valid_share=self.valid_share,
        )

    def setup(self) -> Setup:
        """What a group of trainings needs to know."""
        return Setup(
            rules=self.rules(),
            schedule=self.schedule(),
            variants=self.of_variants(),
            shared=Shared(
                widths=self.widths,
                dim=self.dim,
                epochs=self.epochs,
                rate=self.learning_rate,
                augmentation=self.augmented(),
            ),
            shrink=self.shrink,
        )


def emotions(params: Params) -> tuple[str, ...]:
    """The emotions of the study, in the vocabulary's order."""
    return vocabulary.present(params.emotions)


def plan(params: Params, source: Table, target: Table, seed: int) -> list[list[Cell]]:
    """All variants and rules of `group` folds together; within one corpus only."""
    if source.corpus != target.corpus:
        raise ParameterError(
            f"studies: ntalampiras2020 works within one corpus, not from {source.corpus} to "
            f"{target.corpus}; give source and target the same name."
        )
    rules = params.rules()
    units = list(analogy_folds.units(analogy_folds.taking_part(source.clips, rules), rules, seed))
    size = params.group
    return [
        [
            Cell(
                settings={"variant": name, "rule": rule, **dict(unit.settings)},
                fold=unit.number,
                repeat=unit.fold.repeat,
                seed=seed,
            )
            for unit in units[first : first + size]
            for name, one in params.of_variants().items()
            for rule in (RULES if one.svm_c is None else RULES[:1])
        ]
        for first in range(0, len(units), size)
    ]


def run(
    cells: Sequence[Cell], params: Params, source: Table, target: Table, device: str
) -> list[Outcome]:
    """Train the networks of a group, in processes of their own on a CPU, and decide with each.

    A network that several variants name is trained once.
    """
    work = Work(params.setup(), source, cells[0].seed, device)
    jobs = {key: work.job(*key) for cell in cells for key in work.keys(cell)}
    processes = parallel.processors() if device == "cpu" else 1
    done = parallel.run(train, list(jobs.values()), processes=processes, tick=lambda: None)
    trained = dict(zip(jobs, done, strict=True))
    return [work.outcome(cell, [trained[key] for key in work.keys(cell)]) for cell in cells]


def stamps(params: Params, settings: dict) -> tuple[str, ...]:
    """No variant has a speaker in common with its test; ours, not the paper's, were tuned."""
    one = params.of_variants()[settings["variant"]]
    return (TUNED,) if one.augment or one.softmax else ()


def tables(
    stored: Stored, params: Params, source: Table, target: Table, rules: evaluation.Params
) -> dict[str, pd.DataFrame]:
    """What `studies.analogies` makes of the study: accuracy, curve, confusion, pairs and so on."""
    return analogies.tables(stored, emotions(params), target.clips, rules)


def learnt(
    cells: Sequence[Cell], params: Params, source: Table, target: Table
) -> list[Sequence[str]]:
    """Ids of the clips that each network trained on or stopped by, or that its support holds."""
    found, rules = [], params.rules()
    folds: dict[int, dict] = {}
    for cell in cells:
        if cell.seed not in folds:
            own = analogy_folds.taking_part(source.clips, rules)
            units = analogy_folds.units(own, rules, cell.seed)
            folds[cell.seed] = {unit.key: unit.fold for unit in units}
        fold = folds[cell.seed][analogy_work.key(cell)]
        found.append((*fold.train, *fold.valid, *fold.enrol))
    return found

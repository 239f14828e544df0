"""What closed forms reach on functionals, whole speakers left out: what a network has to pass.

Not of a paper. `svm`: a linear SVM, standardised by the training clips. `lda`: the nearest emotion
mean under a learned Mahalanobis distance (`decisions.lda`), functionals by their ranks.
`lda_source`: the same, which also learns from another corpus's clips. `svm_by_speaker`: the SVM
after each speaker was standardised by itself, also the tested one, without labels; what it is ahead
is what not knowing a voice costs.

How much the covariance is shrunk is chosen in each fold by leaving out its training speakers in
turn. That ranks and the nearest mean are taken was chosen of 72 variants by RAVDESS and EMOVO, and
`source_weight` by inner folds of Emo-DB, in both cases with speakers left out (stamped).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from emometric import emotions as vocabulary
from emometric import parallel, ranges
from emometric.base import parts
from emometric.base.errors import ParameterError, SplitError, StoreError
from emometric.decisions import lda
from emometric.scoring import evaluation
from emometric.studies import component_folds, components, functional_systems
from emometric.studies.cell import Cell, Outcome, Setting, Stored, Table
from emometric.studies.functional_systems import (
    BY_SPEAKER,
    LDA,
    LDA_SOURCE,
    SYSTEMS,
    Job,
    Spoken,
)

VERSION = 1  # raise it with every change that changes results
TRANSDUCTIVE = "transductive: a test speaker's clips, without labels, set their mean and deviation"
LOOKED_AT = "this form was put together after other forms had been tested on these speakers"
_WHERE = "methods.functionals"


@dataclass(frozen=True, kw_only=True)
class Params:
    """systems: of SYSTEMS; emotions: of the vocabulary, at least two; n_folds: of whole speakers,
    as many as there are speakers leave out one at a time; shares: of the covariance that are
    tried, from above 0 to 1; source_weight: of a clip of the source beside one of the target,
    above 0; svm_c: cost of a clip inside the margin."""

    systems: Sequence[str]
    emotions: Sequence[str]
    n_folds: int
    shares: Sequence[float]
    source_weight: float
    svm_c: float

    def __post_init__(self) -> None:
        for name in self.systems:
            parts.check_name(f"{_WHERE}.systems", name, SYSTEMS)
        for name in self.emotions:
            parts.check_name(f"{_WHERE}.emotions", name, vocabulary.EMOTIONS)
        if not (len(self.systems) and len(self.shares) and len(set(self.emotions)) > 1):
            raise ParameterError(
                f"params.yaml: {_WHERE} names no system, no share or fewer than two emotions; name "
                "one, one and two at least."
            )
        for share in self.shares:
            if not (isinstance(share, (int, float)) and 0 < share <= 1):
                raise ParameterError(
                    f"params.yaml: {_WHERE}.shares has '{share}'; write numbers above 0, at most 1."
                )
        ranges.check_whole(f"{_WHERE}.n_folds", self.n_folds, 2)
        for name in ("source_weight", "svm_c"):
            value = getattr(self, name)
            if not (isinstance(value, (int, float)) and 0 < value < np.inf):
                raise ParameterError(
                    f"params.yaml: {_WHERE}.{name} is '{value}'; write a number above 0."
                )

    def rules(self) -> component_folds.Rules:
        """Whole speakers, dealt out."""
        return component_folds.Rules(
            protocol="speaker_folds",
            path="",
            n_folds=self.n_folds,
            first_folds=None,
            valid_trains=True,
            emotions=emotions(self),
        )


def emotions(params: Params) -> tuple[str, ...]:
    """The emotions of the study, in the vocabulary's order."""
    return vocabulary.present(params.emotions)


def plan(params: Params, source: Table, target: Table, seed: int) -> list[list[Cell]]:
    """A group of all folds for each system; what learns from the source, only where that is another
    corpus. Raises SplitError where it shares speakers with the target."""
    rules = params.rules()
    clips = component_folds.taking_part(target.clips, rules)
    n_folds = len(component_folds.folds(clips, rules, seed))
    is_other = source.corpus != target.corpus
    if is_other and _speakers(source) & _speakers(target):
        raise SplitError(
            f"{source.corpus} holds speakers of {target.corpus}, which is tested; name another "
            "source in params.yaml."
        )
    return [
        [
            Cell(settings={"system": system}, fold=fold, repeat=0, seed=seed)
            for fold in range(n_folds)
        ]
        for system in params.systems
        if is_other or system != LDA_SOURCE
    ]


def run(
    cells: Sequence[Cell], params: Params, source: Table, target: Table, device: str
) -> list[Outcome]:
    """Every fold of a system, several at a time."""
    rules = params.rules()
    clips = component_folds.taking_part(target.clips, rules)
    own, other = _spoken(target, rules), None
    if any(cell.settings["system"] == LDA_SOURCE for cell in cells):
        other = _spoken(source, rules)
        other = replace(other, values=lda.normal_scores(other.values, other.values))
    folds = component_folds.folds(clips, rules, cells[0].seed)
    jobs = []
    for cell in cells:
        fold = folds[cell.fold]
        roles = (component_folds.learns(fold, rules), fold.test)
        learned, tested = (np.flatnonzero(clips["id"].isin(set(ids))) for ids in roles)
        jobs.append(
            Job(
                cell=cell,
                clips=clips,
                own=own,
                learned=learned,
                tested=tested,
                source=other if cell.settings["system"] == LDA_SOURCE else None,
                source_weight=params.source_weight,
                shares=tuple(params.shares),
                svm_c=params.svm_c,
                n_emotions=len(emotions(params)),
            )
        )
    return parallel.run(
        functional_systems.outcome, jobs, processes=parallel.processors(), tick=lambda: None
    )


def stamps(params: Params, settings: Mapping[str, Setting]) -> tuple[str, ...]:
    """What hears the test speaker, and what was put together late."""
    if settings["system"] == BY_SPEAKER:
        return (TRANSDUCTIVE,)
    return (LOOKED_AT,) if settings["system"] in (LDA, LDA_SOURCE) else ()


def tables(
    stored: Stored, params: Params, source: Table, target: Table, rules: evaluation.Params
) -> dict[str, pd.DataFrame]:
    """accuracy, confusion: `studies.components`; gains: `studies.functional_systems`."""
    return {
        "accuracy": components.accuracy(stored, rules),
        "confusion": components.confusion(stored, emotions(params)),
        "gains": functional_systems.gains(stored, rules),
    }


def learnt(
    cells: Sequence[Cell], params: Params, source: Table, target: Table
) -> list[Sequence[str]]:
    """Ids of the target's clips that each system was fitted on."""
    rules = params.rules()
    clips = component_folds.taking_part(target.clips, rules)
    return [
        component_folds.learns(component_folds.folds(clips, rules, cell.seed)[cell.fold], rules)
        for cell in cells
    ]


def _speakers(table: Table) -> set[tuple[str, str]]:
    return set(zip(table.clips["corpus"], table.clips["speaker"], strict=True))


def _spoken(table: Table, rules: component_folds.Rules) -> Spoken:
    """The clips of a corpus that take part."""
    if table.lengths is not None:
        raise StoreError(
            f"{table.corpus}: functionals are asked for, and the study's first feature has frames; "
            "name compare or egemaps first."
        )
    clips = component_folds.taking_part(table.clips, rules)
    emotion = clips["emotion"].map(vocabulary.present(rules.emotions).index)
    return Spoken(
        values=table.values[clips.index],
        emotion=emotion.to_numpy(np.int64),
        speaker=clips["speaker"].to_numpy(),
    )

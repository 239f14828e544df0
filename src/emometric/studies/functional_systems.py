"""Systems in closed form on functionals: a linear SVM and learned distances."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import threadpoolctl

from emometric.decisions import lda, svm_linear
from emometric.parallel import Tick
from emometric.scoring import evaluation
from emometric.studies import statistics
from emometric.studies.cell import EMBEDDING_COLUMNS, Cell, Outcome, Stored
from emometric.studies.standardised import standardise

SVM, LDA, LDA_SOURCE, BY_SPEAKER = SYSTEMS = ("svm", "lda", "lda_source", "svm_by_speaker")
GAIN = ("system", "gain", "gain_low", "gain_high", "p", "n_speakers")


@dataclass(frozen=True, kw_only=True)
class Spoken:
    """Clips of a corpus: values (n, width), and emotion (counted as the study does) and speaker of
    each."""

    values: np.ndarray
    emotion: np.ndarray
    speaker: np.ndarray

    def take(self, rows: np.ndarray) -> "Spoken":
        return Spoken(
            values=self.values[rows], emotion=self.emotion[rows], speaker=self.speaker[rows]
        )


@dataclass(frozen=True, kw_only=True)
class Job:
    """A cell: whom it learns from and whom it decides.

    own: all clips of the tested corpus that take part; learned, tested: rows of it. source: clips
    of another corpus, their values as `lda.normal_scores` among themselves, None: nothing is
    learned from it; source_weight: how much one of them counts beside one of the tested corpus.
    shares: of which the inner folds choose; svm_c: of the SVM.
    """

    cell: Cell
    clips: pd.DataFrame
    own: Spoken
    learned: np.ndarray
    tested: np.ndarray
    source: Spoken | None
    source_weight: float
    shares: Sequence[float]
    svm_c: float
    n_emotions: int


def outcome(job: Job, tick: Tick) -> Outcome:
    """Fit on the training clips and decide the tested; the same bits on any number of cores."""
    with threadpoolctl.threadpool_limits(1):
        system = job.cell.settings["system"]
        numbers = {}
        if system in (LDA, LDA_SOURCE):
            share = chosen_share(job)
            numbers["share"] = share
            scores = _by_distance(job, job.learned, job.tested, [share])[0]
        else:
            values = job.own.values
            if system == BY_SPEAKER:
                values = _by_speaker(values, job.own.speaker)
            machine = svm_linear.Decision(svm_linear.Params(c=job.svm_c), job.n_emotions)
            machine.fit(values[job.learned], job.own.emotion[job.learned])
            scores = machine.scores(values[job.tested])
    tick()
    return Outcome(
        cell=job.cell,
        clips=job.clips.iloc[job.tested][["id", "speaker", "emotion"]],
        scores=scores,
        embedding=pd.DataFrame([], columns=list(EMBEDDING_COLUMNS)),
        numbers=numbers,
    )


def chosen_share(job: Job) -> float:
    """The share of `shares` with most clips right where each training speaker is left out in turn,
    the first of equals; nothing is tried where there is one share or one speaker."""
    speaker = job.own.speaker[job.learned]
    if len(job.shares) == 1 or len(np.unique(speaker)) == 1:
        return job.shares[0]
    right = np.zeros(len(job.shares), dtype=np.int64)
    for one in np.unique(speaker):
        asked = job.learned[speaker == one]
        found = _by_distance(job, job.learned[speaker != one], asked, job.shares)
        right += [(scores.argmax(axis=1) == job.own.emotion[asked]).sum() for scores in found]
    return job.shares[int(right.argmax())]


def gains(stored: Stored, rules: evaluation.Params) -> pd.DataFrame:
    """What each system's UAR has over the SVM's, paired over speakers; columns `GAIN`.

    p and the interval as in `statistics.over_speakers`. No rows where the study lacks the SVM.
    """
    name = "system={}".format
    present = set(stored.cells["cell"])
    rows = []
    for system in SYSTEMS[1:]:
        if {name(system), name(SVM)} <= present:
            one = statistics.over_speakers(
                stored.cells, name(system), name(SVM), rules, stored.seed
            )
            rows.append((system, one.difference, one.low, one.high, one.p, one.n_units))
    return pd.DataFrame(rows, columns=GAIN)


def _by_distance(
    job: Job, learned: np.ndarray, asked: np.ndarray, shares: Sequence[float]
) -> list[np.ndarray]:
    """Scores of the clips asked for under each share, learned from these clips and the source.

    Functionals count by their rank within their corpus: of the tested one among the clips that are
    learned from.
    """
    own = job.own.take(learned)
    values, emotion = lda.normal_scores(own.values, own.values), own.emotion
    weight = np.ones(len(values))
    if job.source is not None:
        values = np.concatenate([values, job.source.values])
        emotion = np.append(emotion, job.source.emotion)
        weight = np.append(weight, np.full(len(job.source.values), job.source_weight))
    within = lda.Within(values, emotion, weight)
    points = lda.normal_scores(job.own.values[asked], own.values)
    return [within.scores(points, share, job.n_emotions) for share in shares]


def _by_speaker(values: np.ndarray, speaker: np.ndarray) -> np.ndarray:
    """Each speaker's clips standardised by themselves, with no regard to who is tested."""
    found = np.empty(values.shape)
    for one in np.unique(speaker):
        own = values[speaker == one].astype(np.float64)
        found[speaker == one] = standardise(own, own)
    return found

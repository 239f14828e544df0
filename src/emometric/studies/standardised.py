"""What das2022 trains on and tests: without outliers, standardised, in folds."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from emometric.division import speakers, strata
from emometric.studies.cell import Table

FOLDS = ("stratified", "speakers")


@dataclass(frozen=True, kw_only=True)
class Rules:
    """emotions: the classes; merged: {label: the class that it counts as}; all_emotions: clips of
    other emotions, or of none, take part too where labels of a class are not asked for; outlier:
    largest |z| that is let in; share: of a transfer corpus, that standardises the rest."""

    emotions: tuple[str, ...]
    merged: Mapping[str, str]
    all_emotions: bool
    outlier: float
    share: float


@dataclass(frozen=True, kw_only=True)
class Part:
    """Clips with their standardised values, row for row: clips (n) and values (n, width)."""

    clips: pd.DataFrame
    values: np.ndarray

    def __len__(self) -> int:
        return len(self.clips)

    def take(self, chosen: np.ndarray) -> "Part":
        return Part(clips=self.clips[chosen].reset_index(drop=True), values=self.values[chosen])


@dataclass(frozen=True, kw_only=True)
class View:
    """A fold: what is trained on, what is tested, and how many clips were outliers."""

    train: Part
    test: Part
    n_outliers: int


def taking_part(table: Table, rules: Rules) -> Table:
    """The clips of a corpus that take part, `merged` labels replaced, others None."""
    emotion = table.clips["emotion"].replace(dict(rules.merged))
    known = emotion.isin(rules.emotions).to_numpy()
    clips = table.clips.assign(emotion=emotion.where(known, None).astype(object))
    whole = Table(corpus=table.corpus, clips=clips, values=table.values, names=table.names)
    return whole if rules.all_emotions else whole.take(known)


def within(table: Table, rules: Rules, kind: str, n_folds: int, seed: int) -> list[View]:
    """Folds within one corpus; `table` as `taking_part` gives it.

    kind "stratified", as released: clips are dealt out at random, emotion by emotion, so that
    speakers are shared; outliers are found among all clips, tested ones too, and left out. kind
    "speakers": whole speakers are dealt out; outliers are found among the training clips and left
    out of training; every test clip is tested, its values limited to the largest |z| let in.
    Mean and deviation come from the training clips that are left, in both kinds.
    """
    values = table.values.astype(np.float64)
    fits = np.ones(len(table), dtype=bool)
    if kind == "stratified":
        fits = ~outliers(values, values, rules.outlier)
    fold_of = np.full(len(table), -1)
    fold_of[fits] = deal(table.clips[fits], kind, n_folds, seed)
    views = []
    for fold in range(fold_of.max(initial=-1) + 1):
        known, asked = fits & (fold_of != fold), fold_of == fold
        if kind == "speakers":
            known &= ~outliers(values, values[known], rules.outlier)
        standard = standardise(values, values[known])
        tested = standard if kind == "stratified" else _limited(standard, rules.outlier)
        views.append(
            View(
                train=Part(clips=table.clips, values=standard).take(known),
                test=Part(clips=table.clips, values=tested).take(asked),
                n_outliers=int((~known & ~asked).sum()),
            )
        )
    return views


def transferred(table: Table, rules: Rules, kind: str, seed: int) -> Part:
    """A transfer corpus: a random share of its clips gives mean and deviation, the rest is tested.

    kind "stratified", as published: outliers among all clips are left out beforehand. kind
    "speakers": outliers of the share are left out of it; the rest is all tested, its values
    limited to the largest |z| let in.
    """
    values = table.values.astype(np.float64)
    clips = table.clips
    if kind == "stratified":
        fits = ~outliers(values, values, rules.outlier)
        clips, values = clips[fits].reset_index(drop=True), values[fits]
    n_known = round(rules.share * len(clips))
    order = np.random.default_rng([seed, 1]).permutation(len(clips))
    known = np.zeros(len(clips), dtype=bool)
    known[order[: max(n_known, 1)]] = True
    base = values[known]
    if kind == "speakers":
        base = base[~outliers(base, base, rules.outlier)]
    standard = standardise(values, base)
    if kind == "speakers":
        standard = _limited(standard, rules.outlier)
    return Part(clips=clips, values=standard).take(~known)


def refolded(part: Part, rules: Rules, kind: str, n_folds: int, seed: int) -> list[View]:
    """Folds of a transfer corpus's tested clips, for what learns from that corpus's own labels."""
    fold_of = deal(part.clips, kind, n_folds, seed)
    # Where nothing was left out, values were limited: the limit is where an outlier stands.
    out = (np.abs(part.values) >= rules.outlier).any(axis=1) & (kind == "speakers")
    return [
        View(
            train=part.take((fold_of != fold) & ~out),
            test=part.take(fold_of == fold),
            n_outliers=int(((fold_of != fold) & out).sum()),
        )
        for fold in range(fold_of.max(initial=-1) + 1)
    ]


def n_folds_of(clips: pd.DataFrame, kind: str, n_folds: int) -> int:
    """How many folds there can be: at most one a speaker; none for a single speaker."""
    if kind == "stratified":
        return n_folds if len(clips) >= 2 * n_folds else 0
    n_speakers = clips["speaker"].nunique()
    return min(n_folds, n_speakers) if n_speakers > 1 else 0


def deal(clips: pd.DataFrame, kind: str, n_folds: int, seed: int) -> np.ndarray:
    """The fold of each clip: (n,) int64; clips of other emotions are one class of their own."""
    labelled = clips.assign(emotion=clips["emotion"].fillna("none"))
    generator = np.random.default_rng([seed, 0])
    n_folds = n_folds_of(clips, kind, n_folds)
    if not n_folds:
        return np.full(len(clips), -1)
    if kind == "stratified":
        return strata.deal(labelled["emotion"].to_numpy(dtype=str), n_folds, generator)
    names, counts = speakers.count(labelled)
    fold_of = dict(zip(names, speakers.deal(counts, n_folds, generator), strict=True))
    return clips["speaker"].map(fold_of).to_numpy(dtype=np.int64)


def outliers(values: np.ndarray, base: np.ndarray, limit: float) -> np.ndarray:
    """Which rows have a value with |z| > limit under mean and deviation of `base`: (n,) bool."""
    return (np.abs(standardise(values, base)) > limit).any(axis=1)


def standardise(values: np.ndarray, base: np.ndarray) -> np.ndarray:
    """Each column less the mean of `base`, over its deviation (n, not n - 1); 0 where that is 0."""
    deviation = base.std(axis=0)
    spread = deviation > 1e-9 * np.abs(base).max(axis=0, initial=0.0)
    return np.where(spread, (values - base.mean(axis=0)) / np.where(spread, deviation, 1.0), 0.0)


class Views:
    """What each cell of a study trains on and tests, made once.

    Learned from is the source, in its folds; or (`supervised`) the tested corpus itself, in folds
    of its tested clips. Tested are the source's other folds where source and target are one
    corpus, else the target, the same clips in all folds.
    """

    def __init__(self, source: Table, target: Table, rules: Rules, n_folds: int):
        self.rules, self.n_folds = rules, n_folds
        self.is_transfer = source.corpus != target.corpus
        self.source = taking_part(source, rules)
        self.target = taking_part(target, rules)
        self._made: dict[tuple[bool, str, int], list[View]] = {}
        self._tested: dict[tuple[str, int], Part] = {}

    def tested(self, kind: str, seed: int) -> Part:
        """The tested clips of a transfer corpus."""
        key = (kind, seed)
        if key not in self._tested:
            self._tested[key] = transferred(self.target, self.rules, kind, seed)
        return self._tested[key]

    def folds(self, supervised: bool, kind: str, seed: int) -> list[View]:
        """The folds of the corpus learned from; none where it has too few clips or speakers."""
        key = (supervised, kind, seed)
        if key not in self._made:
            if supervised and self.is_transfer:
                views = refolded(self.tested(kind, seed), self.rules, kind, self.n_folds, seed)
            else:
                views = within(self.source, self.rules, kind, self.n_folds, seed)
            self._made[key] = views
        return self._made[key]

    def of(self, supervised: bool, kind: str, fold: int, seed: int) -> View:
        """A fold, with what is tested under it in place of the source's other fold."""
        view = self.folds(supervised, kind, seed)[fold]
        if self.is_transfer and not supervised:
            return replace(view, test=self.tested(kind, seed))
        return view


def _limited(values: np.ndarray, limit: float) -> np.ndarray:
    return values.clip(-limit, limit)

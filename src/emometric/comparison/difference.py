"""All that differs between two revisions, gathered; as data for machines."""

import math
from dataclasses import asdict, dataclass
from typing import Any

from emometric.base import settings as settings_file
from emometric.base.errors import ParameterError
from emometric.comparison import changes, recorded
from emometric.comparison.pairing import Change
from emometric.comparison.recorded import Recorded
from emometric.comparison.revisions import Revision
from emometric.scoring import evaluation

ABSENT = object()  # a key that a revision's params.yaml lacks; None is an empty value
FALLBACK = evaluation.Params(n_resamples=2000, confidence=0.95, perplexity=20)


@dataclass(frozen=True, kw_only=True)
class Rule:
    """Which falls fail: `patterns` of metrics, by more than `tolerance` (`changes.regressions`)."""

    patterns: tuple[str, ...] = ()
    tolerance: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.tolerance < float("inf"):
            raise ParameterError(f"the tolerance is {self.tolerance}; give a number from 0.")


@dataclass(frozen=True, kw_only=True)
class OriginDifference:
    """What differs in reports/<origin>/: headline numbers, and single cells.

    A study with many cells has their mean among the headlines, in place of each of them
    (`changes.means`). regressions: those of both that fail by the rule.
    """

    base: Recorded
    head: Recorded
    headlines: list[Change]
    cells: list[Change]
    regressions: list[Change]

    @property
    def figures(self) -> list[str]:
        """Paths of figures whose bytes are not the same, also new and removed ones, sorted."""
        before, after = self.base.figures, self.head.figures
        return sorted(
            path for path in set(before) | set(after) if before.get(path) != after.get(path)
        )

    @property
    def n_same(self) -> int:
        """Headline numbers that both have with the same value."""
        shared = set(self.base.numbers) & set(self.head.numbers)
        return sum(self.base.numbers[name] == self.head.numbers[name] for name in shared)


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Base against head: by origin, and settings as (key, before, after), `ABSENT` allowed."""

    base: Revision
    head: Revision
    confidence: float
    origins: dict[str, OriginDifference]
    settings: list[tuple[str, Any, Any]]

    @property
    def regressions(self) -> list[tuple[str, Change]]:
        """(origin, change) of every fall that fails."""
        return [
            (name, change) for name, part in self.origins.items() for change in part.regressions
        ]


def compare(base: Revision, head: Revision, rule: Rule) -> Difference:
    """Read both revisions and compare them; nothing is computed from recordings.

    Raises ParameterError for a pattern of `rule` that fits no metric of either.
    """
    values = recorded.settings(base), recorded.settings(head)
    params = _evaluation(values[1])
    origins = {}
    names: set[str] = set()
    for origin in recorded.origins(base, head):
        sides = recorded.read(base, origin), recorded.read(head, origin)
        headlines, cells = _judge(*sides, params)
        names |= {name for side in sides for name in side.numbers}
        names |= {change.name for change in [*headlines, *cells]}
        fallen = changes.regressions(
            # A single cell fails only by name: of hundreds, some leave by chance.
            [*headlines, *(cells if rule.patterns else [])],
            patterns=rule.patterns,
            tolerance=rule.tolerance,
        )
        origins[origin] = OriginDifference(
            base=sides[0], head=sides[1], headlines=headlines, cells=cells, regressions=fallen
        )
    changes.check_patterns(rule.patterns, names)
    return Difference(
        base=base,
        head=head,
        confidence=params.confidence,
        origins=origins,
        settings=_settings(*values),
    )


def _judge(
    base: Recorded, head: Recorded, params: evaluation.Params
) -> tuple[list[Change], list[Change]]:
    """Headlines, and single cells: those without a headline, and those of studies with many."""
    found = changes.headlines(base, head, params)
    many = changes.large(base) | changes.large(head)
    single = [change for change in found if change.is_paired and change.study in many]
    headlines = [change for change in found if change not in single]
    return (
        [*headlines, *changes.means(base, head, params)],
        [*single, *changes.cells(base, head, params)],
    )


def as_data(difference: Difference) -> dict[str, Any]:
    """The difference as JSON can hold it (`_plain`)."""
    data = {
        "base": {"name": difference.base.name, "commit": difference.base.commit},
        "head": {"name": difference.head.name, "commit": difference.head.commit},
        "confidence": difference.confidence,
        "origins": {
            origin: {
                "metrics": [_change(change) for change in part.headlines],
                "cells": [_change(change) for change in part.cells],
                "figures": part.figures,
                "n_same": part.n_same,
            }
            for origin, part in difference.origins.items()
        },
        "params": [
            {"key": key}
            | ({} if before is ABSENT else {"base": before})
            | ({} if after is ABSENT else {"head": after})
            for key, before, after in difference.settings
        ],
        "regressions": [f"{origin}: {change.name}" for origin, change in difference.regressions],
    }
    return _plain(data)


def _plain(value: Any) -> Any:
    """A value as JSON knows it: NaN and infinity become None; a date and its like, text."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, (int, str)) else str(value)


def _change(change: Change) -> dict[str, Any]:
    return {**asdict(change), "direction": change.direction}


def _settings(base: dict[str, Any], head: dict[str, Any]) -> list[tuple[str, Any, Any]]:
    before, after = recorded.flat(base), recorded.flat(head)
    rows = [
        (key, before.get(key, ABSENT), after.get(key, ABSENT))
        for key in [*after, *(key for key in before if key not in after)]
    ]
    return [row for row in rows if row[1] is ABSENT or row[2] is ABSENT or row[1] != row[2]]


def _evaluation(values: dict[str, Any]) -> evaluation.Params:
    """How the head's own intervals are drawn; `FALLBACK` where it does not say."""
    block = values.get("evaluation")
    if not block:
        return FALLBACK
    try:
        return evaluation.Params(**settings_file.at_scale(block, "paper"))
    except TypeError:
        return FALLBACK  # settings of another version of the project

"""The difference of two revisions as a short document: what to read first comes first."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pandas as pd

from emometric import emotions as vocabulary
from emometric.comparison.difference import ABSENT, Difference, OriginDifference
from emometric.comparison.document import Block, Fold, Heading, Listing, Sentence, Table
from emometric.comparison.pairing import Change, Number
from emometric.scoring import metrics

COMMENT = 65_000  # bytes: GitHub refuses a comment of more than 65,536 characters
ORDER = ("change", "removed", "new", "no interval", "noise")
STAND_INS = "Stand-ins speak here: this shows that the machinery turns, and nothing about people."


def blocks(difference: Difference, url: str = "") -> list[Block]:
    """The whole document. url: where files of a commit are shown, as https://github.com/OWNER/NAME;
    empty: figures are named by their path."""
    document: list[Block] = [
        Heading(f"Metrics: {difference.head} against {difference.base}"),
        _verdict(difference),
    ]
    for origin, part in difference.origins.items():
        document += _origin(origin, part, difference, url)
    document += _settings(difference)
    return document


def _verdict(difference: Difference) -> Sentence:
    fallen = difference.regressions
    changed = [
        change
        for part in difference.origins.values()
        for change in part.headlines
        if change.mark == "change"
    ]
    better = sum(change.direction == "better" for change in changed)
    if not difference.origins:
        text = "Neither revision has a reports/<origin>/metrics.json."
    elif not any(part.base.numbers for part in difference.origins.values()):
        text = f"Nothing to compare with: {difference.base} has no metrics, so all are new."
    elif fallen:
        names = ", ".join(f"{change.name} ({origin})" for origin, change in fallen[:5])
        more = f" and {len(fallen) - 5} more" if len(fallen) > 5 else ""
        text = f"{_count(len(fallen), 'regression')}: {names}{more}."
    elif better:
        text = f"No regression; {_count(better, 'number')} better by more than the interval."
    elif any(part.headlines for part in difference.origins.values()):
        text = f"No regression: {_kinds(difference)}."
    else:
        text = "No number differs."
    return Sentence(text, f"**{text}**")


def _kinds(difference: Difference) -> str:
    """How many headline numbers differ by noise, are new and so on: `3 noise, 12 new`."""
    marks = Counter(
        change.mark for part in difference.origins.values() for change in part.headlines
    )
    words = {"no interval": "without an interval", "change": "changed"}
    return ", ".join(f"{marks[mark]} {words.get(mark, mark)}" for mark in ORDER if marks[mark])


def _origin(origin: str, part: OriginDifference, difference: Difference, url: str) -> list[Block]:
    found: list[Block] = [Heading(origin, 3)]
    if origin == "synthetic":
        found.append(Sentence(STAND_INS))
    if not part.base.numbers:
        found.append(Sentence(f"{difference.base} has no metrics here: all of them are new."))
    elif not part.head.numbers:
        found.append(Sentence(f"{difference.head} has no metrics here: all of them are gone."))
    measured = [change for change in part.headlines if change.difference is not None]
    first = [change for change in measured if change.is_paired or change.mark != "no interval"]
    rest = [change for change in part.headlines if change not in first]
    if first:
        found.append(_changes(first))
        found += [Sentence(text) for text in _remarks(first, difference.confidence)]
    if part.base.numbers and part.head.numbers:
        found.append(Sentence(f"{_count(part.n_same, 'number')} as before."))
    found += _cells(part, difference.confidence)
    if rest:
        title = f"{_count(len(rest), 'number')} new, removed, or without an interval"
        found.append(Fold(title, [_changes(rest)]))
    found += _confusions(part)
    found += _figures(part, difference, url)
    return found


def _changes(changes: Sequence[Change]) -> Table:
    ordered = sorted(changes, key=lambda change: ORDER.index(change.mark))
    rows = [
        (
            change.name,
            _number(change.base),
            _number(change.head),
            _signed(change.difference),
            _interval(change),
            " ".join(filter(None, (change.mark, change.direction and f"({change.direction})"))),
        )
        for change in ordered
    ]
    return Table(("metric", "base", "here", "difference", "interval", ""), rows, n_numbers=3)


def _remarks(changes: Sequence[Change], confidence: float) -> list[str]:
    """How to read the table: once for all numbers, then what is special to some."""
    found = []
    if any(change.is_paired for change in changes):
        found.append(
            f"Differences are paired by speaker; the interval ({100 * confidence:g} %) resamples "
            "speakers. A change lies outside of it, noise within."
        )
    special: dict[str, list[str]] = {}
    for change in changes:
        if change.remark:
            special.setdefault(change.remark, []).append(change.name)
    return found + [f"{', '.join(names)}: {remark}." for remark, names in special.items()]


def _cells(part: OriginDifference, confidence: float) -> list[Block]:
    """Numbers of single cells, counted; those that left their interval, in a fold."""
    moved = [change for change in part.cells if change.difference or change.base != change.head]
    if not moved:
        return []
    changed = [change for change in moved if change.mark == "change"]
    chance = round((1 - confidence) * len(moved))
    text = (
        f"Single cells: {_count(len(moved), 'number')} not as before, of which {len(changed)} "
        f"left the interval ({chance} would by chance alone)."
    )
    found: list[Block] = [Sentence(text)]
    if changed:
        title = f"{_count(len(changed), 'number')} of single cells that changed"
        found.append(Fold(title, [_changes(changed)]))
    return found


def _confusions(part: OriginDifference) -> list[Block]:
    sides = {"base": part.base.confusion, "here": part.head.confusion}
    sides = {name: rows for name, rows in sides.items() if len(rows)}
    if not sides:
        return []
    counts = {name: _confusion(rows) for name, rows in sides.items()}
    if len(counts) == 2 and counts["base"] == counts["here"]:
        return [Fold("Confusion matrix of the working run, the same in both", [counts["base"]])]
    inner: list[Block] = []
    for name, table in counts.items():
        inner += [Sentence(f"{name}: per cent of the clips of the true emotion (rows)."), table]
    return [Fold("Confusion matrices of the working run", inner)]


def _confusion(rows: pd.DataFrame) -> Table:
    found = vocabulary.present([*rows["truth"], *rows["predicted"]])
    counts = metrics.confusion(rows["truth"], rows["predicted"], found)
    body = []
    for emotion, row in zip(found, counts, strict=True):
        n = int(row.sum())
        percent = [f"{100 * count / n:.0f}" if n else "" for count in row]
        body.append((emotion, *percent, str(n)))
    return Table(("", *found, "clips"), body)


def _figures(part: OriginDifference, difference: Difference, url: str) -> list[Block]:
    paths = part.figures
    if not paths:
        return []
    lines = []
    for path in paths:
        sides = [
            (word, side)
            for word, side, known in (
                ("base", difference.base, part.base.figures),
                ("here", difference.head, part.head.figures),
            )
            if path in known
        ]
        words = " and ".join(word for word, _ in sides)
        links = [
            f"[{word}]({url}/blob/{side.commit}/{path})" if url and side.commit else word
            for word, side in sides
        ]
        lines.append((f"{path} ({words})", f"`{path}`: {', '.join(links)}"))
    return [Fold(f"{_count(len(paths), 'figure')} that changed", [Listing(lines)])]


def _settings(difference: Difference) -> list[Block]:
    if not difference.settings:
        return [Heading("Settings", 3), Sentence("params.yaml is the same.")]
    rows = [(key, _setting(before), _setting(after)) for key, before, after in difference.settings]
    return [Heading("Settings", 3), Table(("params.yaml", "base", "here"), rows, n_numbers=0)]


def _setting(value: Any) -> str:
    if value is ABSENT:
        return "–"
    return "(empty)" if value is None else str(value)


def _number(value: Number | None) -> str:
    if value is None:
        return "–"
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def _signed(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:+.4f}" if isinstance(value, float) else f"{value:+d}"


def _interval(change: Change) -> str:
    if change.low is None or change.high is None:
        return ""
    return f"{change.low:+.4f} to {change.high:+.4f}"


def _count(n: int, what: str) -> str:
    """`1 number`, `2 numbers`."""
    return f"{n} {what}{'' if n == 1 else 's'}"

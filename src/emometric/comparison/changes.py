"""Which numbers moved from one revision to another, and whether by more than their interval."""

import fnmatch
from collections import Counter
from collections.abc import Iterable, Sequence

import pandas as pd

from emometric.base.errors import ParameterError
from emometric.comparison.pairing import BOUNDS, GROUP, PAIRED, Change, paired, unpaired
from emometric.comparison.recorded import Recorded
from emometric.scoring import evaluation, resampling

FEW = 5  # cells; where a study has more, some leave their interval by chance: their mean counts
MEAN = "mean_of_cells"


def headlines(base: Recorded, head: Recorded, params: evaluation.Params) -> list[Change]:
    """The numbers of metrics.json that differ, in sorted order; bounds of intervals left out."""
    names = sorted(set(base.numbers) | set(head.numbers))
    bounds = {f"{name}{end}" for name in names for end in BOUNDS}
    found = []
    for name in names:
        before, after = base.numbers.get(name), head.numbers.get(name)
        if before == after or name in bounds:
            continue
        if before is None or after is None:
            mark = "new" if before is None else "removed"
            found.append(Change(name=name, base=before, head=after, mark=mark))
            continue
        rows, other = (recalls_of(name, side) for side in (head, base))
        if rows is not None and other is not None:
            found.append(paired(name, (before, after), (other, rows), params))
        else:
            found.append(unpaired(name, base, head))
    return found


def cells(base: Recorded, head: Recorded, params: evaluation.Params) -> list[Change]:
    """UAR of each cell of per_speaker.csv that both revisions have and metrics.json names not.

    Cells whose counts are all the same come with a difference of 0 and the mark noise.
    """
    named = {
        identity
        for side in (base, head)
        for name in side.numbers
        if (identity := _cell_of(name, side)) is not None
    }
    found = []
    for study, cell in sorted((set(base.cells) & set(head.cells)) - named):
        other, rows = (side.cells[study, cell] for side in (base, head))
        values = tuple(round(_pooled_uar(table), 4) for table in (other, rows))
        name = f"{study}.{cell}.uar"
        if _are_same(other, rows):  # hundreds of cells are; resampling each takes a minute
            same = Change(
                name=name, base=values[0], head=values[1], mark="noise", difference=0.0,
                low=0.0, high=0.0, p=1.0,
            )  # fmt: skip
            found.append(same)
        else:
            found.append(paired(name, values, (other, rows), params))
    return found


def _are_same(base: pd.DataFrame, head: pd.DataFrame) -> bool:
    """Whether both hold the same counts in the same order."""
    columns = [*GROUP, "n", "correct"]
    return len(base) == len(head) and all(
        (base[column].to_numpy() == head[column].to_numpy()).all() for column in columns
    )


def means(base: Recorded, head: Recorded, params: evaluation.Params) -> list[Change]:
    """Of each study with many cells the mean UAR of the cells that both revisions have.

    Named study.mean_of_cells.uar; the interval resamples speakers, the same ones for all cells.
    Left out where no cell differs.
    """
    found = []
    for study in sorted(large(base) & large(head)):
        shared = sorted(key for key in set(base.cells) & set(head.cells) if key[0] == study)
        if not shared:
            continue
        if all(_are_same(base.cells[key], head.cells[key]) for key in shared):
            continue
        # Each emotion of each cell counts as an emotion of its own: then the mean over them is
        # the mean over cells, and one comparison does.
        both = [_with_cell([side.cells[key] for key in shared]) for side in (base, head)]
        values = tuple(round(_pooled_uar(table), 4) for table in both)
        change = paired(f"{study}.{MEAN}.uar", values, (both[0], both[1]), params)
        if change.difference or values[0] != values[1]:
            found.append(change)
    return found


def large(recorded: Recorded) -> set[str]:
    """Studies with more than `FEW` cells."""
    counts = Counter(study for study, _ in recorded.cells)
    return {study for study, n in counts.items() if n > FEW}


def recalls_of(name: str, recorded: Recorded) -> pd.DataFrame | None:
    """The rows of per_speaker.csv that a UAR or accuracy of metrics.json was pooled from.

    For accuracy all emotions are one, so that its mean over emotions is the accuracy. None for a
    number that these rows cannot give.
    """
    identity = _cell_of(name, recorded)
    if identity is None:
        return None
    rows = recorded.cells[identity]
    return _as_one_emotion(rows) if name.endswith(".accuracy") else rows


def regressions(
    changes: Iterable[Change], *, patterns: Sequence[str], tolerance: float
) -> list[Change]:
    """Those that fell by more than `tolerance` and left their interval.

    patterns: shell patterns (`*.uar`) of the names that count, in the metric's unit. Without any,
    every paired number counts; with some, also a matching number without interval.
    """
    fallen = [
        change
        for change in changes
        if change.direction == "worse" and abs(change.difference or 0.0) > tolerance
    ]
    if patterns:
        return [change for change in fallen if matches(change.name, patterns)]
    return [change for change in fallen if change.is_paired and change.mark == "change"]


def matches(name: str, patterns: Sequence[str]) -> bool:
    """Whether a name fits one of the shell patterns."""
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def check_patterns(patterns: Sequence[str], names: Iterable[str]) -> None:
    """ParameterError for a pattern that fits no number: a misspelt one would let all pass."""
    names = sorted(set(names))
    for pattern in patterns:
        if not any(fnmatch.fnmatchcase(name, pattern) for name in names):
            raise ParameterError(
                f"no metric of either revision is called '{pattern}'; there are, for example, "
                f"{', '.join(names[:3]) or 'none at all'}."
            )


def _cell_of(name: str, recorded: Recorded) -> tuple[str, str] | None:
    """Study and cell behind a number of metrics.json; None where there are none.

    `<study>.<...>.<cell>.uar` names its cell; `<study>.uar` is of the study's only cell that has
    no block of its own (a run's own cell is called like its loss).
    """
    path, _, metric = name.rpartition(".")
    if metric not in PAIRED:
        return None
    study, _, rest = path.partition(".")
    known = [cell for other, cell in recorded.cells if other == study]
    if rest:
        # A cell's name may hold dots itself: margin=0.2
        cell = next((cell for cell in known if rest == cell or rest.endswith(f".{cell}")), None)
        return None if cell is None else (study, cell)
    blocks = {other.rpartition(".")[0] for other in recorded.numbers}
    own = [cell for cell in known if f"{study}.{cell}" not in blocks]
    return (study, own[0]) if len(own) == 1 else None


def _as_one_emotion(rows: pd.DataFrame) -> pd.DataFrame:
    summed = rows.groupby(["study", "cell", "speaker"], as_index=False)[["n", "correct"]].sum()
    return summed.assign(emotion="any")


def _with_cell(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    rows = pd.concat(tables)
    return rows.assign(emotion=rows["emotion"] + " in " + rows["cell"])


def _pooled_uar(rows: pd.DataFrame) -> float:
    summed = rows.groupby("emotion")[["n", "correct"]].sum().to_numpy(dtype=float)
    return resampling.pooled_uar(summed[None, :, 0], summed[None, :, 1])

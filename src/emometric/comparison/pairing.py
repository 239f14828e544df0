"""One number at two revisions: its difference, speaker by speaker, and what to call it."""

from dataclasses import dataclass

import pandas as pd

from emometric.comparison.recorded import Number, Recorded
from emometric.scoring import evaluation

MARKS = ("change", "noise", "new", "removed", "no interval")
PAIRED = ("uar", "accuracy")  # what per_speaker.csv can recompute
HIGHER = (*PAIRED, "recall", "adjusted_r2", "balanced_accuracy", "ccc")  # better when higher
BOUNDS = ("_low", "_high")
SEED = 0  # of the resamples, so that a comparison repeats
GROUP = ["speaker", "emotion"]


@dataclass(frozen=True, kw_only=True)
class Change:
    """One number that differs between two revisions.

    name: as in metrics.json, keys joined by dots; of a cell without a place there, study.cell.uar.
    mark: one of `MARKS`. difference: head minus base over the clips that both tested, with its
    95 % interval over speakers (`low`, `high`) and p (`evaluation.compare`); where a number is not
    in per_speaker.csv, plainly head minus base, without interval. remark: what limits it.
    """

    name: str
    base: Number | None
    head: Number | None
    mark: str
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    remark: str = ""

    @property
    def is_paired(self) -> bool:
        """Whether the difference was taken speaker by speaker."""
        return self.p is not None

    @property
    def study(self) -> str:
        """The study that the number belongs to; `run` for the working run."""
        return self.name.partition(".")[0]

    @property
    def direction(self) -> str:
        """better, worse, or empty where the number has no good side or did not change."""
        good = self.name.rpartition(".")[2].endswith(HIGHER)
        if self.mark not in ("change", "no interval") or not self.difference or not good:
            return ""
        return "better" if self.difference > 0 else "worse"


def paired(
    name: str,
    values: tuple[Number, Number],
    tables: tuple[pd.DataFrame, pd.DataFrame],
    params: evaluation.Params,
) -> Change:
    """A change judged over the speakers and emotions whose clips both revisions tested.

    values and tables: (base, head). Groups of clips that only one revision has, or has in another
    number, are left out of the difference, and `remark` says how many speakers remain.
    """
    before, after = values
    shared = tables[0].merge(tables[1], on=[*GROUP, "n"], suffixes=("_base", "_head"))
    if shared.empty:
        return Change(
            name=name,
            base=before,
            head=after,
            mark="no interval",
            remark="no speaker was tested on the same clips",
        )
    base, head = (
        shared[[*GROUP, "n", f"correct_{side}"]].rename(columns={f"correct_{side}": "correct"})
        for side in ("base", "head")
    )
    found = evaluation.compare(head, base, params, SEED)
    exists = found.low == found.low  # NaN where too few speakers are there to resample
    mark = "no interval"
    if exists:
        mark = "change" if found.low > 0 or found.high < 0 else "noise"
    return Change(
        name=name,
        base=before,
        head=after,
        mark=mark,
        difference=found.difference,
        low=found.low if exists else None,
        high=found.high if exists else None,
        p=found.p,
        remark=_remark(shared, tables, exists),
    )


def _remark(shared: pd.DataFrame, tables: tuple[pd.DataFrame, pd.DataFrame], exists: bool) -> str:
    n_shared, n_base, n_head = (table["speaker"].nunique() for table in (shared, *tables))
    remarks = []
    if len(shared) < max(len(table) for table in tables):
        remarks.append(
            f"over the clips that both tested, of {n_shared} speakers (base {n_base}, "
            f"here {n_head})"
        )
    if not exists:
        remarks.append(f"{n_shared} speakers are too few to resample")
    return "; ".join(remarks)


def unpaired(name: str, base: Recorded, head: Recorded) -> Change:
    """A change of a number that per_speaker.csv does not hold.

    Noise where either revision's value lies in the other's own interval (`<name>_low` to
    `<name>_high`), which is wider than a paired one would be; no interval where there is none.
    """
    before, after = base.numbers[name], head.numbers[name]
    if not (_is_number(before) and _is_number(after)):
        return Change(name=name, base=before, head=after, mark="no interval")
    within = [
        _bounds(name, side)
        for side in (base, head)
        if all(_is_number(side.numbers.get(f"{name}{end}")) for end in BOUNDS)
    ]
    mark, remark = "no interval", ""
    if len(within) == 2:
        (base_low, base_high), (head_low, head_high) = within
        inside = base_low <= after <= base_high or head_low <= before <= head_high
        mark = "noise" if inside else "change"
        remark = "by the intervals of the two values; not paired"
    return Change(
        name=name, base=before, head=after, mark=mark, difference=after - before, remark=remark
    )


def _bounds(name: str, recorded: Recorded) -> tuple[float, float]:
    low, high = (recorded.numbers[f"{name}{end}"] for end in BOUNDS)
    return low, high


def _is_number(value: object) -> bool:
    """Whether one can reckon with it: neither a flag nor NaN or infinite."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_number and abs(value) < float("inf")

"""The ledger: each number that a paper prints, ours beside it, and what to say of the two."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path

import pandas as pd

from emometric.base.errors import StoreError

CLAIMS = resources.files("emometric") / "papers" / "claims.csv"
KEYS = ("paper", "item", "corpus", "protocol", "setting", "metric")
COLUMNS = (
    *KEYS,
    "paper_value",
    "paper_sd",
    "paper_min",
    "paper_max",
    "direction",
    "ours",
    "ours_low",
    "ours_high",
    "n_speakers",
    "n_runs",
    "differs",
    "verdict",
    "note",
)
VERDICTS = ("reproduced", "better", "worse", "differs", "missing", "stand-in")
NOT_BUILT = "not built yet"
PEOPLE = "people listened; no system repeats it"
QUICK = "quick scale: fewer epochs, folds and repeats than the paper"


@dataclass(frozen=True, kw_only=True)
class Ours:
    """What we got for one row of claims.csv; its first six fields are that row's, word for word.

    value, low, high: in the paper's unit (per cent where the paper prints per cent); low and high
    bound the 95 % interval over speakers, None where there is none. value is None where nothing
    could be computed, and `note` then says which corpus is absent, or why else. differs: which
    part of data or protocol is not the paper's, in a few words; empty where all is the same.
    n_runs: trained networks (folds times repeats) behind the value.
    """

    paper: str
    item: str
    corpus: str
    protocol: str
    setting: str
    metric: str
    value: float | None
    low: float | None = None
    high: float | None = None
    n_speakers: int | None = None
    n_runs: int | None = None
    differs: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        if self.value is None and not self.note:
            raise StoreError(
                f"{self.name}: a value that does not exist needs a note that says why; add one."
            )
        if (self.low is None) != (self.high is None):
            raise StoreError(f"{self.name}: an interval needs both of low and high; give both.")

    @property
    def key(self) -> tuple[str, ...]:
        """What identifies the row of claims.csv."""
        return tuple(getattr(self, name) for name in KEYS)

    @property
    def name(self) -> str:
        """The row in words, for messages."""
        return " / ".join(self.key)


def claims() -> pd.DataFrame:
    """Every row of claims.csv, as text: `KEYS`, value, sd, min, max, direction, note."""
    return _claims().copy()


def claims_of(paper: str) -> pd.DataFrame:
    """The rows of `claims` of one paper, in their order."""
    rows = _claims()
    return rows[rows["paper"] == paper].reset_index(drop=True)


def claimed(paper: str, **key: str) -> float | None:
    """The number that a paper states for a claim; None where it states none.

    key: as many of `KEYS` as it takes to name the claim. StoreError where they name several.

    >>> claimed("kumar2021", item="table I", setting="fc-7")
    47.22
    """
    rows = _claims()
    found = rows[rows["paper"] == paper]
    for name, value in key.items():
        found = found[found[name] == value]
    if len(found) > 1:
        raise StoreError(
            f"claims.csv has {len(found)} rows of {paper} for {' / '.join(key.values())}; "
            "name more of their first six columns."
        )
    return None if found.empty else float(found["value"].iloc[0])


@cache
def _claims() -> pd.DataFrame:
    with resources.as_file(CLAIMS) as path:
        return pd.read_csv(path, dtype=str, keep_default_na=False)


def table(ours: Iterable[Ours], *, origin: str, scale: str) -> pd.DataFrame:
    """The ledger: one row for each claim, in the order of claims.csv; columns `COLUMNS`.

    Numbers of the paper stay the text that it prints; ours have at most four digits; what does
    not exist is an empty text. At a scale other than paper every row of ours `differs`. Raises
    StoreError for two values of one claim, and for a value that no claim asks for.
    """
    rows = claims()
    found = _by_claim(ours, set(rows[list(KEYS)].itertuples(index=False, name=None)))
    rounding = _rounding(rows)
    ledger = []
    for claim, half_digit in zip(rows.to_dict("records"), rounding, strict=True):
        own = found.get(tuple(claim[key] for key in KEYS)) or _absent(claim)
        differs = "; ".join(filter(None, (own.differs, "" if scale == "paper" else QUICK)))
        word, remark = verdict(claim, own, differs, half_digit)
        if origin == "synthetic":
            word, remark = "stand-in", ""
        exists = _number(own.value) is not None
        ledger.append(
            {key: claim[key] for key in KEYS}
            | {f"paper_{key}": claim[key] for key in ("value", "sd", "min", "max")}
            | {
                "direction": claim["direction"],
                "ours": _text(own.value),
                "ours_low": _text(own.low),
                "ours_high": _text(own.high),
                "n_speakers": _text(own.n_speakers),
                "n_runs": _text(own.n_runs),
                "differs": differs if exists else "",
                "verdict": word,
                "note": "; ".join(filter(None, (claim["note"], own.note, remark))),
            }
        )
    return pd.DataFrame(ledger, columns=list(COLUMNS))


def verdict(claim: dict[str, str], own: Ours, differs: str, half_digit: float) -> tuple[str, str]:
    """One of `VERDICTS` for real recordings, and what else there is to say of it.

    missing: nothing could be computed. differs: data or protocol is not the paper's, whatever the
    numbers say. reproduced: the paper's value lies in our interval, or ours within the paper's own
    spread (its minimum to maximum where it prints them, else one standard deviation to both
    sides), both to the precision that it prints; without interval and spread the two are equal to
    that precision. better and worse: outside of both, by the claim's direction.

    half_digit: half of the last digit that the paper prints, in its unit.
    """
    value = _number(own.value)
    if value is None:
        return "missing", ""
    if differs:
        return "differs", ""
    stated = float(claim["value"])
    low, high = (value if _number(end) is None else float(end) for end in (own.low, own.high))
    margin = half_digit + 1e-9
    spread_low, spread_high = _spread(claim)
    is_in_ours = low - margin <= stated <= high + margin
    is_in_spread = spread_low - margin <= value <= spread_high + margin
    if is_in_ours or is_in_spread:
        return "reproduced", "" if is_in_ours else "within the paper's own spread"
    if claim["direction"] == "none":
        return "differs", "the paper names no better direction"
    return ("better", "") if (value > stated) == (claim["direction"] == "higher") else ("worse", "")


def write(ledger: pd.DataFrame) -> bytes:
    """The ledger as ledger.csv holds it."""
    return ledger.to_csv(index=False, lineterminator="\n").encode()


def read(path: str | Path) -> pd.DataFrame:
    """A ledger.csv, every cell as text; StoreError where it is not one."""
    try:
        ledger = pd.read_csv(path, dtype=str, keep_default_na=False)
    except FileNotFoundError:
        raise StoreError(f"no ledger at {path}; run `dvc repro` to make it.") from None
    if tuple(ledger.columns) != COLUMNS:
        raise StoreError(f"{path} has not the columns of a ledger; run `dvc repro` to remake it.")
    return ledger


def summary(ledger: pd.DataFrame) -> pd.DataFrame:
    """Rows of each verdict by paper: columns paper, rows, then `VERDICTS`; papers as they come."""
    counts = pd.crosstab(ledger["paper"], ledger["verdict"]).reindex(
        index=ledger["paper"].unique(), columns=list(VERDICTS), fill_value=0
    )
    counts.insert(0, "rows", counts.sum(axis=1))
    return counts.rename_axis(columns=None).reset_index()


def summary_markdown(ledgers: Sequence[tuple[str, pd.DataFrame]]) -> str:
    """The summaries as Markdown, each ledger under its heading; verdicts that occur, no others."""
    blocks = []
    for heading, ledger in ledgers:
        counts = summary(ledger)
        words = [word for word in VERDICTS if counts[word].any()]
        lines = [heading, "", f"| paper | rows | {' | '.join(words)} |"]
        lines.append(f"|---|{'---:|' * (1 + len(words))}")
        for row in counts[["paper", "rows", *words]].itertuples(index=False):
            lines.append(f"| {' | '.join(str(cell) for cell in row)} |")
        blocks.append("\n".join(lines) + "\n")
    return "\n".join(blocks)


def _by_claim(ours: Iterable[Ours], known: set[tuple[str, ...]]) -> dict[tuple[str, ...], Ours]:
    found: dict[tuple[str, ...], Ours] = {}
    for own in ours:
        if own.key not in known:
            raise StoreError(
                f"claims.csv has no row {own.name}; write its first six columns word for word."
            )
        if own.key in found:
            raise StoreError(f"{own.name} was computed twice; give one value for each claim.")
        found[own.key] = own
    return found


def _absent(claim: dict[str, str]) -> Ours:
    """What stands for a claim that no module of `papers` computes."""
    note = PEOPLE if claim["protocol"] == "listening test" else NOT_BUILT
    return Ours(**{key: claim[key] for key in KEYS}, value=None, note=note)


def _rounding(rows: pd.DataFrame) -> list[float]:
    """Half of the last printed digit of each claim.

    claims.csv drops trailing zeros, so it is the finest of an item's numbers that counts.
    """
    digits = rows["value"].str.partition(".")[2].str.len()
    return list(
        0.5 / 10 ** digits.groupby([rows[key] for key in ("paper", "item")]).transform("max")
    )


def _spread(claim: dict[str, str]) -> tuple[float, float]:
    """The paper's own spread; the stated value alone where it prints none."""
    if claim["min"] and claim["max"]:
        return float(claim["min"]), float(claim["max"])
    deviation = float(claim["sd"] or 0)
    return float(claim["value"]) - deviation, float(claim["value"]) + deviation


def _number(value: float | None) -> float | None:
    return None if value is None or pd.isna(value) else float(value)


def _text(value: float | None) -> str:
    """At most four digits after the point, no trailing zeros; empty for what does not exist."""
    number = _number(value)
    if number is None:
        return ""
    return f"{round(number, 4) + 0.0:.4f}".rstrip("0").rstrip(".")  # + 0.0: no minus zero

"""The ledger as the page shows it: rows of text, counts by paper and verdict, what to filter by."""

from typing import Any

import pandas as pd

from emometric.papers.ledger import VERDICTS, summary

FILTERS = ("paper", "corpus", "verdict")


def facts(ledger: pd.DataFrame) -> dict[str, Any]:
    """rows: a map of texts a row of the ledger, in its order; verdicts: those that occur; summary:
    (paper, rows of each verdict and of all); filters: (column, its values)."""
    counts = summary(ledger)
    verdicts = [word for word in VERDICTS if counts[word].any()]
    values = {
        "paper": counts["paper"].tolist(),
        "corpus": sorted(set(ledger["corpus"])),
        "verdict": verdicts,
    }
    kept = counts[["paper", *verdicts, "rows"]]
    return {
        "rows": [_row(row) for row in ledger.to_dict("records")],
        "verdicts": verdicts,
        "summary": [(paper, rest) for paper, *rest in kept.itertuples(index=False)],
        "filters": [(name, values[name]) for name in FILTERS],
    }


def _row(row: dict[str, str]) -> dict[str, str]:
    low, high = row["ours_low"], row["ours_high"]
    return row | {
        "claimed": _claimed(row),
        "interval": f"{low} to {high}" if low and high else "",
        "why": "; ".join(part for part in (row["differs"], row["note"]) if part),
    }


def _claimed(row: dict[str, str]) -> str:
    """The paper's value with its spread."""
    shown = row["paper_value"] or "–"
    if row["paper_sd"]:
        shown += f" ± {row['paper_sd']}"
    if row["paper_min"] and row["paper_max"]:
        shown += f" ({row['paper_min']} to {row['paper_max']})"
    return shown

"""Tables of a transfer study: the best and the chosen cells, the grid, what the loss adds."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from emometric.scoring import evaluation
from emometric.scoring.cells import SCORE
from emometric.studies import statistics
from emometric.studies.cell import Stored

OUT_OF_DOMAIN = "out_of_domain"
IN_DOMAIN = "in_domain"
FINE_TUNING = "fine_tuning"
RELATIVE = "fine_tuning+relative_distance"
ADAPTED = (FINE_TUNING, RELATIVE)
ON_TEST = "cell chosen on test"
KNOWN = "tests speakers it adapted to"
Parts = Mapping[str, pd.DataFrame]  # the rows of each cell
_GRID = ["variant", "tested", "frozen", "n_speakers"]
_RATES = ["uar", "uar_low", "uar_high", "uar_mean", "uar_sd", "n_runs", "n_tested"]


def tables(
    stored: Stored, chosen: Mapping[str, int], params: evaluation.Params
) -> dict[str, pd.DataFrame]:
    """table1, figure2 and gain.

    chosen: `frozen` and `n_speakers` of the cell that was chosen beforehand.

    figure2: a row for each point of the grid: variant, tested, frozen, n_speakers (that granted
    clips) and the rates. uar pools the test clips of all repeats, uar_low and uar_high bound its
    interval over speakers; uar_mean and uar_sd are over the repeats; n_tested: speakers.

    table1: a row for each model and variant: `choice` is "best on test" (as published: of all
    points with all speakers tested), "beforehand" (the chosen point, both ways of testing), or
    empty where there is nothing to choose; `unknown`: emotions that it never says, having learnt
    from no clip of them; and what else is to be said of it, in stamps.

    gain: for each point of the grid and way of testing, the UAR with the relative distance loss
    minus that without, its interval and p over speakers, and the exact method; and first the whole
    grid as one, frozen and n_speakers empty.
    """
    scores = [name for name in stored.cells if name.startswith(SCORE)]
    parts = dict(list(stored.cells.drop(columns=scores).groupby("cell")))
    rates = _rates(stored, parts, params)
    grid = rates[rates["variant"].isin(ADAPTED)]
    return {
        "table1": _table1(rates, grid, chosen),
        "figure2": grid[[*_GRID, *_RATES]].sort_values(_GRID, ignore_index=True),
        "gain": _gain(parts, grid, params, stored.seed),
    }


def headline(table1: pd.DataFrame) -> dict[str, dict[str, float]]:
    """Names such as `fine_tuning, best on test`; UAR with its interval, runs and speakers."""
    blocks = {}
    for row in table1.to_dict("records"):
        words = [row["variant"], row["choice"]]
        words += ["new speakers"] if row["tested"] == "new_speakers" else []
        words += [row["model"]] if row["model"] != "siamese" else []
        blocks[", ".join(filter(None, words))] = {name: row[name] for name in _RATES}
    return blocks


def _unknown(stored: Stored) -> dict[str, str]:
    """Emotions that a cell gives no score to any clip, by the cell's name."""
    scores = stored.cells.filter(like=SCORE)
    silent = np.isneginf(scores).groupby(stored.cells["cell"]).all()
    return {
        cell: " and ".join(name.removeprefix(SCORE) for name in row.index[row])
        for cell, row in silent.iterrows()
    }


def _rates(stored: Stored, parts: Parts, params: evaluation.Params) -> pd.DataFrame:
    """A row a cell name: its settings and `_RATES`."""
    kept = ["model", *_GRID]
    settings = stored.numbers.drop_duplicates("cell").set_index("cell").reindex(columns=kept)
    rows, unknown = [], _unknown(stored)
    for cell, part in parts.items():
        pooled = evaluation.summarise(part, params, stored.seed)
        runs = statistics.by_run(part).to_numpy()
        mean, sd = statistics.spread(runs)
        rows.append(
            {
                "cell": cell,
                "unknown": unknown.get(cell, ""),
                **settings.loc[cell].to_dict(),
                **{name: pooled[name] for name in ("uar", "uar_low", "uar_high")},
                "uar_mean": mean,
                "uar_sd": sd,
                "n_runs": len(runs),
                "n_tested": pooled["n_speakers"],
            }
        )
    table = pd.DataFrame(rows)
    return table.astype({"frozen": "Int64", "n_speakers": "Int64"})


def _table1(rates: pd.DataFrame, grid: pd.DataFrame, chosen: Mapping[str, int]) -> pd.DataFrame:
    plain = rates[~rates["variant"].isin(ADAPTED)]
    plain = plain.assign(tested="new_speakers", choice="", stamps="")
    plain.loc[plain["variant"] == OUT_OF_DOMAIN, "tested"] = "all_speakers"
    is_chosen = (grid["frozen"] == chosen["frozen"]) & (grid["n_speakers"] == chosen["n_speakers"])
    parts = []
    for variant in ADAPTED:
        whole = grid[grid["variant"] == variant]
        known = whole[whole["tested"] == "all_speakers"]
        best = known.sort_values(["uar", "cell"], ascending=[False, True]).head(1)
        parts.append(best.assign(choice="best on test", stamps=f"{KNOWN}; {ON_TEST}"))
        own = whole[is_chosen.loc[whole.index]].sort_values("tested")
        stamps = own["tested"].map({"all_speakers": KNOWN, "new_speakers": ""})
        parts.append(own.assign(choice="beforehand", stamps=stamps))
    order = {name: place for place, name in enumerate((OUT_OF_DOMAIN, IN_DOMAIN))}
    plain = plain.sort_values(
        ["variant", "model"], key=lambda column: column.map(order).fillna(column.map(_MODELS))
    )
    columns = ["variant", "model", "choice", *_GRID[1:], *_RATES, "unknown", "stamps", "cell"]
    return pd.concat([plain, *parts], ignore_index=True)[columns]


_MODELS = {"siamese": 0, "svm_linear": 1, "majority": 2}


def _gain(parts: Parts, grid: pd.DataFrame, params: evaluation.Params, seed: int) -> pd.DataFrame:
    rows = []
    for tested, points in grid.groupby("tested"):
        whole = [
            pd.concat(parts[cell] for cell in points.loc[points["variant"] == variant, "cell"])
            for variant in (RELATIVE, FINE_TUNING)
        ]
        rows.append({"tested": tested} | _difference(*whole, params, seed))
        cells = points.pivot(index=["frozen", "n_speakers"], columns="variant", values="cell")
        for (frozen, n_speakers), pair in cells.iterrows():
            point = {"tested": tested, "frozen": frozen, "n_speakers": n_speakers}
            both = (parts[pair[variant]] for variant in (RELATIVE, FINE_TUNING))
            rows.append(point | _difference(*both, params, seed))
    columns = ["tested", "frozen", "n_speakers", "difference", "low", "high", "p", "n", "method"]
    table = pd.DataFrame(rows, columns=columns)
    return table.astype({"frozen": "Int64", "n_speakers": "Int64"})


def _difference(
    rows: pd.DataFrame, other: pd.DataFrame, params: evaluation.Params, seed: int
) -> dict:
    both = pd.concat([rows.assign(cell=RELATIVE), other.assign(cell=FINE_TUNING)])
    found = statistics.over_speakers(both, RELATIVE, FINE_TUNING, params, seed)
    return {
        "difference": found.difference,
        "low": found.low,
        "high": found.high,
        "p": found.p,
        "n": found.n_units,
        "method": found.method,
    }

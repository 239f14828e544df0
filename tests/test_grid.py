"""Tables of the page: heads and spans, cells as text, the ledger's rows."""

import numpy as np
import pandas as pd

import fabricated_sections as made_up
from emometric.papers import ledger
from emometric.report import ledger_table
from emometric.report.grid import Head, lay_out
from emometric.report.section import Table


def test_one_level():
    rows = pd.DataFrame(
        {"paper": [61.24, np.nan], "ours": ["61.0 (50.0 to 70.0)", "–"], "stamp": ["", "Leaks"]},
        index=pd.Index([0, 4], name="speakers"),
    )
    grid = lay_out(Table(title="a table", rows=rows, digits=1))
    assert grid.corner == ("speakers",)
    assert [head.text for head in grid.above[0]] == ["paper", "ours", "stamp"]
    assert [head.kind for head in grid.above[0]] == ["paper", "ours", "stamp"]
    assert [head.is_text for head in grid.above[0]] == [False, False, True]
    (first, cells), (_, last) = grid.rows
    assert first == (Head(text="0"),)
    assert [cell.text for cell in cells] == ["61.2", "61.0 (50.0 to 70.0)", ""]
    assert [cell.text for cell in last] == ["–", "–", "Leaks"]


def test_spans_of_two_levels_cover_the_table():
    table = made_up.section("das2022", 5).tables[1]
    grid = lay_out(table)
    assert grid.corner == ("polarity", "truth")
    assert [(head.text, head.span) for head in grid.above[0]] == [("paper", 6), ("ours", 6)]
    assert [head.text for head in grid.above[1]] == 2 * list(made_up.EMOTIONS)
    heads = [[head for head in row if head] for row, _ in grid.rows]
    assert [head.span for head in heads[0]] == [3, 1]
    for level, name in enumerate(table.rows.index.names):
        begun = [row[level] for row, _ in grid.rows if row[level]]
        assert sum(head.span for head in begun) == len(table.rows), name
    assert {cell.kind for cell in grid.rows[0][1][:6]} == {"paper"}
    assert {cell.kind for cell in grid.rows[0][1][6:]} == {"ours"}
    shown = [[float(cell.text) for cell in cells] for _, cells in grid.rows]
    assert np.array_equal(shown, table.rows.round(1).to_numpy())


def test_equal_neighbours_of_the_lowest_level_stay_apart():
    rows = pd.DataFrame([[1, 2]], columns=["ours", "ours"])
    assert [head.span for head in lay_out(Table(title="t", rows=rows)).above[0]] == [1, 1]


def test_an_upper_level_does_not_join_across_another():
    columns = pd.MultiIndex.from_tuples([("a", "x"), ("b", "x"), ("a", "x")])
    grid = lay_out(Table(title="t", rows=pd.DataFrame([[1, 2, 3]], columns=columns)))
    assert [(head.text, head.span) for head in grid.above[0]] == [("a", 1), ("b", 1), ("a", 1)]


def test_an_empty_table_has_heads():
    grid = lay_out(Table(title="t", rows=pd.DataFrame(columns=["paper", "ours"])))
    assert grid.rows == () and [head.text for head in grid.above[0]] == ["paper", "ours"]


def test_ledger_keeps_every_row_and_counts_it():
    table = made_up.full_ledger()
    facts = ledger_table.facts(table)
    assert len(facts["rows"]) == len(table) == len(ledger.claims())
    assert facts["verdicts"] == ["reproduced", "better", "worse", "differs", "missing"]
    for paper, (*counts, total) in facts["summary"]:
        own = table[table["paper"] == paper]
        assert counts == [int((own["verdict"] == word).sum()) for word in facts["verdicts"]]
        assert total == len(own) == sum(counts)
    assert dict(facts["filters"])["corpus"] == sorted(set(table["corpus"]))


def test_ledger_row_says_spread_interval_and_reason():
    table = made_up.full_ledger()
    row = table[(table["paper_sd"] != "") & (table["ours"] != "")].iloc[0]
    shown = next(
        made
        for made in ledger_table.facts(table)["rows"]
        if all(made[key] == row[key] for key in ledger.KEYS)
    )
    assert shown["claimed"] == f"{row['paper_value']} ± {row['paper_sd']}"
    assert shown["interval"] == f"{row['ours_low']} to {row['ours_high']}"
    missing = next(m for m in ledger_table.facts(table)["rows"] if m["verdict"] == "missing")
    assert missing["interval"] == "" and "corpus iemocap is absent" in missing["why"]

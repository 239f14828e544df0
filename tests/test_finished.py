"""Finished studies as papers read them, and our rows of the ledger made from their tables."""

import json

import pandas as pd
import pytest

from emometric.base.errors import StoreError
from emometric.papers import finished, ledger


def write(folder, paper, *, state="done", missing=(), target="urdu"):
    folder.mkdir()
    about = {
        "method": {"name": paper},
        "source": {"corpus": "emodb"},
        "target": {"corpus": target},
        "state": state,
        "missing": list(missing),
    }
    (folder / "study.json").write_text(json.dumps(about))
    if state == "done":
        (folder / "rates.csv").write_text("network,folds,stamp,uar\nNA,,,0.5\nnull,3,known,\n")
    return folder


@pytest.fixture
def results(tmp_path):
    return {
        "first": write(tmp_path / "first", "das2022"),
        "other": write(tmp_path / "other", "kumar2021"),
        "empty": write(tmp_path / "empty", "das2022", state="empty"),
        "second": write(tmp_path / "second", "das2022", target="emodb"),
        "absent": write(tmp_path / "absent", "das2022", state="missing", missing=("emodb", "urdu")),
    }


def test_a_papers_studies_in_their_order_done_apart_from_not_done(results):
    done, absent = finished.read(results, "das2022", ["rates"])
    assert [study.key for study in done] == ["first", "second"]
    assert [(study.key, study.lacking) for study in absent] == [
        ("empty", "clip of its emotions"),
        ("absent", "emodb and urdu"),
    ]
    assert done[0].way == "emodb to urdu" and done[0].scale == ""
    assert [study.is_within for study in done] == [False, True]
    assert all(not study.tables for study in absent)


def test_words_stay_words_and_empty_cells_are_nothing(results):
    (study, _), _ = finished.read(results, "das2022", ["rates"], text=("stamp", "not there"))
    table = study.tables["rates"]
    assert table["network"].tolist() == ["NA", "null"]
    assert table["stamp"].tolist() == ["", "known"] and table["uar"].isna().tolist() == [
        False,
        True,
    ]


def test_rows_are_strict_and_fitting_lets_what_does_not_apply_pass(results):
    (study, _), _ = finished.read(results, "das2022", ["rates"])
    assert study.rows("rates", folds=3)["network"].tolist() == ["null"]
    assert study.fitting("rates", folds=3, unheard="x")["network"].tolist() == ["NA", "null"]
    assert study.fitting("rates", folds=4)["network"].tolist() == ["NA"]
    with pytest.raises(KeyError):
        study.rows("rates", unheard="x")


def test_a_frame_keeps_the_order_of_columns_and_two_levels_of_heads():
    rows = {("a", "b"): {("u", "x"): 1}, ("a", "c"): {("u", "y"): 2, ("u", "x"): 3}}
    made = finished.frame(rows, ("one", "two"))
    assert list(made.columns) == [("u", "x"), ("u", "y")] and made.columns.nlevels == 2
    assert made.loc[("a", "c")].tolist() == [3, 2] and pd.isna(made.iloc[0, 1])
    assert list(finished.frame({"a": {"x": 1}}, "head").index.names) == ["head"]
    assert finished.frame({}, "head").empty


def test_our_value_of_a_claim_from_a_row():
    claim = ledger.claims_of("das2022").iloc[0].to_dict()
    row = pd.Series({"uar": 0.5, "uar_low": 0.25, "uar_high": 0.75, "n_runs": 4.0})
    own = finished.own(claim, row, "uar")
    assert (own.value, own.low, own.high, own.n_runs, own.n_speakers) == (50, 25, 75, 4, None)
    assert own.key == tuple(claim[name] for name in ledger.KEYS)
    open_end = finished.own(
        claim, {**row, "uar_low": float("nan"), "n_speakers": 9}, "uar", scale=1
    )
    assert (open_end.value, open_end.low, open_end.high, open_end.n_speakers) == (
        0.5,
        None,
        None,
        9,
    )
    assert finished.nothing(claim, "why").value is None


def test_claims_of_a_paper_cannot_be_changed_by_who_reads_them():
    claims = ledger.claims()
    claims["value"] = "changed"
    assert set(ledger.claims_of("das2022")["paper"]) == {"das2022"}
    rows = ledger.claims()
    rows = rows[rows["paper"] == "kumar2021"].reset_index(drop=True)
    pd.testing.assert_frame_equal(ledger.claims_of("kumar2021"), rows)
    assert (rows["value"] != "changed").all()
    assert ledger.claimed("kumar2021", item="table IV", setting="full method") == 91.67
    assert ledger.claimed("kumar2021", item="table IV", setting="none") is None
    with pytest.raises(StoreError, match="rows of kumar2021 for table II"):
        ledger.claimed("kumar2021", item="table II")

"""The ledger: every claim has a row and one verdict, and README tells what is in it."""

import csv
import io
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emometric.base.errors import PipelineError, StoreError
from emometric.cli import ledger as command
from emometric.papers import ledger

CLAIMS = ledger.claims().to_dict("records")
N_CLAIMS = {
    "ntalampiras2020": 43,
    "feng2020": 8,
    "kumar2021": 127,
    "mocanu2021": 12,
    "das2022": 5,
}


def claim(**changed):
    row = {"value": "80.0", "sd": "", "min": "", "max": "", "direction": "higher", "note": ""}
    return {**dict.fromkeys(ledger.KEYS, "x"), **row, **changed}


def ours(value, low=None, high=None, **changed):
    keys = dict.fromkeys(ledger.KEYS, "x")
    note = "the corpus x is absent" if value is None else ""
    return ledger.Ours(**{**keys, "value": value, "low": low, "high": high, "note": note} | changed)


def own_of(row, value, **changed):
    return ours(value, **{key: row[key] for key in ledger.KEYS}, **changed)


def word(row, own, differs="", half_digit=0.05):
    return ledger.verdict(row, own, differs, half_digit)[0]


def test_claims_are_the_papers_195_numbers():
    counts = dict.fromkeys(N_CLAIMS, 0)
    for row in CLAIMS:
        counts[row["paper"]] += 1
        float(row["value"])
        assert row["direction"] in ("higher", "lower", "none")
    assert counts == N_CLAIMS
    assert len({tuple(row[key] for key in ledger.KEYS) for row in CLAIMS}) == 195


@pytest.mark.parametrize(
    ("row", "own", "expected"),
    [
        (claim(), ours(75.0, 70.0, 81.0), "reproduced"),  # 80 lies in our interval
        (claim(), ours(75.0, 70.0, 79.0), "worse"),
        (claim(), ours(85.0, 81.0, 89.0), "better"),
        (claim(direction="lower"), ours(85.0, 81.0, 89.0), "worse"),
        (claim(direction="lower"), ours(75.0, 70.0, 79.0), "better"),
        (claim(sd="5.4"), ours(75.0, 74.0, 76.0), "reproduced"),  # ours lies within 80 ± 5.4
        (claim(sd="4.9"), ours(75.0, 74.0, 76.0), "worse"),
        (claim(sd="5.4"), ours(74.56, 74.0, 76.0), "reproduced"),  # 74.6, as the paper prints
        (claim(sd="5.4"), ours(74.54, 74.0, 76.0), "worse"),
        # minimum and maximum say more than the deviation
        (claim(sd="1", min="74", max="82"), ours(75.0, 74.5, 76.0), "reproduced"),
        (claim(sd="9", min="76", max="82"), ours(75.0, 74.5, 75.5), "worse"),
        (claim(), ours(80.04), "reproduced"),  # prints as 80.0
        (claim(), ours(80.06), "better"),
        (claim(), ours(75.0, 70.0, 79.96), "reproduced"),
        (claim(), ours(75.0, math.nan, math.nan), "worse"),
        (claim(), ours(None), "missing"),
        (claim(), ours(math.nan, note="AESDD has no neutral"), "missing"),
        (claim(direction="none"), ours(75.0), "differs"),
        (claim(direction="none"), ours(80.0), "reproduced"),
    ],
)
def test_verdicts_of_hand_made_rows(row, own, expected):
    assert word(row, own) == expected


def test_another_protocol_is_neither_better_nor_worse():
    assert word(claim(), ours(99.0, 98.0, 99.9), differs="3 folds") == "differs"
    assert word(claim(), ours(80.0, 79.0, 81.0), differs="3 folds") == "differs"
    assert word(claim(), ours(None), differs="3 folds") == "missing"


@given(
    value=st.none() | st.floats(-1e3, 1e3),
    margin=st.none() | st.floats(0, 100),
    stated=st.floats(0, 100),
    sd=st.just("") | st.floats(0, 20).map(str),
    direction=st.sampled_from(["higher", "lower", "none"]),
    differs=st.sampled_from(["", "other folds"]),
)
def test_every_row_gets_one_verdict_and_mirrors(value, margin, stated, sd, direction, differs):
    has_interval = value is not None and margin is not None
    low, high = (value - margin, value + margin) if has_interval else (None, None)
    row = claim(value=str(stated), sd=sd, direction=direction)
    found = word(row, ours(value, low, high), differs)
    assert found in ledger.VERDICTS
    assert (found == "missing") == (value is None)
    mirror = {"higher": "lower", "lower": "higher", "none": "none"}[direction]
    swapped = {"better": "worse", "worse": "better"}.get(found, found)
    assert word({**row, "direction": mirror}, ours(value, low, high), differs) == swapped


@pytest.mark.parametrize("origin", ["original", "synthetic"], ids=["real", "stand_ins"])
def test_every_claim_has_its_row_and_nothing_is_typed(origin):
    rows = ledger.table([], origin=origin, scale="paper")
    assert tuple(rows.columns) == ledger.COLUMNS
    assert rows[list(ledger.KEYS)].to_dict("records") == [
        {key: row[key] for key in ledger.KEYS} for row in CLAIMS
    ]
    assert list(rows["paper_value"]) == [row["value"] for row in CLAIMS]
    assert set(rows["verdict"]) == {"missing" if origin == "original" else "stand-in"}
    assert (rows["ours"] == "").all()
    assert rows["note"].str.contains(f"{ledger.NOT_BUILT}|{ledger.PEOPLE}").all()
    assert rows["note"].str.contains(ledger.PEOPLE).sum() == 1  # 40.9 % of human listeners


def test_ours_stand_beside_the_claim():
    row = next(row for row in CLAIMS if row["setting"] == "fine_tuning+relative_distance")
    own = own_of(row, 38.25, low=33.333333, high=41.0, n_speakers=24, n_runs=10, note="ours")
    rows = ledger.table([own], origin="original", scale="paper").set_index(list(ledger.KEYS))
    found = rows.loc[own.key]
    assert found["paper_value"] == "39.9"
    numbers = ["ours", "ours_low", "ours_high", "n_speakers", "n_runs"]
    assert list(found[numbers]) == ["38.25", "33.3333", "41", "24", "10"]
    assert (found["verdict"], found["differs"]) == ("reproduced", "")
    assert found["note"] == f"{row['note']}; ours"
    assert list(rows["verdict"]).count("missing") == 194


def test_quick_scale_is_never_called_a_reproduction():
    own = own_of(CLAIMS[0], 82.1, differs="other network")
    found = ledger.table([own], origin="original", scale="quick").iloc[0]
    assert found["verdict"] == "differs"
    assert found["differs"] == f"other network; {ledger.QUICK}"


def test_stand_ins_are_called_stand_ins_whatever_came_out():
    own = own_of(CLAIMS[0], 82.1, low=80.0, high=84.0)
    assert set(ledger.table([own], origin="synthetic", scale="paper")["verdict"]) == {"stand-in"}


def test_the_precision_is_that_of_the_items_finest_number():
    # table 3 prints 86.4 and 0: its zero means 0.0
    zero = next(row for row in CLAIMS if row["setting"] == "anger->disgust")
    for value, expected in ((0.04, "reproduced"), (0.4, "worse")):
        rows = ledger.table([own_of(zero, value)], origin="original", scale="paper")
        assert list(rows["verdict"]).count(expected) == 1


def test_wrong_rows_are_refused():
    with pytest.raises(StoreError, match="has no row x / x"):
        ledger.table([ours(1.0)], origin="original", scale="paper")
    twice = [own_of(CLAIMS[3], 1.0), own_of(CLAIMS[3], 2.0)]
    with pytest.raises(StoreError, match="computed twice"):
        ledger.table(twice, origin="original", scale="paper")
    with pytest.raises(StoreError, match="needs a note"):
        ours(None, note="")
    with pytest.raises(StoreError, match="both of low and high"):
        ours(1.0, low=0.5)


def test_written_and_read_back(tmp_path):
    rows = ledger.table([own_of(CLAIMS[0], -0.00001)], origin="original", scale="paper")
    path = tmp_path / "ledger.csv"
    path.write_bytes(ledger.write(rows))
    assert ledger.read(path).equals(rows)
    assert rows["ours"][0] == "0"  # no minus zero
    assert len(list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))) == 195
    with pytest.raises(StoreError, match="no ledger at"):
        ledger.read(tmp_path / "none.csv")
    path.write_text("paper,item\n", encoding="utf-8")
    with pytest.raises(StoreError, match="has not the columns"):
        ledger.read(path)


def test_summary_counts_every_row():
    own = [own_of(CLAIMS[0], 82.1), own_of(CLAIMS[1], 1.0)]
    counts = ledger.summary(ledger.table(own, origin="original", scale="paper"))
    assert dict(zip(counts["paper"], counts["rows"], strict=True)) == N_CLAIMS
    assert (counts[list(ledger.VERDICTS)].sum(axis=1) == counts["rows"]).all()
    first = counts.iloc[0]
    assert (first["reproduced"], first["worse"], first["missing"]) == (1, 1, 41)
    text = ledger.summary_markdown([("Ours:", ledger.table(own, origin="original", scale="paper"))])
    assert "| paper | rows | reproduced | worse | missing |" in text
    assert "| ntalampiras2020 | 43 | 1 | 1 | 41 |" in text


def test_readme_holds_the_summaries_of_the_ledgers(project_root):
    text = (project_root / "README.md").read_text(encoding="utf-8")
    fresh = command.replace(text, command.block(project_root / "reports"))
    assert text == fresh, "run `emometric ledger --readme`"


def test_readme_is_rewritten_between_its_markers_only(tmp_path):
    text = f"before\n{command.START}\nold\n{command.END}\nafter\n"
    assert command.replace(text, "new\n") == (
        f"before\n{command.START}\n\nnew\n\n{command.END}\nafter\n"
    )
    assert command.replace(command.replace(text, "a\n"), "b\n") == command.replace(text, "b\n")
    for broken in ("no markers", f"{command.END}{command.START}", text + text):
        with pytest.raises(PipelineError, match="restore them"):
            command.replace(broken, "new\n")
    assert command.block(tmp_path) == "No ledger has been written yet.\n"

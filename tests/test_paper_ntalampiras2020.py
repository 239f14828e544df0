"""ntalampiras2020 on the page and in the ledger, from made-up studies."""

import json
import shutil
from io import BytesIO

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import fabricated_analogies as made_up
import fabricated_components
from emometric.papers import ledger, ntalampiras2020
from emometric.papers import ntalampiras2020_clips as clip_figures
from emometric.report import style
from emometric.report.palette import DARK, EMOTION_COLOURS, LIGHT
from emometric.scoring import evaluation
from emometric.studies import components
from emometric.studies import joined as together

RULES = evaluation.Params(n_resamples=100, confidence=0.95, perplexity=5)
A, F = "anger", "fear"


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return made_up.results(tmp_path_factory.mktemp("results"), RULES)


@pytest.fixture(scope="module")
def by_hand(tmp_path_factory):
    """Two speakers, 454 clips: of 227 of anger 200 are right, of 227 of fear 100."""
    folder = tmp_path_factory.mktemp("by_hand")
    said = [(f"a{n}", "ab"[n % 2], A, A if n < 200 else F) for n in range(227)]
    said += [(f"f{n}", "ab"[n % 2], F, F if n < 100 else A) for n in range(227)]
    numbers = {f"pairs_{A}_{A}": 50, f"similar_{A}_{A}": 40}
    numbers |= {f"pairs_{A}_{F}": 50, f"similar_{A}_{F}": 5}
    settings = {"variant": "published", "rule": "max"}
    runs = [
        made_up.run(settings, fold, [row for row in said if row[1] == speaker], numbers=numbers)
        for fold, speaker in enumerate("ab")
    ]
    clips = pd.DataFrame(columns=["id", "speaker", "emotion"])
    key = "ntalampiras2020_emodb"
    made = {key: made_up.write(folder / key, made_up.stored(runs), clips, RULES)}
    key = "ntalampiras2020_speakers"
    rows = [("c0", "a", A, A), ("c1", "a", A, F)], [("c2", "b", A, A)]
    runs = [
        made_up.run({**settings, "n_known": 3}, fold, one, repeat=fold)
        for fold, one in enumerate(rows)
    ]
    made[key] = made_up.write(folder / key, made_up.stored(runs), clips, RULES)
    key = "ntalampiras2020_unknown"
    made[key] = made_up.write(folder / key, None, clips, RULES, state="missing")
    return made


def test_the_ledger_has_each_claim_once_and_ours_in_the_papers_unit(by_hand):
    ours = {own.key: own for own in ntalampiras2020.ours(by_hand)}
    claims = ledger.claims_of("ntalampiras2020")
    assert len(ours) == 43
    assert set(ours) == set(claims[list(ledger.KEYS)].itertuples(index=False, name=None))
    found = {(own.item, own.setting): own for own in ours.values()}
    whole = found["text 4.4", "known_speakers=9"]
    assert whole.value == pytest.approx(100 * 300 / 454, abs=1e-3)
    assert (whole.n_speakers, whole.n_runs, whole.differs) == (2, 2, "")
    few = found["fig 4a", "known_speakers=3"]
    assert few.value == pytest.approx(75) and few.differs == "2 repeats, the paper 50"
    assert found["table 3", "anger->fear"].value == pytest.approx(100 * 27 / 227, abs=1e-3)
    assert found["table 3", "fear->anger"].value == pytest.approx(100 * 127 / 227, abs=1e-3)
    assert found["table 3", "sadness->fear"].value is None  # no clip of sadness
    assert found["table 1", "similar->similar"].value == pytest.approx(80)
    assert found["table 1", "dissimilar->similar"].value == pytest.approx(10)
    assert found["table 1", "mean of the diagonal"].value == pytest.approx(85)


def test_what_was_not_done_is_missing_and_said(by_hand):
    section = ntalampiras2020.section(by_hand, "original")
    missing = " | ".join(section.missing)
    assert "the dictionary lacks, emodb: no emodb" in missing
    assert "Figure 4b: the study ntalampiras2020_emotions is not among" in missing
    assert "Figure 2: the study kept no" in missing and "Figure 5" in missing
    assert [one.item for one in section.pictures] == ["table_3", "similarities", "figure_4a"]
    nothing = ntalampiras2020.ours({})
    assert len(nothing) == 43 and all(own.value is None and own.note for own in nothing)
    assert len(ntalampiras2020.section({}, "original").missing) == 4


def test_the_tables_have_the_papers_form(results):
    section = ntalampiras2020.section(results, "synthetic")
    assert section.missing == () and "82.1 %" in section.summary
    whole, table_1, table_3, similar, both, speakers, emotions, unknown = section.tables
    assert list(both.rows.index) == ["published and ComParE", "augmented and ComParE"]
    assert whole.rows["paper"].dropna().tolist() == [82.1]
    assert whole.rows.index[0] == ("published", "most similar support clip")
    assert {"majority, UAR", "speaker lookup, UAR"} <= set(whole.rows)
    assert whole.rows["p"].iloc[0] == "" and float(whole.rows["p"].iloc[1]) <= 1
    assert table_1.rows.loc["Similar", ("Similar", "paper")] == 84.3
    assert table_3.rows["paper"].loc["anger", "neutral"] == 13.6
    assert np.allclose(table_3.rows["ours"].sum(axis=1), 100, atol=1e-2)
    ms, md = (similar.rows[side] for side in ("Ms: similar", "Md: dissimilar"))
    assert np.allclose(ms + md, 100)
    assert speakers.rows.loc[3, "paper"] == "68.2 ± 5.4" and speakers.rows.loc[9, "paper"] == "82.1"
    assert "paper" not in emotions.rows  # figure 4b prints no number
    assert list(unknown.rows.index) == [("published", one) for one in (*made_up.NAMES, "mean")]
    assert set(section.curves["study"]) == {"ntalampiras2020_speakers", "ntalampiras2020_emotions"}


@pytest.mark.parametrize("place", [1, 3, 5, 7, 8])  # one of each kind; figure 5 has its own test
def test_every_picture_draws_and_holds_its_numbers(results, place):
    picture = ntalampiras2020.section(results, "synthetic").pictures[place]
    theme = LIGHT if place < 6 else DARK
    assert len(style.to_png(picture.draw(theme), theme)) > 10_000 and len(picture.data)


def test_a_picture_is_the_same_each_time(results):
    picture = ntalampiras2020.section(results, "synthetic").pictures[1]
    once, twice = (style.to_svg(picture.draw(LIGHT), LIGHT) for _ in range(2))
    assert once == twice and len(once) < 600_000


def test_pictures_are_those_of_the_paper(results):
    section = ntalampiras2020.section(results, "synthetic")
    assert [picture.item for picture in section.pictures] == [
        "figure_2",
        "figure_3",
        "figure_5",
        "table_3",
        "similarities",
        "figure_4a",
        "figure_4b",
        "open_set",
        "stream",
    ]
    pixels = section.pictures[0].data
    assert list(pixels.columns[:4]) == ["kind", "emotion", "clip", "row"]
    assert pixels.shape == (6 * 128, 4 + 100)


def test_figure_5_has_a_row_a_layer_and_the_masked_regions(results):
    done, _ = ntalampiras2020._read(results)
    rows = clip_figures._layers(done["ntalampiras2020_emodb"].tables["maps"])
    assert list(rows) == ["layer 1", "layer 2", "layer 3", "occlusion"]
    assert all(list(pictures) == list(made_up.NAMES) for pictures in rows.values())
    assert rows["occlusion"]["fear"].shape == (8, 12)


def test_the_colours_of_emotions_survive_beside_the_shades_of_a_picture(results):
    picture = ntalampiras2020.section(results, "synthetic").pictures[2]
    png = Image.open(BytesIO(style.to_png(picture.draw(DARK), DARK))).convert("RGB")
    colours = np.array([colour for _, colour in png.getcolors(1 << 16)], dtype=int)
    for emotion in made_up.NAMES:
        wanted = [int(EMOTION_COLOURS[emotion][i : i + 2], 16) for i in (1, 3, 5)]
        assert np.abs(colours - wanted).max(axis=1).min() <= 24, emotion


def test_smaller_pictures_are_not_the_papers(results, tmp_path):
    folder = tmp_path / "ntalampiras2020_emodb"
    shutil.copytree(results["ntalampiras2020_emodb"], folder)
    about = json.loads((folder / "study.json").read_text())
    about["method"].setdefault("params", {})["shrink"] = 4
    (folder / "study.json").write_text(json.dumps(about))
    rows = ntalampiras2020.ours({"ntalampiras2020_emodb": folder})
    computed = [row for row in rows if row.value is not None]
    assert computed
    assert all("pictures averaged over 4 x 4 places" in row.differs for row in computed)


# -- Another network under the same folds ----------------------------------------------------------


def another(folder, n_folds, target="emodb"):
    """mocanu2021's S1, S2 and a peer on 8 speakers: 4, 6 and 7 of 10 clips are right."""
    right = {"S1": 4, "S2": 6, "compare_svm": 7}
    stored = fabricated_components.strategies(right, n_folds=n_folds)
    folder.mkdir(parents=True)
    about = {"method": {"name": "mocanu2021"}, "state": "done", "target": {"corpus": target}}
    (folder / "study.json").write_text(json.dumps(about))
    rows = {
        "accuracy": components.accuracy(stored, RULES),
        "joined": together.joined(stored, RULES, components.systems(stored), "compare_svm"),
        "summary": pd.DataFrame({"cell": ["a", "b"], "stamps": ["", "settings chosen on c/1"]}),
    }
    for name, table in rows.items():
        table.to_csv(folder / f"{name}.csv", index=False)
    return folder


def test_another_network_stands_beside_where_one_speaker_is_left_out(by_hand, tmp_path):
    others = {
        "mocanu2021_emodb": another(tmp_path / "a", 8),
        "mocanu2021_folds": another(tmp_path / "b", 4),
        "mocanu2021_ravdess": another(tmp_path / "c", 8, "ravdess"),
    }
    shown = ntalampiras2020.section({**by_hand, **others}, "original")
    (table,) = (one for one in shown.tables if "another network" in one.title)
    assert table.stamps == ("settings chosen on c/1",) and "mocanu2021_emodb" in table.note
    rows = table.rows["accuracy"]
    assert list(rows.index) == [
        "SE-ResNet-34 from nothing",
        "SE-ResNet-34 from nothing, and ComParE",
        "SE-ResNet-34 that learned emotions of other corpora before",
        "SE-ResNet-34 that learned emotions of other corpora before, and ComParE",
        "ComParE, linear SVM",
    ]
    assert rows.iloc[[0, 2, 4]].tolist() == ["40.0", "60.0", "70.0"]
    alone = ntalampiras2020.section(by_hand, "original")
    assert not [one for one in alone.tables if "another network" in one.title]


def test_closed_forms_stand_beside_with_what_they_have_over_the_svm(by_hand, tmp_path):
    folder = tmp_path / "functionals_emodb"
    folder.mkdir()
    about = {
        "method": {"name": "functionals"},
        "state": "done",
        "source": {"corpus": "ravdess"},
        "target": {"corpus": "emodb"},
    }
    (folder / "study.json").write_text(json.dumps(about))
    accuracy = {"lda_source": 0.84, "svm": 0.8, "svm_by_speaker": 0.86}
    pd.DataFrame(
        {"system": name, "accuracy": rate, "uar": rate, "uar_low": rate - 0.05,
         "uar_high": rate + 0.05, "n_runs": 10, "n_speakers": 10}
        for name, rate in accuracy.items()
    ).to_csv(folder / "accuracy.csv", index=False)  # fmt: skip
    pd.DataFrame(
        {"system": name, "gain": accuracy[name] - 0.8, "gain_low": -0.01, "gain_high": 0.1,
         "p": 0.1, "n_speakers": 10}
        for name in ("lda_source", "svm_by_speaker")
    ).to_csv(folder / "gains.csv", index=False)  # fmt: skip
    summary = pd.DataFrame({"cell": ["a", "b"], "stamps": ["", "transductive: x"]})
    summary.to_csv(folder / "summary.csv", index=False)
    shown = ntalampiras2020.section({**by_hand, "functionals_emodb": folder}, "original")
    (table,) = (one for one in shown.tables if "closed forms" in one.title)
    assert table.stamps == ("transductive: x",)
    assert list(table.rows.index) == [
        "linear SVM",
        "the same, learned from clips of ravdess as well",
        "linear SVM, each speaker standardised by own clips (transductive)",
    ]
    assert table.rows["accuracy"].tolist() == ["80.0", "84.0", "86.0"]
    assert table.rows.iloc[:2, -1].tolist() == ["", "+4.0 (-1.0 to +10.0)"]

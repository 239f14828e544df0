"""kumar2021 on the page and in the ledger, from results of known geometry."""

import json

import pandas as pd
import pytest

import fabricated_angles as made_up
from emometric.papers import kumar2021, ledger
from emometric.report import style
from emometric.report.palette import DARK, LIGHT
from emometric.scoring import evaluation
from emometric.studies import angles

NAMES, PLACES, TRUTHS, stored = made_up.NAMES, made_up.PLACES, made_up.TRUTHS, made_up.stored

RULES = evaluation.Params(n_resamples=200, confidence=0.95, perplexity=5)


def write(folder, corpus, state="done"):
    folder.mkdir(parents=True)
    about = {
        "method": {"name": "kumar2021"},
        "source": {"corpus": corpus},
        "target": {"corpus": corpus},
        "state": state,
        "missing": [] if state == "done" else [corpus],
        "scale": "paper",
    }
    (folder / "study.json").write_text(json.dumps(about))
    if state != "done":
        return folder
    made = stored(PLACES, TRUTHS)
    tables = {
        "accuracy": angles.accuracy(made, RULES),
        "angles": angles.between(made, NAMES),
        "deviations": angles.deviations(made, NAMES),
        "gap": angles.gap(made, RULES),
        "map": angles.embedding_map(made, 5),
        "of_clips": angles.of_clips(made, NAMES),
    }
    rates = {"uar": 0.8, "uar_low": 0.7, "uar_high": 0.9, "majority_uar": 0.5}
    tables["summary"] = tables["accuracy"].assign(**rates, speaker_lookup_uar=0.5)
    for name, table in tables.items():
        table.to_csv(folder / f"{name}.csv", index=False)
    return folder


@pytest.fixture
def results(tmp_path):
    return {
        "kumar2021_ravdess": write(tmp_path / "kumar2021_ravdess", "ravdess"),
        "kumar2021_ablation": write(tmp_path / "kumar2021_ablation", "ravdess"),
        "kumar2021_iemocap": write(tmp_path / "kumar2021_iemocap", "iemocap", "missing"),
    }


def test_the_ledger_has_each_claim_once_and_ours_where_it_was_computed(results):
    ours = {own.key: own for own in kumar2021.ours(results)}
    claims = ledger.claims()
    claims = claims[claims["paper"] == "kumar2021"]
    assert set(ours) == set(claims[list(ledger.KEYS)].itertuples(index=False, name=None))
    by_setting = {(own.corpus, own.item, own.setting, own.metric): own for own in ours.values()}
    best = by_setting["ravdess", "table IV", "full method", "accuracy"]
    assert best.value == pytest.approx(100 * 5 / 6) and best.low < best.value < best.high
    pair = by_setting["ravdess", "table II", "anger|fear", "angle_deg"]
    assert pair.value == pytest.approx(60, abs=0.01) and pair.n_runs == 2
    mean = by_setting["ravdess", "text IV.B", "mean", "inter_class_angle_deg"]
    assert mean.value == pytest.approx(60, abs=0.01)
    # An emotion that the results do not hold, a network that was not trained, an absent corpus.
    calm = by_setting["ravdess", "table VI", "calm", "intra_class_deviation_deg"]
    assert calm.value is None and calm.note
    absent = [own for own in ours.values() if own.corpus == "iemocap"]
    assert absent and all(own.value is None and "no recordings" in own.note for own in absent)
    rows = ledger.table(ours.values(), origin="original", scale="paper")
    rows = rows[(rows["paper"] == "kumar2021") & (rows["corpus"] == "ravdess")]
    assert set(rows["verdict"]) == {"differs", "missing"}  # speech without songs


def test_the_section_sets_paper_beside_ours(results):
    section = kumar2021.section(results, "synthetic")
    titles = [table.title for table in section.tables]
    assert [title.split(":")[0] for title in titles] == [
        "Table IV",
        "What sharing speakers and sentences is worth on ravdess",
        "Table II",
        "Table VI",
        "Table I",
    ]
    accuracy = section.tables[0].rows
    assert accuracy["paper"].dropna().tolist() == [91.67]
    assert "83.3" in accuracy["ours"].iloc[0]
    angle = section.tables[2].rows.loc[("anger", "fear")]
    assert angle["paper"] == 84.97 and angle["ours"].startswith("60.0")
    assert any("iemocap" in line for line in section.missing)
    assert "91.67" in section.summary and "83.3 %" in section.summary
    assert [one.clips["clip"].nunique() for one in section.maps] == [6, 6]


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_pictures_draw_the_same_each_time(results, theme):
    pictures = kumar2021.section(results, "synthetic").pictures
    assert [picture.item for picture in pictures] == ["figure_4_ravdess", "figure_5_ravdess"]
    for picture in pictures:
        once, twice = (style.to_png(picture.draw(theme), theme) for _ in range(2))
        assert once == twice and isinstance(picture.data, pd.DataFrame) and len(picture.data)

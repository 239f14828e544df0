"""mocanu2021 on the page and in the ledger, from results that are known by hand."""

import json

import numpy as np
import pandas as pd
import pytest

import fabricated_components as made_up
from emometric.papers import ledger, mocanu2021
from emometric.report import style
from emometric.report.palette import DARK, LIGHT
from emometric.scoring import evaluation
from emometric.studies import components, joined, speaker_trials

RULES = evaluation.Params(n_resamples=300, confidence=0.95, perplexity=5)
PARAMS = {
    "protocol": "speaker_80_10_10",
    "path": "splits/ravdess_subject5cv.json",
    "first_folds": None,
    "softmax_epochs": 10,
    "ending_epochs": 4,
    "valid_trains": False,
    "join_bins": 2,
    "compress": "log",
    "relation": "wheel",
    "relations": {"wheel": None, "neutral_positive": {"neutral": "positive"}},
    "polarity": {
        "anger": "negative",
        "fear": "negative",
        "happiness": "positive",
        "neutral": "neutral",
    },
}
CLUSTERS = {
    ("S5", clusters, ghosts): 5 + (clusters == 8) + (ghosts == 2)
    for clusters, ghosts in ((4, 2), (8, 0), (8, 2), (8, 4), (16, 2))
}
MARGINS = {  # alpha, beta, relations
    ("S5", 0.1, 0.15, "wheel"): 6,
    ("S5", 0.3, 0.15, "wheel"): 5,
    ("S5", 0.1, 0.3, "wheel"): 8,
    ("S5", 0.1, 0.15, "neutral_positive"): 7,
}


def write(folder, stored, reference=None, **about):
    """A finished study as `studies.evaluating` leaves it; without `stored` one that had no data."""
    folder.mkdir(parents=True)
    target = about.pop("target", "ravdess")
    params = {**PARAMS, **about.pop("params", {})}
    speakers = {"corpus": "speakers", "n_speakers": 300, "n_clips": 5000}
    said = {
        "method": {"name": "mocanu2021", "params": params},
        "source": speakers,
        "target": {"corpus": target, "n_labelled": about.pop("n_labelled", 1440)},
        "state": "done" if stored else "missing",
        "missing": [] if stored else [target],
        "scale": "paper",
        "emotions": list(made_up.NAMES),
    }
    (folder / "study.json").write_text(json.dumps({**said, **about}))
    if stored is None:
        return folder
    draw = np.random.default_rng(0)
    score = np.concatenate([draw.normal(0.6, 0.2, 200), draw.normal(0.1, 0.2, 600)])
    tables = {
        "accuracy": components.accuracy(stored, RULES),
        "steps": components.steps(stored, RULES),
        "recalls": components.recalls(stored, RULES),
        "confusion": components.confusion(stored, made_up.NAMES),
        "map": components.maps(stored, RULES.perplexity),
        "separation": components.separation(stored),
        "grid": components.grid(stored, RULES, reference),
        "joined": joined.joined(stored, RULES, components.systems(stored), "compare_svm"),
        "verification": pd.DataFrame(
            {
                "group": ["all", "test-other"],
                "eer": [0.1, 0.12],
                "eer_low": [0.08, np.nan],
                "eer_high": [0.13, np.nan],
                "n_speakers": [30, 10],
                "n_trials": [800, 100],
                "untrained_eer": [0.4, np.nan],
                "n_train_speakers": [70, 70],
                "n_train_clips": [900, 900],
            }
        ),
        "trials": speaker_trials.binned(score, np.arange(800) < 200),
    }
    guesses = {"majority_uar": 0.25, "speaker_lookup_uar": 0.24, "stamps": "chosen on a, b"}
    tables["summary"] = tables["accuracy"].assign(**guesses)
    for name, table in tables.items():
        table.to_csv(folder / f"{name}.csv", index=False, float_format="%.6g")
    return folder


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results")
    compared = made_up.strategies()
    clusters = made_up.stored(CLUSTERS, ("strategy", "clusters", "ghosts"))
    margins = made_up.stored(MARGINS, ("strategy", "alpha", "beta", "relations"))
    published = {"alpha": 0.1, "beta": 0.15, "relations": "wheel"}
    peers = made_up.strategies({"S1": 4, "S5": 7, "compare_svm": 6})
    studies = {
        "mocanu2021_subject5cv": (peers, None, {"params": {"protocol": "foreign"}}),
        "mocanu2021_components": (compared, None, {}),
        "mocanu2021_cremad": (None, None, {"target": "cremad"}),
        "mocanu2021_clusters": (clusters, {"clusters": 8, "ghosts": 2}, {}),
        "mocanu2021_margins": (margins, published, {}),
    }
    return {
        key: write(folder / key, stored, reference, **about)
        for key, (stored, reference, about) in studies.items()
    }


def by_setting(results):
    return {(own.corpus, own.setting): own for own in mocanu2021.ours(results)}


def test_the_ledger_has_each_claim_once_and_ours_where_it_was_computed(results):
    ours = mocanu2021.ours(results)
    assert [own.key for own in ours] == list(
        ledger.claims_of("mocanu2021")[list(ledger.KEYS)].itertuples(index=False, name=None)
    )
    assert len(ours) == 12
    found = by_setting(results)
    # S1 recognises 4 of 10 clips, under the paper's folds and not under those of others.
    first = found["ravdess", "S1 from scratch"]
    assert first.value == pytest.approx(40) and first.low < 40 < first.high
    assert (first.n_speakers, first.n_runs, first.differs) == (8, 4, "")
    last = found["ravdess", "S5 + emotion_triplet"]
    assert last.value == pytest.approx(80) and "70 speakers" in last.differs
    assert found["cremad", "human observers"].note == ledger.PEOPLE
    rest = [own for own in ours if own.corpus == "cremad" and "human" not in own.setting]
    assert all(own.value is None and "no recordings of cremad" in own.note for own in rest)
    rows = ledger.table(ours, origin="original", scale="paper")
    rows = rows[rows["paper"] == "mocanu2021"].set_index(["corpus", "setting"])["verdict"]
    assert rows["ravdess", "S1 from scratch"] == "worse"
    assert rows["ravdess", "S5 + emotion_triplet"] == "differs"
    assert set(rows["cremad"]) == {"missing"}


def test_what_is_not_the_papers_is_said(tmp_path):
    stored = made_up.strategies()
    about = {"params": {"first_folds": 4, "valid_trains": True}, "n_labelled": 1430}
    folder = write(tmp_path / "a", stored, **about)
    words = by_setting({"mocanu2021_components": folder})["ravdess", "S1 from scratch"].differs
    for part in (
        "the first 4 folds of actors",
        "1430 clips, the paper had 1440",
        "validation speakers train",
    ):
        assert part in words
    folder = write(tmp_path / "b", stored, params={"protocol": "speaker_folds", "first_folds": 4})
    words = by_setting({"mocanu2021_x": folder})["ravdess", "S1 from scratch"].differs
    assert words == "the first 4 folds of whole speakers"


def test_the_recall_of_an_emotion_is_ours_of_that_emotion(tmp_path):
    folder = write(tmp_path / "a", made_up.strategies(), target="cremad", n_labelled=7442)
    found = by_setting({"mocanu2021_cremad": folder})
    recall = found["cremad", "S5, anger"]
    assert recall.metric == "recall" and recall.value == pytest.approx(80)
    assert recall.low < 80 < recall.high and recall.n_runs == 4
    folder = write(tmp_path / "b", made_up.strategies({"S1": 4}), target="cremad")
    assert by_setting({"k": folder})["cremad", "S5, anger"].note


def test_the_section_sets_paper_beside_ours(results):
    section = mocanu2021.section(results, "synthetic")
    titles = [table.title for table in section.tables]
    assert [title.split(":")[0].split(",")[0] for title in titles] == [
        "Table 2",
        "Which steps help on ravdess",
        "Table 2",
        "Which steps help on ravdess (4 folds of actors that others drew)",
        "Peers under the five folds of RAVDESS's actors",
        "Beyond the paper",
        "Figure 10",
        "Figure 11",
        "Alternatives",
        "Pre-training on speakers",
        "Relations of emotions on Mikels' wheel",
    ]
    table = section.tables[0].rows
    assert table.loc["S2 + pre-training", ("accuracy", "paper")] == 74.81
    assert table.loc["S2 + pre-training", ("accuracy", "ours")].startswith("60.0 (")
    assert table.loc["S1 from scratch", ("least to most", "paper")] == "64.0 to 70.5"
    assert table.loc["majority", ("UAR", "ours")] == "25.0"
    assert "Learned in 10 + 4 epochs." in section.tables[0].note
    steps = section.tables[1].rows
    assert steps.loc["S1 to S2", "paper, accuracy"] == "+6.9"
    assert steps["says"].tolist() == ["better", "unsure", "worse", "better", "better"]
    words = [f"ComParE, linear SVM to {name}" for name in ("S1", "S5")]
    assert section.tables[3].rows.index.tolist() == words
    peers = section.tables[4].rows
    assert peers.loc["ComParE, linear SVM", "UAR"].startswith("60.0")
    assert peers.loc["residual LSTM from scratch", "UAR"] == "62.3"
    assert peers.loc["S5 + emotion_triplet", "source"] == "measured here, 10 + 4 epochs"
    assert peers.loc["ComParE, linear SVM", "source"] == "measured here"
    grid = section.tables[6].rows
    assert grid.loc[("8", "2"), "minus the published"] == "published"
    assert grid.loc[("4", "2"), "minus the published"].startswith("-10.0")
    # The margins under the published relations, and the relations under the published margins.
    margins = section.tables[7].rows
    assert margins.index.tolist() == [("0.1", "0.15"), ("0.1", "0.3"), ("0.3", "0.15")]
    assert margins["minus the published"].str[:5].tolist() == ["publi", "20.0 ", "-10.0"]
    alternatives = section.tables[8].rows
    assert alternatives.index.tolist() == ["neutral_positive", "wheel"]
    assert alternatives.loc["neutral_positive", "minus the published"].startswith("10.0")
    speakers = section.tables[9]
    assert speakers.rows.loc["all", "before training"] == "40.0"
    assert speakers.note.startswith("Learned from 70 speakers, 900 clips;")
    assert "adds 20.0 (20.0 to 20.0) points of UAR" in speakers.note
    wheel = section.tables[10].rows
    assert wheel.loc["neutral"].tolist() == ["neutral", "positive", "not placed"]
    assert wheel.loc["anger", "paper"] == "placed"


def test_the_summary_says_whether_the_papers_order_holds(results):
    said = mocanu2021.section(results, "synthetic").summary
    assert "On ravdess the paper's order S1 < S2 < S3 < S4 < S5 does not hold, ours is" in said
    assert "S1 < S4 < S2 = S3 < S5" in said
    assert "S4 to S5 (+30.0)" in said and "Not told from chance: S2 to S3." in said
    holds = {"mocanu2021_subject5cv": results["mocanu2021_subject5cv"]}
    said = mocanu2021.section(holds, "synthetic").summary
    assert said == (
        "On ravdess (4 folds of actors that others drew) the paper's order S1 < S5 holds."
    )


def test_what_is_missing_has_a_line(results):
    missing = mocanu2021.section(results, "synthetic").missing
    assert "Table 2, figures 6 and 9, cremad: there is no cremad" in missing
    nothing = {"mocanu2021_cremad": results["mocanu2021_cremad"]}
    section = mocanu2021.section(nothing, "synthetic")
    assert not section.tables and not section.pictures and len(section.missing) == 2
    assert all(own.value is None for own in mocanu2021.ours({}))


def test_maps_are_of_the_clips_that_were_tested(results):
    maps = mocanu2021.section(results, "synthetic").maps
    assert [one.title.rsplit(", ")[-1] for one in maps[:3]] == [
        "softmax",
        "triplet",
        "emotion triplet",
    ]
    assert all(set(one.clips["role"]) == {"test"} for one in maps)


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_pictures_draw_the_same_each_time(results, theme):
    pictures = mocanu2021.section(results, "synthetic").pictures
    assert [picture.item for picture in pictures] == [
        "figure_7_ravdess",
        "figure_8_ravdess",
        "steps_ravdess",
        "figure_7_ravdess_foreign",
        "figure_8_ravdess_foreign",
        "steps_ravdess_foreign",
        "figure_10_ravdess",
        "figure_11_ravdess",
        "verification",
    ]
    drawn = pictures[:1] + pictures[5:] if theme is LIGHT else pictures[1:3]
    for picture in drawn:
        once, twice = (style.to_png(picture.draw(theme), theme) for _ in range(2))
        assert once == twice and isinstance(picture.data, pd.DataFrame) and len(picture.data)

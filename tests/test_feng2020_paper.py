"""feng2020's tables and figure from finished studies, and its rows of the ledger."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from emometric.base import settings
from emometric.papers import feng2020, ledger
from emometric.report.palette import THEMES
from emometric.report.style import to_png
from emometric.scoring import evaluation
from emometric.studies import evaluating, method, record, runner
from emometric.studies.cell import Table

WORDS = ("anger", "fear", "happiness", "sadness")
EVALUATION = evaluation.Params(n_resamples=100, confidence=0.95, perplexity=5)


def corpus(name, n_speakers, seed):
    generator = np.random.default_rng(seed)
    rows = [
        {"id": f"{name}/{speaker}-{word}-{take}", "speaker": f"{name}/{speaker}", "emotion": word}
        for speaker in range(n_speakers)
        for word in WORDS
        for take in range(2)
    ]
    pushes = np.eye(4)[[WORDS.index(row["emotion"]) for row in rows]].repeat(2, axis=1)
    values = generator.normal(size=(len(rows), 8)) + 2 * pushes
    clips = pd.DataFrame(rows, columns=["id", "speaker", "emotion"])
    return Table(corpus=name, clips=clips, values=values, names=tuple("abcdefgh"))


@pytest.fixture(scope="module")
def results(project_root, tmp_path_factory):
    """Four studies: one of the paper's sources, two others, and one whose source is absent."""
    folder = tmp_path_factory.mktemp("studies")
    block = settings.read("synthetic", project_root / "params.yaml")["methods"]["feng2020"]
    small = {
        "epochs": 3,
        "tuning_steps": 3,
        "frozen": [0, 1],
        "n_speakers": [2, 3],
        "chosen_n_speakers": 3,
        "repeats": 2,
    }
    target = corpus("ravdess", 5, 0)
    found = {}
    for seed, (name, n_speakers) in enumerate(
        [("urdu", 3), ("cremad", 4), ("enterface05", 0), ("emodb", 4)]
    ):
        source = corpus(name, n_speakers, seed + 1)
        study = runner.Study(
            name=f"feng2020_{name}",
            method=method.load("feng2020", block, small),
            source=source,
            target=target,
            seed=7,
            device="cpu",
        )
        outcomes = runner.run(study, study.groups(), cache_folder=folder / "cache")
        stored, made = folder / name / "stored", folder / name / "results"
        about = {"origin": "original", "scale": "paper", "feature": "is09_moments"}
        record.write(stored, study, outcomes, about)
        evaluating.evaluate(stored, made, study, EVALUATION)
        found[study.name] = made
    return found


@pytest.fixture(scope="module")
def section(results):
    return feng2020.section(results, "original")


def test_table_1_has_the_papers_rows_and_values(section, results):
    published = section.tables[0].rows
    assert list(published.index) == [
        "OODT",
        "IDT",
        "Siamese NN fine-tuning",
        "Siamese NN fine-tuning with modified loss",
    ]
    assert list(published["cremad to ravdess", "paper"]) == [29.3, 50.0, 37.8, 43.4]
    assert ("emodb to ravdess", "paper") not in published.columns
    table = pd.read_csv(results["feng2020_cremad"] / "figure2.csv")
    table = table[(table["variant"] == "fine_tuning") & (table["tested"] == "all_speakers")]
    ours = published.loc["Siamese NN fine-tuning", ("cremad to ravdess", "ours")]
    assert ours.startswith(f"{100 * table['uar'].max():.1f} (")
    stamps = published["stamp", ""]
    assert [bool(stamp) for stamp in stamps] == [False, False, True, True]
    note = section.tables[0].note
    assert "Not the paper's sources: emodb, urdu." in note
    assert "cremad: 4 speakers, the paper had 91" in note


def test_the_clean_table_takes_the_chosen_cell_on_new_speakers(section, results):
    clean = section.tables[1].rows
    assert list(clean.columns) == ["cremad to ravdess", "emodb to ravdess", "urdu to ravdess"]
    assert [row for row in clean.index if "majority" in row] == ["OODT: majority", "IDT: majority"]
    assert (clean.loc["IDT: majority"] == "25.0 (25.0 to 25.0)").all()
    table = pd.read_csv(results["feng2020_urdu"] / "figure2.csv")
    row = table[
        (table["variant"] == "fine_tuning+relative_distance")
        & (table["tested"] == "new_speakers")
        & (table["frozen"] == 0)
        & (table["n_speakers"] == 3)
    ]
    ours = clean.loc["Siamese NN fine-tuning with modified loss", "urdu to ravdess"]
    assert ours.startswith(f"{100 * row['uar'].item():.1f}")


def test_the_gain_of_the_loss_names_its_test(section):
    gain = section.tables[2].rows
    assert len(gain) == 3 * 2
    assert gain["how p was found"].str.startswith("paired sign-flip permutation over").all()
    assert gain["cells with a gain"].str.endswith(" of 4").all()


def test_what_is_missing_is_said(section):
    assert section.missing == ("Table 1 and figure 2, enterface05 to ravdess: no enterface05",)


def test_figure_2_draws_every_cell_in_both_themes(section):
    assert [picture.item for picture in section.pictures] == [
        "figure_2_cremad",
        "figure_2_emodb",
        "figure_2_urdu",
    ]
    picture = section.pictures[0]
    assert len(picture.data) == 2 * 2 * 2 * 2
    for theme in THEMES:
        assert to_png(picture.draw(theme), theme) == to_png(picture.draw(theme), theme)
    panels = picture.draw(THEMES[0]).axes
    assert len(panels) == 2 * 2
    drawn = {tuple(line.get_xdata()) for axes in panels for line in axes.get_lines()}
    assert (2, 3) in drawn


def test_curves_hold_the_clean_grid(section):
    curves = section.curves
    assert set(curves["study"]) == {"feng2020_cremad", "feng2020_emodb", "feng2020_urdu"}
    assert "frozen 1 with the loss" in set(curves["series"])
    assert len(curves) == 3 * 2 * 2 * 2


def test_the_ledger_has_a_row_for_each_claim(results):
    ours = feng2020.ours(results)
    table = ledger.table(ours, origin="original", scale="paper")
    rows = table[table["paper"] == "feng2020"].set_index(["corpus", "setting"])
    assert len(rows) == len(ours) == 8
    cremad = rows.loc["cremad->ravdess"]
    assert (cremad["ours"] != "").all()
    assert cremad.loc["fine_tuning", "differs"] == "cremad: 4 speakers, the paper had 91"
    assert "cell chosen on test" in cremad.loc["fine_tuning", "note"]
    assert cremad.loc["in_domain", "differs"] == "" and cremad.loc["in_domain", "n_runs"] == "5"
    enterface = rows.loc["enterface05->ravdess"]
    assert list(enterface["verdict"] == "missing") == [
        setting != "in_domain" for setting in enterface.index
    ]
    assert enterface.loc["in_domain", "ours"] == cremad.loc["in_domain", "ours"]


def test_nothing_done_gives_an_empty_section(results):
    only = {"feng2020_enterface05": results["feng2020_enterface05"]}
    section = feng2020.section(only, "original")
    assert section.tables == () and section.pictures == () and len(section.missing) == 1
    assert section.curves.empty
    assert all(own.value is None and "absent" in own.note for own in feng2020.ours(only))
    assert replace(section, missing=()).summary == ""

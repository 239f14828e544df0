"""das2022 as a method and as a paper: its grid, what the metric brings, its tables and figure."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from emometric.base import parts, settings
from emometric.base.errors import ParameterError
from emometric.methods import das2022 as method_part
from emometric.papers import das2022, das2022_tables, ledger
from emometric.report.palette import THEMES
from emometric.report.style import to_png
from emometric.scoring import evaluation
from emometric.studies import evaluating, method, record, runner
from emometric.studies.cell import Table

PARAMS = settings.read("synthetic", Path(__file__).resolve().parents[1] / "params.yaml")
BLOCK = PARAMS["methods"]["das2022"]
EVALUATION = evaluation.Params(n_resamples=200, confidence=0.95, perplexity=5)
SMALL = {
    "n_folds": 3,
    "epochs_paper": 40,
    "epochs_released": 3,
    "learning_rate_paper": 0.01,
    "batch_size": 32,
    "settings": ["paper"],
    "distances": ["euclidean"],
}
LEVEL = {"anger": 4.5, "happiness": 3.5, "neutral": 3.0, "sadness": 1.5}


def corpus(name, *, words=tuple(LEVEL), rated=True, seed=0, n_speakers=6, n_takes=10):
    """Clips whose loudest columns say nothing of activation; two quiet ones do."""
    generator = np.random.default_rng(seed)
    rows = [
        {
            "id": f"{name}/{speaker}_{word}_{take}",
            "speaker": f"{name}/{speaker}",
            "emotion": word,
            "activation": LEVEL[word] + 0.5 * generator.standard_normal(),
            "valence": 3 + generator.standard_normal(),
        }
        for speaker in range(n_speakers)
        for word in words
        for take in range(n_takes)
    ]
    clips = pd.DataFrame(rows)
    hidden = generator.standard_normal((len(rows), 3))
    values = hidden @ generator.standard_normal((3, 10)) + 0.3 * generator.standard_normal((1, 10))
    heard = clips["activation"].to_numpy()[:, None] + 0.4 * generator.standard_normal(
        (len(rows), 2)
    )
    if not rated:
        clips[["activation", "valence"]] = np.nan
    values = np.column_stack([values, heard])
    names = tuple(f"f{number}" for number in range(values.shape[1]))
    return Table(corpus=name, clips=clips, values=values, names=names)


def study(source, target, **changes):
    made = method.load("das2022", BLOCK, {**SMALL, **changes})
    key = f"das2022_{source.corpus}_{target.corpus}"
    return runner.Study(name=key, method=made, source=source, target=target, seed=7, device="cpu")


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> dict[str, Path]:
    """The results of four small studies: within, to a rated, to an unrated, to no corpus."""
    folder = tmp_path_factory.mktemp("das2022")
    source = corpus("iemocap")
    targets = [
        source,
        corpus("aesdd", words=("anger", "happiness", "sadness"), seed=2),
        corpus("savee", rated=False, seed=3, n_speakers=4),
        corpus("cafe").take(np.zeros(0, dtype=np.int64)),
    ]
    found = {}
    for target in targets:
        one = study(source, target)
        outcomes = list(runner.run(one, one.groups(), cache_folder=folder / "cache"))
        about = {"origin": "synthetic", "scale": "quick"}
        record.write(folder / "studies" / one.name, one, outcomes, about)
        found[one.name] = folder / "results" / one.name
        evaluating.evaluate(folder / "studies" / one.name, found[one.name], one, EVALUATION)
    return found


def table(results, target, name):
    return pd.read_csv(results[f"das2022_iemocap_{target}"] / f"{name}.csv")


def one_row(rows, **wanted):
    for name, value in wanted.items():
        rows = rows[rows[name] == value]
    assert len(rows) == 1
    return rows.iloc[0]


@pytest.mark.parametrize("folds", ["stratified", "speakers"])
def test_the_metric_brings_what_the_reconstruction_misses(results, folds):
    for name in ("affect", "pairs"):
        row = one_row(
            table(results, "iemocap", name), variant="metric_act", folds=folds, label="activation"
        )
        assert row["gain"] > 0.2 and row["gain_low"] > 0
        assert row["significant"] and row["r2"] > 0.4


def test_the_gain_is_over_the_unsupervised_network_of_the_same_folds(results):
    rows = table(results, "iemocap", "affect")
    for _, row in rows.iterrows():
        base = one_row(rows, variant="unsupervised", folds=row["folds"], label=row["label"])
        if row["variant"] == "unsupervised":
            assert np.isnan(row["gain"])
        else:
            assert row["gain"] == pytest.approx(row["r2"] - base["r2"], abs=1e-5)


def test_r2_of_a_table_is_statsmodels_on_the_stored_latents(results):
    folder = results["das2022_iemocap_iemocap"].parents[1] / "studies" / "das2022_iemocap_iemocap"
    stored, _ = record.read(folder)
    name = "classes=4 distance=euclidean folds=speakers settings=paper variant=metric_act"
    labels = corpus("iemocap").clips.set_index("id")
    fits = []
    for _, run in stored.embeddings[stored.embeddings["cell"] == name].groupby("fold"):
        latents = np.stack(run["embedding"].to_numpy()).astype(float)
        truth = labels.loc[run["id"], "activation"].to_numpy()
        fits.append(sm.OLS(truth, sm.add_constant(latents)).fit())
    row = one_row(
        table(results, "iemocap", "affect"),
        variant="metric_act",
        folds="speakers",
        label="activation",
    )
    assert row["n_runs"] == len(fits) == 3
    assert row["r2"] == pytest.approx(np.mean([fit.rsquared_adj for fit in fits]), abs=1e-5)
    assert row["r2_sd"] == pytest.approx(np.std([f.rsquared_adj for f in fits], ddof=1), abs=1e-5)
    assert row["p"] == pytest.approx(max(fit.f_pvalue for fit in fits), rel=1e-4)


def test_an_unrated_target_has_classes_alone(results):
    assert table(results, "savee", "affect").empty
    assert table(results, "savee", "pairs").empty
    rows = table(results, "savee", "summary")
    assert set(rows["classes"]) == {3, 4}
    assert not rows["variant"].str.startswith("supervised").any()
    # Learned on the source's ratings, asked about a corpus without any.
    assert {"metric_act", "metric_val", "unsupervised", "svc_egemaps"} == set(rows["variant"])


def test_an_unrated_source_has_no_metric():
    groups = study(corpus("savee", rated=False), corpus("aesdd", seed=2)).groups()
    variants = {cell.settings["variant"] for group in groups for cell in group}
    assert variants == {"unsupervised", "supervised_act", "supervised_val", "svc_egemaps"}


def test_a_target_without_neutral_has_one_class_less(results):
    cells = pd.read_parquet(
        results["das2022_iemocap_aesdd"].parents[1] / "studies/das2022_iemocap_aesdd/cells.parquet"
    )
    words = {
        n: set(cells.loc[cells["cell"].str.startswith(f"classes={n} "), "truth"]) for n in (3, 4)
    }
    assert words == {3: {"anger", "sadness"}, 4: {"anger", "happiness", "sadness"}}
    assert not (cells["predicted"] == "neutral").any()


def test_three_classes_never_answer_happiness(results):
    cells = pd.read_parquet(
        results["das2022_iemocap_savee"].parents[1] / "studies/das2022_iemocap_savee/cells.parquet"
    )
    three = cells[cells["cell"].str.startswith("classes=3 ")]
    assert set(three["truth"]) == {"anger", "neutral", "sadness"}
    assert not (three["predicted"] == "happiness").any()
    assert (three["score_happiness"] == -np.inf).all()


def test_the_grid_of_a_transfer_study():
    groups = study(corpus("one"), corpus("two"), settings=["paper", "released"],
                   distances=["euclidean", "signed"], n_folds=5).groups()  # fmt: skip
    cells = [cell for group in groups for cell in group]
    # Per setting: (1 + 2 x 2) networks from the source and 2 x 2 from the target, in two kinds of
    # five folds; two scenarios each; and the classifiers.
    assert len(cells) == 2 * (5 + 4) * 2 * 5 * 2 + 2 * 5 * 2
    assert max(map(len, groups)) <= 2 * method_part.MAX_NETWORKS
    assert all(len({cell.settings.get("settings") for cell in group}) == 1 for group in groups)
    assert "classes=4 folds=speakers settings=paper variant=unsupervised" in {c.name for c in cells}


def test_repeats_divide_anew():
    one = study(corpus("one"), corpus("one"), repeats=2)
    cells = [cell for group in one.groups() for cell in group]
    assert {(cell.repeat, cell.seed) for cell in cells} == {(0, 7), (1, 8)}


def test_released_folds_and_own_labels_are_stamped():
    params = study(corpus("one"), corpus("two")).method.params
    released = method_part.stamps(params, {"folds": "stratified", "variant": "metric_act"})
    assert any("share speakers" in words for words in released)
    assert method_part.stamps(params, {"folds": "speakers", "variant": "metric_act"}) == ()
    for variant in ("supervised_val", "svc_egemaps"):
        (words,) = method_part.stamps(params, {"folds": "speakers", "variant": variant})
        assert "own labels" in words


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"variants": ["metric"]}, "'metric' is not known"),
        ({"folds": []}, "folds is empty"),
        ({"share": 0}, "share is '0'"),
        ({"outlier": -1}, "outlier is '-1'"),
        ({"n_folds": 1}, "n_folds is '1'"),
        ({"all_emotions": 1}, "all_emotions is '1'"),
    ],
)
def test_settings_out_of_range_are_refused(change, message):
    with pytest.raises(ParameterError, match=message):
        parts.make_params("methods", "das2022", {**BLOCK, **change})


def test_all_emotions_bring_their_clips_to_the_regressions():
    words = (*LEVEL, "boredom")
    levels = corpus("one", words=tuple(LEVEL))
    more = corpus("two", words=("anger",), seed=5)
    clips = pd.concat([levels.clips, more.clips.assign(emotion=words[-1])])
    both = Table(
        corpus="both",
        clips=clips,
        values=np.concatenate([levels.values, more.values]),
        names=levels.names,
    )
    change = {"variants": ["unsupervised"], "folds": ["speakers"], "epochs_paper": 1}
    for all_emotions, n in ((False, 240), (True, 300)):
        one = study(both, both, all_emotions=all_emotions, **change)
        (group,) = one.groups()
        outcomes = one.method.part.run(group, one.method.params, both, both, "cpu")
        four = [o for o in outcomes if o.cell.settings["classes"] == 4]
        assert sum(len(o.embedding) for o in four) == n
        assert sum(len(o.clips) for o in four) == 240


# -- The paper -------------------------------------------------------------------------------------


def test_the_paper_has_its_tables_and_says_what_is_missing(results):
    made = das2022.section(results, "synthetic")
    titles = [table.title.partition(":")[0] for table in made.tables]
    assert titles[:4] == ["Table 1", "Table 2", "Table 3", "Table 4"]
    assert any("iemocap to cafe: no cafe" in line for line in made.missing)
    assert any("SUPERB" in line for line in made.missing)
    assert "On iemocap, speakers apart" in made.summary
    unrated = [line for line in made.missing if "has no labels of activation" in line]
    assert [line.partition(":")[0] for line in unrated] == ["Table 3 and figure 3, tested on savee"]


def test_without_ratings_the_paper_says_what_is_missing_and_what_is_left(tmp_path):
    one = study(corpus("emodb", rated=False), corpus("emodb", rated=False), epochs_paper=2)
    outcomes = list(runner.run(one, one.groups(), cache_folder=tmp_path / "cache"))
    record.write(tmp_path / "study", one, outcomes, {})
    evaluating.evaluate(tmp_path / "study", tmp_path / "results", one, EVALUATION)
    made = das2022.section({one.name: tmp_path / "results"}, "synthetic")
    unrated = [line.partition(":")[0] for line in made.missing if "has no labels" in line]
    assert unrated == [
        "Tables 1 and 3 and figure 3, tested on emodb",
        "DAE-Metric-act and DAE-Metric-val, learned from emodb",
    ]
    assert not made.pictures and "Table 1" not in {t.title.partition(":")[0] for t in made.tables}
    assert "On emodb, speakers apart and without labels of activation" in made.summary


def test_table_1_shows_the_papers_values_and_ours(results):
    rows = das2022.section(results, "synthetic").tables[0].rows
    row = rows.loc[("as published", "DAE-Metric-val")]
    assert row["paper: iemocap", "valence"] == "0.05 ± 0.02"
    own = one_row(
        table(results, "iemocap", "pairs"),
        variant="metric_val",
        folds="stratified",
        label="valence",
    )
    assert row["iemocap", "valence"].startswith(f"{own['r2']:.2f} ± {own['r2_sd']:.2f}")


def test_tables_3_and_4_have_the_papers_columns_and_rows(results):
    _, _, third, fourth, *_ = das2022.section(results, "synthetic").tables
    assert set(third.rows.columns.get_level_values(0)) == {"iemocap", "aesdd"}
    lookup = third.rows.loc[("speakers apart", "Speaker lookup"), ("iemocap", "activation")]
    own = table(results, "iemocap", "affect")
    assert float(lookup) == pytest.approx(
        one_row(own, variant="unsupervised", folds="speakers", label="activation")[
            "speaker_lookup_r2"
        ],
        abs=0.006,
    )
    columns = fourth.rows.columns
    assert ("aesdd", "S-A") in columns and ("aesdd", "S-H-A") in columns
    assert ("savee", "N-S-H-A") in columns
    assert set(fourth.rows.loc[("as published", "SUPERB")]) == {"–"}
    assert fourth.rows.loc[("as published", "DAE-Metric-act"), ("savee", "N-S-A")] != "–"


def test_a_star_stands_where_every_fold_is_significant(results):
    third = das2022.section(results, "synthetic").tables[2].rows
    own = table(results, "iemocap", "affect")
    for variant in ("unsupervised", "metric_act", "metric_val"):
        row = one_row(own, variant=variant, folds="speakers", label="activation")
        text = third.loc[
            ("speakers apart", das2022_tables.VARIANTS[variant]), ("iemocap", "activation")
        ]
        assert ("*" in text) == bool(row["p"] < 0.05)


def test_every_claim_has_one_row_of_ours(results):
    rows = das2022.ours(results)
    claims = ledger.claims()
    assert len(rows) == (claims["paper"] == "das2022").sum() == 5
    made = ledger.table(rows, origin="original", scale="paper")
    made = made[made["paper"] == "das2022"]
    assert (made["ours"] != "").all()
    own = one_row(
        table(results, "iemocap", "pairs"),
        variant="unsupervised",
        folds="stratified",
        label="activation",
    )
    assert float(made["ours"].iloc[0]) == pytest.approx(own["r2"], abs=1e-4)
    assert made["n_runs"].iloc[0] == "3"


def test_without_iemocap_the_ledger_says_so(results):
    rest = {key: folder for key, folder in results.items() if not key.endswith("_iemocap")}
    rows = das2022.ours(rest)
    assert {row.value for row in rows} == {None}
    assert {row.note for row in rows} == {"corpus iemocap is absent"}


def test_other_papers_studies_are_passed_over(results, tmp_path):
    about = json.loads((results["das2022_iemocap_cafe"] / "study.json").read_text())
    about["method"]["name"] = "feng2020"
    (tmp_path / "study.json").write_text(json.dumps(about))
    made = das2022.section({"feng2020_cremad": tmp_path}, "synthetic")
    assert made.tables == () and made.pictures == () and made.summary == ""


def test_figure_3_draws_the_same_each_time_in_both_themes(results):
    made = das2022.section(results, "synthetic")
    assert [picture.item for picture in made.pictures] == [
        "figure_3_iemocap_iemocap",
        "figure_3_iemocap_aesdd",
    ]
    picture = made.pictures[0]
    for theme in THEMES:
        assert to_png(picture.draw(theme), theme) == to_png(picture.draw(theme), theme)
    assert set(picture.data["variant"]) == {"unsupervised", "metric_act", "metric_val"}
    assert made.maps[0].title == "das2022: iemocap, metric-act"


def test_another_seed_gives_other_results():
    source = corpus("one")
    change = {"variants": ["metric_act"], "folds": ["speakers"], "epochs_paper": 2}
    found = []
    for seed in (7, 8):
        one = replace(study(source, source, **change), seed=seed)
        (group,) = one.groups()
        outcomes = one.method.part.run(group, one.method.params, source, source, "cpu")
        found.append([outcome.numbers["reconstruction"] for outcome in outcomes])
    assert found[0] != found[1]

"""The page and the stage that writes it: complete, self-contained, escaped, the same bytes."""

import importlib.util
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from emometric.errors import StoreError
from emometric.report import page, run_figures
from emometric.report import record as run_record
from emometric.report.palette import LIGHT
from emometric.report.style import STAND_IN_STAMP

ROOT = Path(__file__).resolve().parents[1]
PNG = dict.fromkeys(run_figures.NAMES, b"\x89PNG")
VOID = {"meta", "img", "source", "link", "br"}


def load(path: Path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


made_up = load(Path(__file__).with_name("fabricated_results.py"))
stage = load(ROOT / "stages" / "report.py")


class Reader(HTMLParser):
    """Tags with their attributes, checked for balance, and the text of every table cell."""

    def __init__(self, text: str):
        super().__init__()
        self.tags, self.open, self.cells = [], [], []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag in ("td", "th"):
            self.cells.append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if {"td", "th"} & set(self.open):
            self.cells[-1] += data


@pytest.fixture
def results(tmp_path) -> Path:
    folder = tmp_path / "data/synthetic/results/run"
    made_up.write(made_up.fabricate("emodb"), "synthetic", folder)
    return folder


@pytest.fixture
def record(results) -> run_record.Record:
    return run_record.read(results)


def test_page_is_whole_and_loads_nothing(record):
    text = page.render(record, PNG, PNG)
    tags = Reader(text).tags
    ids = {attrs["id"] for _, attrs in tags if "id" in attrs}
    for tag, attrs in tags:
        for name in ("src", "srcset"):
            assert attrs.get(name, "data:").startswith("data:"), (tag, attrs)
        assert tag not in ("script", "link", "iframe")
        if attrs.get("href", "").startswith("#"):
            assert attrs["href"][1:] in ids
        if tag == "img":
            assert len(attrs["alt"]) > 20
        if attrs.get("class") == "scroll":
            assert attrs["tabindex"] == "0" and attrs["aria-label"]
    assert [attrs["href"] for _, attrs in tags if attrs.get("href", "").startswith("http")] == [
        record.run["corpus"]["licence_url"]
    ]
    assert "@import" not in text and "url(" not in text
    assert len([tag for tag, _ in tags if tag == "h1"]) == 1
    assert len([tag for tag, _ in tags if tag == "img"]) == len(run_figures.NAMES)
    assert set(page.FIGURES) == set(run_figures.NAMES)


def test_tables_hold_the_numbers(record):
    cells = [
        re.sub(r"\s+", " ", cell).strip() for cell in Reader(page.render(record, PNG, PNG)).cells
    ]
    counts = record.counts
    for row in range(len(counts)):
        share = 100 * counts[row, row] / counts[row].sum()
        assert f"{counts[row, row]} {share:.0f} %" in cells
    assert {"55.1 to 67.1", "46.0 to 57.0", f"{100 * record.rates['uar']:.1f}"} <= set(cells)
    for uar in record.folds.loc[record.folds["cell"] == "triplet", "uar"]:
        assert f"{100 * uar:.1f}" in cells


def test_names_from_files_are_escaped(record):
    text = page.render(record, PNG, PNG)
    assert "wav/&lt;odd&gt;.wav" in text
    assert "<odd>" not in text


def test_the_audit_stands_beside_the_result(record):
    text = page.render(record, PNG, PNG)
    audit = record.run["audit"]
    stamp = "near duplicates across training and test"
    assert text.count(stamp) == 2 and text.index(stamp) < text.index('id="results"')
    assert "1 pair of &lt;clips&gt;." in text
    cells = [re.sub(r"\s+", " ", cell).strip() for cell in Reader(text).cells]
    first = audit["folds"][0]
    row = ["n_train", "n_valid", "n_test", "n_enrol", "shared_speakers", "shared_sentences"]
    at = cells.index("near-equal clips") + 1
    assert cells[at : at + 9] == ["0", *(str(first[key]) for key in row), "0", "1"]
    assert cells.count("14 / 7") == len(audit["folds"]) * len(record.emotions)
    assert {audit["duplicates"][0]["clip"], audit["duplicates"][0]["other"], "6.2"} <= set(cells)
    clean = {**audit, "stamps": [], "duplicates": [], "knows_sentences": False}
    text = page.render(replace(record, run={**record.run, "audit": clean}), PNG, PNG)
    assert stamp not in text and "<strong>Clean</strong>" in text
    assert "Clips that are one recording" not in text


def test_only_stand_ins_are_stamped(record):
    assert page.render(record, PNG, PNG).count(STAND_IN_STAMP) >= 2
    original = replace(record, run={**record.run, "origin": "original"})
    assert "stand-in" not in page.render(original, PNG, PNG)


def test_numbers_that_do_not_exist_show_as_dashes(record):
    none = {"uar_low": None, "uar_high": None}
    rates = {**record.rates, **none, "uar_fold_sd": None}
    rates["gain"] = {"uar": 0.1, **none, "p": None}
    bare = {key: value for key, value in record.run.items() if key != "rejects"}
    text = page.render(replace(record, rates=rates, run=bare), PNG, PNG)
    # A figure's title and bar leave the interval out as well.
    assert all(np.isnan(bound) for bound in run_record.interval(rates)[1:])
    assert "no interval can be drawn" in text
    assert "standard deviation –" in text
    assert "rejects.csv" in text
    assert "None" not in re.sub(r"<p>None: every", "", text) and "nan" not in text


def test_a_corpus_of_ones_own_has_no_licence_page_and_no_citation(record):
    corpus = record.run["corpus"] | {"licence_url": None, "citation": None, "licence": "mine"}
    text = page.render(replace(record, run={**record.run, "corpus": corpus}), PNG, PNG)
    assert "<dd>mine</dd>" in text
    assert "Citation" not in text and "None:" not in text.replace("None: every", "")


def test_known_faults_are_counted_apart(record):
    bare = {key: value for key, value in record.run.items() if key != "rejects"}
    bare["corpus"] = bare["corpus"] | {"n_rejects": 3, "n_excluded": 2}
    text = page.render(replace(record, run=bare), PNG, PNG)
    assert "3 of the corpus's files took no part, 2 of them as known faults" in text


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (0.01, 0.2, "better than the baseline"),
        (-0.2, -0.01, "worse than the baseline"),
        (-0.1, 0.2, "not to be told from the baseline"),
        (0.0, 0.2, "not to be told from the baseline"),
    ],
)
def test_verdict_follows_the_interval(low, high, said):
    assert page.verdict({"uar": (low + high) / 2, "uar_low": low, "uar_high": high}) == said


def written(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_every_figure_of_a_record_is_drawn(record):
    drawn = run_figures.draw(record, LIGHT)
    assert tuple(drawn) == run_figures.NAMES
    assert len(set(drawn.values())) == len(drawn)
    assert all(png.startswith(b"\x89PNG\r\n") for png in drawn.values())


def test_stage_writes_what_git_keeps_twice_the_same(results, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(run_figures, "draw", lambda record, theme: PNG)  # their bytes: test_figures
    metrics_file = results / "metrics.json"
    rates = json.loads(metrics_file.read_text()) | {"uar_fold_sd": float("nan"), "uar": 2 / 3}
    metrics_file.write_text(json.dumps(rates))
    stage.report(origin="synthetic")
    reports = tmp_path / "reports/synthetic"
    first = written(reports)
    stage.report(origin="synthetic")
    assert written(reports) == first
    assert set(first) == {
        "index.html",
        "metrics.json",
        "per_speaker.csv",
        *(f"plots/{name}.csv" for name in ("confusion", "folds", "tsne", "curves")),
        *(f"figures/run/emodb/{name}.png" for name in run_figures.NAMES),
    }
    text = first["metrics.json"].decode()
    run = json.loads(text)["run"]
    assert run["uar"] == 0.6667 and run["uar_fold_sd"] is None and "NaN" not in text
    assert list(run) == sorted(run) and text.endswith("}\n")
    assert first["plots/curves.csv"] == (results / "curves.csv").read_bytes()
    assert str(tmp_path).encode() not in b"".join(first.values())
    assert b"data:image/png;base64,iVBO" in first["index.html"]


def test_missing_results_are_named(tmp_path):
    with pytest.raises(StoreError, match=r"no metrics\.json in .*; run `dvc repro`"):
        run_record.read(tmp_path)

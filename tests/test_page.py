"""The page and the stage that writes it: complete, self-contained, escaped, the same bytes."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

import fabricated_results as made_up
import fabricated_sections as made_up_sections
import stage_scripts
from emometric.base.errors import StoreError
from emometric.report import page, picture_files, run_figures
from emometric.report import record as run_record
from emometric.report.source_digests import Source
from emometric.report.style import STAND_IN_STAMP

ROOT = Path(__file__).resolve().parents[1]
VOID = {"meta", "img", "source", "link", "br", "input"}


stage = stage_scripts.load("report")
SECTIONS = made_up_sections.sections(n_clips=30)
PNG = dict.fromkeys(run_figures.NAMES, b"\x89PNG")
PNG |= {f"{made.paper}/{one.item}": b"\x89PNG" for made in SECTIONS for one in made.pictures}


class Reader(HTMLParser):
    """Tags with their attributes, checked for balance, and the text of every table cell."""

    def __init__(self, text: str):
        super().__init__()
        self.tags, self.open, self.cells, self.prose = [], [], [], ""
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
        if not {"script", "style"} & set(self.open):
            self.prose += data
        if {"td", "th"} & set(self.open):
            self.cells[-1] += data

    @property
    def texts(self) -> list[str]:
        return [re.sub(r"\s+", " ", cell).strip() for cell in self.cells]


@pytest.fixture
def results(tmp_path) -> Path:
    folder = tmp_path / "data/synthetic/results/run"
    made_up.write(made_up.fabricate("emodb"), "synthetic", folder)
    return folder


@pytest.fixture
def record(results) -> run_record.Record:
    return run_record.read(results)


@pytest.fixture(scope="module")
def full() -> page.Beside:
    return page.Beside(
        sections=SECTIONS,
        ledger=made_up_sections.full_ledger(),
        sources=(
            Source(path="data/synthetic/results/run", md5="0" * 32 + ".dir", about={}),
            Source(
                path="data/synthetic/results/feng",
                md5="1" * 32 + ".dir",
                about={"device": "cpu", "versions": {"torch": "2.13.0", "numpy": "2.4.6"}},
            ),
        ),
        corpora=(
            {
                "id": "savee",
                "name": "SAVEE",
                "licence": "ask the owner",
                "licence_url": None,
                "citation": None,
                "language": "en",
                "n_clips": 0,
                "n_speakers": 0,
                "seconds": None,
            },
        ),
    )


def test_page_is_whole_and_loads_nothing(record, full):
    for beside in (page.NOTHING, full):
        text = page.render(record, PNG, PNG, beside)
        tags = Reader(text).tags
        ids = [attrs["id"] for _, attrs in tags if "id" in attrs]
        assert len(ids) == len(set(ids))
        for tag, attrs in tags:
            for name in ("src", "srcset"):
                assert attrs.get(name, "data:").startswith("data:"), (tag, attrs)
            assert tag != "iframe" and (tag != "link" or attrs["href"] == "data:,")
            if attrs.get("href", "").startswith("#"):
                assert attrs["href"][1:] in ids
            if tag == "img":
                assert len(attrs["alt"]) > 20
            if "scroll" in attrs.get("class", "").split():
                assert attrs["tabindex"] == "0" and attrs["aria-label"]
        assert [attrs["href"] for _, attrs in tags if attrs.get("href", "").startswith("http")] == [
            record.run["corpus"]["licence_url"]
        ]
        style = "".join(re.findall(r"<style>.*?</style>", text, flags=re.S))
        assert "@import" not in style and "url(" not in style
        assert len([tag for tag, _ in tags if tag == "h1"]) == 1
    pictures = [tag for tag, _ in tags if tag == "img"]
    assert len(pictures) == len(PNG)


def test_page_is_the_same_twice(record, full):
    assert page.render(record, PNG, PNG, full) == page.render(record, PNG, PNG, full)


def test_tables_hold_the_numbers(record):
    cells = Reader(page.render(record, PNG, PNG)).texts
    counts = record.counts
    for row in range(len(counts)):
        share = 100 * counts[row, row] / counts[row].sum()
        assert f"{counts[row, row]} {share:.0f} %" in cells
    assert {"55.1 to 67.1", "46.0 to 57.0", f"{100 * record.rates['uar']:.1f}"} <= set(cells)
    for uar in record.folds.loc[record.folds["cell"] == "triplet", "uar"]:
        assert f"{100 * uar:.1f}" in cells


def test_names_from_files_are_escaped(record, full):
    text = page.render(record, PNG, PNG, full)
    assert "wav/&lt;odd&gt;.wav" in text and "A paper &lt;feng2020&gt;" in text
    assert "<odd>" not in text and "<feng2020>" not in text


def test_data_cannot_end_its_script(record):
    tsne = record.tsne.assign(speaker="</script><b>")
    reader = Reader(page.render(replace(record, tsne=tsne), PNG, PNG))
    assert ("b", {}) not in reader.tags


def test_the_audit_stands_beside_the_result(record):
    text = page.render(record, PNG, PNG)
    audit = record.run["audit"]
    stamp = "near duplicates across training and test"
    assert text.count(stamp) == 2 and text.index(stamp) < text.index('id="results"')
    assert "1 pair of &lt;clips&gt;." in text
    cells = Reader(text).texts
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


def test_a_paper_says_what_is_to_be_known_of_it(record, full):
    text = page.render(record, PNG, PNG, full)
    for paper in made_up_sections.PAPERS:
        start = text.index(f'<section id="{paper}"')
        part = text[start : text.index("</section>", start)]
        for words in (
            "tests speakers it adapted to",
            "shares sentences",
            "cell chosen on test",
            "No speaker of training is tested.",
            "corpus savee is absent",
            "Somebody, A. and Other, B.",
        ):
            assert words in part
        assert part.count("<img ") == made_up_sections.N_PICTURES


def test_what_was_run_is_named(record, full):
    machine = {"device": "cuda", "versions": {"emometric": "0.1.0", "torch": "2.13.0"}}
    run = replace(record, run=record.run | machine)
    reader = Reader(page.render(run, PNG, PNG, full))
    cells = reader.texts
    assert "cuda with emometric 0.1.0, torch 2.13.0" in reader.prose
    assert f"git log -S {'0' * 32}.dir -- dvc.lock" in reader.prose
    at = cells.index("data/synthetic/results/feng")
    assert cells[at + 1 : at + 3] == ["1" * 32 + ".dir", "cpu with torch 2.13.0, numpy 2.4.6"]
    at = cells.index("SAVEE (savee)")
    assert cells[at + 1 : at + 4] == ["en", "absent: nothing was computed on it", "ask the owner"]


def test_only_stand_ins_are_stamped(record):
    prose = Reader(page.render(record, PNG, PNG)).prose
    assert prose.count(STAND_IN_STAMP) >= 4
    assert prose.index(STAND_IN_STAMP) < prose.index("What was run")
    original = replace(record, run={**record.run, "origin": "original"})
    assert "stand-in" not in Reader(page.render(original, PNG, PNG)).prose


def test_numbers_that_do_not_exist_show_as_dashes(record):
    none = {"uar_low": None, "uar_high": None}
    rates = {**record.rates, **none, "uar_fold_sd": None}
    rates["gain"] = {"uar": 0.1, **none, "p": None}
    bare = {key: value for key, value in record.run.items() if key != "rejects"}
    prose = Reader(page.render(replace(record, rates=rates, run=bare), PNG, PNG)).prose
    # A figure's title and bar leave the interval out as well.
    assert all(np.isnan(bound) for bound in run_record.interval(rates)[1:])
    assert "no interval can be drawn" in prose
    assert "standard deviation –" in prose
    assert "rejects.csv" in prose
    assert "None" not in prose.replace("None: every", "") and "nan" not in prose


def test_a_corpus_of_ones_own_has_no_licence_page_and_no_citation(record):
    corpus = record.run["corpus"] | {"licence_url": None, "citation": None, "licence": "mine"}
    text = page.render(replace(record, run={**record.run, "corpus": corpus}), PNG, PNG)
    assert "mine" in Reader(text).texts
    prose = Reader(text).prose
    assert "Citation" not in prose and "None" not in prose.replace("None: every", "")


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


def undrawn(picture) -> picture_files.Drawn:
    """A picture without the drawing; its bytes: test_publishing."""
    png = b"\x89PNG\r\n\x1a\n"
    csv = picture.data.to_csv(index=False).encode()
    return picture_files.Drawn(item=picture.item, light=png, dark=png, svg=b"<svg/>", csv=csv)


def write_study(folder: Path) -> None:
    """Results of a study whose target is absent, as the study stage leaves them."""
    folder.mkdir(parents=True)
    ends = {
        end: {"corpus": corpus, "n_clips": n_clips, "n_speakers": n_speakers}
        for end, corpus, n_clips, n_speakers in (
            ("source", "urdu", 400, 29),
            ("target", "savee", 0, 0),
        )
    }
    about = {
        "study": folder.name,
        "device": "cpu",
        "versions": {"torch": "2.13.0"},
        "shown": [],
    } | ends
    (folder / "study.json").write_text(json.dumps(about))
    (folder / "metrics.json").write_text("{}")
    (folder / "per_speaker.csv").write_text("study,cell,speaker,emotion,n,correct\n")


def test_stage_writes_what_git_keeps_twice_the_same(results, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(picture_files, "draw", undrawn)
    monkeypatch.setattr(stage, "PAPERS", ())
    monkeypatch.setattr(
        stage.settings,
        "read",
        lambda origin: {"studies": {"toy": {}}, "study_scale": {origin: "quick"}},
    )
    write_study(results.parent / "toy")
    metrics_file = results / "metrics.json"
    rates = json.loads(metrics_file.read_text()) | {"uar_fold_sd": float("nan"), "uar": 2 / 3}
    metrics_file.write_text(json.dumps(rates))
    stage.report(origin="synthetic")
    reports = tmp_path / "reports/synthetic"
    first = written(reports)
    stage.report(origin="synthetic")
    assert written(reports) == first
    figures = {
        f"figures/run/emodb/{name}.{ending}"
        for name in run_figures.NAMES
        for ending in ("png", "svg", "csv")
    }
    tables = {f"plots/{name}.csv" for name in ("confusion", "folds", "tsne", "curves", "studies")}
    assert {
        "index.html",
        "ledger.csv",
        "metrics.json",
        "per_speaker.csv",
        *tables,
        *figures,
    } <= set(first)
    text = first["metrics.json"].decode()
    run = json.loads(text)["run"]
    assert run["uar"] == 0.6667 and run["uar_fold_sd"] is None and "NaN" not in text
    assert list(run) == sorted(run) and text.endswith("}\n")
    assert first["plots/curves.csv"] == (results / "curves.csv").read_bytes()
    assert str(tmp_path).encode() not in b"".join(first.values())
    assert b"data:image/png;base64,iVBO" in first["index.html"]
    cells = Reader(first["index.html"].decode()).texts
    assert "data/synthetic/results/toy" in cells and "cpu with torch 2.13.0" in cells
    assert cells[cells.index("SAVEE (savee)") + 2] == "absent: nothing was computed on it"


def test_missing_results_are_named(tmp_path):
    with pytest.raises(StoreError, match=r"no metrics\.json in .*; run `dvc repro`"):
        run_record.read(tmp_path)

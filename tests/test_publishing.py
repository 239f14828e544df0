"""What the report writes: figures as PNG, SVG and data, the same bytes; sums that are DVC's own."""

import hashlib
import json
import re
import subprocess
import sys
from functools import partial
from pathlib import Path

import matplotlib
import pandas as pd
import pytest
import yaml

import fabricated_results as made_up
import fabricated_sections as made_up_sections
from emometric import parallel
from emometric.base.errors import StoreError
from emometric.report import picture_files, publishing, run_figures, source_digests
from emometric.report import record as run_record
from emometric.report.section import CURVE


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    made = tmp_path_factory.mktemp("results") / "run"
    made_up.write(made_up.fabricate("emodb"), "synthetic", made)
    return made


@pytest.fixture(scope="module")
def drawn(folder) -> list[picture_files.Drawn]:
    return [picture_files.draw(made) for made in run_figures.pictures(run_record.read(folder))]


def test_every_figure_of_a_run_is_drawn_in_both_themes(drawn, folder):
    assert tuple(made.item for made in drawn) == run_figures.NAMES
    pictures = {made.light for made in drawn} | {made.dark for made in drawn}
    assert len(pictures) == 2 * len(drawn)
    assert all(png.startswith(b"\x89PNG\r\n") for png in pictures)
    assert all(len(made.alt) > 20 for made in run_figures.pictures(run_record.read(folder)))


def test_figures_are_the_same_bytes_in_another_process(folder, drawn):
    program = (
        "import hashlib; from emometric.report import picture_files, record, run_figures\n"
        f"made = run_figures.pictures(record.read({str(folder)!r}))\n"
        "for one in map(picture_files.draw, made[2:4]):\n"
        "    print(*(hashlib.sha256(b).hexdigest() for b in (one.light, one.svg, one.csv)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    wanted = [
        [hashlib.sha256(content).hexdigest() for content in (one.light, one.svg, one.csv)]
        for one in drawn[2:4]
    ]
    assert [line.split() for line in done.stdout.splitlines()] == wanted


def test_svg_says_nothing_of_day_or_program(drawn):
    for made in drawn:
        text = made.svg.decode()
        assert text.count("<svg") == 1
        assert "<dc:date>" not in text and matplotlib.__version__ not in text
        assert not re.search(r"20\d\d-\d\d-\d\d", text)


def test_data_stands_beside_each_figure(drawn, tmp_path):
    picture_files.write(drawn, tmp_path / "figures")
    names = sorted(path.name for path in (tmp_path / "figures").iterdir())
    assert names == sorted(
        f"{name}.{ending}" for name in run_figures.NAMES for ending in ("csv", "png", "svg")
    )
    folds = pd.read_csv(tmp_path / "figures/folds.csv")
    assert set(folds.columns) == {"cell", "fold", "uar", "accuracy"}


def test_other_processes_draw_the_same(monkeypatch):
    monkeypatch.setattr(parallel, "_ALONE_S", 0.0)  # they begin at once
    makers = [partial(made_up_sections.pictures, paper) for paper in ("feng2020", "das2022")]
    here = picture_files.draw_all(makers)
    assert picture_files.draw_all(makers, processes=2) == here
    assert [[made.item for made in drawn] for drawn in here] == [
        [picture.item for picture in make()] for make in makers
    ]


def test_a_named_index_is_data_too():
    picture = made_up_sections.section("feng2020", 5).pictures[0]
    named = picture.data.rename_axis("dot")
    made = picture_files.draw(picture_files.Picture(**(vars(picture) | {"data": named})))
    assert made.csv.decode().splitlines()[0] == "dot,x,y"
    assert picture_files.draw(picture).csv.decode().splitlines()[0] == "x,y"


def test_curves_of_all_papers_in_one_table():
    sections = made_up_sections.sections(n_clips=5)
    lines = publishing.curves(sections).decode().splitlines()
    assert lines[0] == ",".join(CURVE)
    assert len(lines) == 1 + sum(len(section.curves) for section in sections)
    assert publishing.curves(()).decode() == ",".join(CURVE) + "\n"


def test_sum_of_a_folder_is_the_one_that_dvc_records(tmp_path):
    folder = tmp_path / "results"
    for name in ("b.csv", "a/z.csv", "a.csv", "a/b/ü.txt"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"<{name}>\r\n", encoding="utf-8")
    dvc = [sys.executable, "-m", "dvc"]
    for command in (["init", "--no-scm", "-q"], ["add", "-q", "results"]):
        subprocess.run([*dvc, *command], cwd=tmp_path, check=True, capture_output=True)
    recorded = yaml.safe_load((tmp_path / "results.dvc").read_text(encoding="utf-8"))
    assert source_digests.folder_md5(folder) == recorded["outs"][0]["md5"]


def test_source_says_where_it_was_trained(tmp_path):
    about = {"device": "cpu", "versions": {"numpy": "2.4.6", "torch": "2.13.0"}}
    (tmp_path / "study.json").write_text(json.dumps(about))
    source = source_digests.read(tmp_path)
    assert source.machine == "cpu with numpy 2.4.6, torch 2.13.0"
    assert source.path == tmp_path.as_posix() and source.md5.endswith(".dir")
    (tmp_path / "study.json").write_text("{}")
    assert source_digests.read(tmp_path).machine == ""


def test_sources_that_are_not_there_are_named(tmp_path):
    with pytest.raises(StoreError, match="no folder"):
        source_digests.read(tmp_path / "none")
    with pytest.raises(StoreError, match=r"no study\.json in"):
        source_digests.read(tmp_path)


def test_corpora_of_studies_come_once_with_their_licence():
    def study(source, target):
        ends = {"source": source, "target": target}
        about = {
            end: {"corpus": name, "n_clips": n_clips, "n_speakers": 3}
            for end, (name, n_clips) in ends.items()
        }
        return source_digests.Source(path=f"{source}", md5="", about=about)

    found = source_digests.corpora(
        [study(("urdu", 40), ("emodb", 30)), study(("emodb", 30), ("savee", 0))]
    )
    assert [corpus["id"] for corpus in found] == ["emodb", "savee", "urdu"]
    assert [corpus["n_clips"] for corpus in found] == [30, 0, 40]
    assert all(corpus["licence"] and corpus["name"] for corpus in found)
    assert source_digests.corpora([source_digests.Source(path="", md5="")]) == ()


def test_a_source_made_of_several_corpora_is_named_by_them():
    members = [{"corpus": "librispeech", "n_clips": 9, "n_speakers": 9}]
    members += [{"corpus": "emodb", "n_clips": 5, "n_speakers": 2}]
    speakers = {"corpus": "speakers", "n_clips": 14, "n_speakers": 11, "members": members}
    emodb = {"corpus": "emodb", "n_clips": 30, "n_speakers": 10, "members": []}
    about = {"source": speakers, "target": emodb}
    found = source_digests.corpora([source_digests.Source(path="a", md5="", about=about)])
    assert [(one["id"], one["n_clips"]) for one in found] == [("emodb", 30), ("librispeech", 9)]

"""DVC's plots: templates that draw our tables, for one revision and for two; an offline page."""

import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
import vl_convert
import yaml
from dvc_render.vega import VegaRenderer

import fabricated_results as made_up
import fabricated_sections as made_up_sections
from emometric.base.errors import PipelineError
from emometric.report import offline_plots
from emometric.report.palette import EMOTION_COLOURS
from emometric.report.style import STAND_IN_STAMP

ROOT = Path(__file__).resolve().parents[1]
TEMPLATES = ROOT / ".dvc" / "plots"


# template -> (table, x, y): as dvc.yaml declares them
PLOTS = {
    "confusion": ("clips", "predicted", "truth"),
    "embedding": ("tsne", "x", "y"),
    "curves": ("curves", "epoch", "valid_uar"),
    "folds": ("folds", "uar", "cell"),
    "bands": ("studies", "x", "value"),
}


def filled(template: str, revisions: list[str]) -> dict:
    """The template with our table of each revision in it, as DVC fills it: all values strings."""
    table, x, y = PLOTS[template]
    points = []
    for seed, revision in enumerate(revisions):
        if table == "studies":
            rows = made_up_sections.section("feng2020", 10).curves
        else:
            rows = getattr(made_up.fabricate("urdu", seed), table)
        rows = rows.astype(object).fillna("")
        points += [
            {key: str(value) for key, value in row.items()} | {"rev": revision}
            for row in rows.to_dict("records")
        ]
    renderer = VegaRenderer(
        points, template, template=template, template_dir=str(TEMPLATES), x=x, y=y, title="A title"
    )
    return renderer.get_filled_template()


@pytest.mark.parametrize("template", list(PLOTS))
@pytest.mark.parametrize("revisions", [["workspace"], ["workspace", "HEAD~1"]])
def test_template_draws_every_revision(template, revisions):
    spec = filled(template, revisions)
    assert "<DVC_METRIC" not in json.dumps(spec)
    svg = vl_convert.vegalite_to_svg(spec, vl_version=offline_plots.VEGA_LITE)
    for text in ("A title", *revisions):
        assert text in svg
    assert "NaN" not in svg and "undefined" not in svg
    wanted = {
        "confusion": ["anger", "sadness"],
        "embedding": ["anger", EMOTION_COLOURS["anger"]],
        "curves": ["training loss"],
        "folds": ["triplet", "majority"],
        "bands": ["feng2020_a", "feng2020_b", "siamese", "fine tuning"],
    }[template]
    for text in wanted:
        assert text in svg


def test_confusion_counts_clips_and_shares_rows():
    svg = vl_convert.vegalite_to_svg(filled("confusion", ["workspace"]), vl_version="5.8")
    clips = made_up.fabricate("urdu", 0).clips
    anger = clips[clips["truth"] == "anger"]
    right = int((anger["predicted"] == "anger").sum())
    assert f">{right}<" in svg
    assert f">{100 * right / len(anger):.0f}%<" in svg


def test_embedding_has_the_emotions_own_colours():
    spec = json.loads((TEMPLATES / "embedding.json").read_text(encoding="utf-8"))
    scale = spec["spec"]["encoding"]["color"]["scale"]
    assert dict(zip(scale["domain"], scale["range"], strict=True)) == EMOTION_COLOURS


def test_every_title_says_what_was_heard():
    for path, words in (("dvc.yaml", STAND_IN_STAMP), ("original/dvc.yaml", "real recordings")):
        text = yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))
        assert text["vars"][1]["heard"] == words
        declared = [looks for plot in text["stages"]["report"]["plots"] for looks in plot.values()]
        assert {looks["template"] for looks in declared} == set(PLOTS)
        for looks in declared:
            assert looks["title"].endswith("(${heard})")


class Scripts(HTMLParser):
    def __init__(self, text: str):
        super().__init__()
        self.sources, self.n_scripts = [], 0
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.n_scripts += tag == "script"
        self.sources += [value for name, value in attrs if name in ("src", "href")]


def test_offline_page_carries_its_scripts(tmp_path):
    dvc = [sys.executable, "-m", "dvc"]
    subprocess.run([*dvc, "init", "--no-scm", "-q"], cwd=tmp_path, check=True)
    target = offline_plots.install(tmp_path)
    text = target.read_text(encoding="utf-8")
    assert text.count("{plot_divs}") == 1
    assert "{scripts}" not in text  # DVC would load its own from a network
    found = Scripts(text)
    assert (found.sources, found.n_scripts) == ([], 1)
    config = (tmp_path / ".dvc/config.local").read_text(encoding="utf-8")
    assert re.search(r"\[plots\]\s+html_template = plots/offline\.html", config)
    assert "html_template" not in (tmp_path / ".dvc/config").read_text(encoding="utf-8")
    before = target.read_bytes()
    assert offline_plots.install(tmp_path).read_bytes() == before


def test_a_clone_before_set_up_names_no_page():
    # DVC refuses to draw where the configuration names a page that is not there.
    assert "html_template" not in (ROOT / ".dvc/config").read_text(encoding="utf-8")
    assert "/plots/offline.html" in (ROOT / ".dvc/.gitignore").read_text(encoding="utf-8")


def test_script_cannot_end_early():
    assert offline_plots.page('a = "</script>";').count("</script>") == 1


def test_outside_a_project_is_refused(tmp_path):
    with pytest.raises(PipelineError, match="run from the project's root"):
        offline_plots.install(tmp_path)

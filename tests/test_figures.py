"""Figures: right numbers, nothing cut or overlapping, stamped, and the same bytes each time."""

import io
from itertools import combinations

import matplotlib
import numpy as np
import pandas as pd
import pytest
from PIL import Image

import fabricated_results as made_up
from emometric.report import cell_figures, figures
from emometric.report.palette import DARK, EMOTION_COLOURS, LIGHT
from emometric.report.style import (
    PLACE_DIGITS,
    STAND_IN_STAMP,
    WIDTH_IN,
    CorpusHeading,
    Heading,
    new_figure,
    percent,
    style,
    to_png,
    to_svg,
)
from emometric.scoring import metrics

NAN = float("nan")
KINDS = ("confusion", "per_speaker", "tsne", "folds", "curves")


def heading(corpus: str = "Emo-DB", origin: str = "synthetic") -> Heading:
    return Heading(
        corpus=corpus,
        system="se_resnet34 + emotion_triplet",
        protocol="leave_one_speaker_out (24 folds)",
        scale="quick",
        origin=origin,
    )


def draw(kind: str, made, *, origin="synthetic", theme=LIGHT):
    looks = {"heading": heading(made.name, origin), "theme": theme}
    n_emotions = len(made.emotions)
    chance = (1 / n_emotions, NAN, NAN)
    if kind == "confusion":
        counts = metrics.confusion(made.clips["truth"], made.clips["predicted"], made.emotions)
        return cell_figures.confusion(
            counts, made.emotions, (0.612, 0.55, 0.671), confidence=0.95, **looks
        )
    if kind == "per_speaker":
        return cell_figures.per_speaker(made.per_speaker, made.emotions, **looks)
    if kind == "tsne":
        return figures.tsne(made.tsne, made.emotions, **looks)
    if kind == "folds":
        pooled = {
            "triplet": (0.612, 0.55, 0.671),
            "egemaps_svm_linear": (0.51, 0.46, 0.57),
            "speaker_lookup": chance,
            "majority": chance,
        }
        return figures.folds(
            made.folds, pooled, run="triplet", n_emotions=n_emotions, confidence=0.95, **looks
        )
    return figures.curves(made.curves, n_emotions=n_emotions, **looks)


def texts(figure) -> list:
    """Every text that is drawn, once the layout is settled; ticks beyond an axis are not."""
    figure.draw_without_rendering()
    beyond = {
        id(label)
        for axes in figure.axes
        for axis in (axes.xaxis, axes.yaxis)
        for tick in axis.get_major_ticks()
        for label in (tick.label1, tick.label2)
        if not min(axis.get_view_interval()) <= tick.get_loc() <= max(axis.get_view_interval())
    }
    found = figure.findobj(matplotlib.text.Text)
    return [
        text
        for text in found
        if text.get_visible() and text.get_text().strip() and id(text) not in beyond
    ]


def labels(figure) -> list[str]:
    return [text.get_text() for text in texts(figure)]


@pytest.fixture(scope="module")
def emodb():
    return made_up.fabricate("emodb")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("corpus", ["emodb", "ravdess", "urdu"])
def test_no_text_is_cut_or_covers_another(kind, corpus):
    figure = draw(kind, made_up.fabricate(corpus))
    renderer = figure.canvas.get_renderer()
    boxes = [(text.get_text(), text.get_window_extent(renderer)) for text in texts(figure)]
    for label, box in boxes:
        assert box.x0 >= 0 and box.y0 >= 0, label
        assert box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1, label
    for (first, one), (second, other) in combinations(boxes, 2):
        across = min(one.x1, other.x1) - max(one.x0, other.x0)
        along = min(one.y1, other.y1) - max(one.y0, other.y0)
        assert across <= 1 or along <= 1, (first, second)  # a pixel of rounding


@pytest.mark.parametrize("kind", KINDS)
def test_heading_says_all_and_stamps_stand_ins(kind, emodb):
    text = " ".join(labels(draw(kind, emodb)))
    for fact in heading().parts():
        assert fact in text
    assert STAND_IN_STAMP in text
    assert STAND_IN_STAMP not in labels(draw(kind, emodb, origin="original"))


@pytest.mark.parametrize(("kind", "theme"), [*((kind, LIGHT) for kind in KINDS), ("folds", DARK)])
def test_same_table_same_bytes_whatever_the_users_settings(kind, theme, emodb):
    first = to_png(draw(kind, emodb, theme=theme), theme)
    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "red", "savefig.dpi": 30}):
        second = to_png(draw(kind, emodb, theme=theme), theme)
    assert first == second
    picture = Image.open(io.BytesIO(first)).convert("RGB")
    assert picture.width == round(WIDTH_IN * 160)
    assert "#{:02x}{:02x}{:02x}".format(*picture.getpixel((2, 2))) == theme.surface


def test_style_leaves_no_trace():
    before = dict(matplotlib.rcParams)
    with style(DARK):
        pass
    assert dict(matplotlib.rcParams) == before


def test_confusion_writes_share_of_the_row_and_clips():
    counts = np.array([[6, 2], [0, 0]])
    figure = cell_figures.confusion(
        counts, ("anger", "fear"), (0.75, NAN, NAN), confidence=0.95, heading=heading()
    )
    found = labels(figure)
    assert {"75 %", "25 %", "6", "2", "anger (8)", "fear (0)", "Confusion: UAR 75.0 %"} <= set(
        found
    )
    assert found.count("0") == 0  # an empty row stays blank


def test_per_speaker_leaves_missing_cells_blank():
    table = pd.DataFrame(
        [("c/A", "anger", 4, 1), ("c/A", "fear", 2, 2), ("c/B", "fear", 5, 4)],
        columns=["speaker", "emotion", "n", "correct"],
    )
    found = labels(cell_figures.per_speaker(table, ("anger", "fear"), heading=heading()))
    assert [text for text in found if text.startswith("of ")] == ["of 4", "of 2", "of 5"]
    assert {"25", "100", "62"} <= set(found)  # A, with the mean of both
    assert found.count("80") == 2  # B's only emotion is B's mean


def test_map_draws_each_clip_in_its_colour_and_rings_the_misrecognised(emodb):
    figure = draw("tsne", emodb)
    drawn = figure.axes[0].collections
    assert sum(len(marks.get_offsets()) for marks in drawn[:-1]) == len(emodb.tsne)
    test = emodb.tsne[emodb.tsne["role"] == "test"]
    assert len(drawn[-1].get_offsets()) == (test["emotion"] != test["predicted"]).sum() > 0
    colours = {matplotlib.colors.to_hex(marks.get_facecolor()[0]) for marks in drawn[:-1]}
    assert colours == {EMOTION_COLOURS[word] for word in emodb.emotions}


def test_curves_without_validation_speakers_are_drawn(emodb):
    table = emodb.curves.assign(valid_uar=NAN)
    to_png(figures.curves(table, n_emotions=7, heading=heading()))


def test_one_fold_is_drawn(emodb):
    table = emodb.folds[emodb.folds["fold"] == 0]
    pooled = {"triplet": (1.0, NAN, NAN), "majority": (0.14, NAN, NAN)}
    figure = figures.folds(
        table, pooled, run="triplet", n_emotions=7, confidence=0.9, heading=heading()
    )
    assert "100.0 %" in labels(figure)


def test_interval_in_words():
    assert percent((0.5, 0.4, 0.6), 0.9) == "50.0 % (90 % interval 40.0 to 60.0)"


def test_the_layout_keeps_few_digits_and_only_once():
    """Its last bits differ between processes; a coordinate in an SVG would show it."""
    figure = new_figure("A title", CorpusHeading(facts=("fact",), origin="original"), body_in=2)
    axes = figure.subplots(1, 2)[1]
    axes.set_ylabel("a label that the layout makes room for")
    first = to_svg(figure)
    place = axes.get_position(original=True).p0  # the lower left corner
    np.testing.assert_array_equal(place, place.round(PLACE_DIGITS))
    assert to_svg(figure) == first

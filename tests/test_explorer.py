"""The map to explore: clips, colours, neighbours, and a chart that Vega-Lite draws."""

import json

import numpy as np
import pandas as pd
import vl_convert
from hypothesis import given
from hypothesis import strategies as st

from emometric.emotions import EMOTIONS
from emometric.report import explorer, explorer_chart
from emometric.report.palette import DARK, EMOTION_COLOURS, LIGHT, contrast
from emometric.report.section import Map


def clips(n: int = 6, **columns) -> pd.DataFrame:
    made = {
        "clip": [f"c/{row}" for row in range(n)],
        "speaker": [f"c/s{row % 3}" for row in range(n)],
        "emotion": (["anger", "fear", "sadness"] * n)[:n],
        "predicted": ([None, "fear", "anger"] * n)[:n],
        "role": (["train", "test", "test"] * n)[:n],
        "x": [float(row) for row in range(n)],
        "y": [0.0] * n,
    }
    return pd.DataFrame(made | columns)


def payload(table: pd.DataFrame) -> dict:
    (made,) = explorer.payload([Map(title="a map", clips=table)])
    return made


def test_clips_and_what_was_made_of_them():
    made = payload(clips())
    columns = made["columns"]
    assert columns["clip"] == [f"c/{row}" for row in range(6)]
    assert columns["correctness"][:3] == ["not tested", "recognised", "misrecognised"]
    assert columns["predicted"][:3] == ["", "fear", "anger"]
    assert {len(values) for values in columns.values()} == {6}
    assert json.loads(json.dumps(made, allow_nan=False)) == made


def test_neighbours_are_the_nearest_on_the_map():
    made = payload(clips(8))
    assert made["near"][0] == [1, 2, 3, 4, 5]
    assert made["near"][4][:2] == [3, 5]  # of equally far ones the earlier
    assert made["near_in"] == "this map"


def test_named_neighbours_win_and_keep_their_order():
    names = ["c/5 c/2", "", None, "c/0 elsewhere/7 c/1", "c/3", "c/4"]
    made = payload(clips(6, neighbours=names))
    assert made["near"] == [[5, 2], [], [], [0, 1], [3], [4]]
    assert made["near_in"] == "the space of the embeddings"


@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=25),
)
def test_neighbours_equal_a_plain_search(points):
    table = clips(len(points)).assign(x=[p[0] for p in points], y=[p[1] for p in points])
    near = payload(table)["near"]
    place = np.array(points, dtype=float)
    for row, found in enumerate(near):
        far = np.hypot(*(place - place[row]).T)
        others = sorted(np.delete(far, row))[: explorer.N_NEIGHBOURS]
        assert row not in found and len(set(found)) == len(found)
        assert [far[other] for other in found] == others


def test_keys_count_the_clips_and_keep_the_emotions_colours():
    keys = payload(clips())["keys"]
    assert [key[0] for key in keys["emotion"]] == ["anger", "fear", "sadness"]
    for label, light, dark, count in keys["emotion"]:
        assert light == dark == EMOTION_COLOURS[label] and count == 2
    assert sum(key[-1] for key in keys["speaker"]) == 6
    assert [key[0] for key in keys["correctness"]] == ["recognised", "misrecognised", "not tested"]
    assert "activation" not in keys


def test_activation_falls_into_equal_ranges():
    values = [1.0, 2.0, 3.0, 4.0, 5.0, np.nan]
    made = payload(clips(6, activation=values))
    labels = made["columns"]["activation"]
    assert labels[0] == "1.00 to 1.80" and labels[4] == "4.20 to 5.00" and labels[5] == "not known"
    assert made["columns"]["activation_value"] == [1.0, 2.0, 3.0, 4.0, 5.0, None]
    starts = [key[0] for key in made["keys"]["activation"]]
    assert starts == [*sorted(set(labels) - {"not known"}), "not known"]
    same = payload(clips(3, activation=[2.0] * 3))["columns"]["activation"]
    assert len(set(same)) == 1


def test_every_colour_is_seen_on_its_background():
    table = clips(40, activation=np.linspace(0, 1, 40), speaker=[f"s{row}" for row in range(40)])
    for keys in payload(table)["keys"].values():
        for label, light, dark, _ in keys:
            assert contrast(light, LIGHT.surface) > 1.5, label
            assert contrast(dark, DARK.surface) > 1.5, label


def test_one_clip_and_none():
    assert payload(clips(1))["near"] == [[]]
    assert payload(clips(0))["columns"]["clip"] == []


def test_every_emotion_has_an_outline_of_its_own():
    outlines = explorer_chart.EMOTION_OUTLINES
    assert set(outlines) == set(EMOTIONS) == set(EMOTION_COLOURS)
    assert len(set(outlines.values())) == len(outlines)


def test_chart_draws_clips_by_shape_and_rings_the_chosen_one():
    spec = explorer_chart.spec()
    assert spec == explorer_chart.spec()
    made = payload(clips())
    columns = made["columns"]
    rows = [
        {"row": row} | {name: values[row] for name, values in columns.items()} for row in range(6)
    ]
    palette = {name: {key[0]: key[1] for key in keys} for name, keys in made["keys"].items()}
    values = {"palette": palette, "chosen": 2, "near": [1, 3], "x_low": -1, "x_high": 7}
    for param in spec["params"]:
        param["value"] = values.get(param["name"], param.get("value"))
        if "select" in param:
            del param["value"]
    spec |= {"datasets": {"clips": rows}, "width": 300, "height": 200}
    svg = vl_convert.vegalite_to_svg(spec, vl_version=explorer_chart.VEGA_LITE)
    for emotion in ("anger", "fear", "sadness"):
        assert svg.count(f'fill="{EMOTION_COLOURS[emotion]}"') == 2
    assert svg.count('stroke-dasharray="3,2"') == 2  # a tie to each neighbour
    assert "NaN" not in svg and "undefined" not in svg

"""The drawing of the map to explore, in Vega-Lite; the page's script gives it clips and colours."""

from typing import Any

import altair as alt

from emometric.report.palette import EMOTION_SHAPES

# The shapes of the figures (matplotlib's codes) as outlines in a square from -1 to 1.
OUTLINES = {
    "^": "M0,-.85L.9,.75L-.9,.75Z",
    "v": "M0,.85L.9,-.75L-.9,-.75Z",
    "<": "M-.85,0L.75,-.9L.75,.9Z",
    "s": "M-.75,-.75H.75V.75H-.75Z",
    "D": "M0,-1L1,0L0,1L-1,0Z",
    "o": "M.85,0A.85,.85,0,1,1,-.85,0A.85,.85,0,1,1,.85,0",
    "p": "M0,-.95L.9,-.29L.56,.77L-.56,.77L-.9,-.29Z",
    "h": "M0,-.95L.82,-.48V.48L0,.95L-.82,.48V-.48Z",
    "*": "M0,-1L.26,-.35L.95,-.31L.42,.13L.59,.81L0,.44L-.59,.81L-.42,.13L-.95,-.31L-.26,-.35Z",
    "P": "M-.3,-.9H.3V-.3H.9V.3H.3V.9H-.3V.3H-.9V-.3H-.3Z",
    "X": "M-.9,-.5L-.5,-.9L0,-.4L.5,-.9L.9,-.5L.4,0L.9,.5L.5,.9L0,.4L-.5,.9L-.9,.5L-.4,0Z",
}
EMOTION_OUTLINES = {emotion: OUTLINES[code] for emotion, code in EMOTION_SHAPES.items()}
VEGA_LITE = ".".join(alt.SCHEMA_VERSION.lstrip("v").split(".")[:2])

# What the page's script sets, and what holds until it does.
_PARAMS = {
    "colour_by": "emotion",
    "palette": {},  # colouring -> label -> colour
    "only": None,  # a label: its clips alone stand out
    "tested_only": False,
    "chosen": -1,  # row of the clip looked at, the rows of its neighbours, and where it lies
    "near": [],
    "chosen_x": 0,
    "chosen_y": 0,
    "dot": 60,  # area of a mark, in square pixels
    "ink": "#000000",
    "surface": "#ffffff",
    "x_low": -1,
    "x_high": 1,
    "y_low": -1,
    "y_high": 1,
}
_LOOKS = {
    "label": "datum[colour_by]",
    "stands_out": "(only === null || datum.label === only) && "
    "(!tested_only || datum.role === 'test')",
    "colour": "palette[colour_by] ? palette[colour_by][datum.label] : ink",
    "fade": "datum.stands_out ? (datum.role === 'test' ? 0.95 : 0.5) : 0.07",
    "area": "datum.role === 'test' ? dot : 0.5 * dot",
    "edge": "datum.correctness === 'misrecognised' && datum.stands_out ? ink : surface",
}


def spec() -> dict[str, Any]:
    """The chart as Vega-Lite. Its data set is `clips`, a row a clip with its number as `row`.

    Marks carry the emotion's shape; a misrecognised clip has an edge. The clip looked at is ringed
    and tied to its neighbours. Drag pans; the wheel zooms with Ctrl: alone it scrolls the page.
    """
    at = {axis: _position(axis) for axis in ("x", "y")}
    clips = alt.Chart(alt.NamedData("clips"))
    zoom = "wheel![event.ctrlKey || event.metaKey]"
    dots = (
        clips.mark_point(filled=True, strokeWidth=1)
        .transform_calculate(**_LOOKS)
        .encode(
            **at,
            color=alt.Color("colour:N", scale=None, legend=None),
            stroke=alt.Stroke("edge:N", scale=None, legend=None),
            opacity=alt.Opacity("fade:Q", scale=None, legend=None),
            size=alt.Size("area:Q", scale=None, legend=None),
            shape=alt.Shape(
                "emotion:N",
                legend=None,
                scale=alt.Scale(
                    domain=list(EMOTION_OUTLINES), range=list(EMOTION_OUTLINES.values())
                ),
            ),
        )
        .properties(name="dots")
        .add_params(alt.selection_interval(name="grid", bind="scales", zoom=zoom))
    )
    ties = (
        clips.transform_filter("indexof(near, datum.row) >= 0")
        .transform_calculate(x2="chosen_x", y2="chosen_y")
        .mark_rule(color=alt.expr("ink"), strokeWidth=1, strokeDash=[3, 2], opacity=0.7)
        .encode(**at, x2="x2:Q", y2="y2:Q")
    )
    rings = (
        clips.transform_filter("datum.row === chosen || indexof(near, datum.row) >= 0")
        .transform_calculate(ring="datum.row === chosen ? 5 * dot : 3 * dot")
        .transform_calculate(width="datum.row === chosen ? 2.5 : 1")
        .mark_point(shape="circle", filled=False, color=alt.expr("ink"), opacity=1)
        .encode(
            **at,
            size=alt.Size("ring:Q", scale=None, legend=None),
            strokeWidth=alt.StrokeWidth("width:Q", scale=None, legend=None),
        )
    )
    params = [alt.param(name=name, value=value) for name, value in _PARAMS.items()]
    chart = (
        alt.layer(dots, ties, rings)
        .add_params(*params)
        .properties(width="container", height="container")
        .configure(background="transparent", view=alt.ViewConfig(stroke=None), padding=0)
    )
    return chart.to_dict()


def _position(axis: str) -> alt.X | alt.Y:
    scale = alt.Scale(
        zero=False,
        nice=False,
        domain=[alt.expr(f"{axis}_low"), alt.expr(f"{axis}_high")],
    )
    channel = alt.X if axis == "x" else alt.Y
    return channel(f"{axis}:Q", axis=None, scale=scale)

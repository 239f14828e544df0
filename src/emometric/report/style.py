"""The one style of every figure: fonts, sizes, heading, stamp, and bytes that do not change."""

import io
import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from PIL import Image

from emometric.report.palette import LIGHT, Theme

STAND_IN_STAMP = "stand-in speech, not real recordings"
WIDTH_IN = 7.2
DPI = 160
TITLE_PT = 12.5
SMALL_PT = 8.5
MARGIN_IN = 0.12
PLACE_DIGITS = 5  # of a share of the figure's width or height


# Value, low, high: shares from 0 to 1; the bounds are NaN where no interval exists.
Interval = tuple[float, float, float]


def percent(interval: Interval, confidence: float = 0.95) -> str:
    """An estimate with its interval, in words; without it where a bound is NaN.

    >>> percent((0.6123, 0.55, 0.671))
    '61.2 % (95 % interval 55.0 to 67.1)'
    >>> percent((0.25, float("nan"), float("nan")))
    '25.0 %'
    """
    value, low, high = (100 * number for number in interval)
    if math.isnan(low) or math.isnan(high):
        return f"{value:.1f} %"
    return f"{value:.1f} % ({100 * confidence:g} % interval {low:.1f} to {high:.1f})"


@dataclass(frozen=True, kw_only=True)
class Heading:
    """What stands over every figure of a run: where its numbers come from."""

    corpus: str
    system: str
    protocol: str
    scale: str
    origin: str

    def parts(self) -> tuple[str, ...]:
        """The five facts as short texts, in the order in which they are shown."""
        return (
            self.corpus,
            self.system,
            self.protocol,
            f"{self.scale} scale",
            f"origin: {self.origin}",
        )

    def stamp(self) -> str | None:
        """The warning for results that were not made from real recordings."""
        return STAND_IN_STAMP if self.origin == "synthetic" else None


@dataclass(frozen=True, kw_only=True)
class CorpusHeading:
    """What stands over a figure of a corpus itself: facts about it, and where it is from."""

    facts: tuple[str, ...]
    origin: str

    def parts(self) -> tuple[str, ...]:
        """The facts as short texts, in the order in which they are shown."""
        return (*self.facts, f"origin: {self.origin}")

    def stamp(self) -> str | None:
        """The warning for what was not recorded."""
        return STAND_IN_STAMP if self.origin == "synthetic" else None


@contextmanager
def style(theme: Theme) -> Iterator[None]:
    """matplotlib's settings for one figure, whatever the user's own configuration says."""
    settings = {
        "font.family": ["DejaVu Sans"],  # comes with matplotlib: the same everywhere
        "font.size": 9.5,
        "text.color": theme.ink,
        "axes.facecolor": theme.surface,
        "axes.edgecolor": theme.line,
        "axes.labelcolor": theme.ink,
        "axes.linewidth": 0.8,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.axisbelow": True,
        "grid.color": theme.faint,
        "grid.linewidth": 0.8,
        "xtick.color": theme.line,
        "ytick.color": theme.line,
        "xtick.labelcolor": theme.ink,
        "ytick.labelcolor": theme.ink,
        "legend.frameon": False,
        "legend.fontsize": 9,
        "figure.facecolor": theme.surface,
        "figure.dpi": DPI,
        "savefig.dpi": DPI,
        "text.usetex": False,
        "svg.fonttype": "path",  # outlines: the same letters where the font is not installed
        "svg.hashsalt": "emometric",  # else the names inside an SVG are random
    }
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(settings)
        yield


def new_figure(
    title: str,
    heading: Heading | CorpusHeading,
    *,
    theme: Theme = LIGHT,
    body_in: float,
    note: str = "",
) -> Figure:
    """An empty figure under its title and heading; what is drawn keeps to the room below.

    body_in: height of that room. note: a line at the foot, beside the stamp. Lines break between
    facts, never inside one. The layout is matplotlib's constrained one, inside a fixed rectangle.
    """
    figure = Figure(figsize=(WIDTH_IN, body_in))
    FigureCanvasAgg(figure)
    room = WIDTH_IN - 2 * MARGIN_IN
    titles = _wrapped(figure, title.split(" "), " ", room, TITLE_PT, weight="bold")
    facts = _wrapped(figure, heading.parts(), "  ·  ", room, SMALL_PT)
    notes = _wrapped(figure, note.split(" "), " ", room, SMALL_PT) if note else []
    stamp = heading.stamp()
    top_in = MARGIN_IN + 0.24 * len(titles) + 0.17 * len(facts) + 0.1
    foot_in = MARGIN_IN / 2 + 0.17 * len(notes) + (0.3 if stamp else 0)
    height = body_in + top_in + foot_in
    figure.set_size_inches(WIDTH_IN, height)
    left, down = MARGIN_IN / WIDTH_IN, MARGIN_IN
    for line in titles:
        figure.text(left, 1 - down / height, line, size=TITLE_PT, weight="bold", va="top")
        down += 0.24
    for line in facts:
        figure.text(left, 1 - down / height, line, size=SMALL_PT, color=theme.muted, va="top")
        down += 0.17
    up = foot_in - MARGIN_IN / 2
    for line in notes:
        figure.text(left, up / height, line, size=SMALL_PT, color=theme.muted, va="top")
        up -= 0.17
    if stamp:
        _draw_stamp(figure, stamp, theme, 0.17 / height)
    figure.set_layout_engine("constrained")
    figure.get_layout_engine().set(
        rect=(left, foot_in / height, 1 - 2 * left, body_in / height),
        w_pad=0.04,
        h_pad=0.04,
        wspace=0.02,
        hspace=0.04,
    )
    return figure


def to_png(figure: Figure, theme: Theme = LIGHT) -> bytes:
    """The figure as PNG: the same drawing, the same bytes (no date, no version of any program).

    theme: the one that the figure was drawn in; some settings count only when it is rendered.
    """
    buffer = io.BytesIO()
    with style(theme):
        _settle(figure)
        figure.savefig(buffer, format="rgba")  # which takes half as long as a PNG of the same
    size = figure.canvas.get_width_height()
    picture = Image.frombytes("RGBA", size, buffer.getvalue()).convert("RGB")
    # 256 colours of its own: a third of the size, and no difference to be seen.
    picture = picture.quantize(256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    small = io.BytesIO()
    picture.save(small, format="png", optimize=True, dpi=(DPI, DPI))
    return small.getvalue()


def to_svg(figure: Figure, theme: Theme = LIGHT) -> bytes:
    """The figure as SVG: the same drawing, the same bytes; theme as in `to_png`."""
    buffer = io.BytesIO()
    with style(theme):
        _settle(figure)
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return _numbered_clips(buffer.getvalue())


def _settle(figure: Figure) -> None:
    """Lay the figure out once, and keep places to a hundredth of a pixel.

    The layout's last bits differ from process to process, and with them the last digit of a
    coordinate in an SVG; places of few digits are the same in each.
    """
    if isinstance(figure.get_layout_engine(), ConstrainedLayoutEngine):
        figure.draw_without_rendering()
        figure.set_layout_engine(None)  # "none" would have each file drawn twice
        for axes in figure.axes:
            place = axes.get_position(original=True).bounds
            axes.set_position(np.round(place, PLACE_DIGITS))
        for text in figure.texts:  # those that the layout moved are among them
            text.set_position(np.round(text.get_position(), PLACE_DIGITS))


def _numbered_clips(svg: bytes) -> bytes:
    """The SVG with its clip paths named by their order.

    matplotlib names them after the bits of their place, which says nothing to a reader and differs
    wherever a last bit does.

    >>> _numbered_clips(b'<g clip-path="url(#p0123456789)"/><clipPath id="p0123456789"/>')
    b'<g clip-path="url(#clip_0)"/><clipPath id="clip_0"/>'
    """
    names: dict[bytes, bytes] = {}
    return re.sub(
        rb'(?<=url\(#)p[0-9a-f]{10}(?=\))|(?<=id=")p[0-9a-f]{10}(?=")',
        lambda found: names.setdefault(found.group(), b"clip_%d" % len(names)),
        svg,
    )


def _draw_stamp(figure: Figure, stamp: str, theme: Theme, middle: float) -> None:
    figure.text(
        MARGIN_IN / WIDTH_IN + 0.01,
        middle,
        stamp,
        size=SMALL_PT,
        weight="bold",
        color=theme.warning,
        va="center",
        bbox={
            "boxstyle": "round,pad=0.35",
            "facecolor": theme.surface,
            "edgecolor": theme.warning,
            "linewidth": 1.0,
        },
    )


def _wrapped(
    figure: Figure, pieces, between: str, room_in: float, size: float, weight: str = "normal"
) -> list[str]:
    """Lines of `pieces` joined by `between`, each no wider than `room_in` unless one piece is."""
    lines: list[str] = []
    for piece in pieces:
        longer = f"{lines[-1]}{between}{piece}" if lines else piece
        if lines and _width_in(figure, longer, size, weight) <= room_in:
            lines[-1] = longer
        else:
            lines.append(piece)
    return lines


def _width_in(figure: Figure, text: str, size: float, weight: str) -> float:
    drawn = figure.text(0, 0, text, size=size, weight=weight)
    width = drawn.get_window_extent(figure.canvas.get_renderer()).width / figure.dpi
    drawn.remove()
    return width

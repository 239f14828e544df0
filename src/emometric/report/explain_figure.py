"""Two clips under one network, side by side: pictures, maps, what makes them alike."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure

from emometric.report.palette import DARK, LIGHT, Theme, shade
from emometric.report.style import CorpusHeading, new_figure, style

# From "against" over nothing to "for". Orange and blue stay apart under every kind of colour
# blindness, and lightness says how much.
DIVERGING = {
    LIGHT.name: ("#7f3608", "#d97f2b", "#f6cfa4", LIGHT.surface, "#a9cdf0", "#3f86c9", "#0b3c86"),
    DARK.name: ("#ffd9b0", "#f0a04b", "#8a4d14", DARK.surface, "#1d4f86", "#4f9be6", "#c3ddfb"),
}
CELLS = (64, 128)  # rows and columns of a map at most, in the table
_ROW_IN = 0.92
_HZ_TICKS = ((0, 4000, 8000), (250, 1000, 4000))  # on an even axis, and on the Mel scale
_EXTREME = 99.0  # per cent of the points that the colours of a picture span
_NAME = 40  # letters that fit above a column


@dataclass(frozen=True, kw_only=True)
class Frame:
    """What the axes of a clip's pictures are.

    seconds: (frames,), the middle of each; hop_s; hz: (bins,), the middle of each, None where bins
    are no frequencies; joins: seconds at which a pause was cut out.
    """

    seconds: np.ndarray
    hop_s: float
    hz: np.ndarray | None
    joins: tuple[float, ...] = ()

    def extent(self, n_bins: int) -> tuple[float, float, float, float]:
        """Edges in seconds and bins, as matplotlib's imshow takes them."""
        half = self.hop_s / 2
        return (self.seconds[0] - half, self.seconds[-1] + half, 0.0, float(n_bins))


@dataclass(frozen=True, kw_only=True)
class Column:
    """A clip's column: its name, a mark behind that and a line below it; maps by name, each (rows,
    columns), the lowest row first."""

    name: str
    line: str
    frame: Frame
    n_bins: int
    maps: dict[str, np.ndarray]
    mark: str = ""


@dataclass(frozen=True, kw_only=True)
class Row:
    """A row of the figure: key of its map, title, unit of its colours.

    Colours go from 0 to the largest value of both clips; signed: from against over 0 to for.
    robust: they end where 99 % of the values do.
    """

    key: str
    title: str
    unit: str = ""
    signed: bool = False
    robust: bool = False


def diverging(theme: Theme) -> LinearSegmentedColormap:
    """Colours from -1 (against) over 0 (the surface) to 1 (for)."""
    return LinearSegmentedColormap.from_list("diverging", DIVERGING[theme.name])


def sequential(theme: Theme) -> LinearSegmentedColormap:
    """The theme's one-hue scale from 0 to 1."""
    return LinearSegmentedColormap.from_list(
        "shade", [shade(step / 16, theme) for step in range(17)]
    )


def draw(
    columns: Sequence[Column],
    rows: Sequence[Row],
    *,
    title: str,
    heading: CorpusHeading,
    theme: Theme = LIGHT,
    note: str = "",
) -> Figure:
    """A column for each clip, a row for each map; a row's colours mean the same in both."""
    with style(theme):
        figure = new_figure(
            title, heading, theme=theme, body_in=0.75 + _ROW_IN * len(rows), note=note
        )
        grid = figure.subplots(len(rows), len(columns), squeeze=False, sharex="col")
        for line, row in zip(grid, rows, strict=True):
            norm = _norm([column.maps[row.key] for column in columns], row)
            colours = diverging(theme) if row.signed else sequential(theme)
            for axes, column in zip(line, columns, strict=True):
                _show(axes, column, row, (norm, colours))
                if row.key == rows[0].key:
                    for join in column.frame.joins:
                        axes.axvline(join, color=theme.warning, linewidth=0.6, alpha=0.8)
            line[0].set_title(row.title, size=8.5, loc="left", pad=3)
            _bar(figure, list(line), norm, colours, row)
        for axes, column in zip(grid[0], columns, strict=True):
            own = f"\n{rows[0].title}" if axes is grid[0][0] else "\n"
            name = _shortened(column.name, _NAME - len(column.mark)) + column.mark
            axes.set_title(f"{name}\n{column.line}{own}", size=8.5, loc="left", pad=3)
        for axes in grid[-1]:
            axes.set_xlabel("time (s)", size=8.5)
        for line in grid:
            line[0].set_ylabel("bin" if columns[0].frame.hz is None else "Hz", size=8)
            line[1].tick_params(labelleft=False)
        figure.align_ylabels(list(grid[:, 0]))
    return figure


def table(columns: Sequence[Column], rows: Sequence[Row]) -> pd.DataFrame:
    """The numbers behind: clip, map, row, column, hz, seconds, value; the middle of each cell.

    Maps larger than CELLS are given as means of that many cells.
    """
    parts = []
    for column in columns:
        for row in rows:
            values = column.maps[row.key]
            shape = tuple(min(*pair) for pair in zip(values.shape, CELLS, strict=True))
            values = summed(values, shape) / summed(np.ones(values.shape), shape)
            high, wide = np.indices(shape)
            start, end, _, n_bins = column.frame.extent(column.n_bins)
            seconds = start + (np.arange(shape[1]) + 0.5) * (end - start) / shape[1]
            bins = (np.arange(shape[0]) + 0.5) * n_bins / shape[0] - 0.5
            part = {
                "clip": column.name,
                "map": row.key,
                "row": high.ravel(),
                "column": wide.ravel(),
                "hz": np.nan
                if column.frame.hz is None
                else _at(column.frame.hz, bins)[high.ravel()],
                "seconds": seconds[wide.ravel()],
                "value": [float(f"{value:.6g}") for value in values.ravel()],
            }
            parts.append(pd.DataFrame(part))
    found = pd.concat(parts, ignore_index=True)
    return found.round({"hz": 1, "seconds": 4})


def to_png(figure: Figure, theme: Theme) -> bytes:
    """The figure as PNG with all its colours: the 256 of `style.to_png` would step the scales."""
    buffer = io.BytesIO()
    with style(theme):
        figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def summed(points: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Sums over `shape` cells (rows, columns), as equal as they come; the whole sum stays.

    >>> summed(np.ones((2, 5)), (1, 2)).tolist()
    [[6.0, 4.0]]
    """
    for axis, count in enumerate(shape):
        size = points.shape[axis]
        starts = -(-np.arange(count) * size // count)  # as `explaining` divides bins and frames
        points = np.add.reduceat(points, starts, axis=axis)
    return points


def hz_of(feature: str, n_bins: int, filters: np.ndarray | None, rate_hz: int) -> np.ndarray | None:
    """The middle of each bin in Hz, (bins,); None where bins are no frequencies.

    filters: of Mel bands, (FFT bins, bands): a band's middle is the centre of its weights.
    """
    if filters is not None:
        hz = np.linspace(0.0, rate_hz / 2, len(filters))
        weight = filters.sum(axis=0)
        there = weight > 0  # a band narrower than an FFT bin may lie between two
        middle = (hz @ filters)[there] / weight[there]
        return np.interp(np.arange(n_bins), np.flatnonzero(there), middle)
    return np.linspace(0.0, rate_hz / 2, n_bins) if feature == "spectrogram" else None


def _norm(maps: Sequence[np.ndarray], row: Row) -> Normalize:
    values = np.concatenate([one.ravel() for one in maps])
    if row.signed:
        size = np.abs(values)
        most = float(np.percentile(size, _EXTREME) if row.robust else size.max()) or 1.0
        return Normalize(-most, most)
    low, high = 0.0, float(values.max())
    if row.robust:  # decibels or deviations: 0 is nothing special
        low, high = (float(one) for one in np.percentile(values, (100 - _EXTREME, _EXTREME)))
    return Normalize(low, high if high > low else low + 1.0)


def _show(axes: Axes, column: Column, row: Row, look: tuple) -> None:
    norm, colours = look
    axes.imshow(
        column.maps[row.key],
        norm=norm,
        cmap=colours,
        extent=column.frame.extent(column.n_bins),
        origin="lower",
        aspect="auto",
        interpolation="nearest",
    )
    axes.tick_params(length=2, labelsize=7)
    hz = column.frame.hz
    if hz is None:
        return
    even = np.allclose(np.diff(hz), np.diff(hz)[0]) if len(hz) > 1 else True
    ticks = [value for value in _HZ_TICKS[not even] if hz[0] <= value <= hz[-1]]
    axes.set_yticks(np.interp(ticks, hz, np.arange(len(hz)) + 0.5), [f"{one}" for one in ticks])


def _bar(figure: Figure, line: list[Axes], norm: Normalize, colours, row: Row) -> None:
    bar = figure.colorbar(
        ScalarMappable(norm, colours),
        ax=line,
        aspect=9,
        pad=0.015,
        fraction=0.035,
        extend={(True, True): "both", (False, True): "max"}.get(
            (row.signed, row.robust), "neither"
        ),
    )
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=2, labelsize=7)
    low, high = norm.vmin, norm.vmax
    ticks = [low, 0.0, high] if row.signed else [low, high]
    bar.set_ticks(ticks, labels=[f"{tick:.2g}" for tick in ticks])
    bar.set_label(row.unit, size=7)


def _at(hz: np.ndarray, bins: np.ndarray) -> np.ndarray:
    return np.interp(bins, np.arange(len(hz)), hz)


def _shortened(name: str, length: int) -> str:
    """A long name without its middle.

    >>> _shortened("a_long_name.wav", 9), _shortened("03a01Fa.wav", 11)
    ('a_lo….wav', '03a01Fa.wav')
    """
    half = (length - 1) // 2
    return name if len(name) <= length else f"{name[: length - 1 - half]}…{name[-half:]}"

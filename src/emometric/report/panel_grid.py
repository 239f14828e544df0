"""A grid of panels, one for each of several things: how many rows, and the words at its edges."""

import numpy as np
from matplotlib.axes import Axes


def rows_of(n_panels: int, n_columns: int) -> int:
    """How many rows the panels fill, the last one maybe in part.

    >>> rows_of(7, 3)
    3
    """
    return -(-n_panels // n_columns)


def edged(
    grid: np.ndarray, n_panels: int, labels: tuple[str, str], size: float | None = None
) -> list[Axes]:
    """The first panels, row by row; those behind them are switched off.

    grid: (rows, columns) of axes; labels: below the last row (x) and beside the first column (y),
    in points of `size`, None: the style's.
    """
    every = list(grid.ravel())
    for axes in every[n_panels:]:
        axes.set_axis_off()
    for axes in grid[-1]:
        axes.set_xlabel(labels[0], size=size)
    for axes in grid[:, 0]:
        axes.set_ylabel(labels[1], size=size)
    return every[:n_panels]

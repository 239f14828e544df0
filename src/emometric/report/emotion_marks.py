"""The marks of emotions in legends: their colour and their shape, the same in every figure."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from emometric.report.palette import EMOTION_COLOURS, EMOTION_SHAPES


def marks(emotions: Sequence[str], *, size: float = 6) -> list[Line2D]:
    """A handle for each emotion, in their order. size: in points."""
    return [
        Line2D(
            [],
            [],
            linestyle="none",
            marker=EMOTION_SHAPES[word],
            color=EMOTION_COLOURS[word],
            markeredgewidth=0,
            markersize=size,
            label=word,
        )
        for word in emotions
    ]


def fill_with_legend(axes: Axes, emotions: Sequence[str]) -> None:
    """Give a panel to the legend alone: all emotions in one line."""
    axes.set_axis_off()
    handles = marks(emotions)
    axes.legend(handles=handles, loc="center", ncols=len(handles), handletextpad=0.2)

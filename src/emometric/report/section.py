"""What a paper hands to the report: its tables, pictures, maps, stamps and what is missing."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pandas as pd
from matplotlib.figure import Figure

from emometric.report.palette import Theme

CURVE = ("study", "series", "x", "value", "low", "high")


@dataclass(frozen=True, kw_only=True)
class Table:
    """One table in the paper's form.

    title: the paper's item and what it shows, such as "Table 2: accuracy on RAVDESS, in per cent".
    rows: shown as they are, in their order. The index gives the row heads (named by index.name;
    two levels make two columns of heads), the columns the column heads (two levels make two rows
    of heads, equal neighbours above joined). The paper's values stand in a column `paper` (or
    under that upper level) beside `ours`. Floats are shown with `digits` digits, NaN and None as a
    dash, text and whole numbers as they are; write a value with its interval with `estimate`.
    A column `stamp` holds what is to be known of single rows, empty where there is nothing.
    note: plain sentences below the title: units, what differs from the paper.
    stamps: short warnings on the whole table, such as "cell chosen on test".
    """

    title: str
    rows: pd.DataFrame
    note: str = ""
    stamps: tuple[str, ...] = ()
    digits: int = 1


@dataclass(frozen=True, kw_only=True)
class Picture:
    """One figure. The report stage draws it, once a theme, and writes it: nobody else does.

    item: its file name below `figures/<paper>/`, such as "figure_4a".
    title: a heading; alt: what it shows, one sentence for somebody who cannot see it.
    data: the numbers drawn; written beside it as <item>.csv (with its index where that has a name).
    draw: theme -> the matplotlib figure, made by `style.new_figure` inside `style.style(theme)`
    and left open. It draws the same each time.
    stamps: as in `Table`.
    """

    item: str
    title: str
    alt: str
    data: pd.DataFrame
    draw: Callable[[Theme], Figure]
    stamps: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Map:
    """Embeddings in the plane, to explore on the page beside those of the working run.

    title: which embeddings, in the list that a reader chooses from.
    clips: a row a clip: clip, speaker, emotion, predicted, role, x, y, and where they are known
    activation and valence (any range) and neighbours (ids of the nearest clips in the space of the
    embeddings, nearest first, divided by spaces; without it the page takes the nearest on the
    map, and says so). predicted is empty where nobody asked.
    """

    title: str
    clips: pd.DataFrame


@dataclass(frozen=True, kw_only=True)
class Section:
    """One paper on the page. `papers/<paper>.py` makes it in `section(results, origin)`, where
    results: study key -> its folder below data/<origin>/results.

    paper: its key, such as "feng2020". title, citation: the paper's own. summary: one or two
    sentences on what came out. stamps: warnings on all that follows; findings: what the audits of
    its studies say, as whole sentences. missing: tables, figures or rows that are not here and
    why, a line each, such as "Table 4, IEMOCAP to SAVEE: corpus savee is absent".
    curves: what `dvc plots` draws as lines with bands, a row a point: study (its key, one panel),
    series (one line), x (a number), value, low, high (shares); empty where nothing is a curve.

    >>> import pandas as pd
    >>> rows = pd.DataFrame({"paper": [61.2], "ours": [estimate(0.58, 0.5, 0.66)]}, index=["n = 4"])
    >>> table = Table(title="Table 1: accuracy, in per cent", rows=rows, stamps=("tiny",))
    >>> made = Section(paper="feng2020", title="Few-shot", tables=(table,), missing=("Table 2",))
    >>> made.tables[0].rows.loc["n = 4", "ours"]
    '58.0 (50.0 to 66.0)'
    """

    paper: str
    title: str
    citation: str = ""
    summary: str = ""
    tables: tuple[Table, ...] = ()
    pictures: tuple[Picture, ...] = ()
    maps: tuple[Map, ...] = ()
    stamps: tuple[str, ...] = ()
    findings: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    curves: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=CURVE))


def estimate(value: float, low: float, high: float, *, scale: float = 100, digits: int = 1) -> str:
    """A value with its interval, as tables show it; NaN is a dash, an interval of NaN left out.

    scale: 100 turns shares into per cent.

    >>> estimate(0.5, float("nan"), float("nan"))
    '50.0'
    >>> estimate(float("nan"), 0.1, 0.2)
    '–'
    """
    if pd.isna(value):
        return "–"
    text = f"{scale * value:.{digits}f}"
    if pd.isna(low) or pd.isna(high):
        return text
    return f"{text} ({scale * low:.{digits}f} to {scale * high:.{digits}f})"

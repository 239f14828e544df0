"""What a paper shows on the page: its pictures, drawn alike, and all of it in one section."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pandas as pd
from matplotlib.figure import Figure

from emometric.papers.finished import Study
from emometric.report.section import CURVE, Map, Picture, Section, Table
from emometric.report.style import CorpusHeading


@dataclass(frozen=True, kw_only=True)
class Paper:
    """A paper's key, such as "feng2020", its own title, and how it is cited."""

    key: str
    title: str
    citation: str


@dataclass(kw_only=True)
class Shown:
    """What the studies of a paper give the page, gathered in the page's order; see `Section`.

    curves: tables of the columns `CURVE`.
    """

    tables: list[Table] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)
    maps: list[Map] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    curves: list[pd.DataFrame] = field(default_factory=list)

    def add(self, other: "Shown") -> None:
        """Put the other's below one's own."""
        self.tables += other.tables
        self.pictures += other.pictures
        self.maps += other.maps
        self.missing += other.missing
        self.curves += other.curves

    def section(self, paper: Paper, summary: str) -> Section:
        """All of it as the page takes it.

        >>> paper = Paper(key="feng2020", title="Few-shot", citation="")
        >>> Shown(missing=["Table 2"]).section(paper, "Nothing is known.").missing
        ('Table 2',)
        """
        none = pd.DataFrame(columns=list(CURVE))
        return Section(
            paper=paper.key,
            title=paper.title,
            citation=paper.citation,
            summary=summary,
            tables=tuple(self.tables),
            pictures=tuple(self.pictures),
            maps=tuple(self.maps),
            missing=tuple(self.missing),
            curves=pd.concat(self.curves, ignore_index=True) if self.curves else none,
        )


@dataclass(frozen=True, kw_only=True)
class Plate:
    """A picture before it is drawn; heading: what stands over it; the rest: see `Picture`."""

    item: str
    title: str
    heading: CorpusHeading
    alt: str
    data: pd.DataFrame
    stamps: tuple[str, ...] = ()

    def drawn(self, figure: Callable[..., Figure], *shown: object) -> Picture:
        """The picture that `figure` draws of what is shown: by name it takes title, heading and
        theme."""
        return Picture(
            item=self.item,
            title=self.title,
            alt=self.alt,
            data=self.data,
            draw=lambda theme: figure(*shown, title=self.title, heading=self.heading, theme=theme),
            stamps=self.stamps,
        )


def heading(study: Study, origin: str, *facts: str) -> CorpusHeading:
    """What stands over a figure of a study: the facts, and the scale it ran at."""
    return CorpusHeading(facts=(*facts, f"{study.scale} scale"), origin=origin)

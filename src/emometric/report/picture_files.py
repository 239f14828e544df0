"""Figures as files: PNG and SVG for everybody, the numbers beside them, the page's dark copy."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from emometric import parallel
from emometric.base import atomic
from emometric.report.palette import DARK, LIGHT
from emometric.report.section import Picture
from emometric.report.style import to_png, to_svg


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """A picture's bytes: PNG in either theme, SVG in the light one, and its data as CSV."""

    item: str
    light: bytes
    dark: bytes
    svg: bytes
    csv: bytes


def draw(picture: Picture) -> Drawn:
    """Draw once a theme; the same picture, the same bytes."""
    figure = picture.draw(LIGHT)
    data = picture.data
    has_head = any(name is not None for name in data.index.names)
    return Drawn(
        item=picture.item,
        light=to_png(figure, LIGHT),
        dark=to_png(picture.draw(DARK), DARK),
        svg=to_svg(figure, LIGHT),
        csv=data.to_csv(index=has_head, lineterminator="\n").encode(),
    )


def draw_all(
    makers: Sequence[Callable[[], Sequence[Picture]]], *, processes: int = 1
) -> list[list[Drawn]]:
    """What each maker makes, drawn; with several processes, which make their pictures themselves,
    a maker has to be known by its name."""
    return parallel.run(_draw_made, makers, processes=processes, tick=lambda: None)


def _draw_made(maker: Callable[[], Sequence[Picture]], _tick: parallel.Tick) -> list[Drawn]:
    return [draw(picture) for picture in maker()]


def write(drawn: Sequence[Drawn], folder: str | Path) -> None:
    """Make `folder` anew with <item>.png, <item>.svg and <item>.csv of each picture.

    Without pictures it holds none.txt: git keeps no empty folder, and a clone would lack it.
    """
    with atomic.new_folder(folder) as aside:
        if not drawn:
            (aside / "none.txt").write_text("no figure: its recordings or labels are absent\n")
        for made in drawn:
            for ending, content in (("png", made.light), ("svg", made.svg), ("csv", made.csv)):
                (aside / f"{made.item}.{ending}").write_bytes(content)

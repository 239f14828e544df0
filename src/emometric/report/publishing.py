"""Write what a reader opens: figures with their data, the curves of the studies, the page."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import pandas as pd

from emometric import parallel
from emometric.base import atomic
from emometric.report import page, picture_files, run_figures
from emometric.report.record import Record
from emometric.report.section import CURVE, Picture, Section


def publish(
    record: Record,
    reports: str | Path,
    beside: page.Beside = page.NOTHING,
    makers: Sequence[Callable[[], Section]] = (),
) -> None:
    """Write below `reports`: figures/run/<corpus> and figures/<paper> (PNG, SVG and data of each
    figure), plots/studies.csv, index.html. The same record, the same bytes.

    makers: of the sections of `beside`, known by their names; then all processors draw.
    """
    reports = Path(reports)
    sections = makers or [partial(_same, section) for section in beside.sections]
    own, *of_sections = picture_files.draw_all(
        [partial(run_figures.pictures, record), *(partial(_pictures, one) for one in sections)],
        processes=parallel.processors() if makers else 1,
    )
    picture_files.write(own, reports / "figures" / "run" / record.run["corpus"]["id"])
    light = {made.item: made.light for made in own}
    dark = {made.item: made.dark for made in own}
    for section, drawn in zip(beside.sections, of_sections, strict=True):
        picture_files.write(drawn, reports / "figures" / section.paper)
        light |= {f"{section.paper}/{made.item}": made.light for made in drawn}
        dark |= {f"{section.paper}/{made.item}": made.dark for made in drawn}
    _write(reports / "plots" / "studies.csv", curves(beside.sections))
    _write(reports / "index.html", page.render(record, light, dark, beside).encode())


def _pictures(maker: Callable[[], Section]) -> tuple[Picture, ...]:
    return maker().pictures


def _same(section: Section) -> Section:
    return section


def curves(sections: tuple[Section, ...]) -> bytes:
    """The curves of all sections as one CSV with the columns `section.CURVE`."""
    tables = [section.curves[list(CURVE)] for section in sections if len(section.curves)]
    table = pd.concat(tables) if tables else pd.DataFrame(columns=list(CURVE))
    return table.to_csv(index=False, lineterminator="\n").encode()


def _write(path: Path, content: bytes) -> None:
    with atomic.new_file(path) as aside:
        aside.write_bytes(content)

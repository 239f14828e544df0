"""Write what a reader opens: figures with their data, the curves of the studies, the page."""

from pathlib import Path

import pandas as pd

from emometric import atomic
from emometric.report import page, picture_files, run_figures
from emometric.report.record import Record
from emometric.report.section import CURVE, Section


def publish(record: Record, reports: str | Path, beside: page.Beside = page.NOTHING) -> None:
    """Write below `reports`: figures/run/<corpus> and figures/<paper> (PNG, SVG and data of each
    figure), plots/studies.csv, index.html. The same record, the same bytes."""
    reports = Path(reports)
    own = [picture_files.draw(picture) for picture in run_figures.pictures(record)]
    picture_files.write(own, reports / "figures" / "run" / record.run["corpus"]["id"])
    light = {made.picture.item: made.light for made in own}
    dark = {made.picture.item: made.dark for made in own}
    for section in beside.sections:
        drawn = [picture_files.draw(picture) for picture in section.pictures]
        picture_files.write(drawn, reports / "figures" / section.paper)
        light |= {f"{section.paper}/{made.picture.item}": made.light for made in drawn}
        dark |= {f"{section.paper}/{made.picture.item}": made.dark for made in drawn}
    _write(reports / "plots" / "studies.csv", curves(beside.sections))
    _write(reports / "index.html", page.render(record, light, dark, beside).encode())


def curves(sections: tuple[Section, ...]) -> bytes:
    """The curves of all sections as one CSV with the columns `section.CURVE`."""
    tables = [section.curves[list(CURVE)] for section in sections if len(section.curves)]
    table = pd.concat(tables) if tables else pd.DataFrame(columns=list(CURVE))
    return table.to_csv(index=False, lineterminator="\n").encode()


def _write(path: Path, content: bytes) -> None:
    with atomic.new_file(path) as aside:
        aside.write_bytes(content)

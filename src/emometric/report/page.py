"""The report's page: one HTML file that holds everything and opens from disk, without a network."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import jinja2
import numpy as np
import pandas as pd

from emometric.report import explorer, explorer_chart, ledger_table, offline_plots, run_tables
from emometric.report.grid import lay_out
from emometric.report.palette import DARK, EMOTION_COLOURS, LIGHT
from emometric.report.record import Record
from emometric.report.run_figures import pictures
from emometric.report.section import Section
from emometric.report.source_digests import Source


@dataclass(frozen=True, kw_only=True)
class Beside:
    """What stands on the page beside the working run.

    sections: the papers, in the order of the page. ledger: the table that `papers.ledger` makes;
    None: no ledger yet. sources: the results folders, the run's first (`source_digests.read`).
    corpora: those that a study names (`source_digests.corpora`); the run's own may be among them.
    """

    sections: tuple[Section, ...] = ()
    ledger: pd.DataFrame | None = None
    sources: tuple[Source, ...] = ()
    corpora: tuple[Mapping[str, Any], ...] = ()


NOTHING = Beside()


def render(
    record: Record,
    light: Mapping[str, bytes],
    dark: Mapping[str, bytes],
    beside: Beside = NOTHING,
) -> str:
    """The page of a run and of what stands beside it.

    light, dark: PNG of each figure for either colour scheme, by item for the run's own
    (`run_figures.NAMES`) and by <paper>/<item> for those of the sections.
    """
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_template),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"percent": percent, "points": points, "lay_out": lay_out}
    ledger = None if beside.ledger is None else ledger_table.facts(beside.ledger)
    return environment.get_template("page.html").render(
        run=record.run,
        rates=record.rates,
        heading=record.heading,
        stamp=record.heading.stamp(),
        cells=run_tables.cells(record),
        gain=record.rates["gain"],
        verdict=verdict(record.rates["gain"]),
        confidence=f"{100 * record.run['confidence']:g} %",
        audit=record.run["audit"],
        balance=run_tables.balance(record.run["audit"]["balance"], record.emotions),
        confusion=run_tables.confusion(record.counts, record.emotions),
        folds=run_tables.folds(record.folds, list(record.pooled())),
        speakers=run_tables.speakers(record),
        figures={made.item: made for made in pictures(record)},
        light={name: _data_uri(png) for name, png in light.items()},
        dark={name: _data_uri(png) for name, png in dark.items()},
        colours=EMOTION_COLOURS,
        themes={"light": LIGHT, "dark": DARK},
        beside=beside,
        machine=Source(path="", md5="", about=record.run).machine,
        corpora=_corpora(record.run["corpus"], beside.corpora),
        ledger=ledger,
        papers_in_ledger=() if beside.ledger is None else set(beside.ledger["paper"]),
        explorer=_explorer(record, beside.sections),
        style=_template("page.css"),
        script=_template("ledger.js") + _template("explorer.js"),
    )


def percent(share: float | None, digits: int = 1) -> str:
    """A share as per cent; a dash where there is none.

    >>> percent(0.6123), percent(None), percent(float("nan"))
    ('61.2', '–', '–')
    """
    return "–" if share is None or np.isnan(share) else f"{100 * share:.{digits}f}"


def points(difference: float | None) -> str:
    """A difference of two shares in points, with its sign.

    >>> points(0.0512), points(-0.02), points(None)
    ('+5.1', '−2.0', '–')
    """
    if difference is None or np.isnan(difference):
        return "–"
    return f"{100 * difference:+.1f}".replace("-", "−")


def verdict(gain: Mapping[str, Any]) -> str:
    """What a gain with its interval amounts to; a gain is one when the interval leaves 0 out.

    >>> verdict({"uar": 0.1, "uar_low": 0.02, "uar_high": 0.2})
    'better than the baseline'
    """
    low, high = gain["uar_low"], gain["uar_high"]
    if low is None or high is None:
        return "not to be told from noise: no interval can be drawn"
    if low > 0:
        return "better than the baseline"
    if high < 0:
        return "worse than the baseline"
    return "not to be told from the baseline"


def _corpora(own: Mapping[str, Any], others: tuple[Mapping[str, Any], ...]) -> list[dict[str, Any]]:
    """The run's corpus, then the others by id, each once."""
    by_id = {corpus["id"]: dict(corpus) for corpus in others if corpus["id"] != own["id"]}
    return [dict(own), *(by_id[name] for name in sorted(by_id))]


def _explorer(record: Record, sections: tuple[Section, ...]) -> dict[str, Any]:
    maps = [explorer.of_run(record), *(made for section in sections for made in section.maps)]
    return {
        "titles": [made.title for made in maps],
        "colourings": explorer.COLOURINGS,
        "maps": _json(explorer.payload(maps)),
        "outlines": _json(explorer_chart.EMOTION_OUTLINES),
        "chart": _json(explorer_chart.spec()),
        "library": _library(),
    }


def _json(value: object) -> str:
    """JSON that cannot end the script element around it."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c")


@cache
def _library() -> str:
    """Vega, Vega-Lite and vega-embed, which cannot end the script element around them either."""
    return offline_plots.bundle(explorer_chart.VEGA_LITE).replace("</script", "<\\/script")


def _template(name: str) -> str:
    folder = resources.files("emometric.report") / "templates"
    return folder.joinpath(name).read_text(encoding="utf-8")


def _data_uri(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")

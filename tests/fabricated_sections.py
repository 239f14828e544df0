"""Made-up sections of five papers, and a ledger with every verdict: what a full page carries."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from emometric.papers import ledger
from emometric.report.palette import Theme
from emometric.report.section import Map, Picture, Section, Table, estimate
from emometric.report.style import CorpusHeading, new_figure, style

PAPERS = ("ntalampiras2020", "feng2020", "kumar2021", "mocanu2021", "das2022")
EMOTIONS = ("anger", "disgust", "fear", "happiness", "neutral", "sadness")
N_PICTURES = 5  # of each paper


def sections(n_clips: int = 1200) -> tuple[Section, ...]:
    """Five sections; each with a map of `n_clips` clips."""
    return tuple(section(paper, n_clips) for paper in PAPERS)


def pictures(paper: str) -> tuple[Picture, ...]:
    """The first of a section, for a process that knows it by its name."""
    return section(paper, 5).pictures[:1]


def section(paper: str, n_clips: int) -> Section:
    """A table of one level, a confusion table of two, figures, a map, curves, missing rows."""
    draw = np.random.default_rng(PAPERS.index(paper))
    return Section(
        paper=paper,
        title=f"A paper <{paper}> on metric learning",
        citation="Somebody, A. and Other, B. A title. A journal 1 (2020).",
        summary="Of twelve rows seven were reproduced.",
        tables=(curve_table(draw), confusion_table(draw)),
        pictures=tuple(picture(number, draw) for number in range(N_PICTURES)),
        maps=(Map(title=f"{paper}: source to target", clips=clips(paper, n_clips, draw)),),
        stamps=("tests speakers it adapted to",),
        findings=("No speaker of training is tested.",),
        missing=("Table 4, IEMOCAP to SAVEE: corpus savee is absent",),
        curves=curves(paper, draw),
    )


def curve_table(draw) -> Table:
    shares = draw.uniform(0.4, 0.7, 5)
    rows = pd.DataFrame(
        {
            "paper": 100 * shares + draw.normal(0, 4, 5),
            "ours": [estimate(share, share - 0.06, share + 0.06) for share in shares],
            "majority": [16.7] * 4 + [np.nan],
            "stamp": ["", "", "", "", "cell chosen on test"],
        },
        index=pd.Index([0, 4, 8, 12, 16], name="speakers"),
    )
    return Table(
        title="Table 1: accuracy by speakers adapted to, in per cent",
        rows=rows,
        note="Six emotions; boredom is left out.",
        stamps=("shares sentences",),
    )


def confusion_table(draw) -> Table:
    columns = pd.MultiIndex.from_product([("paper", "ours"), EMOTIONS])
    rows = draw.dirichlet(np.ones(6), (6, 2)).reshape(6, 12) * 100
    index = pd.MultiIndex.from_product([("negative", "other"), range(3)])
    heads = [(side, emotion) for (side, _), emotion in zip(index, EMOTIONS, strict=True)]
    index = pd.MultiIndex.from_tuples(heads, names=["polarity", "truth"])
    return Table(
        title="Table 3: confusions, in per cent",
        rows=pd.DataFrame(rows, index=index, columns=columns),
    )


def picture(number: int, draw) -> Picture:
    values = draw.random((40, 2))

    def paint(theme: Theme) -> Figure:
        heading = CorpusHeading(facts=("a fabricated figure",), origin="synthetic")
        with style(theme):
            figure = new_figure(f"Figure {number}", heading, theme=theme, body_in=3.0)
            figure.add_subplot().plot(values[:, 0], values[:, 1], "o", color=theme.accent)
        return figure

    return Picture(
        item=f"figure_{number}",
        title=f"Figure {number}: values",
        alt="Forty dots that lie anywhere in a square, drawn to fill the page.",
        data=pd.DataFrame(values.round(4), columns=["x", "y"]),
        draw=paint,
    )


def clips(paper: str, n_clips: int, draw) -> pd.DataFrame:
    truth = draw.choice(EMOTIONS, n_clips)
    names = [f"{paper}/clip_{number:04d}" for number in range(n_clips)]
    near = draw.integers(0, n_clips, (n_clips, 3))
    return pd.DataFrame(
        {
            "clip": names,
            "speaker": [f"{paper}/{number % 24:02d}" for number in range(n_clips)],
            "emotion": truth,
            "predicted": np.where(draw.random(n_clips) < 0.6, truth, "fear"),
            "role": draw.choice(["train", "test"], n_clips),
            "x": draw.normal(0, 9, n_clips).round(3),
            "y": draw.normal(0, 5, n_clips).round(3),
            "activation": draw.uniform(1, 5, n_clips).round(2),
            "neighbours": [" ".join(names[place] for place in row) for row in near],
        }
    )


def curves(paper: str, draw) -> pd.DataFrame:
    rows = []
    for study in (f"{paper}_a", f"{paper}_b"):
        for series in ("fine tuning", "siamese"):
            for x in (0, 4, 8, 12, 16):
                value = draw.uniform(0.3, 0.7)
                rows.append((study, series, x, value, value - 0.05, value + 0.05))
    return pd.DataFrame(rows, columns=["study", "series", "x", "value", "low", "high"])


def full_ledger() -> pd.DataFrame:
    """The ledger of real recordings with a value in two rows of three."""
    ours = []
    for place, row in enumerate(ledger.claims().to_dict("records")):
        keys = {key: row[key] for key in ledger.KEYS}
        if place % 3 == 0:
            ours.append(ledger.Ours(**keys, value=None, note="corpus iemocap is absent"))
        else:
            value = float(row["value"]) + (place % 5 - 2) * 3
            differs = "other folds" if place % 7 == 0 else ""
            ours.append(
                ledger.Ours(
                    **keys, value=value, low=value - 4, high=value + 4, n_runs=5, differs=differs
                )
            )
    return ledger.table(ours, origin="original", scale="paper")

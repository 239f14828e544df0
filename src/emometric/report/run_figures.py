"""All figures of a run, by name, as PNG."""

from emometric.report import cell_figures, figures
from emometric.report.palette import Theme
from emometric.report.record import Record, interval
from emometric.report.style import to_png

NAMES = ("confusion", "per_speaker", "tsne", "folds", "curves")


def draw(record: Record, theme: Theme) -> dict[str, bytes]:
    """Name -> PNG of the five figures, in the order of `NAMES`."""
    looks = {"heading": record.heading, "theme": theme}
    confidence = record.run["confidence"]
    own = record.per_speaker[record.per_speaker["cell"] == record.cell]
    n_emotions = len(record.emotions)
    drawn = (
        cell_figures.confusion(
            record.counts, record.emotions, interval(record.rates), confidence=confidence, **looks
        ),
        cell_figures.per_speaker(own, record.emotions, **looks),
        figures.tsne(record.tsne, record.emotions, **looks),
        figures.folds(
            record.folds,
            record.pooled(),
            run=record.cell,
            n_emotions=n_emotions,
            confidence=confidence,
            **looks,
        ),
        figures.curves(record.curves, n_emotions=n_emotions, **looks),
    )
    return {name: to_png(figure, theme) for name, figure in zip(NAMES, drawn, strict=True)}

"""The five figures of a run, each with its heading, its words and its data."""

from emometric.report import cell_figures, figures
from emometric.report.record import Record, interval
from emometric.report.section import Picture

NAMES = ("confusion", "per_speaker", "tsne", "folds", "curves")


def pictures(record: Record) -> tuple[Picture, ...]:
    """The figures in the order of `NAMES`."""
    heading = record.heading
    confidence = record.run["confidence"]
    own = record.per_speaker[record.per_speaker["cell"] == record.cell]
    emotions = record.emotions
    return (
        Picture(
            item="confusion",
            title="Confusions",
            alt="Confusion matrix: how many clips of each true emotion were taken for which.",
            data=record.confusion,
            draw=lambda theme: cell_figures.confusion(
                record.counts,
                emotions,
                interval(record.rates),
                confidence=confidence,
                heading=heading,
                theme=theme,
            ),
        ),
        Picture(
            item="per_speaker",
            title="Speakers",
            alt="Recall of each emotion for each speaker, with the speaker's mean.",
            data=own,
            draw=lambda theme: cell_figures.per_speaker(
                own, emotions, heading=heading, theme=theme
            ),
        ),
        Picture(
            item="tsne",
            title="Map of the embeddings",
            alt="t-SNE map of the embeddings of one fold by emotion; misrecognised clips ringed.",
            data=record.tsne,
            draw=lambda theme: figures.tsne(record.tsne, emotions, heading=heading, theme=theme),
        ),
        Picture(
            item="folds",
            title="Folds and baselines",
            alt="UAR of the run and its baselines: a dot a fold, the pooled value with interval.",
            data=record.folds,
            draw=lambda theme: figures.folds(
                record.folds,
                record.pooled(),
                run=record.cell,
                n_emotions=len(emotions),
                confidence=confidence,
                heading=heading,
                theme=theme,
            ),
        ),
        Picture(
            item="curves",
            title="Learning curves",
            alt="Training loss and validation UAR by epoch, for each fold and in the mean.",
            data=record.curves,
            draw=lambda theme: figures.curves(
                record.curves, n_emotions=len(emotions), heading=heading, theme=theme
            ),
        ),
    )

"""The table of networks that decide together with functionals, alike for every paper."""

from collections.abc import Mapping

from emometric.papers import finished
from emometric.report.section import Table


def tables(study: finished.Study, words: Mapping[str, str]) -> list[Table]:
    """Each system of `joined.csv` with the linear SVM on ComParE; none where there are no rows.

    words: what a system is called on the page.
    """
    rows = {
        f"{words.get(row['system'], row['system'])} and ComParE": {
            "accuracy": f"{100 * row['accuracy']:.1f}",
            "UAR": finished.estimated(row, "uar"),
            "UAR over ComParE alone": finished.estimated(row, "gain"),
            "p": f"{row['p']:.3f}",
        }
        for row in study.tables["joined"].to_dict("records")
    }
    if not rows:
        return []
    return [
        Table(
            title=f"Beyond the paper: network and functionals decide together, {study.target}, in "
            "per cent",
            rows=finished.frame(rows, "systems"),
            note="The sum of both scores, each brought to mean 0 and deviation 1 over the emotions "
            "of a clip; nothing is fitted or chosen. Gains in points, in pairs of speakers.",
        )
    ]

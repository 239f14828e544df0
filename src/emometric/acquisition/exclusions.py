"""Known faults of the published corpora: which clips are left out by default, and why."""

import csv
from collections.abc import Iterable
from functools import cache
from importlib import resources

from emometric.base.errors import CorpusError
from emometric.storage.clip import Clip, Reject

COLUMNS = ("corpus", "clip", "reason", "source")


@cache
def read() -> dict[str, str]:
    """Clip id -> reason, of every row of `corpora_data/exclusions.csv`.

    Its columns: corpus; clip, the owner's name without folder and ending as in the clip's id
    (`<corpus>/<clip>`); reason; source, where the fault is reported or how it was found.
    """
    path = resources.files("emometric").joinpath("corpora_data", "exclusions.csv")
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file)
        if tuple(rows.fieldnames or ()) != COLUMNS:
            raise CorpusError(
                f"exclusions.csv has the columns {rows.fieldnames}; write {','.join(COLUMNS)}."
            )
        return {f"{row['corpus']}/{row['clip']}": row["reason"] for row in rows}


def leave_out(found: Iterable[Clip | Reject], corpus: str) -> list[Clip | Reject]:
    """`found`, with a Reject of kind "excluded" in place of every clip that is listed as faulty."""
    reasons = {id_: reason for id_, reason in read().items() if id_.startswith(f"{corpus}/")}
    return [
        Reject(path=item.path, reason=reasons[item.id], kind="excluded")
        if isinstance(item, Clip) and item.id in reasons
        else item
        for item in found
    ]

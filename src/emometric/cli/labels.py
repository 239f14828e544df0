"""`emometric corpora get-labels`: das2022's activation and valence labels, from their authors."""

from pathlib import Path
from typing import Annotated

import typer

from emometric.acquisition import affect_labels, roots
from emometric.base.errors import CorpusError
from emometric.download import obtaining


def get_labels(
    root: Annotated[
        Path | None,
        typer.Option(
            envvar="EMOMETRIC_CORPORA", help="Folder of the corpora; by default the linked one."
        ),
    ] = None,
) -> None:
    """Fetch activation and valence labels of Emo-DB, URDU, CaFE and AESDD (das2022)."""
    root = root or roots.root(Path("data"))
    if root is None:
        raise CorpusError(
            "no folder of corpora is known; name it with --root, or set EMOMETRIC_CORPORA."
        )
    remotes = tuple(affect_labels.REMOTES.values())
    print("das2022's labels carry no licence: use them, cite Das et al. 2022 (arXiv:2203.14867),")
    print("and do not pass them on.")
    if obtaining.obtain(affect_labels.FOLDER, remotes, root, verify=_wrong):
        print(f"{root / affect_labels.FOLDER}: {len(remotes)} files")
    else:
        print(f"{root / affect_labels.FOLDER} is there already")
    print(f"next: emometric corpora link {root}")


def _wrong(folder: Path) -> list[str]:
    """What is wrong with the fetched files, in words."""
    wrong = []
    for name in affect_labels.FILES.values():
        try:
            affect_labels.read(folder / name)
        except CorpusError as error:
            wrong.append(str(error))
    return wrong

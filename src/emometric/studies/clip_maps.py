"""Pictures of single clips that a network leaves: its inputs and its maps (ntalampiras2020).

From the embeddings whose role ends in a size, such as `map layer1 16x24`: a flattened picture of 16
rows by 24 columns, row by row, the lowest frequency first. What stands before the size says what it
shows: `input` (log-Mel), `modulation`, `map <layer>` (mean |activation| over a layer's channels) or
`occlusion` (fall of a similarity when that region is masked).
"""

import re

import numpy as np
import pandas as pd

from emometric.base.errors import StoreError
from emometric.studies.cell import Stored

_SIZED = re.compile(r"(?P<kind>.+) (?P<rows>\d+)x(?P<columns>\d+)")
COLUMNS = ("variant", "kind", "emotion", "clip", "rows", "columns", "values")


def maps(stored: Stored, clips: pd.DataFrame) -> pd.DataFrame:
    """A row a picture: variant, kind, emotion (the truth), clip, rows, columns, values.

    values: rows times columns numbers of four digits with spaces between; `picture` reads them.
    clips: rows with id and emotion. StoreError where a picture has not the size that it names.
    """
    emotion = clips.set_index("id")["emotion"]
    variant = stored.numbers.drop_duplicates("cell").set_index("cell")
    sized = stored.embeddings["role"].map(lambda role: _SIZED.fullmatch(role) is not None)
    found = []
    for row in stored.embeddings[sized.astype(bool)].to_dict("records"):
        match = _SIZED.fullmatch(row["role"])
        size = int(match["rows"]), int(match["columns"])
        if len(row["embedding"]) != size[0] * size[1]:
            raise StoreError(
                f"the picture '{row['role']}' of {row['id']} has {len(row['embedding'])} values; "
                "run the study anew."
            )
        words = " ".join(f"{value:.4g}" for value in row["embedding"])
        name = variant.loc[row["cell"], "variant"]
        found.append((name, match["kind"], emotion[row["id"]], row["id"], *size, words))
    table = pd.DataFrame(found, columns=list(COLUMNS))
    return table.sort_values(list(COLUMNS[:4]), ignore_index=True)


def picture(row: pd.Series) -> np.ndarray:
    """The picture of a row of `maps`: (rows, columns) float64, lowest frequency first.

    >>> picture(pd.Series({"rows": 2, "columns": 2, "values": "1 2 3 4.5"})).tolist()
    [[1.0, 2.0], [3.0, 4.5]]
    """
    values = np.array(row["values"].split(), dtype=np.float64)
    return values.reshape(int(row["rows"]), int(row["columns"]))

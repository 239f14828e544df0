"""A study's stored tables in which a strategy recognises a known share of a speaker's clips."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from emometric.scoring import cells
from emometric.studies.cell import Cell, Stored

NAMES = ("anger", "fear", "happiness", "neutral")
SPEAKERS = tuple(f"s{number}" for number in range(8))
N_EACH = 10  # clips of a speaker and emotion
MAPPED = ("S3", "S4", "S5")  # keep embeddings, where nothing but the strategy is set
# Clips of each speaker and emotion that a strategy recognises, of N_EACH.
RIGHT = {"S1": 4, "S2": 6, "S3": 6, "S4": 5, "S5": 8}


def clips(fold: int, n_folds: int) -> pd.DataFrame:
    """The test clips of a fold: whole speakers, in turns."""
    rows = [
        (f"{speaker}{emotion[:2]}{take}", speaker, emotion, take)
        for number, speaker in enumerate(SPEAKERS)
        if number % n_folds == fold
        for emotion in NAMES
        for take in range(N_EACH)
    ]
    return pd.DataFrame(rows, columns=["id", "speaker", "emotion", "take"])


def decided(tested: pd.DataFrame, right: int, shift: int) -> np.ndarray:
    """Scores: the first `right` takes of each emotion, and one more of each odd speaker's and one
    less of the others', are right; the rest fall to the emotion behind it."""
    truth = tested["emotion"].map(NAMES.index).to_numpy()
    odd = tested["speaker"].str[1:].astype(int).to_numpy() % 2
    is_right = tested["take"].to_numpy() < right + shift * (2 * odd - 1)
    said = np.where(is_right, truth, (truth + 1) % len(NAMES))
    return np.eye(len(NAMES))[said]


def stored(
    points: Mapping[tuple, int], settings: tuple[str, ...] = ("strategy",), *, n_folds: int = 4
) -> Stored:
    """points: values of `settings` (None: it has not this one) -> clips of N_EACH that are right.

    Embeddings of the first fold lie in one place an emotion, more narrowly the more is right.
    """
    tables, embeddings, numbers = [], [], []
    for values, right in points.items():
        for fold in range(n_folds):
            named = dict(zip(settings, values, strict=True))
            named = {name: value for name, value in named.items() if value is not None}
            cell = Cell(settings=named, fold=fold, repeat=0, seed=3)
            run = {"cell": cell.name, "fold": fold, "repeat": 0}
            tested = clips(fold, n_folds)
            tables.append(
                cells.build(tested, decided(tested, right, 1), NAMES, study="s", seed=3, **run)
            )
            numbers.append({"cell": cell.name, **cell.settings, **run, "seed": 3})
            draw = np.random.default_rng([fold, right])
            centres = 4 * np.eye(len(NAMES), 6)
            noise = draw.normal(size=(len(tested), 6)) * (10 - right) / 3
            places = centres[tested["emotion"].map(NAMES.index)] + noise
            if fold == 0 and values[0] in MAPPED and len(values) == 1:
                embeddings += [
                    {**run, "id": name, "role": role, "embedding": place.astype(np.float32)}
                    for role in ("test", "train")
                    for name, place in zip(tested["id"], places, strict=True)
                ]
    columns = ["cell", "fold", "repeat", "id", "role", "embedding"]
    return Stored(
        cells=pd.concat(tables, ignore_index=True),
        embeddings=pd.DataFrame(embeddings, columns=columns),
        numbers=pd.DataFrame(numbers)[["cell", *settings, "fold", "repeat", "seed"]],
        seed=3,
    )


def strategies(right: Mapping[str, int] = RIGHT, *, n_folds: int = 4) -> Stored:
    return stored({(name,): number for name, number in right.items()}, n_folds=n_folds)

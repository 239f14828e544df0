"""A study's stored tables of known geometry: two emotions at 0 and 60 degrees."""

import numpy as np
import pandas as pd

from emometric.scoring import cells
from emometric.studies.cell import Stored

NAMES = ("anger", "fear")


def cell(split, decision="class_weights"):
    return f"decision={decision} network=resnet11 split={split}"


def at(degrees):
    return np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))], np.float32)


def stored(places: dict, truths: dict, splits=("random_holdout", "speaker_folds"), n_folds=2):
    """Two emotions at 0 and 60 degrees; test clips at `places` degrees, {clip: angle}."""
    tables, embeddings, numbers = [], [], []
    for split in splits:
        for fold in range(n_folds):
            run = {"cell": cell(split), "fold": fold, "repeat": 0}
            clips = pd.DataFrame(
                {
                    "id": list(places),
                    "speaker": [name[0] for name in places],
                    "emotion": [truths[name] for name in places],
                }
            )
            scores = np.stack(
                [[at(angle) @ at(0), at(angle) @ at(60)] for angle in places.values()]
            )
            tables.append(
                cells.build(
                    clips, scores, NAMES, study="s", cell=run["cell"], fold=fold, repeat=0, seed=1
                )
            )
            for name, where in zip(NAMES, (0, 60), strict=True):
                embeddings.append({**run, "id": name, "role": "emotion", "embedding": at(where)})
            for name, angle in places.items():
                # length says nothing about an angle
                embeddings.append(
                    {**run, "id": name, "role": "test", "embedding": at(angle) * (1 + fold)}
                )
            numbers.append(
                {
                    "cell": run["cell"],
                    "decision": "class_weights",
                    "network": "resnet11",
                    "split": split,
                    "fold": fold,
                    "repeat": 0,
                    "seed": 1,
                }
            )
    return Stored(
        cells=pd.concat(tables, ignore_index=True),
        embeddings=pd.DataFrame(embeddings),
        numbers=pd.DataFrame(numbers),
        seed=1,
    )


PLACES = {"a1": 10, "a2": -30, "b1": 50, "b2": 65, "b3": 100, "a3": 90}
TRUTHS = {"a1": "anger", "a2": "anger", "b1": "fear", "b2": "fear", "b3": "fear", "a3": "anger"}

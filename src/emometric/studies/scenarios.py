"""Which emotions a linear support vector classifier tells apart by latents (das2022, table 4)."""

import numpy as np
import pandas as pd

from emometric.decisions import svm_linear
from emometric.studies.standardised import Part

EMOTIONS = ("anger", "happiness", "neutral", "sadness")
CLASSES = (4, 3)  # N-S-H-A and N-S-A
LEFT_OUT = {4: (), 3: ("happiness",)}


def decide(train: Part, test: Part, n_classes: int, c: float) -> tuple[pd.DataFrame, np.ndarray]:
    """The tested clips of a scenario and their scores: (n) rows, (n, EMOTIONS) float64.

    A linear support vector classifier of cost `c` is fitted to the training part, each column
    standardised, classes balanced; as in `decisions.svm_linear`, an emotion without a score has
    -inf. Emotions that either part lacks are left out of both (AESDD has no neutral: S-H-A and
    S-A); with fewer than two nothing is decided.
    """
    known = set(train.clips["emotion"].dropna()) & set(test.clips["emotion"].dropna())
    asked = [word for word in EMOTIONS if word in known and word not in LEFT_OUT[n_classes]]
    decided = test.take(test.clips["emotion"].isin(asked).to_numpy() & (len(asked) > 1))
    clips = decided.clips[["id", "speaker", "emotion"]]
    if not len(decided):
        return clips, np.zeros((0, len(EMOTIONS)))
    learnt = train.take(train.clips["emotion"].isin(asked).to_numpy())
    machine = svm_linear.Decision(svm_linear.Params(c=c), len(EMOTIONS))
    label = learnt.clips["emotion"].map(EMOTIONS.index).to_numpy(dtype=np.int64)
    return clips, machine.fit(learnt.values, label).scores(decided.values)

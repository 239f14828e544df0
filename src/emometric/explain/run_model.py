"""A trained network of the working run, and what its run's decision says of other clips."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from emometric import fold_models, splits
from emometric.base import parts
from emometric.base.errors import ParameterError, StoreError
from emometric.fitting import checkpoint
from emometric.storage import store
from emometric.storage.clip import Fold

RUN = "run"
_MADE_BY = {
    "synthetic": "`make repro`, or `dvc repro` where that was done before",
    "original": "`make repro-original CORPORA=ROOT`, or `dvc repro original/dvc.yaml`",
}


@dataclass(frozen=True, kw_only=True)
class Model:
    """One fold's network: folder is data/<origin>, about its checkpoint's description."""

    folder: Path
    number: int
    fold: Fold
    about: dict[str, Any]

    @property
    def path(self) -> Path:
        return self.folder / "models" / RUN / fold_models.name(self.number)

    @property
    def emotions(self) -> list[str]:
        return list(self.about["recipe"]["emotions"])

    @property
    def feature(self) -> tuple[str, dict[str, Any]]:
        """Name and settings of what the network was trained on."""
        settings = dict(self.about["feature"])
        return settings.pop("name"), settings

    def role(self, clip: str | None) -> str | None:
        """train, valid, test or enrol; None for a clip that is not the run's."""
        return next((role for role in splits.ROLES if clip in getattr(self.fold, role)), None)


def find(data: Path, origin: str, number: int | None, clips: Sequence[str | None]) -> Model:
    """The network of a fold of the working run below `data`/`origin`.

    number: of the fold; None: the first whose training heard as few of `clips` (ids, None for what
    is no clip of the run) as can be, of the first of them rather than of others. StoreError, which
    says how to make one, where nothing was trained yet; ParameterError for a fold that is not
    there.
    """
    folder = data / origin
    if not list((folder / "models" / RUN).glob("fold_*.json")):
        other = next((one for one in _MADE_BY if (data / one / "models" / RUN).is_dir()), None)
        there = (
            f", or choose --origin {other}, which has one" if other not in (None, origin) else ""
        )
        raise StoreError(
            f"no trained network in {folder / 'models' / RUN}; run {_MADE_BY[origin]}{there}."
        )
    folds = splits.read(folder / "splits" / f"{RUN}.parquet")
    if number is None:
        number = min(range(len(folds)), key=lambda one: _learned(folds[one], clips))
    if not 0 <= number < len(folds):
        raise ParameterError(f"--fold is {number}; the run has the folds 0 to {len(folds) - 1}.")
    about = checkpoint.describe(folder / "models" / RUN / fold_models.name(number))
    return Model(folder=folder, number=number, fold=folds[number], about=about)


def decide(model: Model, decision: str, params: Any, embeddings: np.ndarray) -> np.ndarray:
    """Scores of the run's decision on new embeddings: (n, dim) -> (n, emotions), larger = nearer.

    Fitted on what `stages/embed.py` fits it on: the fold's training, validation and enrolled
    clips. -inf for an emotion that those lack.
    """
    path = model.folder / "embeddings" / RUN / "embeddings.parquet"
    rows = store.read_table(path).to_pandas()
    rows = rows[(rows["fold"] == model.number) & rows["role"].isin(["train", "valid", "enrol"])]
    corpus = model.about["corpus"]
    clips = splits.read_clips(model.folder / "manifests" / f"{corpus}.parquet", corpus)
    emotion_of = clips.set_index("id")["emotion"]
    unknown = sorted(set(rows["id"]) - set(emotion_of.index))
    if rows.empty or unknown or len(rows["embedding"].iloc[0]) != embeddings.shape[1]:
        raise StoreError(f"{path} does not fit the run's networks and clips; run `dvc repro`.")
    order = {role: place for place, role in enumerate(("train", "valid", "enrol"))}
    rows = rows.assign(place=rows["role"].map(order)).sort_values(["place", "id"])
    emotion = emotion_of[rows["id"]].map(model.emotions.index).to_numpy(np.int64)
    make = parts.load("decisions", decision).Decision
    if getattr(params, "similarity", None) == "loss":
        fitted = make(params, len(model.emotions), fold_models.similarity(model.path))
    else:
        fitted = make(params, len(model.emotions))
    fitted.fit(np.stack(rows["embedding"].tolist()), emotion)
    return fitted.scores(embeddings)


def _learned(fold: Fold, clips: Sequence[str | None]) -> tuple[int, list[bool]]:
    known = [clip in fold.train or clip in fold.valid for clip in clips]
    return sum(known), known

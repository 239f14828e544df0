"""The trainings of a group of cells of kumar2021, and what each decision makes of one."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from emometric.layers.windowed import WindowParams
from emometric.storage.clip import Fold
from emometric.studies.cell import EMBEDDING_COLUMNS, Cell, Outcome, Table
from emometric.studies.window_training import PHASES, Job, Schedule, Trained

NETWORKS = ("cnn8", "fc7", "gru8", "lstm7", "resnet11", "rnn8")
SPLITS = ("random_holdout", "speaker_folds")  # protocols; the first is the paper's
DECISIONS = ("class_weights", "class_means")
ROLES = ("train", "valid", "test")


@dataclass(frozen=True, kw_only=True)
class Setup:
    """What all trainings of a study share; schedules: each training is done with every one, and
    the one that recognises most validation clips is taken (the earlier of equals)."""

    window: WindowParams
    schedules: Sequence[Schedule]
    emotions: tuple[str, ...]


class Work:
    """The clips of a study as its networks hear them. clips: those of `source` that take part, by
    their index."""

    def __init__(self, setup: Setup, source: Table, clips: pd.DataFrame, device: str):
        self.setup, self.device = setup, device
        self.frames = [source.frames(row) for row in clips.index]
        self.clips = clips.reset_index(drop=True)
        self.emotion = clips["emotion"].map(setup.emotions.index).to_numpy(np.int64)
        self.place = {name: row for row, name in enumerate(clips["id"])}

    def jobs(self, cell: Cell, fold: Fold) -> list[Job]:
        """One for each schedule."""
        network, split = key(cell)[:2]
        roles = {
            role: np.array([self.place[name] for name in getattr(fold, role)], dtype=np.int64)
            for role in ROLES
        }
        return [
            Job(
                network=network,
                window=self.setup.window,
                schedule=schedule,
                frames=self.frames,
                emotion=self.emotion,
                n_emotions=len(self.setup.emotions),
                roles=roles,
                seed=(cell.seed, SPLITS.index(split), cell.fold, NETWORKS.index(network)),
                device=self.device,
            )
            for schedule in self.setup.schedules
        ]

    def outcome(self, cell: Cell, job: Job, trained: Trained) -> Outcome:
        """What the cell's decision makes of a training; all clips' embeddings beside the first."""
        unit = _unit(trained.embedding)
        by_weights = cell.settings["decision"] == DECISIONS[0]
        prototypes = trained.prototypes if by_weights else self.means(unit, job.roles["train"])
        tested = job.roles["test"]
        rows = [("emotion", list(self.setup.emotions), prototypes)]
        if by_weights:
            rows += [
                (role, self.clips["id"].iloc[own], trained.embedding[own])
                for role, own in job.roles.items()
            ]
        phases = [name for name, n in zip(PHASES, job.schedule.epochs, strict=True) if n]
        numbers = {
            f"{phase}_valid_accuracy": value
            for phase, value in zip(phases, trained.accuracy, strict=False)
        }
        if len(self.setup.schedules) > 1:
            numbers["scale"] = job.schedule.scale
        return Outcome(
            cell=cell,
            clips=self.clips.iloc[tested][["id", "speaker", "emotion"]],
            scores=unit[tested].astype(np.float64) @ prototypes.astype(np.float64).T,
            embedding=pd.DataFrame(
                [
                    (name, role, vector.astype(np.float32))
                    for role, ids, vectors in rows
                    for name, vector in zip(ids, vectors, strict=True)
                ],
                columns=list(EMBEDDING_COLUMNS),
            ),
            numbers=numbers,
        )

    def means(self, unit: np.ndarray, train: np.ndarray) -> np.ndarray:
        """The mean direction of each emotion's training clips: (emotions, dim), of length 1."""
        emotion = self.emotion[train]
        sums = [unit[train[emotion == one]].sum(axis=0) for one in range(len(self.setup.emotions))]
        return _unit(np.stack(sums))


def key(cell: Cell) -> tuple[str, str, int]:
    """What cells that share a training have in common: network, split, fold."""
    return cell.settings["network"], cell.settings["split"], cell.fold


def best(candidates: Sequence[tuple[Job, Trained]]) -> tuple[Job, Trained]:
    """The training whose last weights recognise most validation clips; of equals the first."""
    return max(candidates, key=lambda one: tuple(one[1].accuracy[-1:]))


def _unit(rows: np.ndarray) -> np.ndarray:
    """Each row brought to length 1."""
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)

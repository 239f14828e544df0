"""The trainings of a group of cells of mocanu2021, and the outcome of each cell."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from emometric.base import parts
from emometric.base.errors import ParameterError
from emometric.decisions import svm_rbf
from emometric.fitting import checkpoint, spectrum_input, warm_start
from emometric.storage.clip import Fold
from emometric.studies import component_folds, linear_peers
from emometric.studies.cell import EMBEDDING_COLUMNS, Cell, Outcome, Table
from emometric.studies.component_strategies import MAPPED, PEERS, STARTED, Recipes
from emometric.studies.spectrum_training import Job, Schedule, Trained

SHAPE = ("widths", "stem", "reduction", "dim")  # of the encoder, alike in all strategies


@dataclass(frozen=True, kw_only=True)
class Setup:
    """What all trainings of a study share; `methods.mocanu2021.Params` says what it is."""

    rules: component_folds.Rules
    recipes: Recipes
    schedule: Schedule
    input: spectrum_input.Params
    emotions: tuple[str, ...]
    svm_c: float
    linear_c: float


class Work:
    """The tested corpus of a study, its folds, and what is made once for all cells of a group."""

    def __init__(self, setup: Setup, target: Table, seed: int, device: str):
        self.setup, self.target, self.seed, self.device = setup, target, seed, device
        self.clips = component_folds.taking_part(target.clips, setup.rules)
        self.folds = component_folds.folds(self.clips, setup.rules, seed)

    @cached_property
    def pictures(self) -> list[np.ndarray]:
        """The spectrograms of the clips, read and prepared."""
        return [
            spectrum_input.prepared(self.target.frames(row), self.setup.input)
            for row in self.clips.index
        ]

    @cached_property
    def emotion(self) -> np.ndarray:
        return self.clips["emotion"].map(self.setup.emotions.index).to_numpy(np.int64)

    def rows(self, fold: Fold) -> dict[str, np.ndarray]:
        """Positions of the clips by role."""
        learned = component_folds.learns(fold, self.setup.rules)
        return {
            role: np.flatnonzero(self.clips["id"].isin(set(ids)))
            for role, ids in (("train", learned), ("test", fold.test))
        }

    def trainings(self, cells: Sequence[Cell]) -> list[list[Cell]]:
        """The cells that each training ends in; peers have none."""
        found: dict[tuple, list[Cell]] = {}
        for cell in cells:
            if cell.settings["strategy"] not in PEERS:
                found.setdefault(self.setup.recipes.training(cell), []).append(cell)
        return list(found.values())

    def job(self, cells: Sequence[Cell], network: Path | None) -> Job:
        """The training of cells that share one; network: what some strategies start from."""
        recipes, fold = self.setup.recipes, cells[0].fold
        strategies = [cell.settings["strategy"] for cell in cells]
        return Job(
            encoder=recipes.encoder(strategies[0], cells[0].settings),
            schedule=self.setup.schedule,
            frames=self.pictures,
            emotion=self.emotion,
            speaker=pd.factorize(self.clips["speaker"], sort=True)[0].astype(np.int64),
            emotions=self.setup.emotions,
            train=self.rows(self.folds[fold])["train"],
            endings=[
                recipes.ending(strategy, cell.settings)
                for strategy, cell in zip(strategies, cells, strict=True)
            ],
            start=network if strategies[0] in STARTED else None,
            seed=(self.seed, fold),
            device=self.device,
        )

    def outcome(self, cell: Cell, trained: Trained) -> Outcome:
        """An RBF-SVM on the embeddings of the training clips decides the test clips."""
        rows, strategy = self.rows(self.folds[cell.fold]), cell.settings["strategy"]
        decision = svm_rbf.Decision(svm_rbf.Params(c=self.setup.svm_c), len(self.setup.emotions))
        decision.fit(trained.embedding[rows["train"]], self.emotion[rows["train"]])
        is_mapped = cell.fold == 0 and strategy in MAPPED and len(cell.settings) == 1
        kept = [
            (self.clips["id"].iloc[row], role, trained.embedding[row])
            for role in (rows if is_mapped else ())
            for row in rows[role]
        ]
        numbers = {"loss": trained.loss}
        if strategy in STARTED:
            numbers["n_started"] = trained.n_started
        return Outcome(
            cell=cell,
            clips=self.clips.iloc[rows["test"]][["id", "speaker", "emotion"]],
            scores=decision.scores(trained.embedding[rows["test"]]),
            embedding=pd.DataFrame(kept, columns=list(EMBEDDING_COLUMNS)),
            numbers=numbers,
        )

    def peer(self, cell: Cell) -> Outcome:
        """A linear SVM on functionals, in the same fold."""
        fold = self.folds[cell.fold]
        return linear_peers.outcome(
            cell,
            self.target.beside[PEERS[cell.settings["strategy"]]],
            (self.clips, component_folds.learns(fold, self.setup.rules), fold.test),
            self.setup.emotions,
            self.setup.linear_c,
        )


def check_network(setup: Setup, source: Table, target: Table) -> None:
    """ParameterError where the source's network has other sizes, or was shown other pictures: else
    little of it would be copied or be of use, and S2 be S1 under another name."""
    described = checkpoint.describe(source.network / warm_start.NAME)
    recipe, heard = described["recipe"], described.get("feature", {})
    theirs = parts.make_params("encoders", recipe["encoder"], recipe["encoder_params"])
    n_bins = len(target.names) // setup.input.join_bins
    ours = setup.recipes.published
    for name, own, found in (
        *((name, getattr(ours, name), getattr(theirs, name, None)) for name in SHAPE),
        ("join_bins", n_bins, recipe["n_bins"]),
        ("compress", setup.input.compress, heard.get("compress", setup.input.compress)),
    ):
        if own != found and (name != "widths" or list(own) != list(found)):
            raise ParameterError(
                f"params.yaml: {setup.recipes.where}.{name} makes {own}, but the network of "
                f"{source.corpus} has {found}; run the stage pretrain again, with these settings."
            )

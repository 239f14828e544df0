"""What mocanu2021's strategies are made of, as published and at other points of a grid."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from emometric.base import parts
from emometric.encoders import se_resnet34
from emometric.studies.cell import Cell
from emometric.studies.spectrum_training import Ending

ENDINGS = {
    "S1": "softmax",
    "S2": "softmax",
    "S3": "softmax",
    "S4": "triplet",
    "S5": "emotion_triplet",
}
PEERS = {"egemaps_svm": "egemaps", "compare_svm": "compare"}  # and what they hear
STARTED = ("S2", "S3", "S4", "S5")  # from the network of the source
MAPPED = ("S3", "S4", "S5")  # whose embeddings of the first fold are kept: figures 6 and 7
VARIED = ("clusters", "ghosts", "alpha", "beta", "relations")  # what a point may replace


@dataclass(frozen=True, kw_only=True)
class Recipes:
    """What the strategies have in common; a point of the grid replaces some of VARIED.

    published: the encoder of S3, S4 and S5; relation: the name in `relations` of the table of
    polarities, each of which says what differs from `polarity`; where: the block of params.yaml.
    """

    published: se_resnet34.Params
    label_smoothing: float
    margin: float
    alpha: float
    beta: float
    relation: str
    relations: Mapping[str, Mapping[str, str] | None]
    polarity: Mapping[str, str]
    where: str

    def value(self, point: Mapping[str, Any], name: str) -> Any:
        """One of VARIED at a point of the grid."""
        if name in ("clusters", "ghosts"):
            return point.get(name, getattr(self.published, name))
        return point.get(name, self.relation if name == "relations" else getattr(self, name))

    def encoder(self, strategy: str, point: Mapping[str, Any]) -> se_resnet34.Params:
        """S1 and S2 have no ghosts (section 5)."""
        return replace(
            self.published,
            clusters=self.value(point, "clusters"),
            ghosts=0 if strategy in ("S1", "S2") else self.value(point, "ghosts"),
        )

    def ending(self, strategy: str, point: Mapping[str, Any]) -> Ending:
        """The loss that a strategy ends in, its settings checked."""
        loss = ENDINGS[strategy]
        settings = {
            "softmax": {"label_smoothing": self.label_smoothing},
            "triplet": {"margin": self.margin},
            "emotion_triplet": {
                "alpha": self.value(point, "alpha"),
                "beta": self.value(point, "beta"),
                "polarity": self.table(self.value(point, "relations")),
            },
        }[loss]
        parts.make_params("losses", loss, settings)
        return Ending(loss=loss, loss_params=settings, seed=0)

    def table(self, name: str) -> dict[str, str]:
        """The polarity of every emotion under one of `relations`."""
        parts.check_name(f"{self.where}.relations", name, self.relations)
        return {**self.polarity, **(self.relations[name] or {})}

    def training(self, cell: Cell) -> tuple:
        """What cells that share a training have in common."""
        strategy = cell.settings["strategy"]
        if strategy in PEERS:
            return strategy, cell.fold
        shape = self.encoder(strategy, cell.settings)
        return strategy in STARTED, shape.clusters, shape.ghosts, cell.fold

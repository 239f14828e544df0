"""Continuous metric loss: distances of embeddings equal distances of activation or valence."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from emometric.base.errors import ParameterError
from emometric.fitting.batch import AFFECT, Batch, Encoded
from emometric.layers.continuous_metric import DISTANCES, metric

# What a clip without a rating counts as: (activation, valence), 1 to 5. Means of das2022's
# published ratings of each emotion, over its corpora (Emo-DB, URDU, CaFE, AESDD), corpora alike.
# It rated no calm, excitement or frustration: these are ours, placed after Russell 1980.
LEVELS = {
    "anger": (4.2, 2.0),
    "boredom": (2.2, 2.7),
    "calm": (2.0, 3.6),
    "disgust": (2.8, 2.2),
    "excitement": (4.2, 4.0),
    "fear": (3.4, 2.1),
    "frustration": (3.5, 2.2),
    "happiness": (3.5, 3.4),
    "neutral": (2.8, 3.0),
    "sadness": (2.3, 2.3),
    "surprise": (3.2, 3.0),
}


@dataclass(frozen=True, kw_only=True)
class Params:
    """label: activation or valence; distance: euclidean (das2022, section 3.1) or signed (its
    code); `layers.continuous_metric.metric` has both formulas."""

    label: str
    distance: str

    def __post_init__(self):
        for name, known in (("label", AFFECT), ("distance", DISTANCES)):
            if getattr(self, name) not in known:
                raise ParameterError(
                    f"params.yaml: losses.continuous_metric.{name} is '{getattr(self, name)}'; "
                    f"write {' or '.join(known)}."
                )


class Loss(nn.Module):
    """`layers.continuous_metric.metric` of the batch's embeddings, as they are: not normalised.

    A clip's label is its own rating where the batch carries one, else what its emotion has in
    `LEVELS`: so a corpus that nobody rated can be trained on too, if coarsely.

    das2022 adds the error of an autoencoder's reconstruction: `methods/das2022.py` does.
    """

    def __init__(self, params: Params, dim: int, emotions: Sequence[str]):
        super().__init__()
        self.params = params
        self.column = AFFECT.index(params.label)
        levels = torch.tensor([LEVELS[emotion][self.column] for emotion in emotions])
        self.register_buffer("levels", levels, persistent=False)

    def forward(self, encoded: Encoded, batch: Batch) -> Tensor:
        labels = self.levels[batch.emotion]
        if batch.affect is not None:
            rating = batch.affect[:, self.column].to(labels.dtype)
            labels = torch.where(rating.isfinite(), rating, labels)
        embedding = encoded.embedding
        embedding = embedding if embedding.dtype == torch.float64 else embedding.float()
        return metric(embedding, labels, self.params.distance)

"""Emotion-constrained triplet loss: emotions of one polarity lie nearer than opposite ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from emometric import ranges
from emometric.base.errors import ParameterError
from emometric.emotions import EMOTIONS
from emometric.fitting.batch import Batch, Encoded
from emometric.layers.triplets import SemiHardHinge

POLARITIES = ("neutral", "positive", "negative")


@dataclass(frozen=True, kw_only=True)
class Params:
    """alpha, beta: margins of the two terms, above 0 (mocanu2021: 0.1 and 0.15); polarity: for
    each word of `emotions.EMOTIONS` one of `POLARITIES`.

    The paper places seven emotions on Mikels' wheel: sadness, fear, disgust, anger are negative;
    surprise, happiness, calm positive; neutral is the centre. The rest is our choice: boredom and
    frustration are unpleasant, so negative; excitement is pleasant, so positive (studies of IEMOCAP
    merge it into happiness).
    """

    alpha: float
    beta: float
    polarity: Mapping[str, str]

    def __post_init__(self):
        for name in ("alpha", "beta"):
            ranges.check_margin(f"losses.emotion_triplet.{name}", getattr(self, name))
        where = "params.yaml: losses.emotion_triplet.polarity"
        for emotion in EMOTIONS:
            if emotion not in self.polarity:
                raise ParameterError(
                    f"{where} lacks '{emotion}'; add it with one of: {', '.join(POLARITIES)}."
                )
        for emotion, polarity in self.polarity.items():
            if emotion not in EMOTIONS:
                raise ParameterError(f"{where} has the unknown emotion '{emotion}'; remove it.")
            if polarity not in POLARITIES:
                raise ParameterError(
                    f"{where}.{emotion} is '{polarity}'; write one of: {', '.join(POLARITIES)}."
                )


class Loss(nn.Module):
    """Sum of two terms, each the mean over its semi-hard triplets of the batch (mocanu2021, 3.3).

        [D(a, p) - D(a, r) + alpha]+     p: same emotion; r: another emotion of the same polarity
        [D(a, r) - D(a, n) + beta]+      n: opposite polarity

    D and the choice of triplets: `layers.triplets.SemiHardHinge`; each term is mined by itself, so
    their r differ, as r1 and r2 in the paper. Means in place of sums keep the step's size free of
    the number of triplets.

    Where the batch has no r for an anchor, both terms would vanish. There
    [D(a, p) - D(a, n) + alpha]+ joins the first term, with n of the opposite polarity; for a
    neutral anchor, which has neither relation nor opposite, n is any other emotion. A neutral clip
    is nobody else's r or n: at the wheel's centre it is closer to each emotion than the opposite
    polarity is, and the second term would push it outside the related ones. The neutral anchors'
    own term keeps it apart, since D is symmetric.
    """

    def __init__(self, params: Params, dim: int, emotions: Sequence[str]):
        super().__init__()
        polarity = [POLARITIES.index(params.polarity[emotion]) for emotion in emotions]
        self.register_buffer("polarity", torch.tensor(polarity), persistent=False)
        self.inner = SemiHardHinge(params.alpha)
        self.outer = SemiHardHinge(params.beta)

    def forward(self, encoded: Encoded, batch: Batch) -> Tensor:
        same, related, opposite, other = relations(batch.emotion, self.polarity[batch.emotion])
        lonely = ~related.any(dim=1, keepdim=True)  # (batch, 1)
        far = torch.where(lonely, other, related)
        inner = self.inner(encoded.embedding, batch.emotion, same, far)
        polarity = self.polarity[batch.emotion]
        return inner + self.outer(encoded.embedding, polarity, related, opposite)


def relations(emotion: Tensor, polarity: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Four (batch, batch) bool: same, related, opposite, and the negatives of a lonely anchor.

    emotion: (batch,) int64; polarity: (batch,) positions in POLARITIES. A clip is not its own same.
    """
    same_emotion = emotion[:, None] == emotion
    same_polarity = polarity[:, None] == polarity
    polar = polarity > 0  # not neutral
    both_polar = polar[:, None] & polar
    related = both_polar & same_polarity & ~same_emotion
    opposite = both_polar & ~same_polarity
    other = opposite | (~polar[:, None] & ~same_emotion)
    itself = torch.eye(len(emotion), dtype=torch.bool, device=emotion.device)
    return same_emotion & ~itself, related, opposite, other

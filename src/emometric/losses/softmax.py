"""Cross-entropy of a linear layer over the emotions: classification, for comparison."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from emometric.base.errors import ParameterError
from emometric.fitting.batch import Batch, Encoded


@dataclass(frozen=True, kw_only=True)
class Params:
    """label_smoothing: share of the truth that is spread over all emotions, in [0, 1)."""

    label_smoothing: float

    def __post_init__(self):
        if not 0 <= self.label_smoothing < 1:
            raise ParameterError(
                "params.yaml: losses.softmax.label_smoothing is "
                f"{self.label_smoothing}; write a number from 0 to below 1."
            )


class Loss(nn.Module):
    """Mean over the batch of -log softmax(W e + b) at the true emotion; owns W and b.

    `classify.weight` is (emotions, dim), one row an emotion in the order of `emotions`. The classes
    are not weighted: the sampler balances them.
    """

    def __init__(self, params: Params, dim: int, emotions: Sequence[str]):
        super().__init__()
        self.label_smoothing = params.label_smoothing
        self.classify = nn.Linear(dim, len(emotions))

    def forward(self, encoded: Encoded, batch: Batch) -> Tensor:
        logits = self.classify(encoded.embedding)
        return cross_entropy(logits, batch.emotion, label_smoothing=self.label_smoothing)

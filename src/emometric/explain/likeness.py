"""What one network makes of two clips: how alike they are, and what in each of them says so."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity

from emometric.base.errors import ParameterError
from emometric.explain import explaining
from emometric.fitting.checkpoint import Network

KINDS = ("cosine", "euclidean", "loss")
UNITS = {"cosine": "cosine", "euclidean": "negative distance", "loss": "logit of “one emotion”"}


@dataclass(frozen=True, kw_only=True)
class Params:
    """kind: of similarity, one of KINDS. layers: whose maps to draw, shown name -> module; None:
    every convolution. regions: of the occlusion, (rows over the bins, columns over the frames);
    steps: of integrated gradients."""

    kind: str = "cosine"
    layers: dict[str, str] | None = None
    regions: tuple[int, int] = (8, 12)
    steps: int = 64


@dataclass(frozen=True, kw_only=True)
class Side:
    """One clip beside the other; every map is frequency by time, the lowest bin first.

    embedding: (dim,). maps: of each layer. occlusion: fall of the similarity, (rows, columns).
    gradients: (bins, frames), what each point adds to the similarity over that of the band means;
    gap: what their sum has too much.
    """

    embedding: np.ndarray
    maps: dict[str, np.ndarray]
    occlusion: np.ndarray
    gradients: np.ndarray
    gap: float


@dataclass(frozen=True, kw_only=True)
class Likeness:
    """The similarity of two clips, larger = more alike, and both sides of it."""

    similarity: float
    sides: tuple[Side, Side]


def explain(
    network: Network,
    pictures: tuple[np.ndarray, np.ndarray],
    params: Params,
    *,
    tick: Callable[[], object] = lambda: None,
) -> Likeness:
    """Compare two clips and explain each side, the other clip as it is.

    network: in eval(). pictures: (frames, bins) float32 each. `tick()` is called six times.
    Changing the clips' order swaps the sides and nothing else. ParameterError where the loss has
    trained no similarity and `kind` is loss.
    """
    compare = comparison(network, params.kind)
    features = [torch.from_numpy(np.array(one, np.float32)) for one in pictures]
    with torch.no_grad():
        embeddings = [embed(network, one[None]) for one in features]
    sides = []
    for own, other in ((0, 1), (1, 0)):

        def similarity(batch: Tensor, fixed: Tensor = embeddings[other]) -> Tensor:
            return compare(embed(network, batch), fixed)

        maps = explaining.activation_maps(network.encoder, features[own], params.layers)
        tick()
        hidden = explaining.occlusion(similarity, features[own], params.regions)
        tick()
        points, gap = explaining.integrated_gradients(similarity, features[own], steps=params.steps)
        tick()
        sides.append(
            Side(
                embedding=embeddings[own][0].numpy(),
                maps=maps,
                occlusion=hidden,
                gradients=points,
                gap=gap,
            )
        )
    with torch.no_grad():
        value = float(compare(*embeddings))
    return Likeness(similarity=value, sides=(sides[0], sides[1]))


def embed(network: Network, batch: Tensor) -> Tensor:
    """Whole clips of one length: (batch, frames, bins) -> (batch, dim), with a gradient."""
    lengths = torch.full((len(batch),), batch.shape[1], device=batch.device)
    return network.encoder(batch, lengths).embedding


def comparison(network: Network, kind: str) -> Callable[[Tensor, Tensor], Tensor]:
    """Similarity of embeddings (n, dim) with one (1, dim), larger = more alike: (n,)."""
    if kind == "cosine":
        return lambda some, one: cosine_similarity(some, one)
    if kind == "euclidean":
        return lambda some, one: -(some - one).norm(dim=1)
    if kind != "loss":
        raise ParameterError(f"the similarity '{kind}' is none of {', '.join(KINDS)}; choose one.")
    if not hasattr(network.loss, "logits"):
        raise ParameterError(
            "the run's loss trains no similarity of its own; choose cosine or euclidean."
        )
    return lambda some, one: network.loss.logits(some - one)

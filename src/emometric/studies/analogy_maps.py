"""What a trained twin attends to: maps of its layers, and which regions a similarity hangs on."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from emometric.layers.picture_twin import Input, Twin
from emometric.losses.pairwise_similarity import Loss
from emometric.studies.analogy_pictures import Pictures

PICTURE = "log_mel"  # whose branch is shown
LAYER_SHAPES = ((64, 96), (32, 48), (16, 24))
REGIONS = (8, 12)


@dataclass(frozen=True, kw_only=True)
class Map:
    """A picture of one clip: `clip`, its position; `role`, such as `map layer1 64x96`; `values`,
    frequency x time, low frequencies and early times first."""

    clip: int
    role: str
    values: np.ndarray


def shown(
    similarity: Callable[[np.ndarray, np.ndarray], np.ndarray],
    emotion: np.ndarray,
    roles: Mapping[str, np.ndarray],
) -> list[tuple[int, int]]:
    """For each emotion the test clip and the training clip of this emotion that are most similar.

    similarity: of positions to positions, (m, n). An emotion without either has no pair.
    """
    pairs = []
    for one in np.unique(emotion):
        tested, trained = (roles[role][emotion[roles[role]] == one] for role in ("test", "train"))
        if len(tested) and len(trained):
            values = similarity(tested, trained)
            row, column = np.unravel_index(values.argmax(), values.shape)
            pairs.append((int(tested[row]), int(trained[column])))
    return pairs


def draw(
    twin: Twin,
    pairwise: Loss,
    seen: Mapping[str, Pictures],
    pairs: Sequence[tuple[int, int]],
) -> tuple[Map, ...]:
    """The maps of the first clip of each pair; none where the network sees no log-Mel picture.

    seen: the pictures of all clips, standardised. Of each layer the mean over its channels of
    |activation|, behind ReLU; and `occlusion`, how much of the similarity (its logit) is lost when
    a region of the picture is hidden.
    """
    if PICTURE not in seen:
        return ()
    twin.eval()
    found = []
    with torch.inference_mode():
        for clip, other in pairs:
            rows = np.array([clip])
            layers = twin.branches[PICTURE].activations(seen[PICTURE].whole(rows))
            for number, (shape, (maps, _)) in enumerate(zip(LAYER_SHAPES, layers, strict=True), 1):
                found.append(
                    named(clip, f"map layer{number}", resized(maps[0].abs().mean(dim=0), shape))
                )
            fall = occlusion(twin, pairwise, seen, (clip, other))
            found.append(named(clip, "occlusion", fall))
    return tuple(found)


def occlusion(
    twin: Twin, pairwise: Loss, seen: Mapping[str, Pictures], pair: tuple[int, int]
) -> np.ndarray:
    """How much the logit of a pair's similarity falls when a region of the first clip's log-Mel
    picture shows the training clips' mean instead: REGIONS, frequency x time, float32."""
    given = {name: one.whole(np.array(pair[:1])) for name, one in seen.items()}
    beside = twin({name: one.whole(np.array(pair[1:])) for name, one in seen.items()})
    picture = given[PICTURE].values[0]
    hidden = hide(picture, REGIONS)
    many = {name: _repeated(one, len(hidden) + 1) for name, one in given.items()}
    many[PICTURE] = replace(many[PICTURE], values=torch.cat([picture[None], hidden]))
    logits = pairwise.logits(twin(many).float() - beside.float())
    return (logits[0] - logits[1:]).reshape(REGIONS).cpu().numpy()


def hide(picture: Tensor, regions: tuple[int, int]) -> Tensor:
    """The picture once for each region, 0 there: (rows, columns) -> (regions, rows, columns).

    regions: along columns (frequency) and along rows (time); in the order of a picture of
    frequency x time, flattened. Regions of a picture that has fewer places may be empty.
    """
    rows, columns = picture.shape
    along = torch.arange(columns, device=picture.device) * regions[0] // columns
    down = torch.arange(rows, device=picture.device) * regions[1] // rows
    place = along[None, :] * regions[1] + down[:, None]
    number = torch.arange(regions[0] * regions[1], device=picture.device)
    return picture.masked_fill(place == number[:, None, None], 0.0)


def _repeated(given: Input, n: int) -> Input:
    lengths = None if given.lengths is None else given.lengths.expand(n)
    return Input(values=given.values.expand(n, *given.values.shape[1:]), lengths=lengths)


def resized(values: Tensor, shape: tuple[int, int]) -> np.ndarray:
    """A picture of time x frequency, turned and brought to `shape` by means over even parts."""
    turned = functional.adaptive_avg_pool2d(values.float().T[None], shape)
    return turned[0].cpu().numpy()


def named(clip: int, name: str, values: np.ndarray) -> Map:
    """A map whose role says its size.

    >>> named(3, "occlusion", np.zeros((8, 12))).role
    'occlusion 8x12'
    """
    role = f"{name} {values.shape[0]}x{values.shape[1]}"
    return Map(clip=clip, role=role, values=values.astype(np.float32))

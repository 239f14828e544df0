"""What a network looks at: activation maps, and the regions that drive a similarity.

A picture is a clip's feature as the store holds it, (frames, bins). Every map that leaves this
module is (bins, frames) or (rows, columns) of it: frequency by time, the lowest bin first.
"""

from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from emometric.base.errors import ParameterError

# The layers of the papers' encoders by the names that figures show: the module whose output,
# behind ReLU, is what the next layer reads. Of a ResNet the last block of each stage.
NAMED = {
    "siamese_cnn": {"layer 1": "layers.0", "layer 2": "layers.1", "layer 3": "layers.2"},
    "se_resnet34": {
        "stem": "stem_norm",
        "stage 1": "blocks.2",
        "stage 2": "blocks.6",
        "stage 3": "blocks.12",
        "stage 4": "blocks.15",
    },
}
_FRAMES_AT_ONCE = 3200  # of a batch, with the gradient's maps kept: bounds the memory

Similarity = Callable[[Tensor], Tensor]  # (batch, frames, bins) -> (batch,), larger = more alike


def activation_maps(
    network: nn.Module,
    features: Tensor,
    layers: Mapping[str, str] | None = None,
    *,
    call: Callable[[Tensor], Any] | None = None,
) -> dict[str, np.ndarray]:
    """Mean |activation| over the channels of each layer, for one clip (ntalampiras2020, figure 5).

    network: an encoder, in eval(). features: (frames, bins). layers: the name to show -> name of
    the module inside `network`, as `network.named_modules` has it; None: each of its convolutions
    of more than one tap. call: how to run it on (1, frames, bins) where it is not
    `network(features, lengths)`.

    Returns (bins, frames) of each layer, float64, at least 0; of a convolution over time alone
    (windows, channels, frames) the mean over a window, (1, windows). Values pass ReLU, as they do
    in the encoders of `NAMED` before anything reads them. A layer that runs several times shows
    the last. ParameterError for a module that is not there or gives no maps.
    """
    modules = dict(network.named_modules())
    chosen = _convolutions(modules) if layers is None else dict(layers)
    for path in chosen.values():
        if path not in modules:
            raise ParameterError(
                f"activation maps: {type(network).__name__} has no module '{path}'; name one of "
                f"{', '.join(name for name in modules if name)}."
            )
    found: dict[str, Tensor] = {}
    hooks = [
        modules[path].register_forward_hook(
            lambda module, inputs, output, name=name: found.__setitem__(name, output)
        )
        for name, path in chosen.items()
    ]
    try:
        with torch.no_grad():
            if call is None:
                network(features[None], torch.tensor([len(features)], device=features.device))
            else:
                call(features[None])
    finally:
        for hook in hooks:
            hook.remove()
    return {name: _mean_map(name, found.get(name)) for name in chosen}


def occlusion(
    similarity: Similarity, features: Tensor, regions: tuple[int, int] = (8, 12)
) -> np.ndarray:
    """How far the similarity falls when a region is hidden: (rows, columns) float64.

    similarity: a network's; features: (frames, bins) of the clip; what it is compared with is
    fixed inside `similarity`. regions: rows over the bins, columns over the frames, as equal as
    they come; fewer where the picture has fewer. A hidden region holds its bins' means over the
    whole clip (`band_means`). Above 0: the region speaks for the likeness; below: against it.
    By captum's FeatureAblation, one region at a time.
    """
    attribution = _captum().FeatureAblation(similarity)
    rows, columns = (min(*pair) for pair in zip(regions, reversed(features.shape), strict=True))
    row = _parts(features.shape[1], rows)
    column = _parts(features.shape[0], columns)
    with torch.no_grad():
        fall = attribution.attribute(
            features[None],
            baselines=band_means(features)[None],
            feature_mask=(column[:, None] * rows + row).to(features.device)[None],
            perturbations_per_eval=_at_once(features),
        )[0]
    # Every point of a region carries the region's fall: one of each is enough.
    first = [int((column == number).nonzero()[0]) for number in range(columns)]
    lowest = [int((row == number).nonzero()[0]) for number in range(rows)]
    return fall[first][:, lowest].T.double().cpu().numpy()


def integrated_gradients(
    similarity: Similarity, features: Tensor, *, steps: int = 64
) -> tuple[np.ndarray, float]:
    """What each point adds to the similarity, and what is missing from their sum.

    Integrated gradients (Sundararajan et al. 2017, equation 1) on the straight way from
    `band_means` to the picture, with `steps` points of Gauss-Legendre's rule, by captum.
    similarity, features: as in `occlusion`. Returns (bins, frames) float64 and the gap: the sum of
    all points less s(picture) - s(band means). The exact integral has the gap 0 (completeness),
    more steps bring it there.
    """
    path = _captum().IntegratedGradients(similarity)
    start = band_means(features)[None]
    points = path.attribute(
        features[None],
        baselines=start,
        n_steps=steps,
        internal_batch_size=_at_once(features),
    )[0]
    values = points.detach().double().cpu().numpy().T
    with torch.no_grad():
        whole = float(similarity(features[None])) - float(similarity(start))
    return values, float(values.sum()) - whole


def band_means(features: Tensor) -> Tensor:
    """Each bin's mean over all frames, in place of every value: (frames, bins) -> the same.

    >>> band_means(torch.tensor([[1.0, 5.0], [3.0, 5.0]])).tolist()
    [[2.0, 5.0], [2.0, 5.0]]
    """
    return features.mean(dim=0, keepdim=True).expand_as(features).contiguous()


def shrunk(picture: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """A map as means of `shape` cells (rows, columns), whatever size it has: float64.

    Cells overlap where they do not divide the map evenly, and repeat where it has fewer points
    (torch's adaptive average pooling).

    >>> shrunk(np.array([[1.0, 3.0, 5.0, 7.0]]), (1, 2)).tolist()
    [[2.0, 6.0]]
    """
    values = torch.from_numpy(np.array(picture, np.float64))
    return nn.functional.adaptive_avg_pool2d(values[None], shape)[0].numpy()


def _mean_map(name: str, output: Any) -> np.ndarray:
    if not isinstance(output, Tensor) or output.ndim not in (3, 4):
        raise ParameterError(
            f"activation maps: '{name}' gives no maps of channels; name a convolution."
        )
    mean = output.detach().double().relu().mean(dim=1)  # over channels
    if output.ndim == 3:  # (windows, frames of a window)
        return mean.mean(dim=1)[None].cpu().numpy()
    return mean[0].T.cpu().numpy()  # (frames, bins) -> (bins, frames)


def _convolutions(modules: Mapping[str, nn.Module]) -> dict[str, str]:
    return {
        name: name
        for name, module in modules.items()
        if isinstance(module, nn.Conv1d | nn.Conv2d) and max(module.kernel_size) > 1
    }


def _parts(n: int, count: int) -> Tensor:
    """Which of `count` parts each of n places belongs to, (n,) int64; sizes differ by one at most.

    >>> _parts(5, 2).tolist()
    [0, 0, 0, 1, 1]
    """
    return torch.arange(n) * count // n


def _at_once(features: Tensor) -> int:
    """Copies of a picture that pass the network together."""
    return max(1, _FRAMES_AT_ONCE // len(features))


def _captum() -> ModuleType:
    try:
        from captum import attr
    except ImportError:
        raise ParameterError(
            "captum is not installed, which finds what drives a similarity; run: "
            "pip install 'emometric[explain]'"
        ) from None
    return attr

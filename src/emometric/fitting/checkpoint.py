"""A trained network on disk: safetensors beside a JSON description; nothing is unpickled."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
from torch import nn

from emometric.base import atomic, parts
from emometric.base.errors import StoreError


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What a network is made of: names of parts with their settings, emotions, input width."""

    encoder: str
    encoder_params: Mapping[str, Any]
    loss: str
    loss_params: Mapping[str, Any]
    emotions: Sequence[str]
    n_bins: int


class Network(nn.Module):
    """An encoder and its loss, new, with weights from torch's generator."""

    def __init__(self, recipe: Recipe):
        super().__init__()
        encoder_params = parts.make_params("encoders", recipe.encoder, recipe.encoder_params)
        loss_params = parts.make_params("losses", recipe.loss, recipe.loss_params)
        self.encoder = parts.load("encoders", recipe.encoder).Encoder(encoder_params, recipe.n_bins)
        self.loss = parts.load("losses", recipe.loss).Loss(
            loss_params, encoder_params.dim, tuple(recipe.emotions)
        )


def save(path: str | Path, network: Network, recipe: Recipe, about: Mapping[str, Any]) -> None:
    """Write `<path>.safetensors` (encoder.*, loss.*), then `<path>.json`: recipe and `about`.

    Equal weights give equal bytes. Each file is replaced whole; the JSON comes last, so where it
    stands, the weights do.
    """
    weights, text = files(path)
    tensors = {name: value.cpu().contiguous() for name, value in network.state_dict().items()}
    with atomic.new_file(weights) as aside:
        safetensors.torch.save_file(tensors, aside)
    description = {"recipe": dataclasses.asdict(recipe), **about}
    with atomic.new_file(text) as aside:
        aside.write_text(json.dumps(description, indent=2) + "\n", encoding="utf-8")


def files(path: str | Path) -> tuple[Path, Path]:
    """The two files of a model: weights and description."""
    path = Path(path)
    return path.with_name(f"{path.name}.safetensors"), path.with_name(f"{path.name}.json")


def describe(path: str | Path) -> dict[str, Any]:
    """The description alone: `recipe` and what `save` was told about; StoreError if unreadable."""
    text = files(path)[1]
    try:
        return json.loads(text.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise StoreError(f"no model at {text}; run `dvc repro`.") from None
    except ValueError:
        raise StoreError(f"{text} is damaged; delete it and run `dvc repro`.") from None


def load(path: str | Path) -> tuple[Network, dict[str, Any]]:
    """The network that `save` wrote, on the CPU and in eval(), with its whole description.

    Raises StoreError where a file is missing or damaged, or weights and recipe do not fit.
    """
    weights, _ = files(path)
    description = describe(path)
    try:
        recipe = Recipe(**description["recipe"])
        tensors = safetensors.torch.load_file(weights)
        network = Network(recipe)
        network.load_state_dict(tensors)
    except FileNotFoundError as error:
        raise StoreError(f"no model at {error.filename or weights}; run `dvc repro`.") from None
    except (ValueError, KeyError, TypeError, RuntimeError, safetensors.SafetensorError):
        raise StoreError(f"the model {path} is damaged; delete it and run `dvc repro`.") from None
    return network.eval(), description

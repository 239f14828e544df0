"""Where a long training stands after each epoch, in one file, so that a kill costs one at most."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from math import nan
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from emometric.base import atomic


class State:
    """Network, optimiser, curve and best weights of a training that is under way.

    path: of the file, replaced whole at each save; decided_by: all that decides on the weights, as
    JSON can hold it. A file of something else, or a damaged one, is not taken up.
    """

    def __init__(self, path: str | Path, decided_by: Mapping[str, Any]):
        self.path = Path(path)
        text = json.dumps(decided_by, sort_keys=True)
        self.digest = hashlib.blake2b(text.encode(), digest_size=16).hexdigest()

    def load(
        self, network: nn.Module, optimiser: torch.optim.Optimizer
    ) -> tuple[list[dict[str, Any]], dict[str, Tensor]]:
        """Put both where they stood; the rows of the curve so far, and the best weights.

        Both are empty where nothing was kept, and network and optimiser are left alone.
        """
        try:
            with safetensors.safe_open(self.path, "pt") as file:
                about = file.metadata() or {}
                names = file.keys() if about.get("digest") == self.digest else []
                tensors = {name: file.get_tensor(name) for name in names}
        except (OSError, safetensors.SafetensorError):
            return [], {}
        if not tensors:
            return [], {}
        device = next(network.parameters()).device
        parted: dict[str, dict[str, Tensor]] = {"now": {}, "best": {}, "adam": {}}
        for name, tensor in tensors.items():
            kind, _, rest = name.partition("/")
            parted[kind][rest] = tensor.to(device)
        network.load_state_dict(parted["now"])
        weights = [weight for group in optimiser.param_groups for weight in group["params"]]
        states: dict[int, dict[str, Tensor]] = {}
        for name, tensor in parted["adam"].items():
            number, _, key = name.partition("/")
            if (
                tensor.ndim
            ):  # in the weight's own layout, channels last, which a fused step relies on
                tensor = torch.empty_like(weights[int(number)]).copy_(tensor)
            states.setdefault(int(number), {})[key] = tensor
        groups = optimiser.state_dict()["param_groups"]
        optimiser.load_state_dict({"state": states, "param_groups": groups})
        rows = [_with_nan(row) for row in json.loads(about["curve"])]
        return rows, parted["best"]

    def save(
        self,
        network: nn.Module,
        optimiser: torch.optim.Optimizer,
        curve: Sequence[Mapping[str, Any]],
        best: Mapping[str, Tensor],
    ) -> None:
        """Replace the file; curve: a row an epoch, of numbers."""
        tensors = {f"now/{name}": value for name, value in network.state_dict().items()}
        tensors |= {f"best/{name}": value for name, value in best.items()}
        for number, state in optimiser.state_dict()["state"].items():
            tensors |= {f"adam/{number}/{key}": value for key, value in state.items()}
        tensors = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
        rows = [
            {key: None if value != value else value for key, value in row.items()} for row in curve
        ]
        with atomic.new_file(self.path) as aside:
            about = {"digest": self.digest, "curve": json.dumps(rows)}
            safetensors.torch.save_file(tensors, aside, metadata=about)

    def remove(self) -> None:
        """When all that it was kept for is written."""
        self.path.unlink(missing_ok=True)


def _with_nan(row: dict[str, Any]) -> dict[str, Any]:
    """JSON has no NaN: it is kept as null."""
    return {key: nan if value is None else value for key, value in row.items()}

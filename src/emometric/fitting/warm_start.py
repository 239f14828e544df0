"""Start an encoder from the weights of another: what fits is copied, the rest stays new."""

from pathlib import Path

import torch
from torch import nn

from emometric.fitting import checkpoint

NAME = "network"  # of the two files in the folder
_CENTRES = "vlad.centres"  # of the K clusters
_ASSIGN = "vlad.assign."  # its rows are clusters: the K that count, then the G ghosts
_BEHIND = ("vlad.", "project")  # what another K changes


def start(encoder: nn.Module, folder: str | Path) -> tuple[str, ...]:
    """Copy into `encoder` what the network in `folder` has learned; the names left new, sorted.

    folder: of `network.safetensors` and `network.json`, as stage pretrain writes it. A tensor is
    copied where name and shape are equal. Ghost clusters may be more or fewer: the rows of the K
    clusters are copied, a ghost that the old network lacks stays as it was drawn. With another K
    the aggregation and what lies behind it stay new. Raises StoreError where the network is
    missing or damaged.
    """
    network, _ = checkpoint.load(Path(folder) / NAME)
    old, new = network.encoder.state_dict(), encoder.state_dict()
    n_clusters = len(new[_CENTRES])
    fits = len(old[_CENTRES]) == n_clusters
    left = []
    with torch.no_grad():
        for name, tensor in new.items():  # shares its memory with the encoder
            known = old.get(name)
            if name.startswith(_BEHIND) and not fits:
                left.append(name)
            elif known is not None and known.shape == tensor.shape:
                tensor.copy_(known)
            elif name.startswith(_ASSIGN) and fits:
                tensor[:n_clusters].copy_(known[:n_clusters])
            else:
                left.append(name)
    return tuple(sorted(left))

"""The work behind `emometric explain`: hear both clips, choose the network, compare, explain."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from emometric.base import console, parts
from emometric.base.errors import AudioError, StoreError
from emometric.cli.explain_output import Found
from emometric.explain import explaining, likeness, run_clips, run_model
from emometric.fitting import checkpoint, seeding
from emometric.sound import vad

LONGEST_S = 60.0


@dataclass(frozen=True, kw_only=True)
class Question:
    """names: of both clips, paths or ids. fold: None where it is to be chosen."""

    names: tuple[str, str]
    data: Path
    origin: str
    fold: int | None
    kind: str


def find(asked: Question, values: dict[str, Any]) -> Found:
    """Hear both clips, choose the fold, compare and explain; values: of params.yaml."""
    data, origin = asked.data, asked.origin
    run_model.find(data, origin, asked.fold, ())  # says what is missing before anything is decoded
    speech = vad.Params(**values["vad"])
    heard = [run_clips.hear(name, data / origin, speech) for name in asked.names]
    for one in heard:
        if one.seconds > LONGEST_S:
            raise AudioError(
                f"{one.name}: lasts {one.seconds:.0f} s, and explain takes at most "
                f"{LONGEST_S:.0f} s; cut a piece out of it."
            )
    model = run_model.find(data, origin, asked.fold, [one.id for one in heard])
    network, about = checkpoint.load(model.path)
    pictures = tuple(run_clips.picture(one, *model.feature) for one in heard)
    n_bins = pictures[0].values.shape[1]
    if n_bins != about["recipe"]["n_bins"]:
        raise StoreError(
            f"{model.path}: was trained on {about['recipe']['n_bins']} bins, and the feature has "
            f"{n_bins} now; run `dvc repro`."
        )
    params = likeness.Params(
        kind=asked.kind, layers=explaining.NAMED.get(about["recipe"]["encoder"])
    )
    with (
        seeding.reproducible((0,), torch.device("cpu")),
        console.progress(total=6, what="explain", unit="maps") as bar,
    ):
        shown = (pictures[0].values, pictures[1].values)
        compared = likeness.explain(network, shown, params, tick=bar.update)
    name = values["decision"]
    settled = parts.make_params("decisions", name, values["decisions"][name])
    embeddings = np.stack([side.embedding for side in compared.sides])
    if heard[0].name == heard[1].name:  # the table would mix them up
        longer = asked.names if len(set(asked.names)) == 2 else (heard[0].name, "the same again")
        heard = [replace(one, name=name) for one, name in zip(heard, longer, strict=True)]
    return Found(
        model=model,
        origin=origin,
        kind=asked.kind,
        decision=name,
        heard=(heard[0], heard[1]),
        pictures=(pictures[0], pictures[1]),
        likeness=compared,
        scores=run_model.decide(model, name, settled, embeddings),
    )

"""The map of embeddings to explore: its clips as the page's script reads them, and colours."""

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.spatial import KDTree

from emometric.report.palette import DARK, EMOTION_COLOURS, LIGHT, shade
from emometric.report.record import Record
from emometric.report.section import Map

COLOURINGS = ("emotion", "speaker", "activation", "correctness")
N_NEIGHBOURS = 5
N_BINS = 5  # of the activation
UNKNOWN = "not known"
# Recognised or not: blue and orange, told apart under every kind of sight.
CORRECTNESS = {
    "recognised": (LIGHT.accent, DARK.accent),
    "misrecognised": ("#d9480f", "#ff8c42"),
    "not tested": (LIGHT.line, DARK.line),
}
# No more than six can be told apart; they repeat, and a press on a name shows its clips alone.
_SPEAKER_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b8860b", "#56b4e9")


def of_run(record: Record) -> Map:
    """The map of the working run."""
    return Map(
        title=f"The working run: {' · '.join(record.heading.parts()[:3])}", clips=record.tsne
    )


def payload(maps: Sequence[Map]) -> list[dict[str, Any]]:
    """What the page's script draws, one item a map, with nothing in it but JSON's own types.

    columns: lists of one length: clip, speaker, emotion, predicted (empty: nobody asked), role, x,
    y, activation (a number or None), and the labels by which each colouring sorts the clips.
    near: for each clip the places of its nearest clips. near_in: where these are near.
    keys: colouring -> [label, colour on light, colour on dark, clips], in the order of the legend;
    a colouring that tells nothing here (no clip has an activation) is left out.
    """
    return [_one(made) for made in maps]


def _one(made: Map) -> dict[str, Any]:
    clips = made.clips.reset_index(drop=True)
    predicted = clips["predicted"].fillna("").astype(str)
    activation = _numbers(clips, "activation")
    labels = {
        "emotion": clips["emotion"].fillna(UNKNOWN).astype(str),
        "speaker": clips["speaker"].astype(str),
        "activation": _binned(activation),
        "correctness": _correctness(clips["emotion"], predicted),
    }
    keys = {
        "emotion": _key(labels["emotion"], {e: (c, c) for e, c in EMOTION_COLOURS.items()}),
        "speaker": _key(labels["speaker"], _speaker_colours(labels["speaker"])),
        "correctness": _key(labels["correctness"], CORRECTNESS),
    }
    if activation.notna().any():
        keys["activation"] = _key(labels["activation"], _bin_colours(labels["activation"]))
    near = _named_neighbours(clips) if "neighbours" in clips else _nearest_on_map(clips)
    return {
        "title": made.title,
        "columns": {
            "clip": clips["clip"].astype(str).tolist(),
            "predicted": predicted.tolist(),
            "role": clips["role"].astype(str).tolist(),
            "x": clips["x"].astype(float).tolist(),
            "y": clips["y"].astype(float).tolist(),
            "activation_value": [None if pd.isna(value) else value for value in activation],
            **{name: values.tolist() for name, values in labels.items()},
        },
        "near": near,
        "near_in": "the space of the embeddings" if "neighbours" in clips else "this map",
        "keys": {name: keys[name] for name in COLOURINGS if name in keys},
    }


def _numbers(clips: pd.DataFrame, name: str) -> pd.Series:
    if name not in clips:
        return pd.Series(np.nan, index=clips.index)
    return pd.to_numeric(clips[name], errors="coerce")


def _correctness(truth: pd.Series, predicted: pd.Series) -> pd.Series:
    names = list(CORRECTNESS)
    states = [predicted == "", predicted == truth]
    return pd.Series(np.select(states, [names[2], names[0]], names[1]), index=truth.index)


def _binned(values: pd.Series) -> pd.Series:
    """A label for each value: one of `N_BINS` equal ranges between the ends."""
    known = values.dropna()
    if known.empty:
        return pd.Series(UNKNOWN, index=values.index)
    edges = np.linspace(known.min(), known.max(), N_BINS + 1)
    names = [f"{low:.2f} to {high:.2f}" for low, high in itertools.pairwise(edges)]
    place = np.clip(np.searchsorted(edges, values.to_numpy(), side="right") - 1, 0, N_BINS - 1)
    labels = [UNKNOWN if pd.isna(v) else names[p] for v, p in zip(values, place, strict=True)]
    return pd.Series(labels, index=values.index)


def _bin_colours(labels: pd.Series) -> dict[str, tuple[str, str]]:
    names = sorted(set(labels) - {UNKNOWN}, key=lambda name: float(name.split(" to ")[0]))
    shares = np.linspace(0.3, 1.0, max(len(names), 2))  # the palest would not be seen
    return {
        name: (shade(share, LIGHT), shade(share, DARK))
        for name, share in zip(names, shares, strict=False)
    }


def _speaker_colours(labels: pd.Series) -> dict[str, tuple[str, str]]:
    names = sorted(set(labels))
    cycle = [_SPEAKER_COLOURS[place % len(_SPEAKER_COLOURS)] for place in range(len(names))]
    return {name: (colour, colour) for name, colour in zip(names, cycle, strict=True)}


def _key(labels: pd.Series, colours: dict[str, tuple[str, str]]) -> list[list[Any]]:
    counts = labels.value_counts()
    known = [[name, *pair, int(counts[name])] for name, pair in colours.items() if name in counts]
    others = sorted(set(labels) - set(colours))
    return known + [[name, LIGHT.line, DARK.line, int(counts[name])] for name in others]


def _named_neighbours(clips: pd.DataFrame) -> list[list[int]]:
    place = {clip: row for row, clip in enumerate(clips["clip"])}
    lists = clips["neighbours"].fillna("").astype(str).str.split()
    return [[place[clip] for clip in named if clip in place] for named in lists]


def _nearest_on_map(clips: pd.DataFrame) -> list[list[int]]:
    """The nearest clips in the plane, nearest first; of equally far ones the earlier."""
    points = clips[["x", "y"]].to_numpy(dtype=float)
    count = min(N_NEIGHBOURS, len(points) - 1)
    if count < 1:
        return [[] for _ in points]
    far, rows = KDTree(points).query(points, k=count + 1)
    near = []
    for own, (distances, others) in enumerate(zip(far, rows, strict=True)):
        found = sorted((d, int(o)) for d, o in zip(distances, others, strict=True) if o != own)
        near.append([other for _, other in found[:count]])
    return near

"""What `emometric explain` shows: the figure's columns and rows, the numbers, the sentences."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from emometric.explain import likeness
from emometric.explain.likeness import Likeness
from emometric.explain.run_clips import Heard, Picture
from emometric.explain.run_model import Model
from emometric.extraction import spectra
from emometric.report import explain_figure
from emometric.report.explain_figure import Column, Frame, Row
from emometric.report.palette import Theme
from emometric.report.style import CorpusHeading
from emometric.sound import audio

N_NEAREST = 3  # emotions that are named
GRADIENT_CELLS = (32, 64)  # single points are too many, and too restless, to look at
INPUT, OCCLUSION, GRADIENTS = "input", "occlusion", "integrated gradients"
_UNITS = {"spectrogram": "deviations", "log_mel": "dB"}


@dataclass(frozen=True, kw_only=True)
class Found:
    """All that was found out about two clips by one network; scores: (2, emotions)."""

    model: Model
    origin: str
    kind: str
    decision: str
    heard: tuple[Heard, Heard]
    pictures: tuple[Picture, Picture]
    likeness: Likeness
    scores: np.ndarray


def columns(found: Found) -> list[Column]:
    """A column for each clip: what the network is given, and every map of it."""
    made = []
    for number, (picture, side) in enumerate(
        zip(found.pictures, found.likeness.sides, strict=True)
    ):
        n_frames, n_bins = picture.values.shape
        cells = tuple(min(*pair) for pair in zip((n_bins, n_frames), GRADIENT_CELLS, strict=True))
        made.append(
            Column(
                name=found.heard[number].name,
                mark=" (trained on it)" if _learned(found, number) else "",
                line=_line(found, number),
                frame=_frame(found.model, picture),
                n_bins=n_bins,
                maps={
                    INPUT: picture.values.T,
                    **side.maps,
                    OCCLUSION: side.occlusion,
                    GRADIENTS: explain_figure.summed(side.gradients, cells),
                },
            )
        )
    return made


def rows(found: Found) -> list[Row]:
    """The rows of the figure, from what the network is given to what drives the similarity."""
    feature, _ = found.model.feature
    unit = likeness.UNITS[found.kind]
    return [
        Row(key=INPUT, title=f"given: {feature}", unit=_UNITS.get(feature, ""), robust=True),
        *(
            Row(key=name, title=f"{name}: mean |activation|")
            for name in found.likeness.sides[0].maps
        ),
        Row(
            key=OCCLUSION,
            title=f"fall of the {unit} where a region is hidden",
            signed=True,
        ),
        Row(
            key=GRADIENTS,
            title=f"integrated gradients: what each place adds to the {unit}",
            signed=True,
            robust=True,
        ),
    ]


def figure(found: Found, columns: Sequence[Column], rows: Sequence[Row], theme: Theme) -> Figure:
    """The figure under its heading, with a note on colours and time."""
    recipe, (feature, _) = found.model.about["recipe"], found.model.feature
    compared = f"{likeness.UNITS[found.kind]} {found.likeness.similarity:.3f}"
    run = f"{found.model.about['corpus']}, {feature}, {recipe['encoder']}, {recipe['loss']}"
    taught = ", which learned from stand-ins" if found.origin == "synthetic" else ""
    joined = any(column.frame.joins for column in columns)
    cut = "Pauses are cut out (orange lines). " if joined else ""
    return explain_figure.draw(
        columns,
        rows,
        title="What makes two clips alike to the network",
        heading=CorpusHeading(
            facts=(compared, run, f"network of fold {found.model.number}{taught}"),
            origin=found.origin,
        ),
        theme=theme,
        note=f"{cut}Blue speaks for the likeness, orange against it; "
        "a row's colours mean the same in both columns.",
    )


def facts(found: Found) -> dict[str, Any]:
    """The numbers, for JSON and for the sentences."""
    feature, _ = found.model.feature
    recipe = found.model.about["recipe"]
    clips = []
    for number, side in enumerate(found.likeness.sides):
        heard = found.heard[number]
        clips.append(
            {
                "name": heard.name,
                "id": heard.id,
                "role": found.model.role(heard.id),
                "seconds": round(heard.seconds, 3),
                "frames": len(found.pictures[number].values),
                "nearest": [
                    {"emotion": emotion, "score": _short(score)}
                    for emotion, score in _nearest(found, number)
                ],
                "occlusion": [[_short(value) for value in line] for line in side.occlusion],
                "strongest": _strongest(found, number),
                "gradients": {"sum": _short(side.gradients.sum()), "gap": _short(side.gap)},
            }
        )
    return {
        "origin": found.origin,
        "fold": found.model.number,
        "corpus": found.model.about["corpus"],
        "feature": feature,
        "encoder": recipe["encoder"],
        "loss": recipe["loss"],
        "decision": found.decision,
        "similarity": _short(found.likeness.similarity),
        "kind": found.kind,
        "clips": clips,
    }


def text(facts: dict[str, Any]) -> str:
    """The numbers as lines to read."""
    lines = [
        f"{likeness.UNITS[facts['kind']]} {facts['similarity']:.4f}: {facts['corpus']}, "
        f"{facts['feature']}, {facts['encoder']}, {facts['loss']}, network of fold {facts['fold']}"
    ]
    for clip in facts["clips"]:
        near = ", ".join(f"{one['emotion']} {one['score']:.3g}" for one in clip["nearest"])
        lines.append(f"{clip['name']}: nearest {near} ({facts['decision']})")
        place = clip["strongest"]
        band = "" if place["hz"] is None else f", {place['hz'][0]:.0f} to {place['hz'][1]:.0f} Hz"
        lines.append(
            f"  {place['seconds'][0]:.2f} to {place['seconds'][1]:.2f} s{band}, hidden, takes "
            f"{place['fall']:.3g} away"
        )
        if clip["role"] in ("train", "valid"):
            lines.append("  note: this network learned from that clip; choose another --fold")
    if facts["origin"] == "synthetic":
        lines.append("note: this network learned from stand-in speech, not from people")
    lines.append(f"see {', '.join(facts['files'])}")
    return "\n".join(lines)


def _learned(found: Found, number: int) -> bool:
    return found.model.role(found.heard[number].id) in ("train", "valid")


def _line(found: Found, number: int) -> str:
    return f"nearest: {', '.join(emotion for emotion, _ in _nearest(found, number))}"


def _nearest(found: Found, number: int) -> list[tuple[str, float]]:
    scores = found.scores[number]
    order = [place for place in np.argsort(-scores, kind="stable") if np.isfinite(scores[place])]
    return [(found.model.emotions[place], float(scores[place])) for place in order[:N_NEAREST]]


def _frame(model: Model, picture: Picture) -> Frame:
    feature, settings = model.feature
    hop_s = settings["hop_s"]
    filters = None
    if feature == "log_mel":
        filters = spectra.mel_filters(audio.RATE_HZ, settings["n_fft"], settings["n_mels"])
    steps = np.diff(picture.recorded_s)
    cuts = np.flatnonzero(steps > 1.5 * hop_s)
    return Frame(
        seconds=picture.seconds,
        hop_s=hop_s,
        hz=explain_figure.hz_of(feature, picture.values.shape[1], filters, audio.RATE_HZ),
        joins=tuple(float(picture.seconds[:-1][cut] + hop_s / 2) for cut in cuts),
    )


def _strongest(found: Found, number: int) -> dict[str, Any]:
    """The region whose hiding takes most of the similarity, on the clock of the recording."""
    picture, side = found.pictures[number], found.likeness.sides[number]
    frame = _frame(found.model, picture)
    row, column = np.unravel_index(side.occlusion.argmax(), side.occlusion.shape)
    frames = _span(len(picture.values), side.occlusion.shape[1], int(column))
    bins = _span(picture.values.shape[1], side.occlusion.shape[0], int(row))
    half = frame.hop_s / 2
    return {
        "seconds": [
            round(max(0.0, float(picture.recorded_s[frames[0]]) - half), 3),
            round(float(picture.recorded_s[frames[1]]) + half, 3),
        ],
        "hz": None if frame.hz is None else [round(float(frame.hz[one]), 1) for one in bins],
        "fall": _short(side.occlusion[row, column]),
    }


def _span(n: int, count: int, part: int) -> tuple[int, int]:
    """First and last of n places in one of `count` parts, as `explaining.occlusion` cuts them."""
    return -(-part * n // count), -(-(part + 1) * n // count) - 1


def _short(value: float) -> float:
    return float(f"{value:.6g}")

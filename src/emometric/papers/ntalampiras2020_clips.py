"""ntalampiras2020's figures 2, 3 and 5: what the network hears of single clips, and its maps."""

from functools import partial

import numpy as np
import pandas as pd

from emometric import emotions as vocabulary
from emometric.papers import finished
from emometric.papers.ntalampiras2020_tables import PUBLISHED
from emometric.papers.shown import Plate, Shown, heading
from emometric.report import clip_pictures
from emometric.report.style import CorpusHeading
from emometric.studies import clip_maps

LAYER = "map "
OCCLUSION = "occlusion"
AXES = {  # of figures 2 and 3: columns, rows
    "input": ("time: the whole clip", "Mel frequency"),
    "modulation": ("modulation frequency", "acoustic frequency"),
}
NOTE_5 = (
    "Rows of a panel: frequency, lowest first. Layers: mean |activation| over the channels. "
    "Occlusion: how far the logit of the similarity to the most similar training clip of the same "
    "emotion falls when the region is masked."
)


def of_clips(study: finished.Study, origin: str) -> Shown:
    """Figures 2, 3 and 5, and a line for each that the study kept nothing for."""
    found = study.rows("maps", variant=PUBLISHED)
    shown = Shown()
    for kind, item, words in (
        ("input", "2", "log-Mel spectrogram of a clip of each emotion"),
        ("modulation", "3", "modulation spectrogram of a clip of each emotion"),
    ):
        own = found[found["kind"] == kind]
        if own.empty:
            shown.missing.append(f"Figure {item}: the study kept no {words}")
            continue
        plate = Plate(
            item=f"figure_{item}",
            title=f"Figure {item}: {words}",
            heading=heading_of(study, origin, "fold 0"),
            alt=f"The {words}, side by side.",
            data=_pixels(own),
        )
        shown.pictures.append(plate.drawn(clip_pictures.inputs, _by_emotion(own), AXES[kind]))
    rows = _layers(found)
    if not rows:
        shown.missing.append("Figure 5: the study kept no activation maps")
        return shown
    kinds = found["kind"].str.startswith(LAYER) | found["kind"].str.contains(OCCLUSION)
    plate = Plate(
        item="figure_5",
        title="Figure 5: activation maps of each layer, by emotion",
        heading=heading_of(study, origin, "the clips of figure 2"),
        alt="Mean activation of each convolutional layer for a clip of each emotion, and how far a "
        "similarity falls when a region is masked.",
        data=_pixels(found[kinds]),
    )
    masked = [words for words in rows if "occlusion" in words]
    shown.pictures.append(plate.drawn(partial(clip_pictures.maps, note=NOTE_5), rows, masked))
    return shown


def heading_of(study: finished.Study, origin: str, fact: str) -> CorpusHeading:
    """What stands over a figure: corpus, emotions, one fact more, and the scale."""
    n_emotions = f"{len(study.about['emotions'])} emotions"
    return heading(study, origin, study.target, n_emotions, fact)


def _layers(found: pd.DataFrame) -> dict[str, dict[str, np.ndarray]]:
    """Words for each kind of map -> a picture an emotion: layers first, then what is masked."""
    kinds = sorted(kind for kind in set(found["kind"]) if kind.startswith(LAYER))
    kinds += sorted(kind for kind in set(found["kind"]) if OCCLUSION in kind)
    return {_map_words(kind): _by_emotion(found[found["kind"] == kind]) for kind in kinds}


def _map_words(kind: str) -> str:
    """A kind of map as the figure names it.

    >>> _map_words("map layer2")
    'layer 2'
    """
    return kind.removeprefix(LAYER).replace("_", " ").replace("layer", "layer ")


def _by_emotion(own: pd.DataFrame) -> dict[str, np.ndarray]:
    """The first picture of each emotion, in the vocabulary's order."""
    first = own.drop_duplicates("emotion").set_index("emotion")
    return {
        emotion: clip_maps.picture(first.loc[emotion])
        for emotion in vocabulary.present(first.index)
    }


def _pixels(own: pd.DataFrame) -> pd.DataFrame:
    """The numbers of pictures: kind, emotion, clip, row (lowest frequency: 0), then a column each.

    Of three digits, for git keeps them.
    """
    tables = []
    for row in own.to_dict("records"):
        picture = clip_maps.picture(row)
        cells = pd.DataFrame(picture).map(lambda value: float(f"{value:.3g}"))
        heads = {name: row[name] for name in ("kind", "emotion", "clip")}
        cells.insert(0, "row", range(len(cells)))
        for name in reversed(heads):
            cells.insert(0, name, heads[name])
        tables.append(cells)
    return pd.concat(tables, ignore_index=True)

"""A recording, or a clip of a corpus, as the network of a run hears it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from emometric.base import parts
from emometric.base.errors import AudioError
from emometric.sound import audio, vad
from emometric.storage import store


@dataclass(frozen=True, kw_only=True)
class Heard:
    """Samples of a clip, and where somebody speaks in it.

    name: what to call it. id: its id in the run's corpus, None where it is none of its clips (a
    file is one where its samples are the same). pcm: (samples,) int16 at 16 kHz; voiced: intervals
    in samples.
    """

    name: str
    id: str | None
    pcm: np.ndarray
    voiced: tuple[vad.Interval, ...]

    @property
    def seconds(self) -> float:
        return len(self.pcm) / audio.RATE_HZ


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A clip's feature: `values` (frames, bins) float32, and the middle of each frame.

    seconds: (frames,) on the clock of what the feature hears, silence being cut as it asks;
    recorded_s: (frames,) of the recording itself.
    """

    values: np.ndarray
    seconds: np.ndarray
    recorded_s: np.ndarray


def hear(name: str, data: Path, vad_params: vad.Params) -> Heard:
    """The recording at the path `name`, or else the clip of that id below `data`/corpora.

    A recording is decoded as acquisition does it, all channels' mean at 16 kHz. AudioError for
    what is neither, or cannot be read.
    """
    path = Path(name)
    if path.exists():
        pcm = audio.to_pcm16(audio.read_waveform(path))
        found = vad.voiced(audio.from_pcm16(pcm), audio.RATE_HZ, vad_params)
        content = audio.content_hash(pcm)
        return Heard(name=path.name, id=_known(content, data), pcm=pcm, voiced=tuple(found))
    manifest = data / "manifests" / f"{name.partition('/')[0]}.parquet"
    rows = store.read_table(manifest).to_pandas() if manifest.is_file() else None
    if rows is None or not (rows["id"] == name).any():
        raise AudioError(
            f"{name}: there is no such file, and no clip of that name in {data / 'manifests'}; "
            "give the path of a recording, or an id such as emodb/03a01Fa."
        )
    row = rows.set_index("id").loc[name]
    clips = store.Ragged(data / "corpora" / row["corpus"] / "audio")
    voiced = tuple((int(start), int(end)) for start, end in row["voiced"])
    return Heard(name=name, id=name, pcm=clips.read(name), voiced=voiced)


def picture(heard: Heard, feature: str, settings: Mapping[str, Any]) -> Picture:
    """What the feature makes of a clip, with the rounding of its store.

    settings: of the feature, as the run's model names them. Frame k is of the samples that begin
    at k hops, silence being cut; its time is the middle of its window.
    """
    part = parts.load("features", feature)
    params = parts.make_params("features", feature, settings)
    place = vad.apply_silence(np.arange(len(heard.pcm)), heard.voiced, params.silence)
    spoken = heard.pcm[place]
    values = part.extract(audio.from_pcm16(spoken), audio.RATE_HZ, params)
    values = values.astype(part.DTYPE).astype(np.float32)
    window_s = getattr(params, "window_s", params.hop_s)
    middle_s = np.arange(len(values)) * params.hop_s + window_s / 2
    at = np.rint(middle_s * audio.RATE_HZ).astype(int).clip(0, len(place) - 1)
    return Picture(values=values, seconds=middle_s, recorded_s=place[at] / audio.RATE_HZ)


def _known(content: str, data: Path) -> str | None:
    """The clip with the same samples, of any corpus below `data`; the first by name."""
    for manifest in sorted((data / "manifests").glob("*.parquet")):
        for batch in store.read_batches(manifest, ("content", "id")):
            contents = batch["content"].to_pylist()
            if content in contents:
                return batch["id"][contents.index(content)].as_py()
    return None

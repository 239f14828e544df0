"""Several corpora as one, for protocols that go from one corpus to another.

Nothing is recorded here: the clips are those of the corpora that `pool` in params.yaml lists, as
they were acquired. What a corpus says of its clips stays as it is, whoever said it: activation
and valence are on one scale (1 to 5) as far as IEMOCAP and das2022 rated them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from emometric import emotions
from emometric.base.errors import CorpusError, ParameterError
from emometric.storage import store
from emometric.storage.clip import MANIFEST_SCHEMA

NAME = "pool of corpora"
LANGUAGE = "mul"  # BCP 47: several
URL = None
LICENCE = "that of each of its corpora"
LICENCE_URL = None
CITATION = None
CHANNEL = "mean"
ACCESS = "It is made of other corpora: list them under pool.corpora in params.yaml."
REMOTES = ()

EMOTIONS = {word: word for word in emotions.EMOTIONS}
N_CLIPS = None
N_SPEAKERS = None
CLIPS_BY_EMOTION: dict[str, int] = {}

_NAMES = ("sentence", "session")  # columns whose values are one corpus's own


@dataclass(frozen=True, kw_only=True)
class Params:
    """corpora: two or more, those without clips are passed over. emotions: "shared", those that
    every corpus with clips has: a network is never asked for what it cannot have learned,
    whichever corpus is tested; or "all" that any of them has.
    """

    corpora: tuple[str, ...]
    emotions: str = "shared"

    def __post_init__(self) -> None:
        names = self.corpora
        if not isinstance(names, list | tuple) or len(set(names)) < max(2, len(names)):
            raise ParameterError(
                "params.yaml: pool.corpora must list two or more corpora, each once, such as "
                "emodb and urdu."
            )
        if self.emotions not in ("shared", "all"):
            raise ParameterError(
                f"params.yaml: pool.emotions is '{self.emotions}'; write shared or all."
            )
        object.__setattr__(self, "corpora", tuple(sorted(names)))


def manifest(manifests: Mapping[str, pa.Table], params: Params) -> tuple[pa.Table, tuple[str, ...]]:
    """The clips of all corpora, sorted by id, and the emotions that they are labelled with.

    manifests: clip.MANIFEST_SCHEMA of each corpus in `params.corpora`, sorted by id. Ids and
    speakers name their corpus already; sentences, sessions and paths do so now, so that none is
    shared by accident. An emotion that not every corpus has becomes None (see Params). Raises
    CorpusError where fewer than two corpora have labelled clips, or fewer than two emotions remain.
    """
    labelled = {
        corpus: set(emotions.present(manifests[corpus]["emotion"].to_pylist()))
        for corpus in params.corpora
    }
    heard = [found for found in labelled.values() if found]
    if len(heard) < 2:
        here = ", ".join(corpus for corpus, found in labelled.items() if found) or "none"
        raise CorpusError(
            f"a pool needs two corpora with labelled clips; of {', '.join(labelled)} there are: "
            f"{here}; link more, or list others under pool.corpora in params.yaml."
        )
    kept = set.union(*heard) if params.emotions == "all" else set.intersection(*heard)
    if len(kept) < 2:
        raise CorpusError(
            f"{', '.join(corpus for corpus, found in labelled.items() if found)} share "
            f"{len(kept)} emotions; list other corpora under pool.corpora in params.yaml, or set "
            f"pool.emotions to all."
        )
    tables = [_named(manifests[corpus], corpus, kept) for corpus in params.corpora]
    return pa.concat_tables(tables).sort_by("id"), emotions.present(kept)


def waveforms(stores: Mapping[str, store.Ragged]) -> Iterator[tuple[str, np.ndarray]]:
    """(id, int16 samples) of all clips, corpus by corpus."""
    for corpus in sorted(stores):
        for clip in stores[corpus].ids:
            yield clip, stores[corpus].read(clip)


def _named(table: pa.Table, corpus: str, kept: set[str]) -> pa.Table:
    columns = {name: table[name].to_pylist() for name in (*_NAMES, "path", "emotion")}
    columns["emotion"] = [emotion if emotion in kept else None for emotion in columns["emotion"]]
    for name in (*_NAMES, "path"):
        columns[name] = [None if value is None else f"{corpus}/{value}" for value in columns[name]]
    for name, values in columns.items():
        place = MANIFEST_SCHEMA.get_field_index(name)
        table = table.set_column(place, MANIFEST_SCHEMA.field(name), pa.array(values, pa.string()))
    return table

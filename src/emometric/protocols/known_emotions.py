"""The network knows some emotions, the decision is shown all (ntalampiras2020, fig. 4b)."""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from emometric import ranges
from emometric.base.errors import SplitError
from emometric.division import speakers
from emometric.storage.clip import Fold

SHARES_SPEAKERS = False
SHARES_SENTENCES = True
ENROLS_TESTED = False

N_DRAWS = 1000  # of emotions and speakers, until every known emotion is heard from a known speaker


@dataclass(frozen=True, kw_only=True)
class Params:
    """`n_known` emotions from 1 and `n_speakers` to train on from 1, drawn anew in each of
    `repeats` rounds, from 1; `valid_share` of the clips to train on validates, in [0, 1)."""

    n_known: int
    n_speakers: int
    repeats: int
    valid_share: float

    def __post_init__(self) -> None:
        for name in ("n_known", "n_speakers", "repeats"):
            ranges.check_whole(f"protocols.known_emotions.{name}", getattr(self, name), 1)
        ranges.check_share("protocols.known_emotions.valid_share", self.valid_share)


def split(clips: pd.DataFrame, params: Params, seed: int) -> Iterator[Fold]:
    """Train on the known emotions of some speakers; test all emotions of the others.

    clips: rows with id, speaker and emotion; their order is irrelevant. `enrol` holds the training
    speakers' clips of the other emotions, so that train and enrol together are a support set of
    all emotions; a speaker who validates has no clips there. No speaker is on both sides. A round
    is one fold. Raises SplitError unless there are more emotions and more speakers than known ones,
    and where no draw finds a known speaker for each known emotion.

    ntalampiras2020 (section 4) says how many emotions are known, and that no speaker is in both
    sets; the number of speakers is open.
    """
    names, counts = speakers.count(clips)
    if len(names) <= params.n_speakers:
        raise SplitError(
            f"{len(names)} speaker{'s' * (len(names) > 1)} with {params.n_speakers} of them known "
            "leave nobody to test; set protocols.known_emotions.n_speakers lower, or use a corpus "
            "of more speakers."
        )
    if counts.shape[1] <= params.n_known:
        raise SplitError(
            f"{counts.shape[1]} emotions with {params.n_known} of them known leave none unknown; "
            "set protocols.known_emotions.n_known lower."
        )
    generator = np.random.default_rng(seed)
    for repeat in range(params.repeats):
        trained, known = _draw(counts, params, generator)
        emotions = np.array(sorted(clips["emotion"].unique()), dtype=object)[known]
        ours = clips["speaker"].isin(set(names[trained])).to_numpy()
        is_known = clips["emotion"].isin(set(emotions)).to_numpy()
        fold = speakers.fold(
            clips,
            ours & is_known,
            ~ours,
            valid_share=params.valid_share,
            generator=generator,
            repeat=repeat,
        )
        validates = set(clips.loc[clips["id"].isin(set(fold.valid)), "speaker"])
        support = ours & ~is_known & ~clips["speaker"].isin(validates).to_numpy()
        yield dataclasses.replace(fold, enrol=speakers.ids(clips, support))


def _draw(counts: np.ndarray, params: Params, generator: np.random.Generator):
    """Positions of the training speakers and of the known emotions, all of which they speak in."""
    for _ in range(N_DRAWS):
        speaker = generator.permutation(counts.shape[0])[: params.n_speakers]
        emotion = generator.permutation(counts.shape[1])[: params.n_known]
        if (counts[np.ix_(speaker, emotion)].sum(axis=0) > 0).all():
            return speaker, emotion
    raise SplitError(
        f"{params.n_speakers} speakers never had clips of {params.n_known} emotions in {N_DRAWS} "
        "draws; set protocols.known_emotions.n_speakers higher."
    )

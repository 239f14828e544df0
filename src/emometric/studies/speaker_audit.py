"""No speaker under test may have taught the network that a study starts from."""

import pandas as pd

from emometric.base.errors import SplitError


def check_apart(learned: pd.DataFrame, tested: pd.DataFrame) -> None:
    """Raise SplitError where a tested clip's speaker, or its very audio, is among the learned.

    learned: the clips that a network was trained or chosen with; tested: those that it is tried
    on, or that share speakers with these. Rows with corpus, id and speaker; where both have
    `content` (the manifest's digest of the samples), a copy under another name is found too. Near
    copies (other gain, other codec) are the business of `emometric.audit.auditing`.
    """
    known = set(zip(learned["corpus"], learned["speaker"], strict=True))
    for corpus, speaker, clip in zip(
        tested["corpus"], tested["speaker"], tested["id"], strict=True
    ):
        if (corpus, speaker) in known:
            raise SplitError(
                f"the network was trained on {speaker}, who also speaks the tested clip '{clip}'; "
                f"take {corpus} out of the corpora under pretraining in params.yaml."
            )
    if "content" not in learned or "content" not in tested:
        return
    heard = dict(zip(learned["content"], learned["id"], strict=True))
    for content, clip in zip(tested["content"], tested["id"], strict=True):
        if content in heard:
            raise SplitError(
                f"the network was trained on '{heard[content]}', whose audio is that of the tested "
                f"clip '{clip}'; take its corpus out of those under pretraining in params.yaml."
            )

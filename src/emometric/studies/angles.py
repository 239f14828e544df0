"""Angles between emotions in the space of embeddings, and how clips deviate (kumar2021).

All from a study's stored tables. The emotion embeddings stand in the embeddings table with the role
`emotion` and the emotion's word as id; the test clips of a run stand beside those that its class
weights made. Angles are in degrees, between 0 and 180. Settings: network, split, decision.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from emometric.scoring import evaluation, projection, resampling
from emometric.studies.cell import Stored

RUN = ("cell", "fold", "repeat")
BY_WEIGHTS = "class_weights"
MAPPED = ("anger", "neutral", "happiness", "sadness", "fear", "surprise")  # of figure 4
PUBLISHED = "random_holdout"


def degrees(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Angles between each row of `one` (n, dim) and each of `other` (m, dim): (n, m) degrees.

    90 where a row has no length.

    >>> degrees(np.array([[1.0, 0.0]]), np.array([[0.0, 2.0], [-3.0, 0.0]])).tolist()
    [[90.0, 180.0]]
    """
    one, other = (np.asarray(rows, dtype=np.float64) for rows in (one, other))
    lengths = np.linalg.norm(one, axis=1)[:, None] * np.linalg.norm(other, axis=1)
    cosine = np.divide(one @ other.T, lengths, out=np.zeros_like(lengths), where=lengths > 0)
    return np.degrees(np.arccos(np.clip(cosine, -1, 1)))


def between(stored: Stored, names: Sequence[str]) -> pd.DataFrame:
    """Tables II and III: the angle of each pair of emotions, mean and deviation over the runs.

    Off the diagonal the angle between two emotion embeddings. On it, "the mean angle within the
    class": between the test clips of an emotion and its emotion embedding, mean over clips; only
    for class weights, where the clips' embeddings are stored. Columns network, split, decision,
    row, column, angle_deg, sd_deg (over runs, n - 1), n_runs; row before column as in `names`.
    """
    found = []
    for settings, prototypes, clips in _runs(stored, names):
        angle = degrees(prototypes, prototypes)
        for row, one in enumerate(names):
            if clips is not None:
                own = clips["truth"] == one
                if own.any():
                    within = clips.loc[own, one].mean()
                    found.append({**settings, "row": one, "column": one, "angle_deg": within})
            for column in range(row + 1, len(names)):
                pair = {"row": one, "column": names[column], "angle_deg": angle[row, column]}
                found.append({**settings, **pair})
    keys = ["network", "split", "decision", "row", "column"]
    table = pd.DataFrame(found, columns=[*keys, "angle_deg"])
    return _over_runs(table, keys, ["angle_deg"], names)


def deviations(stored: Stored, names: Sequence[str]) -> pd.DataFrame:
    """Tables VI and VII: how the angles to an emotion's embedding spread, mean over the runs.

    intra_deg: standard deviation (n - 1) of the angles of the emotion's own test clips; inter_deg:
    of the angles of all other emotions' test clips. intra_mean_deg, inter_mean_deg: their means.
    The paper does not say of what its deviations are; this is our reading.
    """
    found = []
    for settings, _, clips in _runs(stored, names):
        if clips is None:
            continue
        for one in names:
            own = clips["truth"] == one
            found.append(
                {
                    **settings,
                    "emotion": one,
                    "intra_deg": clips.loc[own, one].std(ddof=1),
                    "inter_deg": clips.loc[~own, one].std(ddof=1),
                    "intra_mean_deg": clips.loc[own, one].mean(),
                    "inter_mean_deg": clips.loc[~own, one].mean(),
                }
            )
    keys = ["network", "split", "decision", "emotion"]
    numbers = ["intra_deg", "inter_deg", "intra_mean_deg", "inter_mean_deg"]
    return _over_runs(pd.DataFrame(found, columns=[*keys, *numbers]), keys, numbers, names)


def of_clips(stored: Stored, names: Sequence[str]) -> pd.DataFrame:
    """Figure 5: each test clip's angle to the embedding of its emotion and to the nearest other.

    Columns network, split, fold, clip, emotion, own_deg, other_deg; of the runs by class weights.
    """
    found = []
    for settings, _, clips in _runs(stored, names):
        if clips is None:
            continue
        angle = clips[list(names)].to_numpy()
        own = clips["truth"].map(list(names).index).to_numpy(np.int64)
        rows = np.arange(len(clips))
        others = angle.copy()
        others[rows, own] = np.inf
        found.append(
            pd.DataFrame(
                {
                    "network": settings["network"],
                    "split": settings["split"],
                    "fold": settings["fold"],
                    "clip": clips["clip"].to_numpy(),
                    "emotion": clips["truth"].to_numpy(),
                    "own_deg": angle[rows, own].round(3),
                    "other_deg": others.min(axis=1).round(3),
                }
            )
        )
    columns = ["network", "split", "fold", "clip", "emotion", "own_deg", "other_deg"]
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=columns)


def embedding_map(stored: Stored, perplexity: float) -> pd.DataFrame:
    """Figure 4: t-SNE of the test clips of each split's first run, of the figure's six emotions.

    Columns network, split, clip, speaker, emotion, predicted, x, y; of the
    study's first network in the order of names.
    """
    table = _tested(stored)
    table = table[table["truth"].isin(MAPPED)] if len(table) else table
    found = []
    for (network, split), part in table.groupby(["network", "split"], sort=True):
        first = part[(part["fold"] == part["fold"].min())]
        if len(first) < 4 or network != table["network"].min():
            continue
        place = projection.tsne(
            np.stack(first["embedding"].to_list()), perplexity=perplexity, seed=stored.seed
        )
        found.append(
            pd.DataFrame(
                {
                    "network": network,
                    "split": split,
                    "clip": first["clip"].to_numpy(),
                    "speaker": first["speaker"].to_numpy(),
                    "emotion": first["truth"].to_numpy(),
                    "predicted": first["predicted"].to_numpy(),
                    "x": place[:, 0].round(4),
                    "y": place[:, 1].round(4),
                }
            )
        )
    columns = ["network", "split", "clip", "speaker", "emotion", "predicted", "x", "y"]
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=columns)


def accuracy(stored: Stored, rules: evaluation.Params) -> pd.DataFrame:
    """Tables I, IV and V: the share of test clips that are recognised, pooled over the runs.

    Columns network, split, decision, accuracy, low, high (the interval that resamples speakers),
    n_speakers, n_runs.
    """
    found = []
    for settings, part in stored.cells.merge(_settings(stored), on="cell").groupby(
        ["network", "split", "decision"], sort=False
    ):
        right = part["truth"] == part["predicted"]
        n = part.groupby("speaker").size().to_numpy(float)[:, None]
        correct = right.groupby(part["speaker"]).sum().to_numpy(float)[:, None]
        low, high = resampling.bootstrap_by_speaker(
            n,
            correct,
            n_resamples=rules.n_resamples,
            confidence=rules.confidence,
            generator=np.random.default_rng(stored.seed),
        )
        n_runs = part.groupby(["fold", "repeat"]).ngroups
        found.append((*settings, right.mean(), low, high, len(n), n_runs))
    columns = ["network", "split", "decision", "accuracy", "low", "high", "n_speakers", "n_runs"]
    return pd.DataFrame(found, columns=columns)


def gap(stored: Stored, rules: evaluation.Params) -> pd.DataFrame:
    """What sharing speakers and sentences is worth: the published division against whole speakers.

    A row for each network and decision that ran under both: UAR pooled over each division's test
    clips, and their difference with the interval that resamples the speakers, the same ones in
    both. Columns network, decision, shared_uar, disjoint_uar, gap, gap_low, gap_high.
    """
    columns = ["network", "decision", "shared_uar", "disjoint_uar", "gap", "gap_low", "gap_high"]
    found = []
    settings = _settings(stored)
    table = stored.cells.merge(settings, on="cell")
    for (network, decision), part in table.groupby(["network", "decision"]):
        sides = [part[part["split"] == PUBLISHED], part[part["split"] != PUBLISHED]]
        if min(map(len, sides)) == 0:
            continue
        counts = [evaluation.by_speaker(side) for side in sides]
        speakers = sorted(set(counts[0]["speaker"]) & set(counts[1]["speaker"]))
        names = sorted(set(part["truth"]))
        both = [
            tuple(
                one.pivot_table(index="speaker", columns="emotion", values=column, aggfunc="sum")
                .reindex(index=speakers, columns=names)
                .fillna(0)
                .to_numpy()
                for column in ("n", "correct")
            )
            for one in counts
        ]
        generator = np.random.default_rng(stored.seed)
        least = np.minimum(both[0][0], both[1][0])  # a resample keeps every emotion in both
        weights = resampling.draw_speakers(least, rules.n_resamples, generator)
        rates = [resampling.pooled_uar(*one) for one in both]
        low = high = float("nan")
        if len(weights) == rules.n_resamples:
            drawn = [resampling.resampled_uar(*one, weights) for one in both]
            tails = [(1 - rules.confidence) / 2, (1 + rules.confidence) / 2]
            low, high = np.quantile(drawn[0] - drawn[1], tails)
        found.append((network, decision, *rates, rates[0] - rates[1], low, high))
    return pd.DataFrame(found, columns=columns)


def _settings(stored: Stored) -> pd.DataFrame:
    """A row a cell name: cell, network, split, decision."""
    kept = ["cell", "network", "split", "decision"]
    return stored.numbers.drop_duplicates("cell")[kept]


def _tested(stored: Stored) -> pd.DataFrame:
    """Test clips that class weights decided, with embedding, truth, settings, fold, repeat."""
    rows = stored.embeddings[stored.embeddings["role"] == "test"]
    truth = stored.cells[["cell", "fold", "repeat", "clip", "speaker", "truth", "predicted"]]
    rows = rows.rename(columns={"id": "clip"}).merge(truth, on=["cell", "fold", "repeat", "clip"])
    return rows.merge(_settings(stored), on="cell")


def _runs(stored: Stored, names: Sequence[str]) -> Iterator[tuple[dict, np.ndarray, pd.DataFrame]]:
    """Of each run its settings, emotion embeddings (emotions, dim), and its test clips.

    The clips: columns clip, truth, and the angle to each emotion; None by class means.
    """
    settings = _settings(stored).set_index("cell")
    tested = dict(list(_tested(stored).groupby(list(RUN))))
    places = stored.embeddings[stored.embeddings["role"] == "emotion"]
    for run, rows in places.groupby(list(RUN)):
        prototypes = np.stack(rows.set_index("id")["embedding"].loc[list(names)].to_list())
        clips = tested.get(run)
        if clips is not None:
            angle = degrees(np.stack(clips["embedding"].to_list()), prototypes)
            labels = clips[["clip", "truth"]].reset_index(drop=True)
            clips = pd.concat([labels, pd.DataFrame(angle, columns=list(names))], axis=1)
        yield {**settings.loc[run[0]].to_dict(), "fold": run[1]}, prototypes, clips


def _over_runs(
    table: pd.DataFrame, keys: list[str], numbers: list[str], names: Sequence[str]
) -> pd.DataFrame:
    """Means over the runs; of a single number its deviation too, as sd_deg."""
    groups = table.groupby(keys, sort=False)
    rows = groups[numbers].mean()
    if len(numbers) == 1:
        rows["sd_deg"] = groups[numbers[0]].std(ddof=1)
    rows["n_runs"] = groups.size()
    return rows.reset_index()

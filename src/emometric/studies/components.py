"""What each component of a system is worth: rates, steps, confusions, maps, grids (mocanu2021).

All from a study's stored tables. The setting `strategy` names a system (S1 to S5 of mocanu2021,
section 5, and what is measured beside them); other settings (clusters, ghosts, alpha, beta,
relations) are there where a study varies them. Rates are shares from 0 to 1.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
from sklearn.metrics import silhouette_score

from emometric.scoring import evaluation, metrics, projection, resampling
from emometric.studies import statistics
from emometric.studies.cell import Setting, Stored, settings_among

STRATEGIES = ("S1", "S2", "S3", "S4", "S5")
# One component changes in each but S3 to S5, which is the whole of what its loss adds to softmax.
STEPS = (("S1", "S2"), ("S2", "S3"), ("S3", "S4"), ("S3", "S5"), ("S4", "S5"))
PEERS = ("egemaps_svm", "compare_svm")  # strategies that are no network
AGAINST_PEERS = tuple((peer, one) for peer in PEERS for one in ("S1", "S5"))
MEAN = ("accuracy_mean", "accuracy_mean_low", "accuracy_mean_high")
FOLD_RATES = (*MEAN, "accuracy_sd", "accuracy_min", "accuracy_max")
POOLED = ("accuracy", "uar", "uar_low", "uar_high")
RECALL = ("recall", "recall_low", "recall_high")
COUNTS = ("n_clips", "n_speakers", "n_runs")
DIFFERENCE = ("difference", "low", "high", "p")


def accuracy(stored: Stored, rules: evaluation.Params) -> pd.DataFrame:
    """Table 2: a row for each setting, in the order of its settings.

    `FOLD_RATES`, as the paper reports: mean over the folds' accuracies with its interval under
    resampling of speakers (a clip weighs 1 / clips of its fold), standard deviation (n - 1; NaN of
    one fold), least and largest. `POOLED`: accuracy and UAR over all test clips, the interval
    likewise. Then `COUNTS`; a run is a fold of a repeat.
    """
    settings = _settings(stored)
    rows = []
    for cell, part in stored.cells.groupby("cell", sort=True):
        by_fold = evaluation.by_fold(part)["accuracy"].to_numpy()
        mean, sd = statistics.spread(by_fold)
        rates = evaluation.summarise(part, rules, stored.seed)
        weight = 1 / part.groupby(list(statistics.RUN))["clip"].transform("size")
        folds = (
            mean,
            *_interval(part, weight, rules, stored.seed),
            sd,
            by_fold.min(),
            by_fold.max(),
        )
        rows.append(
            {
                **settings.loc[cell].to_dict(),
                **dict(zip(FOLD_RATES, folds, strict=True)),
                **{name: rates[name] for name in (*POOLED, "n_clips", "n_speakers")},
                "n_runs": len(by_fold),
            }
        )
    names = list(settings.columns)
    table = pd.DataFrame(rows, columns=[*names, *FOLD_RATES, *POOLED, *COUNTS])
    return table.sort_values(names, ignore_index=True) if names else table


def steps(stored: Stored, rules: evaluation.Params) -> pd.DataFrame:
    """What each step of `STEPS` adds, and the networks to the peers: paired over speakers.

    Columns first, then; difference, low, high, p: the UAR of `then` minus that of `first`, pooled
    over the same test clips (`statistics.over_speakers`); accuracy_difference; p_holm: p corrected
    for the number of rows (Holm 1979); n_speakers; method: how p was found. No rows where a
    strategy has several settings: the study then asks something else.
    """
    columns = ["first", "then", *DIFFERENCE, "accuracy_difference", "n_speakers", "method"]
    rows = []
    cell_of = systems(stored)
    if cell_of:
        share = {
            cell: metrics.accuracy(part["truth"], part["predicted"])
            for cell, part in stored.cells.groupby("cell")
        }
        for first, then in (*STEPS, *AGAINST_PEERS):
            cells = cell_of.get(then), cell_of.get(first)
            if not all(cell in share for cell in cells):
                continue
            found = statistics.over_speakers(stored.cells, *cells, rules, stored.seed)
            added = share[cells[0]] - share[cells[1]]
            numbers = (found.difference, found.low, found.high, found.p)
            rows.append((first, then, *numbers, added, found.n_units, found.method))
    table = pd.DataFrame(rows, columns=columns)
    table.insert(columns.index("p") + 1, "p_holm", holm(table["p"].to_numpy(dtype=np.float64)))
    return table


def systems(stored: Stored) -> dict[str, str]:
    """Each strategy's cell; none where a strategy has several settings.

    With it `joined.joined` sets each beside the functionals.
    """
    settings = _settings(stored)
    if "strategy" not in settings or not settings["strategy"].is_unique:
        return {}
    return dict(sorted((name, cell) for cell, name in settings["strategy"].items()))


def holm(p: np.ndarray) -> np.ndarray:
    """Each p corrected for their number, so that the chance of any false alarm stays (Holm 1979).

    The k-th smallest of n, counted from 0, is multiplied by n - k; none is smaller than one before
    it, none above 1.

    >>> holm(np.array([0.04, 0.01, 0.6])).round(6).tolist()
    [0.08, 0.03, 0.6]
    """
    order = np.argsort(p, kind="stable")
    factors = len(p) - np.arange(len(p))
    corrected = np.empty(len(p))
    corrected[order] = np.minimum(np.maximum.accumulate(p[order] * factors), 1.0)
    return corrected


def recalls(stored: Stored, rules: evaluation.Params) -> pd.DataFrame:
    """Share of an emotion's test clips that are recognised, for each setting, all folds pooled.

    The settings, then emotion, `RECALL` with the interval that resamples speakers, and `COUNTS`.
    """
    settings = _settings(stored)
    rows = []
    for (cell, emotion), part in stored.cells.groupby(["cell", "truth"], sort=True):
        found = (
            (part["truth"] == part["predicted"]).mean(),
            *_interval(part, pd.Series(1.0, index=part.index), rules, stored.seed),
        )
        counts = (len(part), part["speaker"].nunique(), part.groupby(list(statistics.RUN)).ngroups)
        rows.append((*settings.loc[cell], emotion, *found, *counts))
    return pd.DataFrame(rows, columns=[*settings.columns, "emotion", *RECALL, *COUNTS])


def confusion(stored: Stored, names: Sequence[str]) -> pd.DataFrame:
    """Figures 8 and 9: what the clips of an emotion are taken for, all folds pooled.

    The settings of each cell, then truth, predicted, n, percent of the clips of the truth (0 where
    it has none); emotions in the order of `names`.
    """
    settings = _settings(stored)
    parts = [
        evaluation.confusion(part, names).assign(**settings.loc[cell].to_dict())
        for cell, part in stored.cells.groupby("cell", sort=True)
    ]
    columns = [*settings.columns, "truth", "predicted", "n", "percent"]
    return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)


def maps(stored: Stored, perplexity: float) -> pd.DataFrame:
    """Figures 6 and 7: t-SNE of the test clips of one fold, a map for each setting that kept them.

    The settings, then clip, speaker, emotion, predicted, fold, x, y; the fold is the first whose
    embeddings are kept. The paper does not say which clips it shows; those of training would show
    what the loss was told, so they are left out.
    """
    settings = _settings(stored)
    columns = [*settings.columns, "clip", "speaker", "emotion", "predicted", "fold", "x", "y"]
    found = []
    for cell, clips in _mapped(stored):
        place = projection.tsne(
            np.stack(clips["embedding"].to_list()), perplexity=perplexity, seed=stored.seed
        ).round(4)
        table = clips.assign(**settings.loc[cell].to_dict(), x=place[:, 0], y=place[:, 1])
        found.append(table.rename(columns={"truth": "emotion"})[columns])
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=columns)


def separation(stored: Stored) -> pd.DataFrame:
    """How far the emotions lie apart in the space that `maps` shows, as a number.

    The settings, then silhouette: the mean over the test clips of (b - a) / max(a, b), a the mean
    distance to clips of the same emotion, b to those of the nearest other one (Rousseeuw 1987), of
    embeddings brought to length 1; in [-1, 1], larger = further apart; NaN with one emotion; then
    n_clips.
    """
    settings = _settings(stored)
    rows = []
    for cell, clips in _mapped(stored):
        embedding = np.stack(clips["embedding"].to_list()).astype(np.float64)
        lengths = np.linalg.norm(embedding, axis=1, keepdims=True)
        unit = embedding / np.maximum(lengths, 1e-12)
        n_emotions = clips["truth"].nunique()
        known = 1 < n_emotions < len(clips)
        value = silhouette_score(unit, clips["truth"].to_numpy(str)) if known else np.nan
        rows.append((*settings.loc[cell], value, len(clips)))
    return pd.DataFrame(rows, columns=[*settings.columns, "silhouette", "n_clips"])


def grid(
    stored: Stored, rules: evaluation.Params, reference: Mapping[str, Setting] | None = None
) -> pd.DataFrame:
    """Figures 10 and 11: `accuracy`, and each point against the published one.

    reference: settings that mark the published point, such as {"clusters": 8, "ghosts": 2}.
    is_reference says which row has them; `DIFFERENCE`: UAR of a row minus the reference's, paired
    over speakers, p not corrected for the number of points; NaN in the reference's own row, and
    everywhere unless exactly one row is it.
    """
    table = accuracy(stored, rules)
    wanted = dict(reference or {})
    is_it = np.full(len(table), bool(wanted) and set(wanted) <= set(table))
    for name, value in wanted.items():
        is_it &= (table[name] == value).to_numpy(bool) if name in table else False
    differences = np.full((len(table), len(DIFFERENCE)), np.nan)
    if is_it.sum() == 1:
        cells = _cells_of(stored, table)
        own = cells[int(np.flatnonzero(is_it)[0])]
        for row in np.flatnonzero(~is_it):
            found = statistics.over_speakers(stored.cells, cells[row], own, rules, stored.seed)
            differences[row] = (found.difference, found.low, found.high, found.p)
    differences = pd.DataFrame(differences, columns=list(DIFFERENCE))
    return pd.concat([table.assign(is_reference=is_it), differences], axis=1)


def _settings(stored: Stored) -> pd.DataFrame:
    """The settings of each cell, indexed by its name."""
    numbers = stored.numbers.drop_duplicates("cell").set_index("cell")
    return numbers[settings_among(stored.numbers.columns)]


def _cells_of(stored: Stored, table: pd.DataFrame) -> list[str]:
    """The cell of each row of a table with their settings."""
    settings = _settings(stored)
    cells = {_key(row): cell for cell, row in settings.iterrows()}
    return [cells[_key(row)] for _, row in table[list(settings.columns)].iterrows()]


def _key(row: pd.Series) -> tuple:
    return tuple(None if pd.isna(value) else value for value in row)


def _interval(
    part: pd.DataFrame, weight: pd.Series, rules: evaluation.Params, seed: int
) -> tuple[float, float]:
    """The interval of the weighted share of right clips: a UAR of a single class."""
    right = weight * (part["truth"] == part["predicted"])
    speaker = part["speaker"]
    return resampling.bootstrap_by_speaker(
        weight.groupby(speaker).sum().to_numpy(float)[:, None],
        right.groupby(speaker).sum().to_numpy(float)[:, None],
        n_resamples=rules.n_resamples,
        confidence=rules.confidence,
        generator=np.random.default_rng(seed),
    )


def _mapped(stored: Stored) -> Iterator[tuple[str, pd.DataFrame]]:
    """Each cell with the test clips of the first fold whose embeddings it kept, from four on."""
    keys = ["cell", "fold", "repeat"]
    kept = stored.embeddings[stored.embeddings["role"] == "test"].rename(columns={"id": "clip"})
    said = stored.cells[[*keys, "clip", "speaker", "truth", "predicted"]]
    for cell, clips in kept.merge(said, on=[*keys, "clip"]).groupby("cell", sort=True):
        first = clips.sort_values(["fold", "repeat"], kind="stable")[["fold", "repeat"]].iloc[0]
        own = clips[(clips[["fold", "repeat"]] == first).all(axis=1)]
        if len(own) >= 4:
            yield str(cell), own.sort_values("clip", ignore_index=True)

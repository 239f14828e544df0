"""What the studies of ntalampiras2020 come to: accuracy, curves, confusions; nothing is trained.

All from a study's stored tables. Settings that are read: `variant` (`published` is the paper's),
`rule` (how similarities to the support are pooled; `max` is algorithm 1), and where a study varies
them `n_known` and `unknown`. Rates are shares in [0, 1]; each has an interval, <rate>_low and
<rate>_high, that resamples the tested speakers; NaN where none can be drawn.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from emometric.scoring import evaluation, metrics, resampling
from emometric.studies import analogy_pairs, analogy_streams, clip_maps, joined, statistics
from emometric.studies.cell import Stored

PUBLISHED = {"variant": "published", "rule": "max"}
BESIDE = "compare_svm_linear"  # the variant that every other one decides together with
SETTINGS = ("variant", "rule", "n_known", "unknown")
COUNTS = ("n_clips", "n_speakers", "n_runs")
ACCURACY = (
    "cell",
    *SETTINGS,
    *(f"{rate}{end}" for rate in ("accuracy", "uar", "gain") for end in ("", "_low", "_high")),
    "p",
    "method",
    *COUNTS,
)
CURVE = (*SETTINGS[:3], "accuracy", "accuracy_sd", "accuracy_low", "accuracy_high", *COUNTS)
CONFUSION = (*SETTINGS, "truth", "predicted", "n", "rate", "rate_low", "rate_high", *COUNTS[1:])


def tables(
    stored: Stored, names: Sequence[str], clips: pd.DataFrame, rules: evaluation.Params
) -> dict[str, pd.DataFrame]:
    """Every table of a study by name; one that the study has no cells for has no rows.

    names: the emotions that the method scores, in order; clips: those of the target, rows with id,
    speaker and emotion.
    """
    stream = analogy_streams.stream(stored, names, clips)
    return {
        "accuracy": accuracy(stored, rules),
        "joined": joined.joined(stored, rules, systems(stored), BESIDE),
        "curve": curve(stored, rules),
        "confusion": confusion(stored, names, rules),
        "pairs": analogy_pairs.pairs(stored, names, rules),
        "similarity": analogy_pairs.similarity(stored, names, rules),
        "open_set": analogy_streams.open_set(stream, stored.seed, rules),
        "stream": stream,
        "maps": clip_maps.maps(stored, clips),
    }


def accuracy(stored: Stored, rules: evaluation.Params) -> pd.DataFrame:
    """Section 4.4: the share of test clips that are recognised, pooled over the runs of a cell.

    Columns `ACCURACY`. gain: UAR minus that of `PUBLISHED` with the other settings alike, with its
    paired interval and p (`statistics.over_speakers`; method says how); NaN for itself, and where
    the two did not test the same clips.
    """
    found = []
    parts = dict(list(stored.cells.groupby("cell", sort=False)))
    settings = _settings(stored)
    for cell, part in parts.items():
        n, correct = _by_speaker(part)
        rates = evaluation.summarise(part, rules, stored.seed)
        row = {"cell": cell, **settings.loc[cell].to_dict()}
        row |= _interval("accuracy", n, correct, stored.seed, rules)
        row |= {name: rates[name] for name in ("uar", "uar_low", "uar_high")}
        row |= _gain(stored, cell, _published(settings, cell), rules)
        found.append(row | _counts(part))
    return pd.DataFrame(found, columns=list(ACCURACY))


def systems(stored: Stored) -> dict[str, str]:
    """Each variant's cell under the published rule; none where the study varies something else."""
    settings = _settings(stored)
    settings = settings[settings["rule"] == PUBLISHED["rule"]]
    if not settings["variant"].is_unique:
        return {}
    return {name: cell for cell, name in settings["variant"].items()}


def curve(stored: Stored, rules: evaluation.Params) -> pd.DataFrame:
    """Figure 4: accuracy against the number of known speakers, or known emotions.

    Columns `CURVE`: accuracy is the mean over the runs (folds and repeats) of a run's accuracy,
    accuracy_sd their standard deviation (n - 1), as the paper prints them; the interval is of that
    mean. Resampled are the tested speakers, in all runs alike; runs without any of them drop out.
    """
    settings = _settings(stored)
    settings = settings[settings["n_known"].notna()]
    found = []
    for cell, part in stored.cells[stored.cells["cell"].isin(settings.index)].groupby("cell"):
        right = part.assign(right=part["truth"] == part["predicted"])
        groups = right.groupby(["speaker", *statistics.RUN])["right"]
        n, correct = (
            counts.unstack(list(statistics.RUN), fill_value=0).to_numpy(float)
            for counts in (groups.size(), groups.sum())
        )
        mean, sd = statistics.spread(correct.sum(axis=0) / n.sum(axis=0))
        low, high = _mean_interval(n, correct, stored.seed, rules)
        row = {**settings.loc[cell].to_dict(), "accuracy": mean, "accuracy_sd": sd}
        found.append({**row, "accuracy_low": low, "accuracy_high": high, **_counts(part)})
    table = pd.DataFrame(found, columns=list(CURVE))
    return table.sort_values(list(SETTINGS[:3]), ignore_index=True)


def confusion(stored: Stored, names: Sequence[str], rules: evaluation.Params) -> pd.DataFrame:
    """Table 3: of the clips of each emotion (truth), the share that is taken for each (predicted).

    Columns `CONFUSION`; a row for each pair of `names` in every cell, pooled over the runs. rate is
    NaN for an emotion without clips, n the clips behind the pair.
    """
    settings = _settings(stored)
    found = []
    for cell, part in stored.cells.groupby("cell", sort=False):
        by_speaker = np.stack(
            [
                metrics.confusion(own["truth"], own["predicted"], names)
                for _, own in part.groupby("speaker")
            ]
        )
        rate, low, high = analogy_pairs.shares(
            by_speaker, by_speaker.sum(axis=2, keepdims=True), stored.seed, rules
        )
        counts = {name: value for name, value in _counts(part).items() if name in CONFUSION}
        found += [
            {
                **settings.loc[cell].to_dict(),
                "truth": truth,
                "predicted": predicted,
                "n": by_speaker[:, row, column].sum(),
                "rate": rate[row, column],
                "rate_low": low[row, column],
                "rate_high": high[row, column],
                **counts,
            }
            for row, truth in enumerate(names)
            for column, predicted in enumerate(names)
        ]
    return pd.DataFrame(found, columns=list(CONFUSION))


def _settings(stored: Stored) -> pd.DataFrame:
    """`SETTINGS` of each cell, indexed by its name; None where the study has not the setting."""
    rows = stored.numbers.drop_duplicates("cell").set_index("cell")
    return rows.reindex(columns=list(SETTINGS)).astype(object)


def _published(settings: pd.DataFrame, cell: str) -> str | None:
    """The cell of `PUBLISHED` that shares the other settings with `cell`; None without one."""
    others = [name for name in SETTINGS if name not in PUBLISHED]
    wanted = {**settings.loc[cell, others].to_dict(), **PUBLISHED}
    fits = np.ones(len(settings), dtype=bool)
    for name, value in wanted.items():
        fits &= (settings[name].isna() if pd.isna(value) else settings[name] == value).to_numpy()
    return next(iter(settings.index[fits]), None)


def _gain(stored: Stored, cell: str, base: str | None, rules: evaluation.Params) -> dict:
    """gain, its interval, p and method; empty where there is nothing to compare with."""
    if base is None or base == cell:
        return {}
    both = [
        evaluation.by_speaker(stored.cells[stored.cells["cell"] == name]).drop(columns="cell")
        for name in (cell, base)
    ]
    keys = ["speaker", "emotion", "n"]
    if not both[0][keys].equals(both[1][keys]):
        return {}
    found = statistics.over_speakers(stored.cells, cell, base, rules, stored.seed)
    return {
        "gain": found.difference,
        "gain_low": found.low,
        "gain_high": found.high,
        "p": found.p,
        "method": found.method,
    }


def _by_speaker(part: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Clips and recognised clips of each speaker: (speakers, 1) each."""
    right = (part["truth"] == part["predicted"]).groupby(part["speaker"])
    return tuple(counts.to_numpy(float)[:, None] for counts in (right.size(), right.sum()))


def _interval(
    name: str, n: np.ndarray, correct: np.ndarray, seed: int, rules: evaluation.Params
) -> dict[str, float]:
    low, high = resampling.bootstrap_by_speaker(
        n,
        correct,
        n_resamples=rules.n_resamples,
        confidence=rules.confidence,
        generator=np.random.default_rng(seed),
    )
    value = resampling.pooled_uar(n, correct)
    return {name: value, f"{name}_low": low, f"{name}_high": high}


def _mean_interval(
    n: np.ndarray, correct: np.ndarray, seed: int, rules: evaluation.Params
) -> tuple[float, float]:
    """Percentiles of the mean over runs of correct / n, (speakers, runs), under resampling."""
    if len(n) < 2:
        return float("nan"), float("nan")
    total = n.sum(axis=1, keepdims=True)
    weights = resampling.draw_speakers(total, rules.n_resamples, np.random.default_rng(seed))
    clips = weights @ n
    share = np.divide(weights @ correct, clips, out=np.zeros_like(clips), where=clips > 0)
    means = share.sum(axis=1) / (clips > 0).sum(axis=1)
    low, high = np.quantile(means, [(1 - rules.confidence) / 2, (1 + rules.confidence) / 2])
    return float(low), float(high)


def _counts(part: pd.DataFrame) -> dict[str, int]:
    n_runs = part.groupby(list(statistics.RUN)).ngroups
    return dict(zip(COUNTS, (len(part), part["speaker"].nunique(), n_runs), strict=True))

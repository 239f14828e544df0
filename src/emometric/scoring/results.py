"""What a run comes to: its headline numbers, its map of embeddings, and who took part."""

import json
import math
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from emometric.base.errors import StoreError
from emometric.scoring import evaluation, projection

GUESSES = ("majority", "speaker_lookup")  # cells that hear nothing and need no interval
N_NEIGHBOURS = 5  # named for each clip of the map


def headline(
    own: pd.DataFrame, beside: pd.DataFrame, params: evaluation.Params, seed: int
) -> dict[str, Any]:
    """The run's rates, those of the baselines, and the gain over the SVM baseline; four digits.

    own: the run's cells table, of one cell; beside: the baselines' cells table, on the same test
    clips. The cells of `beside` that hear nothing keep UAR and accuracy, the other one, the SVM on
    functionals, its interval too. `gain` is the run's UAR minus the SVM's, with the interval and p
    of `evaluation.compare`. A number that does not exist is None.
    """
    summary: dict[str, Any] = evaluation.summarise(own, params, seed)
    for name, rows in beside.groupby("cell"):
        kept = ("uar", "accuracy")
        if name not in GUESSES:
            kept = ("uar", "uar_low", "uar_high", "accuracy")
        rates = evaluation.summarise(rows, params, seed)
        summary[name] = {key: rates[key] for key in kept}
    svm = beside[beside["cell"] == svm_cell(beside)]
    gain = evaluation.compare(evaluation.by_speaker(own), evaluation.by_speaker(svm), params, seed)
    summary["gain"] = {
        "uar": gain.difference,
        "uar_low": gain.low,
        "uar_high": gain.high,
        "p": gain.p,
    }
    return rounded(summary)


def svm_cell(beside: pd.DataFrame) -> str:
    """Name of the baseline that hears something, such as egemaps_svm_linear."""
    names = sorted(set(beside["cell"]) - set(GUESSES))
    if len(names) != 1 or not set(GUESSES) <= set(beside["cell"]):
        raise StoreError(
            f"the baselines' table holds the cells {', '.join(sorted(set(beside['cell'])))} in "
            "place of majority, speaker_lookup and one more; run `dvc repro`."
        )
    return names[0]


def rounded(value: Any) -> Any:
    """`value` with every float at four digits and NaN as None, in nested maps too.

    >>> rounded({"uar": 2 / 3, "n": 3, "fold": {"sd": float("nan")}})
    {'uar': 0.6667, 'n': 3, 'fold': {'sd': None}}
    """
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, float):
        return None if math.isnan(value) else round(value, 4)
    return value


def embedding_map(
    embeddings: pa.Table,
    clips: pd.DataFrame,
    table: pd.DataFrame,
    params: evaluation.Params,
    seed: int,
) -> pd.DataFrame:
    """t-SNE of the training and test clips as the network of the first fold sees them.

    embeddings: columns fold, id, role, embedding; clips: rows with id, speaker, emotion,
    activation; table: the run's cells table. Columns clip, speaker, emotion, predicted, fold, role,
    x, y, activation, neighbours (ids of the nearest clips in the space of the embeddings, nearest
    first, divided by spaces), sorted by clip; `predicted` is None for training clips, which nobody
    asked about.
    """
    first = pc.min(embeddings["fold"]).as_py()
    kept = embeddings.filter(
        (pc.field("fold") == first) & pc.field("role").isin(["train", "test"])
    ).sort_by("id")
    embedding = np.stack(kept["embedding"].to_numpy())
    position = projection.tsne(embedding, perplexity=params.perplexity, seed=seed)
    ids = np.array(kept["id"].to_pylist(), dtype=object)
    near = projection.nearest(embedding, N_NEIGHBOURS)
    labels = clips.set_index("id").loc[ids]
    predicted = table[table["fold"] == first].set_index("clip")["predicted"]
    return pd.DataFrame(
        {
            "clip": ids,
            "speaker": labels["speaker"].to_numpy(),
            "emotion": labels["emotion"].to_numpy(),
            "predicted": predicted.reindex(ids).to_numpy(),
            "fold": first,
            "role": kept["role"].to_pylist(),
            "x": position[:, 0].round(4),
            "y": position[:, 1].round(4),
            "activation": labels["activation"].to_numpy(),
            "neighbours": [" ".join(ids[row]) for row in near],
        }
    )


def trained_on(folder: str | Path) -> dict[str, Any]:
    """Device and versions of packages that the run's models were trained with (`fold_*.json`)."""
    models = sorted(Path(folder).glob("fold_*.json"))
    if not models:
        raise StoreError(f"no model in {folder}; run `dvc repro` to make it.")
    about = json.loads(models[0].read_text(encoding="utf-8"))
    return {"device": about["device"], "versions": about["versions"]}


def read_audit(path: str | Path) -> dict[str, Any]:
    """What the audit stage says of the run's split (`auditing.Audit.facts`)."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        raise StoreError(f"no audit at {path}; run `dvc repro` to make it.") from None


def corpus_facts(
    corpus: str, part: ModuleType, clips: pd.DataFrame, rejects: pd.DataFrame
) -> dict[str, Any]:
    """What to say of the corpus: its name and licence, and what of it took part.

    part: a module of `emometric.corpora`; clips: the manifest rows of the run; rejects: the files
    that were left out, `n_excluded` of them as known faults (acquisition's rejects.csv).
    """
    return {
        "id": corpus,
        "name": part.NAME,
        "licence": part.LICENCE,
        "licence_url": part.LICENCE_URL,
        "citation": part.CITATION,
        "language": part.LANGUAGE,
        "n_clips": len(clips),
        "n_speakers": int(clips["speaker"].nunique()),
        "seconds": round(float(clips["seconds"].sum()), 1),
        "n_rejects": len(rejects),
        "n_excluded": int((rejects["kind"] == "excluded").sum()),
    }

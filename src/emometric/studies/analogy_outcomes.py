"""From trained twins to decisions, counts of pairs, and streams (ntalampiras2020)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from emometric.decisions import support_similarity
from emometric.studies import change_detection
from emometric.studies.analogy_maps import Map
from emometric.studies.analogy_training import Trained
from emometric.studies.cell import EMBEDDING_COLUMNS
from emometric.studies.change_detection import Labels

RULES = ("max", "mean", "twenty")
N_TWENTY = 20  # ntalampiras2020, section 4.2: "number of similarity/dissimilarity tests"
SIMILAR = 0.5
FIRST_NEW = 100  # label of the first class that a stream founds
KEPT_ROLES = ("train", "valid", "test")


@dataclass(frozen=True, kw_only=True)
class Decided:
    """A fold as networks see it: clips with id, speaker and emotion, their emotion's number, rows
    by role, and the networks, whose similarities are averaged."""

    clips: pd.DataFrame
    emotion: np.ndarray
    roles: Mapping[str, np.ndarray]
    networks: Sequence[Trained]

    def similarity(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """In (0, 1), of clips at rows `first` to clips at rows `second`: (m, n) float64."""
        return np.mean([one.similarity(first, second) for one in self.networks], axis=0)


def scores(
    similarity: np.ndarray, support: np.ndarray, n_emotions: int, rule: str, seed: int
) -> np.ndarray:
    """Pooled similarity to each emotion's support: (m, n_emotions), -inf for one without.

    similarity: (m, n); support: (n,) emotions. rule: `max` over all of the support (algorithm 1),
    `mean` of it, or `twenty`: max over 20 clips of it, drawn by `seed`, the emotions alike.

    >>> scores(np.array([[0.1, 0.5, 0.4]]), np.array([0, 0, 2]), 3, "mean", 0).tolist()
    [[0.3, -inf, 0.4]]
    """
    if rule == "twenty" and len(support) > N_TWENTY:
        drawn = support_similarity.draw(support, N_TWENTY, seed)
        similarity, support = similarity[:, drawn], support[drawn]
    pool = np.mean if rule == "mean" else np.max
    found = np.full((len(similarity), n_emotions), -np.inf)
    for one in np.unique(support):
        found[:, one] = pool(similarity[:, support == one], axis=1)
    return found


def pair_counts(
    similarity: np.ndarray, tested: np.ndarray, support: np.ndarray, names: Sequence[str]
) -> dict[str, float]:
    """`pairs_<a>_<b>`, how many pairs of a test clip of a and a support clip of b there are, and
    `similar_<a>_<b>`, how many of them have a similarity of 0.5 or more."""
    counts: dict[str, float] = {}
    for row, one in enumerate(names):
        for column, other in enumerate(names):
            block = similarity[tested == row][:, support == column]
            counts[f"pairs_{one}_{other}"] = block.size
            counts[f"similar_{one}_{other}"] = int((block >= SIMILAR).sum())
    return counts


def open_set(
    decided: Decided, known: Sequence[int], order: np.ndarray
) -> tuple[dict[str, float], list[tuple[str, str, np.ndarray]]]:
    """Stream a fold's test clips, in `order` (rows), past a dictionary that lacks an emotion.

    The support is the training clips alone, so that the threshold, chosen on validation speakers'
    clips against it, meets test clips under the same conditions. Returns the rates, without those
    that do not exist, and a row a clip: id, `stream`, [place, similarity to the known support,
    label, founded]. Without validation clips that can choose a threshold there is neither.
    """
    train, valid = decided.roles["train"], decided.roles["valid"]
    if not len(valid):
        return {}, []
    labels = [
        Labels(emotion=decided.emotion[rows], speaker=decided.clips["speaker"].to_numpy(str)[rows])
        for rows in (valid, train)
    ]
    threshold = change_detection.choose_threshold(
        *change_detection.training_similarities(decided.similarity(valid, train), *labels)
    )
    to_support = decided.similarity(order, train)
    detection = change_detection.detect(
        to_support,
        decided.similarity(order, order),
        decided.emotion[train],
        threshold,
        first_new=FIRST_NEW,
    )
    rates = change_detection.evaluate(
        detection, to_support.max(axis=1), decided.emotion[order], known
    )
    numbers = {
        "threshold": threshold,
        "auroc": rates.auroc,
        "fpr_at_95_tpr": rates.fpr_at_95_tpr,
        "known_accuracy": rates.accuracy,
        "purity": rates.purity,
        "coverage": rates.coverage,
        "n_founded": float(rates.n_founded),
    }
    columns = (
        np.arange(len(order)),
        to_support.max(axis=1),
        detection.label,
        detection.is_new,
    )
    rows = np.column_stack(columns).astype(np.float32)
    names = decided.clips["id"].to_numpy()[order]
    stream = [(name, "stream", row) for name, row in zip(names, rows, strict=True)]
    return {name: value for name, value in numbers.items() if np.isfinite(value)}, stream


def trained_numbers(networks: Sequence[Trained]) -> dict[str, float]:
    """Means over the networks of the epochs and of the validation AUROC, where there is one."""
    found = {"epochs": float(np.mean([one.epochs for one in networks]))}
    aurocs = [one.valid_auroc for one in networks if np.isfinite(one.valid_auroc)]
    return {**found, "valid_auroc": float(np.mean(aurocs))} if aurocs else found


def embeddings(decided: Decided) -> list[tuple[str, str, np.ndarray]]:
    """Of the first network: id, role and embedding of each clip that trains, stops or is tested."""
    names = decided.clips["id"].to_numpy()
    return [
        (names[row], role, decided.networks[0].embedding[row])
        for role in KEPT_ROLES
        for row in decided.roles[role]
    ]


def map_rows(clips: pd.DataFrame, maps: Sequence[Map]) -> list[tuple[str, str, np.ndarray]]:
    """id, role and flattened values of each map."""
    return [(clips["id"].iloc[one.clip], one.role, one.values.ravel()) for one in maps]


def embedding_table(rows: Sequence[tuple[str, str, np.ndarray]]) -> pd.DataFrame:
    """Rows id, role, embedding (float32)."""
    found = [(name, role, np.asarray(values, np.float32)) for name, role, values in rows]
    return pd.DataFrame(found, columns=list(EMBEDDING_COLUMNS))

"""The emotion of the most similar clip of the support (ntalampiras2020, algorithm 1)."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from emometric.base.errors import ParameterError

POOLS = ("max", "mean")
SIMILARITIES = ("cosine", "euclidean", "loss")


@dataclass(frozen=True, kw_only=True)
class Params:
    """How a clip is compared with the support.

    pool: of an emotion's similarities the largest, as algorithm 1 has it, or their mean.
    similarity: cosine; euclidean, the negative distance; or loss, what the network's loss has
    trained to compare. n_support: so many clips of the support are drawn, the emotions as equally
    as their clips allow; None: all. draw_seed: of the drawing.
    """

    pool: str = "max"
    similarity: str = "cosine"
    n_support: int | None = None
    draw_seed: int = 0

    def __post_init__(self) -> None:
        where = "params.yaml: decisions.support_similarity"
        for name, known in (("pool", POOLS), ("similarity", SIMILARITIES)):
            if getattr(self, name) not in known:
                raise ParameterError(
                    f"{where}.{name} is '{getattr(self, name)}'; write {', '.join(known)}."
                )
        for name, least in (("n_support", 1), ("draw_seed", 0)):
            value = getattr(self, name)
            whole = isinstance(value, int) and not isinstance(value, bool) and value >= least
            if not whole and not (name == "n_support" and value is None):
                raise ParameterError(
                    f"{where}.{name} is '{value}'; write a whole number from {least}."
                )


class Decision:
    """Similarity to the support, pooled over each emotion's clips: the largest, or the mean.

    The support is what `fit` is given. similarity: for `similarity: loss` alone, a function of two
    arrays, (m, dim) and (n, dim), that gives (m, n), larger = more alike: the |difference| head of
    the paper, which the loss owns. The cosine is what a contrastive loss on normalised embeddings
    has shaped, and no part of the paper.
    """

    def __init__(
        self,
        params: Params,
        n_emotions: int,
        similarity: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None,
    ) -> None:
        self.params = params
        self.n_emotions = n_emotions
        if params.similarity == "loss" and similarity is None:
            raise ParameterError(
                "params.yaml: decisions.support_similarity.similarity is 'loss', but no loss was "
                "trained here; write cosine or euclidean."
            )
        own = {"cosine": cosine, "euclidean": euclidean, "loss": similarity}
        self.similarity = own[params.similarity]

    def fit(self, embedding: np.ndarray, emotion: np.ndarray) -> "Decision":
        """embedding: (n, dim) float, n from 1; emotion: (n,) int64 in [0, n_emotions).

        ParameterError where fewer clips are to be drawn than there are emotions.
        """
        embedding, emotion = np.asarray(embedding, dtype=np.float64), np.asarray(emotion)
        if self.params.n_support is not None:
            rows = draw(emotion, self.params.n_support, self.params.draw_seed)
            embedding, emotion = embedding[rows], emotion[rows]
        self.support, self.emotion = embedding, emotion
        return self

    def scores(self, embedding: np.ndarray) -> np.ndarray:
        """(m, n_emotions) float64: the pooled similarity; -inf for an emotion without support.

        >>> fitted = Decision(Params(similarity="euclidean"), 3)
        >>> fitted = fitted.fit([[0.0, 0], [2, 0], [9, 0]], [0, 0, 2])
        >>> fitted.scores([[3.0, 0], [6, 0]]).tolist()
        [[-1.0, -inf, -6.0], [-4.0, -inf, -3.0]]
        """
        values = self.similarity(np.asarray(embedding, dtype=np.float64), self.support)
        pool = {"max": np.max, "mean": np.mean}[self.params.pool]
        scores = np.full((len(values), self.n_emotions), -np.inf)
        for one in np.unique(self.emotion):
            scores[:, one] = pool(values[:, self.emotion == one], axis=1)
        return scores


def cosine(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Cosine of each pair of rows, (m, n) in [-1, 1]; 0 with a row of zeros."""
    return _unit(first) @ _unit(second).T


def euclidean(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Negative distance of each pair of rows, (m, n), at most 0.

    From the differences themselves, a row at a time: a formula of squares would lose near pairs.
    """
    return -np.stack([np.linalg.norm(second - one, axis=1) for one in first])


def draw(emotion: np.ndarray, n_clips: int, seed: int) -> np.ndarray:
    """Positions of `n_clips` clips, sorted, as equally many of each emotion as there are.

    emotion: (n,) int64. Emotions take a clip each in turn, in a random order, until all n_clips are
    there or none is left. ParameterError where there are more emotions than n_clips.

    >>> draw(np.array([0, 0, 0, 0, 1]), 3, seed=0).size, draw(np.array([0, 1, 1]), 2, seed=0)[0]
    (3, np.int64(0))
    """
    labels = np.unique(emotion)
    if n_clips < len(labels):
        raise ParameterError(
            f"params.yaml: decisions.support_similarity.n_support is {n_clips}, but the support "
            f"has {len(labels)} emotions; write that or more."
        )
    generator = np.random.default_rng(seed)
    queues = [generator.permutation(np.flatnonzero(emotion == one)) for one in labels]
    rounds = [
        generator.permutation([queue[turn] for queue in queues if turn < len(queue)])
        for turn in range(max(map(len, queues)))
    ]
    return np.sort(np.concatenate(rounds)[:n_clips])


def _unit(rows: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(length > 0, length, 1.0)

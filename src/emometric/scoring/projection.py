"""Embeddings to look at: on a plane by t-SNE, and what is next to each in their own space."""

import numpy as np
from threadpoolctl import threadpool_limits

from emometric.base.errors import PipelineError


def tsne(embedding: np.ndarray, *, perplexity: float, seed: int) -> np.ndarray:
    """Positions (n, 2) float64 of embeddings (n, dim), n from 4 and dim from 2.

    van der Maaten & Hinton 2008 as scikit-learn runs it, started from the first two principal
    components. `perplexity`, the number of neighbours that matter, is lowered to (n - 1) / 3 for
    few clips. One thread, so that equal embeddings give equal bytes. Embeddings that are all
    equal, as a collapsed network makes them, give one point.
    """
    from sklearn.manifold import TSNE  # takes a second, and most who import this draw no map

    embedding = np.asarray(embedding, dtype=np.float32)
    if len(embedding) < 4:
        raise PipelineError(f"{len(embedding)} clips make no t-SNE map; give at least four.")
    if np.all(embedding == embedding[0]):
        return np.zeros((len(embedding), 2))
    tsne = TSNE(
        perplexity=min(perplexity, (len(embedding) - 1) / 3),
        init="pca",
        random_state=seed,
        n_jobs=1,
    )
    with threadpool_limits(limits=1):
        return tsne.fit_transform(embedding).astype(np.float64)


def nearest(embedding: np.ndarray, count: int) -> np.ndarray:
    """Rows of the `count` nearest others of each embedding (n, dim), nearest first: (n, k) int64.

    Euclidean, in float64; of equally far ones the earlier. k is n - 1 where there are no more.

    >>> nearest(np.array([[0.0, 0], [1, 0], [5, 0], [1, 0]]), 2).tolist()
    [[1, 3], [3, 0], [1, 3], [1, 0]]
    """
    embedding = np.asarray(embedding, dtype=np.float64)
    n_rows = len(embedding)
    found = np.empty((n_rows, min(count, n_rows - 1)), dtype=np.int64)
    for row in range(n_rows):
        far = np.square(embedding - embedding[row]).sum(axis=1)
        far[row] = np.inf
        found[row] = np.argsort(far, kind="stable")[: found.shape[1]]
    return found

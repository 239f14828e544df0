"""Batches in which all emotions weigh the same and speakers are mixed."""

from collections.abc import Iterator

import numpy as np


def draw(
    emotion: np.ndarray, speaker: np.ndarray, batch_size: int, generator: np.random.Generator
) -> Iterator[np.ndarray]:
    """One epoch: ceil(n / batch_size) batches of `batch_size` positions (int64).

    emotion, speaker: (n,) int64, any labels. In a batch two emotions differ by one clip at most;
    which emotions have one more changes from batch to batch, evenly. So an epoch holds as many
    clips as the corpus, but not each clip once: an emotion rarer than the average comes around
    several times (in a small batch or with few clips, even within a batch), a commoner one shows
    only a part, another one in each epoch.

    Within an emotion all clips come once before any returns, each speaker's spread evenly.
    The same generator state gives the same epoch.
    """
    labels, counts = np.unique(emotion, return_counts=True)
    queues = [_Queue(np.flatnonzero(emotion == label), speaker, generator) for label in labels]
    least, left = divmod(batch_size, len(labels))
    extras = np.zeros(len(labels))
    for _ in range(-(-int(counts.sum()) // batch_size)):
        sizes = np.full(len(labels), least)
        # One more for those that had the fewest so far; random among equals.
        lucky = np.lexsort((generator.random(len(labels)), extras))[:left]
        sizes[lucky] += 1
        extras[lucky] += 1
        yield np.concatenate(
            [queue.take(size) for queue, size in zip(queues, sizes, strict=True)]
        ).astype(np.int64)


class _Queue:
    """An endless row of one emotion's clips: shuffled anew each time it has run out."""

    def __init__(self, clips: np.ndarray, speaker: np.ndarray, generator: np.random.Generator):
        self.clips, self.speaker, self.generator = clips, speaker[clips], generator
        self.waiting = np.empty(0, dtype=np.int64)

    def take(self, size: int) -> np.ndarray:
        while len(self.waiting) < size:
            self.waiting = np.concatenate([self.waiting, self._shuffled()])
        taken, self.waiting = self.waiting[:size], self.waiting[size:]
        return taken

    def _shuffled(self) -> np.ndarray:
        """All clips once, those of a speaker with k clips about 1/k of the row apart."""
        place = np.empty(len(self.clips))
        for name in np.unique(self.speaker):
            own = self.generator.permutation(np.flatnonzero(self.speaker == name))
            place[own] = (np.arange(len(own)) + self.generator.random()) / len(own)
        return self.clips[np.argsort(place, kind="stable")]

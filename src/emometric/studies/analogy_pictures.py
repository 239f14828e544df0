"""The pictures of all clips of a corpus, shrunk, standardised, and cut for a network."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from emometric.layers.picture_twin import Branch, Input
from emometric.studies.augmentation import Augmentation, vary
from emometric.studies.cell import Table

_LIMIT = 5.0  # standard deviations: functionals of a new speaker may lie hundreds away


@dataclass(frozen=True, kw_only=True)
class Extracted:
    """One feature of all clips: `values`, rows of all clips end to end, (sum of lengths, columns)
    float32; lengths: (n,) rows of each clip; branch: what a network is given of a clip."""

    values: np.ndarray
    lengths: np.ndarray
    branch: Branch

    def standardised(self, clips: np.ndarray, device: torch.device) -> "Pictures":
        """Each value less its mean over `clips`, over its deviation there (or 1 where that is 0).

        A value is a column over all frames; of a picture of fixed size, a place in it.
        Functionals are held within 5 deviations.
        """
        starts = np.cumsum(self.lengths) - self.lengths
        own = np.concatenate(
            [self.values[starts[clip] : starts[clip] + self.lengths[clip]] for clip in clips]
        )
        values = self.values
        if self.branch.rows:  # one mean a place
            own = own.reshape(len(clips), self.branch.rows, -1)
            values = values.reshape(len(self.lengths), self.branch.rows, -1)
        mean = own.mean(axis=0, dtype=np.float64)
        spread = own.std(axis=0, dtype=np.float64)
        spread = np.where(spread > 1e-6 * (1 + np.abs(mean)), spread, 1.0)
        values = ((values - mean) / spread).astype(np.float32).reshape(self.values.shape)
        if self.branch.rows == 0:
            values = values.clip(-_LIMIT, _LIMIT)
        return Pictures(
            values=torch.from_numpy(values).to(device),
            lengths=self.lengths,
            branch=self.branch,
            spread=torch.from_numpy(spread.astype(np.float32)).to(device),
        )


@dataclass(frozen=True, kw_only=True)
class Pictures:
    """One feature of all clips, standardised, on the device.

    values: rows of all clips end to end, (sum of lengths, columns) float32; lengths: (n,) rows of
    each clip; branch: what a network is given of a clip; spread: what standardising has divided by,
    (columns,) or (rows, columns).
    """

    values: Tensor
    lengths: np.ndarray
    branch: Branch
    spread: Tensor

    @property
    def starts(self) -> np.ndarray:
        return np.cumsum(self.lengths) - self.lengths

    def batch(
        self,
        clips: np.ndarray,
        crop_rows: int,
        generator: np.random.Generator,
        drawing: torch.Generator,
        augmentation: Augmentation | None,
    ) -> Input:
        """What a training step sees of `clips`: a random piece of `crop_rows` rows, or a whole
        picture of fixed size, varied by `augmentation`; functionals as they are."""
        if self.branch.rows is not None:
            values = self._whole(clips)
            if self.branch.rows and augmentation:
                values = vary(values, self.spread, augmentation, drawing)
            return Input(values=values if self.branch.rows else values[:, 0])
        lengths = self.lengths[clips]
        begin = generator.integers(0, np.maximum(lengths - crop_rows, 0) + 1)
        values = self._cut(self.starts[clips] + begin, np.minimum(lengths - begin, crop_rows))
        if augmentation:
            values = vary(values, self.spread, augmentation, drawing)
        own = torch.from_numpy(np.minimum(lengths - begin, crop_rows)).to(values.device)
        return Input(values=values, lengths=own)

    def whole(self, clips: np.ndarray) -> Input:
        """All of each clip, zeros behind the shorter ones' ends."""
        if self.branch.rows is not None:
            values = self._whole(clips)
            return Input(values=values if self.branch.rows else values[:, 0])
        lengths = self.lengths[clips]
        values = self._cut(self.starts[clips], lengths)
        return Input(values=values, lengths=torch.from_numpy(lengths).to(values.device))

    def _whole(self, clips: np.ndarray) -> Tensor:
        rows = self.starts[clips][:, None] + np.arange(self.branch.rows or 1)
        return self.values[torch.from_numpy(rows).to(self.values.device)]

    def _cut(self, begin: np.ndarray, lengths: np.ndarray) -> Tensor:
        """(clips, longest, columns), zeros behind each piece."""
        place = np.arange(lengths.max())
        inside = torch.from_numpy(place < lengths[:, None]).to(self.values.device)
        rows = np.minimum(begin[:, None] + place, len(self.values) - 1)
        values = self.values[torch.from_numpy(rows).to(self.values.device)]
        return values.masked_fill(~inside[:, :, None], 0.0)


def extracted(table: Table, rows: np.ndarray, shrink: int, *, fixed: bool) -> Extracted:
    """A table's feature of the clips at `rows`, every `shrink` x `shrink` places averaged to one.

    Shrinking is a departure that a CPU asks for: a network of pictures half as high and wide costs
    a quarter. What does not fill a block at a clip's end, or at the upper edge, is left out, unless
    the clip or the picture has nothing else. fixed: all clips have equally many rows and each row
    means something (an acoustic band); functionals are neither shrunk nor framed.
    """
    if table.lengths is None:
        values = table.values[rows].astype(np.float32)
        branch = Branch(rows=0, columns=values.shape[1])
        lengths = np.ones(len(rows), dtype=np.int64)
    else:
        clips = [shrunk(table.frames(row), shrink) for row in rows]
        values = np.concatenate(clips)
        lengths = np.array([len(one) for one in clips], dtype=np.int64)
        branch = Branch(rows=int(lengths[0]) if fixed else None, columns=values.shape[1])
    return Extracted(values=values, lengths=lengths, branch=branch)


def shrunk(picture: np.ndarray, by: int) -> np.ndarray:
    """Means of `by` x `by` places: (rows, columns) -> (max(1, rows // by), ...) float32.

    >>> shrunk(np.array([[1.0, 3.0, 9.0], [5.0, 7.0, 9.0], [0.0, 0.0, 0.0]]), 2).tolist()
    [[4.0]]
    """
    picture = np.asarray(picture, dtype=np.float32)
    for axis in (0, 1):
        size = picture.shape[axis]
        step = min(by, size)
        picture = np.moveaxis(picture, axis, 0)[: size // step * step]
        picture = picture.reshape(size // step, step, *picture.shape[1:]).mean(axis=1)
        picture = np.moveaxis(picture, 0, axis)
    return np.ascontiguousarray(picture)

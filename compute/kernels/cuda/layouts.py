"""Where things lie in a device's memory: the tables that the kernels read beside the HU.

Every label has an image, the HU of the smallest box around it, and a window, that box with a margin of one voxel on
every side, a bit a voxel, so that cells of its surface never leave the window. The tables are int64, and their columns
are the structs of the same names in gather.cu.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit

from compute.kernels.cuda.devices import SHARE_WORDS
from compute.kernels.runs import LABEL, ROW, START, STOP, Runs
from compute.kernels.volumes import Ints

# Columns of a window that say where its words and its image begin, and so move when layouts are joined.
_BEGINS = [0, 6]


@dataclass(frozen=True)
class Layout:
    """Tables for the n labels of a finding, or of some findings that follow one another."""

    label: Ints
    """(n,) ascending within a finding."""
    boxes: Ints
    """(n,2,3) half-open, z, y, x, in the volume; the images are these, in this order."""
    windows: Ints
    """(n,9)"""
    runs: Ints
    """(m,3)"""
    shares: Ints
    """(k,3) the blocks' parts of the work, none of more than SHARE_WORDS words."""
    words: int
    """Of all windows, 32 bits each."""

    @property
    def image_voxels(self) -> Ints:
        """(n,)"""
        voxels: Ints = np.prod(self.boxes[:, 1] - self.boxes[:, 0], axis=1)
        return voxels


def lay_out(runs: Runs, height: int) -> Layout:
    """Tables for one finding; no runs give no rows.

    Args:
        runs: (m,4) in the frame of the whole volume, in any order.
        height: the whole volume's extent along y.
    """
    label, which = np.unique(runs[:, LABEL], return_inverse=True)
    boxes = np.empty((len(label), 2, 3), np.int64)
    _grow_boxes(runs, which, height, boxes)
    image = boxes[:, 1] - boxes[:, 0]
    margin, extent = boxes[:, 0] - 1, image + 2
    words = -(-extent[:, 2] // 32)
    first_word = _starts(extent[:, 0] * extent[:, 1] * words)
    strides = np.stack([image[:, 1] * image[:, 2], image[:, 2]], axis=1)
    first_voxel = _starts(image.prod(axis=1))[:-1] - strides.sum(axis=1) - 1
    z, y = np.divmod(runs[:, ROW].astype(np.int64), height)
    row = first_word[which] + ((z - margin[which, 0]) * extent[which, 1] + y - margin[which, 1]) * words[which]
    return Layout(
        label.astype(np.int64),
        boxes,
        np.column_stack([first_word[:-1], words, extent[:, 1], margin, first_voxel, strides]),
        np.column_stack([row, runs[:, START : STOP + 1] - margin[which, 2:]]),
        _shares((extent[:, 0] - 1) * (extent[:, 1] - 1) * words),
        int(first_word[-1]),
    )


def join_layouts(layouts: Sequence[Layout]) -> Layout:
    """One layout of at least one finding, whose windows and images lie one behind another."""
    words, windows = _starts([each.words for each in layouts]), _starts([len(each.label) for each in layouts])
    begins = np.stack([words, _starts([each.image_voxels.sum() for each in layouts])], axis=1)
    return Layout(
        np.concatenate([each.label for each in layouts]),
        np.concatenate([each.boxes for each in layouts]),
        np.concatenate([_moved(each.windows, _BEGINS, begins[n]) for n, each in enumerate(layouts)]),
        np.concatenate([_moved(each.runs, [0], words[n]) for n, each in enumerate(layouts)]),
        np.concatenate([_moved(each.shares, [0], windows[n]) for n, each in enumerate(layouts)]),
        int(words[-1]),
    )


@njit(cache=True, nogil=True)
def _grow_boxes(runs: Runs, which: Ints, height: int, boxes: Ints) -> None:
    boxes[:, 0], boxes[:, 1] = np.iinfo(np.int64).max, 0
    for n in range(len(runs)):
        row, start, stop, _ = runs[n]
        z, y = row // height, row % height
        low, high = boxes[which[n]]
        low[0], low[1], low[2] = min(low[0], z), min(low[1], y), min(low[2], start)
        high[0], high[1], high[2] = max(high[0], z + 1), max(high[1], y + 1), max(high[2], stop)


def _shares(words: Ints) -> Ints:
    """Whole shares of each window's words, and what is left as another."""
    blocks = -(-words // SHARE_WORDS)
    window = np.repeat(np.arange(len(words)), blocks)
    first = (np.arange(len(window)) - _starts(blocks)[window]) * SHARE_WORDS
    return np.stack([window, first, np.minimum(first + SHARE_WORDS, words[window])], axis=1)


def _moved(table: Ints, columns: list[int], by: Ints | np.int64) -> Ints:
    moved = table.copy()
    moved[:, columns] += by
    return moved


def _starts(sizes: npt.ArrayLike) -> Ints:
    """Where each of n things begins, and where the last one ends, shape (n+1,)."""
    return np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])

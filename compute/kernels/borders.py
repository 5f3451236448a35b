"""Border voxels of a set: those that share a face with a voxel outside it, or with the outside of the volume."""

import numpy as np
import numpy.typing as npt
from numba import njit

from compute.kernels.runs import LABEL, ROW, START, STOP, Runs, join_runs
from compute.kernels.volumes import Ints, Triple


def border_voxels(runs: Runs, shape_zyx: Triple) -> Ints:
    """The border of the set of all labelled voxels, whatever their labels: (n,3) z, y, x in scanning order.

    A voxel whose six neighbours are all labelled is not of the border; one at the volume's edge always is. An empty
    table has no border.

    Args:
        runs: (n,4), in the frame of the whole volume.
        shape_zyx: the volume's shape.
    """
    if len(runs) == 0:
        return np.empty((0, 3), np.int64)
    union, low, box = _cropped(union_runs(runs), shape_zyx[1])
    border: Ints = _border(union, first_runs(union, box), *box)
    return border + low


def _cropped(runs: Runs, height: int) -> tuple[Runs, Ints, Triple]:
    """The runs in the frame of the smallest box around them, its first voxel, and its shape: no row beside it is seen.

    What lies beyond the box is not labelled, so that its edges are borders as the volume's are.
    """
    z, y = np.divmod(runs[:, ROW], height)
    low = np.array([z.min(), y.min(), runs[:, START].min()], np.int64)
    depth, rows, width = (np.array([z.max() + 1, y.max() + 1, runs[:, STOP].max()]) - low).tolist()
    cropped = runs.copy()
    cropped[:, ROW] = (z - low[0]) * rows + (y - low[1])
    cropped[:, START:LABEL] -= np.int32(low[2])
    return cropped, low, (depth, rows, width)


def union_runs(runs: Runs) -> Runs:
    """The runs of all labelled voxels as one label, 1."""
    flat = runs.copy()
    flat[:, LABEL] = 1
    return join_runs([flat])


def first_runs(runs: Runs, shape_zyx: Triple) -> Ints:
    """Where each row's runs begin, shape (rows + 1,): those of row r are `runs[first[r]:first[r + 1]]`."""
    rows = np.arange(shape_zyx[0] * shape_zyx[1] + 1, dtype=runs.dtype)
    return np.searchsorted(runs[:, ROW], rows).astype(np.int64)


@njit(cache=True, nogil=True)
def _border(runs: Runs, first: Ints, depth: int, height: int, width: int) -> Ints:
    border = np.empty((1024, 3), np.int64)
    count = 0
    covered = np.empty(width, np.uint8)
    for row in range(depth * height):
        if first[row] == first[row + 1]:
            continue
        z, y = divmod(row, height)
        _cover(runs, first, row, height, covered)
        while count + width > len(border):
            border = np.concatenate((border, np.empty_like(border)))
        for n in range(first[row], first[row + 1]):
            start, stop = runs[n, 1], runs[n, 2]
            for x in range(start, stop):
                if x == start or x == stop - 1 or covered[x] < 4:
                    border[count, 0], border[count, 1], border[count, 2] = z, y, x
                    count += 1
    return border[:count].copy()


@njit(cache=True, nogil=True)
def _cover(runs: Runs, first: Ints, row: int, height: int, covered: npt.NDArray[np.uint8]) -> None:
    """Count at each x how many of the four rows beside this one hold a voxel there."""
    covered[:] = 0
    z, y = divmod(row, height)
    for beside, exists in ((row - height, z > 0), (row + height, True), (row - 1, y > 0), (row + 1, y < height - 1)):
        if exists and beside < len(first) - 1:
            for n in range(first[beside], first[beside + 1]):
                for x in range(runs[n, 1], runs[n, 2]):
                    covered[x] += 1

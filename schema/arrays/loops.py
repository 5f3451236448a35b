"""The compiled loops behind `LabelRuns`. They trust their arguments and hold no interpreter lock."""

import numba
import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.unsignedinteger]
Runs = NDArray[np.uint32]


@numba.njit(cache=True, nogil=True)
def find_runs(labels: Labels, z0: int, y0: int, x0: int) -> Runs:
    """The runs of a dense crop (z, y, x) of unsigned labels that starts at voxel (z0, y0, x0)."""
    runs = np.empty((256, 5), np.uint32)
    count = 0
    for z in range(labels.shape[0]):
        for y in range(labels.shape[1]):
            row = labels[z, y]
            start = row.size if _is_background(row) else _next_label(row, 0)
            while start < row.size:
                stop = _run_stop(row, start)
                runs = _with_room(runs, count)
                run = runs[count]
                run[0], run[1], run[2] = z0 + z, y0 + y, x0 + start
                run[3], run[4] = x0 + stop, row[start]
                count += 1
                start = _next_label(row, stop)
    return runs[:count].copy()


@numba.njit(cache=True, nogil=True)
def _is_background(row: Labels) -> bool:
    # Kept in the labels' own width, and without a way out: so it becomes vector instructions, at memory speed.
    found = row.dtype.type(0)
    for x in range(row.size):
        found = row.dtype.type(found | row[x])
    return bool(found == 0)


@numba.njit(cache=True, nogil=True)
def _next_label(row: Labels, x: int) -> int:
    while x < row.size and row[x] == 0:
        x += 1
    return x


@numba.njit(cache=True, nogil=True)
def _run_stop(row: Labels, start: int) -> int:
    stop = start + 1
    while stop < row.size and row[stop] == row[start]:
        stop += 1
    return stop


@numba.njit(cache=True, nogil=True)
def _with_room(runs: Runs, count: int) -> Runs:
    if count < len(runs):
        return runs
    larger = np.empty((2 * len(runs), 5), np.uint32)
    larger[:count] = runs
    return larger


@numba.njit(cache=True, nogil=True)
def fill_runs(dense: Labels, runs: Runs, z0: int, y0: int, x0: int) -> None:
    """Write the runs' labels into `dense` (z, y, x), which starts at voxel (z0, y0, x0); what lies outside is left."""
    depth, height, width = dense.shape
    for index in range(len(runs)):
        z, y = int(runs[index, 0] - z0), int(runs[index, 1] - y0)
        if 0 <= z < depth and 0 <= y < height:
            start, stop = int(runs[index, 2] - x0), int(runs[index, 3] - x0)
            for x in range(max(start, 0), min(stop, width)):
                dense[z, y, x] = runs[index, 4]


@numba.njit(cache=True, nogil=True)
def mark_chunks(marks: NDArray[np.bool_], runs: Runs, size: int) -> None:
    """Set the marks (z, y, x) of the chunks, `size` voxels a side, that the runs touch."""
    for index in range(len(runs)):
        z, y = int(runs[index, 0]) // size, int(runs[index, 1]) // size
        for x in range(int(runs[index, 2]) // size, (int(runs[index, 3]) - 1) // size + 1):
            marks[z, y, x] = True


@numba.njit(cache=True, nogil=True)
def find_fault(runs: Runs, depth: int, height: int, width: int) -> int:
    """The first run that is empty, outside the shape, out of order or not maximal; -1 when all are right."""
    for index in range(len(runs)):
        z, y, start, stop, label = runs[index]
        if z >= depth or y >= height or start >= stop or stop > width or label == 0:
            return index
        if index > 0 and not _may_follow(runs[index - 1], runs[index]):
            return index
    return -1


@numba.njit(cache=True, nogil=True)
def _may_follow(before: Runs, run: Runs) -> bool:
    if before[0] != run[0]:
        return bool(before[0] < run[0])
    if before[1] != run[1]:
        return bool(before[1] < run[1])
    return bool(before[3] < run[2] or (before[3] == run[2] and before[4] != run[4]))

"""Labels as runs: every maximal stretch of one label along x, in scanning order.

A mask is nearly all background, so this is the one place that reads all of it; counts, moments, components and samples
start from the runs. Nothing is measured here.

A table of runs is an (n, 4) int32 array with the columns ROW (z * height + y), START and STOP (x, half-open) and LABEL,
sorted by ROW and then by START.
"""

from collections.abc import Iterator, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from numba import njit

from compute.kernels.volumes import Ints, Labels, Triple

Runs: TypeAlias = npt.NDArray[np.int32]

ROW, START, STOP, LABEL = range(4)

# One run costs 16 bytes and a slab holds at most one run a voxel: no table of a slab exceeds 64 MiB.
_SLAB_VOXELS = 1 << 22
# Long enough for SIMD registers to pay, short enough that a small lesion does not spoil much of a row.
_BLOCK = 64


def label_runs(labels_zyx: Labels, *, first_z: int = 0) -> Runs:
    """The runs of a (z,y,x) label array; an array without labels gives no rows.

    Args:
        labels_zyx: uint8 or uint16, 0 = background, in any memory layout and without a copy.
        first_z: added to z, for a slab of a larger array.
    """
    runs: Runs = _collect(labels_zyx, _labelled_rows(labels_zyx), first_z * labels_zyx.shape[1])
    return runs


def _labelled_rows(labels_zyx: Labels) -> Ints:
    """The rows, z * height + y, that may hold labels: told eight bytes at a time where the memory allows, else all."""
    depth, height, width = labels_zyx.shape
    if not labels_zyx.flags.c_contiguous or labels_zyx.size == 0 or width * labels_zyx.itemsize % 8:
        return np.arange(depth * height)
    return np.flatnonzero(_rows_with_labels(labels_zyx.reshape(depth * height, width).view(np.uint64)))


def iter_runs(labels_zyx: Labels) -> Iterator[Runs]:
    """The runs of a label array slab after slab along z, so that the noisiest mask needs little memory."""
    depth, height, width = labels_zyx.shape
    step = max(1, _SLAB_VOXELS // max(1, height * width))
    for z in range(0, depth, step):
        yield label_runs(labels_zyx[z : z + step], first_z=z)


def runs_by_label(runs: Runs) -> list[tuple[int, Runs]]:
    """Each label that occurs, ascending, with its own runs, still in scanning order."""
    ordered = runs[np.argsort(runs[:, LABEL], kind="stable")]
    labels, first = np.unique(ordered[:, LABEL], return_index=True)
    parts = np.split(ordered, first)[1:]
    return list(zip(labels.tolist(), parts, strict=True))


def place_runs(runs: Runs, shape_zyx: Triple, *, origin_zyx: Triple, volume_zyx: Triple) -> Runs:
    """The runs of a crop of `shape_zyx` as those of the volume in which its first voxel stands at `origin_zyx`."""
    (z, y, x), height = origin_zyx, shape_zyx[1]
    placed = runs + np.array([0, x, x, 0], np.int32)
    placed[:, ROW] = (runs[:, ROW] // height + z) * volume_zyx[1] + runs[:, ROW] % height + y
    return placed


def join_runs(parts: Sequence[Runs]) -> Runs:
    """One table from the runs of parts that tile a volume, in any order: runs that were cut apart are whole again."""
    runs = np.concatenate([np.empty((0, 4), np.int32), *parts])
    runs = runs[np.lexsort((runs[:, START], runs[:, ROW]))]
    before, after = runs[:-1], runs[1:]
    cut = (before[:, [ROW, LABEL, STOP]] == after[:, [ROW, LABEL, START]]).all(axis=1)
    joined: Runs = runs[np.concatenate([[True], ~cut])[: len(runs)]]
    joined[:, STOP] = runs[np.concatenate([~cut, [True]])[: len(runs)], STOP]
    return joined


def labels_at(runs: Runs, voxels_zyx: Ints, shape_zyx: Triple) -> npt.NDArray[np.int32]:
    """The labels of voxels (n,3) z, y, x of the volume, shape (n,); 0 where there is none. Found by bisection."""
    _, height, width = shape_zyx
    z, y, x = voxels_zyx.T
    row = z * height + y
    first = runs[:, ROW].astype(np.int64) * width + runs[:, START]
    run = np.searchsorted(first, row * width + x, side="right") - 1
    if len(runs) == 0:
        return np.zeros(len(voxels_zyx), np.int32)
    covered = (run >= 0) & (runs[run, ROW] == row) & (x < runs[run, STOP])
    return np.where(covered, runs[run, LABEL], 0).astype(np.int32)


def voxels_of(runs: Runs, height: int) -> Ints:
    """Every voxel of the runs, (n,3) z, y, x, run by run."""
    lengths = run_lengths(runs)
    within = np.arange(lengths.sum(dtype=np.int64)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    z, y = np.divmod(np.repeat(runs[:, ROW], lengths).astype(np.int64), height)
    return np.stack([z, y, np.repeat(runs[:, START], lengths) + within], axis=1)


def run_lengths(runs: Runs) -> npt.NDArray[np.int32]:
    """Voxels of each run, shape (n,)."""
    return runs[:, STOP] - runs[:, START]


# No compiled function here calls one of another file: numba's cache would not notice a change over there.
@njit(cache=True, nogil=True)
def _rows_with_labels(words: npt.NDArray[np.uint64]) -> npt.NDArray[np.bool_]:
    labelled = np.empty(len(words), np.bool_)
    for n in range(len(words)):
        seen = np.uint64(0)
        for word in words[n]:
            seen |= word
        labelled[n] = seen != 0
    return labelled


@njit(cache=True, nogil=True)
def _collect(labels: Labels, rows: Ints, first_row: int) -> Runs:
    height = labels.shape[1]
    runs = np.empty((256, 4), np.int32)
    count = 0
    for place in rows:
        row = labels[place // height, place % height]
        x = _next_labelled(row, 0)
        while x < row.size:
            stop = _run_end(row, x)
            if count == len(runs):
                runs = _doubled(runs)
            _put(runs[count], first_row + place, x, stop, row[x])
            count += 1
            x = _next_labelled(row, stop)
    return runs[:count]


@njit(cache=True, nogil=True)
def _next_labelled(row: npt.NDArray[np.uint16], x: int) -> int:
    while x + _BLOCK <= row.size and not _any_labelled(row, x):
        x += _BLOCK
    while x < row.size and row[x] == 0:
        x += 1
    return x


@njit(cache=True, nogil=True)
def _any_labelled(row: npt.NDArray[np.uint16], x: int) -> bool:
    # Kept in the labels' own width: widened to 64 bits, the loop is five times slower.
    seen = row.dtype.type(0)
    for value in row[x : x + _BLOCK]:
        seen = row.dtype.type(seen | value)
    return bool(seen != 0)


@njit(cache=True, nogil=True)
def _run_end(row: npt.NDArray[np.uint16], x: int) -> int:
    label = row[x]
    while x < row.size and row[x] == label:
        x += 1
    return x


@njit(cache=True, nogil=True)
def _put(run: Runs, row: int, start: int, stop: int, label: int) -> None:
    run[0], run[1], run[2], run[3] = row, start, stop, label


@njit(cache=True, nogil=True)
def _doubled(runs: Runs) -> Runs:
    larger = np.empty((2 * len(runs), 4), np.int32)
    larger[: len(runs)] = runs
    return larger

"""Count, box, centroid and second central moments of every label, from integer sums. No HU and no millimetres here."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit

from compute.kernels.runs import Runs, iter_runs
from compute.kernels.volumes import Floats, Ints, Labels, Triple


@dataclass(frozen=True)
class Moments:
    """One row for each of n present labels, ascending by label; vectors are (z,y,x) in voxels of the origin's frame."""

    label: Ints
    """(n,)"""
    voxels: Ints
    """(n,)"""
    box_min_zyx: Ints
    """(n,3), inclusive."""
    box_max_zyx: Ints
    """(n,3), exclusive."""
    centroid_zyx: Floats
    """(n,3), the mean of the voxels' indices: a voxel's centre is its index."""
    second_moments_zyx: Floats
    """(n,3,3) in voxels squared, about the centroid, divided by the count (the population's covariance)."""


def label_moments(labels_zyx: Labels, *, origin_zyx: Triple = (0, 0, 0)) -> Moments:
    """Moments of the labels in a (z,y,x) array whose first voxel stands at `origin_zyx`; no labels give no rows.

    Every float is the correctly rounded quotient of exact integers, so it does not depend on the crop.
    """
    gram, boxes = _sums(labels_zyx)
    present = np.flatnonzero(gram[:, 0, 0])
    gram, boxes = gram[present], boxes[present]
    origin = np.asarray(origin_zyx, np.int64)
    return Moments(
        label=present.astype(np.int64),
        voxels=gram[:, 0, 0].copy(),
        box_min_zyx=boxes[:, 0] + origin,
        box_max_zyx=boxes[:, 1] + origin,
        centroid_zyx=_centroids(gram, origin),
        second_moments_zyx=_central(gram),
    )


def _sums(labels_zyx: Labels) -> tuple[Ints, Ints]:
    # Indexed by the label itself; pages of labels that do not occur are never touched.
    values = int(np.iinfo(labels_zyx.dtype).max) + 1
    gram = np.zeros((values, 4, 4), np.int64)
    boxes = np.zeros((values, 2, 3), np.int64)
    height = labels_zyx.shape[1]
    for runs in iter_runs(labels_zyx):
        _grow_boxes(runs, height, boxes)
        _add_gram(runs, height, gram)
    return gram, boxes


def _centroids(gram: Ints, origin: Ints) -> Floats:
    # Python's integers: sums times counts pass 2**63 in a filled volume, and their division rounds once.
    count, first = gram[:, :1, 0].astype(object), gram[:, 0, 1:].astype(object)
    return _floats((first + count * origin.astype(object)) / count)


def _central(gram: Ints) -> Floats:
    exact = gram.astype(object)
    count, first, second = exact[:, :1, :1], exact[:, 0, 1:], exact[:, 1:, 1:]
    return _floats((count * second - first[:, :, None] * first[:, None, :]) / (count * count))


def _floats(exact: npt.NDArray[np.object_]) -> Floats:
    return exact.astype(np.float64)


@njit(cache=True, nogil=True)
def _grow_boxes(runs: Runs, height: int, boxes: Ints) -> None:
    for row, start, stop, label in runs:
        z, y = row // height, row % height
        low, high = boxes[label]
        if high[0] == 0:
            low[0], low[1], low[2] = z, y, start
        low[0], low[1], low[2] = min(low[0], z), min(low[1], y), min(low[2], start)
        high[0], high[1], high[2] = max(high[0], z + 1), max(high[1], y + 1), max(high[2], stop)


@njit(cache=True, nogil=True)
def _add_gram(runs: Runs, height: int, gram: Ints) -> None:
    """Add p pᵀ of every voxel, p = (1, z, y, x): the sums over x of a run have a closed form."""
    for row, start, stop, label in runs:
        z, y, n = row // height, row % height, np.int64(stop - start)
        x = n * (start + stop - 1) // 2
        xx = _squares_below(stop) - _squares_below(start)
        _add_run(gram[label], (z, y), (n, x, xx))


@njit(cache=True, nogil=True)
def _squares_below(x: int) -> np.int64:
    wide = np.int64(x)
    return (wide - 1) * wide * (2 * wide - 1) // 6


@njit(cache=True, nogil=True)
def _add_run(gram: Ints, row: tuple[int, int], powers: tuple[int, int, int]) -> None:
    z, y = row
    n, x, xx = powers
    ones = np.array([n, n * z, n * y, x])
    gram[0] += ones
    gram[1] += z * ones
    gram[2] += y * ones
    gram[3] += np.array([x, z * x, y * x, xx])

"""Count, box, centroid and second central moments of every label, from integer sums. No HU and no millimetres here."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit

from compute.kernels.runs import LABEL, Runs
from compute.kernels.volumes import Floats, Ints


@dataclass(frozen=True)
class Moments:
    """One row for each of n present labels, ascending by label; vectors are (z,y,x) in voxels."""

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


@dataclass(frozen=True)
class MomentSums:
    """Integer sums over the voxels of n labels, ascending by label; those of parts of an array add up."""

    label: Ints
    """(n,)"""
    gram: Ints
    """(n,4,4), the sum of p pᵀ over a label's voxels, p = (1, z, y, x)."""
    boxes: Ints
    """(n,2,3), the lowest index and one past the highest, z, y, x."""


def label_moments(runs: Runs, height: int) -> Moments:
    """Moments of the labels in a table of runs; no runs give no rows.

    Every float is the correctly rounded quotient of exact integers, so it does not depend on the crop.

    Args:
        runs: (n,4), in the frame that the moments will have.
        height: the extent along y by which ROW divides into z and y.
    """
    return moments_of(moment_sums(runs, height))


def moment_sums(runs: Runs, height: int) -> MomentSums:
    """The sums from which `moments_of` derives every moment.

    They are exact in 64 bits for volumes of up to 2,048 voxels along each side.
    """
    label, which = np.unique(runs[:, LABEL], return_inverse=True)
    gram = np.zeros((len(label), 4, 4), np.int64)
    boxes = np.zeros((len(label), 2, 3), np.int64)
    _grow_boxes(runs, which, height, boxes)
    _add_gram(runs, which, height, gram)
    return MomentSums(label.astype(np.int64), gram, boxes)


def moments_of(sums: MomentSums) -> Moments:
    """Moments from sums, one row for each of theirs."""
    return Moments(
        label=sums.label,
        voxels=sums.gram[:, 0, 0].copy(),
        box_min_zyx=sums.boxes[:, 0].copy(),
        box_max_zyx=sums.boxes[:, 1].copy(),
        centroid_zyx=_centroids(sums.gram),
        second_moments_zyx=_central(sums.gram),
    )


def _centroids(gram: Ints) -> Floats:
    # Python's integers: their division rounds once.
    return _floats(gram[:, 0, 1:].astype(object) / gram[:, :1, 0].astype(object))


def _central(gram: Ints) -> Floats:
    exact = gram.astype(object)
    # Sums times counts pass 2**63 in a filled volume.
    count, first, second = exact[:, :1, :1], exact[:, 0, 1:], exact[:, 1:, 1:]
    return _floats((count * second - first[:, :, None] * first[:, None, :]) / (count * count))


def _floats(exact: npt.NDArray[np.object_]) -> Floats:
    return exact.astype(np.float64)


@njit(cache=True, nogil=True)
def _grow_boxes(runs: Runs, which: Ints, height: int, boxes: Ints) -> None:
    for n in range(len(runs)):
        row, start, stop, _ = runs[n]
        z, y = row // height, row % height
        low, high = boxes[which[n]]
        if high[0] == 0:
            low[0], low[1], low[2] = z, y, start
        low[0], low[1], low[2] = min(low[0], z), min(low[1], y), min(low[2], start)
        high[0], high[1], high[2] = max(high[0], z + 1), max(high[1], y + 1), max(high[2], stop)


@njit(cache=True, nogil=True)
def _add_gram(runs: Runs, which: Ints, height: int, gram: Ints) -> None:
    """Add p pᵀ of every voxel: the sums over x of a run have a closed form."""
    for n in range(len(runs)):
        row, start, stop, _ = runs[n]
        z, y, count = row // height, row % height, np.int64(stop - start)
        x = count * (start + stop - 1) // 2
        xx = _squares_below(stop) - _squares_below(start)
        _add_run(gram[which[n]], (z, y), (count, x, xx))


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

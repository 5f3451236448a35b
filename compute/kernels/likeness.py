"""How alike two masks of one volume are when the first is read another way: mirrored, with axes swapped, or moved.

Intersection over union of all labelled voxels, whatever their labels. Of a large mask some voxels stand for all.
"""

from dataclasses import dataclass

import numpy as np

from compute.kernels.readings import Reading, readings_of
from compute.kernels.runs import Runs, labels_at, run_lengths, voxels_of
from compute.kernels.samples import voxels_inside
from compute.kernels.volumes import Ints, Triple

LIMIT = 20_000
"""Up to so many voxels a mask is looked at whole."""


@dataclass(frozen=True)
class ReadingLikeness:
    """A reading of the first mask, and how alike it makes the two."""

    reading: Reading
    iou: float


@dataclass(frozen=True)
class MoveLikeness:
    """A move of the first mask by whole voxels (i, j, k), and how alike it makes the two."""

    voxels_ijk: Triple
    iou: float


def likeness_of_readings(runs: Runs, others: Runs, shape_zyx: Triple, *, seed: int = 0) -> tuple[ReadingLikeness, ...]:
    """Every reading that keeps the array's shape, as stored first.

    Args:
        runs: (n,4), of the mask that is read in other ways.
        others: (m,4), of the mask that stays as it is.
        shape_zyx: of both.
        seed: of NumPy's default generator.

    Returns:
        IoU of 0 where one mask is empty and the other is not, 1 where both are.
    """
    voxels = _some_voxels(runs, shape_zyx[1], seed)
    return tuple(
        ReadingLikeness(reading, _iou(runs, others, reading.of(voxels, shape_zyx), shape_zyx))
        for reading in readings_of(shape_zyx)
    )


def likeness_of_moves(runs: Runs, others: Runs, shape_zyx: Triple, *, seed: int = 0) -> MoveLikeness | None:
    """The most alike of the moves that bring the masks' boxes or centres together; None where there is none.

    Arguments as for `likeness_of_readings`. What is moved out of the volume is not alike.
    """
    if not len(runs) or not len(others):
        return None
    voxels = _some_voxels(runs, shape_zyx[1], seed)
    there = _some_voxels(others, shape_zyx[1], seed)
    low, high, centre = there.min(axis=0), there.max(axis=0), there.mean(axis=0)
    moves = np.rint([low - voxels.min(axis=0), high - voxels.max(axis=0), centre - voxels.mean(axis=0)])
    found = [
        MoveLikeness((int(x), int(y), int(z)), _iou(runs, others, voxels + np.array([z, y, x]), shape_zyx))
        for z, y, x in moves.astype(np.int64)
        if (z, y, x) != (0, 0, 0)
    ]
    return max(found, key=lambda each: each.iou, default=None)


def _some_voxels(runs: Runs, height: int, seed: int) -> Ints:
    if len(runs) == 0 or _count(runs) <= LIMIT:
        return voxels_of(runs, height)
    return voxels_inside(runs, height, LIMIT, np.random.default_rng(seed))


def _iou(runs: Runs, others: Runs, voxels_zyx: Ints, shape_zyx: Triple) -> float:
    if not len(runs) or not len(others):
        return float(len(runs) == len(others))
    within = ((voxels_zyx >= 0) & (voxels_zyx < shape_zyx)).all(axis=1)
    hit = np.count_nonzero(labels_at(others, voxels_zyx[within], shape_zyx))
    common = hit / len(voxels_zyx) * _count(runs)
    return float(common / (_count(runs) + _count(others) - common))


def _count(runs: Runs) -> int:
    return int(run_lengths(runs).sum(dtype=np.int64))

"""Whole planes of a volume that are labelled throughout: a fault of masks, never a lesion."""

import numpy as np
import numpy.typing as npt
from numba import njit

from compute.kernels.runs import Runs, iter_runs
from compute.kernels.volumes import Ints, Labels, Triple, check_inside, check_labels


def filled_planes(
    labels_zyx: npt.NDArray[np.generic], *, origin_zyx: Triple = (0, 0, 0), shape_zyx: Triple | None = None
) -> list[tuple[int, int]]:
    """Planes of the whole volume of which every voxel has a label, as (axis, index), ascending.

    Args:
        labels_zyx: (z,y,x), uint8, uint16 or bool, 0 = background; the volume, or a crop that holds all its labels.
        origin_zyx: where the crop's first voxel stands in the volume.
        shape_zyx: the volume's shape; the array's own without it.

    Returns:
        Axis 0, 1, 2 = z, y, x across the plane, and the index along it in the volume. Empty without labels.

    Raises:
        ValueError: not three axes, another dtype, or a crop that leaves the volume.
    """
    labels = check_labels(labels_zyx)
    volume = shape_zyx or _triple(labels.shape)
    check_inside(labels.shape, origin_zyx=origin_zyx, volume_zyx=volume)
    counts = _plane_counts(labels)
    planes = []
    for axis, whole in enumerate(_plane_sizes(volume)):
        full = np.flatnonzero((counts[axis] == whole) & (counts[axis] > 0))
        planes += [(axis, int(index) + origin_zyx[axis]) for index in full]
    return planes


def _triple(shape: tuple[int, ...]) -> Triple:
    depth, height, width = shape
    return depth, height, width


def _plane_sizes(volume: Triple) -> Triple:
    depth, height, width = volume
    return height * width, depth * width, depth * height


def _plane_counts(labels: Labels) -> tuple[Ints, Ints, Ints]:
    depth, height, width = labels.shape
    along_z, along_y, along_x = np.zeros(depth, np.int64), np.zeros(height, np.int64), np.zeros(width + 1, np.int64)
    for runs in iter_runs(labels):
        _add_planes(runs, along_z, along_y, along_x)
    return along_z, along_y, np.cumsum(along_x[:-1])


@njit(cache=True, nogil=True)
def _add_planes(runs: Runs, along_z: Ints, along_y: Ints, steps_x: Ints) -> None:
    """Add the runs' voxels to their planes; along x only the steps up and down, whose running sum is the count."""
    height = len(along_y)
    for row, start, stop, _ in runs:
        along_z[row // height] += stop - start
        along_y[row % height] += stop - start
        steps_x[start] += 1
        steps_x[stop] -= 1

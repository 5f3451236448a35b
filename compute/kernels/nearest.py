"""The distance from each of many voxels to the nearest of others: exact, and fast where both are surfaces.

Both sets are parted by a grid of cubes of voxels. Two boxes around the voxels of two cubes bound the distances between
them from below and above, so that few pairs of cubes are looked at voxel by voxel; a search tree walks down anew for
each voxel instead, the longer the farther the nearest is.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from compute.kernels.volumes import Floats, Ints

_SIDE = 8
"""Voxels along a cube: of 4, 6, 8, 12 and 16 the best on large borders, and hardly worse than 6 on small ones."""


class Blocks(NamedTuple):
    """n voxels parted by b cubes of the grid, cube by cube."""

    order: Ints
    """(n,) where each voxel was among those given."""
    first: Ints
    """(b+1,) where each cube's voxels begin."""
    points_mm: Floats
    """(3,n)"""
    low_mm: Floats
    """(3,b) the least corner of the box around each cube's voxels."""
    high_mm: Floats
    """(3,b) the greatest corner."""


def part_voxels(voxels_zyx: Ints, steps_mm: Floats) -> Blocks:
    """Part voxels for `nearest_mm`.

    Args:
        voxels_zyx: (n,3) z, y, x, none of them negative; at least one.
        steps_mm: (3,3), rows the vectors in mm from a voxel to the next along z, y and x; they may be oblique.
    """
    cubes = voxels_zyx // _SIDE
    place = np.ravel_multi_index(tuple(cubes.T), tuple(cubes.max(axis=0) + 1))
    order = np.argsort(place, kind="stable")
    first = np.flatnonzero(np.diff(place[order], prepend=-1))
    points = np.ascontiguousarray((voxels_zyx[order] @ steps_mm).T)
    low, high = (function.reduceat(points, first, axis=1) for function in (np.minimum, np.maximum))
    return Blocks(order, np.append(first, len(voxels_zyx)), points, low, high)


def nearest_mm(voxels: Blocks, others: Blocks) -> Floats:
    """The distance in mm from each voxel to the nearest of the others, shape (n,), in the order they were given."""
    squares = np.full(len(voxels.order), np.inf)
    _search(voxels, others, squares)
    distances = np.empty_like(squares)
    distances[voxels.order] = np.sqrt(squares)
    return distances


@njit(cache=True, nogil=True)
def _search(voxels: Blocks, others: Blocks, squares: Floats) -> None:
    """Lower the squares to those of the distances."""
    least = np.empty(len(others.first) - 1)
    for block in range(len(voxels.first) - 1):
        bound = _bounds(voxels.low_mm[:, block], voxels.high_mm[:, block], others.low_mm, others.high_mm, least)
        for other in range(len(least)):
            if least[other] > bound:
                continue
            start, stop = others.first[other], others.first[other + 1]
            for n in range(voxels.first[block], voxels.first[block + 1]):
                point = (voxels.points_mm[0, n], voxels.points_mm[1, n], voxels.points_mm[2, n])
                if _square_to_box(point, others.low_mm, others.high_mm, other) < squares[n]:
                    squares[n] = _nearest_square(point, others.points_mm, start, stop, squares[n])


@njit(cache=True, nogil=True)
def _bounds(low: Floats, high: Floats, other_low: Floats, other_high: Floats, least: Floats) -> float:
    """Set the least squared distance to each other box; give one that no point's nearest exceeds, for the rounding."""
    bound = np.inf
    for other in range(len(least)):
        near, far = 0.0, 0.0
        for axis in range(3):
            ahead, behind = other_low[axis, other] - high[axis], low[axis] - other_high[axis, other]
            near += max(0.0, ahead, behind) ** 2
            far += max(other_high[axis, other] - low[axis], high[axis] - other_low[axis, other]) ** 2
        least[other] = near
        bound = min(bound, far)
    return bound * (1 + 1e-12)


@njit(cache=True, nogil=True)
def _square_to_box(point: tuple[float, float, float], low: Floats, high: Floats, box: int) -> float:
    square = 0.0
    for axis in range(3):
        square += max(0.0, low[axis, box] - point[axis], point[axis] - high[axis, box]) ** 2
    return square


# Without NaN and signed zeros, of which there are none, the least is found several voxels at a time.
@njit(cache=True, nogil=True, fastmath={"nnan", "nsz"})
def _nearest_square(point: tuple[float, float, float], others: Floats, start: int, stop: int, square: float) -> float:
    for n in range(start, stop):
        z, y, x = others[0, n] - point[0], others[1, n] - point[1], others[2, n] - point[2]
        square = min(square, z * z + y * y + x * x)
    return square

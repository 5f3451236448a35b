"""Surface area and volume of the marching-cubes mesh around one entity, from how often each case of a cell occurs.

The cases are counted from runs, in integers that do not depend on any order; millimetres come last. The mesh reaches
half a voxel beyond the outermost voxel centres, at the border of the volume too, where it is closed. Which mesh it is
says compute.kernels.cells.
"""

from functools import lru_cache

import numpy as np
import numpy.typing as npt
from numba import njit

from compute.kernels.cells import CASES, VOLUME_PARTS, cell_triangles, cell_volumes
from compute.kernels.runs import ROW, START, STOP, Runs
from compute.kernels.volumes import Floats, Ints

# From the four rows of a window, bit dz * 2 + dy, to the corners of a cell, bit dz * 4 + dy * 2 + dx with dx = 0.
_CORNERS = np.array([sum((rows >> n & 1) << 2 * n for n in range(4)) for rows in range(16)])


def mesh_cases(runs: Runs, height: int) -> Ints:
    """How many cells of one entity's mesh are of each case, shape (256,); no runs give zeros.

    Case 255, a cell inside the mesh, counts; case 0, the outside without end, does not. Work grows with the runs and
    the rows of the entity's box, memory with those rows.

    Args:
        runs: the table of one entity's runs.
        height: the volume's extent along y.
    """
    cases = np.zeros(CASES, np.int64)
    if len(runs):
        first, width = _first_ends(runs[:, ROW], height)
        _count_cases(runs[:, START : STOP + 1].ravel(), first, width, _CORNERS, cases)
    cases[0] = 0
    return cases


def mesh_area_mm2(cases: Ints, steps_mm: Floats) -> Floats:
    """Surface area of the mesh in mm²: the sum of its triangles' areas. IBSI C0JK, surface area (mesh).

    One cubic voxel of 1 mm gives √3: an octahedron's. 0 without voxels. Areas are taken in millimetres, so they hold
    under anisotropy and shear.

    Args:
        cases: (...,256), from `mesh_cases`.
        steps_mm: (3,3), rows = one step along z, y and x in mm.

    Returns:
        Shape (...).
    """
    return _total(cases, _areas_mm2(steps_mm))


def mesh_volume_mm3(cases: Ints, steps_mm: Floats) -> Floats:
    """Volume inside the mesh in mm³, below that of the voxels, since edges are cut off. IBSI RNU0, volume (mesh).

    One voxel gives a sixth of its volume. 0 without voxels. The volume in voxels is an exact fraction, and is
    multiplied by |det steps|.

    Args:
        cases: (...,256), from `mesh_cases`.
        steps_mm: (3,3), rows = one step along z, y and x in mm.

    Returns:
        Shape (...).
    """
    voxel_mm3 = abs(np.linalg.det(steps_mm))
    return np.asarray(_total(cases, cell_volumes()) / VOLUME_PARTS * voxel_mm3)


def sphericity(area_mm2: npt.ArrayLike, volume_mm3: npt.ArrayLike) -> Floats:
    """(36 π V²)^(1/3) / A, without unit: 1 for a ball, less for all else. IBSI QCFX, sphericity.

    One cubic voxel gives π^(1/3) / √3. A ball of voxels stays below 1 at any size, since the mesh keeps its stairs. NaN
    where there is no surface. Shapes broadcast.
    """
    area, volume = np.asarray(area_mm2, np.float64), np.asarray(volume_mm3, np.float64)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.cbrt(36 * np.pi * volume**2) / area)


def _total(cases: Ints, each: Floats | Ints) -> Floats:
    # Summed row by row, not as a matrix product: a row's sum must not depend on its neighbours.
    return np.asarray((cases * each).sum(axis=-1), np.float64)


def _areas_mm2(steps_mm: Floats) -> Floats:
    return _areas_of_steps(tuple(np.asarray(steps_mm, np.float64).ravel().tolist()))


@lru_cache(maxsize=64)
def _areas_of_steps(steps_mm: tuple[float, ...]) -> Floats:
    triangles = cell_triangles()
    sides = np.diff(triangles.corners_zyx @ np.reshape(steps_mm, (3, 3)), axis=1)
    areas = np.linalg.norm(np.cross(sides[:, 0], sides[:, 1]), axis=1) / 2
    return np.asarray(np.bincount(triangles.case, triangles.weight * areas, CASES))


def _first_ends(row: npt.NDArray[np.int32], height: int) -> tuple[Ints, int]:
    """Where the ends of the runs begin in each row of the box with an empty row around, and the rows of a plane.

    A run has two ends, so row r owns those from first[r] to first[r + 1].
    """
    z, y = np.divmod(row.astype(np.int64), height)
    width = int(y.max() - y.min()) + 3
    depth = int(z[-1] - z[0]) + 3
    counts = np.bincount((z - z[0] + 1) * width + y - y.min() + 1, minlength=depth * width)
    return np.concatenate([[0], 2 * np.cumsum(counts)]), width


@njit(cache=True, nogil=True)
def _count_cases(ends: npt.NDArray[np.int32], first: Ints, width: int, corners: Ints, cases: Ints) -> None:
    at, stop = np.empty(4, np.int64), np.empty(4, np.int64)
    for row in range(len(first) - width - 2):
        if first[row] == first[row + 2] and first[row + width] == first[row + width + 2]:
            continue
        for n in range(4):
            one = row + n // 2 * width + n % 2
            at[n], stop[n] = first[one], first[one + 1]
        _count_window(ends, at, stop, corners, cases)


@njit(cache=True, nogil=True)
def _count_window(ends: npt.NDArray[np.int32], at: Ints, stop: Ints, corners: Ints, cases: Ints) -> None:
    """Count the cells between four rows, from one end of a run to the next: between two ends all cells are alike."""
    rows, before = 0, 0
    while True:
        x = _next_end(ends, at, stop)
        if x < 0:
            return
        cases[corners[rows] * 3] += x - before - 1
        after = _turned(ends, at, stop, x, rows)
        cases[corners[rows] + 2 * corners[after]] += 1
        rows, before = after, x


@njit(cache=True, nogil=True)
def _next_end(ends: npt.NDArray[np.int32], at: Ints, stop: Ints) -> int:
    x = -1
    for n in range(4):
        if at[n] < stop[n] and (x < 0 or ends[at[n]] < x):
            x = ends[at[n]]
    return x


@njit(cache=True, nogil=True)
def _turned(ends: npt.NDArray[np.int32], at: Ints, stop: Ints, x: int, rows: int) -> int:
    """The rows that are inside behind x: every end of a run at x turns its row's bit."""
    for n in range(4):
        while at[n] < stop[n] and ends[at[n]] == x:
            rows ^= 1 << n
            at[n] += 1
    return rows

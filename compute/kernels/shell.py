"""The shell around an entity: which voxels are in it, and how the entity stands out against it."""

from dataclasses import dataclass
from math import sqrt
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from numba import njit

from compute.kernels.body import BodyOutline
from compute.kernels.runs import Runs
from compute.kernels.volumes import Floats, Image, Ints, Triple

SHELL_MM = 5.0
"""How far the shell reaches, where nobody asks for another."""

# Affines are often stored as float32: a voxel at the very rim shall not come and go with their rounding.
_SLACK_MM = 1e-6
# More than the intervals that can lie over one voxel: what is closed stays closed.
_CLOSED = 1 << 40

_Table: TypeAlias = npt.NDArray[np.int32]
# The volume's height, by which ROW counts, and where the crop's first voxel stands.
_Frame: TypeAlias = tuple[int, int, int, int]


@dataclass(frozen=True)
class ShellContrast:
    """One entity against its shell; the HU are None where the shell has no voxel."""

    voxels: int
    """Voxels of the shell."""
    hu_mean: float | None
    hu_std: float | None
    """The population's, divided by the count."""
    contrast: float | None
    """HU: the entity's mean less the shell's."""


def shell_box(
    box_zyx: tuple[Triple, Triple], *, shell_mm: float = SHELL_MM, steps_mm: Floats, shape_zyx: Triple
) -> tuple[Triple, Triple]:
    """The box (start, stop) that holds an entity's shell, cut off at the volume: what must be read for it.

    Args:
        box_zyx: the entity's box, half-open, in the volume.
        shell_mm: the shell's reach.
        steps_mm: (3,3), the vectors in mm of one step along z, y and x.
        shape_zyx: the volume's shape.
    """
    (z0, y0, x0), (z1, y1, x1) = box_zyx
    z, y, x = _reach_zyx(shell_mm, steps_mm)
    depth, height, width = shape_zyx
    start = max(z0 - z, 0), max(y0 - y, 0), max(x0 - x, 0)
    return start, (min(z1 + z, depth), min(y1 + y, height), min(x1 + x, width))


def shell_contrast(
    entity_runs: Runs,
    finding_runs: Runs,
    image_zyx: Image,
    *,
    height: int,
    origin_zyx: Triple,
    steps_mm: Floats,
    shell_mm: float = SHELL_MM,
    body: BodyOutline | None = None,
) -> ShellContrast:
    """Mean HU of an entity less that of the voxels around it.

    The shell's voxels have their centre at most `shell_mm` from the centre of one of the entity's voxels, exact in any
    affine, sheared ones too; they carry no label of the finding, and lie in the volume and between the body's ends.
    The means and std are roundings of exact values. Time grows with the entity's runs times the rows within reach of
    one of them, and with the voxels of the entity's box; beside the runs, a few rows and a table of the box's are held.

    Args:
        entity_runs: (m,4) of one label, m at least 1, in the frame of the whole volume.
        finding_runs: (n,4) of all labels of the finding, the entity's own too; all of it, or at least what lies in the
            crop.
        image_zyx: int16 HU, the crop of `shell_box` or a larger one, in any memory layout. What is not in it does not
            count: it should end there only where the volume does.
        height: the whole volume's extent along y, by which ROW counts.
        origin_zyx: where the crop's first voxel stands in the volume.
        steps_mm: (3,3), the vectors in mm of one step along z, y and x.
        shell_mm: the shell's reach; what is nearer than a millionth of a mm behind it still counts.
        body: the shell is cut off at its ends; None: it is not.

    Raises:
        ValueError: the entity leaves the crop.
    """
    frame = (height, *origin_zyx)
    first_run = np.zeros(image_zyx.shape[0] * image_zyx.shape[1] + 1, np.int32)
    if not _find_rows(entity_runs, image_zyx.shape, frame, first_run):
        raise ValueError(f"{len(entity_runs)} runs leave the crop of shape {image_zyx.shape} at {origin_zyx}")
    steps = _steps(shell_mm, steps_mm)
    ends = _ends(body, origin_zyx, image_zyx.shape)
    shell = _shell_sums(entity_runs, first_run, finding_runs, image_zyx, frame, steps, ends)
    entity = _sums_under(entity_runs, image_zyx, frame)
    return _contrast(entity, shell)


def _contrast(entity: tuple[int, int], shell: tuple[int, int, int]) -> ShellContrast:
    n, first, second = shell
    if n == 0:
        return ShellContrast(0, None, None, None)
    # Python's integers: the difference of the two products is exact, where 64 bits would overflow or cancel.
    std = sqrt((int(n) * int(second) - int(first) ** 2) / int(n) ** 2)
    return ShellContrast(n, first / n, std, entity[1] / entity[0] - first / n)


def _reach_zyx(shell_mm: float, steps_mm: Floats) -> Triple:
    """The most steps along each axis that may lead to a voxel within reach: those to the planes that touch the ball."""
    z, y, x = (shell_mm + _SLACK_MM) * np.linalg.norm(np.linalg.inv(steps_mm), axis=0)
    return int(z), int(y), int(x)


def _steps(shell_mm: float, steps_mm: Floats) -> _Table:
    """Rows (dz, dy, low, high): from a voxel the steps (dz, dy, low) to (dz, dy, high) stay within reach, no others.

    |dz z + dy y + dx x| <= reach, with the vectors z, y and x of one step, is a quadratic in dx.
    """
    reach_z, reach_y, _ = _reach_zyx(shell_mm, steps_mm)
    dz, dy = np.mgrid[-reach_z : reach_z + 1, -reach_y : reach_y + 1].reshape(2, -1)
    across = dz[:, None] * steps_mm[0] + dy[:, None] * steps_mm[1]
    square, half = steps_mm[2] @ steps_mm[2], across @ steps_mm[2]
    discriminant = half**2 - square * ((across**2).sum(axis=1) - (shell_mm + _SLACK_MM) ** 2)
    root = np.sqrt(np.maximum(discriminant, 0))
    low, high = np.ceil((-half - root) / square), np.floor((-half + root) / square)
    steps: _Table = np.stack([dz, dy, low, high], axis=1)[(discriminant >= 0) & (low <= high)].astype(np.int32)
    return steps


def _ends(body: BodyOutline | None, origin: Triple, shape: tuple[int, ...]) -> Ints:
    """First and last x of the crop's rows that count, in the crop, shape (z,y,2)."""
    depth, height, width = shape
    if body is None:
        return np.full((depth, height, 2), (0, width), np.int64)
    ends = body.ends_of_rows(first_zy=origin[:2], rows_zy=(depth, height)).astype(np.int64)
    return np.clip(ends - origin[2], 0, width)


@njit(cache=True, nogil=True)
def _find_rows(runs: Runs, shape: tuple[int, int, int], frame: _Frame, first_run: _Table) -> bool:
    """Fill in where the runs of each of the crop's rows begin; False where one leaves the crop."""
    height, z0, y0, x0 = frame
    for row, start, stop, _ in runs:
        z, y = row // height - z0, row % height - y0
        if min(z, y, start - x0) < 0 or z >= shape[0] or y >= shape[1] or stop - x0 > shape[2]:
            return False
        first_run[z * shape[1] + y + 1] += 1
    for row in range(1, len(first_run)):
        first_run[row] += first_run[row - 1]
    return True


@njit(cache=True, nogil=True)
def _sums_under(runs: Runs, image: Image, frame: _Frame) -> tuple[int, int]:
    """Count and sum."""
    height, z0, y0, x0 = frame
    voxels, total = 0, 0
    for row, start, stop, _ in runs:
        voxels += stop - start
        for hu in image[row // height - z0, row % height - y0, start - x0 : stop - x0]:
            total += hu
    return voxels, total


@njit(cache=True, nogil=True)
def _shell_sums(
    entity: Runs,
    first_run: _Table,
    finding: Runs,
    image: Image,
    frame: _Frame,
    steps: _Table,
    ends: Ints,
) -> tuple[int, int, int]:
    """Count, sum and sum of squares, row after row: what an interval adds where it begins it takes back at its end."""
    height, z0, y0, x0 = frame
    voxels, total, squares = 0, 0, 0
    rises = np.zeros(image.shape[2] + 1, np.int64)
    for z in range(image.shape[0]):
        for y in range(image.shape[1]):
            low, high = _open_reached(entity, first_run, image.shape, steps, (z, y, x0), rises)
            if low >= high:
                continue
            _close_labelled(finding, (z + z0) * height + y + y0, x0, (low, high), rises)
            _close(rises, low, min(ends[z, y, 0], high))
            _close(rises, max(ends[z, y, 1], low), high)
            level = 0
            for x in range(low, high):
                level += rises[x]
                rises[x] = 0
                if level > 0:
                    hu = int(image[z, y, x])
                    voxels, total, squares = voxels + 1, total + hu, squares + hu * hu
            rises[high] = 0
    return voxels, total, squares


@njit(cache=True, nogil=True)
def _open_reached(
    entity: Runs,
    first_run: _Table,
    shape: tuple[int, int, int],
    steps: _Table,
    row: tuple[int, int, int],
    rises: Ints,
) -> tuple[int, int]:
    """Open what the entity's runs reach in one row of the crop; the half-open range that holds all of it."""
    z, y, x0 = row
    lowest, highest = shape[2], 0
    for dz, dy, first, last in steps:
        from_z, from_y = z - dz, y - dy
        if not (0 <= from_z < shape[0] and 0 <= from_y < shape[1]):
            continue
        at = from_z * shape[1] + from_y
        for n in range(first_run[at], first_run[at + 1]):
            low = max(entity[n, 1] - x0 + first, 0)
            high = min(entity[n, 2] - x0 + last, shape[2])
            if low < high:
                rises[low] += 1
                rises[high] -= 1
                lowest, highest = min(lowest, low), max(highest, high)
    return lowest, highest


@njit(cache=True, nogil=True)
def _close_labelled(finding: Runs, row: int, x0: int, span: tuple[int, int], rises: Ints) -> None:
    n = _first_of_row(finding, row)
    while n < len(finding) and finding[n, 0] == row:
        _close(rises, max(finding[n, 1] - x0, span[0]), min(finding[n, 2] - x0, span[1]))
        n += 1


@njit(cache=True, nogil=True)
def _close(rises: Ints, low: int, high: int) -> None:
    if low < high:
        rises[low] -= _CLOSED
        rises[high] += _CLOSED


@njit(cache=True, nogil=True)
def _first_of_row(runs: Runs, row: int) -> int:
    low, high = 0, len(runs)
    while low < high:
        middle = (low + high) // 2
        if runs[middle, 0] < row:
            low = middle + 1
        else:
            high = middle
    return low

"""The body in a chest CT: the largest connected piece above air, seen on a coarse grid of rows."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from compute.kernels.components import component_roots
from compute.kernels.runs import ROW, START, STOP, Runs, label_runs, run_lengths
from compute.kernels.volumes import Image, Ints

AIR_BELOW_HU = -500
"""What is not above it counts as air, lung included."""

# Rows along y and z: fewer than all of them move the midline of a real chest by one voxel.
_ROWS_AN_AXIS = 128


@dataclass(frozen=True)
class Body:
    """Runs along x of the body; every x of a row is seen, of y and z only every `step_zy`-th from `first_zy` on."""

    runs: Runs
    """Rows counted on the grid, `grid_zy[1]` a slice; no runs where nothing is above air."""
    grid_zy: tuple[int, int]
    first_zy: tuple[int, int]
    step_zy: tuple[int, int]

    def rows_zy(self) -> Ints:
        """The z and y in the volume of each of n runs, shape (n,2)."""
        row = self.runs[:, ROW].astype(np.int64)
        on_grid: Ints = np.stack(np.divmod(row, self.grid_zy[1]), axis=1)
        return np.multiply(on_grid, self.step_zy, dtype=np.int64) + np.array(self.first_zy, np.int64)

    def spans(self, voxels_zyx: Ints) -> npt.NDArray[np.bool_]:
        """Which of the volume's voxels (n,3) stand between the body's ends in the row of the grid nearest to them.

        Lungs and airways are within, the air around the body is not.
        """
        nearest = np.rint((voxels_zyx[:, :2] - self.first_zy) / self.step_zy).astype(np.int64)
        z, y = np.clip(nearest, 0, np.array(self.grid_zy) - 1).T
        first, last = self._ends
        row, x = z * self.grid_zy[1] + y, voxels_zyx[:, 2]
        spanned: npt.NDArray[np.bool_] = (first[row] <= x) & (x < last[row])
        return spanned

    @cached_property
    def _ends(self) -> tuple[Ints, Ints]:
        """START of the first and STOP of the last run of every row; nothing lies between those of an empty one."""
        rows = self.grid_zy[0] * self.grid_zy[1]
        first, last = np.full(rows, np.iinfo(np.int64).max), np.zeros(rows, np.int64)
        np.minimum.at(first, self.runs[:, ROW], self.runs[:, START])
        np.maximum.at(last, self.runs[:, ROW], self.runs[:, STOP])
        return first, last


def find_body(image_zyx: Image) -> Body:
    """The largest component above -500 HU under the neighbourhood of 6 on the grid; the table is a smaller one.

    Args:
        image_zyx: (z,y,x) int16 HU with at least one voxel. At least 128 rows are seen along y and along z, all where
            there are fewer, so the cost is that of some thousands of rows at any resolution.
    """
    depth, height, _ = image_zyx.shape
    step_z, step_y = max(1, depth // _ROWS_AN_AXIS), max(1, height // _ROWS_AN_AXIS)
    first_z, first_y = step_z // 2, step_y // 2
    grid = image_zyx[first_z::step_z, first_y::step_y] > AIR_BELOW_HU
    runs = _largest(label_runs(grid.view(np.uint8)), grid.shape[1])
    return Body(runs, (grid.shape[0], grid.shape[1]), (first_z, first_y), (step_z, step_y))


def _largest(runs: Runs, height: int) -> Runs:
    if len(runs) == 0:
        return runs
    roots = component_roots(runs, height)
    largest: Runs = runs[roots == np.bincount(roots, weights=run_lengths(runs)).argmax()]
    return largest

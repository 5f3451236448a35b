"""The body in a chest CT: the largest connected piece above air, seen on a coarse grid of rows, and its outline."""

import struct
import zlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from compute.kernels.components import component_roots
from compute.kernels.runs import ROW, START, STOP, Runs, label_runs, run_lengths
from compute.kernels.volumes import Image, Ints

AIR_BELOW_HU = -500
"""What is not above it counts as air, lung included."""

# Rows along y and z: fewer than all of them move the midline of a real chest by one voxel.
_ROWS_AN_AXIS = 128
_KEPT_ROWS_AN_AXIS = 64

# Magic, format version, then (z,y) of the grid, of its first row and of its step. The ends follow, int16 under zlib.
_HEADER = struct.Struct("<4sH6I")
_MAGIC = b"GCBO"
_VERSION = 1


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


@dataclass(frozen=True)
class BodyOutline:
    """Where the body begins and ends along x, in rows of a grid; small enough to be kept beside a scan.

    Lungs and airways lie between the ends, the air around the body does not. A row off the grid has the ends of the
    nearest row on it.
    """

    ends: npt.NDArray[np.int16]
    """(z,y,2) on the grid: x of the first voxel and x behind the last one; 0 and 0 where a row has none of the body."""
    first_zy: tuple[int, int]
    step_zy: tuple[int, int]

    def spans(self, voxels_zyx: Ints) -> npt.NDArray[np.bool_]:
        """Which of the volume's voxels (n,3) stand between the ends of the row of the grid nearest to them."""
        z, y, x = voxels_zyx.T
        first, last = self.ends[self._nearest(z, axis=0), self._nearest(y, axis=1)].T
        spanned: npt.NDArray[np.bool_] = (first <= x) & (x < last)
        return spanned

    def voxels_within(self, runs: Runs, height: int) -> npt.NDArray[np.int64]:
        """How many voxels of each of n runs (n,4) `spans` tells, shape (n,); the volume has `height` rows a slice."""
        z, y = np.divmod(runs[:, ROW].astype(np.int64), height)
        first, last = self.ends[self._nearest(z, axis=0), self._nearest(y, axis=1)].T.astype(np.int64)
        within: npt.NDArray[np.int64] = np.minimum(runs[:, STOP], last) - np.maximum(runs[:, START], first)
        return np.maximum(within, 0)

    def ends_of_rows(self, *, first_zy: tuple[int, int], rows_zy: tuple[int, int]) -> npt.NDArray[np.int16]:
        """The ends that hold for the rows of a box in the volume, shape (*rows_zy, 2), with x counted in the volume."""
        z, y = (first + np.arange(rows) for first, rows in zip(first_zy, rows_zy, strict=True))
        rows: npt.NDArray[np.int16] = self.ends[self._nearest(z, axis=0)[:, None], self._nearest(y, axis=1)]
        return rows

    def to_bytes(self) -> bytes:
        """A few kilobytes that `from_bytes` reads, on any machine."""
        header = _HEADER.pack(_MAGIC, _VERSION, *self.ends.shape[:2], *self.first_zy, *self.step_zy)
        return header + zlib.compress(self.ends.astype("<i2").tobytes())

    @classmethod
    def from_bytes(cls, stored: bytes) -> "BodyOutline":
        """The outline that `to_bytes` gave.

        Raises:
            ValueError: these are other bytes, of a newer version, or not all of them.
        """
        try:
            magic, version, *numbers = _HEADER.unpack_from(stored)
            ends = np.frombuffer(zlib.decompress(stored[_HEADER.size :]), "<i2").astype(np.int16)
        except (struct.error, zlib.error) as error:
            raise ValueError(f"{len(stored)} bytes are no outline of a body: {error}") from error
        grid, first, step = (tuple(numbers[at : at + 2]) for at in (0, 2, 4))
        if (magic, version) != (_MAGIC, _VERSION) or ends.size != 2 * grid[0] * grid[1]:
            raise ValueError(f"{len(stored)} bytes are no outline of a body in version {_VERSION}")
        return cls(ends.reshape(*grid, 2), first, step)

    def _nearest(self, index: Ints, *, axis: int) -> Ints:
        nearest = np.rint((index - self.first_zy[axis]) / self.step_zy[axis]).astype(np.int64)
        on_grid: Ints = np.clip(nearest, 0, self.ends.shape[axis] - 1)
        return on_grid


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


def outline_of(body: Body, *, rows_an_axis: int = _KEPT_ROWS_AN_AXIS) -> BodyOutline:
    """The ends of the body's rows, on every row that was seen where it has no more of them, else on every n-th.

    Args:
        body: of a volume whose rows have fewer than 2**15 voxels.
        rows_an_axis: how many are kept along y, and along z, at most.
    """
    every_z, every_y = (-(-rows // rows_an_axis) for rows in body.grid_zy)
    skipped_z, skipped_y = every_z // 2, every_y // 2
    return BodyOutline(
        _ends(body)[skipped_z::every_z, skipped_y::every_y].copy(),
        (body.first_zy[0] + skipped_z * body.step_zy[0], body.first_zy[1] + skipped_y * body.step_zy[1]),
        (every_z * body.step_zy[0], every_y * body.step_zy[1]),
    )


def _ends(body: Body) -> npt.NDArray[np.int16]:
    """START of the first and STOP of the last run of every row on the grid, shape (z,y,2)."""
    ends = np.zeros((*body.grid_zy, 2), np.int16)
    rows = ends.reshape(-1, 2)
    # The runs of a row stand from left to right: of several assignments the last one holds.
    rows[body.runs[::-1, ROW], 0] = body.runs[::-1, START]
    rows[body.runs[:, ROW], 1] = body.runs[:, STOP]
    return ends


def _largest(runs: Runs, height: int) -> Runs:
    if len(runs) == 0:
        return runs
    roots = component_roots(runs, height)
    largest: Runs = runs[roots == np.bincount(roots, weights=run_lengths(runs)).argmax()]
    return largest

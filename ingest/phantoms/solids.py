"""Grids of voxel centres in millimetres and the solids drawn on them.

Everything here is in the body frame: LPS axes (x to the patient's left, y to the back, z to the head), millimetres
from the body's centre. Solids know where they are and nothing of what they are made of.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
Image = NDArray[np.float32]
Point = tuple[float, float, float]
Box = tuple[slice, slice, slice]
Bounds = tuple[Point, Point]


@dataclass(frozen=True)
class Grid:
    """Voxel centres along x, y and z: three ascending float32 vectors, in mm from the body's centre."""

    x_mm: Image
    y_mm: Image
    z_mm: Image

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of voxels along (x, y, z)."""
        return len(self.x_mm), len(self.y_mm), len(self.z_mm)

    @property
    def axes(self) -> tuple[Image, Image, Image]:
        """The three vectors shaped (n,1,1), (1,n,1) and (1,1,n), ready to broadcast."""
        return self.x_mm[:, None, None], self.y_mm[None, :, None], self.z_mm[None, None, :]

    def scaled(self, half_mm: Point) -> tuple[Image, Image, Image]:
        """The axes in units of the body's half sizes `half_mm`, so that the body spans [-1, 1]."""
        x, y, z = self.axes
        return x / np.float32(half_mm[0]), y / np.float32(half_mm[1]), z / np.float32(half_mm[2])

    def crop(self, bounds: Bounds) -> Box:
        """Slices of the voxels whose centres lie within `bounds` (low, high), in mm, both ends included."""
        low, high = bounds
        vectors = (self.x_mm, self.y_mm, self.z_mm)
        first = [int(np.searchsorted(v, a, "left")) for v, a in zip(vectors, low, strict=True)]
        last = [int(np.searchsorted(v, b, "right")) for v, b in zip(vectors, high, strict=True)]
        return slice(first[0], last[0]), slice(first[1], last[1]), slice(first[2], last[2])

    def __getitem__(self, box: Box) -> Grid:
        return Grid(self.x_mm[box[0]], self.y_mm[box[1]], self.z_mm[box[2]])


def make_grid(shape: tuple[int, int, int], spacing_mm: Point, shift_mm: Point = (0.0, 0.0, 0.0)) -> Grid:
    """Grid of `shape` voxels whose middle lies `shift_mm` away from the body's centre."""
    vectors = [
        ((np.arange(n) - (n - 1) / 2) * step + shift).astype(np.float32)
        for n, step, shift in zip(shape, spacing_mm, shift_mm, strict=True)
    ]
    return Grid(*vectors)


class Solid(Protocol):
    """A region of space that can say where it is."""

    def bounds(self) -> Bounds:
        """Corners (low, high) in mm of a box around the solid."""

    def contains(self, grid: Grid) -> Mask:
        """Which voxel centres of `grid` lie inside, shape (x, y, z)."""


@dataclass(frozen=True)
class Ellipsoid:
    """An ellipsoid turned by `turn` radians about z; `semi_mm` are its half axes."""

    centre: Point
    semi_mm: Point
    turn: float = 0.0

    def bounds(self) -> Bounds:
        """See `Solid`."""
        flat = max(self.semi_mm[0], self.semi_mm[1])
        return grow((self.centre, self.centre), (flat, flat, self.semi_mm[2]))

    def contains(self, grid: Grid) -> Mask:
        """See `Solid`."""
        x, y, z = offsets(grid, self.centre)
        cos, sin = np.float32(np.cos(self.turn)), np.float32(np.sin(self.turn))
        a, b, c = (np.float32(s) for s in self.semi_mm)
        flat = ((cos * x + sin * y) / a) ** 2 + ((cos * y - sin * x) / b) ** 2
        return np.asarray(flat + (z / c) ** 2 <= 1)


@dataclass(frozen=True)
class Tube:
    """A round-ended tube from `start` to `end` whose radius goes from `start_mm` to `end_mm`."""

    start: Point
    end: Point
    start_mm: float
    end_mm: float

    def bounds(self) -> Bounds:
        """See `Solid`."""
        pairs = list(zip(self.start, self.end, strict=True))
        low, high = as_point([min(p) for p in pairs]), as_point([max(p) for p in pairs])
        reach = max(self.start_mm, self.end_mm)
        return grow((low, high), (reach, reach, reach))

    def contains(self, grid: Grid) -> Mask:
        """See `Solid`."""
        x, y, z = offsets(grid, self.start)
        dx, dy, dz = (np.float32(b - a) for a, b in zip(self.start, self.end, strict=True))
        length = max(dx * dx + dy * dy + dz * dz, np.float32(1e-6))
        t = np.clip((x * dx + y * dy + z * dz) / length, 0, 1)
        radius = np.float32(self.start_mm) + t * np.float32(self.end_mm - self.start_mm)
        return np.asarray((x - t * dx) ** 2 + (y - t * dy) ** 2 + (z - t * dz) ** 2 <= radius**2)


@dataclass(frozen=True)
class Plate:
    """A round plate: within `radius_mm` of `centre` and `half_mm` of the plane across `normal` (a unit vector)."""

    centre: Point
    normal: Point
    radius_mm: float
    half_mm: float

    def bounds(self) -> Bounds:
        """See `Solid`."""
        reach = self.radius_mm
        return grow((self.centre, self.centre), (reach, reach, reach))

    def contains(self, grid: Grid) -> Mask:
        """See `Solid`."""
        x, y, z = offsets(grid, self.centre)
        nx, ny, nz = (np.float32(n) for n in self.normal)
        near = np.abs(nx * x + ny * y + nz * z) <= np.float32(self.half_mm)
        return np.asarray(near & (x * x + y * y + z * z <= np.float32(self.radius_mm) ** 2))


@dataclass(frozen=True)
class Ribbon:
    """A flat band from `start` to `end`, `width_mm` wide, within `half_mm` of its plane."""

    start: Point
    end: Point
    normal: Point
    width_mm: float
    half_mm: float

    def bounds(self) -> Bounds:
        """See `Solid`."""
        return self._envelope().bounds()

    def contains(self, grid: Grid) -> Mask:
        """See `Solid`."""
        x, y, z = offsets(grid, self.start)
        nx, ny, nz = (np.float32(n) for n in self.normal)
        near = np.abs(nx * x + ny * y + nz * z) <= np.float32(self.half_mm)
        return np.asarray(near & self._envelope().contains(grid))

    def _envelope(self) -> Tube:
        return Tube(self.start, self.end, self.width_mm / 2, self.width_mm / 2)


@dataclass(frozen=True)
class Wedge:
    """A cone from `apex` along the unit vector `axis`, `length_mm` long, opening by `cosine` of its half angle."""

    apex: Point
    axis: Point
    length_mm: float
    cosine: float

    def bounds(self) -> Bounds:
        """See `Solid`."""
        reach = self.length_mm
        return grow((self.apex, self.apex), (reach, reach, reach))

    def contains(self, grid: Grid) -> Mask:
        """See `Solid`."""
        x, y, z = offsets(grid, self.apex)
        ax, ay, az = (np.float32(a) for a in self.axis)
        square = x * x + y * y + z * z
        along = ax * x + ay * y + az * z
        return np.asarray((square <= self.length_mm**2) & (along > 0) & (along**2 >= self.cosine**2 * square))


def offsets(grid: Grid, origin: Point) -> tuple[Image, Image, Image]:
    """The grid's axes measured from `origin`, in mm."""
    x, y, z = grid.axes
    return x - np.float32(origin[0]), y - np.float32(origin[1]), z - np.float32(origin[2])


def grow(bounds: Bounds, reach_mm: Point) -> Bounds:
    """`bounds` moved outwards by `reach_mm` on every side."""
    low, high = bounds
    return step(low, reach_mm, -1.0), step(high, reach_mm)


def step(origin: Point, direction: Point, length: float = 1.0) -> Point:
    """The point `length` times `direction` away from `origin`."""
    return as_point([a + length * b for a, b in zip(origin, direction, strict=True)])


def towards(start: Point, end: Point) -> Point:
    """The unit vector from `start` to `end`; straight up where they coincide."""
    delta = np.subtract(end, start)
    length = float(np.linalg.norm(delta))
    return as_point((delta / length).tolist()) if length > 1e-9 else (0.0, 0.0, 1.0)


def draw_direction(rng: np.random.Generator) -> Point:
    """A unit vector, uniform over the sphere."""
    return towards((0.0, 0.0, 0.0), as_point(rng.normal(size=3).tolist()))


def draw_across(rng: np.random.Generator, axis: Point) -> Point:
    """A unit vector at right angles to the unit vector `axis`."""
    other = draw_direction(rng)
    return towards((0.0, 0.0, 0.0), as_point(np.cross(axis, other).tolist()))


def as_point(values: list[float]) -> Point:
    """Three numbers as a point."""
    x, y, z = values
    return float(x), float(y), float(z)

"""A chest drawn from formulas: what a patient is made of before anything is wrong with it.

A `Body` is a few drawn numbers; `paint_body` turns it into Hounsfield units on any grid, a slab of a large one
included. It is not mirror-symmetric on purpose: the heart, the descending aorta, the stomach and the spleen lie left,
the liver and the higher diaphragm right. Lesions and noise live elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ingest.phantoms.solids import Ellipsoid, Grid, Image, Mask, Point, Solid, Tube, as_point, grow, towards

Flank = Literal["RIGHT", "LEFT"]
Lobe = Literal["upper", "middle", "lower"]
LOBES: tuple[Lobe, ...] = ("upper", "middle", "lower")

OUTSIDE, RIGHT_LUNG, LEFT_LUNG, AIRWAY = 0, 1, 2, 3
AIR_HU, FAT_HU, MUSCLE_HU, BONE_HU = -1000.0, -105.0, 50.0, 330.0
LUNG_HU, LUMEN_HU = -850.0, -985.0
CAGE, SKIN = 0.66, 0.80
BATCH = 128

Regions = NDArray[np.uint8]


@dataclass(frozen=True)
class Lung:
    """One lung in units of the body's half sizes: an oval column with a rounded apex on a domed diaphragm."""

    flank: Flank
    centre_u: float
    semi_u: float
    semi_v: float
    apex_w: float
    base_w: float
    dome_w: float

    def flat(self, u: Image, v: Image) -> Image:
        """Squared-distance-like measure in the axial plane: 0 on the lung's axis, 1 at its widest outline."""
        return np.asarray((np.abs(u - self.centre_u) / self.semi_u) ** 2.2 + (np.abs(v) / self.semi_v) ** 2.2)

    def field(self, u: Image, v: Image, w: Image) -> Image:
        """Below 1 inside the chest wall, growing outwards; the diaphragm is not part of it."""
        rise = np.clip((w + 0.1) / (self.apex_w + 0.1), 0, None)
        width = np.clip(1 - rise**2, 1e-3, 1)
        return np.asarray(self.flat(u, v) / width, dtype=np.float32)

    def floor(self, u: Image, v: Image) -> Image:
        """Height of the diaphragm, in units of the half height."""
        return np.asarray(self.base_w + self.dome_w * np.clip(1 - self.flat(u, v), 0, 1), dtype=np.float32)

    def holds(self, u: Image, v: Image, w: Image) -> Mask:
        """Which places lie in the lung."""
        return (self.field(u, v, w) < 1) & (w > self.floor(u, v)) & (w < self.apex_w)


@dataclass(frozen=True)
class Body:
    """A patient: half sizes in mm, the two lungs, and the tubes in them. Positions are in the body frame."""

    half_mm: Point
    right: Lung
    left: Lung
    blood_hu: float
    heart: Ellipsoid
    airways: tuple[Tube, ...]
    vessels: tuple[Tube, ...]
    table: bool

    def lung(self, flank: Flank) -> Lung:
        """The lung of one side."""
        return self.right if flank == "RIGHT" else self.left

    def place(self, u: float, v: float, w: float) -> Point:
        """The point, in mm, at (u, v, w) half sizes."""
        return u * self.half_mm[0], v * self.half_mm[1], w * self.half_mm[2]

    def hilum(self, flank: Flank) -> Point:
        """Where the main bronchus enters the lung of one side, in mm."""
        return self.place(-0.2 if flank == "RIGHT" else 0.2, 0.1, 0.08)

    def windpipe(self) -> Tube:
        """The trachea, from the top of the field of view to the carina."""
        return self.airways[0]


@dataclass(frozen=True)
class Anatomy:
    """A painted body: noiseless HU (x,y,z) float32 and, for each voxel, which region a lesion could be in."""

    image: Image
    regions: Regions


def draw_body(rng: np.random.Generator, extent_mm: Point, *, table: bool = False) -> Body:
    """A patient that fits a field of view of `extent_mm` along x, y and z."""
    width = min(0.44 * extent_mm[0], 160.0) * rng.uniform(0.94, 1.0)
    depth = min(width * rng.uniform(0.64, 0.70), 0.42 * extent_mm[1])
    half_mm = (width, depth, extent_mm[2] / 2)
    right = Lung("RIGHT", -0.46, rng.uniform(0.32, 0.34), rng.uniform(0.62, 0.66), 0.90, -0.86, rng.uniform(0.44, 0.50))
    left = Lung("LEFT", 0.46, rng.uniform(0.32, 0.34), rng.uniform(0.62, 0.66), 0.88, -0.90, rng.uniform(0.34, 0.40))
    blood_hu = 42.0 if rng.random() < 0.6 else rng.uniform(140, 220)
    bare = Body(half_mm, right, left, blood_hu, draw_heart(rng, half_mm), (), (), table)
    return Body(**{**vars(bare), "airways": make_airways(bare), "vessels": draw_vessels(rng, bare)})


def draw_heart(rng: np.random.Generator, half_mm: Point) -> Ellipsoid:
    """A heart that lies mostly left of the midline and points forwards and to the left."""
    size = rng.uniform(0.92, 1.08)
    semi = (0.40 * half_mm[0] * size, 0.36 * half_mm[1] * size, 0.36 * half_mm[2] * size)
    return Ellipsoid((0.15 * half_mm[0], -0.22 * half_mm[1], -0.30 * half_mm[2]), semi, turn=-0.45)


def make_airways(body: Body) -> tuple[Tube, ...]:
    """Trachea, main bronchi and three lobar bronchi a side; the first is the trachea."""
    carina = body.place(0.0, 0.12, 0.22)
    tubes = [Tube(body.place(0.0, 0.06, 1.1), carina, 9.5, 9.0)]
    for flank in ("RIGHT", "LEFT"):
        hilum = body.hilum(flank)
        tubes.append(Tube(carina, hilum, 6.5, 5.5))
        sign = -1 if flank == "RIGHT" else 1
        ends = ((0.42, 0.0, 0.40), (0.44, -0.25, -0.12), (0.42, 0.34, -0.22))
        tubes += [Tube(hilum, body.place(sign * u, v, w), 4.2, 2.4) for u, v, w in ends]
    return tuple(tubes)


def draw_vessels(rng: np.random.Generator, body: Body) -> tuple[Tube, ...]:
    """Vessels that leave each hilum, fork once and thin out towards the pleura."""
    tubes: list[Tube] = []
    for lung in (body.right, body.left):
        hilum = body.hilum(lung.flank)
        for _ in range(13):
            end = draw_place(rng, body, lung, reach=0.75)
            fork = as_point((0.5 * np.add(hilum, end) + rng.normal(0, 5, 3)).tolist())
            tubes += [Tube(hilum, fork, 4.0, 2.6), Tube(fork, end, 2.6, 1.7)]
            tubes.append(Tube(fork, draw_place(rng, body, lung, reach=0.85), 2.2, 1.5))
    return tuple(tubes)


def draw_place(rng: np.random.Generator, body: Body, lung: Lung, *, reach: float, lobe: Lobe | None = None) -> Point:
    """A point of a lung (of one lobe of it) whose field is below `reach`, in mm; well off the midline."""
    while True:
        u, v, w = rng.uniform(-1, 1, (3, BATCH)).astype(np.float32)
        u, v = lung.centre_u + u * lung.semi_u, v * lung.semi_v
        w = lung.base_w + (w + 1) / 2 * (lung.apex_w - lung.base_w)
        good = lung.holds(u, v, w) & (lung.field(u, v, w) < reach) & (np.abs(u) > 0.22)
        if lobe:
            good &= number_lobes(v, w) == LOBES.index(lobe)
        if good.any():
            first = int(np.argmax(good))
            return body.place(float(u[first]), float(v[first]), float(w[first]))


def number_lobes(v: Image, w: Image) -> NDArray[np.intp]:
    """Index into LOBES at depths `v` and heights `w` in half sizes: an oblique fissure, and a level one before it."""
    return np.where(w < 0.12 + 0.6 * v, 2, np.where(w < 0.02, 1, 0))


def paint_body(body: Body, grid: Grid) -> Anatomy:
    """Hounsfield units and regions of a body on `grid`, without noise."""
    anatomy = Anatomy(np.full(grid.shape, AIR_HU, dtype=np.float32), np.zeros(grid.shape, dtype=np.uint8))
    paint_wall(body, grid, anatomy.image)
    paint_abdomen(body, grid, anatomy.image)
    paint_spine(body, grid, anatomy.image)
    paint_lungs(body, grid, anatomy)
    paint_mediastinum(body, grid, anatomy)
    paint_tubes(body, grid, anatomy)
    if body.table:
        paint_table(body, grid, anatomy.image)
    return anatomy


def paint_wall(body: Body, grid: Grid, image: Image) -> None:
    """Skin and fat, muscle, ribs, sternum and shoulder blades."""
    u, v, _ = grid.scaled(body.half_mm)
    _, y, z = grid.axes
    ring = np.abs(u) ** 2.4 + np.abs(v) ** 2.4
    flesh = np.where(ring < SKIN, MUSCLE_HU, FAT_HU)
    flesh = np.where((u / 0.34) ** 2 + ((v + 0.06) / 0.66) ** 2 < 1, FAT_HU, flesh).astype(np.float32)
    image[:] = np.where(ring < 1, flesh, np.float32(AIR_HU))
    ribs = np.cos(2 * np.pi * (z + 0.45 * y) / 27.0) > 0.35
    shell = (ring > CAGE + 0.01) & (ring < CAGE + 0.10) & (np.abs(u) > 0.12)
    image[ribs & shell] = BONE_HU
    draw(image, grid, Ellipsoid(body.place(0, -0.86, 0.1), (17, 6, 0.6 * body.half_mm[2])), BONE_HU - 80)
    for sign in (-1, 1):
        blade = Ellipsoid(body.place(sign * 0.60, 0.71, 0.55), (30, 4, 0.4 * body.half_mm[2]), turn=sign * -0.5)
        draw(image, grid, blade, BONE_HU)


def paint_abdomen(body: Body, grid: Grid, image: Image) -> None:
    """Liver under the right diaphragm, stomach and spleen under the left one."""
    u, v, w = grid.scaled(body.half_mm)
    ring = np.abs(u) ** 2.4 + np.abs(v) ** 2.4
    below_right = (body.right.flat(u, v) < 1.25) & (w <= body.right.floor(u, v) - 0.02)
    below_left = (body.left.flat(u, v) < 1.25) & (w <= body.left.floor(u, v) - 0.02)
    bridge = (np.abs(u) < 0.3) & (v < 0.15) & (w < -0.62 - 0.5 * u)
    inside = ring < CAGE
    image[inside & (below_right | bridge)] = 62.0
    image[inside & below_left] = -95.0
    bounds = Ellipsoid(body.place(0.50, 0.36, -0.74), (0.22 * body.half_mm[0], 0.22 * body.half_mm[1], 34))
    draw(image, grid, bounds, 52.0)
    draw(image, grid, Ellipsoid(body.place(0.42, -0.2, -0.82), (0.24 * body.half_mm[0], 26, 26)), 30.0)
    draw(image, grid, Ellipsoid(body.place(0.42, -0.3, -0.80), (18, 9, 12)), -940.0)


def paint_spine(body: Body, grid: Grid, image: Image) -> None:
    """Vertebral bodies with discs between them, the canal and the spinous processes."""
    _, _, z = grid.axes
    tall = 2 * body.half_mm[2]
    disc = np.broadcast_to(np.cos(2 * np.pi * z / 26.0) > 0.78, grid.shape)
    draw(image, grid, Ellipsoid(body.place(0, 0.74, 0), (17, 12, tall)), BONE_HU)
    draw(image, grid, Ellipsoid(body.place(0, 0.84, 0), (4, 10, tall)), BONE_HU)
    draw(image, grid, Ellipsoid(body.place(0, 0.72, 0), (9, 8, tall)), 25.0)
    draw(image, grid, Ellipsoid(body.place(0, 0.52, 0), (19, 16, tall)), BONE_HU)
    core = Ellipsoid(body.place(0, 0.52, 0), (16, 13, tall))
    draw(image, grid, core, 170.0)
    draw(image, grid, core, 75.0, where=disc)


def paint_lungs(body: Body, grid: Grid, anatomy: Anatomy) -> None:
    """Both lungs, a little denser towards the back, and the region each voxel belongs to."""
    u, v, w = grid.scaled(body.half_mm)
    shade = np.broadcast_to(LUNG_HU + 35 * v, grid.shape)
    for lung, code in ((body.right, RIGHT_LUNG), (body.left, LEFT_LUNG)):
        inside = lung.holds(u, v, w)
        anatomy.image[inside] = shade[inside]
        anatomy.regions[inside] = code


def paint_mediastinum(body: Body, grid: Grid, anatomy: Anatomy) -> None:
    """Heart and great vessels; they push the lungs aside."""
    solids: list[Solid] = [body.heart, *great_vessels(body)]
    for solid in solids:
        draw(anatomy.image, grid, solid, body.blood_hu)
        draw(anatomy.regions, grid, solid, OUTSIDE)


def great_vessels(body: Body) -> list[Tube]:
    """Ascending aorta, arch, descending aorta, superior vena cava, pulmonary trunk and arteries."""
    root, front, back = body.place(0.0, -0.2, 0.0), body.place(-0.06, -0.16, 0.36), body.place(0.13, 0.34, 0.38)
    trunk = body.place(0.08, -0.18, 0.10)
    return [
        Tube(root, front, 14, 14),
        Tube(front, back, 13, 12),
        Tube(back, body.place(0.12, 0.36, -1.1), 12, 10),
        Tube(body.place(-0.17, -0.12, 0.0), body.place(-0.16, -0.1, 0.7), 8, 7),
        Tube(trunk, body.hilum("LEFT"), 11, 7),
        Tube(trunk, body.hilum("RIGHT"), 10, 7),
    ]


def paint_tubes(body: Body, grid: Grid, anatomy: Anatomy) -> None:
    """Vessels inside the lungs, then the airways with their walls; an airway outside the lungs is its own region."""
    lungs, elsewhere = anatomy.regions > OUTSIDE, anatomy.regions == OUTSIDE
    for vessel in body.vessels:
        draw(anatomy.image, grid, vessel, body.blood_hu, where=lungs)
    for airway in body.airways:
        wall = Tube(airway.start, airway.end, airway.start_mm + 1.8, airway.end_mm + 1.8)
        draw(anatomy.image, grid, wall, 10.0)
    for airway in body.airways:
        draw(anatomy.image, grid, airway, LUMEN_HU)
        draw(anatomy.regions, grid, airway, AIRWAY, where=elsewhere)


def paint_table(body: Body, grid: Grid, image: Image) -> None:
    """A couch behind the patient, with a gap, so that it stays another component than the body."""
    x, y, _ = grid.axes
    top = body.half_mm[1] + 13.0 - 0.00035 * (x - 12.0) ** 2
    image[np.broadcast_to((y > top) & (y < top + 6) & (np.abs(x - 12.0) < 0.8 * body.half_mm[0]), grid.shape)] = -180.0


def draw(array: Image | Regions, grid: Grid, solid: Solid, value: float, *, where: Mask | None = None) -> None:
    """Set `array` (x,y,z) to `value` inside a solid, and only `where` that is given and true."""
    box = grid.crop(solid.bounds())
    mask = solid.contains(grid[box])
    array[box][mask if where is None else mask & where[box]] = value


def lung_bounds(body: Body, flank: Flank) -> tuple[Point, Point]:
    """Corners (low, high) in mm of a box around one lung."""
    lung = body.lung(flank)
    low = body.place(lung.centre_u - lung.semi_u, -lung.semi_v, lung.base_w)
    high = body.place(lung.centre_u + lung.semi_u, lung.semi_v, lung.apex_w)
    return grow((low, high), (1.0, 1.0, 1.0))


def outward(body: Body, flank: Flank, centre: Point) -> Point:
    """The unit vector from the hilum of a side through `centre`, that is towards the pleura."""
    return towards(body.hilum(flank), centre)

"""What can be wrong with a lung: one function for each of the 14 segmented categories.

A lesion is a list of strokes, solids with a Hounsfield value, later ones over earlier ones. The union of its marked
strokes, cut to the region it may lie in, is the truth that a mask shows. Positions are in the body frame, in mm.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ingest.phantoms.body import (
    AIRWAY,
    LEFT_LUNG,
    RIGHT_LUNG,
    Body,
    Flank,
    Lobe,
    draw_place,
    lung_bounds,
    outward,
)
from ingest.phantoms.solids import (
    Bounds,
    Ellipsoid,
    Grid,
    Mask,
    Plate,
    Point,
    Ribbon,
    Solid,
    Tube,
    Wedge,
    draw_across,
    draw_direction,
    step,
    towards,
)

Rng = np.random.Generator
Rim = Literal["fluid", "air"]


@dataclass(frozen=True)
class Stroke:
    """One solid at one nominal HU; an unmarked one changes the CT but is not part of the entity."""

    solid: Solid
    hu: float
    marked: bool = True


@dataclass(frozen=True)
class Spot:
    """Where a lesion is asked for: its middle in mm, and the side and lobe that it lies in."""

    body: Body
    centre: Point
    flank: Flank
    lobe: Lobe

    @property
    def outward(self) -> Point:
        """The unit vector towards the pleura."""
        return outward(self.body, self.flank, self.centre)


@dataclass(frozen=True)
class Lesion:
    """Strokes of one entity; `flank` None is the midline, `size_mm` what its text may say (longest first, or empty)."""

    strokes: tuple[Stroke, ...]
    flank: Flank | None
    lobe: Lobe | None
    size_mm: tuple[int, ...] = ()

    @property
    def region(self) -> int:
        """The code of the region that the lesion is cut to."""
        return {"RIGHT": RIGHT_LUNG, "LEFT": LEFT_LUNG, None: AIRWAY}[self.flank]


@dataclass(frozen=True)
class PleuralRim:
    """The crescent between lung and chest wall: fluid lies behind and below, air in front."""

    body: Body
    flank: Flank
    content: Rim
    depth: float

    def bounds(self) -> Bounds:
        """See `Solid`."""
        return lung_bounds(self.body, self.flank)

    def contains(self, grid: Grid) -> Mask:
        """See `Solid`."""
        u, v, w = grid.scaled(self.body.half_mm)
        lung = self.body.lung(self.flank)
        if self.content == "air":
            thickness, where = np.float32(self.depth), (v < -0.12) & (w > -0.35)
        else:
            thickness, where = self.depth * np.clip((0.25 - w) / 0.6, 0, 1), v > 0.06
        rim = (lung.field(u, v, w) > 1 - thickness) & where & (np.abs(u) > 0.2)
        return np.asarray(rim & lung.holds(u, v, w))


def lesion_at(spot: Spot, strokes: list[Stroke], *size_mm: int) -> Lesion:
    """A lesion of these strokes in the lobe of a spot."""
    return Lesion(tuple(strokes), spot.flank, spot.lobe, size_mm)


def thicken_wall(spot: Spot, rng: Rng) -> Lesion:
    """1a: a bronchus with a thick wall; the wall is the entity, the lumen is not."""
    start, end = span(spot, rng.uniform(24, 36))
    radius = rng.uniform(5.6, 6.8)
    wall, lumen = Tube(start, end, radius, radius - 1), Tube(start, end, 2.4, 2.2)
    return lesion_at(spot, [Stroke(wall, 20.0), Stroke(lumen, -975.0, marked=False)])


def dilate_bronchus(spot: Spot, rng: Rng) -> Lesion:
    """1b: a wide, air-filled bronchus in its wall; both are the entity."""
    start, end = span(spot, rng.uniform(22, 34))
    radius = rng.uniform(5.0, 6.5)
    wall, lumen = Tube(start, end, radius + 3.2, radius + 2.6), Tube(start, end, radius, radius - 1)
    return lesion_at(spot, [Stroke(wall, 5.0), Stroke(lumen, -970.0)])


def hollow_out(spot: Spot, rng: Rng) -> Lesion:
    """1c: a cluster of emphysematous holes, possibly apart from each other."""
    centres = [step(spot.centre, draw_direction(rng), rng.uniform(0, 17)) for _ in range(rng.integers(4, 9))]
    return lesion_at(spot, [Stroke(Ellipsoid(c, draw_semi(rng, 4.5, 9.0)), -985.0) for c in centres])


def thicken_septa(spot: Spot, rng: Rng) -> Lesion:
    """1d: thin parallel septa with one across."""
    normal = draw_direction(rng)
    cross = draw_across(rng, normal)
    gap, radius = rng.uniform(9, 11), rng.uniform(15, 20)
    plates = [Plate(step(spot.centre, normal, gap * n), normal, radius, 1.9) for n in (-1, 0, 1)]
    return lesion_at(spot, [Stroke(p, -180.0) for p in (*plates, Plate(spot.centre, cross, radius, 1.9))])


def scatter_dots(spot: Spot, rng: Rng) -> Lesion:
    """1e: many micronodules in a ball; one entity with many components."""
    reach = rng.uniform(16, 22)
    centres = [step(spot.centre, draw_direction(rng), reach * rng.random() ** 0.4) for _ in range(rng.integers(10, 20))]
    return lesion_at(spot, [Stroke(Ellipsoid(c, (2.9, 2.9, 2.9)), -60.0) for c in centres])


def plug_bronchus(spot: Spot, rng: Rng) -> Lesion:
    """1f: a bronchus filled with mucus up to its fork."""
    start, end = span(spot, rng.uniform(24, 32))
    across = draw_across(rng, towards(start, end))
    twigs = [Tube(spot.centre, step(end, across, sign * 10), 3.6, 3.0) for sign in (-1, 1)]
    return lesion_at(spot, [Stroke(t, 12.0) for t in (Tube(start, spot.centre, 4.6, 3.8), *twigs)])


def draw_band(spot: Spot, rng: Rng) -> Lesion:
    """2a: a flat band that runs to the pleura."""
    start, end = span(spot, rng.uniform(30, 50))
    ribbon = Ribbon(start, end, draw_across(rng, towards(start, end)), rng.uniform(12, 18), 2.1)
    return lesion_at(spot, [Stroke(ribbon, -30.0)])


def consolidate(spot: Spot, rng: Rng) -> Lesion:
    """2b: a wedge with its base at the pleura, cut by the chest wall."""
    apex = step(spot.centre, spot.outward, -rng.uniform(8, 16))
    return lesion_at(spot, [Stroke(Wedge(apex, spot.outward, rng.uniform(38, 60), rng.uniform(0.86, 0.92)), 32.0)])


def veil(spot: Spot, rng: Rng) -> Lesion:
    """2c: a ground-glass patch."""
    size, semi = draw_size(rng, 16, 40)
    return lesion_at(spot, [Stroke(Ellipsoid(spot.centre, semi, rng.uniform(0, np.pi)), -600.0)], *size)


def grow_nodule(spot: Spot, rng: Rng) -> Lesion:
    """2d: a solid nodule, now and then a mass or a calcified one."""
    size, semi = draw_size(rng, 8, 18) if rng.random() < 0.85 else draw_size(rng, 30, 40)
    hu = 320.0 if size[0] < 14 and rng.random() < 0.15 else 30.0
    return lesion_at(spot, [Stroke(Ellipsoid(spot.centre, semi, rng.uniform(0, np.pi)), hu)], *size)


def fill_pleura(spot: Spot, rng: Rng) -> Lesion:
    """2e: fluid behind and below the lung."""
    rim = PleuralRim(spot.body, spot.flank, "fluid", rng.uniform(0.40, 0.72))
    return Lesion((Stroke(rim, float(rng.integers(5, 16))),), spot.flank, None)


def honeycomb(spot: Spot, rng: Rng) -> Lesion:
    """2f: stacked cysts with shared walls, out at the pleura."""
    centre = step(spot.centre, spot.outward, 8.0)
    matrix = Stroke(Ellipsoid(centre, draw_semi(rng, 17, 22)), -20.0)
    steps = [(i, j, k) for i in (-1, 0, 1) for j in (-1, 0, 1) for k in (-1, 0, 1)]
    cysts = [Stroke(Ellipsoid(step(centre, (i, j, k), 11.0), (4.4, 4.4, 4.4)), -960.0) for i, j, k in steps]
    return lesion_at(spot, [matrix, *cysts])


def collapse(spot: Spot, rng: Rng) -> Lesion:
    """2g: free air before the lung."""
    rim = PleuralRim(spot.body, spot.flank, "air", rng.uniform(0.45, 0.70))
    return Lesion((Stroke(rim, -1000.0),), spot.flank, None)


def excavate(spot: Spot, rng: Rng) -> Lesion:
    """2h: a cavity with a thick wall; wall and lumen are the entity."""
    size, semi = draw_size(rng, 20, 34)
    a, b, c = semi
    wall, lumen = Ellipsoid(spot.centre, semi), Ellipsoid(spot.centre, (a - 4.5, b - 4.5, c - 4.5))
    return lesion_at(spot, [Stroke(wall, 40.0), Stroke(lumen, -990.0)], *size)


def obstruct_windpipe(spot: Spot, rng: Rng) -> Lesion:
    """2h on the midline: a polyp on the wall of the trachea, wherever the spot is."""
    trachea = spot.body.windpipe()
    along = (trachea.start[2] - trachea.end[2]) * rng.uniform(0.1, 0.6)
    centre = (rng.choice([-4.0, 4.0]).item(), trachea.end[1], trachea.end[2] + along)
    return Lesion((Stroke(Ellipsoid(centre, (5.0, 5.5, 5.0)), 45.0),), None, None)


def span(spot: Spot, length_mm: float) -> tuple[Point, Point]:
    """A stretch of `length_mm` from the hilum's side to the pleura's, with the spot in its middle."""
    return step(spot.centre, spot.outward, -length_mm / 2), step(spot.centre, spot.outward, length_mm / 2)


def draw_size(rng: Rng, least: int, most: int) -> tuple[tuple[int, ...], Point]:
    """Whole millimetres as a text gives them (longest first; one number for a ball) and the half axes they mean."""
    long = int(rng.integers(least, most + 1))
    short = int(max(least - 2, round(long * rng.uniform(0.7, 1.0))))
    size = (long,) if short == long else (long, short)
    return size, (long / 2, short / 2, short / 2)


def draw_semi(rng: Rng, least: float, most: float) -> Point:
    """Three independent half axes in mm."""
    a, b, c = rng.uniform(least, most, 3).tolist()
    return a, b, c


@dataclass(frozen=True)
class Kind:
    """How a category is drawn: what share of it must find room, and how many of it a finding can have.

    A paired one comes at most once a side.
    """

    draw: Callable[[Spot, Rng], Lesion]
    share: float
    most: int
    paired: bool = False


KINDS: Mapping[str, Kind] = {
    "1a": Kind(thicken_wall, 0.85, 8),
    "1b": Kind(dilate_bronchus, 0.85, 8),
    "1c": Kind(hollow_out, 0.75, 9),
    "1d": Kind(thicken_septa, 0.75, 6),
    "1e": Kind(scatter_dots, 0.75, 7),
    "1f": Kind(plug_bronchus, 0.85, 6),
    "2a": Kind(draw_band, 0.7, 6),
    "2b": Kind(consolidate, 0.3, 4),
    "2c": Kind(veil, 1.0, 9),
    "2d": Kind(grow_nodule, 1.0, 10),
    "2e": Kind(fill_pleura, 0.6, 2, paired=True),
    "2f": Kind(honeycomb, 0.5, 4),
    "2g": Kind(collapse, 0.6, 2, paired=True),
    "2h": Kind(excavate, 1.0, 3),
    "midline": Kind(obstruct_windpipe, 0.5, 1),
}
CODES = tuple(code for code in KINDS if code != "midline")


def draw_spot(rng: Rng, body: Body, flank: Flank, lobe: Lobe) -> Spot:
    """A place for a lesion in one lobe, not right under the pleura."""
    return Spot(body, draw_place(rng, body, body.lung(flank), reach=0.7, lobe=lobe), flank, lobe)

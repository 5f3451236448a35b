"""The 256 cells of a binary mask's mesh: marching cubes at level 0.5, made here by two rules instead of a copied table.

A cell is the cube between eight neighbouring voxel centres. Its case has one bit a corner, set where that voxel is
inside: bit dz * 4 + dy * 2 + dx. The mesh cuts every edge between inside and outside at its middle. Nothing is counted
and nothing is in millimetres here.

On a face with two inside corners across, those are kept apart: the mesh of voxels that share no face falls into
separate bodies. Two cells see the same cuts on the face between them, so the mesh is closed.

Of the ways to cut a polygon into triangles, that of the greatest area in the cube counts; where several are greatest,
their mean. This treats all flips and axes alike, and on smooth shapes it gives the values of scikit-image's table of
W. E. Lorensen and H. E. Cline (1987). scikit-image's default (T. Lewiner et al., 2003) digs tunnels between inside
corners across instead: on ragged masks its area is larger.
"""

from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import TypeAlias

import numpy as np

from compute.kernels.volumes import Floats, Ints, Triple

CASES = 256
VOLUME_PARTS = 144

_Polygon: TypeAlias = list[Triple]
_Ring: TypeAlias = tuple[int, int, int, int]


@dataclass(frozen=True)
class CellTriangles:
    """The mesh's t triangles in all cases of a cell; (z,y,x) in voxels from the cell's first corner."""

    case: Ints
    """(t,), ascending."""
    corners_zyx: Floats
    """(t,3,3): three corners each, counter-clockwise as seen from outside."""
    weight: Floats
    """(t,): below 1 where several ways to cut a polygon are averaged."""


@cache
def cell_triangles() -> CellTriangles:
    """The triangles of all cases; the cases 0 and 255 have none."""
    found = [
        (case, corners, 1 / len(ways))
        for case in range(CASES)
        for polygon in _polygons(case)
        for ways in [_greatest(polygon)]
        for corners in ways.reshape(-1, 3, 3)
    ]
    case, corners, weight = zip(*found, strict=True)
    return CellTriangles(np.array(case), np.array(corners), np.array(weight))


@cache
def cell_volumes() -> Ints:
    """The part of the cell inside the mesh, shape (256,), in 144ths of a voxel, which is exact: 0 to 144.

    The sum of the pyramids from the cell's centre to the triangles and to the inside of its faces.
    """
    triangles = cell_triangles()
    under_mesh = np.linalg.det(triangles.corners_zyx - 0.5) / 6 * triangles.weight
    under_faces = [sum(_inside_share(case, ring) for ring in _RINGS) / 6 for case in range(CASES)]
    volumes = np.bincount(triangles.case, under_mesh, CASES) + under_faces
    return np.asarray(np.rint(VOLUME_PARTS * volumes), np.int64)


def _ring(axis: int, side: int) -> _Ring:
    """The corners around a face, counter-clockwise as seen from outside the cell."""
    here, right, up = (4, 2, 1)[axis] * side, (4, 2, 1)[axis - 2], (4, 2, 1)[axis - 1]
    if side == 0:
        right, up = up, right
    return here, here + right, here + right + up, here + up


_RINGS = [_ring(axis, side) for axis, side in product(range(3), range(2))]


def _polygons(case: int) -> list[_Polygon]:
    """The closed lines in which the mesh meets the cell's faces, in half voxels."""
    links = _links(case)
    polygons = []
    while links:
        point, after = links.popitem()
        polygon = [point]
        while after != polygon[0]:
            polygon.append(after)
            after = links.pop(after)
        polygons.append(polygon)
    return polygons


def _links(case: int) -> dict[Triple, Triple]:
    """From each cut edge to the next: on every face around each stretch of inside corners by itself."""
    links = {}
    for ring in _RINGS:
        inside = [case >> corner & 1 for corner in ring]
        for start in range(4):
            if inside[start] and not inside[start - 1]:
                stop = next(n for n in range(start + 1, start + 4) if not inside[n % 4])
                links[_cut(ring[start - 1], ring[start])] = _cut(ring[stop - 1 & 3], ring[stop & 3])
    return links


def _cut(first: int, second: int) -> Triple:
    """The middle between two corners, in half voxels: the sum of their positions."""
    z, y, x = ((first >> bit & 1) + (second >> bit & 1) for bit in (2, 1, 0))
    return z, y, x


def _greatest(polygon: _Polygon) -> Floats:
    """The corners (ways, triangles, 3, 3) of a polygon's triangles in the ways of the greatest area, in voxels."""
    corners = np.array(polygon)[np.array(_ways(0, len(polygon) - 1))] / 2
    sides = np.diff(corners, axis=-2)
    areas = np.linalg.norm(np.cross(sides[..., 0, :], sides[..., 1, :]), axis=-1).sum(axis=-1)
    chosen: Floats = corners[areas > areas.max() - 1e-9]
    return chosen


@cache
def _ways(first: int, last: int) -> list[list[Triple]]:
    """All ways to cut the polygon of the points from first to last into triangles."""
    if last - first < 2:
        return [[]]
    return [
        [*before, (first, middle, last), *behind]
        for middle in range(first + 1, last)
        for before, behind in product(_ways(first, middle), _ways(middle, last))
    ]


def _inside_share(case: int, ring: _Ring) -> float:
    """How much of a face lies inside the mesh's line on it."""
    inside = [case >> corner & 1 for corner in ring]
    if sum(inside) == 2 and inside[0] == inside[2]:
        return 1 / 4
    return (0, 1 / 8, 1 / 2, 7 / 8, 1)[sum(inside)]

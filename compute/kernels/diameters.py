"""Greatest diameters of one entity: in space, and in one slice together with the longest chord across.

They end at corners of the mesh (compute.kernels.cells), which are the middles of voxel faces. The convex hull of the
corners is that of the voxel centres, widened by half a step to both sides along each axis; so no mesh is made. Between
corners around two voxel centres, d steps apart, the greatest distance is that of d + w, where w is one step to or fro
along some axis. Lengths come from the Gram matrix of the steps: |d|² = dᵀ G d, G = S Sᵀ. This holds under anisotropy
and shear, and neither a shift nor a flip of the entity changes it.
"""

import numpy as np
import numpy.typing as npt
from numba import njit

from compute.kernels.runs import ROW, START, STOP, Runs
from compute.kernels.volumes import Floats, Ints

# Squares closer than this, relatively, are one length that was rounded twice.
_TIE = 1e-12
# Each turns lattice planes of another direction into planes of the first coordinate, one to one.
_TURNS = (
    [[0, 0, 1], [1, 0, 0], [0, 1, 0]],
    [[0, 1, 0], [0, 0, 1], [1, 0, 0]],
    [[1, 0, 0], [1, 1, 0], [0, 0, 1]],
    [[1, 0, 0], [-1, 1, 0], [0, 0, 1]],
    [[1, 0, 0], [0, 1, 0], [1, 0, 1]],
    [[1, 0, 0], [0, 1, 0], [-1, 0, 1]],
    [[0, 1, 0], [1, 0, 0], [1, 0, 1]],
    [[0, 1, 0], [1, 0, 0], [-1, 0, 1]],
)


def max_diameter_mm(runs: Runs, height: int, steps_mm: Floats) -> float:
    """The greatest distance between two corners of the entity's mesh, in mm. IBSI L0JK, maximum 3D diameter.

    Exact, and measured across the parts of an entity that has several. One voxel gives its longest step.

    Args:
        runs: the table of one entity's runs.
        height: the volume's extent along y.
        steps_mm: (3,3), rows = one step along z, y and x in mm.

    Raises:
        ValueError: no runs: what has no voxels has no diameter.
    """
    points = _extremes(_row_ends(runs, height))
    for turn in _TURNS:
        points = _turned_extremes(points, np.array(turn))
    return float(np.sqrt(_greatest_square(points.T.astype(np.float64), steps_mm @ steps_mm.T)))


def in_plane_diameters(runs: Runs, height: int, steps_mm: Floats) -> tuple[float, float, int]:
    """The long and the short axis of an entity as a radiologist measures them, in mm, and their slice z.

    The long axis is the greatest distance between two corners of the mesh in one plane of voxel centres of constant z;
    the short axis is the longest chord of that slice's convex hull at right angles to it. The WHO criteria multiply the
    two; RECIST 1.1 takes the long one of a lesion and the short one of a lymph node. Where several pairs of corners are
    longest, in one slice or in many, the one with the longest chord counts, and after that the first slice; so flips
    and shifts change no length. One voxel gives its longer in-plane step and the other one (where these are at right
    angles); a row of voxels its length, and one step across it.

    Args:
        runs: the table of one entity's runs.
        height: the volume's extent along y.
        steps_mm: (3,3), rows = one step along z, y and x in mm.

    Raises:
        ValueError: no runs.
    """
    points = _extremes(_row_ends(runs, height))
    gram = steps_mm @ steps_mm.T
    gram[0] = gram[:, 0] = 0
    slices = np.split(points, np.flatnonzero(np.diff(points[:, 0])) + 1)
    squares = np.array([_greatest_square(one.T.astype(np.float64), gram) for one in slices])
    enough = squares.max() * (1 - _TIE)
    longest = [one for one, square in zip(slices, squares, strict=True) if square >= enough]
    chords = np.array([_longest_chord_mm(one[:, 1:], gram[1:, 1:], enough) for one in longest])
    first = longest[np.argmax(chords >= chords.max() * (1 - _TIE))]
    long_mm = float(np.sqrt(squares.max()))
    return long_mm, min(float(chords.max()), long_mm), int(first[0, 0])


def _row_ends(runs: Runs, height: int) -> Ints:
    """The first and the last voxel (z,y,x) of each row, shape (2 n,3), sorted."""
    if len(runs) == 0:
        raise ValueError(f"runs of shape {runs.shape} hold no voxel, so they have no diameter")
    first = np.diff(runs[:, ROW], prepend=-1) > 0
    z, y = np.divmod(runs[first, ROW].astype(np.int64), height)
    ends = runs[first, START], runs[np.roll(first, -1), STOP] - 1
    return np.stack([np.stack([z, y, x], axis=1) for x in ends], axis=1).reshape(-1, 3)


def _turned_extremes(points: Ints, turn: Ints) -> Ints:
    turned = points @ turn
    order = np.lexsort(turned.T[::-1])
    chosen: Ints = points[order[_are_extreme(turned[order])]]
    return chosen


def _extremes(points: Ints) -> Ints:
    """Of sorted points those that are corners of the hull of all points with the same first coordinate."""
    chosen: Ints = points[_are_extreme(points)]
    return chosen


def _longest_chord_mm(points_yx: Ints, gram: Floats, enough: float) -> float:
    """The longest chord of a slice's hull across any of its diameters whose square is `enough`."""
    steps = np.array([[1, 0], [-1, 0], [0, 1], [0, -1]])
    lines = (points_yx[:, None, None] - points_yx[:, None] + steps).reshape(-1, 2)
    squares = ((lines @ gram) * lines).sum(axis=1)
    longest = np.unique(lines[squares >= enough], axis=0)
    corners_yx = (2 * points_yx[:, None] + steps).reshape(-1, 2) / 2
    # Sorted, the second half are the opposites of the first.
    return max(_chord_mm(corners_yx, line, gram) for line in longest[len(longest) // 2 :])


def _chord_mm(corners_yx: Floats, line: Ints, gram: Floats) -> float:
    """The longest chord of the corners' hull at right angles to a diameter: it meets a corner.

    A diameter touches the hull's first and last place along itself in one corner each, so nothing is upright there.
    """
    along = corners_yx @ gram @ line
    across = corners_yx[:, 0] * line[1] - corners_yx[:, 1] * line[0]
    order = np.argsort(along)
    along, across = along[order], across[order]
    below, above = (_chain(along, across, sign) for sign in (1, -1))
    gap = np.interp(along, along[above], across[above]) - np.interp(along, along[below], across[below])
    return float(gap.max() * np.sqrt(np.linalg.det(gram) / (line @ gram @ line)))


@njit(cache=True, nogil=True)
def _are_extreme(points: Ints) -> npt.NDArray[np.bool_]:
    extreme = np.zeros(len(points), np.bool_)
    start = 0
    while start < len(points):
        stop = start
        while stop < len(points) and points[stop, 0] == points[start, 0]:
            stop += 1
        for sign in (1, -1):
            extreme[start + _chain(points[start:stop, 1], points[start:stop, 2], sign)] = True
        start = stop
    return extreme


@njit(cache=True, nogil=True)
def _chain(along: Ints | Floats, across: Ints | Floats, sign: int) -> Ints:
    """The corners of the hull's lower (sign 1) or upper (-1) border, of points sorted along it (A. M. Andrew, 1979)."""
    chain, count = np.empty(len(along), np.int64), 0
    for n in range(len(along)):
        while count >= 2 and sign * _turn(along, across, chain[count - 2], chain[count - 1], n) <= 0:
            count -= 1
        chain[count] = n
        count += 1
    return chain[:count]


@njit(cache=True, nogil=True)
def _turn(along: Ints | Floats, across: Ints | Floats, a: int, b: int, c: int) -> float:
    turn: float = (along[b] - along[a]) * (across[c] - across[a]) - (across[b] - across[a]) * (along[c] - along[a])
    return turn


@njit(cache=True, nogil=True)
def _greatest_square(points: Floats, gram: Floats) -> float:
    """The greatest (d + w)ᵀ G (d + w) between any two of the points (3,n), or around one of them."""
    greatest = 0.0
    for n in range(points.shape[1]):
        for m in range(n + 1):
            d0, d1, d2 = points[0, n] - points[0, m], points[1, n] - points[1, m], points[2, n] - points[2, m]
            g0 = gram[0, 0] * d0 + gram[0, 1] * d1 + gram[0, 2] * d2
            g1 = gram[1, 0] * d0 + gram[1, 1] * d1 + gram[1, 2] * d2
            g2 = gram[2, 0] * d0 + gram[2, 1] * d1 + gram[2, 2] * d2
            wider = max(2 * abs(g0) + gram[0, 0], 2 * abs(g1) + gram[1, 1], 2 * abs(g2) + gram[2, 2])
            greatest = max(greatest, d0 * g0 + d1 * g1 + d2 * g2 + wider)
    return greatest

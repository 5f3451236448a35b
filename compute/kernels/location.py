"""Where entities lie: shares of organs, lobes and sides, distance to the lungs' border, place within the lungs.

Everything starts from runs, of the entities and of the organs, in the frame of the same volume. Organs do not overlap.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from numba import njit
from scipy.spatial import KDTree

from compute.kernels.borders import border_voxels, first_runs, union_runs
from compute.kernels.frames import centroid_lps_mm, plane_distances_mm, steps_zyx_lps_mm, voxels_lps_mm
from compute.kernels.lungs import LungRoles
from compute.kernels.moments import label_moments
from compute.kernels.runs import LABEL, ROW, START, STOP, Runs, labels_at, run_lengths, runs_by_label, voxels_of
from compute.kernels.volumes import Floats, Ints, Triple

Position: TypeAlias = tuple[float, float, float]

_FIRST_MARGIN_MM = 8.0


@dataclass(frozen=True, eq=False)
class Organs:
    """The organs of one scan; what all its entities share is computed once, when it is first needed."""

    runs: Runs
    """(n,4), a label for each organ."""
    shape_zyx: Triple
    roles: LungRoles
    affine_ras: Floats | None = None
    """From [i,j,k] to RAS mm; without it nothing in millimetres is measured."""
    midline_lps_mm: float | None = None
    """LPS x by which lung without a side in its name is left or right."""

    @property
    def affine(self) -> Floats:
        """The affine where it is needed; ValueError where there is none."""
        if self.affine_ras is None:
            raise ValueError("without an affine nothing in millimetres can be measured")
        return self.affine_ras

    @cached_property
    def first(self) -> Ints:
        """Where each row's runs begin."""
        return first_runs(self.runs, self.shape_zyx)

    @cached_property
    def lung_runs(self) -> Runs:
        """Both lungs as one label."""
        return union_runs(self.runs[np.isin(self.runs[:, LABEL], list(self.roles.lungs))])

    @cached_property
    def lung_border_zyx(self) -> Ints:
        """Every voxel of the lungs with a face to what is not lung, in scanning order."""
        return border_voxels(self.lung_runs, self.shape_zyx)

    @cached_property
    def lung_box_lps_mm(self) -> Floats:
        """Shape (2,3): the least and the greatest LPS position of the centres of lung voxels.

        Raises:
            ValueError: there is no affine, or no lung.
        """
        z, y = np.divmod(self.lung_runs[:, ROW], self.shape_zyx[1])
        ends = self.lung_runs[:, START], self.lung_runs[:, STOP] - 1
        points_ijk = np.concatenate([np.stack([x, y, z], axis=1) for x in ends])
        lps = voxels_lps_mm(points_ijk, self.affine)
        return np.stack([lps.min(axis=0), lps.max(axis=0)])


@dataclass(frozen=True)
class Location:
    """Where one entity lies. What concerns the lungs is None where the mask holds no lung."""

    label: int
    shares: dict[int, float]
    """Share of the entity's voxels in each organ that it touches, by the organ's label."""
    lung_share: float | None
    left_share: float | None
    """Share in the left lung; None also where neither the label's name nor a midline tells the side."""
    right_share: float | None
    lobe: str | None
    """The lobe with the largest share, the first by label of equal ones; None where it is in none."""
    lobe_share: float | None
    lung_border_mm: float | None
    """From the nearest of the entity's voxels to the nearest border voxel of the lungs, between centres.

    0 where the entity holds a border voxel. Outside the lungs (`lung_share` 0) it is the distance to them.
    """
    relative_position: Position | None
    """The centroid within the lungs' box in LPS: 0 to 1 from right to left, front to back, foot to head.

    Beyond 0 or 1 outside the box; None where the box is flat.
    """


def locate(runs: Runs, organs: Organs) -> list[Location]:
    """Locate every entity of a finding, ascending by label; no runs give none.

    Args:
        runs: (n,4), a label for each entity, in the frame of the organs' volume.
        organs: the scan's organs.
    """
    entities = zip(runs_by_label(runs), _relative_positions(runs, organs), strict=True)
    return [_locate_one(label, own, organs, position) for (label, own), position in entities]


def _locate_one(label: int, runs: Runs, organs: Organs, position: Position | None) -> Location:
    inside = overlaps(runs, organs)
    voxels = int(run_lengths(runs).sum(dtype=np.int64))
    counts: Ints = np.bincount(inside[:, LABEL], weights=run_lengths(inside)).astype(np.int64)
    shares = {organ: int(counts[organ]) / voxels for organ in np.flatnonzero(counts).tolist()}
    if not len(organs.lung_runs):
        return Location(label, shares, *[None] * 7)
    lobe, lobe_share = _largest_lobe(counts, voxels, organs.roles)
    left, right = (None if n is None else n / voxels for n in _sided_voxels(inside, counts, organs))
    return Location(
        label=label,
        shares=shares,
        lung_share=_total(counts, organs.roles.lungs) / voxels,
        left_share=left,
        right_share=right,
        lobe=lobe,
        lobe_share=lobe_share,
        lung_border_mm=None if organs.affine_ras is None else lung_border_mm(runs, organs),
        relative_position=position,
    )


def overlaps(runs: Runs, organs: Organs) -> Runs:
    """The stretches in which an entity's runs and the organs' coincide, with the organ's label, in scanning order."""
    found: Runs = _overlaps(runs, organs.runs, organs.first)
    return found


def _total(counts: Ints, labels: Iterable[int]) -> int:
    return sum(int(counts[label]) for label in labels if label < len(counts))


def _largest_lobe(counts: Ints, voxels: int, roles: LungRoles) -> tuple[str | None, float | None]:
    lobes: dict[str, int] = {}
    for label, lobe in sorted(roles.lobes.items()):
        lobes[lobe] = lobes.get(lobe, 0) + _total(counts, [label])
    best = max(lobes, key=lobes.__getitem__, default=None)
    return (best, lobes[best] / voxels) if best is not None and lobes[best] else (None, None)


def _sided_voxels(inside: Runs, counts: Ints, organs: Organs) -> tuple[int | None, int | None]:
    """Voxels in the left and in the right lung; None where a side cannot be told."""
    roles = organs.roles
    left, right = _total(counts, roles.left), _total(counts, roles.right)
    unsided = inside[np.isin(inside[:, LABEL], list(roles.unsided))]
    if not len(unsided):
        return left, right
    if organs.affine_ras is None or organs.midline_lps_mm is None:
        return None, None
    beyond = _left_voxels(unsided, organs.affine_ras, organs.midline_lps_mm, organs.shape_zyx[1])
    return left + beyond, right + int(run_lengths(unsided).sum(dtype=np.int64)) - beyond


def _left_voxels(runs: Runs, affine_ras: Floats, midline_lps_mm: float, height: int) -> int:
    """How many voxels have a centre to the left of the midline: LPS x above it."""
    along_i, along_j, along_k = -affine_ras[0, :3]
    z, y = np.divmod(runs[:, ROW], height)
    return int(_count_above(runs, z * along_k + y * along_j - affine_ras[0, 3], along_i, midline_lps_mm))


def _relative_positions(runs: Runs, organs: Organs) -> list[Position | None]:
    """Each entity's centroid within the lungs' box, ascending by label."""
    centroids_zyx = label_moments(runs, organs.shape_zyx[1]).centroid_zyx
    if organs.affine_ras is None or not len(organs.lung_runs):
        return [None] * len(centroids_zyx)
    low, high = organs.lung_box_lps_mm
    if (low == high).any():
        return [None] * len(centroids_zyx)
    within = (centroid_lps_mm(centroids_zyx, organs.affine_ras) - low) / (high - low)
    return [(x, y, z) for x, y, z in within.tolist()]


def lung_border_mm(runs: Runs, organs: Organs) -> float:
    """The least distance in mm from a voxel of an entity to a border voxel of the lungs, between centres.

    Exact: only border voxels within a box around the entity are looked at, and the box grows until nothing outside it
    can be nearer.

    Raises:
        ValueError: the organs have no affine, or no lung.
    """
    border = organs.lung_border_zyx
    if not len(border):
        raise ValueError(f"there is no lung in the organs of shape {organs.shape_zyx}")
    steps = steps_zyx_lps_mm(organs.affine)
    low, high = _box(runs, organs.shape_zyx[1])
    if labels_at(runs, _within(border, low, high), organs.shape_zyx).any():
        return 0.0
    probes_mm = _probes(runs, organs.shape_zyx, steps) @ steps
    margin_mm = _FIRST_MARGIN_MM
    while True:
        margin = np.ceil(margin_mm / plane_distances_mm(steps)).astype(np.int64)
        near = _within(border, low - margin, high + margin)
        found = _least_distance_mm(probes_mm, near @ steps)
        if found <= margin_mm or len(near) == len(border):
            return found
        margin_mm = found if np.isfinite(found) else 2 * margin_mm


def _probes(runs: Runs, shape_zyx: Triple, steps: Floats) -> Ints:
    """The voxels of an entity among which one is nearest to any voxel outside it.

    Along steps at right angles an inner voxel is never nearest: its neighbour on the way is nearer. Along oblique ones
    that neighbour may be farther, so every voxel counts.
    """
    gram = steps @ steps.T
    rectangular = np.abs(gram - np.diag(np.diag(gram))).max() <= 1e-9 * np.diag(gram).min()
    return border_voxels(runs, shape_zyx) if rectangular else voxels_of(runs, shape_zyx[1])


def _box(runs: Runs, height: int) -> tuple[Ints, Ints]:
    """The lowest index and one past the highest, z, y, x."""
    z, y = np.divmod(runs[:, ROW].astype(np.int64), height)
    low = np.array([z[0], y.min(), runs[:, START].min()], np.int64)
    return low, np.array([z[-1] + 1, y.max() + 1, runs[:, STOP].max()], np.int64)


def _within(points_zyx: Ints, low: Ints, high: Ints) -> Ints:
    """Those of points in scanning order that lie in a half-open box."""
    first, last = np.searchsorted(points_zyx[:, 0], (low[0], high[0]))
    points = points_zyx[first:last]
    return points[((points[:, 1:] >= low[1:]) & (points[:, 1:] < high[1:])).all(axis=1)]


def _least_distance_mm(points_mm: Floats, others_mm: Floats) -> float:
    """The least distance between a point of one set and one of the other; infinite where there is none."""
    if not len(others_mm):
        return float("inf")
    tree = KDTree(others_mm, compact_nodes=False, balanced_tree=False)
    # What a few of them find bounds the search of all the others.
    bound = np.min(tree.query(points_mm[:: max(1, len(points_mm) // 100)])[0])
    return float(min(bound, np.min(tree.query(points_mm, distance_upper_bound=bound)[0])))


# No compiled function here calls one of another file: numba's cache would not notice a change over there.
@njit(cache=True, nogil=True)
def _overlaps(runs: Runs, others: Runs, first: Ints) -> Runs:
    found = np.empty((256, 4), np.int32)
    count = 0
    for n in range(len(runs)):
        row = runs[n, 0]
        for m in range(first[row], first[row + 1]):
            start, stop = max(runs[n, 1], others[m, 1]), min(runs[n, 2], others[m, 2])
            if start < stop:
                if count == len(found):
                    found = np.concatenate((found, np.empty_like(found)))
                found[count, 0], found[count, 1], found[count, 2], found[count, 3] = row, start, stop, others[m, 3]
                count += 1
    return found[:count].copy()


@njit(cache=True, nogil=True)
def _count_above(runs: Runs, at_row: npt.NDArray[np.float64], step: float, limit: float) -> int:
    count = 0
    for n in range(len(runs)):
        for x in range(runs[n, 1], runs[n, 2]):
            count += at_row[n] + step * x > limit
    return count

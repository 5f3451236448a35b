"""What became of the entities of a finding between two drawings of it: same, moved, split, merged, added, removed.

Entities are matched by what they share. Two belong together where they share half of the smaller one; a group of one
on either side changed, of one and several was split or merged. What shares nothing is moved where the very same shape
stands elsewhere, and else removed and added.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from compute.kernels.moments import Moments, label_moments
from compute.kernels.overlaps import count_overlaps
from compute.kernels.runs import LABEL, ROW, START, STOP, Runs, run_lengths, runs_by_label
from compute.kernels.volumes import Floats
from compute.kernels.votes import summed_votes

TOGETHER = 0.5
"""Of the smaller entity's voxels: so much shared, and two entities belong together."""
REMOVED, ADDED = 1, 2
"""Labels of the voxels that differ."""


class Change(StrEnum):
    """What became of entities."""

    SAME = "same"
    RELABELLED = "relabelled"
    MOVED = "moved"
    CHANGED = "changed"
    SPLIT = "split"
    MERGED = "merged"
    REGROUPED = "regrouped"
    """Several became several others."""
    ADDED = "added"
    REMOVED = "removed"


@dataclass(frozen=True)
class EntityChange:
    """Some entities of the earlier drawing and what stands for them in the later one."""

    change: Change
    before: tuple[int, ...]
    """Labels, ascending; none where they were added."""
    after: tuple[int, ...]
    dice: float
    """Of all their voxels; 0 where one side has none."""
    voxels_before: int
    voxels_after: int
    shift_mm: float | None
    """How far the centroid of all their voxels moved; None on one side alone, or where nothing is known in mm."""


def entity_changes(before: Runs, after: Runs, height: int, steps_zyx_lps_mm: Floats | None) -> list[EntityChange]:
    """Tell what became of every entity; each stands in one change. Ordered by labels, additions last.

    Args:
        before: (n,4) of the earlier drawing, in the frame of the whole volume; may be empty.
        after: of the later one.
        height: the extent along y.
        steps_zyx_lps_mm: (3,3), as `frames.steps_zyx_lps_mm` gives it; None without a volume.
    """
    told = _Told(before, after, height, steps_zyx_lps_mm)
    groups = list(told.groups())
    groups = [*(group for group in groups if all(group)), *told.moved([group for group in groups if not all(group)])]
    changes = (told.change(*group) for group in groups)
    return sorted(changes, key=lambda change: (not change.before, change.before, change.after))


def difference_runs(before: Runs, after: Runs) -> Runs:
    """The voxels that one drawing labels and the other does not, whatever the labels: 1 removed, 2 added."""
    votes = summed_votes([before, after], [REMOVED, ADDED])
    return votes[votes[:, LABEL] < REMOVED + ADDED]


_Group = tuple[tuple[int, ...], tuple[int, ...]]


class _Told:
    """Two drawings of a finding."""

    def __init__(self, before: Runs, after: Runs, height: int, steps: Floats | None) -> None:
        self._runs = dict(runs_by_label(before)), dict(runs_by_label(after))
        self._moments = tuple(_by_label(label_moments(runs, height)) for runs in (before, after))
        self._overlaps = count_overlaps(before, after)
        self._height, self._steps = height, steps

    def groups(self) -> Iterator[_Group]:
        """Give the labels that belong together, before and after; those that belong to nothing are alone."""
        found = self._overlaps
        one, other = found.pairs.T
        smaller = np.minimum(found.truth_voxels[one], found.prediction_voxels[other])
        near = found.shared_voxels >= TOGETHER * smaller
        n, size = len(found.truth_labels), len(found.truth_labels) + len(found.prediction_labels)
        graph = coo_array((np.ones(near.sum()), (one[near], n + other[near])), shape=(size, size))
        count, group = connected_components(graph, directed=False)
        for each in range(count):
            yield (
                tuple(found.truth_labels[group[:n] == each].tolist()),
                tuple(found.prediction_labels[group[n:] == each].tolist()),
            )

    def moved(self, alone: list[_Group]) -> Iterator[_Group]:
        """Pair what was removed with what was added where the shapes are the same, the nearest ones first."""
        removed = [before[0] for before, after in alone if before]
        added = [after[0] for before, after in alone if after]
        shapes = [self._shape(0, label) for label in removed], [self._shape(1, label) for label in added]
        cost = np.full((len(removed), len(added)), np.inf)
        for n, one in enumerate(shapes[0]):
            for m, other in enumerate(shapes[1]):
                if one == other:
                    cost[n, m] = self._shift((removed[n],), (added[m],), np.eye(3)) or 0.0
        pairs = dict(_assigned(cost))
        yield from (((label,), (added[pairs[n]],) if n in pairs else ()) for n, label in enumerate(removed))
        yield from (((), (label,)) for m, label in enumerate(added) if m not in pairs.values())

    def _shape(self, side: int, label: int) -> bytes:
        """Give an entity's runs from its box's first voxel on."""
        runs = self._runs[side][label]
        z, y = np.divmod(runs[:, ROW].astype(np.int64), self._height)
        low = (z.min(), y.min(), runs[:, START].min())
        return np.stack([z - low[0], y - low[1], runs[:, START] - low[2], runs[:, STOP] - low[2]]).tobytes()

    def change(self, before: tuple[int, ...], after: tuple[int, ...]) -> EntityChange:
        """Describe a group."""
        voxels = self._voxels(0, before), self._voxels(1, after)
        dice = 2 * self._shared(before, after) / (sum(voxels) or 1)
        kind = self._kind(before, after, dice)
        return EntityChange(kind, before, after, dice, *voxels, self._shift(before, after, self._steps))

    def _kind(self, before: tuple[int, ...], after: tuple[int, ...], dice: float) -> Change:
        if not before or not after:
            return Change.REMOVED if before else Change.ADDED
        if len(before) > 1 or len(after) > 1:
            several = {(True, False): Change.MERGED, (False, True): Change.SPLIT}
            return several.get((len(before) > 1, len(after) > 1), Change.REGROUPED)
        if dice == 1:
            return Change.SAME if before == after else Change.RELABELLED
        same_shape = self._shape(0, before[0]) == self._shape(1, after[0])
        return Change.MOVED if same_shape else Change.CHANGED

    def _voxels(self, side: int, labels: tuple[int, ...]) -> int:
        return sum(int(run_lengths(self._runs[side][label]).sum()) for label in labels)

    def _shared(self, before: tuple[int, ...], after: tuple[int, ...]) -> int:
        found = self._overlaps
        one, other = found.truth_labels[found.pairs[:, 0]], found.prediction_labels[found.pairs[:, 1]]
        return int(found.shared_voxels[np.isin(one, before) & np.isin(other, after)].sum())

    def _shift(self, before: tuple[int, ...], after: tuple[int, ...], steps: Floats | None) -> float | None:
        if steps is None or not before or not after:
            return None
        start, stop = (_centroid(self._moments[n], labels) for n, labels in enumerate((before, after)))
        return float(np.linalg.norm((stop - start) @ steps))


def _by_label(moments: Moments) -> Mapping[int, tuple[int, Floats]]:
    """Give voxels and centroid by label."""
    rows = zip(moments.label.tolist(), moments.voxels.tolist(), moments.centroid_zyx, strict=True)
    return {label: (voxels, centroid) for label, voxels, centroid in rows}


def _centroid(moments: Mapping[int, tuple[int, Floats]], labels: tuple[int, ...]) -> Floats:
    voxels = np.array([moments[label][0] for label in labels], np.float64)
    centroids = np.array([moments[label][1] for label in labels])
    centroid: Floats = voxels @ centroids / voxels.sum()
    return centroid


def _assigned(cost: Floats) -> Iterator[tuple[int, int]]:
    """Give as many pairs of finite cost as can be, of the least cost."""
    finite = np.isfinite(cost)
    if not finite.any():
        return
    beyond = (cost[finite].max() + 1) * (min(cost.shape) + 1)
    for n, m in zip(*linear_sum_assignment(np.where(finite, cost, beyond)), strict=True):
        if finite[n, m]:
            yield int(n), int(m)

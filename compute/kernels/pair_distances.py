"""How far instances are from each other: between surfaces and between centroids, pair by pair, where they are near."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np

from compute.kernels.borders import border_voxels
from compute.kernels.frames import plane_distances_mm
from compute.kernels.moments import label_moments
from compute.kernels.nearest import Blocks, nearest_mm, part_voxels
from compute.kernels.runs import Runs, runs_by_label
from compute.kernels.volumes import Floats, Ints, Triple

NearPair: TypeAlias = tuple[int, int, float]
"""The labels of a drawn and of a predicted instance, and their distance in mm."""

_SLACK = 1 - 1e-9
"""Rounding must not make a bound greater than what it bounds."""


def near_surfaces(
    truth: Runs, prediction: Runs, shape_zyx: Triple, steps_mm: Floats, limit_mm: float
) -> list[NearPair]:
    """The pairs of labels whose average symmetric surface distance is within a limit, ascending by labels.

    The distance is that of `SurfaceDistances.assd_mm`, over the borders of the two labels alone. Only pairs that may
    be so near are measured: bounds from boxes and from one border and a box leave out the rest.

    Args:
        truth: (n,4), labels are the drawn instances.
        prediction: (m,4), labels are the predicted ones.
        shape_zyx: the volume's shape.
        steps_mm: (3,3), rows the vectors in mm from a voxel to the next along z, y and x.
        limit_mm: the greatest distance that is told.
    """
    planes_mm = plane_distances_mm(steps_mm) * _SLACK
    predicted = [_Surface(label, border_voxels(runs, shape_zyx), steps_mm) for label, runs in runs_by_label(prediction)]
    return [
        (one.label, other.label, distance)
        for label, runs in runs_by_label(truth)
        for one in [_Surface(label, border_voxels(runs, shape_zyx), steps_mm)]
        for other, distance in _near(one, predicted, planes_mm, limit_mm)
    ]


def near_centroids(truth: Runs, prediction: Runs, height: int, steps_mm: Floats, limit_mm: float) -> list[NearPair]:
    """The pairs of labels whose centroids are within a limit, ascending by labels; arguments as above.

    Args:
        truth: (n,4), labels are the drawn instances.
        prediction: (m,4), labels are the predicted ones.
        height: the volume's extent along y.
        steps_mm: (3,3), rows the vectors in mm from a voxel to the next along z, y and x.
        limit_mm: the greatest distance that is told.
    """
    if len(truth) == 0 or len(prediction) == 0:
        return []
    ones, others = label_moments(truth, height), label_moments(prediction, height)
    between = (ones.centroid_zyx[:, None] - others.centroid_zyx[None]) @ steps_mm
    distances = np.linalg.norm(between, axis=-1)
    near = np.argwhere(distances <= limit_mm)
    return [(int(ones.label[n]), int(others.label[m]), float(distances[n, m])) for n, m in near.tolist()]


@dataclass(frozen=True)
class _Surface:
    label: int
    border_zyx: Ints
    steps_mm: Floats

    @cached_property
    def low_zyx(self) -> Ints:
        low: Ints = self.border_zyx.min(axis=0)
        return low

    @cached_property
    def high_zyx(self) -> Ints:
        high: Ints = self.border_zyx.max(axis=0)
        return high

    @cached_property
    def blocks(self) -> Blocks:
        return part_voxels(self.border_zyx, self.steps_mm)

    def sum_to_mm(self, other: "_Surface") -> float:
        """The sum of the distances from each of its voxels to the other surface."""
        return float(np.sum(nearest_mm(self.blocks, other.blocks)))


def _near(
    one: _Surface, others: list[_Surface], planes_mm: Floats, limit_mm: float
) -> Iterator[tuple[_Surface, float]]:
    for other in _within_reach(one, others, planes_mm, limit_mm):
        voxels = len(one.border_zyx) + len(other.border_zyx)
        if _least_sum_mm(one, other, planes_mm) + _least_sum_mm(other, one, planes_mm) > limit_mm * voxels:
            continue
        distance = (one.sum_to_mm(other) + other.sum_to_mm(one)) / voxels
        if distance <= limit_mm:
            yield other, distance


def _within_reach(one: _Surface, others: list[_Surface], planes_mm: Floats, limit_mm: float) -> list[_Surface]:
    """Those whose boxes are near enough."""
    if not others:
        return []
    low, high = (np.stack([getattr(other, end) for other in others]) for end in ("low_zyx", "high_zyx"))
    near = _gap_mm(low, high, one, planes_mm) <= limit_mm
    return [others[n] for n in np.flatnonzero(near)]


def _least_sum_mm(one: _Surface, other: _Surface, planes_mm: Floats) -> float:
    """No more than the sum of the distances from each voxel of one surface to the other: that to the other's box."""
    return float(np.sum(_gap_mm(one.border_zyx, one.border_zyx, other, planes_mm)))


def _gap_mm(low_zyx: Ints, high_zyx: Ints, other: _Surface, planes_mm: Floats) -> Floats:
    """No more than the distance from boxes (...,3) to the other's: along the axis on which they are farthest apart."""
    apart = np.maximum(low_zyx - other.high_zyx, other.low_zyx - high_zyx)
    gap: Floats = (np.maximum(apart, 0) * planes_mm).max(axis=-1)
    return gap

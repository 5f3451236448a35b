"""How far two surfaces are from each other: the distances from each border voxel to the nearest of the other set.

A set's surface is its border voxels, by their centres, each counting once; evaluators that weigh them by the area of
surface elements (surface-distance) give other means. Names as in Reinke et al., Metrics reloaded (Nat Methods 2024).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from compute.kernels.nearest import nearest_mm, part_voxels
from compute.kernels.volumes import Floats, Ints

_Mask: TypeAlias = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class SurfaceDistances:
    """Directed distances in mm between the surfaces of a truth and of a prediction.

    Where one set is empty there are no distances: what would be a mean or a maximum of them is None, and the NSD is 0.
    Where both are empty they agree: 0 mm, and an NSD of 1.
    """

    truth_to_prediction_mm: Floats | None
    """(n,) from each border voxel of the truth; None where one set alone is empty."""
    prediction_to_truth_mm: Floats | None
    """(m,) from each border voxel of the prediction; None where one set alone is empty."""

    @cached_property
    def _pooled(self) -> Floats | None:
        if self.truth_to_prediction_mm is None or self.prediction_to_truth_mm is None:
            return None
        return np.concatenate([self.truth_to_prediction_mm, self.prediction_to_truth_mm])

    @property
    def assd_mm(self) -> float | None:
        """Average symmetric surface distance: the mean of all directed distances of both sets together."""
        return _of(self._pooled, np.mean)

    @property
    def hd_mm(self) -> float | None:
        """Hausdorff distance: the greatest of all directed distances."""
        return _of(self._pooled, np.max)

    @property
    def hd95_mm(self) -> float | None:
        """The greater of the two directed 95th percentiles, each linearly interpolated."""
        directed = (_percentile95(self.truth_to_prediction_mm), _percentile95(self.prediction_to_truth_mm))
        return None if None in directed else max(each for each in directed if each is not None)

    @property
    def hd95_pooled_mm(self) -> float | None:
        """The 95th percentile of all directed distances together, as some evaluators define HD95; often far smaller."""
        return _percentile95(self._pooled)

    def nsd(self, tolerance_mm: float) -> float:
        """Normalised surface distance: the share of border voxels of both sets within the tolerance of the other."""
        if self._pooled is None:
            return 0.0
        return float((self._pooled <= tolerance_mm).mean()) if len(self._pooled) else 1.0


def surface_distances(truth_border_zyx: Ints, prediction_border_zyx: Ints, steps_mm: Floats) -> SurfaceDistances:
    """Exact distances between two sets of border voxels, as `border_voxels` gives them.

    Voxels of both borders have the distance 0 and are not searched for.

    Args:
        truth_border_zyx: (n,3) z, y, x, each voxel once.
        prediction_border_zyx: (m,3) likewise.
        steps_mm: (3,3), rows the vectors in mm from a voxel to the next along z, y and x; they may be oblique.
    """
    truth, prediction = truth_border_zyx, prediction_border_zyx
    if (len(truth) == 0) != (len(prediction) == 0):
        return SurfaceDistances(None, None)
    common = _common(truth, prediction)
    return SurfaceDistances(
        _nearest_mm(truth, ~common[0], prediction, steps_mm), _nearest_mm(prediction, ~common[1], truth, steps_mm)
    )


def _common(one: Ints, other: Ints) -> tuple[_Mask, _Mask]:
    """Which of one set's voxels are in the other, and the other way round."""
    if len(one) == 0:
        return np.empty(0, bool), np.empty(0, bool)
    extents = tuple(np.maximum(one.max(axis=0), other.max(axis=0)) + 1)
    places = [np.ravel_multi_index(tuple(each.T), extents) for each in (one, other)]
    return np.isin(places[0], places[1], assume_unique=True), np.isin(places[1], places[0], assume_unique=True)


def _nearest_mm(voxels: Ints, searched: _Mask, others: Ints, steps_mm: Floats) -> Floats:
    """The distance of each voxel to the nearest of the others, 0 for those that are not searched for."""
    distances = np.zeros(len(voxels))
    if searched.any():
        distances[searched] = nearest_mm(part_voxels(voxels[searched], steps_mm), part_voxels(others, steps_mm))
    return distances


def _of(distances: Floats | None, function: Callable[[Floats], Any]) -> float | None:
    if distances is None:
        return None
    return float(function(distances)) if len(distances) else 0.0


def _percentile95(distances: Floats | None) -> float | None:
    return _of(distances, lambda values: np.percentile(values, 95))

"""Measuring the entities of a finding: from its labels and its scan's voxels to the rows that are stored."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.dialects.postgresql import Range

from compute.kernels.components import component_counts
from compute.kernels.frames import centroid_lps_mm, voxel_volume_mm3
from compute.kernels.intensities import Intensities
from compute.kernels.sides import side_of
from compute.kernels.statistics import LabelStatistics, label_statistics
from schema.arrays.box import Box
from schema.arrays.runs import LabelRuns
from schema.finding import Side
from schema.identity import entity_id

KERNEL_VERSION = "1"
"""Raised with every change that may change a stored value; rows of another version are stale."""


@dataclass(frozen=True)
class ScanFrame:
    """Where a scan's voxels are in the patient, and how to read them."""

    read: Callable[[Box], NDArray[np.int16]]
    """Gives the HU of a half-open box (z, y, x)."""
    affine_ras: NDArray[np.float64]
    midline_lps_mm: float


@dataclass(frozen=True)
class EntityMeasures:
    """What is stored of one entity."""

    label: int
    entity: dict[str, Any]
    """The columns of `entity` beside its keys."""
    geometry: dict[str, Any]
    """The columns of `geometry` beside its key."""

    def rows(self, annotation: UUID) -> tuple[dict[str, Any], dict[str, Any]]:
        """Give the rows of `entity` and `geometry` under an annotation."""
        key = entity_id(annotation, self.label)
        return {"id": key, "annotation_id": annotation, "label": self.label, **self.entity}, {
            "entity_id": key,
            **self.geometry,
        }


def measure_finding(labels: LabelRuns, frame: ScanFrame | None) -> list[EntityMeasures]:
    """Measure every entity of a finding, ascending by label; an empty finding has none.

    Without a frame, what needs millimetres or HU is None. One dense crop of the finding's box is in memory at a time.
    """
    box = labels.box_zyx()
    if box is None:
        return []
    dense = labels.to_dense(box, np.uint8 if labels.labels().max() < 256 else np.uint16)
    image = frame.read(box) if frame else None
    statistics = label_statistics(dense, image, origin_zyx=box[0])
    _, components = component_counts(dense)
    return list(_measures(statistics, components, frame))


def _measures(
    statistics: LabelStatistics, components: NDArray[np.int64], frame: ScanFrame | None
) -> Iterator[EntityMeasures]:
    for n, label in enumerate(statistics.label.tolist()):
        geometry = {
            **_position(statistics, n),
            **dict(zip(("components6", "components18", "components26"), components[n].tolist(), strict=True)),
            **_in_patient(statistics, n, frame),
            **_intensities(statistics.hu, n),
            "kernel_version": KERNEL_VERSION,
            "device": "cpu",
        }
        yield EntityMeasures(label, {"voxels": int(statistics.voxels[n]), **_box(statistics, n)}, geometry)


def _box(statistics: LabelStatistics, n: int) -> dict[str, Range[int]]:
    corners = zip(statistics.box_min_zyx[n].tolist(), statistics.box_max_zyx[n].tolist(), strict=True)
    return {name: Range(*ends) for name, ends in zip(("box_k", "box_j", "box_i"), corners, strict=True)}


def _position(statistics: LabelStatistics, n: int) -> dict[str, float]:
    return dict(zip(("centroid_k", "centroid_j", "centroid_i"), statistics.centroid_zyx[n].tolist(), strict=True))


def _in_patient(statistics: LabelStatistics, n: int, frame: ScanFrame | None) -> dict[str, float | str | None]:
    if frame is None:
        return dict.fromkeys(("x_lps_mm", "y_lps_mm", "z_lps_mm", "volume_mm3", "side"))
    x, y, z = centroid_lps_mm(statistics.centroid_zyx[n], frame.affine_ras).tolist()
    side = Side(side_of(x, frame.midline_lps_mm).lower())
    volume_mm3 = int(statistics.voxels[n]) * voxel_volume_mm3(frame.affine_ras)
    return {"x_lps_mm": x, "y_lps_mm": y, "z_lps_mm": z, "volume_mm3": volume_mm3, "side": side}


def _intensities(hu: Intensities | None, n: int) -> dict[str, float | None]:
    names = ("mean", "std", "min", "max", "median", "p05", "p95")
    return {f"hu_{name}": None if hu is None else getattr(hu, name)[n].item() for name in names}

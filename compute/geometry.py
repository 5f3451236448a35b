"""Measuring the entities of a finding: from its labels and its scan's voxels to the rows that are stored."""

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any
from uuid import UUID

import numpy as np
import numpy.typing as npt
from sqlalchemy.dialects.postgresql import Range

from compute.chunks import array_runs
from compute.kernels.body import BodyOutline
from compute.kernels.cuda.crops import Finding
from compute.kernels.cuda.devices import Device
from compute.kernels.cuda.gather import gather_findings
from compute.kernels.frames import check_affine
from compute.kernels.runs import LABEL, ROW, START, STOP, Runs
from compute.kernels.volumes import check_image
from compute.quantities import FULL, Column, DrawnFinding, GeometrySettings, Quantity, ScanFrame
from schema.annotation import Geometry
from schema.arrays.box import Box, box_slices, parse_shape
from schema.arrays.runs import LabelRuns
from schema.identity import entity_id

KERNEL_VERSION = "3"
"""Raised with every change that may change a stored value; rows of another version are stale."""

DEFAULTS = GeometrySettings()


@dataclass(frozen=True)
class EntityMeasures:
    """What is stored of one entity."""

    label: int
    entity: dict[str, Any]
    """The columns of `entity` beside its keys."""
    geometry: dict[str, Any]
    """The columns of `geometry` beside its key; None where a value is not known."""

    def rows(self, annotation: UUID) -> tuple[dict[str, Any], dict[str, Any]]:
        """Give the rows of `entity` and `geometry` under an annotation."""
        key = entity_id(annotation, self.label)
        return {"id": key, "annotation_id": annotation, "label": self.label, **self.entity}, {
            "entity_id": key,
            **self.geometry,
        }


def measure_finding(
    labels: LabelRuns,
    frame: ScanFrame | None,
    *,
    settings: GeometrySettings = DEFAULTS,
    quantities: Iterable[Quantity] = FULL,
    device: Device | None = None,
) -> list[EntityMeasures]:
    """Measure every entity of a finding, ascending by label; an empty finding has none.

    Without a frame, what needs millimetres or HU is None. Of the scan, one entity's crop is in memory at a time. A
    device gathers the sums over voxels, in the same integers; the rest, and findings without a frame, stay here.
    """
    if not len(labels.runs):
        return []
    finding = DrawnFinding(kernel_runs(labels), labels.shape_zyx, frame, settings)
    if device is not None and frame is not None:
        (sums,) = gather_findings([Finding(finding.runs, finding.height, frame.read)], device)
        finding = replace(finding, sums=sums, device=device.name)
    return list(measure(finding, quantities))


def measure_arrays(
    labels_zyx: Any,
    image_zyx: Any,
    affine_ras: npt.ArrayLike,
    *,
    midline_lps_mm: float | None = None,
    body: BodyOutline | None = None,
    settings: GeometrySettings = DEFAULTS,
    quantities: Iterable[Quantity] = FULL,
) -> list[EntityMeasures]:
    """Measure the labels of an array, ascending; an array without labels has none. Needs no database.

    Args:
        labels_zyx: (z,y,x), uint8, uint16 or bool, 0 = background: NumPy, Dask or Zarr.
        image_zyx: int16 HU of the same shape, of which boxes around the labels are read: NumPy, Dask or Zarr.
        affine_ras: the CT's affine from [i,j,k] to RAS mm; i runs along x, k along z.
        midline_lps_mm: against which sides are told; without it they are None.
        body: where the body ends, and with it the shells.
        settings: as for findings of the database.
        quantities: what to measure.

    Raises:
        ValueError: arrays that differ in shape, or are not what they should be.
    """
    if labels_zyx.shape != image_zyx.shape:
        raise ValueError(f"labels have shape {labels_zyx.shape} and the image has shape {image_zyx.shape}")
    runs, shape = array_runs(labels_zyx), parse_shape(labels_zyx.shape)
    if not len(runs):
        return []

    def read(box: Box) -> npt.NDArray[np.int16]:
        return check_image(np.asarray(image_zyx[box_slices(box)]))

    frame = ScanFrame(read, check_affine(affine_ras), midline_lps_mm, body)
    return list(measure(DrawnFinding(runs, shape, frame, settings), quantities))


def measure(finding: DrawnFinding, quantities: Iterable[Quantity] = FULL) -> Iterator[EntityMeasures]:
    """Measure the entities of a finding that is ready for the kernels."""
    columns: dict[str, Column] = {}
    for quantity in quantities:
        columns |= quantity(finding)
    for n, (label, _) in enumerate(finding.entities):
        geometry = {name: _value(columns, name, n) for name in MEASURED}
        geometry |= {
            "kernel_version": KERNEL_VERSION,
            "settings": settings_text(finding.settings),
            "device": finding.device,
        }
        yield EntityMeasures(label, {"voxels": int(finding.moments.voxels[n]), **_box(finding, n)}, geometry)


def settings_text(settings: GeometrySettings) -> str:
    """Settings as they are stored beside what they gave."""
    return json.dumps(asdict(settings), sort_keys=True)


def kernel_runs(labels: LabelRuns) -> Runs:
    """The runs of a finding as the kernels take them."""
    z, y, start, stop, label = labels.runs.astype(np.int32).T
    return np.stack([z * labels.shape_zyx[1] + y, start, stop, label], axis=1)


def labels_of(runs: Runs, shape_zyx: tuple[int, int, int]) -> LabelRuns:
    """The labels of a finding whose runs the kernels made: what `kernel_runs` undoes."""
    z, y = np.divmod(runs[:, ROW], shape_zyx[1])
    columns = np.stack([z, y, runs[:, START], runs[:, STOP], runs[:, LABEL]], axis=1)
    return LabelRuns(columns.astype(np.uint32), shape_zyx)


_OF_THE_ROW = {"entity_id", "volume_ml", "kernel_version", "settings", "device", "computed_at"}
MEASURED = tuple(name for name in Geometry.model_fields if name not in _OF_THE_ROW)
"""The columns of `geometry` that kernels fill."""


def _value(columns: Mapping[str, Column], name: str, n: int) -> Any:
    """One value as Python's own, None where it is not known or not a number."""
    if name not in columns:
        return None
    value = columns[name][n]
    value = value.item() if isinstance(value, np.generic) else value
    return None if isinstance(value, float) and math.isnan(value) else value


def _box(finding: DrawnFinding, n: int) -> dict[str, Range[int]]:
    ends = zip(*finding.box(n), strict=True)
    return {name: Range(*each) for name, each in zip(("box_k", "box_j", "box_i"), ends, strict=True)}

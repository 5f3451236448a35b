"""Locating the entities of a finding among the organs of its scan: from labels to the rows that are stored."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self
from uuid import UUID

import numpy.typing as npt

from compute.geometry import kernel_runs
from compute.kernels.frames import check_affine
from compute.kernels.location import Location, Organs, locate
from compute.kernels.lungs import lung_roles
from schema.arrays.runs import LabelRuns
from schema.identity import entity_id

KERNEL_VERSION = "1"
"""Raised with every change that may change a stored value; rows of another version are stale."""


@dataclass(frozen=True, eq=False)
class OrganFrame:
    """One organ mask of a scan, ready to locate entities of any finding in; what they share is computed once."""

    organs: Organs
    names: Mapping[int, str]
    """Label value to organ name."""

    @classmethod
    def of(
        cls,
        labels: LabelRuns,
        names: Mapping[str, str],
        affine_ras: npt.ArrayLike | None = None,
        midline_lps_mm: float | None = None,
    ) -> Self:
        """Make it from an organ mask's labels and names, as `organ_mask` has them, and the CT's affine and midline.

        Without an affine nothing in millimetres is measured; without a midline, lung whose name gives no side has none.

        Raises:
            ValueError: the affine cannot be used.
        """
        known = {int(label): name for label, name in names.items()}
        affine = None if affine_ras is None else check_affine(affine_ras)
        roles = lung_roles(known)
        return cls(Organs(kernel_runs(labels), labels.shape_zyx, roles, affine, midline_lps_mm), known)


@dataclass(frozen=True)
class LocationMeasures:
    """What is stored of where one entity lies."""

    label: int
    location: dict[str, Any]
    """The columns of `location` beside its keys; None where a value is not known."""

    def row(self, annotation: UUID, organ_mask_id: int) -> dict[str, Any]:
        """Give the row of `location` of an annotation's entity in an organ mask."""
        return {"entity_id": entity_id(annotation, self.label), "organ_mask_id": organ_mask_id, **self.location}


def locate_finding(labels: LabelRuns, frame: OrganFrame) -> list[LocationMeasures]:
    """Locate every entity of a finding, ascending by label; an empty finding has none.

    Raises:
        ValueError: the finding's scan has another shape than the organs'.
    """
    if labels.shape_zyx != frame.organs.shape_zyx:
        raise ValueError(f"the finding has shape {labels.shape_zyx} and the organs have {frame.organs.shape_zyx}")
    return [_measures(one, frame.names) for one in locate(kernel_runs(labels), frame.organs)]


def _measures(found: Location, names: Mapping[int, str]) -> LocationMeasures:
    location = {
        "shares": {names.get(organ, str(organ)): share for organ, share in found.shares.items()},
        "lung_share": found.lung_share,
        "left_share": found.left_share,
        "right_share": found.right_share,
        "lobe": found.lobe,
        "lobe_share": found.lobe_share,
        "lung_border_mm": found.lung_border_mm,
        **dict(zip(("rel_x", "rel_y", "rel_z"), found.relative_position or (None, None, None), strict=True)),
        "kernel_version": KERNEL_VERSION,
        "device": "cpu",
    }
    return LocationMeasures(found.label, location)

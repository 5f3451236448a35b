"""Measuring and locating the entities of one scan, from the database and the array store to rows."""

from dataclasses import dataclass, field
from functools import cache
from typing import Any, TypeAlias

import numpy as np
from sqlmodel import Session

from compute.geometry import measure_finding
from compute.jobs.frames import open_frame
from compute.jobs.pending import PendingAnnotation, PendingScan, role_of
from compute.kernels.cuda.devices import Device
from compute.location import OrganFrame, locate_finding
from compute.quantities import GeometrySettings
from schema.annotation import Annotation, LabelArray
from schema.arrays.store import ArrayStore
from schema.database import Database
from schema.errors import ArrayStoreError
from schema.integrity import LABEL_AREAS
from schema.organ import OrganMask
from schema.scan import Volume

Row: TypeAlias = dict[str, Any]


@dataclass
class MeasuredScan:
    """The rows of one scan; failures by annotation, with the reason."""

    geometry: list[Row] = field(default_factory=list)
    locations: list[Row] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Facts:
    """What the database says of a scan."""

    volume: Volume | None
    organ_masks: dict[int, OrganMask]
    places: list[tuple[str, int]]
    """For each annotation its label array and the index in it."""


def measure_scan(
    database: Database, arrays: ArrayStore, settings: GeometrySettings, scan: PendingScan, device: Device | None = None
) -> MeasuredScan:
    """Measure and locate what is pending of a scan; an annotation whose arrays cannot be read fails alone."""
    facts, measured = _facts(database, scan), MeasuredScan()
    frame = cache(lambda: open_frame(facts.volume, arrays) if facts.volume else None)
    organs = cache(lambda key: _organs(facts, arrays, key))
    for annotation, (digest, index) in zip(scan.annotations, facts.places, strict=True):
        try:
            labels = arrays.read_runs(digest, LABEL_AREAS[scan.visibility], index)
            geometry = measure_finding(labels, frame(), settings=settings, device=device) if annotation.geometry else []
            located = [(key, locate_finding(labels, organs(key))) for key in annotation.organ_masks]
        except (ArrayStoreError, OSError, ValueError) as error:
            measured.failed[annotation.name] = reason_of(error)
        else:
            measured.geometry += [one.rows(annotation.id)[1] for one in geometry]
            measured.locations += [one.row(annotation.id, key) for key, entities in located for one in entities]
    return measured


def reason_of(error: Exception) -> str:
    """Why something failed, in one line."""
    return f"{type(error).__name__}: {error}"


def _facts(database: Database, scan: PendingScan) -> _Facts:
    masks = {key for annotation in scan.annotations for key in annotation.organ_masks}
    with database.transaction(role_of(scan.visibility), scan.visibility) as session:
        volume = session.get(Volume, scan.scan_id)
        organ_masks = {key: session.get_one(OrganMask, key) for key in masks}
        places = [_place(session, each) for each in scan.annotations]
        session.expunge_all()
    return _Facts(volume, organ_masks, places)


def _place(session: Session, annotation: PendingAnnotation) -> tuple[str, int]:
    found = session.get_one(Annotation, annotation.id)
    return session.get_one(LabelArray, found.label_array_id).digest, found.array_index


def _organs(facts: _Facts, arrays: ArrayStore, key: int) -> OrganFrame:
    mask, volume = facts.organ_masks[key], facts.volume
    labels = arrays.read_runs(mask.digest, "labels", 0)
    if volume is None:
        return OrganFrame.of(labels, mask.names)
    affine = np.array(volume.affine_ras).reshape(4, 4)
    return OrganFrame.of(labels, mask.names, affine, volume.body_midline_lps_mm)

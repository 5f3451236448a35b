"""What is to be measured: entities without geometry or location, or with one that is stale, scan by scan."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, TypeAlias
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import col, select

from compute.geometry import KERNEL_VERSION
from compute.jobs.selection import Selection
from compute.location import KERNEL_VERSION as LOCATION_VERSION
from schema.annotation import Annotation, Entity, Geometry
from schema.database import Database, Role
from schema.finding import Finding
from schema.location import Location
from schema.organ import OrganMask
from schema.release import Visibility
from schema.round import Round
from schema.scan import Scan, Volume

BATCH_VOXELS = 2**27
"""Voxels of the scans of a batch, 256 MiB of HU: small scans go together, so that none costs its own transaction."""
BATCH_ENTITIES = 2_000
_BATCHES_A_WORKER = 4

_Rows: TypeAlias = Mapping[UUID, sa.Row[Any]]
"""By annotation."""


@dataclass(frozen=True)
class PendingAnnotation:
    """One annotation with something to measure."""

    id: UUID
    name: str
    """Scan, finding and round, for people."""
    entities: int
    """Those to be measured, or to be located."""
    geometry: bool
    """Whether their geometry is missing or stale."""
    organ_masks: tuple[int, ...]
    """In which of the scan's organ masks they are still to be located."""


@dataclass(frozen=True)
class PendingScan:
    """The annotations of one scan with something to measure, all open or all hidden."""

    scan_id: UUID
    visibility: Visibility
    voxels: int
    annotations: tuple[PendingAnnotation, ...]

    @property
    def entities(self) -> int:
        """Entities of its annotations."""
        return sum(each.entities for each in self.annotations)


def find_pending(database: Database, selection: Selection, settings: str, *, force: bool) -> list[PendingScan]:
    """Give what is missing or stale under these settings, by the scan's name; everything with `force`."""
    pending: list[PendingScan] = []
    for visibility in selection.visibilities:
        with database.transaction(role_of(visibility), visibility) as session:
            unmeasured = session.execute(_unmeasured(selection, sa.true() if force else _stale(settings)))
            measures = {row[1]: row for row in unmeasured}
            unlocated = session.execute(_unlocated(selection, sa.true() if force else _STALE_LOCATION))
            places = {row[1]: row for row in unlocated}
        pending += _by_scan(measures, places, visibility)
    return pending


def _by_scan(measures: _Rows, places: _Rows, visibility: Visibility) -> Iterator[PendingScan]:
    rows = sorted({**places, **measures}.values(), key=lambda row: (row.scan, row.scan_id, row.finding, row.id))
    for scan_id, group in groupby(rows, key=lambda row: row.scan_id):
        listed = list(group)
        width, height, depth = listed[0].shape_vox
        annotations = tuple(_annotation(row, row.id in measures, places.get(row.id)) for row in listed)
        yield PendingScan(scan_id, visibility, width * height * depth, annotations)


def _annotation(row: Any, geometry: bool, places: Any) -> PendingAnnotation:
    entities = max(row.entities, places.entities if places else 0)
    organ_masks = tuple(places.organ_masks) if places else ()
    name = f"{row.scan} finding {row.finding}, round {row.round}"
    return PendingAnnotation(row.id, name, entities, geometry, organ_masks)


def count_entities(database: Database, selection: Selection) -> int:
    """How many entities a selection has."""
    query = select(sa.func.count()).select_from(Entity)
    query = query.join(Annotation, col(Annotation.id) == col(Entity.annotation_id)).where(*selection.conditions())
    total = 0
    for visibility in selection.visibilities:
        with database.transaction(role_of(visibility), visibility) as session:
            total += session.exec(query).one()
    return total


def role_of(visibility: Visibility) -> Role:
    """Who reads and writes rows of this visibility."""
    return Role.OWNER if visibility is Visibility.HIDDEN else Role.API


def make_batches(scans: Sequence[PendingScan], workers: int) -> Iterator[tuple[PendingScan, ...]]:
    """Put scans together until a batch has many voxels or entities; a large scan is a batch of its own.

    There are some batches for each worker, as far as there are scans, so that none of them waits for another.
    """
    most_voxels = min(BATCH_VOXELS, sum(scan.voxels for scan in scans) // (_BATCHES_A_WORKER * workers))
    batch: list[PendingScan] = []
    voxels = entities = 0
    for scan in scans:
        if batch and (voxels + scan.voxels > most_voxels or entities + scan.entities > BATCH_ENTITIES):
            yield tuple(batch)
            batch, voxels, entities = [], 0, 0
        batch.append(scan)
        voxels, entities = voxels + scan.voxels, entities + scan.entities
    if batch:
        yield tuple(batch)


def _stale(settings: str) -> sa.ColumnElement[bool]:
    return sa.or_(
        col(Geometry.entity_id).is_(None),
        col(Geometry.kernel_version) != KERNEL_VERSION,
        col(Geometry.settings) != settings,
        sa.and_(col(Geometry.volume_mm3).is_(None), col(Volume.scan_id).is_not(None)),
    )


_STALE_LOCATION = sa.or_(col(Location.entity_id).is_(None), col(Location.kernel_version) != LOCATION_VERSION)

_NAMED: tuple[Any, ...] = (
    col(Annotation.scan_id),
    col(Annotation.id),
    col(Scan.name).label("scan"),
    col(Scan.shape_vox),
    col(Finding.source_index).label("finding"),
    col(Round.name).label("round"),
)


def _annotations(selection: Selection, *more: sa.ColumnElement[Any]) -> sa.Select[Any]:
    """What names annotations, and more over their entities."""
    return (
        sa.select(*_NAMED, *more)
        .select_from(Annotation)
        .join(Entity, col(Entity.annotation_id) == col(Annotation.id))
        .join(Scan, col(Scan.id) == col(Annotation.scan_id))
        .join(Finding, col(Finding.id) == col(Annotation.finding_id))
        .join(Round, col(Round.id) == col(Annotation.round_id))
        .where(*selection.conditions())
        .group_by(*(column.element if isinstance(column, sa.Label) else column for column in _NAMED))
    )


def _unmeasured(selection: Selection, which: sa.ColumnElement[bool]) -> sa.Select[Any]:
    return (
        _annotations(selection, sa.func.count().label("entities"))
        .outerjoin(Geometry, col(Geometry.entity_id) == col(Entity.id))
        .outerjoin(Volume, col(Volume.scan_id) == col(Annotation.scan_id))
        .where(which)
    )


def _unlocated(selection: Selection, which: sa.ColumnElement[bool]) -> sa.Select[Any]:
    masks: sa.ColumnElement[Any] = sa.func.array_agg(sa.distinct(col(OrganMask.id))).label("organ_masks")
    here = sa.and_(col(Location.entity_id) == col(Entity.id), col(Location.organ_mask_id) == col(OrganMask.id))
    return (
        _annotations(selection, sa.func.count(sa.distinct(col(Entity.id))).label("entities"), masks)
        .join(OrganMask, col(OrganMask.scan_id) == col(Annotation.scan_id))
        .outerjoin(Location, here)
        .where(which)
    )

"""Measuring entities from the database and the array store: what is missing or stale, annotation batch by batch."""

import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import nibabel
import numpy as np
import sqlalchemy as sa
from nibabel.filebasedimages import ImageFileError
from numpy.typing import NDArray
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session, col, select

from compute.geometry import KERNEL_VERSION, ScanFrame, measure_finding
from compute.jobs.cluster import map_unordered
from schema.annotation import Annotation, Entity, Geometry, LabelArray
from schema.arrays.box import Box
from schema.arrays.store import ArrayStore
from schema.database import Database, Role
from schema.errors import ArrayStoreError, NotFound
from schema.integrity import LABEL_AREAS
from schema.release import Visibility
from schema.round import Round
from schema.scan import Volume, VolumeStorage

Progress = Callable[[int, int], None]


@dataclass
class GeometryReport:
    """What a run measured; failures by annotation, with the reason."""

    entities: int = 0
    computed: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    device: str = "cpu"
    seconds: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """Give the report as `--json` prints it."""
        return {
            "entities": self.entities,
            "computed": self.computed,
            "failed": len(self.failed),
            "failures": self.failed,
            "seconds": round(self.seconds, 3),
            "device": self.device,
        }


@dataclass(frozen=True)
class _Item:
    annotation_id: UUID
    visibility: Visibility


@dataclass(frozen=True)
class _Result:
    annotation_id: UUID
    computed: int
    failure: str | None = None


@dataclass(frozen=True)
class _Job:
    database: Database
    arrays: ArrayStore

    def __call__(self, item: _Item) -> _Result:
        try:
            rows = self._measure(item)
        except (ArrayStoreError, OSError, ValueError) as error:
            return _Result(item.annotation_id, 0, f"{type(error).__name__}: {error}")
        with self.database.transaction(_role(item.visibility), item.visibility) as session:
            for row in rows:
                statement = insert(Geometry).values(**row)
                session.execute(statement.on_conflict_do_update(index_elements=["entity_id"], set_=row))
        return _Result(item.annotation_id, len(rows))

    def _measure(self, item: _Item) -> list[dict[str, Any]]:
        with self.database.transaction(_role(item.visibility), item.visibility) as session:
            annotation = session.get_one(Annotation, item.annotation_id)
            digest = session.get_one(LabelArray, annotation.label_array_id).digest
            frame = _frame(session.get(Volume, annotation.scan_id), self.arrays)
            index = annotation.array_index
        runs = self.arrays.read_runs(digest, LABEL_AREAS[item.visibility], index)
        return [measures.rows(item.annotation_id)[1] for measures in measure_finding(runs, frame)]


def _role(visibility: Visibility) -> Role:
    return Role.OWNER if visibility is Visibility.HIDDEN else Role.API


def _frame(volume: Volume | None, arrays: ArrayStore) -> ScanFrame | None:
    if volume is None:
        return None
    affine = np.array(volume.affine_ras).reshape(4, 4)
    if volume.storage is VolumeStorage.REFERENCE:
        return ScanFrame(_reader_of_file(Path(volume.source_path or "")), affine, volume.body_midline_lps_mm)
    digest = volume.digest
    return ScanFrame(lambda box: arrays.read_volume(digest, box), affine, volume.body_midline_lps_mm)


def _reader_of_file(path: Path) -> Callable[[Box], NDArray[np.int16]]:
    def read(box: Box) -> NDArray[np.int16]:
        (z0, y0, x0), (z1, y1, x1) = box
        try:
            voxels = nibabel.load(path).dataobj[x0:x1, y0:y1, z0:z1]
        except (OSError, EOFError, ValueError, zlib.error, ImageFileError) as error:
            raise ArrayStoreError(f"{path} cannot be read ({error}): fetch the volume again") from error
        return np.ascontiguousarray(np.rint(voxels).astype(np.int16).T)

    return read


def compute_geometry(
    database: Database,
    arrays: ArrayStore,
    *,
    round_name: str | None = None,
    force: bool = False,
    workers: int = 1,
    address: str | None = None,
    progress: Progress | None = None,
) -> GeometryReport:
    """Measure the entities that have no geometry, or one of other kernels or of before their volume came.

    Raises:
        NotFound: there is no such round.
    """
    start, report = time.perf_counter(), GeometryReport()
    if round_name is not None:
        _require_round(database, round_name)
    items = list(_pending(database, round_name, force=force))
    report.entities = _count(database, round_name)
    for done, result in enumerate(map_unordered(_Job(database, arrays), items, workers=workers, address=address), 1):
        report.computed += result.computed
        if result.failure:
            report.failed[str(result.annotation_id)] = result.failure
        if progress:
            progress(done, len(items))
    report.seconds = time.perf_counter() - start
    return report


def _require_round(database: Database, name: str) -> None:
    with database.transaction() as session:
        if session.exec(select(Round.id).where(Round.name == name)).one_or_none() is None:
            known = ", ".join(session.exec(select(Round.name).order_by(Round.name))) or "none"
            raise NotFound(f"there is no round {name!r}; there are: {known}")


def _pending(database: Database, round_name: str | None, *, force: bool) -> Iterator[_Item]:
    stale = sa.or_(
        col(Geometry.entity_id).is_(None),
        col(Geometry.kernel_version) != KERNEL_VERSION,
        sa.and_(col(Geometry.volume_mm3).is_(None), col(Volume.scan_id).is_not(None)),
    )
    for visibility in Visibility:
        with database.transaction(_role(visibility), visibility) as session:
            for key in _annotations(session, round_name, sa.true() if force else stale):
                yield _Item(key, visibility)


def _annotations(session: Session, round_name: str | None, which: sa.ColumnElement[bool]) -> list[UUID]:
    query = (
        select(Annotation.id)
        .join(Entity, col(Entity.annotation_id) == col(Annotation.id))
        .outerjoin(Geometry, col(Geometry.entity_id) == col(Entity.id))
        .outerjoin(Volume, col(Volume.scan_id) == col(Annotation.scan_id))
        .where(which)
        .distinct()
    )
    if round_name is not None:
        query = query.join(Round, col(Round.id) == col(Annotation.round_id)).where(Round.name == round_name)
    return list(session.exec(query))


def _count(database: Database, round_name: str | None) -> int:
    total = 0
    for visibility in Visibility:
        with database.transaction(_role(visibility), visibility) as session:
            query = select(sa.func.count()).select_from(Entity)
            if round_name is not None:
                query = query.join(Annotation, col(Annotation.id) == col(Entity.annotation_id))
                query = query.join(Round, col(Round.id) == col(Annotation.round_id)).where(Round.name == round_name)
            total += session.exec(query).one()
    return total

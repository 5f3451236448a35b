"""A release as Parquet tables: scans, findings, entities with what is measured of them; and a dictionary of columns."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa
from sqlmodel import Session

from ingest.exports.folder import close_folder, open_folder
from ingest.exports.released import Released
from ingest.files import write_json, written
from schema.base import HIDDEN, OPEN
from schema.database import Database, Role
from schema.queries.tables import (
    ANNOTATION,
    ENTITY,
    GEOMETRY,
    PATIENT,
    RELEASE,
    RELEASE_ANNOTATION,
    RELEASE_FINDING,
    RELEASE_SCAN,
    REVISION,
    ROUND,
    SCAN,
    STUDY,
    VOLUME,
)

FORM = "parquet"
_LEFT_OUT = {"body_outline", "source_path"}
"""Columns that only this archive has a use for."""
Columns = Mapping[str, sa.ColumnElement[Any]]


def export_parquet(database: Database, released: Released, out: Path, progress: Callable[[int, int], None]) -> None:
    """Write OUT/scans.parquet, findings.parquet, entities.parquet, and columns.json, which says what each column is.

    Raises:
        SourceError: the folder holds something else.
    """
    folder = open_folder(out, released, FORM)
    tables = {"scans": _scans(), "findings": _findings(), "entities": _entities()}
    names = [scan.name for scan in released.scans]
    for n, (name, (columns, rows)) in enumerate(tables.items(), 1):
        query = sa.select(*(column.label(label) for label, column in columns.items())).select_from(rows)
        query = query.where(
            RELEASE.c.name == released.name, SCAN.c.name == sa.any_(sa.literal(names, sa.ARRAY(sa.Text)))
        )
        with written(folder / f"{name}.parquet") as partial:
            _write(partial, columns, _rows(database, query, released))
        progress(n, len(tables))
    write_json(folder / "columns.json", {name: _dictionary(columns) for name, (columns, _) in tables.items()})
    close_folder(folder, released, FORM)


def _rows(database: Database, query: sa.Select[Any], released: Released) -> Iterator[Any]:
    """Give the rows, ordered by the first columns; those that are hidden only where they are asked for."""
    schemas = (OPEN, HIDDEN) if released.with_hidden else (OPEN,)
    with database.transaction(Role.OWNER if released.with_hidden else Role.API) as session:
        rows = {row for schema in schemas for row in _of_schema(session, query, schema)}
    return iter(sorted(rows, key=lambda row: tuple(str(value) for value in row[:4])))


def _of_schema(session: Session, query: sa.Select[Any], schema: str) -> Iterator[Any]:
    for row in session.execute(query, execution_options={"schema_translate_map": {OPEN: schema}}):
        yield tuple(tuple(value) if isinstance(value, list) else value for value in row)


def _scans() -> tuple[Columns, sa.FromClause]:
    rows = (
        RELEASE.join(RELEASE_SCAN, RELEASE_SCAN.c.release_id == RELEASE.c.id)
        .join(SCAN, SCAN.c.id == RELEASE_SCAN.c.scan_id)
        .join(STUDY, STUDY.c.id == SCAN.c.study_id)
        .join(PATIENT, PATIENT.c.id == STUDY.c.patient_id)
        .outerjoin(VOLUME, VOLUME.c.scan_id == SCAN.c.id)
    )
    named = {"scan": SCAN.c.name, "split": RELEASE_SCAN.c.split, "protocol": RELEASE_SCAN.c.protocol}
    named |= {"study": STUDY.c.name, "patient": PATIENT.c.key, "shape_vox": SCAN.c.shape_vox}
    return {**named, **_all(VOLUME, "scan_id", "storage", "stored_sha256", "stored_bytes")}, rows


def _released_findings() -> sa.FromClause:
    return (
        RELEASE.join(RELEASE_FINDING, RELEASE_FINDING.c.release_id == RELEASE.c.id)
        .join(SCAN, SCAN.c.id == RELEASE_FINDING.c.scan_id)
        .join(REVISION, REVISION.c.id == RELEASE_FINDING.c.revision_id)
    )


def _of_finding() -> sa.ColumnElement[bool]:
    return sa.and_(
        RELEASE_ANNOTATION.c.release_id == RELEASE_FINDING.c.release_id,
        RELEASE_ANNOTATION.c.finding_id == RELEASE_FINDING.c.finding_id,
    )


def _findings() -> tuple[Columns, sa.FromClause]:
    named = {"scan": SCAN.c.name, "index": RELEASE_FINDING.c.index, "finding": RELEASE_FINDING.c.finding_id}
    words = ("text", "category_code", "present", "refers_to_prior", "text_side")
    return {**named, **{name: REVISION.c[name] for name in words}}, _released_findings()


def _entities() -> tuple[Columns, sa.FromClause]:
    rows = (
        _released_findings()
        .join(RELEASE_ANNOTATION, _of_finding())
        .join(ANNOTATION, ANNOTATION.c.id == RELEASE_ANNOTATION.c.annotation_id)
        .join(ROUND, ROUND.c.id == ANNOTATION.c.round_id)
        .join(ENTITY, ENTITY.c.annotation_id == ANNOTATION.c.id)
        .outerjoin(GEOMETRY, GEOMETRY.c.entity_id == ENTITY.c.id)
    )
    named: dict[str, sa.ColumnElement[Any]] = {"scan": SCAN.c.name, "index": RELEASE_FINDING.c.index}
    named |= {"label": ENTITY.c.label, "entity": ENTITY.c.id}
    named |= {"finding": RELEASE_FINDING.c.finding_id, "round": ROUND.c.name}
    named |= {"policy": ANNOTATION.c.policy, "policy_limit": ANNOTATION.c.policy_limit, "voxels": ENTITY.c.voxels}
    for axis in "ijk":
        box = ENTITY.c[f"box_{axis}"]
        named[f"box_{axis}_min"] = sa.func.lower(box, type_=sa.Integer)
        named[f"box_{axis}_max"] = sa.func.upper(box, type_=sa.Integer)
    return {**named, **_all(GEOMETRY, "entity_id", "settings", "device", "computed_at")}, rows


def _all(table: sa.Table, *but: str) -> Columns:
    return {column.name: column for column in table.columns if column.name not in {*but, *_LEFT_OUT}}


def _write(path: Path, columns: Columns, rows: Iterator[Any]) -> None:
    schema = pa.schema([(name, _arrow(column.type)) for name, column in columns.items()])
    listed = list(rows)
    values = {name: [_plain(row[n], column.type) for row in listed] for n, (name, column) in enumerate(columns.items())}
    pq.write_table(pa.table(values, schema=schema), path, compression="zstd")


def _plain(value: Any, kind: sa.types.TypeEngine[Any]) -> Any:
    if value is None or isinstance(kind, sa.Integer | sa.Float | sa.Boolean | sa.ARRAY):
        return value
    return str(value)


def _arrow(kind: sa.types.TypeEngine[Any]) -> pa.DataType:
    if isinstance(kind, sa.ARRAY):
        return pa.list_(_arrow(kind.item_type))
    for known, arrow in ((sa.Boolean, pa.bool_()), (sa.Integer, pa.int64()), (sa.Float, pa.float64())):
        if isinstance(kind, known):
            return arrow
    return pa.string()


def _dictionary(columns: Columns) -> dict[str, dict[str, Any]]:
    return {
        name: {"type": str(_arrow(column.type)), "is": getattr(column, "comment", None) or _BOXES.get(name)}
        for name, column in columns.items()
    }


_BOXES = {
    f"box_{axis}_{end}": f"{'First voxel' if end == 'min' else 'One past the last voxel'} along {axis}."
    for axis in "ijk"
    for end in ("min", "max")
}

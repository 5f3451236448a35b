"""Further rounds of annotation that say what the first one said: more entities in the database, on the same voxels.

Their rows are written as an import would write them, without geometry, so that all of it is still to be measured.
"""

from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, select

from compute.jobs.pending import role_of
from schema.annotation import Annotation, Entity
from schema.base import Table
from schema.database import Database, Role
from schema.identity import annotation_id, entity_id
from schema.release import Visibility
from schema.round import Round


def add_rounds(database: Database, model: str, count: int) -> int:
    """Add `count` rounds with the annotations and entities of the round `model`; gives the entities added."""
    names = [f"{model}-{n + 2}" for n in range(count)]
    with database.transaction(Role.OWNER) as session:
        first = session.exec(select(Round).where(Round.name == model)).one()
        source, collection = first.id, first.collection_id
        rounds = [Round(name=name, collection_id=collection) for name in names]
        session.add_all(rounds)
        session.flush()
        ids = {each.name: each.id for each in rounds}
    added = 0
    for visibility in Visibility:
        with database.transaction(role_of(visibility), visibility) as session:
            annotations = _rows(session, Annotation, col(Annotation.round_id) == source)
            entities = _rows(session, Entity, col(Entity.annotation_id).in_([row["id"] for row in annotations]))
            for name, key in ids.items():
                added += _copy(session, annotations, entities, name, key)
    return added


def _rows(session: Session, model: type[Table], which: sa.ColumnElement[bool]) -> list[dict[str, Any]]:
    table: sa.Table = model.__table__  # type: ignore[attr-defined]
    return [dict(row) for row in session.execute(sa.select(table).where(which)).mappings()]


def _copy(
    session: Session, annotations: list[dict[str, Any]], entities: list[dict[str, Any]], name: str, key: int
) -> int:
    """Copy rows into another round; gives the number of entities."""
    renamed: dict[UUID, UUID] = {
        row["id"]: annotation_id(row["finding_id"], name, None, row["version"]) for row in annotations
    }
    if not renamed:
        return 0
    session.execute(sa.insert(Annotation), [{**row, "id": renamed[row["id"]], "round_id": key} for row in annotations])
    copies = [{**row, "annotation_id": renamed[row["annotation_id"]]} for row in entities]
    session.execute(sa.insert(Entity), [{**row, "id": entity_id(row["annotation_id"], row["label"])} for row in copies])
    return len(copies)

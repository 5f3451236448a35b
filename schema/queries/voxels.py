"""From a voxel to what may be drawn there: boxes in the database; the labels themselves are read by the caller."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from schema.queries.mistakes import ReadMistake
from schema.queries.scope import Scope
from schema.queries.tables import ANNOTATION, ENTITY, LABEL_ARRAY
from schema.queries.views import entities

Voxel = tuple[int, int, int]
"""[i, j, k] of the scan's NIfTI array."""


@dataclass(frozen=True)
class Candidate:
    """An entity whose box holds the voxel, and where its label is stored."""

    entity_id: UUID
    label: int
    digest: str
    array_index: int


def parse_voxel(ijk: Sequence[int], shape_vox: Sequence[int]) -> Voxel:
    """Give the voxel, once it is known to lie within the shape, both [i, j, k].

    Raises:
        ReadMistake: it does not.
    """
    if len(ijk) != 3 or not all(0 <= at < size for at, size in zip(ijk, shape_vox, strict=True)):
        raise ReadMistake(f"`ijk`: {list(ijk)} is no voxel of a scan of {list(shape_vox)}; give [i, j, k] from 0")
    i, j, k = ijk
    return i, j, k


def candidates_at(session: Session, scan_id: UUID, voxel: Voxel, scope: Scope) -> list[Candidate]:
    """Give the entities of a scan in a scope whose boxes hold a voxel."""
    view = entities(scope)
    rows = view.rows.join(LABEL_ARRAY, LABEL_ARRAY.c.id == ANNOTATION.c.label_array_id)
    statement = (
        sa.select(ENTITY.c.id, ENTITY.c.label, LABEL_ARRAY.c.digest, ANNOTATION.c.array_index)
        .select_from(rows)
        .where(view.where, ANNOTATION.c.scan_id == scan_id, *_boxes_hold(voxel))
        .order_by(*view.order)
    )
    return [Candidate(*row) for row in session.execute(statement)]


def _boxes_hold(voxel: Voxel) -> list[sa.ColumnElement[Any]]:
    return [ENTITY.c[f"box_{axis}"].contains(at) for axis, at in zip("ijk", voxel, strict=True)]

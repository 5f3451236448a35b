"""Sending views: rows by ids, the rows that a link reaches, computed fields, counts."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Session

from schema.queries.links import Link
from schema.queries.scope import Scope
from schema.queries.views import Expression, View

Row = sa.RowMapping


def among(column: Expression, values: Iterable[Any]) -> Expression:
    """Tell whether a column is one of the values; one parameter, so that the statement's text never changes."""
    return column == sa.any_(sa.literal(list(values), ARRAY(column.type)))


def rows_by_key(session: Session, view: View, keys: Iterable[Any]) -> list[Row]:
    """Give the rows with these keys, in the view's order; unknown keys give nothing."""
    statement = view.select().where(among(view.fields[view.key], keys)).order_by(*view.order)
    return list(session.execute(statement).mappings())


def linked_rows(session: Session, link: Link, scope: Scope, keys: Iterable[Any]) -> Sequence[Row]:
    """Give the rows that a link reaches from these values of its field `here`, in the view's order."""
    view = link.view(scope)
    statement = view.select().where(among(view.fields[link.there], keys)).order_by(*view.order)
    return session.execute(statement).mappings().all()


def computed_by_key(session: Session, view: View, name: str, keys: Iterable[Any]) -> Mapping[Any, Any]:
    """Give one computed field by key."""
    statement = view.select_only(name).where(among(view.fields[view.key], keys))
    return {key: value for key, value in session.execute(statement)}  # noqa: C416 - rows are not pairs for dict()


def count(session: Session, view: View, condition: Expression) -> int:
    """Count the rows of a view that meet a condition."""
    statement = sa.select(sa.func.count()).select_from(view.rows).where(view.where, condition)
    return session.execute(statement).scalar_one()

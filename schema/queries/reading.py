"""Sending views: rows by ids, the rows that a link reaches, computed fields, counts."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, array
from sqlmodel import Session

from schema.queries.links import Link
from schema.queries.scope import Scope
from schema.queries.slots import Slot
from schema.queries.views import Expression, View

Row = sa.RowMapping


def among(column: Expression, values: Iterable[Any]) -> Expression:
    """Tell whether a column is one of the values; one parameter, so that the statement's text never changes.

    Slots among them are a parameter each.
    """
    listed = list(values)
    if any(isinstance(value, Slot) for value in listed):
        each = (value.bound(column.type) if isinstance(value, Slot) else value for value in listed)
        return column == sa.any_(array(each, type_=column.type))
    return column == sa.any_(sa.literal(listed, ARRAY(column.type)))


def rows_by_key(session: Session, view: View, keys: Iterable[Any]) -> Sequence[Row]:
    """Give the rows with these keys, in the view's order; unknown keys give nothing."""
    return rows_by_field(session, view, view.key, keys)


def rows_by_field(session: Session, view: View, name: str, values: Iterable[Any] | None) -> Sequence[Row]:
    """Give the rows whose field has one of these values, or all rows for None, in the view's order."""
    statement = view.select() if values is None else view.select().where(among(view.expression(name), values))
    return session.execute(statement.order_by(*view.order)).mappings().all()


def linked_rows(session: Session, link: Link, scope: Scope, keys: Iterable[Any]) -> Sequence[Row]:
    """Give the rows that a link reaches from these values of its field `here`, in the view's order."""
    return rows_by_field(session, link.view(scope), link.there, keys)


def computed_by_key(session: Session, view: View, name: str, keys: Iterable[Any]) -> Mapping[Any, Any]:
    """Give one computed field by key."""
    statement = view.select_only(name).where(among(view.fields[view.key], keys))
    return {key: value for key, value in session.execute(statement)}  # noqa: C416 - rows are not pairs for dict()


def count(session: Session, view: View, condition: Expression) -> int:
    """Count the rows of a view that meet a condition."""
    statement = sa.select(sa.func.count()).select_from(view.rows).where(view.where, condition)
    return int(session.execute(statement).scalar_one())


def one_of(keys: Iterable[Any], kind: sa.types.TypeEngine[Any]) -> sa.TableValuedAlias:
    """Give a table of keys, `c.key`, for what is read below each of them."""
    given = sa.func.unnest(sa.literal(list(keys), ARRAY(kind)))
    return given.table_valued(sa.column("key", kind)).render_derived(name="above")


def count_below(
    session: Session, view: View, keys: Sequence[Any], below: Callable[[Expression], Expression]
) -> Mapping[Any, int]:
    """Count the rows of a view below each key."""
    above = one_of(keys, key_kind(keys))
    counted = sa.select(sa.func.count().label("rows")).select_from(view.rows).where(view.where, below(above.c.key))
    counts = counted.correlate(above).lateral()
    statement = sa.select(above.c.key, counts.c.rows).join_from(above, counts, sa.true())
    return {key: rows for key, rows in session.execute(statement)}  # noqa: C416 - rows are not pairs for dict()


def key_kind(keys: Sequence[Any]) -> sa.types.TypeEngine[Any]:
    """Give the type of keys: UUIDs or whole numbers."""
    return sa.Uuid() if keys and isinstance(keys[0], UUID) else sa.BigInteger()

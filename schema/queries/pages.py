"""Pages by key: what comes after a row in an order whose last column is unique. Cost does not grow with depth.

A cursor is the base64 of the sort key as JSON. It is opaque to clients and holds nothing that the rows do not show.
"""

import base64
import binascii
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID

import orjson
import sqlalchemy as sa
from sqlmodel import Session

from schema.limits import MOST_ROWS
from schema.queries.mistakes import OverLimit, ReadMistake
from schema.queries.reading import key_kind, one_of
from schema.queries.slots import Slot
from schema.queries.views import Expression, View


@dataclass(frozen=True)
class PageRequest:
    """The rows to give: at most `first`, after a cursor.

    Raises:
        ReadMistake: `first` is not from 0 to `most`.
    """

    first: int = 50
    after: str | Slot | None = None
    most: int = MOST_ROWS

    def __post_init__(self) -> None:
        if not 0 <= self.first <= self.most:
            told = f"`first` may be 0 to {self.most}, not {self.first}; ask for more by `after`"
            raise OverLimit("rows", self.most, told)


@dataclass(frozen=True)
class Page:
    """Some rows of a view, each with its cursor."""

    rows: Sequence[sa.RowMapping]
    cursors: Sequence[str]
    has_next: bool
    has_previous: bool


def read_page(session: Session, view: View, condition: Expression, request: PageRequest) -> Page:
    """Read a page of the rows of a view that meet a condition, in the view's order.

    Raises:
        ReadMistake: the cursor is not one of this order.
    """
    return _page(session.execute(page_statement(view, condition, request)).mappings().all(), view, request)


def read_pages(
    session: Session,
    view: View,
    keys: Sequence[Any],
    below: Callable[[Expression], Expression],
    request: PageRequest,
) -> Mapping[Any, Page]:
    """Read a page of the rows below each key, in one statement.

    Raises:
        ReadMistake: the cursor is not one of this order.
    """
    above = one_of(keys, key_kind(keys))
    page = page_statement(view, below(above.c.key), request).correlate(above).lateral()
    order = [page.c[f"sort_{n}"] for n in range(len(view.order))]
    statement = sa.select(above.c.key.label("above"), page).join_from(above, page, sa.true()).order_by(*order)
    rows: dict[Any, list[sa.RowMapping]] = {key: [] for key in keys}
    for row in session.execute(statement).mappings():
        rows[row["above"]].append(row)
    return {key: _page(found, view, request) for key, found in rows.items()}


def _page(rows: Sequence[sa.RowMapping], view: View, request: PageRequest) -> Page:
    shown = rows[: request.first]
    cursors = [_cursor(row, len(view.order)) for row in shown]
    return Page(shown, cursors, has_next=len(rows) > request.first, has_previous=request.after is not None)


def page_statement(view: View, condition: Expression, request: PageRequest) -> sa.Select[Any]:
    """Give the statement of a page: a row more than asked for tells whether there is a next one."""
    statement = view.select().add_columns(*(each.label(f"sort_{n}") for n, each in enumerate(view.order)))
    statement = statement.where(condition).order_by(*view.order).limit(request.first + 1)
    return statement.where(after_cursor(view, request.after)) if request.after is not None else statement


def after_cursor(view: View, cursor: str | Slot) -> Expression:
    """Tell whether a row comes after a cursor.

    Raises:
        ReadMistake: the cursor is not one of this order; with a slot, when its value comes.
    """
    values = _bound(view, cursor)
    # The first comparison follows from the second, and is one that an index serves across joined tables.
    return sa.and_(view.order[0] >= values[0], sa.tuple_(*view.order) > sa.tuple_(*values))


def _bound(view: View, cursor: str | Slot) -> list[Expression]:
    if isinstance(cursor, Slot):
        parts = enumerate(view.order)
        return [cursor.then(partial(_part, view, n)).bound(column.type) for n, column in parts]
    return [sa.literal(value, column.type) for value, column in zip(_values(view, cursor), view.order, strict=True)]


def _part(view: View, n: int, cursor: str) -> Any:
    return _values(view, cursor)[n]


def _cursor(row: sa.RowMapping, columns: int) -> str:
    key = json.dumps([row[f"sort_{n}"] for n in range(columns)], ensure_ascii=False, default=_as_text)
    return base64.urlsafe_b64encode(key.encode()).decode()


def _as_text(value: UUID | datetime) -> str:
    return write_time(value) if isinstance(value, datetime) else str(value)


def write_time(time: datetime) -> str:
    """Write a time as answers and cursors hold it: ISO 8601 in UTC, always with microseconds."""
    return time.astimezone(UTC).isoformat(timespec="microseconds")


def _values(view: View, cursor: str) -> list[Any]:
    try:
        texts = orjson.loads(base64.b64decode(cursor, altchars=b"-_", validate=True))
        return [_value(text, column) for text, column in zip(texts, view.order, strict=True)]
    except (binascii.Error, orjson.JSONDecodeError, ValueError, TypeError, AttributeError) as error:
        raise ReadMistake(
            f"`after`: {cursor[:40]!r} is not a cursor of this list; take `endCursor` of a page"
        ) from error


_PARSERS: Mapping[type[Any], Callable[[str], Any]] = {UUID: UUID, datetime: datetime.fromisoformat}
"""Of what JSON gives as text."""


def _value(given: Any, column: Expression) -> Any:
    kind = column.type.python_type
    value = _PARSERS[kind](given) if kind in _PARSERS else given
    if not isinstance(value, kind) or isinstance(value, bool):
        raise TypeError(f"{given!r} is no {kind.__name__}")
    return value

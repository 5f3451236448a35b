"""Pages by key: what comes after a row in an order whose last column is unique. Cost does not grow with depth.

A cursor is the base64 of the sort key as JSON. It is opaque to clients and holds nothing that the rows do not show.
"""

import base64
import binascii
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import Enum
from functools import partial
from typing import Any
from uuid import UUID

import orjson
import sqlalchemy as sa
from sqlmodel import Session

from schema.limits import MOST_ROWS
from schema.queries.mistakes import OverLimit, ReadMistake
from schema.queries.ranges import bound
from schema.queries.reading import key_kind, one_of
from schema.queries.slots import Slot
from schema.queries.views import Expression, View

MOST_KEYS = 4


@dataclass(frozen=True)
class SortBy:
    """A field of a view to sort by, a computed one too; rows without it come last."""

    field: str
    descending: bool = False


@dataclass(frozen=True)
class PageRequest:
    """The rows to give: at most `first`, after a cursor, sorted by some fields and then in the view's order.

    Raises:
        ReadMistake: `first` is not from 0 to `most`, or the fields are too many.
    """

    first: int = 50
    after: str | Slot | None = None
    order: tuple[SortBy, ...] = ()
    most: int = MOST_ROWS

    def __post_init__(self) -> None:
        if not 0 <= self.first <= self.most:
            told = f"`first` may be 0 to {self.most}, not {self.first}; ask for more by `after`"
            raise OverLimit("rows", self.most, told)
        if len(self.order) > MOST_KEYS:
            raise ReadMistake(f"`orderBy` may have {MOST_KEYS} fields, not {len(self.order)}")

    def keys(self, view: View) -> list[Expression]:
        """Give the expressions that rows are sorted by; the last one is unique."""
        return [*(view.expression(each.field) for each in self.order), *view.order]

    def sorting(self, view: View) -> list[Expression]:
        """Give the same with their directions."""
        asked = [view.expression(each.field) for each in self.order]
        directed = [key.desc() if each.descending else key for key, each in zip(asked, self.order, strict=True)]
        return [*(key.nulls_last() for key in directed), *view.order]


@dataclass(frozen=True)
class Page:
    """Some rows of a view, or members of a list, each with its cursor."""

    rows: Sequence[Any]
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
    statement = page_statement(view, below(above.c.key), request).correlate(above)
    page = statement.add_columns(sa.func.row_number().over(order_by=request.sorting(view)).label("place")).lateral()
    statement = sa.select(above.c.key.label("above"), page).join_from(above, page, sa.true()).order_by(page.c.place)
    rows: dict[Any, list[sa.RowMapping]] = {key: [] for key in keys}
    for row in session.execute(statement).mappings():
        rows[row["above"]].append(row)
    return {key: _page(found, view, request) for key, found in rows.items()}


def _page(rows: Sequence[sa.RowMapping], view: View, request: PageRequest) -> Page:
    shown = rows[: request.first]
    cursors = [_cursor(row, len(request.keys(view))) for row in shown]
    return Page(shown, cursors, has_next=len(rows) > request.first, has_previous=request.after is not None)


def page_statement(view: View, condition: Expression, request: PageRequest) -> sa.Select[Any]:
    """Give the statement of a page: a row more than asked for tells whether there is a next one."""
    keys = [each.label(f"sort_{n}") for n, each in enumerate(request.keys(view))]
    statement = view.select().add_columns(*keys).where(condition)
    statement = statement.order_by(*request.sorting(view)).limit(request.first + 1)
    return statement.where(after_cursor(view, request)) if request.after is not None else statement


def after_cursor(view: View, request: PageRequest) -> Expression:
    """Tell whether a row comes after the request's cursor.

    Raises:
        ReadMistake: the cursor is not one of this order; with a slot, when its value comes.
    """
    keys, values = request.keys(view), _bound(view, request)
    if not request.order:
        # The first comparison follows from the second, and is one that an index serves across joined tables.
        return sa.and_(keys[0] >= values[0], sa.tuple_(*keys) > sa.tuple_(*values))
    asked = len(request.order)
    further: Expression = sa.tuple_(*keys[asked:]) > sa.tuple_(*values[asked:])
    for key, value, by in reversed(list(zip(keys[:asked], values[:asked], request.order, strict=True))):
        beyond = key < value if by.descending else key > value
        is_further = sa.and_(value.is_not(None), sa.or_(beyond, key.is_(None)))
        further = sa.or_(is_further, sa.and_(key.is_not_distinct_from(value), further))
    return further


def _bound(view: View, request: PageRequest) -> list[Expression]:
    keys, cursor = request.keys(view), request.after
    if isinstance(cursor, Slot):
        values = [cursor.then(partial(_part, view, request, n)) for n in range(len(keys))]
    else:
        values = _values(view, request, cursor or "")
    return [sa.cast(bound(value, key.type), key.type) for value, key in zip(values, keys, strict=True)]


def _part(view: View, request: PageRequest, n: int, cursor: str) -> Any:
    return _values(view, request, cursor)[n]


def _cursor(row: sa.RowMapping, columns: int) -> str:
    values = [_as_json(row[f"sort_{n}"]) for n in range(columns)]
    return base64.urlsafe_b64encode(json.dumps(values, ensure_ascii=False).encode()).decode()


def _as_json(value: Any) -> Any:
    if isinstance(value, datetime):
        return write_time(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)  # as PostgreSQL writes it
    return value if isinstance(value, str | int | float | None) else str(value)


def write_time(time: datetime) -> str:
    """Write a time as answers and cursors hold it: ISO 8601 in UTC, always with microseconds."""
    return time.astimezone(UTC).isoformat(timespec="microseconds")


def _values(view: View, request: PageRequest, cursor: str) -> list[Any]:
    try:
        given = orjson.loads(base64.b64decode(cursor, altchars=b"-_", validate=True))
        keys = enumerate(zip(given, request.keys(view), strict=True))
        return [None if each is None and n < len(request.order) else _value(each, key) for n, (each, key) in keys]
    except (binascii.Error, orjson.JSONDecodeError, ValueError, TypeError, AttributeError) as error:
        raise ReadMistake(
            f"`after`: {cursor[:40]!r} is not a cursor of this list; take `endCursor` of a page"
        ) from error


_PARSERS: Mapping[type[Any], Callable[[str], Any]] = {
    UUID: UUID,
    datetime: datetime.fromisoformat,
    date: date.fromisoformat,
}
"""Of what JSON gives as text."""


def _value(given: Any, column: Expression) -> Any:
    kind = column.type.python_type
    if kind is float and isinstance(given, int) and not isinstance(given, bool):
        return float(given)
    value = (_PARSERS.get(kind) or (kind if issubclass(kind, Enum) else _as_it_is))(given)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise TypeError(f"{given!r} is no {kind.__name__}")
    return value


def _as_it_is(given: Any) -> Any:
    return given

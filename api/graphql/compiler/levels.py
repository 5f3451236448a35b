"""Levels of a statement: each is one view's rows in a subquery, on which an object of JSON is built."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import sqlalchemy as sa

from schema.queries.pages import PageRequest, after_cursor
from schema.queries.scope import Scope
from schema.queries.views import Expression, View

MOST_PAIRS = 50
"""A function of PostgreSQL takes 100 arguments."""
TIME = 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"'
NONE = sa.literal_column("'[]'::json", sa.JSON)


@dataclass
class Level:
    """Rows of a view under a name that no other level has; its subquery has the fields that were asked for."""

    name: str
    view: View
    scope: Scope
    _asked: dict[str, Expression] = field(default_factory=dict)

    @property
    def key(self) -> Expression:
        """What identifies a row."""
        return self[self.view.key]

    def __getitem__(self, name: str) -> Expression:
        """Ask for a field, and give what means it outside of the subquery."""
        self._asked[name] = self.view.expression(name)
        return self._outside(name, self._asked[name])

    def cursor(self, request: PageRequest) -> Expression:
        """Ask for what rows are sorted by, and give a row's cursor."""
        parts = {f"sort_{n}": part for n, part in enumerate(request.keys(self.view))}
        self._asked.update(parts)
        key = sa.cast(_json_array(*(_time_of(self._outside(name, part)) for name, part in parts.items())), sa.Text)
        return sa.func.translate(sa.func.encode(sa.func.convert_to(key, "UTF8"), "base64"), "+/\n", "-_")

    def count(self, condition: Expression) -> Expression:
        """Give the number of all rows that meet a condition."""
        rows = self.view.rows_with([condition])
        return sa.select(sa.func.count()).select_from(rows).where(self.view.where, condition).scalar_subquery()

    def is_shown(self, request: PageRequest) -> Expression:
        """Tell of a page's row whether it is not the one that only shows that there are more."""
        return self._place <= request.first

    def page_info(self, request: PageRequest) -> Mapping[str, Expression]:
        """Give what a page's rows tell of it, by name."""
        last = sa.func.least(request.first, sa.literal_column(f"{self.name}.rows", sa.BigInteger))
        here, cursor = self.is_shown(request), self.cursor(request)
        return {
            "has_next_page": sa.func.count() > request.first,
            "start_cursor": sa.func.max(cursor).filter(here, self._place == 1),
            "end_cursor": sa.func.max(cursor).filter(here, self._place == last),
        }

    def page(self, condition: Expression, request: PageRequest) -> sa.Subquery:
        """Give the subquery of a page's rows, in their places, and one row more if there is one."""
        if request.after is not None:
            condition = sa.and_(condition, after_cursor(self.view, request))
        rows = self.rows(condition, request.sorting(self.view), limit=request.first + 1)
        place, number = sa.func.row_number().over().label("place"), sa.func.count().over().label("rows")
        return sa.select(rows, place, number).subquery(self.name)

    def rows(self, condition: Expression, order: Sequence[Expression], limit: int | None = None) -> sa.Subquery:
        """Give the subquery of the rows that meet a condition. Nothing can be asked for any more."""
        columns = [each.label(name) for name, each in self._asked.items()] or [sa.literal_column("1").label("one")]
        rows = self.view.rows_with([*self._asked.values(), condition, *order])
        inner = sa.select(*columns).select_from(rows).where(self.view.where, condition).order_by(*order)
        return (inner.limit(sa.literal_column(str(limit))) if limit is not None else inner).subquery(self.name)

    @property
    def _place(self) -> Expression:
        return sa.literal_column(f"{self.name}.place", sa.BigInteger)

    def _outside(self, name: str, expression: Expression) -> Expression:
        return sa.literal_column(f'{self.name}."{name}"', expression.type)


def value_of(expression: Expression) -> Expression:
    """Give an expression as GraphQL writes its values: names of enums, times in UTC with microseconds."""
    if isinstance(expression.type, sa.Enum):
        return sa.func.upper(sa.cast(expression, sa.Text))
    return _time_of(expression)


def _time_of(expression: Expression) -> Expression:
    if isinstance(expression.type, sa.DateTime):
        return sa.func.to_char(sa.func.timezone("UTC", expression), TIME)
    return expression


def object_of(members: Mapping[str, Expression]) -> Expression:
    """Give the JSON object of expressions by name, in their order; names are GraphQL's, so they need no quoting."""
    pairs: list[tuple[Expression, Expression]] = [
        (sa.literal_column(f"'{name}'"), member) for name, member in members.items()
    ]
    starts = range(0, max(len(pairs), 1), MOST_PAIRS)
    pieces = [_json_object(*chain.from_iterable(pairs[start : start + MOST_PAIRS])) for start in starts]
    if len(pieces) == 1:
        return pieces[0]
    inner = [sa.func.substr(text, 2, sa.func.length(text) - 2) for text in (sa.cast(each, sa.Text) for each in pieces)]
    return sa.cast(sa.func.concat("{", sa.func.concat_ws(", ", *inner), "}"), sa.JSON)


def _json_object(*alternating: Expression) -> Expression:
    return sa.func.json_build_object(*alternating, type_=sa.JSON)


def _json_array(*members: Expression) -> Expression:
    return sa.func.json_build_array(*members, type_=sa.JSON)


def list_of(members: Expression, shown: Expression | None = None) -> Expression:
    """Aggregate expressions of rows, or of those that are shown, to a JSON list."""
    listed = sa.func.json_agg(members)
    return sa.func.coalesce(listed if shown is None else listed.filter(shown), NONE, type_=sa.JSON)


def scalar(members: Any, rows: sa.FromClause) -> Expression:
    """Give a subquery's one value."""
    return sa.select(members).select_from(rows).scalar_subquery()

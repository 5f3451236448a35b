"""How fields are read, declared once: what a field resolves to row by row, and what a statement is compiled from.

A leaf without a declaration is the field of its row's view that has its name.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import sqlalchemy as sa

from api.graphql.declare import field
from api.graphql.listing import Branch, Branches, Connection, Listing
from api.graphql.order import EntityOrder, FindingOrder, ReviewOrder, ScanOrder, to_order
from api.graphql.siblings import Info, Reading, Record, Siblings, ViewOf
from api.graphql.where import EntityWhere, FindingWhere, ReviewWhere, ScanWhere, to_filter
from schema.queries import views
from schema.queries.filters import entity_condition, finding_condition, review_condition, scan_condition
from schema.queries.links import Link
from schema.queries.pages import PageRequest
from schema.queries.reading import rows_by_field
from schema.queries.scope import NOW, Scope
from schema.queries.views import Expression


@dataclass(frozen=True)
class Choice:
    """How rows of a view are chosen and sorted."""

    where: type[Any]
    order: type[Any]
    condition: Callable[[Any, Scope], Expression]
    """What turns the filter into a condition."""


CHOICES: Mapping[ViewOf, Choice] = {
    views.scans: Choice(ScanWhere, ScanOrder, scan_condition),
    views.findings: Choice(FindingWhere, FindingOrder, finding_condition),
    views.entities: Choice(EntityWhere, EntityOrder, entity_condition),
    views.reviews: Choice(ReviewWhere, ReviewOrder, review_condition),
}
"""Lists of other rows have no `where` and no `orderBy`."""


@dataclass(frozen=True)
class Computed:
    """A computed field of the view."""

    name: str


@dataclass(frozen=True)
class Linked:
    """The rows that a link reaches; or the first one, where it is one."""

    link: Link
    many: bool


@dataclass(frozen=True)
class Parts:
    """An object of the row's own fields, by name; null where `unless_null` is."""

    fields: Mapping[str, str]
    unless_null: str | None = None


@dataclass(frozen=True)
class Members:
    """A list of objects that a field of the row holds as JSON."""

    name: str


@dataclass(frozen=True)
class Found:
    """Rows of a view, at a root: those whose field is the root's argument; all of them without it."""

    view_of: ViewOf
    name: str
    parse: Callable[[str], Any] = str
    many: bool = False


@dataclass(frozen=True)
class Listed:
    """A connection of a view's rows; below a row those that meet `below`, in the scope that follows from the row."""

    view_of: ViewOf
    below: Callable[[Any], Expression] | None = None
    """Gives, for the key of the row above, the condition on rows of the view."""
    scope: Callable[[Scope, Any], Scope] | None = None
    """Gives, for the scope and the key of the row above, the scope of the rows, where it is another."""

    def condition(self, where: Any, scope: Scope, key: Any = None) -> Expression:
        """Give the condition on rows, with a filter or None, below the row of a key or at a root."""
        filtered = CHOICES[self.view_of].condition(where, scope) if where is not None else sa.true()
        return sa.and_(filtered, self.below(key)) if self.below is not None else filtered


Read: TypeAlias = Computed | Linked | Parts | Members | Found | Listed


def of_round(scope: Scope, key: Any) -> Scope:
    """Give the scope of a round by its key."""
    return replace(scope, round_id=key)


def of_release(_scope: Scope, key: Any) -> Scope:
    """Give the scope of a release by its key."""
    return Scope(release_id=key)


def computed(name: str, text: str) -> Any:
    """Declare a computed field."""

    def resolve(self: Record):  # type: ignore[no-untyped-def]
        return self.computed(name)

    return field(resolve, text=text, reads=Computed(name))


def one(link: Link, text: str) -> Any:
    """Declare the one row that a link reaches, the first one where there are several, or null."""

    def resolve(self: Record):  # type: ignore[no-untyped-def]
        return next(iter(self.linked(link)), None)

    return field(resolve, text=text, reads=Linked(link, many=False))


def many(link: Link, text: str) -> Any:
    """Declare the rows that a link reaches."""

    def resolve(self: Record):  # type: ignore[no-untyped-def]
        return self.linked(link)

    return field(resolve, text=text, reads=Linked(link, many=True))


def many_by_round(link: Link, text: str) -> Any:
    """Declare the rows that a link reaches, as they are now or as a round has them."""

    def resolve(self: Record, round: str | None = None):  # type: ignore[no-untyped-def] # noqa: A002
        return self.linked(link, round)

    return field(resolve, text=text, reads=Linked(link, many=True))


def parts(kind: type[Any], text: str, /, *, unless_null: str | None = None, **fields: str) -> Any:
    """Declare an object of the row's own fields: what it calls them, and what the row does."""

    def resolve(self: Record):  # type: ignore[no-untyped-def]
        if unless_null is not None and getattr(self, unless_null) is None:
            return None
        return kind(**{name: getattr(self, there) for name, there in fields.items()})

    return field(resolve, text=text, reads=Parts(fields, unless_null))


def members(kind: type[Any], name: str, text: str) -> Any:
    """Declare a list of objects that a field of the row holds as JSON."""

    def resolve(self: Record):  # type: ignore[no-untyped-def]
        return [kind(**member) for member in getattr(self, name)]

    return field(resolve, text=text, reads=Members(name))


def listed(read: Listed, text: str) -> Any:
    """Declare a connection below a row."""

    def page(self: Record, first: int = 50, after: str | None = None):  # type: ignore[no-untyped-def]
        return _below(self, read, None, self.siblings.reading.page(first, after))

    def chosen(  # type: ignore[no-untyped-def]
        self: Record, first: int = 50, after: str | None = None, where=None, order_by=None
    ):
        return _below(self, read, where, self.siblings.reading.page(first, after, to_order(order_by)))

    return field(_resolver(read.view_of, page, chosen), text=text, reads=read)


def listed_at_root(view_of: ViewOf, text: str) -> Any:
    """Declare a connection of all rows of a view, `asOf` a release where they are chosen from."""
    read = Listed(view_of)

    def page(info: Info, first: int = 50, after: str | None = None):  # type: ignore[no-untyped-def]
        return Connection(listing=Listing(info.context, NOW, view_of, sa.true(), info.context.page(first, after)))

    def chosen(  # type: ignore[no-untyped-def]
        info: Info, first: int = 50, after: str | None = None, where=None, order_by=None, as_of: str | None = None
    ):
        scope, request = info.context.scope(as_of), info.context.page(first, after, to_order(order_by))
        condition = read.condition(to_filter(where), scope)
        return Connection(listing=Listing(info.context, scope, view_of, condition, request))

    return field(_resolver(view_of, page, chosen), text=text, reads=read)


def _resolver(view_of: ViewOf, page: Callable[..., Any], chosen: Callable[..., Any]) -> Callable[..., Any]:
    if view_of not in CHOICES:
        return page
    choice = CHOICES[view_of]
    chosen.__annotations__.update(where=choice.where | None, order_by=list[choice.order] | None)  # type: ignore[name-defined]
    return chosen


def find(reading: Reading, read: Found, value: str | None, as_of: str | None = None) -> Any:
    """Give the objects that a root finds by the value of its argument: a list, or the first one, or None."""
    scope = reading.scope(as_of)
    values = [read.parse(value)] if value is not None else None
    rows = rows_by_field(reading.session, read.view_of(scope), read.name, values)
    reading.count(len(rows))
    records = Siblings(reading, scope, read.view_of, rows).records()
    return records if read.many else next(iter(records), None)


def _below(row: Record, read: Listed, where: Any, request: PageRequest) -> Connection[Any]:
    siblings, key, given = row.siblings, row.key, to_filter(where)
    if read.scope is not None:
        scope = read.scope(siblings.scope, key)
        condition = read.condition(given, scope, key)
        return Connection(listing=Listing(siblings.reading, scope, read.view_of, condition, request))

    def all_branches() -> Branches:
        return Branches(siblings, read.view_of, lambda key: read.condition(given, siblings.scope, key), request)

    return Connection(listing=Branch(siblings.once((read, repr(where), request), all_branches), key))

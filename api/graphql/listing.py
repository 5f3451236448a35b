"""Relay connections over pages of a view. Nothing is read before it is asked for, and the count only then."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any, Generic, TypeVar

import strawberry

from api.graphql.declare import described, field, graphql_type
from api.graphql.siblings import Reading, Siblings, ViewOf
from schema.queries.cursors import read_place, write_place
from schema.queries.facets import Facet, read_facet
from schema.queries.pages import Page, PageRequest, read_page, read_pages
from schema.queries.reading import count, count_below
from schema.queries.scope import Scope
from schema.queries.views import Expression, View

NodeType = TypeVar("NodeType")


@dataclass(frozen=True)
class Listing:
    """Rows of a view that meet a condition, and the page of them that is asked for."""

    reading: Reading
    scope: Scope
    view_of: ViewOf
    condition: Expression
    request: PageRequest

    @property
    def view(self) -> View:
        """What the rows are."""
        return self.view_of(self.scope)

    @cached_property
    def page(self) -> Page:
        """The rows, read once."""
        page = read_page(self.reading.session, self.view, self.condition, self.request)
        self.reading.count(len(page.rows))
        return page

    @cached_property
    def nodes(self) -> list[Any]:
        """The rows as objects."""
        return Siblings(self.reading, self.scope, self.view_of, self.page.rows).records()

    @cached_property
    def total(self) -> int:
        """The number of rows on all pages."""
        return count(self.reading.session, self.view, self.condition)

    def facet(self, facet: Facet) -> list[tuple[str | None, int]]:
        """The values of a field on all pages."""
        return read_facet(self.reading.session, self.view, self.condition, facet)


@dataclass(frozen=True)
class Branches:
    """Pages of a view below each of some siblings, in one statement for all of them."""

    siblings: Siblings
    view_of: ViewOf
    below: Callable[[Expression], Expression]
    """Tells, given a sibling's key, whether a row of the view is below it."""
    request: PageRequest

    @cached_property
    def pages(self) -> Mapping[Any, Page]:
        """The page of each sibling, by its key."""
        reading = self.siblings.reading
        pages = read_pages(reading.session, self._view, self._keys, self.below, self.request)
        reading.count(sum(len(page.rows) for page in pages.values()))
        return pages

    @cached_property
    def nodes(self) -> Mapping[Any, list[Any]]:
        """The objects of each sibling's page, all siblings of each other."""
        rows = [row for page in self.pages.values() for row in page.rows]
        records = iter(Siblings(self.siblings.reading, self.siblings.scope, self.view_of, rows).records())
        return {key: list(islice(records, len(page.rows))) for key, page in self.pages.items()}

    @cached_property
    def totals(self) -> Mapping[Any, int]:
        """The number of rows below each sibling."""
        return count_below(self.siblings.reading.session, self._view, self._keys, self.below)

    def facet(self, key: Any, facet: Facet) -> list[tuple[str | None, int]]:
        """The values of a field of the rows below one sibling."""
        return read_facet(self.siblings.reading.session, self._view, self.below(key), facet)

    @property
    def _view(self) -> View:
        return self.view_of(self.siblings.scope)

    @property
    def _keys(self) -> list[Any]:
        return [row[self.siblings.view.key] for row in self.siblings.rows]


@dataclass(frozen=True)
class Branch:
    """One sibling's part of them."""

    branches: Branches
    key: Any

    @property
    def page(self) -> Page:
        """The rows."""
        return self.branches.pages[self.key]

    @property
    def nodes(self) -> list[Any]:
        """The rows as objects."""
        return self.branches.nodes[self.key]

    @property
    def total(self) -> int:
        """The number of rows on all pages."""
        return self.branches.totals[self.key]

    def facet(self, facet: Facet) -> list[tuple[str | None, int]]:
        """The values of a field on all pages."""
        return self.branches.facet(self.key, facet)


@dataclass(frozen=True)
class Whole:
    """A list that was told as a whole, and the page of it that is asked for."""

    reading: Reading
    members: Sequence[Any]
    request: PageRequest
    show: Callable[[Sequence[Any]], list[Any]]
    """Gives the objects of a page's members."""

    @cached_property
    def page(self) -> Page:
        """The page's members."""
        after = read_place(self.request.after) if isinstance(self.request.after, str) else 0
        shown = self.members[after : after + self.request.first]
        self.reading.count(len(shown))
        places = range(after + 1, after + 1 + len(shown))
        has_next = after + len(shown) < len(self.members)
        return Page(shown, [write_place(each) for each in places], has_next=has_next, has_previous=after > 0)

    @cached_property
    def nodes(self) -> list[Any]:
        """The members as objects."""
        return self.show(self.page.rows)

    @property
    def total(self) -> int:
        """The number of all members."""
        return len(self.members)


@graphql_type
class PageInfo:
    """Where a page stands in its list."""

    has_next_page: bool
    has_previous_page: bool
    start_cursor: str | None
    end_cursor: str | None


@graphql_type
class Edge(Generic[NodeType]):
    """A row and its place in the list."""

    node: NodeType
    cursor: str


@graphql_type
class FacetCount:
    """How many rows have a value."""

    value: str | None = described("As text, enums by their names; null: it is not known.")
    count: int


@graphql_type
class Connection(Generic[NodeType]):
    """A page of a list: up to `first` rows (1,000 at most) that follow the cursor `after`."""

    listing: strawberry.Private[Listing | Branch | Whole]

    @field
    def edges(self) -> list[Edge[NodeType]]:
        """The rows in their order."""
        pairs = zip(self.listing.nodes, self.listing.page.cursors, strict=True)
        return [Edge(node=node, cursor=cursor) for node, cursor in pairs]

    @field
    def page_info(self) -> PageInfo:
        """Where the page stands; `endCursor` is the next page's `after`."""
        page = self.listing.page
        start, end = (page.cursors[0], page.cursors[-1]) if page.cursors else (None, None)
        return PageInfo(
            has_next_page=page.has_next, has_previous_page=page.has_previous, start_cursor=start, end_cursor=end
        )

    @field
    def total_count(self) -> int:
        """How many rows there are on all pages; counted only when asked for."""
        return self.listing.total


def facet_of(fields: Any) -> Any:
    """Declare the facet of a connection whose rows have these fields."""

    def facet(self: Connection[Any], by, most: int = 50) -> list[FacetCount]:  # type: ignore[no-untyped-def]
        rows: Any = self.listing  # of a view: what was told as a whole has no fields to count by
        counts = rows.facet(Facet(by.value, most))
        return [FacetCount(value=value, count=number) for value, number in counts]

    facet.__annotations__["by"] = fields
    return field(facet, text="How many rows on all pages have each value of a field, the most frequent values first.")

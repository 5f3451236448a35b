"""Rows that were read together. What one of them needs from elsewhere is read for all of them, once.

GraphQL is answered depth first, so the first sibling that is asked for a link brings the rows of the link for every
sibling, and those are siblings in their turn: the number of statements is that of the query's fields, not of its rows.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self, TypeAlias, TypeVar

import strawberry
from sqlmodel import Session

from api.services import Services
from schema.queries.links import Link
from schema.queries.mistakes import OverLimit
from schema.queries.pages import PageRequest, SortBy
from schema.queries.reading import Row, computed_by_key, linked_rows
from schema.queries.scope import NOW, Scope, release_scope, round_key
from schema.queries.views import View

T = TypeVar("T")
Asked: TypeAlias = tuple[str, str | None]


@dataclass
class Reading:
    """One request's reading: its session, one snapshot of the database, and how much it has read."""

    services: Services
    session: Session
    asked: Asked | None = None
    """The query's text and the operation that it names, where it has not been compiled yet."""
    editor: str | None = None
    """Who may change things, as what comes is noted to be from; None: nobody."""
    objects: int = 0
    _scopes: dict[str, Scope] = field(default_factory=dict)
    _rounds: dict[str, int] = field(default_factory=dict)

    def scope(self, as_of: str | None) -> Scope:
        """Give the scope of a release's name, or of now for None.

        Raises:
            NotFound: there is no such release.
        """
        if as_of is None:
            return NOW
        if as_of not in self._scopes:
            self._scopes[as_of] = release_scope(self.session, as_of)
        return self._scopes[as_of]

    def round_key(self, name: str) -> int:
        """Give the key of a round's name.

        Raises:
            NotFound: there is no such round.
        """
        if name not in self._rounds:
            self._rounds[name] = round_key(self.session, name)
        return self._rounds[name]

    def renew(self) -> None:
        """Read what comes next as it is then."""
        self.session.rollback()

    def count(self, objects: int) -> None:
        """Count objects of the answer.

        Raises:
            OverLimit: they are too many.
        """
        most = self.services.limits.objects
        self.objects += objects
        if self.objects > most:
            raise OverLimit("objects", most, f"the answer would hold over {most:,} objects; ask for fewer at a time")

    def page(self, first: int, after: str | None, order: tuple[SortBy, ...] = ()) -> PageRequest:
        """Give the request of a page.

        Raises:
            ReadMistake: `first` is none of those that are allowed.
        """
        return PageRequest(first, after, order, self.services.limits.rows)


Info: TypeAlias = strawberry.Info[Reading, None]
ViewOf: TypeAlias = Callable[[Scope], View]


@dataclass(eq=False)
class Siblings:
    """Rows of one kind in one scope."""

    reading: Reading
    scope: Scope
    view_of: ViewOf
    rows: Sequence[Row]
    _done: dict[Hashable, Any] = field(default_factory=dict)

    @property
    def view(self) -> View:
        """What the rows are."""
        return self.view_of(self.scope)

    def records(self) -> list[Any]:
        """Give the rows as objects of the type that shows them, in their order."""
        names, kind = self.view.fields.keys(), _SHOWN_AS[self.view_of]
        return [kind.of({name: row[name] for name in names}, self) for row in self.rows]

    def once(self, asked: Hashable, answer: Callable[[], T]) -> T:
        """Do something for all siblings, the first time that one of them asks for it."""
        if asked not in self._done:
            self._done[asked] = answer()
        return self._done[asked]  # type: ignore[no-any-return]

    def linked(self, link: Link, scope: Scope) -> Mapping[Any, list[Any]]:
        """Give what a link reaches from any sibling, by the value of its field `here`."""
        return self.once((link, scope), lambda: self._read(link, scope))

    def computed(self, name: str) -> Mapping[Any, Any]:
        """Give a computed field by key."""
        keys = [row[self.view.key] for row in self.rows]
        return self.once(name, lambda: computed_by_key(self.reading.session, self.view, name, keys))

    def _read(self, link: Link, scope: Scope) -> Mapping[Any, list[Any]]:
        here = {row[link.here] for row in self.rows} - {None}
        rows = linked_rows(self.reading.session, link, scope, here) if here else []
        found: dict[Any, list[Any]] = {}
        for row, record in zip(rows, Siblings(self.reading, scope, link.view, rows).records(), strict=True):
            found.setdefault(row[link.there], []).append(record)
        return found


@strawberry.type
class Record:
    """An object made of a row: it has an attribute for every field of its view, public or private.

    A subclass names the views that it shows: `class Finding(Record, views=[views.findings])`.
    """

    siblings: strawberry.Private[Siblings]

    def __init_subclass__(cls, *, views: Sequence[ViewOf]) -> None:
        _SHOWN_AS.update(dict.fromkeys(views, cls))

    @classmethod
    def of(cls, row: Mapping[str, Any], siblings: Siblings) -> Self:
        """Make the object of a row."""
        return cls(siblings=siblings, **row)

    @property
    def key(self) -> Any:
        """What identifies the row in its view."""
        return getattr(self, self.siblings.view.key)

    def linked(self, link: Link, round_name: str | None = None) -> list[Any]:
        """Give what a link reaches from here, as a round has it if one is named."""
        scope, reading = self.siblings.scope, self.siblings.reading
        if round_name is not None:
            scope = replace(scope, round_id=reading.round_key(round_name))
        found = self.siblings.linked(link, scope).get(getattr(self, link.here), [])
        reading.count(len(found))
        return found

    def computed(self, name: str) -> Any:
        """Give a computed field."""
        return self.siblings.computed(name).get(self.key)


_SHOWN_AS: dict[ViewOf, type[Record]] = {}

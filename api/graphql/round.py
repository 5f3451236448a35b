"""Rounds of annotation."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from api.graphql.declare import described, field, graphql_type
from api.graphql.listing import Connection
from api.graphql.lists import list_annotations, list_entities, list_findings
from api.graphql.siblings import Record
from api.graphql.where import EntityWhere, FindingWhere
from schema.queries import views
from schema.queries.pages import PageRequest
from schema.queries.scope import Scope

if TYPE_CHECKING:
    from api.graphql.annotation import AnnotationConnection
    from api.graphql.entity import EntityConnection
    from api.graphql.finding import FindingConnection


@graphql_type
class Round(Record, views=[views.rounds]):
    """One campaign of annotation. Its lists hold what it says, whatever a later round says."""

    id: strawberry.Private[int]
    name: str
    protocols: list[str] = described("The protocols that its source names.")
    source: str | None
    tool: str | None = described("What its annotations were drawn with.")
    licence: str | None
    opened_at: datetime
    closed_at: datetime | None

    @field
    def findings(
        self, first: int = 50, after: str | None = None, where: FindingWhere | None = None
    ) -> Annotated["FindingConnection", strawberry.lazy("api.graphql.finding")]:
        """The findings that it drew, in their latest words."""
        return list_findings(self.siblings.reading, self._scope, where, PageRequest(first, after))

    @field
    def annotations(
        self, first: int = 50, after: str | None = None
    ) -> Annotated["AnnotationConnection", strawberry.lazy("api.graphql.annotation")]:
        """What it says: its annotations that were accepted once, unless it replaced them itself."""
        return list_annotations(self.siblings.reading, self._scope, PageRequest(first, after))

    @field
    def entities(
        self, first: int = 50, after: str | None = None, where: EntityWhere | None = None
    ) -> Annotated["EntityConnection", strawberry.lazy("api.graphql.entity")]:
        """The entities of its annotations."""
        return list_entities(self.siblings.reading, self._scope, where, PageRequest(first, after))

    @property
    def _scope(self) -> Scope:
        return Scope(round_id=self.id)


@graphql_type
class RoundConnection(Connection[Round]):
    """A page of rounds, by name."""

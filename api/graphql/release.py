"""Releases and their splits."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from api.graphql.declare import described, field, graphql_type
from api.graphql.listing import Connection
from api.graphql.lists import list_entities, list_findings, list_scans
from api.graphql.siblings import Record
from api.graphql.where import EntityWhere, FindingWhere, ScanWhere
from schema.queries import links, views
from schema.queries.filters import InRelease
from schema.queries.pages import PageRequest
from schema.queries.scope import Scope
from schema.queries.tables import SCAN
from schema.release import ReleaseKind, Visibility

if TYPE_CHECKING:
    from api.graphql.entity import EntityConnection
    from api.graphql.finding import FindingConnection
    from api.graphql.scan import ScanConnection


@graphql_type
class Split(Record, views=[views.splits]):
    """A split of a release."""

    release_id: strawberry.Private[int]
    name: str
    visibility: Visibility = described("HIDDEN: annotations of its scans are not shown; their words are.")
    scan_count: int


@graphql_type
class Release(Record, views=[views.releases]):
    """A named state of the dataset. Its lists hold the words, indices and annotations that it names."""

    id: strawberry.Private[int]
    name: str
    kind: ReleaseKind = described("PUBLISHED: somebody's fact, with its faults; MADE: made here.")
    digest: str | None = described("Over what it says, once complete; never over ids, times or codecs.")
    storage_digest: str | None = described("Over the stored bytes, once complete.")
    source_sha256: str | None = described("sha256 of the file that it came from.")
    created_at: datetime

    @field
    def splits(self) -> list[Split]:
        """Its splits by name."""
        return self.many(links.RELEASE_SPLITS)

    @field
    def scans(
        self, first: int = 50, after: str | None = None, where: ScanWhere | None = None
    ) -> Annotated["ScanConnection", strawberry.lazy("api.graphql.scan")]:
        """Its scans, open and hidden."""
        inside = SCAN.c.id.in_(InRelease(self.name).scans())
        return list_scans(self.siblings.reading, self._scope, where, PageRequest(first, after), inside)

    @field
    def findings(
        self, first: int = 50, after: str | None = None, where: FindingWhere | None = None
    ) -> Annotated["FindingConnection", strawberry.lazy("api.graphql.finding")]:
        """Its findings in its words."""
        return list_findings(self.siblings.reading, self._scope, where, PageRequest(first, after))

    @field
    def entities(
        self, first: int = 50, after: str | None = None, where: EntityWhere | None = None
    ) -> Annotated["EntityConnection", strawberry.lazy("api.graphql.entity")]:
        """The entities of its open annotations."""
        return list_entities(self.siblings.reading, self._scope, where, PageRequest(first, after))

    @property
    def _scope(self) -> Scope:
        return Scope(release_id=self.id)


@graphql_type
class ReleaseConnection(Connection[Release]):
    """A page of releases, by name."""

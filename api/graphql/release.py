"""Releases and their splits."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from api.graphql.declare import described, graphql_type
from api.graphql.listing import Connection
from api.graphql.reads import Listed, listed, many, of_release
from api.graphql.siblings import Record
from schema.queries import links, views
from schema.queries.filters import scan_in_release
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

    splits: list[Split] = many(links.RELEASE_SPLITS, "Its splits by name.")
    scans: Annotated["ScanConnection", strawberry.lazy("api.graphql.scan")] = listed(
        Listed(views.scans, scan_in_release, of_release), "Its scans, open and hidden."
    )
    findings: Annotated["FindingConnection", strawberry.lazy("api.graphql.finding")] = listed(
        Listed(views.findings, scope=of_release), "Its findings in its words."
    )
    entities: Annotated["EntityConnection", strawberry.lazy("api.graphql.entity")] = listed(
        Listed(views.entities, scope=of_release), "The entities of its open annotations."
    )


@graphql_type
class ReleaseConnection(Connection[Release]):
    """A page of releases, by name."""

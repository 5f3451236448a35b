"""Cohorts: selections that stay as they were drawn."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from api.graphql.declare import described, graphql_type
from api.graphql.listing import Connection
from api.graphql.reads import Listed, computed, listed
from api.graphql.siblings import Record
from api.graphql.vocabulary import BigInt
from schema.queries import views
from schema.queries.filters import member_of_cohort

if TYPE_CHECKING:
    from api.graphql.finding import FindingConnection


@graphql_type
class Cohort(Record, views=[views.cohorts]):
    """Findings that were drawn by patient under a filter, and never change."""

    id: strawberry.Private[int]
    release_id: strawberry.Private[int | None]
    name: str
    release: str | None = described("The release that it was drawn from; null: the archive as it was then.")
    selection: str = described("What it was drawn by, as JSON.")
    seed: BigInt
    digest: str = described("sha256 over its findings and the revisions of their words.")
    created_at: datetime
    finding_count: int = computed("finding_count", "How many findings it has.")
    findings: Annotated["FindingConnection", strawberry.lazy("api.graphql.finding")] = listed(
        Listed(views.findings, member_of_cohort), "Its findings, in their latest words; see `asOf`."
    )


@graphql_type
class CohortConnection(Connection[Cohort]):
    """A page of cohorts, by name."""

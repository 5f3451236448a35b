"""Rounds of annotation."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from api.graphql.declare import described, graphql_type
from api.graphql.listing import Connection
from api.graphql.reads import Listed, listed, of_round
from api.graphql.siblings import Record
from schema.queries import views

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

    findings: Annotated["FindingConnection", strawberry.lazy("api.graphql.finding")] = listed(
        Listed(views.findings, scope=of_round), "The findings that it drew, in their latest words."
    )
    annotations: Annotated["AnnotationConnection", strawberry.lazy("api.graphql.annotation")] = listed(
        Listed(views.annotations, scope=of_round),
        "What it says: its annotations that were accepted once, unless it replaced them itself.",
    )
    entities: Annotated["EntityConnection", strawberry.lazy("api.graphql.entity")] = listed(
        Listed(views.entities, scope=of_round), "The entities of its annotations."
    )


@graphql_type
class RoundConnection(Connection[Round]):
    """A page of rounds, by name."""

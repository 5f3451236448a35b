"""Rounds of annotation."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from api.graphql.cohort import Cohort
from api.graphql.declare import described, graphql_type
from api.graphql.listing import Connection
from api.graphql.policy import AnnotationPolicy
from api.graphql.reads import Listed, listed, of_round, one, parts
from api.graphql.siblings import Record
from schema.annotation import Policy
from schema.queries import links, views
from schema.queries.filters import drawn_in

if TYPE_CHECKING:
    from api.graphql.annotation import AnnotationConnection
    from api.graphql.entity import EntityConnection
    from api.graphql.finding import FindingConnection
    from api.graphql.review import ReviewConnection


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
    cohort_id: strawberry.Private[int | None]
    policy_kind: strawberry.Private[Policy | None]
    policy_limit: strawberry.Private[int | None]
    instructions: str | None = described("What annotators are told to draw.")
    readers: int | None = described("How many draw each finding without seeing one another.")
    tolerance_mm: float | None = described("How far apart two surfaces may be and agree.")
    accept_above: float | None = described("Mean Dice from which readers' consensus is accepted by rule; null: never.")

    policy: AnnotationPolicy | None = parts(
        AnnotationPolicy,
        "What its annotators are asked for; null: as each protocol says.",
        unless_null="policy_kind",
        kind="policy_kind",
        limit="policy_limit",
    )
    cohort: Cohort | None = one(links.ROUND_COHORT, "The findings that are to be drawn; null where it was imported.")
    history: Annotated["AnnotationConnection", strawberry.lazy("api.graphql.annotation")] = listed(
        Listed(views.any_annotation, drawn_in), "Everything that was drawn in it, whatever became of it."
    )

    reviews: Annotated["ReviewConnection", strawberry.lazy("api.graphql.review")] = listed(
        Listed(views.reviews, drawn_in), "Verdicts on its annotations, the oldest first."
    )
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

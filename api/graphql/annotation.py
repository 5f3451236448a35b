"""Annotations: what one round says about one finding."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import strawberry

from api.graphql.check import TextCheck
from api.graphql.declare import described, graphql_type
from api.graphql.entity import Entity
from api.graphql.listing import Connection
from api.graphql.policy import AnnotationPolicy
from api.graphql.reads import many, one, parts
from api.graphql.round import Round
from api.graphql.siblings import Record
from schema.annotation import AnnotationState, Policy
from schema.queries import links, views

if TYPE_CHECKING:
    from api.graphql.finding import Finding
    from api.graphql.review import Review


@graphql_type
class AnnotationEvent(Record, views=[views.annotation_events]):
    """A change of an annotation's state: who, when, why."""

    id: strawberry.Private[int]
    annotation_id: strawberry.Private[UUID]
    from_state: AnnotationState
    to_state: AnnotationState
    person: str | None = described("A pseudonym; null: a rule, or an import.")
    reason: str | None
    at: datetime


@graphql_type
class AnnotationSource(Record, views=[views.annotation_sources]):
    """One of the annotations that another one was made of."""

    annotation_id: strawberry.Private[UUID]
    source_id: strawberry.Private[UUID]

    annotation: "Annotation" = one(links.SOURCE_ANNOTATION, "Whatever became of it.")


@graphql_type
class Annotation(Record, views=[views.annotations, views.any_annotation]):
    """What one round says about one finding by one annotator."""

    id: strawberry.ID
    finding_id: strawberry.Private[UUID]
    round_id: strawberry.Private[int]
    policy_kind: strawberry.Private[Policy]
    policy_limit: strawberry.Private[int | None]
    state: AnnotationState
    version: int
    protocol: str | None
    voxels: int = described("Voxels with any label.")
    labels_digest: str = described("Equal voxels and labels, equal digest.")
    declared_entities: int | None = described("As the release's source says; null without `asOf`.")
    created_at: datetime
    annotator: str | None = described("The pseudonym of who drew it; null where the source does not say.")
    method: str | None = described("How it was made of others, such as `majority`; null where somebody drew it.")

    policy: AnnotationPolicy = parts(AnnotationPolicy, "How complete it is.", kind="policy_kind", limit="policy_limit")
    round: Round = one(links.ANNOTATION_ROUND, "The campaign that it was drawn in.")
    finding: Annotated["Finding", strawberry.lazy("api.graphql.finding")] = one(
        links.ANNOTATION_FINDING, "The finding that it is about."
    )
    entities: list[Entity] = many(links.ANNOTATION_ENTITIES, "Its labels, ascending.")
    events: list[AnnotationEvent] = many(links.ANNOTATION_EVENTS, "How its state changed, the first change first.")
    sources: list[AnnotationSource] = many(links.ANNOTATION_SOURCES, "What it was made of, where it was.")
    reviews: list[Annotated["Review", strawberry.lazy("api.graphql.review")]] = many(
        links.ANNOTATION_REVIEWS, "Verdicts on it, the oldest first."
    )
    checks: list[TextCheck] = many(links.ANNOTATION_CHECKS, "It, held against the finding's words, by name.")


@graphql_type
class AnnotationConnection(Connection[Annotation]):
    """A page of annotations, by scan and finding."""

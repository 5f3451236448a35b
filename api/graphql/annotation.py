"""Annotations: what one round says about one finding."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import strawberry

from api.graphql.check import TextCheck
from api.graphql.declare import described, graphql_type
from api.graphql.entity import Entity
from api.graphql.listing import Connection
from api.graphql.reads import many, one, parts
from api.graphql.round import Round
from api.graphql.siblings import Record
from schema.annotation import AnnotationState, Policy
from schema.queries import links, views

if TYPE_CHECKING:
    from api.graphql.finding import Finding


@graphql_type
class AnnotationPolicy:
    """What an unlabelled voxel means: nothing is there (EXHAUSTIVE), or it is not known (AT_MOST, UNKNOWN)."""

    kind: Policy
    limit: int | None = described("The entities drawn at most, under AT_MOST.")


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

    policy: AnnotationPolicy = parts(AnnotationPolicy, "How complete it is.", kind="policy_kind", limit="policy_limit")
    round: Round = one(links.ANNOTATION_ROUND, "The campaign that it was drawn in.")
    finding: Annotated["Finding", strawberry.lazy("api.graphql.finding")] = one(
        links.ANNOTATION_FINDING, "The finding that it is about."
    )
    entities: list[Entity] = many(links.ANNOTATION_ENTITIES, "Its labels, ascending.")
    checks: list[TextCheck] = many(links.ANNOTATION_CHECKS, "It, held against the finding's words, by name.")


@graphql_type
class AnnotationConnection(Connection[Annotation]):
    """A page of annotations, by scan and finding."""

"""Reviews: verdicts on annotations, and what they correct."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Optional
from uuid import UUID

import strawberry

from api.graphql.declare import described, graphql_type
from api.graphql.listing import Connection, FacetCount, facet_of
from api.graphql.order import ReviewField
from api.graphql.reads import one, parts
from api.graphql.siblings import Record
from schema.annotation import AnnotationState
from schema.finding import Side
from schema.queries import links, views
from schema.review import ReviewTarget, Verdict

if TYPE_CHECKING:
    from api.graphql.annotation import Annotation
    from api.graphql.entity import Entity
    from api.graphql.finding import Finding


@graphql_type
class Correction:
    """The revision of a finding that a verdict made of it."""

    revision: int
    text: str
    category_code: str | None
    text_side: Side | None = described("The side that the words name.")


@graphql_type
class Review(Record, views=[views.reviews]):
    """A verdict on a named target of an annotation, with its reason."""

    id: strawberry.ID
    annotation_id: strawberry.Private[UUID]
    finding_id: strawberry.Private[UUID]
    entity_id: strawberry.Private[UUID | None]
    correction_id: strawberry.Private[UUID | None]
    correction_revision_id: strawberry.Private[UUID | None]
    corrected_revision: strawberry.Private[int | None]
    corrected_text: strawberry.Private[str | None]
    corrected_category_code: strawberry.Private[str | None]
    corrected_text_side: strawberry.Private[Side | None]
    target: ReviewTarget
    verdict: Verdict
    reason: str | None = described("A code of the versioned list of reasons; null where it was accepted without one.")
    reason_words: str | None = described("What the code means.")
    words: str | None = described("The reviewer's own.")
    reviewer: str = described("The pseudonym of who decided.")
    state: AnnotationState = described("What has become of the annotation.")
    created_at: datetime

    annotation: Annotated["Annotation", strawberry.lazy("api.graphql.annotation")] = one(
        links.REVIEW_ANNOTATION, "The annotation that it is about, whatever became of it."
    )
    entity: Annotated["Entity", strawberry.lazy("api.graphql.entity")] | None = one(
        links.REVIEW_ENTITY, "The entity that it is about; null unless the target is ENTITY."
    )
    finding: Annotated["Finding", strawberry.lazy("api.graphql.finding")] | None = one(
        links.REVIEW_FINDING, "The finding that the annotation is about; null where the release does not have it."
    )
    correction: Correction | None = parts(
        Correction,
        "What the finding says by this verdict; null unless it corrects words, category or side.",
        unless_null="correction_revision_id",
        **{name: f"corrected_{name}" for name in Correction.__annotations__},
    )
    redrawn: Optional[Annotated["Annotation", strawberry.lazy("api.graphql.annotation")]] = one(  # noqa: UP045
        links.REVIEW_CORRECTION, "The annotation that was drawn in its place, where one is named."
    )


@graphql_type
class ReviewConnection(Connection[Review]):
    """A page of reviews, the oldest first."""

    facet: list[FacetCount] = facet_of(ReviewField)

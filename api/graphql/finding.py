"""Findings: what a report says, and what is drawn for it."""

from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import strawberry

from api.graphql.annotation import Annotation
from api.graphql.category import Category
from api.graphql.check import TextCheck
from api.graphql.declare import described, graphql_type
from api.graphql.entity import Entity
from api.graphql.listing import Connection, FacetCount, facet_of
from api.graphql.order import FindingField
from api.graphql.reads import computed, many, many_by_round, one
from api.graphql.reasoning import Reasoning
from api.graphql.report import Descriptor, Report, Sentence
from api.graphql.review import Review
from api.graphql.siblings import Record
from schema.finding import Side
from schema.queries import links, views
from schema.queries.report_views import findings_of_sentences

if TYPE_CHECKING:
    from api.graphql.scan import Scan


@graphql_type
class Finding(Record, views=[views.findings, findings_of_sentences]):
    """A finding in its latest words, or as a release has it."""

    id: strawberry.ID
    scan_id: strawberry.Private[UUID]
    study_id: strawberry.Private[int]
    revision_id: strawberry.Private[UUID]
    category_id: strawberry.Private[int | None]
    index: int = described("The release's index under `asOf`; else the one under which a source named it first.")
    revision: int
    text: str
    category_code: str | None = described("As the source wrote it, in the ontology or not.")
    present: bool = described("False: the report says that there is none.")
    refers_to_prior: bool | None
    text_side: Side | None = described("The side that the words name.")

    side: Side | None = computed(
        "side", "The side over its entities; an entity in the midline says nothing against a side. Null: not known."
    )
    entity_count: int = computed(
        "entity_count", "How many entities are drawn and may be seen; see `scan.hidden` and `annotations.policy`."
    )
    category: Category | None = one(links.FINDING_CATEGORY, "Null where the code is in no known ontology.")
    scan: Annotated["Scan", strawberry.lazy("api.graphql.scan")] = one(
        links.FINDING_SCAN, "The scan that it is seen on."
    )
    annotations: list[Annotation] = many_by_round(
        links.FINDING_ANNOTATIONS, "What is drawn for it: accepted, or as the release or the round has it."
    )
    entities: list[Entity] = many_by_round(links.FINDING_ENTITIES, "The entities of its annotations.")
    report: Report | None = one(
        links.FINDING_REPORTS, "The report of its study; English where there are several languages."
    )

    sentences: list[Sentence] = many(links.FINDING_SENTENCES, "The sentences of reports that say it.")
    descriptors: list[Descriptor] = many(links.FINDING_DESCRIPTORS, "What its words say, in their order.")
    reviews: list[Review] = many(links.FINDING_REVIEWS, "Verdicts on whatever was drawn for it, the oldest first.")
    reasoning: list[Reasoning] = many(links.FINDING_REASONING, "Chains of thought about it.")
    checks: list[TextCheck] = many(
        links.FINDING_CHECKS, "Its words against what is drawn for it: checks of the annotations that hold."
    )


@graphql_type
class FindingConnection(Connection[Finding]):
    """A page of findings, by scan and index."""

    facet: list[FacetCount] = facet_of(FindingField)

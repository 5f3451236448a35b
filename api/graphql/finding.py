"""Findings: what a report says, and what is drawn for it."""

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import strawberry

from api.graphql.annotation import Annotation
from api.graphql.category import Category
from api.graphql.declare import described, field, graphql_type
from api.graphql.entity import Entity
from api.graphql.listing import Connection
from api.graphql.report import Reasoning, Report, Sentence
from api.graphql.siblings import Record
from schema.finding import Side
from schema.queries import links, views
from schema.queries.scope import Scope

if TYPE_CHECKING:
    from api.graphql.scan import Scan


@graphql_type
class Finding(Record, views=[views.findings]):
    """A finding in its latest words, or as a release has it."""

    id: strawberry.ID
    scan_id: strawberry.Private[UUID]
    study_id: strawberry.Private[int]
    category_id: strawberry.Private[int | None]
    index: int = described("The release's index under `asOf`; else the one under which a source named it first.")
    revision: int
    text: str
    category_code: str | None = described("As the source wrote it, in the ontology or not.")
    present: bool = described("False: the report says that there is none.")
    refers_to_prior: bool | None
    text_side: Side | None = described("The side that the words name.")

    @field
    def side(self) -> Side | None:
        """The side over its entities; an entity in the midline says nothing against a side. Null: not known."""
        return self.computed("side")  # type: ignore[no-any-return]

    @field
    def entity_count(self) -> int:
        """How many entities are drawn and may be seen; see `scan.hidden` and `annotations.policy`."""
        return int(self.computed("entity_count"))

    @field
    def category(self) -> Category | None:
        """Null where the code is in no known ontology."""
        return self.one(links.FINDING_CATEGORY)  # type: ignore[no-any-return]

    @field
    def scan(self) -> Annotated["Scan", strawberry.lazy("api.graphql.scan")]:
        """The scan that it is seen on."""
        return self.one(links.FINDING_SCAN)  # type: ignore[no-any-return]

    @field
    def annotations(self, round: str | None = None) -> list[Annotation]:  # noqa: A002
        """What is drawn for it: accepted, or as the release or the round has it."""
        return self.many(links.FINDING_ANNOTATIONS, self._scope(round))

    @field
    def entities(self, round: str | None = None) -> list[Entity]:  # noqa: A002
        """The entities of its annotations."""
        return self.many(links.FINDING_ENTITIES, self._scope(round))

    @field
    def report(self) -> Report | None:
        """The report of its study; English where there are several languages."""
        found = self.many(links.FINDING_REPORTS)
        return next((each for each in found if each.language.startswith("en")), next(iter(found), None))

    @field
    def sentences(self) -> list[Sentence]:
        """The sentences of the report that it came from; empty until reports are processed."""
        return []

    @field
    def reasoning(self) -> list[Reasoning]:
        """Chains of thought about it."""
        return self.many(links.FINDING_REASONING)

    def _scope(self, round_name: str | None) -> Scope:
        here = self.siblings.scope
        if round_name is None:
            return here
        return replace(here, round_id=self.siblings.reading.round_key(round_name))


@graphql_type
class FindingConnection(Connection[Finding]):
    """A page of findings, by scan and index."""

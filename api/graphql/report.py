"""Reports, sentences and chains of thought."""

from uuid import UUID

import strawberry

from api.graphql.declare import described, graphql_type
from api.graphql.reads import many
from api.graphql.siblings import Record
from schema.queries import links, views


@graphql_type
class Report(Record, views=[views.reports]):
    """A study's report in one language; texts are null until reports are ingested."""

    id: strawberry.ID
    study_id: strawberry.Private[int]
    language: str = described("BCP 47 tag; `und` while no text has come.")
    machine_translated: bool | None
    clinical_information: str | None
    technique: str | None
    findings: str | None
    impression: str | None


@graphql_type
class Sentence:
    """A sentence of a report, `section[startChar:endChar]`, that a finding came from."""

    section: str
    start_char: int
    end_char: int
    text: str


@graphql_type
class ReasoningStep(Record, views=[views.reasoning_steps]):
    """One step of a chain of thought: scan, side, lobe, segment, lesion."""

    reasoning_id: strawberry.Private[UUID]
    position: int
    text: str
    box_source: list[float] | None = described("As the source gives it; its frame is unknown unless named.")
    box_frame: str | None
    holds: bool | None = described("Whether it agrees with the masks; null is not checked.")


@graphql_type
class Reasoning(Record, views=[views.reasonings]):
    """A chain of thought that walks from the whole scan to a finding."""

    id: strawberry.Private[UUID]
    finding_id: strawberry.Private[UUID]
    origin: str

    steps: list[ReasoningStep] = many(links.REASONING_STEPS, "Its steps in order.")

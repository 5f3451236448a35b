"""Reports, their sentences, and what was read in them."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import strawberry

from api.graphql import vocabulary  # noqa: F401 - registers the enums
from api.graphql.category import Category
from api.graphql.declare import described, graphql_type
from api.graphql.listing import Connection
from api.graphql.reads import many, one
from api.graphql.siblings import Record
from schema.descriptor import DescriptorKind
from schema.queries import links, report_views
from schema.report import DropReason, EngineName, Region, Section, SentenceUse

if TYPE_CHECKING:
    from api.graphql.finding import Finding

SENTENCE_VIEWS = (
    report_views.sentences,
    report_views.sentences_of_findings,
    report_views.sentences_of_observations,
    report_views.sources,
    report_views.originals,
    report_views.translations,
)


@graphql_type
class Descriptor(Record, views=[report_views.descriptors]):
    """One thing that the words of a finding or an observation say: `text[startChar:endChar]`."""

    id: strawberry.Private[int]
    revision_id: strawberry.Private[UUID | None]
    observation_id: strawberry.Private[int | None]
    kind: DescriptorKind
    value: str = described("In a closed vocabulary by kind: `right`, `right lower lobe`, `12 x 10 mm`, `stable`.")
    sizes_mm: list[float] | None = described("One to three lengths in the order of the words, of a size.")
    number: int | None = described("How many, of a count.")
    start_char: int
    end_char: int
    engine_version: str = described("What read it.")


@graphql_type
class Sentence(Record, views=SENTENCE_VIEWS):
    """A sentence of a report: `section[startChar:endChar]`."""

    id: strawberry.ID
    report_id: strawberry.Private[int]
    section: Section
    start_char: int
    end_char: int
    text: str
    score: float | None = described("How surely it says that from which it was reached, 0 to 1; else null.")
    use: SentenceUse | None = described("What the latest reading made of it; null where it was not read.")
    reason: DropReason | None = described("Why it gave no observation, where it was dropped.")

    report: "Report" = one(links.SENTENCE_REPORT, "The report that it is of.")
    findings: list[Annotated["Finding", strawberry.lazy("api.graphql.finding")]] = many(
        links.SENTENCE_FINDINGS, "The findings that it says."
    )
    originals: list["Sentence"] = many(links.SENTENCE_ORIGINALS, "The sentences that it translates.")
    translations: list["Sentence"] = many(links.SENTENCE_TRANSLATIONS, "The sentences that translate it.")


@graphql_type
class RewrittenSentence(Record, views=[report_views.rewritten, report_views.rewritten_of_observations]):
    """A sentence of a rewritten report, in its region."""

    id: strawberry.ID
    reading_id: strawberry.Private[int]
    position: int
    region: Region
    text: str

    sources: list[Sentence] = many(links.REWRITTEN_SOURCES, "The sentences of the report that it says.")


@graphql_type
class Observation(Record, views=[report_views.observations]):
    """One thing that a reading says is there or is not."""

    id: strawberry.ID
    position: int
    phrase: str
    present: bool
    refers_to_prior: bool
    category_id: strawberry.Private[int | None]
    category_code: str | None = described("As the engine gave it.")
    finding_id: strawberry.Private[UUID | None]
    match_score: float | None = described("How alike its words and those of its finding are, 0 to 1.")

    category: Category | None = one(links.OBSERVATION_CATEGORY, "Null where none was decided.")
    finding: Annotated["Finding", strawberry.lazy("api.graphql.finding")] | None = one(
        links.OBSERVATION_FINDING, "The finding that it is, where one of the study's scans has it."
    )
    rewritten: list[RewrittenSentence] = many(
        links.OBSERVATION_REWRITTEN, "The rewritten sentences that it was read from."
    )
    sentences: list[Sentence] = many(links.OBSERVATION_SENTENCES, "The sentences of the report behind those.")
    descriptors: list[Descriptor] = many(links.OBSERVATION_DESCRIPTORS, "What its words say, in their order.")


@graphql_type
class ReportReading(Record, views=[report_views.readings]):
    """Who read a report last."""

    id: strawberry.Private[int]
    report_id: strawberry.Private[int]
    engine: EngineName
    engine_version: str = described("Versions of the rules, or of prompts and model.")
    sentences: int = described("Sentences that it accounts for.")
    flagged: int = described("Those that nothing was decided about.")
    created_at: datetime


@graphql_type
class Report(Record, views=[report_views.reports]):
    """A study's report in one language; texts are null until they are imported."""

    id: strawberry.ID
    study_id: strawberry.Private[int]
    study: str
    language: str = described("BCP 47 tag; `und` while no text has come.")
    machine_translated: bool | None
    clinical_information: str | None
    technique: str | None
    findings: str | None
    impression: str | None

    sentences: list[Sentence] = many(links.REPORT_SENTENCES, "By section, in their order.")
    reading: ReportReading | None = one(links.REPORT_READING, "The latest reading; null where none was made.")
    rewritten: list[RewrittenSentence] = many(links.REPORT_REWRITTEN, "As the latest reading rewrote it.")
    observations: list[Observation] = many(links.REPORT_OBSERVATIONS, "What the latest reading says is there or not.")


@graphql_type
class ReportConnection(Connection[Report]):
    """A page of reports, by study."""

"""Reports and sentences."""

import strawberry

from api.graphql.declare import described, graphql_type
from api.graphql.siblings import Record
from schema.queries import views


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

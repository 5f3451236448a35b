"""Checks of a finding's words against what is drawn for it."""

from datetime import datetime
from uuid import UUID

import strawberry

from api.graphql.declare import described, graphql_type
from api.graphql.siblings import Record
from schema.queries import views
from schema.text_check import CheckOutcome


@graphql_type
class TextCheck(Record, views=[views.text_checks, views.any_text_check]):
    """One named check of an annotation against the words of its finding."""

    annotation_id: strawberry.Private[UUID]
    finding_id: strawberry.Private[UUID]
    name: str
    version: str
    outcome: CheckOutcome
    severity: float | None = described("How far apart words and masks are, 0 to 1; null unless they contradict.")
    evidence: str = described("The figures and words by which it was told, as JSON.")
    computed_at: datetime

"""Enums and scalars: the schema's own words as GraphQL has them."""

from datetime import datetime
from typing import NewType

import strawberry

from schema.annotation import AnnotationState, Policy
from schema.descriptor import DescriptorKind
from schema.finding import Side
from schema.ontology import Focality
from schema.queries.pages import write_time
from schema.queries.search import SearchMode
from schema.reasoning import ReasoningLevel
from schema.release import ReleaseKind, Visibility
from schema.report import DropReason, EngineName, Region, Section, SentenceUse
from schema.review import ReviewTarget, Verdict
from schema.text_check import CheckOutcome

BigInt = NewType("BigInt", int)
BIG_INT = strawberry.scalar(
    name="BigInt", description="An integer beyond 32 bits, as a JSON number.", serialize=int, parse_value=int
)

TIME = strawberry.scalar(
    name="DateTime",
    description="ISO 8601 in UTC, with microseconds.",
    serialize=write_time,
    parse_value=datetime.fromisoformat,
)

_WORDS = (
    *(AnnotationState, CheckOutcome, Focality, Policy, ReasoningLevel, ReleaseKind, SearchMode, Side, Visibility),
    *(DescriptorKind, DropReason, EngineName, Region, ReviewTarget, Section, SentenceUse, Verdict),
)
for _words in _WORDS:
    strawberry.enum(_words, description=(_words.__doc__ or "").strip())

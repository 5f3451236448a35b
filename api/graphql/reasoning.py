"""Chains of thought."""

from uuid import UUID

import strawberry

from api.graphql.declare import described, graphql_type
from api.graphql.entity import Box, BoxMm
from api.graphql.reads import many, parts
from api.graphql.siblings import Record
from schema.queries import links, views
from schema.reasoning import ReasoningLevel


@graphql_type
class ReasoningStep(Record, views=[views.reasoning_steps]):
    """One step of a chain of thought, and the claim that it makes."""

    reasoning_id: strawberry.Private[UUID]
    box_vox_min: strawberry.Private[list[int] | None]
    box_vox_max: strawberry.Private[list[int] | None]
    box_lps_mm_min: strawberry.Private[list[float] | None]
    box_lps_mm_max: strawberry.Private[list[float] | None]
    position: int
    level: ReasoningLevel | None = described("How far it has come; null where an imported step is not recognised.")
    place: str | None = described("What it names, such as `right lower lobe`.")
    text: str
    box_source: list[float] | None = described("As the source gives it; its frame is unknown unless named.")
    box_frame: str | None
    holds: bool | None = described("Whether the masks agree with the claim; null is not checked.")
    evidence: str | None = described("The figures by which it was told, as JSON.")

    box_vox: Box | None = parts(
        Box, "The box that it has come to.", unless_null="box_vox_min", min="box_vox_min", max="box_vox_max"
    )
    box_lps_mm: BoxMm | None = parts(
        BoxMm,
        "The same box along the patient's axes; null without the CT's frame.",
        unless_null="box_lps_mm_min",
        min="box_lps_mm_min",
        max="box_lps_mm_max",
    )


@graphql_type
class Reasoning(Record, views=[views.reasonings]):
    """A chain of thought that walks from the whole scan to a finding."""

    id: strawberry.Private[UUID]
    finding_id: strawberry.Private[UUID]
    origin: str = described("The file that it came from, or `groundct` where it was made from words and masks.")
    version: str = described("Of what made or read it.")

    steps: list[ReasoningStep] = many(links.REASONING_STEPS, "Its steps in order.")

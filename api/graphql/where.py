"""The inputs of `where:`, part by part those of `schema.queries.filters`, and how they become them."""

import enum
from datetime import date
from typing import Any, TypeVar
from uuid import UUID

import strawberry
from strawberry.schema.config import StrawberryConfig
from strawberry.types.base import get_object_definition

from api.graphql import vocabulary  # noqa: F401 - registers the enums
from api.graphql.declare import described, graphql_input
from schema.annotation import AnnotationState, Policy
from schema.finding import Side
from schema.ontology import Focality
from schema.queries.filters import (
    RANGED,
    EntityFilter,
    FindingFilter,
    InRelease,
    MetadataFilter,
    NearEntity,
    ReviewFilter,
    ScanFilter,
)
from schema.queries.mistakes import OverLimit, ReadMistake
from schema.queries.places import BoxFilter, LocationFilter, NearPoint
from schema.queries.ranges import Between
from schema.queries.slots import read
from schema.review import ReviewTarget, Verdict

T = TypeVar("T")
DEEPEST = 8
"""How deep filters may be nested in each other."""


@graphql_input
class Range:
    """From `min` to `max`, both included; absent values lie in no range."""

    min: float | None = None
    max: float | None = None


@graphql_input
class DateRange:
    """From `min` to `max`, both included; absent dates lie in no range."""

    min: date | None = None
    max: date | None = None


@graphql_input
class BoxWhere:
    """A box, both ends included: in LPS mm, or in shares of the lungs' box."""

    min: list[float] = described("Three numbers, x, y, z.")
    max: list[float]


@graphql_input
class NearWhere:
    """Within so many mm of a point."""

    point_lps_mm: list[float] = described("Three numbers: towards left, back and head.")
    within_mm: float


@graphql_input
class LocationWhere:
    """In any organ mask of the scan, everything given holds of the entity."""

    scheme: str | None = None
    lobe: str | None = described("The lobe with the largest share.", default=None)
    organ: str | None = described("An organ that it touches.", default=None)
    organ_share: Range | None = described("Its share in that organ, 0 to 1.", default=None)
    lung_share: Range | None = None
    left_share: Range | None = None
    right_share: Range | None = None
    lobe_share: Range | None = None
    lung_border_mm: Range | None = described("Within 10 mm of the pleura: `{max: 10}`.", default=None)
    relative_position: BoxWhere | None = described("Its centroid, in the lungs' own frame.", default=None)


@graphql_input
class MetadataWhere:
    """What the collection's metadata table says; everything given holds."""

    manufacturer: str | None = None
    manufacturer_model: str | None = None
    patient_sex: str | None = None
    patient_age_years: Range | None = None
    study_date: DateRange | None = None


@graphql_input
class ReleaseWhere:
    """In a release, and there in a split or under a protocol."""

    name: str
    split: str | None = None
    protocol: str | None = None


@graphql_input
class ScanWhere:
    """Scans of which everything given holds."""

    names: list[str] | None = described("With or without `.nii.gz`.", default=None)
    patient: str | None = None
    study: str | None = None
    release: ReleaseWhere | None = None
    cohort: str | None = described("With a finding in the cohort of this name.", default=None)
    has_volume: bool | None = None
    hidden: bool | None = described("Whether its annotations are hidden.", default=None)
    metadata: MetadataWhere | None = None
    finding: "FindingWhere | None" = described(
        "At least one such finding; several in `and` occur together.", default=None
    )
    finding_count: Range | None = None
    and_: list["ScanWhere"] | None = described("All of these.", name="and", default=None)
    or_: list["ScanWhere"] | None = described("At least one of these.", name="or", default=None)
    not_: "ScanWhere | None" = described("Not this.", name="not", default=None)


@graphql_input
class FindingWhere:
    """Findings of which everything given holds."""

    ids: list[strawberry.ID] | None = None
    scans: list[str] | None = described("Names, with or without `.nii.gz`.", default=None)
    scan: ScanWhere | None = described("Seen on such a scan.", default=None)
    text: str | None = described(
        'Words of the text, as in a web search: "..." together, `or`, `-` without.', default=None
    )
    category: str | None = described("This code.", default=None)
    category_under: str | None = described("This code or one below it.", default=None)
    focality: Focality | None = None
    present: bool | None = None
    refers_to_prior: bool | None = None
    release: ReleaseWhere | None = None
    cohort: str | None = described("In the cohort of this name.", default=None)
    side: Side | None = described("Over its entities.", default=None)
    text_side: Side | None = described("What the words name.", default=None)
    round: str | None = described("Drawn in the round of this name, whatever became of it.", default=None)
    policy: Policy | None = described("Of an annotation that holds.", default=None)
    contradicts: str | None = described("The check of this name contradicts what is drawn for it.", default=None)
    entity_count: Range | None = None
    entity: "EntityWhere | None" = described("At least one such entity.", default=None)
    and_: list["FindingWhere"] | None = described("All of these.", name="and", default=None)
    or_: list["FindingWhere"] | None = described("At least one of these.", name="or", default=None)
    not_: "FindingWhere | None" = described("Not this.", name="not", default=None)


def ranged(cls: type[T]) -> type[T]:
    """Give an input a range for every measure of entities, in the measure's own unit."""
    for name in RANGED:
        cls.__annotations__[name] = Range | None
        setattr(cls, name, None)
    return cls


@graphql_input
@ranged
class EntityWhere:
    """Entities of which everything given holds."""

    ids: list[strawberry.ID] | None = None
    side: Side | None = None
    round: str | None = described("Drawn in the round of this name.", default=None)
    policy: Policy | None = None
    location: LocationWhere | None = None
    box_lps_mm: BoxWhere | None = described("Its box has a point in common with this one.", default=None)
    near: NearWhere | None = described("Its box is so near to the point.", default=None)
    near_entity: "NearEntityWhere | None" = described("Another entity of its scan is so near.", default=None)
    finding: FindingWhere | None = described("Of such a finding.", default=None)
    and_: list["EntityWhere"] | None = described("All of these.", name="and", default=None)
    or_: list["EntityWhere"] | None = described("At least one of these.", name="or", default=None)
    not_: "EntityWhere | None" = described("Not this.", name="not", default=None)


@graphql_input
class NearEntityWhere:
    """Another entity, and how far its box may be away; 0: they touch or overlap."""

    entity: EntityWhere
    within_mm: float


@graphql_input
class ReviewWhere:
    """Reviews of which everything given holds."""

    target: ReviewTarget | None = None
    verdict: Verdict | None = None
    reason: str | None = described("The code of a reason.", default=None)
    reviewer: str | None = described("The pseudonym.", default=None)
    state: AnnotationState | None = described("What has become of the annotation.", default=None)
    round: str | None = described("On an annotation of the round of this name.", default=None)
    finding: FindingWhere | None = described("On an annotation of such a finding.", default=None)
    and_: list["ReviewWhere"] | None = described("All of these.", name="and", default=None)
    or_: list["ReviewWhere"] | None = described("At least one of these.", name="or", default=None)
    not_: "ReviewWhere | None" = described("Not this.", name="not", default=None)


FILTERS: dict[type[Any], type[Any]] = {
    Range: Between,
    DateRange: Between,
    BoxWhere: BoxFilter,
    NearWhere: NearPoint,
    NearEntityWhere: NearEntity,
    LocationWhere: LocationFilter,
    MetadataWhere: MetadataFilter,
    ReleaseWhere: InRelease,
    ScanWhere: ScanFilter,
    FindingWhere: FindingFilter,
    EntityWhere: EntityFilter,
    ReviewWhere: ReviewFilter,
}


def to_filter(given: Any, depth: int = 0) -> Any:
    """Turn an input into the filter of the same parts; None stays None.

    Raises:
        ReadMistake: an id is not one, or filters are nested too deep.
    """
    if depth > DEEPEST:
        raise OverLimit("where", DEEPEST, f"`where` may be nested {DEEPEST} deep")
    if isinstance(given, list):
        return [to_filter(each, depth) for each in given]
    if type(given) not in FILTERS:
        return given
    parts = {name: to_filter(value, depth + 1) for name, value in vars(given).items()}
    if parts.get("ids") is not None:
        parts["ids"] = [read(each, parse_id) for each in parts["ids"]]
    if isinstance(given, EntityWhere):
        ranges = {name: parts.pop(name) for name in RANGED}
        parts["measures"] = {name: between for name, between in ranges.items() if between is not None} or None
    return FILTERS[type(given)](**parts)


def parse_id(text: str) -> UUID:
    """Read an id.

    Raises:
        ReadMistake: it is not one.
    """
    try:
        return UUID(text)
    except ValueError as error:
        raise ReadMistake(f"{text[:40]!r} is not an id like 6f1c1e0a-5d5b-5c0e-9d3e-2f7d6a3b9c41") from error


def to_json(given: Any) -> Any:
    """Write an input as JSON that is read as the same; what it does not say is left out."""
    if isinstance(given, list):
        return [to_json(each) for each in given]
    if isinstance(given, enum.Enum):
        return given.name
    if isinstance(given, date):
        return given.isoformat()
    if type(given) not in FILTERS:
        return given
    parts = {each: getattr(given, each.python_name) for each in get_object_definition(given, strict=True).fields}
    name_of = StrawberryConfig().name_converter.get_graphql_name
    return {name_of(part): to_json(value) for part, value in parts.items() if value is not None}

"""The inputs of `where:`, part by part those of `schema.queries.filters`, and how they become them."""

from typing import Any
from uuid import UUID

import strawberry

from api.graphql import vocabulary  # noqa: F401 - registers the enums
from api.graphql.declare import described, graphql_input
from schema.finding import Side
from schema.ontology import Focality
from schema.queries.filters import Between, EntityFilter, FindingFilter, InRelease, ScanFilter
from schema.queries.mistakes import OverLimit, ReadMistake
from schema.queries.slots import read

DEEPEST = 8
"""How deep filters may be nested in each other."""


@graphql_input
class Range:
    """From `min` to `max`, both included; absent values lie in no range."""

    min: float | None = None
    max: float | None = None


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
    has_volume: bool | None = None
    hidden: bool | None = described("Whether its annotations are hidden.", default=None)
    finding: "FindingWhere | None" = described("At least one such finding.", default=None)
    and_: list["ScanWhere"] | None = described("All of these.", name="and", default=None)
    or_: list["ScanWhere"] | None = described("At least one of these.", name="or", default=None)
    not_: "ScanWhere | None" = described("Not this.", name="not", default=None)


@graphql_input
class FindingWhere:
    """Findings of which everything given holds."""

    ids: list[strawberry.ID] | None = None
    scans: list[str] | None = described("Names, with or without `.nii.gz`.", default=None)
    text: str | None = described(
        'Words of the text, as in a web search: "..." together, `or`, `-` without.', default=None
    )
    category: str | None = described("This code.", default=None)
    category_under: str | None = described("This code or one below it.", default=None)
    focality: Focality | None = None
    present: bool | None = None
    refers_to_prior: bool | None = None
    release: ReleaseWhere | None = None
    side: Side | None = described("Over its entities.", default=None)
    text_side: Side | None = described("What the words name.", default=None)
    entity_count: Range | None = None
    entity: "EntityWhere | None" = described("At least one such entity.", default=None)
    and_: list["FindingWhere"] | None = described("All of these.", name="and", default=None)
    or_: list["FindingWhere"] | None = described("At least one of these.", name="or", default=None)
    not_: "FindingWhere | None" = described("Not this.", name="not", default=None)


@graphql_input
class EntityWhere:
    """Entities of which everything given holds."""

    ids: list[strawberry.ID] | None = None
    side: Side | None = None
    voxels: Range | None = None
    volume_ml: Range | None = None
    hu_mean: Range | None = None
    hu_median: Range | None = None
    components26: Range | None = None
    finding: FindingWhere | None = described("Of such a finding.", default=None)
    and_: list["EntityWhere"] | None = described("All of these.", name="and", default=None)
    or_: list["EntityWhere"] | None = described("At least one of these.", name="or", default=None)
    not_: "EntityWhere | None" = described("Not this.", name="not", default=None)


FILTERS: dict[type[Any], type[Any]] = {
    Range: Between,
    ReleaseWhere: InRelease,
    ScanWhere: ScanFilter,
    FindingWhere: FindingFilter,
    EntityWhere: EntityFilter,
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

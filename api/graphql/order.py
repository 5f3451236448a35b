"""What lists can be sorted and counted by: every single value that a row has."""

import enum
from typing import Any

import strawberry
from sqlalchemy.dialects.postgresql import ARRAY

from api.graphql.declare import described, graphql_input
from schema.queries import views
from schema.queries.pages import SortBy
from schema.queries.views import View


def _fields_of(name: str, view: View) -> Any:
    known = {**view.fields, **view.computed}
    single = [each for each, value in known.items() if not isinstance(value.type, ARRAY) and not each.endswith("_id")]
    members = enum.Enum(name, {each.upper(): each for each in single})  # type: ignore[misc]
    return strawberry.enum(members, description=f"What is known of each of the {name.removesuffix('Field').lower()}s.")


ScanField = _fields_of("ScanField", views.scans())
FindingField = _fields_of("FindingField", views.findings())
EntityField = _fields_of("EntityField", views.entities())
ReviewField = _fields_of("ReviewField", views.reviews())


@graphql_input
class ScanOrder:
    """Sort by a field; rows without it come last."""

    by: ScanField  # type: ignore[valid-type]
    descending: bool = described("The greatest first.", default=False)


@graphql_input
class FindingOrder:
    """Sort by a field; rows without it come last."""

    by: FindingField  # type: ignore[valid-type]
    descending: bool = described("The greatest first.", default=False)


@graphql_input
class EntityOrder:
    """Sort by a field; rows without it come last."""

    by: EntityField  # type: ignore[valid-type]
    descending: bool = described("The greatest first.", default=False)


@graphql_input
class ReviewOrder:
    """Sort by a field; rows without it come last."""

    by: ReviewField  # type: ignore[valid-type]
    descending: bool = described("The greatest first.", default=False)


def to_order(given: list[Any] | None) -> tuple[SortBy, ...]:
    """Turn the inputs of `orderBy` into what pages are sorted by."""
    return tuple(SortBy(each.by.value, each.descending) for each in given or ())

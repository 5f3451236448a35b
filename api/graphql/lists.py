"""The lists that stand at the roots and below rounds and releases: a view, a scope, a filter, a page."""

from typing import Any

import sqlalchemy as sa

from api.graphql.listing import Connection, Listing
from api.graphql.siblings import Reading
from api.graphql.where import EntityWhere, FindingWhere, ScanWhere, to_filter
from schema.queries import views
from schema.queries.filters import entity_condition, finding_condition, scan_condition
from schema.queries.pages import PageRequest
from schema.queries.scope import Scope
from schema.queries.views import Expression


def list_scans(
    reading: Reading, scope: Scope, where: ScanWhere | None, first: int, after: str | None, *also: Expression
) -> Any:
    """List scans."""
    condition = sa.and_(scan_condition(to_filter(where), scope), *also)
    return Connection(listing=Listing(reading, scope, views.scans, condition, PageRequest(first, after)))


def list_findings(reading: Reading, scope: Scope, where: FindingWhere | None, first: int, after: str | None) -> Any:
    """List findings."""
    condition = finding_condition(to_filter(where), scope)
    return Connection(listing=Listing(reading, scope, views.findings, condition, PageRequest(first, after)))


def list_entities(reading: Reading, scope: Scope, where: EntityWhere | None, first: int, after: str | None) -> Any:
    """List entities."""
    condition = entity_condition(to_filter(where), scope)
    return Connection(listing=Listing(reading, scope, views.entities, condition, PageRequest(first, after)))


def list_annotations(reading: Reading, scope: Scope, first: int, after: str | None) -> Any:
    """List annotations."""
    return Connection(listing=Listing(reading, scope, views.annotations, sa.true(), PageRequest(first, after)))


def list_all(reading: Reading, scope: Scope, view_of: Any, first: int, after: str | None) -> Any:
    """List every row of a kind that has no filter."""
    return Connection(listing=Listing(reading, scope, view_of, sa.true(), PageRequest(first, after)))

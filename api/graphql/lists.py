"""The lists that stand at the roots and below rounds and releases: a view, a scope, a filter, a page."""

from typing import TYPE_CHECKING, Any, cast

import sqlalchemy as sa

from api.graphql.listing import Connection, Listing
from api.graphql.siblings import Reading, ViewOf
from api.graphql.where import EntityWhere, FindingWhere, ScanWhere, to_filter
from schema.queries import views
from schema.queries.filters import entity_condition, finding_condition, scan_condition
from schema.queries.pages import PageRequest
from schema.queries.scope import NOW, Scope
from schema.queries.views import Expression

if TYPE_CHECKING:
    from api.graphql.annotation import AnnotationConnection
    from api.graphql.entity import EntityConnection
    from api.graphql.finding import FindingConnection
    from api.graphql.release import ReleaseConnection
    from api.graphql.round import RoundConnection
    from api.graphql.scan import ScanConnection


def list_scans(
    reading: Reading, scope: Scope, where: ScanWhere | None, page: PageRequest, *also: Expression
) -> "ScanConnection":
    """List scans."""
    condition = sa.and_(scan_condition(to_filter(where), scope), *also)
    return cast("ScanConnection", _connection(reading, scope, views.scans, condition, page))


def list_findings(reading: Reading, scope: Scope, where: FindingWhere | None, page: PageRequest) -> "FindingConnection":
    """List findings."""
    condition = finding_condition(to_filter(where), scope)
    return cast("FindingConnection", _connection(reading, scope, views.findings, condition, page))


def list_entities(reading: Reading, scope: Scope, where: EntityWhere | None, page: PageRequest) -> "EntityConnection":
    """List entities."""
    condition = entity_condition(to_filter(where), scope)
    return cast("EntityConnection", _connection(reading, scope, views.entities, condition, page))


def list_annotations(reading: Reading, scope: Scope, page: PageRequest) -> "AnnotationConnection":
    """List annotations."""
    return cast("AnnotationConnection", _connection(reading, scope, views.annotations, sa.true(), page))


def list_rounds(reading: Reading, page: PageRequest) -> "RoundConnection":
    """List rounds."""
    return cast("RoundConnection", _connection(reading, NOW, views.rounds, sa.true(), page))


def list_releases(reading: Reading, page: PageRequest) -> "ReleaseConnection":
    """List releases."""
    return cast("ReleaseConnection", _connection(reading, NOW, views.releases, sa.true(), page))


def _connection(
    reading: Reading, scope: Scope, view_of: ViewOf, condition: Expression, page: PageRequest
) -> Connection[Any]:
    return Connection(listing=Listing(reading, scope, view_of, condition, page))

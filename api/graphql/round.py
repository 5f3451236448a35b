"""Rounds of annotation."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from api.graphql.declare import described, field, graphql_type
from api.graphql.listing import Connection
from api.graphql.siblings import Record
from api.graphql.where import EntityWhere, FindingWhere
from schema.queries import views
from schema.queries.filters import entity_condition, finding_condition
from schema.queries.pages import PageRequest
from schema.queries.scope import Scope

if TYPE_CHECKING:
    from api.graphql.annotation import AnnotationConnection
    from api.graphql.entity import EntityConnection
    from api.graphql.finding import FindingConnection


@graphql_type
class Round(Record, views=[views.rounds]):
    """One campaign of annotation. Its lists hold what it says, whatever a later round says."""

    id: strawberry.Private[int]
    name: str
    protocols: list[str] = described("The protocols that its source names.")
    source: str | None
    tool: str | None = described("What its annotations were drawn with.")
    licence: str | None
    opened_at: datetime
    closed_at: datetime | None

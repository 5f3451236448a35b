"""Categories of ontologies."""

from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Optional

import sqlalchemy as sa
import strawberry

from api.graphql.declare import described, field, graphql_type
from api.graphql.listing import Branch, Branches, Connection
from api.graphql.siblings import Record
from api.graphql.where import FindingWhere, to_filter
from schema.ontology import Focality
from schema.queries import links, views
from schema.queries.filters import FindingFilter, below_category, finding_condition
from schema.queries.pages import PageRequest
from schema.queries.scope import Scope
from schema.queries.views import Expression

if TYPE_CHECKING:
    from api.graphql.finding import FindingConnection


@graphql_type
class Category(Record, views=[views.categories]):
    """One node of an ontology's tree."""

    id: strawberry.Private[int]
    ontology_id: strawberry.Private[int]
    parent_id: strawberry.Private[int | None]
    code: str
    name: str
    path: str = described("The subtree of a path are the paths that begin with it.")
    focality: Focality
    segmented: bool = described("Whether masks are drawn for it.")
    assignable: bool = described("Whether a finding may have this code.")
    ontology: str
    ontology_version: str

    @field
    def parent(self) -> Optional["Category"]:
        """Null for a root."""
        return self.one(links.CATEGORY_PARENT)  # type: ignore[no-any-return]

    @field
    def children(self) -> list["Category"]:
        """The nodes right below it."""
        return self.many(links.CATEGORY_CHILDREN)

    @field
    def finding_count(self) -> int:
        """Findings of the whole subtree."""
        return int(self.computed("finding_count"))

    @field
    def findings(
        self, first: int = 50, after: str | None = None, where: FindingWhere | None = None
    ) -> Annotated["FindingConnection", strawberry.lazy("api.graphql.finding")]:
        """Findings of the whole subtree."""
        asked = ("findings", first, after, repr(where))
        branches = self.siblings.once(asked, lambda: self._branches(PageRequest(first, after), to_filter(where)))
        return Connection(listing=Branch(branches, self.id))  # type: ignore[return-value]

    def _branches(self, request: PageRequest, where: FindingFilter | None) -> Branches:
        below = partial(_below, where=where, scope=self.siblings.scope)
        return Branches(self.siblings, views.findings, below, request)


def _below(category: Any, *, where: FindingFilter | None, scope: Scope) -> Expression:
    return sa.and_(below_category(category), finding_condition(where, scope))

"""Categories of ontologies."""

from typing import TYPE_CHECKING, Annotated, Optional

import strawberry

from api.graphql.declare import described, graphql_type
from api.graphql.reads import Listed, computed, listed, many, one
from api.graphql.siblings import Record
from schema.ontology import Focality
from schema.queries import links, views
from schema.queries.filters import below_category

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

    parent: Optional["Category"] = one(links.CATEGORY_PARENT, "Null for a root.")
    children: list["Category"] = many(links.CATEGORY_CHILDREN, "The nodes right below it.")
    finding_count: int = computed("finding_count", "Findings of the whole subtree.")
    observation_count: int = computed(
        "observation_count", "What the latest readings of reports say is there, of the whole subtree."
    )
    findings: Annotated["FindingConnection", strawberry.lazy("api.graphql.finding")] = listed(
        Listed(views.findings, below_category), "Findings of the whole subtree."
    )

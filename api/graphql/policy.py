"""Policies of annotation."""

from api.graphql.declare import described, graphql_type
from schema.annotation import Policy


@graphql_type
class AnnotationPolicy:
    """What an unlabelled voxel means: nothing is there (EXHAUSTIVE), or it is not known (AT_MOST, UNKNOWN)."""

    kind: Policy
    limit: int | None = described("The entities drawn at most, under AT_MOST.")

"""Where entities lie among the organs of their scan."""

from typing import Any
from uuid import UUID

import strawberry

from api.graphql.declare import described, graphql_type
from api.graphql.reads import members
from api.graphql.siblings import Record
from schema.queries import views


@graphql_type
class OrganShare:
    """How much of an entity lies in one organ."""

    organ: str
    share: float = described("Of the entity's voxels, above 0 and up to 1.")


@graphql_type
class Location(Record, views=[views.locations]):
    """Where an entity lies in one organ mask. What concerns the lungs is null where the mask holds none."""

    entity_id: strawberry.Private[UUID]
    organ_mask_id: strawberry.Private[int]
    organ_shares: strawberry.Private[list[dict[str, Any]]]
    scheme: str = described("The label scheme of the organ mask.")
    lung_share: float | None = described("Share of its voxels in the lungs.")
    left_share: float | None = described("Share in the left lung.")
    right_share: float | None
    lobe: str | None = described("The lobe with the largest share.")
    lobe_share: float | None
    lung_border_mm: float | None = described(
        "From its nearest voxel to the lungs' nearest border voxel; outside them, the distance to them."
    )
    relative_position: list[float] | None = described(
        "Centroid in the lungs' box: right to left, front to back, foot to head, each 0 to 1 within it."
    )

    shares: list[OrganShare] = members(
        OrganShare, "organ_shares", "The organs that it touches, the largest share first."
    )

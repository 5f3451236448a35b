"""Entities: single lesions with what is measured of them."""

from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import strawberry

from api.graphql.declare import described, field, graphql_type
from api.graphql.listing import Connection
from api.graphql.round import Round
from api.graphql.siblings import Record
from schema.finding import Side
from schema.queries import links, views

if TYPE_CHECKING:
    from api.graphql.annotation import Annotation
    from api.graphql.finding import Finding


def _later(quantity: str) -> Any:
    return described(f"{quantity} Null until measured.", default=None)


@graphql_type
class Box:
    """A box of voxels, half-open: min <= [i, j, k] < max."""

    min: list[int]
    max: list[int]


@graphql_type
class Entity(Record, views=[views.entities, views.any_entity]):
    """One label of one annotation. Measures are null where they are not known: never 0 instead."""

    id: strawberry.ID
    annotation_id: strawberry.Private[UUID]
    finding_id: strawberry.Private[UUID]
    round_id: strawberry.Private[int]
    box_min_vox: strawberry.Private[list[int]]
    box_max_vox: strawberry.Private[list[int]]
    label: int = described("Its value in the annotation's labels.")
    voxels: int
    volume_mm3: float | None = described("Null without the CT's spacing.")
    volume_ml: float | None
    centroid_vox: list[float] | None = described("Mean voxel index [i, j, k].")
    centroid_lps_mm: list[float] | None = described("In the patient: towards left, back and head.")
    side: Side | None = described("Of the centroid, against the body's midline; MIDLINE within 10 mm.")
    components6: int | None = described("Connected components, voxels joined by faces.")
    components18: int | None = described("Joined by faces or edges.")
    components26: int | None = described("Joined by faces, edges or corners.")
    hu_mean: float | None
    hu_std: float | None = described("Population standard deviation.")
    hu_min: int | None
    hu_max: int | None
    hu_median: float | None
    hu_p05: float | None
    hu_p95: float | None
    kernel_version: str | None = described("The version of the kernels that measured it; null: not yet measured.")
    surface_area_mm2: float | None = _later("Area of the mesh.")
    mesh_volume_mm3: float | None = _later("Volume in the mesh.")
    sphericity: float | None = _later("Area of the sphere of equal volume over the mesh's.")
    max_diameter_mm: float | None = _later("Greatest distance between two points of the mesh.")
    long_axis_mm: float | None = _later("Greatest diameter in an axial slice.")
    short_axis_mm: float | None = _later("Greatest diameter across the long axis, in its slice.")
    major_axis_mm: float | None = _later("4 sqrt of the largest eigenvalue of the voxel centres' covariance.")
    minor_axis_mm: float | None = _later("Of the second eigenvalue.")
    least_axis_mm: float | None = _later("Of the smallest eigenvalue.")
    elongation: float | None = _later("Minor over major axis.")
    flatness: float | None = _later("Least over major axis.")

    @field
    def box_vox(self) -> Box:
        """The smallest box around it."""
        return Box(min=self.box_min_vox, max=self.box_max_vox)

    @field
    def finding(self) -> Annotated["Finding", strawberry.lazy("api.graphql.finding")]:
        """The finding that it shows."""
        return self.one(links.ENTITY_FINDING)  # type: ignore[no-any-return]

    @field
    def annotation(self) -> Annotated["Annotation", strawberry.lazy("api.graphql.annotation")]:
        """The annotation that it is a label of."""
        return self.one(links.ENTITY_ANNOTATION)  # type: ignore[no-any-return]

    @field
    def round(self) -> Round:
        """The campaign that it was drawn in."""
        return self.one(links.ENTITY_ROUND)  # type: ignore[no-any-return]


@graphql_type
class EntityConnection(Connection[Entity]):
    """A page of entities, by scan, finding and label."""

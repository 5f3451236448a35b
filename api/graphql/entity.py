"""Entities: single lesions with what is measured of them."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import strawberry

from api.graphql.declare import described, graphql_type
from api.graphql.listing import Connection, FacetCount, facet_of
from api.graphql.location import Location
from api.graphql.order import EntityField
from api.graphql.reads import many, one, parts
from api.graphql.round import Round
from api.graphql.siblings import Record
from schema.finding import Side
from schema.queries import links, views

if TYPE_CHECKING:
    from api.graphql.annotation import Annotation
    from api.graphql.finding import Finding
    from api.graphql.review import Review


@graphql_type
class Box:
    """A box of voxels, half-open: min <= [i, j, k] < max."""

    min: list[int]
    max: list[int]


@graphql_type
class BoxMm:
    """A box along the patient's axes, in LPS mm."""

    min: list[float]
    max: list[float]


@graphql_type
class Entity(Record, views=[views.entities, views.any_entity]):
    """One label of one annotation. Measures are null where they are not known: never 0 instead."""

    id: strawberry.ID
    annotation_id: strawberry.Private[UUID]
    finding_id: strawberry.Private[UUID]
    round_id: strawberry.Private[int]
    box_min_vox: strawberry.Private[list[int]]
    box_max_vox: strawberry.Private[list[int]]
    box_min_lps_mm: strawberry.Private[list[float] | None]
    box_max_lps_mm: strawberry.Private[list[float] | None]
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
    hu_p05: float | None = described("Percentile, linear between neighbouring values.")
    hu_p10: float | None
    hu_p25: float | None
    hu_p75: float | None
    hu_p90: float | None
    hu_p95: float | None
    hu_skewness: float | None
    hu_kurtosis: float | None = described("Excess: 0 for a normal distribution.")
    hu_entropy: float | None = described("Bits, of HU in bins of 25 from -1000 on, or as `kernelSettings` says.")
    hu_below_950: float | None = described("Share of its voxels, 0 to 1, as the others of this kind.")
    hu_below_910: float | None
    hu_below_700: float | None
    hu_above_0: float | None
    hu_above_100: float | None
    hu_above_130: float | None
    shell_voxels: int | None = described("Of the 5 mm around it, or as `kernelSettings` says, within the body.")
    shell_hu_mean: float | None
    hu_contrast: float | None = described("Its mean HU less that of the shell.")
    surface_area_mm2: float | None = described("Area of the marching-cubes mesh.")
    mesh_volume_mm3: float | None = described("Volume in the mesh.")
    sphericity: float | None = described("Area of the sphere of equal volume over the mesh's.")
    max_diameter_mm: float | None = described("Greatest distance between two points of the mesh.")
    long_axis_mm: float | None = described("Greatest diameter in an axial slice.")
    short_axis_mm: float | None = described("Greatest chord across the long axis, in its slice.")
    long_axis_k: int | None = described("That slice.")
    major_axis_mm: float | None = described(
        "4 sqrt of the largest eigenvalue of the voxel centres' sample covariance; null for one voxel, as the next."
    )
    minor_axis_mm: float | None = described("Of the second eigenvalue.")
    least_axis_mm: float | None = described("Of the smallest eigenvalue.")
    elongation: float | None = described("Minor over major axis.")
    flatness: float | None = described("Least over major axis.")
    major_axis_lps: list[float] | None = described("Direction of the major axis; its greatest part is positive.")
    kernel_version: str | None = described("The version of the kernels that measured it; null: not yet measured.")
    kernel_settings: str | None = described("What they were set to, as JSON.")
    measured_on: str | None = described("cpu, or the GPU's name.")
    measured_at: datetime | None

    box_vox: Box = parts(Box, "The smallest box around it.", min="box_min_vox", max="box_max_vox")
    box_lps_mm: BoxMm | None = parts(
        BoxMm,
        "The smallest box around it along the patient's axes, outer faces included; null without the CT's frame.",
        unless_null="box_min_lps_mm",
        min="box_min_lps_mm",
        max="box_max_lps_mm",
    )
    finding: Annotated["Finding", strawberry.lazy("api.graphql.finding")] = one(
        links.ENTITY_FINDING, "The finding that it shows."
    )
    annotation: Annotated["Annotation", strawberry.lazy("api.graphql.annotation")] = one(
        links.ENTITY_ANNOTATION, "The annotation that it is a label of."
    )
    locations: list[Location] = many(
        links.ENTITY_LOCATIONS,
        "Where it lies, in each organ mask of its scan; empty where there is none, or it is not yet located.",
    )
    reviews: list[Annotated["Review", strawberry.lazy("api.graphql.review")]] = many(
        links.ENTITY_REVIEWS, "Verdicts on it by itself, the oldest first."
    )
    round: Round = one(links.ENTITY_ROUND, "The campaign that it was drawn in.")


@graphql_type
class EntityConnection(Connection[Entity]):
    """A page of entities, by scan, finding and label."""

    facet: list[FacetCount] = facet_of(EntityField)

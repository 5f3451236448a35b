"""Scans, with their volumes and their places in releases."""

from datetime import date
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import strawberry

from api.graphql.declare import described, graphql_type
from api.graphql.listing import Connection, FacetCount, facet_of
from api.graphql.order import ScanField
from api.graphql.reads import computed, many, one, parts
from api.graphql.siblings import Record
from api.graphql.vocabulary import BigInt
from schema.queries import links, views
from schema.release import Visibility

if TYPE_CHECKING:
    from api.graphql.finding import Finding


@graphql_type
class Volume:
    """The CT's voxels; their frame is the one that masks share."""

    orientation: str = described("Where i, j, k point, as three letters such as LPS.")
    affine_ras: list[list[float]] = described("4 x 4, from voxel centres [i, j, k] to RAS mm.")
    hu_min: int
    hu_max: int
    body_midline_lps_mm: float = described("LPS x of the body's middle, against which sides are told.")
    digest: str = described("sha256 of the canonical voxels.")
    stored_bytes: BigInt = described("Bytes in the array store; 0 where the file was left in place.")
    terms: str | None = described("Terms of use where they differ from the collection's.")


@graphql_type
class ScanMetadata(Record, views=[views.scan_metadata]):
    """What the collection's metadata table says of a scan."""

    scan_id: strawberry.Private[UUID]
    manufacturer: str | None
    manufacturer_model: str | None
    patient_sex: str | None
    patient_age_years: float | None
    study_date: date | None


@graphql_type
class Placement(Record, views=[views.placements]):
    """A scan's place in a release; a split is a fact about a release, not about a scan."""

    scan_id: strawberry.Private[UUID]
    release: str
    split: str
    protocol: str | None
    visibility: Visibility = described("HIDDEN: annotations of this split are not shown.")


@graphql_type
class Scan(Record, views=[views.scans]):
    """One reconstruction, one volume."""

    id: strawberry.ID
    name: str
    shape_vox: list[int] = described("Voxels along i, j, k of the NIfTI array.")
    spacing_mm: list[float] | None = described("Voxel size along i, j, k; null without a volume.")
    patient: str = described("The patient's key: prefix and number.")
    study: str
    study_id: strawberry.Private[int]
    volume_orientation: strawberry.Private[str | None]
    volume_affine_ras: strawberry.Private[list[list[float]]]
    volume_hu_min: strawberry.Private[int | None]
    volume_hu_max: strawberry.Private[int | None]
    volume_body_midline_lps_mm: strawberry.Private[float | None]
    volume_digest: strawberry.Private[str | None]
    volume_stored_bytes: strawberry.Private[int | None]
    volume_terms: strawberry.Private[str | None]
    volume: Volume | None = parts(
        Volume,
        "Null where the volume is not in.",
        unless_null="volume_orientation",
        **{name: f"volume_{name}" for name in Volume.__annotations__},
    )
    hidden: bool = computed(
        "hidden",
        "Whether its annotations are hidden, rather than absent: it stands in a hidden split of a release.",
    )
    findings: list[Annotated["Finding", strawberry.lazy("api.graphql.finding")]] = many(
        links.SCAN_FINDINGS, "Its findings by index."
    )
    metadata: ScanMetadata | None = one(
        links.SCAN_METADATA, "What the collection's metadata table says; null where it says nothing."
    )
    releases: list[Placement] = many(links.SCAN_PLACEMENTS, "Where it stands in releases.")


@graphql_type
class ScanConnection(Connection[Scan]):
    """A page of scans, by name."""

    facet: list[FacetCount] = facet_of(ScanField)

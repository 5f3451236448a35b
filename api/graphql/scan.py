"""Scans, with their volumes and their places in releases."""

from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any, Self
from uuid import UUID

import strawberry

from api.graphql.declare import described, field, graphql_type
from api.graphql.listing import Connection
from api.graphql.siblings import Record, Siblings
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
    volume: Volume | None = described("Null where the volume is not in.")

    @classmethod
    def of(cls, row: Mapping[str, Any], siblings: Siblings) -> Self:
        """Make a scan of a row, its volume apart."""
        facts = {name.removeprefix("volume_"): row[name] for name in row if name.startswith("volume_")}
        rest = {name: row[name] for name in row if not name.startswith("volume_")}
        return cls(siblings=siblings, volume=_volume(facts), **rest)

    @field
    def hidden(self) -> bool:
        """Whether its annotations are hidden, rather than absent: it stands in a hidden split of a release."""
        return bool(self.computed("hidden"))

    @field
    def findings(self) -> list[Annotated["Finding", strawberry.lazy("api.graphql.finding")]]:
        """Its findings by index."""
        return self.many(links.SCAN_FINDINGS)

    @field
    def metadata(self) -> ScanMetadata | None:
        """What the collection's metadata table says; null where it says nothing."""
        return self.one(links.SCAN_METADATA)  # type: ignore[no-any-return]

    @field
    def releases(self) -> list[Placement]:
        """Where it stands in releases."""
        return self.many(links.SCAN_PLACEMENTS)


@graphql_type
class ScanConnection(Connection[Scan]):
    """A page of scans, by name."""


def _volume(facts: dict[str, Any]) -> Volume | None:
    if facts["orientation"] is None:
        return None
    affine = facts.pop("affine_ras")
    return Volume(affine_ras=[affine[row : row + 4] for row in range(0, 16, 4)], **facts)

"""Patients, studies, scans, and a scan's volume; what a collection's own tables say of a scan."""

from datetime import date
from enum import StrEnum
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlmodel import Field

from schema.base import Table, digest_check, enum_column, identity, three_positive


class VolumeStorage(StrEnum):
    """Where a volume's voxels are."""

    COPY = "copy"
    REFERENCE = "reference"


class Patient(Table, table=True):
    """One person within a collection."""

    __tablename__ = "patient"
    __table_args__ = (sa.UniqueConstraint("collection_id", "key"),)
    id: int = identity()
    collection_id: int = Field(foreign_key="collection.id", sa_type=sa.BigInteger)
    key: str
    """The collection's key of the person: prefix and number in CT-RATE, never the number alone."""


class Study(Table, table=True):
    """One examination of a patient, with one or more reconstructions."""

    __tablename__ = "study"
    __table_args__ = (sa.UniqueConstraint("collection_id", "name"), sa.Index(None, "patient_id"))
    id: int = identity()
    collection_id: int = Field(foreign_key="collection.id", sa_type=sa.BigInteger)
    patient_id: int = Field(foreign_key="patient.id", sa_type=sa.BigInteger)
    name: str
    dicom_uid: str | None = None
    """StudyInstanceUID, where known."""


class Scan(Table, table=True):
    """One reconstruction of a study, one volume; the array frame that its masks share."""

    __tablename__ = "scan"
    __table_args__ = (
        sa.UniqueConstraint("collection_id", "name"),
        sa.Index(None, "study_id"),
        sa.Index(None, "name"),
        three_positive("shape_vox"),
    )
    id: UUID = Field(primary_key=True)
    """UUIDv5 of collection and name."""
    collection_id: int = Field(foreign_key="collection.id", sa_type=sa.BigInteger)
    study_id: int = Field(foreign_key="study.id", sa_type=sa.BigInteger)
    name: str
    shape_vox: list[int] = Field(sa_type=ARRAY(sa.Integer))
    """Voxels along i, j, k of the NIfTI array."""
    dicom_uid: str | None = None
    """SeriesInstanceUID, where known."""


class Volume(Table, table=True):
    """The voxels of a scan in HU, stored as Zarr or left in place; a scan without a row has none."""

    __tablename__ = "volume"
    __table_args__ = (
        sa.Index(None, "digest"),
        sa.CheckConstraint("cardinality(affine_ras) = 16", name="affine_is_4x4"),
        sa.CheckConstraint("hu_min <= hu_max", name="hu_ordered"),
        sa.CheckConstraint("(storage = 'reference') = (source_path IS NOT NULL)", name="reference_has_path"),
        sa.CheckConstraint("(storage = 'copy') = (stored_sha256 IS NOT NULL)", name="copy_has_stored_sha256"),
        three_positive("spacing_mm"),
        digest_check("digest"),
        digest_check("stored_sha256"),
    )
    scan_id: UUID = Field(primary_key=True, foreign_key="scan.id")
    storage: VolumeStorage = Field(sa_type=enum_column(VolumeStorage))
    digest: str
    """sha256 of the canonical voxels: int16 HU in (z, y, x) order; its name in the array store."""
    stored_sha256: str | None = None
    """sha256 of the stored bytes."""
    stored_bytes: int = Field(default=0, sa_type=sa.BigInteger)
    """Bytes in the array store; 0 when left in place."""
    source_path: str | None = None
    """Where the file is, when it was left in place."""
    spacing_mm: list[float] = Field(sa_type=ARRAY(sa.Double))
    """Voxel size along i, j, k."""
    affine_ras: list[float] = Field(sa_type=ARRAY(sa.Double))
    """The NIfTI affine, voxel centre (i, j, k) to RAS mm, 4 x 4 row by row."""
    orientation: str
    """Where i, j, k point, as three letters such as LPS."""
    hu_min: int
    hu_max: int
    body_midline_lps_mm: float = Field(sa_type=sa.Double)
    """LPS x of the body's middle, against which sides are told."""
    body_outline: bytes | None = None
    """Where the body begins and ends in a coarse grid of rows, packed; null in imports of before it was kept."""
    terms: str | None = None
    """Terms of use of this volume, where they differ from the collection's."""


class ScanMetadata(Table, table=True):
    """What the collection's metadata table says of a scan."""

    __tablename__ = "scan_metadata"
    scan_id: UUID = Field(primary_key=True, foreign_key="scan.id")
    manufacturer: str | None = Field(default=None, index=True)
    manufacturer_model: str | None = None
    patient_sex: str | None = None
    patient_age_years: float | None = Field(default=None, index=True)
    study_date: date | None = Field(default=None, index=True)
    source: dict[str, Any] = Field(sa_type=JSONB)
    """The row as it came, by column."""


class Abnormality(Table, table=True):
    """One of the collection's binary labels of a scan, told from its report by a classifier."""

    __tablename__ = "abnormality"
    __table_args__ = (sa.Index(None, "name", postgresql_where=sa.text("present")),)
    scan_id: UUID = Field(primary_key=True, foreign_key="scan.id")
    name: str = Field(primary_key=True)
    present: bool

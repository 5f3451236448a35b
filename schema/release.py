"""Releases: named states of a dataset, each with its splits, indices and declared counts."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlmodel import Field

from schema.base import OPEN, HideableTable, Table, digest_check, enum_column, identity, now_column


class ReleaseKind(StrEnum):
    """Whose word a release is."""

    PUBLISHED = "published"
    MADE = "made"


class Visibility(StrEnum):
    """Whether a split's annotations may be seen."""

    OPEN = "open"
    HIDDEN = "hidden"


class LeakKind(StrEnum):
    """What stands in two splits of a release."""

    PATIENT = "patient"
    VOLUME = "volume"
    """The same voxels."""
    REPORT = "report"
    """The same words of a report that has findings."""


class Tree(StrEnum):
    """Which of a release's two digests a leaf belongs to."""

    LOGICAL = "logical"
    STORAGE = "storage"


class Release(Table, table=True):
    """A published state, imported with its faults, or one made here."""

    __tablename__ = "release"
    __table_args__ = (digest_check("source_sha256"), digest_check("digest"), digest_check("storage_digest"))
    id: int = identity()
    name: str = Field(unique=True)
    collection_id: int = Field(foreign_key="collection.id", sa_type=sa.BigInteger)
    ontology_id: int = Field(foreign_key="ontology.id", sa_type=sa.BigInteger)
    kind: ReleaseKind = Field(sa_type=enum_column(ReleaseKind))
    source_sha256: str | None = None
    """sha256 of the file that a published release came from."""
    digest: str | None = None
    """The logical digest, once complete."""
    storage_digest: str | None = None
    """The digest of the stored bytes, once complete."""
    rounds: list[str] = Field(default=[], sa_type=ARRAY(sa.Text), sa_column_kwargs={"server_default": "{}"})
    """The rounds that a made release chose from, first choice first."""
    notes: str | None = None
    created_at: datetime = now_column()


class ReleaseSplit(Table, table=True):
    """A split of a release."""

    __tablename__ = "release_split"
    release_id: int = Field(primary_key=True, foreign_key="release.id", sa_type=sa.BigInteger)
    name: str = Field(primary_key=True)
    visibility: Visibility = Field(sa_type=enum_column(Visibility))


class ReleaseScan(Table, table=True):
    """A scan's place in a release; a split is a fact about a release, not about a scan."""

    __tablename__ = "release_scan"
    __table_args__ = (
        sa.ForeignKeyConstraint(["release_id", "split"], ["release_split.release_id", "release_split.name"]),
        sa.Index(None, "scan_id"),
        sa.Index(None, "release_id", "split"),
    )
    release_id: int = Field(primary_key=True, sa_type=sa.BigInteger)
    scan_id: UUID = Field(primary_key=True, foreign_key="scan.id")
    split: str
    protocol: str | None = None


class ReleaseFinding(Table, table=True):
    """A finding's words and index in a release; the index is its channel in the mask."""

    __tablename__ = "release_finding"
    __table_args__ = (
        sa.ForeignKeyConstraint(["finding_id", "scan_id"], ["finding.id", "finding.scan_id"]),
        sa.ForeignKeyConstraint(["revision_id", "finding_id"], ["finding_revision.id", "finding_revision.finding_id"]),
        sa.ForeignKeyConstraint(["release_id", "scan_id"], ["release_scan.release_id", "release_scan.scan_id"]),
        sa.UniqueConstraint("release_id", "scan_id", "index"),
        sa.Index(None, "finding_id"),
        sa.CheckConstraint("index >= 0", name="index_from_zero"),
    )
    release_id: int = Field(primary_key=True, sa_type=sa.BigInteger)
    finding_id: UUID = Field(primary_key=True)
    scan_id: UUID
    revision_id: UUID
    index: int = Field(sa_type=sa.SmallInteger)


class ReleaseAnnotation(HideableTable, table=True):
    """The annotation that a release gives for a finding, and the counts that its source declares."""

    __tablename__ = "release_annotation"
    __table_args__ = (
        sa.ForeignKeyConstraint(
            ["release_id", "finding_id"], ["release_finding.release_id", "release_finding.finding_id"]
        ),
        sa.Index(None, "annotation_id"),
        {"schema": OPEN},
    )
    release_id: int = Field(primary_key=True, sa_type=sa.BigInteger)
    finding_id: UUID = Field(primary_key=True)
    annotation_id: UUID = Field(foreign_key=f"{OPEN}.annotation.id")
    declared_entities: int | None = None
    """As the source says; the labels in the mask are counted by `entity`, components by `geometry`."""
    declared_voxels: int | None = Field(default=None, sa_type=sa.BigInteger)


class ReleaseWaiver(Table, table=True):
    """A leak between splits that a made release has knowingly; it is published with it."""

    __tablename__ = "release_waiver"
    __table_args__ = (sa.UniqueConstraint("release_id", "kind", "one", "other"),)
    id: int = identity()
    release_id: int = Field(foreign_key="release.id", sa_type=sa.BigInteger)
    kind: LeakKind = Field(sa_type=enum_column(LeakKind))
    one: str
    """A scan's name, or `*` on both sides for every pair of this kind."""
    other: str
    reason: str


class ReleaseLeaf(Table, table=True):
    """One leaf of a release's Merkle trees: what it says stays provable when its rows are withdrawn.

    The API's role has no right on it.
    """

    __tablename__ = "release_leaf"
    __table_args__ = (sa.Index(None, "release_id", "scan_id"), digest_check("sha256"))
    release_id: int = Field(primary_key=True, foreign_key="release.id", sa_type=sa.BigInteger)
    tree: Tree = Field(primary_key=True, sa_type=enum_column(Tree))
    position: int = Field(primary_key=True, ge=0)
    """In the order in which leaves are hashed."""
    scan_id: UUID
    """No key: a scan that was withdrawn is gone."""
    sha256: str
    """The leaf's hash, as RFC 9162 defines it."""
    withdrawn: bool = False


class Withdrawal(Table, table=True):
    """A patient who was removed, rows and voxels, by the owner."""

    __tablename__ = "withdrawal"
    id: int = identity()
    collection_id: int = Field(foreign_key="collection.id", sa_type=sa.BigInteger)
    patient: str
    """The patient's key."""
    reason: str
    removed: dict[str, Any] = Field(sa_type=JSONB)
    """How many rows of each table, and arrays."""
    created_at: datetime = now_column()

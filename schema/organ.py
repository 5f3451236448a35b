"""Organ masks of scans, from a segmentation model."""

from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from schema.base import Table, digest_check, identity


class OrganMask(Table, table=True):
    """Lungs, lobes, airways... of a scan: one label array under a named scheme."""

    __tablename__ = "organ_mask"
    __table_args__ = (sa.UniqueConstraint("scan_id", "scheme"), digest_check("digest"), digest_check("stored_sha256"))
    id: int = identity()
    scan_id: UUID = Field(foreign_key="scan.id")
    scheme: str
    """The label scheme, such as `totalsegmentator-v2` or `lungs`."""
    names: dict[str, Any] = Field(sa_type=JSONB)
    """Label value to organ name."""
    digest: str
    stored_sha256: str
    stored_bytes: int = Field(sa_type=sa.BigInteger)

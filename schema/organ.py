"""Organ masks of scans, from a segmentation model, and the schemes that name their labels."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Self
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from schema.base import Table, digest_check, identity

MAX_LABEL = 65_535


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
    fingerprint: str | None = None
    """sha256 of the files' names, sizes and times, and of what they were held against; by it a run passes by."""
    faults: list[dict[str, Any]] = Field(
        default=[], sa_type=JSONB, sa_column_kwargs={"server_default": sa.text("'[]'::jsonb")}
    )
    """What was odd about it, repeated by runs that pass by."""
    import_run_id: int | None = Field(default=None, foreign_key="import_run.id", sa_type=sa.BigInteger)


@dataclass(frozen=True)
class OrganScheme:
    """What the labels of an organ mask mean."""

    name: str
    names: Mapping[int, str]
    """Label value, from 1 to 65,535, to organ name; no name stands twice."""

    @classmethod
    def parse(cls, name: str, names: object) -> Self:
        """Read a scheme from JSON's `{"1": "lung"}`.

        Raises:
            ValueError: it is no such mapping, or a label or a name in it cannot be used.
        """
        if not isinstance(names, dict) or not names:
            raise ValueError('labels must be an object such as {"1": "lung"}')
        for label, organ in names.items():
            if not (label.isascii() and label.isdigit() and 1 <= int(label) <= MAX_LABEL):
                raise ValueError(f"{label!r} is not a label: a whole number from 1 to {MAX_LABEL}")
            if not isinstance(organ, str) or not organ.strip():
                raise ValueError(f"label {label} has no name")
        labels = {int(label): organ.strip() for label, organ in names.items()}
        if len(set(labels.values())) < len(names):
            raise ValueError("two labels are the same, or have the same name")
        return cls(name, dict(sorted(labels.items())))

    def to_json(self) -> dict[str, str]:
        """Give the names as rows hold them."""
        return {str(label): organ for label, organ in self.names.items()}


@cache
def organ_schemes() -> Mapping[str, OrganScheme]:
    """Give the schemes that are known by name."""
    files = resources.files("schema").joinpath("organ_schemes").iterdir()
    drafts = [json.loads(file.read_text("utf-8")) for file in files if file.name.endswith(".json")]
    return {draft["name"]: OrganScheme.parse(draft["name"], draft["names"]) for draft in drafts}

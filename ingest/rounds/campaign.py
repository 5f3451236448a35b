"""A round as those need it who hand out and take back: what was decided, and the findings that it is about."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import numpy as np
import sqlalchemy as sa
from sqlmodel import Session, col, select

from ingest.frames import ScanGrid
from schema.annotation import AnnotationPolicy
from schema.cohort import CohortMember
from schema.database import OWNER_NEEDED, Database, Role
from schema.errors import NotFound, SettingsError, SourceError
from schema.finding import Finding, FindingRevision
from schema.release import Visibility
from schema.round import Round
from schema.scan import Scan, Volume


@dataclass(frozen=True)
class Campaign:
    """What was decided when a round was opened."""

    id: int
    name: str
    collection_id: int
    cohort_id: int | None
    """None for a round that was imported: it is about every finding of its collection."""
    protocol: str | None
    policy: AnnotationPolicy
    instructions: str | None
    readers: int | None


@dataclass(frozen=True)
class Wanted:
    """A finding that a round is about, in the words that annotators get, and its scan."""

    id: UUID
    index: int
    """Its index in the source that named it first, which is unique within its scan."""
    revision_id: UUID
    text: str
    category: str | None
    scan_id: UUID
    scan: str
    grid: ScanGrid
    hidden: bool
    """Whether its scan stands in a hidden split."""

    @property
    def visibility(self) -> Visibility:
        """Where what is drawn for it stands."""
        return Visibility.HIDDEN if self.hidden else Visibility.OPEN

    @property
    def role(self) -> Role:
        """Who may write what is drawn for it."""
        return Role.OWNER if self.hidden else Role.API


def open_campaign(session: Session, name: str) -> Campaign:
    """Give the round of a name.

    Raises:
        NotFound: there is none.
        SourceError: it is closed.
    """
    row = session.exec(select(Round).where(Round.name == name)).one_or_none()
    if row is None:
        known = ", ".join(session.exec(select(Round.name).order_by(col(Round.name)))) or "none"
        raise NotFound(f"there is no round {name!r}; there are: {known}")
    if row.closed_at is not None:
        raise SourceError(f"round {name} was closed on {row.closed_at:%Y-%m-%d}; open another one")
    protocol = row.protocols[0] if len(row.protocols) == 1 else None
    policy = AnnotationPolicy(row.policy, row.policy_limit) if row.policy else AnnotationPolicy.of_protocol(protocol)
    return Campaign(
        id=row.id,
        name=row.name,
        collection_id=row.collection_id,
        cohort_id=row.cohort_id,
        protocol=protocol,
        policy=policy,
        instructions=row.instructions,
        readers=row.readers,
    )


def wanted_findings(session: Session, campaign: Campaign, scans: Sequence[str] | None = None) -> list[Wanted]:
    """Give the findings that a round is about, by scan and index; with names of scans, only theirs."""
    rows = session.execute(_findings(campaign, scans)).mappings()
    return [_wanted(row) for row in rows]


def get_wanted(session: Session, campaign: Campaign, finding: UUID) -> Wanted:
    """Give one of the findings that a round is about.

    Raises:
        NotFound: it is not about this one.
    """
    row = session.execute(_findings(campaign, None).where(col(Finding.id) == finding)).mappings().one_or_none()
    if row is None:
        raise NotFound(f"round {campaign.name} is not about a finding {finding}")
    return _wanted(row)


def require_owner(database: Database, wanted: Sequence[Wanted]) -> None:
    """Make sure that findings of hidden splits can be written.

    Raises:
        SettingsError: there are some, and the owner is not known.
    """
    hidden = sum(each.hidden for each in wanted)
    if hidden and database.owner_url is None:
        raise SettingsError(f"{hidden} of the findings stand in a hidden split; {OWNER_NEEDED}")


def _findings(campaign: Campaign, scans: Sequence[str] | None) -> sa.Select[Any]:
    hidden = sa.func.scan_is_hidden(col(Scan.id), type_=sa.Boolean).label("hidden")
    query = (
        sa.select(col(Finding.id), col(Finding.source_index), col(Finding.scan_id), col(Scan.name), hidden)
        .add_columns(col(Scan.shape_vox), col(Volume.affine_ras), col(FindingRevision.id).label("revision_id"))
        .add_columns(col(FindingRevision.text), col(FindingRevision.category_code))
        .join(Scan, col(Scan.id) == col(Finding.scan_id))
        .join(FindingRevision, col(FindingRevision.finding_id) == col(Finding.id))
        .outerjoin(Volume, col(Volume.scan_id) == col(Scan.id))
        .where(col(Scan.collection_id) == campaign.collection_id)
        .order_by(col(Scan.name), col(Finding.source_index))
    )
    if scans is not None:
        query = query.where(col(Scan.name).in_(scans))
    if campaign.cohort_id is None:
        return query.where(col(FindingRevision.is_latest))
    member = sa.and_(
        col(CohortMember.cohort_id) == campaign.cohort_id, col(CohortMember.revision_id) == col(FindingRevision.id)
    )
    return query.join(CohortMember, member)


def _wanted(row: Mapping[Any, Any]) -> Wanted:
    i, j, k = row["shape_vox"]
    affine = None if row["affine_ras"] is None else np.array(row["affine_ras"], np.float64).reshape(4, 4)
    return Wanted(
        id=row["id"],
        index=row["source_index"],
        revision_id=row["revision_id"],
        text=row["text"],
        category=row["category_code"],
        scan_id=row["scan_id"],
        scan=row["name"],
        grid=ScanGrid((i, j, k), affine),
        hidden=row["hidden"],
    )

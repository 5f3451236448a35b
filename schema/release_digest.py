"""The two digests of a release: a logical one over what it says, and one over the bytes that hold it.

The logical digest is the Merkle root over one leaf a scan and one a finding, sorted as bytes. A leaf is JSON with
sorted keys, no spaces, UTF-8: names, words, categories, splits, protocols, policies, declared counts, and the digests
of canonical labels and voxels; never keys of rows, times or codecs. So the same facts give the same digest anywhere.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col

from schema.annotation import Annotation, LabelArray
from schema.database import Database, Role
from schema.finding import FindingRevision
from schema.merkle import merkle_root
from schema.release import Release, ReleaseAnnotation, ReleaseFinding, ReleaseScan, Visibility
from schema.scan import Scan, Volume


@dataclass(frozen=True)
class ReleaseDigests:
    """Both digests of a release, in hex."""

    logical: str
    storage: str


def compute_digests(database: Database, release_id: int) -> ReleaseDigests:
    """Compute a release's digests, as the owner, over its open and its hidden splits."""
    leaves: list[bytes] = []
    stored: set[bytes] = set()
    with database.transaction(Role.OWNER) as session:
        leaves += map(_canonical, _scan_leaves(session, release_id))
        leaves += map(_canonical, _finding_leaves(session, release_id))
        stored.update(_volume_bytes(session, release_id))
    for visibility in Visibility:
        with database.transaction(Role.OWNER, visibility) as session:
            leaves += map(_canonical, _annotation_leaves(session, release_id))
            stored.update(_label_bytes(session, release_id))
    return ReleaseDigests(merkle_root(sorted(leaves)), merkle_root(sorted(stored)))


def save_digests(database: Database, release_id: int) -> ReleaseDigests:
    """Compute a release's digests and keep them with it."""
    digests = compute_digests(database, release_id)
    with database.transaction(Role.OWNER) as session:
        statement = sa.update(Release).where(col(Release.id) == release_id)
        session.execute(statement.values(digest=digests.logical, storage_digest=digests.storage))
    return digests


def _canonical(leaf: dict[str, Any]) -> bytes:
    return json.dumps(leaf, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _scan_leaves(session: Session, release_id: int) -> Iterator[dict[str, Any]]:
    query = (
        sa.select(
            col(Scan.name),
            col(ReleaseScan.split),
            col(ReleaseScan.protocol),
            col(Scan.shape_vox),
            col(Volume.digest),
            col(Volume.affine_ras),
        )
        .join(ReleaseScan, col(ReleaseScan.scan_id) == col(Scan.id))
        .outerjoin(Volume, col(Volume.scan_id) == col(Scan.id))
        .where(col(ReleaseScan.release_id) == release_id)
    )
    names = ("scan", "split", "protocol", "shape_vox", "volume", "affine_ras")
    return (dict(zip(names, row, strict=True)) for row in session.execute(query))


def _finding_leaves(session: Session, release_id: int) -> Iterator[dict[str, Any]]:
    query = (
        sa.select(
            col(Scan.name),
            col(ReleaseFinding.index),
            col(FindingRevision.text),
            col(FindingRevision.category_code),
            col(FindingRevision.present),
            col(FindingRevision.refers_to_prior),
        )
        .join(ReleaseFinding, col(ReleaseFinding.scan_id) == col(Scan.id))
        .join(FindingRevision, col(FindingRevision.id) == col(ReleaseFinding.revision_id))
        .where(col(ReleaseFinding.release_id) == release_id)
    )
    names = ("scan", "index", "text", "category", "present", "refers_to_prior")
    return (dict(zip(names, row, strict=True)) for row in session.execute(query))


def _annotation_leaves(session: Session, release_id: int) -> Iterator[dict[str, Any]]:
    query = (
        sa.select(
            col(Scan.name),
            col(ReleaseFinding.index),
            col(Annotation.labels_digest),
            col(Annotation.policy),
            col(Annotation.policy_limit),
            col(ReleaseAnnotation.declared_entities),
            col(ReleaseAnnotation.declared_voxels),
        )
        .join(ReleaseFinding, col(ReleaseFinding.scan_id) == col(Scan.id))
        .join(
            ReleaseAnnotation,
            sa.and_(
                col(ReleaseAnnotation.release_id) == col(ReleaseFinding.release_id),
                col(ReleaseAnnotation.finding_id) == col(ReleaseFinding.finding_id),
            ),
        )
        .join(Annotation, col(Annotation.id) == col(ReleaseAnnotation.annotation_id))
        .where(col(ReleaseFinding.release_id) == release_id)
    )
    names = ("scan", "index", "labels", "policy", "policy_limit", "declared_entities", "declared_voxels")
    return (dict(zip(names, row, strict=True)) for row in session.execute(query))


def _volume_bytes(session: Session, release_id: int) -> Iterator[bytes]:
    query = (
        sa.select(col(Volume.digest), col(Volume.stored_sha256))
        .join(ReleaseScan, col(ReleaseScan.scan_id) == col(Volume.scan_id))
        .where(col(ReleaseScan.release_id) == release_id)
    )
    return (f"volume {digest} {stored}".encode() for digest, stored in session.execute(query))


def _label_bytes(session: Session, release_id: int) -> Iterator[bytes]:
    query = (
        sa.select(col(LabelArray.digest), col(LabelArray.stored_sha256))
        .join(Annotation, col(Annotation.label_array_id) == col(LabelArray.id))
        .join(ReleaseAnnotation, col(ReleaseAnnotation.annotation_id) == col(Annotation.id))
        .where(col(ReleaseAnnotation.release_id) == release_id)
    )
    return (f"labels {digest} {stored}".encode() for digest, stored in session.execute(query))

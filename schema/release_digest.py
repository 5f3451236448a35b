"""The two digests of a release: a logical one over what it says, and one over the bytes that hold it.

The logical digest is the Merkle root over one leaf a scan and one a finding, sorted as bytes. A leaf is JSON with
sorted keys, no spaces, UTF-8: names, words, categories, splits, protocols, policies, declared counts, and the digests
of canonical labels and voxels; never keys of rows, times or codecs. So the same facts give the same digest anywhere.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, select

from schema.annotation import Annotation, LabelArray
from schema.base import HIDDEN, OPEN
from schema.finding import FindingRevision
from schema.merkle import leaf_hash, root_of_hashes
from schema.release import Release, ReleaseAnnotation, ReleaseFinding, ReleaseLeaf, ReleaseScan, Tree
from schema.scan import Scan, Volume

_BOTH = ({"schema_translate_map": {OPEN: OPEN}}, {"schema_translate_map": {OPEN: HIDDEN}})
"""Options of a statement that read the open tables, and then the hidden ones."""
_Facts = Iterator[tuple[UUID, dict[str, Any]]]
"""Of a scan."""


@dataclass(frozen=True)
class Leaf:
    """One fact of a release, and the scan that it is about."""

    content: bytes
    scan_id: UUID

    @property
    def sha256(self) -> str:
        """Give its hash, as the tree has it."""
        return leaf_hash(self.content).hex()


@dataclass(frozen=True)
class ReleaseDigests:
    """Both digests of a release, in hex, and the leaves that they are made of, in their order."""

    leaves: dict[Tree, tuple[Leaf, ...]]

    @property
    def logical(self) -> str:
        """Give the digest over what the release says."""
        return _root(leaf.sha256 for leaf in self.leaves[Tree.LOGICAL])

    @property
    def storage(self) -> str:
        """Give the digest over the bytes that hold it."""
        return _root(leaf.sha256 for leaf in self.leaves[Tree.STORAGE])


def _root(hashes: Iterable[str]) -> str:
    return root_of_hashes([bytes.fromhex(each) for each in hashes]).hex()


def compute_digests(session: Session, release_id: int) -> ReleaseDigests:
    """Compute a release's digests, as the owner, over its open and its hidden splits."""
    logical = [_leaf(fact, scan) for scan, fact in _logical_facts(session, release_id)]
    stored = {content: scan for scan, content in _stored_bytes(session, release_id)}
    storage = [Leaf(content, scan) for content, scan in stored.items()]
    trees = {Tree.LOGICAL: logical, Tree.STORAGE: storage}
    return ReleaseDigests({tree: tuple(sorted(each, key=lambda leaf: leaf.content)) for tree, each in trees.items()})


def save_digests(session: Session, release_id: int) -> ReleaseDigests:
    """Compute a release's digests, as the owner, and keep them and the hashes of their leaves with it.

    Two at a time take turns, and the later one sees what the earlier one committed.
    """
    kept = select(Release.digest, Release.storage_digest).where(Release.id == release_id)
    before = session.exec(kept.with_for_update()).one()
    digests = compute_digests(session, release_id)
    if tuple(before) != (digests.logical, digests.storage):
        _save_leaves(session, release_id, digests)
        statement = sa.update(Release).where(col(Release.id) == release_id)
        session.execute(statement.values(digest=digests.logical, storage_digest=digests.storage))
    return digests


def _save_leaves(session: Session, release_id: int, digests: ReleaseDigests) -> None:
    session.execute(sa.delete(ReleaseLeaf).where(col(ReleaseLeaf.release_id) == release_id))
    rows = [
        {"release_id": release_id, "tree": tree, "position": n, "scan_id": leaf.scan_id, "sha256": leaf.sha256}
        for tree, leaves in digests.leaves.items()
        for n, leaf in enumerate(leaves)
    ]
    if rows:
        session.execute(sa.insert(ReleaseLeaf), rows)


@dataclass(frozen=True)
class ReleaseCheck:
    """What became of a release since it had its digests."""

    withdrawn: int
    """Scans whose leaves stay and whose rows are gone."""
    problems: tuple[str, ...]
    """One line for each fact that is not as it was."""


def check_release(session: Session, release: Release) -> ReleaseCheck:
    """Hold a release's rows against its digests, as the owner; what differs is named by its scan."""
    found = compute_digests(session, release.id)
    kept = session.exec(
        select(ReleaseLeaf).where(ReleaseLeaf.release_id == release.id).order_by(col(ReleaseLeaf.position))
    ).all()
    problems = list(_root_problems(release, kept) if kept else _digest_problems(release, found))
    for tree, leaves in found.leaves.items() if kept else ():
        problems += _leaf_problems(release.name, leaves, [each for each in kept if each.tree is tree])
    withdrawn = {each.scan_id for each in kept if each.withdrawn and each.tree is Tree.LOGICAL}
    return ReleaseCheck(len(withdrawn), tuple(problems))


def _digest_problems(release: Release, found: ReleaseDigests) -> Iterator[str]:
    if (found.logical, found.storage) != (release.digest, release.storage_digest):
        yield f"release {release.name}: its rows give the digest {found.logical}, it was {release.digest}"


def _root_problems(release: Release, kept: Iterable[ReleaseLeaf]) -> Iterator[str]:
    hashes: dict[Tree, list[str]] = {tree: [] for tree in Tree}
    for each in kept:
        hashes[each.tree].append(each.sha256)
    for tree, digest in ((Tree.LOGICAL, release.digest), (Tree.STORAGE, release.storage_digest)):
        if _root(hashes[tree]) != digest:
            yield f"release {release.name}: its kept leaves give another {tree} digest than {digest}"


def _leaf_problems(name: str, found: Iterable[Leaf], kept: Iterable[ReleaseLeaf]) -> Iterator[str]:
    expected = Counter(each.sha256 for each in kept if not each.withdrawn)
    scans = {each.sha256: each.scan_id for each in kept}
    for leaf in found:
        if expected[leaf.sha256]:
            expected[leaf.sha256] -= 1
        else:
            yield f"release {name}: this was not in it: {leaf.content.decode()}"
    for sha256, times in expected.items():
        if times:
            yield f"release {name}: a fact about scan {scans[sha256]} is no longer as it was (leaf {sha256})"


def _leaf(fact: dict[str, Any], scan_id: UUID) -> Leaf:
    return Leaf(json.dumps(fact, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode(), scan_id)


def _logical_facts(session: Session, release_id: int) -> _Facts:
    yield from _scan_facts(session, release_id)
    yield from _finding_facts(session, release_id)
    for options in _BOTH:
        yield from _annotation_facts(session, release_id, options)


def _stored_bytes(session: Session, release_id: int) -> Iterator[tuple[UUID, bytes]]:
    yield from _volume_bytes(session, release_id)
    for options in _BOTH:
        yield from _label_bytes(session, release_id, options)


def _scan_facts(session: Session, release_id: int) -> _Facts:
    query = (
        sa.select(
            col(Scan.id),
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
    return ((row[0], dict(zip(names, row[1:], strict=True))) for row in session.execute(query))


def _finding_facts(session: Session, release_id: int) -> _Facts:
    query = (
        sa.select(
            col(Scan.id),
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
    return ((row[0], dict(zip(names, row[1:], strict=True))) for row in session.execute(query))


def _annotation_facts(session: Session, release_id: int, options: dict[str, Any]) -> _Facts:
    query = (
        sa.select(
            col(Scan.id),
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
    return (
        (row[0], dict(zip(names, row[1:], strict=True))) for row in session.execute(query, execution_options=options)
    )


def _volume_bytes(session: Session, release_id: int) -> Iterator[tuple[UUID, bytes]]:
    query = (
        sa.select(col(Volume.scan_id), col(Volume.digest), col(Volume.stored_sha256))
        .join(ReleaseScan, col(ReleaseScan.scan_id) == col(Volume.scan_id))
        .where(col(ReleaseScan.release_id) == release_id)
    )
    return ((scan, f"volume {digest} {stored}".encode()) for scan, digest, stored in session.execute(query))


def _label_bytes(session: Session, release_id: int, options: dict[str, Any]) -> Iterator[tuple[UUID, bytes]]:
    query = (
        sa.select(col(LabelArray.scan_id), col(LabelArray.digest), col(LabelArray.stored_sha256))
        .join(Annotation, col(Annotation.label_array_id) == col(LabelArray.id))
        .join(ReleaseAnnotation, col(ReleaseAnnotation.annotation_id) == col(Annotation.id))
        .where(col(ReleaseAnnotation.release_id) == release_id)
    )
    rows = session.execute(query, execution_options=options)
    return ((scan, f"labels {digest} {stored}".encode()) for scan, digest, stored in rows)

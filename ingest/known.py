"""What the database already says of a scan's findings, as matching needs it."""

from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, select

from ingest.matching import KnownAnnotation, KnownFinding
from ingest.target import ImportTarget
from schema.annotation import Annotation, AnnotationState, Entity
from schema.finding import Finding, FindingRevision
from schema.release import ReleaseAnnotation, ReleaseFinding


def known_findings(session: Session, scan_id: UUID, target: ImportTarget) -> list[KnownFinding]:
    """Read what the database says of a scan's findings: as the release has them, or else by default."""
    in_release = {
        row.finding_id: row.revision_id
        for row in session.exec(
            select(ReleaseFinding).where(
                ReleaseFinding.scan_id == scan_id, ReleaseFinding.release_id == target.release_id
            )
        )
    }
    revisions: dict[UUID, dict[UUID, FindingRevision]] = {}
    latest: dict[UUID, FindingRevision] = {}
    query = select(FindingRevision).join(Finding).where(Finding.scan_id == scan_id)
    for revision in session.exec(query):
        revisions.setdefault(revision.finding_id, {})[revision.id] = revision
        if revision.is_latest:
            latest[revision.finding_id] = revision
    annotations, current, versions = _known_annotations(session, scan_id, target)
    known = []
    for finding in session.exec(select(Finding).where(Finding.scan_id == scan_id).order_by(col(Finding.source_index))):
        newest = latest[finding.id]
        shown = revisions[finding.id].get(in_release.get(finding.id, newest.id), newest)
        known.append(
            KnownFinding(
                id=finding.id,
                source_index=finding.source_index,
                revision_id=shown.id,
                revision=newest.revision,
                text=shown.text,
                category_code=shown.category_code,
                in_release=finding.id in in_release,
                annotation=annotations.get(finding.id, current.get(finding.id)),
                current=current.get(finding.id),
                versions=versions.get(finding.id, 0),
            )
        )
    return known


def _known_annotations(
    session: Session, scan_id: UUID, target: ImportTarget
) -> tuple[dict[UUID, KnownAnnotation], dict[UUID, KnownAnnotation], dict[UUID, int]]:
    """Give each finding's annotation in the release, the one by default, and how many versions the round holds."""
    entities = (
        select(Entity.annotation_id, sa.func.count().label("entities")).group_by(col(Entity.annotation_id)).subquery()
    )
    query = (
        select(Annotation, entities.c.entities, col(ReleaseAnnotation.release_id))
        .outerjoin(entities, entities.c.annotation_id == col(Annotation.id))
        .outerjoin(
            ReleaseAnnotation,
            sa.and_(
                col(ReleaseAnnotation.annotation_id) == col(Annotation.id),
                col(ReleaseAnnotation.release_id) == target.release_id,
            ),
        )
        .where(Annotation.scan_id == scan_id)
        .order_by(col(Annotation.created_at), col(Annotation.version))
    )
    named: dict[UUID, KnownAnnotation] = {}
    accepted: dict[UUID, KnownAnnotation] = {}
    versions: dict[UUID, int] = {}
    for row, count, release_id in session.execute(query):
        if row.round_id == target.round_id and row.annotator_id is None:
            versions[row.finding_id] = max(versions.get(row.finding_id, 0), row.version)
        known = KnownAnnotation(row.id, row.round_id, row.labels_digest, row.voxels, count or 0)
        if release_id is not None:
            named[row.finding_id] = known
        if row.state == AnnotationState.ACCEPTED:
            accepted[row.finding_id] = known
    return named, accepted, versions

"""What an export holds, scan by scan: a release, or the part of it that a cohort chose."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlmodel import Session, col, select

from ingest.exports.terms import Terms, terms_of
from schema.annotation import Annotation, Entity, LabelArray, Policy
from schema.arrays.runs import LabelRuns
from schema.arrays.store import ArrayStore, LabelArea
from schema.base import HIDDEN, OPEN
from schema.cohort import Cohort, CohortMember
from schema.collection import Collection
from schema.database import Database, Role
from schema.errors import NotFound, SourceError
from schema.finding import Finding, FindingRevision
from schema.ontology import Ontology
from schema.release import (
    Release,
    ReleaseAnnotation,
    ReleaseFinding,
    ReleaseKind,
    ReleaseScan,
    ReleaseSplit,
    ReleaseWaiver,
    Visibility,
)
from schema.scan import Patient, Scan, Study, Volume, VolumeStorage


@dataclass(frozen=True)
class Drawn:
    """The labels of a finding, where they are, and what they hold."""

    digest: str
    """Of the array that holds them."""
    area: LabelArea
    index: int
    labels_digest: str
    policy: Policy
    policy_limit: int | None
    entities: int
    voxels: int
    declared_entities: int | None
    declared_voxels: int | None

    def read(self, store: ArrayStore) -> LabelRuns:
        """Read them; ArrayCorrupt where they are not what was stored."""
        return store.read_sound_runs(self.digest, self.area, self.index)


@dataclass(frozen=True)
class ReleasedFinding:
    """A finding in the release's words, at its index."""

    id: UUID
    index: int
    text: str
    category: str | None
    present: bool
    refers_to_prior: bool | None
    drawn: Drawn | None
    """None where nothing is drawn, or it is not to be shown."""


@dataclass(frozen=True)
class ReleasedVolume:
    """A scan's volume: where it is, and its frame."""

    digest: str
    storage: VolumeStorage
    source_path: str | None
    spacing_mm: tuple[float, ...]
    affine_ras: NDArray[np.float64]
    """4 x 4, voxel centre (i, j, k) to RAS mm."""
    orientation: str
    terms: str | None


@dataclass(frozen=True)
class ReleasedScan:
    """A scan with its place in the release."""

    id: UUID
    name: str
    study: str
    patient: str
    split: str
    hidden: bool
    protocol: str | None
    shape_vox: tuple[int, ...]
    volume: ReleasedVolume | None
    findings: tuple[ReleasedFinding, ...]

    @property
    def drawn(self) -> bool:
        """Tell whether every finding has labels, so that a mask can be written."""
        return bool(self.findings) and all(finding.drawn for finding in self.findings)


@dataclass(frozen=True)
class Publication:
    """What only those know who send a release out."""

    url: str | None = None
    """Where it is to be found."""
    creators: tuple[str, ...] = ()
    """Who it is cited by; none: its unnamed makers."""


@dataclass(frozen=True)
class Released:
    """A release, or a part of it."""

    name: str | None
    """None for a cohort as it holds now, which is no release and has no kind and no digests."""
    kind: ReleaseKind | None
    digest: str | None
    storage_digest: str | None
    notes: str | None
    rounds: tuple[str, ...]
    collection: str
    ontology: str
    cohort: str | None
    with_hidden: bool
    terms: Terms
    waivers: tuple[dict[str, str], ...]
    created_on: date
    scans: tuple[ReleasedScan, ...]
    publication: Publication = Publication()

    @property
    def what(self) -> str:
        """Name it in words."""
        return f"cohort {self.cohort}" if self.name is None else f"release {self.name}"

    def content_digest(self) -> str:
        """Give a sha256 of what goes out, so that an export goes on only with what it began with."""
        lines = [
            [scan.name, scan.split, finding.index, finding.text, finding.category, finding.present]
            + ([finding.drawn.labels_digest, finding.drawn.policy, finding.drawn.policy_limit] if finding.drawn else [])
            for scan in self.scans
            for finding in scan.findings
        ]
        return hashlib.sha256(json.dumps(lines).encode()).hexdigest()


def read_released(
    database: Database, release: str, *, cohort: str | None = None, with_hidden: bool = False
) -> Released:
    """Read a complete release, or those of its scans that a cohort has a finding of.

    What is drawn for hidden splits is left out unless it is asked for, which needs the owner.

    Raises:
        NotFound: there is no such complete release, or no such cohort.
        SourceError: the cohort has no scan of the release.
        SettingsError: the hidden splits are asked for, and the owner is not known.
    """
    with database.transaction(Role.OWNER if with_hidden else Role.API) as session:
        found = session.execute(_release(release)).one_or_none()
        if found is None or found.Release.digest is None:
            raise NotFound(f"there is no complete release {release!r}; `groundct release list` names those that are")
        row: Release = found.Release
        rows = session.execute(_scans(row.id, cohort)).all()
        if cohort is not None and not rows:
            raise _no_scan(session, release, cohort)
        findings = _findings(session, row.id, with_hidden)
        scans = tuple(scan_of(each, findings.get(each.id, ())) for each in rows)
        waivers = select(ReleaseWaiver).where(ReleaseWaiver.release_id == row.id).order_by(col(ReleaseWaiver.id))
        terms = [found.terms, *(scan.volume.terms for scan in scans if scan.volume and scan.volume.terms)]
        return Released(
            name=row.name,
            kind=row.kind,
            digest=row.digest,
            storage_digest=row.storage_digest,
            notes=row.notes,
            rounds=tuple(row.rounds),
            collection=found.collection,
            ontology=f"{found.ontology} {found.version}",
            cohort=cohort,
            with_hidden=with_hidden,
            terms=terms_of(terms),
            waivers=tuple(
                {"kind": str(each.kind), "one": each.one, "other": each.other, "reason": each.reason}
                for each in session.exec(waivers)
            ),
            created_on=row.created_at.date(),
            scans=scans,
        )


def _release(name: str) -> sa.Select[Any]:
    return (
        sa.select(Release, col(Collection.name).label("collection"), col(Collection.terms))
        .add_columns(col(Ontology.name).label("ontology"), col(Ontology.version))
        .join(Collection, col(Collection.id) == col(Release.collection_id))
        .join(Ontology, col(Ontology.id) == col(Release.ontology_id))
        .where(col(Release.name) == name)
    )


def _no_scan(session: Session, release: str, cohort: str) -> Exception:
    if session.exec(select(Cohort.id).where(Cohort.name == cohort)).first() is None:
        return NotFound(f"there is no cohort {cohort!r}; `groundct cohort list` names those that are")
    return SourceError(f"cohort {cohort} has no scan of release {release}")


def _scans(release_id: int, cohort: str | None) -> sa.Select[Any]:
    split = sa.and_(
        col(ReleaseSplit.release_id) == col(ReleaseScan.release_id), col(ReleaseSplit.name) == col(ReleaseScan.split)
    )
    query = (
        sa.select(col(Scan.id), col(Scan.name), col(Scan.shape_vox), col(Study.name).label("study"))
        .add_columns(col(Patient.key).label("patient"), col(ReleaseScan.split), col(ReleaseScan.protocol))
        .add_columns((col(ReleaseSplit.visibility) == Visibility.HIDDEN).label("hidden"), Volume)
        .join(ReleaseScan, col(ReleaseScan.scan_id) == col(Scan.id))
        .join(ReleaseSplit, split)
        .join(Study, col(Study.id) == col(Scan.study_id))
        .join(Patient, col(Patient.id) == col(Study.patient_id))
        .outerjoin(Volume, col(Volume.scan_id) == col(Scan.id))
        .where(col(ReleaseScan.release_id) == release_id)
        .order_by(col(Scan.name))
    )
    if cohort is None:
        return query
    members = (
        sa.select(col(Finding.scan_id))
        .join(CohortMember, col(CohortMember.finding_id) == col(Finding.id))
        .join(Cohort, col(Cohort.id) == col(CohortMember.cohort_id))
        .where(col(Cohort.name) == cohort)
    )
    return query.where(col(Scan.id).in_(members))


def scan_of(row: Any, findings: Sequence[ReleasedFinding]) -> ReleasedScan:
    """Make a scan of the columns that a query gives, and of its findings."""
    return ReleasedScan(
        id=row.id,
        name=row.name,
        study=row.study,
        patient=row.patient,
        split=row.split,
        hidden=row.hidden,
        protocol=row.protocol,
        shape_vox=tuple(row.shape_vox),
        volume=_volume(row.Volume) if row.Volume else None,
        findings=tuple(findings),
    )


def _volume(row: Volume) -> ReleasedVolume:
    affine = np.array(row.affine_ras, np.float64).reshape(4, 4)
    facts = (row.digest, row.storage, row.source_path, tuple(row.spacing_mm), affine, row.orientation, row.terms)
    return ReleasedVolume(*facts)


def _findings(session: Session, release_id: int, with_hidden: bool) -> dict[UUID, list[ReleasedFinding]]:
    query = (
        sa.select(col(ReleaseFinding.scan_id), col(ReleaseFinding.finding_id), col(ReleaseFinding.index))
        .add_columns(col(FindingRevision.text), col(FindingRevision.category_code), col(FindingRevision.present))
        .add_columns(col(FindingRevision.refers_to_prior))
        .join(FindingRevision, col(FindingRevision.id) == col(ReleaseFinding.revision_id))
        .where(col(ReleaseFinding.release_id) == release_id)
        .order_by(col(ReleaseFinding.scan_id), col(ReleaseFinding.index))
    )
    drawn = dict(_drawn(session, release_id, with_hidden))
    found: dict[UUID, list[ReleasedFinding]] = {}
    for scan, key, index, text, category, present, prior in session.execute(query):
        finding = ReleasedFinding(key, index, text, category, present, prior, drawn.get(key))
        found.setdefault(scan, []).append(finding)
    return found


def _drawn(session: Session, release_id: int, with_hidden: bool) -> Iterator[tuple[UUID, Drawn]]:
    entities = sa.select(sa.func.count()).where(col(Entity.annotation_id) == col(Annotation.id)).scalar_subquery()
    query = (
        sa.select(col(ReleaseAnnotation.finding_id), col(LabelArray.digest), col(Annotation.array_index))
        .add_columns(col(Annotation.labels_digest), col(Annotation.policy), col(Annotation.policy_limit))
        .add_columns(entities, col(Annotation.voxels))
        .add_columns(col(ReleaseAnnotation.declared_entities), col(ReleaseAnnotation.declared_voxels))
        .join(Annotation, col(Annotation.id) == col(ReleaseAnnotation.annotation_id))
        .join(LabelArray, col(LabelArray.id) == col(Annotation.label_array_id))
        .where(col(ReleaseAnnotation.release_id) == release_id)
    )
    areas: list[tuple[str, LabelArea]] = [(OPEN, "labels"), *([(HIDDEN, "hidden")] if with_hidden else [])]  # type: ignore[list-item]
    for schema, area in areas:
        options = {"schema_translate_map": {OPEN: schema}}
        for finding, digest, *facts in session.execute(query, execution_options=options):
            yield finding, Drawn(digest, area, *facts)

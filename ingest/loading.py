"""Writing one case to the database, in the caller's transaction: only what is new, whatever was there before."""

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session, col, select

from ingest.faults import CaseLeftOut, FaultDraft, fault
from ingest.known import known_findings
from ingest.matching import IncomingFinding, KnownAnnotation, KnownFinding, match_findings
from ingest.reading import ReadCase
from ingest.target import ImportTarget
from ingest.timing import Stopwatch
from ingest.volumes import ReadVolume
from schema import identity
from schema.annotation import (
    Annotation,
    AnnotationPolicy,
    AnnotationState,
    Confirmation,
    Entity,
    Geometry,
    LabelArray,
)
from schema.arrays.digest import volume_digest
from schema.arrays.runs import LabelRuns
from schema.arrays.store import ArrayStore, LabelArea, StoredArray
from schema.base import Table
from schema.finding import Finding, FindingRevision, RevisionSource, side_in_text
from schema.import_run import FaultKind, ImportedScan
from schema.release import ReleaseAnnotation, ReleaseFinding, ReleaseScan
from schema.report import Report
from schema.scan import Patient, Scan, Study, Volume, VolumeStorage


@dataclass(frozen=True)
class CaseStore:
    """Where the arrays of a case go."""

    arrays: ArrayStore
    labels_area: LabelArea
    volumes: VolumeStorage
    watch: Stopwatch

    def keep_volume(self, volume: ReadVolume | None, *, known: bool) -> "KeptVolume | None":
        """Store the voxels of a volume, if there is one, unless the scan is known to have it already."""
        if volume is None:
            return None
        copy = None if known else self.copy_volume(volume)
        with self.watch("volume"):
            return KeptVolume(copy.digest if copy else volume_digest(volume.voxels_zyx), copy)

    def copy_volume(self, volume: ReadVolume) -> StoredArray | None:
        """Store a volume's voxels, unless volumes stay where they are."""
        with self.watch("volume"):
            return self.arrays.write_volume(volume.voxels_zyx) if self.volumes is VolumeStorage.COPY else None

    def write_labels(self, findings: Sequence[LabelRuns]) -> StoredArray:
        """Store a batch of labels."""
        with self.watch("labels"):
            return self.arrays.write_labels(findings, self.labels_area)


@dataclass(frozen=True)
class KeptVolume:
    """A volume that the store has, or that need not be there."""

    digest: str
    copy: StoredArray | None
    """None where volumes stay where they are, or the scan had a volume already."""


@dataclass
class CaseOutcome:
    """What became of a case."""

    scan: str
    hidden: bool
    scan_is_new: bool = False
    findings: int = 0
    findings_new: int = 0
    entities: int = 0
    entities_new: int = 0
    left_out: bool = False
    faults: list[FaultDraft] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)


def has_volume(session: Session, scan_id: UUID) -> bool:
    """Tell whether a scan has a volume."""
    return session.exec(select(Volume.scan_id).where(Volume.scan_id == scan_id)).first() is not None


def load_case(
    session: Session,
    target: ImportTarget,
    store: CaseStore,
    read: ReadCase,
    volume: Future[KeptVolume | None],
    fingerprint: str,
    outcome: CaseOutcome,
) -> None:
    """Write a case's labels and rows, and count in the outcome what was new.

    The arrays are in the store, whole, before the caller commits; they count as there only then. The volume is being
    stored meanwhile, since its files were found good: where the case is left out now, garbage collection removes it.

    Raises:
        CaseLeftOut: it contradicts what the database or its release already says.
        ArrayStoreError: the arrays cannot be written.
    """
    name = read.case.name.scan
    session.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(name, 0))))
    scan_id = _save_scan(session, target, read, outcome)
    writer = _CaseWriter(session, target, store, read, scan_id, outcome)
    writer.write_labels()
    with store.watch("wait"):
        kept = volume.result()
    writer.write_findings(with_geometry=_save_volume(session, target, store, read, kept, scan_id, outcome))
    _save_fingerprint(session, target, fingerprint, scan_id, outcome)


def _add(session: Session, model: type[Table], **values: Any) -> bool:
    """Insert a row unless its key is there; tell whether it was added."""
    statement = insert(model).values(**values).on_conflict_do_nothing().returning(sa.literal(1))
    return session.execute(statement).first() is not None


def _add_all(session: Session, model: type[Table], rows: Sequence[dict[str, Any]]) -> None:
    if rows:
        session.execute(sa.insert(model), list(rows))


def _save_scan(session: Session, target: ImportTarget, read: ReadCase, outcome: CaseOutcome) -> UUID:
    case, collection = read.case, target.collection_id
    scan_id = identity.scan_id(target.collection, case.name.scan)
    known = session.exec(select(Scan.shape_vox).where(Scan.id == scan_id)).one_or_none()
    if known is None:
        _add(session, Patient, collection_id=collection, key=case.name.patient)
        patient = select(Patient.id).where(Patient.collection_id == collection, Patient.key == case.name.patient)
        _add(
            session,
            Study,
            collection_id=collection,
            patient_id=patient.scalar_subquery(),
            name=case.name.study,
        )
        study = session.exec(
            select(Study.id).where(Study.collection_id == collection, Study.name == case.name.study)
        ).one()
        _add(session, Report, study_id=study, language="und")
        outcome.scan_is_new = _add(
            session,
            Scan,
            id=scan_id,
            collection_id=collection,
            study_id=study,
            name=case.name.scan,
            shape_vox=list(case.shape_vox),
        )
    elif tuple(known) != case.shape_vox:
        message = f"the scan is known with the shape {tuple(known)}, the case says {case.shape_vox}"
        raise CaseLeftOut(fault(FaultKind.SHAPE_DIFFERS, message, scan=case.name.scan))
    return scan_id


def _save_volume(
    session: Session,
    target: ImportTarget,
    store: CaseStore,
    read: ReadCase,
    kept: KeptVolume | None,
    scan_id: UUID,
    outcome: CaseOutcome,
) -> bool:
    """Save a scan's volume unless it has one; tell whether what was measured on the file holds for the one it has."""
    volume = read.volume
    if volume is None or kept is None:
        return True
    known = session.exec(select(Volume.digest, Volume.affine_ras).where(Volume.scan_id == scan_id)).one_or_none()
    if known is None:
        copy = kept.copy or store.copy_volume(volume)  # the scan may have lost a volume just now
        _add(session, Volume, **_volume_row(target, read, volume, copy), scan_id=scan_id, digest=kept.digest)
        return True
    same = {"voxels": known[0] == kept.digest, "affine": known[1] == volume.affine_ras.ravel().tolist()}
    if changed := [what for what, unchanged in same.items() if not unchanged]:
        message = f"the volume's {' and '.join(changed)} differ from what was imported before; the earlier stay"
        told = fault(FaultKind.CHANGED_SINCE, message, scan=outcome.scan, path=read.volume_path)
        outcome.faults.append(told)
    return not changed


def _volume_row(target: ImportTarget, read: ReadCase, volume: ReadVolume, copy: StoredArray | None) -> dict[str, Any]:
    return {
        "storage": VolumeStorage.COPY if copy else VolumeStorage.REFERENCE,
        "stored_sha256": copy.stored_sha256 if copy else None,
        "stored_bytes": copy.stored_bytes if copy else 0,
        "source_path": None if copy else str(read.volume_path and read.volume_path.absolute()),
        "spacing_mm": volume.spacing_mm,
        "affine_ras": volume.affine_ras.ravel().tolist(),
        "orientation": volume.orientation,
        "hu_min": volume.hu_min,
        "hu_max": volume.hu_max,
        "body_midline_lps_mm": volume.midline_lps_mm,
        "body_outline": volume.body.to_bytes(),
        "terms": target.terms,
    }


def _save_fingerprint(
    session: Session, target: ImportTarget, fingerprint: str, scan_id: UUID, outcome: CaseOutcome
) -> None:
    key = {"source_key": target.source_key, "scan": outcome.scan}
    values = {
        "run_id": target.run_id,
        "fingerprint": fingerprint,
        "scan_id": scan_id,
        "faults": [one.to_json() for one in outcome.faults],
        "findings": outcome.findings,
        "entities": outcome.entities,
    }
    statement = insert(ImportedScan).values(**key, **values)
    session.execute(statement.on_conflict_do_update(index_elements=list(key), set_=values))


class _CaseWriter:
    """Writes the findings of one case."""

    def __init__(
        self,
        session: Session,
        target: ImportTarget,
        store: CaseStore,
        read: ReadCase,
        scan_id: UUID,
        outcome: CaseOutcome,
    ) -> None:
        self.session = session
        self.target = target
        self.store = store
        self.case = read.case
        self.labels = read.labels
        self.measures = read.measures
        self.scan_id = scan_id
        self.outcome = outcome
        self.digests = [runs.digest() for runs in read.labels or ()]
        self.known = known_findings(session, scan_id, target)
        self.matches = match_findings([self._incoming(n) for n in range(len(self.case.findings))], self.known)
        self.batch = [n for n in range(len(self.digests)) if self._drawn_already(n) is None]
        self.label_array_id: UUID | None = None
        self.free_index = max((one.source_index for one in self.known), default=-1) + 1
        self.rows: dict[type[Table], list[dict[str, Any]]] = {
            model: []
            for model in (Finding, FindingRevision, Annotation, Entity, Geometry, ReleaseFinding, ReleaseAnnotation)
        }

    def write_labels(self) -> None:
        """Write the scan's place in its release, and the labels that are new."""
        self._place_in_release()
        self.label_array_id = self._save_label_array()

    def write_findings(self, *, with_geometry: bool) -> None:
        """Write the rows of findings and of what hangs on them, labels that `write_labels` stored among them."""
        for n in range(len(self.case.findings)):
            self._write_finding(n)
        for model, rows in self.rows.items():
            if with_geometry or model is not Geometry:
                _add_all(self.session, model, rows)
        self.outcome.findings = len(self.case.findings)

    def _incoming(self, n: int) -> IncomingFinding:
        drawn = self.digests[n] if self.labels is not None and self.labels[n].voxels else None
        return IncomingFinding(n, self.case.findings[n].text, drawn)

    def _drawn_already(self, n: int) -> KnownAnnotation | None:
        """Give the annotation that holds these very labels, as the release has it or by default."""
        known = self.matches.get(n)
        standing = (known.annotation, known.current) if known else ()
        return next((one for one in standing if one and one.labels_digest == self.digests[n]), None)

    def _place_in_release(self) -> None:
        if self.target.release_id is None:
            return
        key = {"release_id": self.target.release_id, "scan_id": self.scan_id}
        if _add(self.session, ReleaseScan, **key, split=self.case.split, protocol=self.case.protocol):
            return
        found = self.session.exec(select(ReleaseScan.split).filter_by(**key)).one()
        if found != self.case.split:
            message = f"release {self.target.release} has it in {found}, this file in {self.case.split}"
            raise CaseLeftOut(fault(FaultKind.CHANGED_SINCE, message, scan=self.outcome.scan))

    def _save_label_array(self) -> UUID | None:
        if self.labels is None or not self.batch:
            return None
        stored = self.store.write_labels([self.labels[n] for n in self.batch])
        key = identity.label_array_id(self.scan_id, stored.digest)
        _add(
            self.session,
            LabelArray,
            id=key,
            scan_id=self.scan_id,
            digest=stored.digest,
            stored_sha256=stored.stored_sha256,
            stored_bytes=stored.stored_bytes,
            findings=len(self.batch),
        )
        return key

    def _write_finding(self, n: int) -> None:
        known = self.matches.get(n)
        finding_id = known.id if known else self._new_finding(n)
        revision_id = self._revision(n, known, finding_id)
        annotation_id = self._earlier_annotation(n)
        if n in self.batch and self.label_array_id is not None:
            annotation_id = self._new_annotation(n, finding_id, self.label_array_id, self.batch.index(n))
        self._confirm(n)
        if self.target.release_id is not None and not (known and known.in_release):
            self._place_finding(n, finding_id, revision_id, annotation_id)

    def _confirm(self, n: int) -> None:
        """Note that this round, too, says what an earlier one drew."""
        standing = self._drawn_already(n) if self.digests else None
        if standing is not None and standing.round_id != self.target.round_id:
            _add(self.session, Confirmation, round_id=self.target.round_id, annotation_id=standing.id)

    def _place_finding(self, n: int, finding_id: UUID, revision_id: UUID, annotation_id: UUID | None) -> None:
        place = {"release_id": self.target.release_id, "finding_id": finding_id}
        self.rows[ReleaseFinding].append({**place, "scan_id": self.scan_id, "revision_id": revision_id, "index": n})
        if annotation_id is not None:
            declared = self.case.findings[n]
            self.rows[ReleaseAnnotation].append(
                {
                    **place,
                    "annotation_id": annotation_id,
                    "declared_entities": declared.declared_entities,
                    "declared_voxels": declared.declared_voxels,
                }
            )

    def _new_finding(self, n: int) -> UUID:
        index = n
        if n in {one.source_index for one in self.known}:
            index, self.free_index = max(self.free_index, len(self.case.findings)), self.free_index + 1
        key = identity.finding_id(self.target.collection, self.case.name.scan, index)
        self.rows[Finding].append({"id": key, "scan_id": self.scan_id, "source_index": index})
        self.outcome.findings_new += 1
        return key

    def _revision(self, n: int, known: KnownFinding | None, finding_id: UUID) -> UUID:
        finding = self.case.findings[n]
        if known and (known.text, known.category_code) == (finding.text, finding.category):
            return known.revision_id
        if known:
            self._tell_of_new_words(n, known)
            if known.in_release:
                return known.revision_id
        number = known.revision + 1 if known else 1
        key = identity.revision_id(finding_id, number)
        self.rows[FindingRevision].append(
            {
                "id": key,
                "finding_id": finding_id,
                "revision": number,
                "text": finding.text,
                "category_id": self.target.categories.get(finding.category or ""),
                "category_code": finding.category,
                "present": finding.present,
                "refers_to_prior": finding.refers_to_prior,
                "text_side": side_in_text(finding.text),
                "source": RevisionSource.IMPORT,
                "import_run_id": self.target.run_id,
            }
        )
        return key

    def _tell_of_new_words(self, n: int, known: KnownFinding) -> None:
        finding = self.case.findings[n]
        changes = [
            f"{what} was {old!r}, is {new!r}"
            for what, old, new in (
                ("text", known.text, finding.text),
                ("category", known.category_code, finding.category),
            )
            if old != new
        ]
        kept = f"; release {self.target.release} keeps the earlier" if known.in_release else ""
        self._tell_of_change(n, "; ".join(changes) + kept)

    def _tell_of_change(self, n: int, message: str) -> None:
        self.outcome.faults.append(fault(FaultKind.CHANGED_SINCE, message, scan=self.outcome.scan, finding=n))

    def _earlier_annotation(self, n: int) -> UUID | None:
        """Give the annotation that stands already: where the voxels are equal, or the case has no mask."""
        known = self.matches.get(n)
        if known is None or known.annotation is None:
            return None
        standing = known.annotation if self.labels is None else self._drawn_already(n)
        self.outcome.entities += standing.entities if standing else 0
        return known.annotation.id

    def _new_annotation(self, n: int, finding_id: UUID, label_array_id: UUID, array_index: int) -> UUID:
        known = self.matches.get(n)
        earlier = known.current if known else None
        if earlier:
            self._supersede(n, earlier)
        version = known.versions + 1 if known else 1
        key = identity.annotation_id(finding_id, self.target.round, None, version)
        of_case = self.case.findings[n].policy or AnnotationPolicy.of_protocol(self.case.protocol)
        policy = self.target.policy or of_case
        self.rows[Annotation].append(
            {
                "id": key,
                "finding_id": finding_id,
                "scan_id": self.scan_id,
                "round_id": self.target.round_id,
                "version": version,
                "state": AnnotationState.ACCEPTED,
                "policy": policy.kind,
                "policy_limit": policy.limit,
                "protocol": self.case.protocol,
                "label_array_id": label_array_id,
                "array_index": array_index,
                "labels_digest": self.digests[n],
                "voxels": self._voxels(n),
                "supersedes_id": earlier.id if earlier else None,
                "import_run_id": self.target.run_id,
            }
        )
        self._add_entities(n, key)
        return key

    def _supersede(self, n: int, earlier: KnownAnnotation) -> None:
        message = f"labels differ: {earlier.voxels} voxels before, {self._voxels(n)} now; the earlier are superseded"
        self._tell_of_change(n, message)
        statement = sa.update(Annotation).where(col(Annotation.id) == earlier.id)
        self.session.execute(statement.values(state=AnnotationState.SUPERSEDED))

    def _voxels(self, n: int) -> int:
        return self.labels[n].voxels if self.labels is not None else 0

    def _add_entities(self, n: int, annotation_id: UUID) -> None:
        for entity, geometry in (measures.rows(annotation_id) for measures in self.measures[n]):
            self.rows[Entity].append(entity)
            self.rows[Geometry].append(geometry)
        self.outcome.entities += len(self.measures[n])
        self.outcome.entities_new += len(self.measures[n])

"""Removing a patient who withdraws: every row and every voxel, by the owner, named and logged.

What releases said stays provable: the hashes of their leaves are kept, marked as withdrawn.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, select

from ingest.hiding import MOVED
from ingest.reports.extracted import source_input
from ingest.reports.sources import read_sources
from ingest.reports.stages import Extraction, Phrase, Rewrite, RewrittenReport, Stage, Strict, input_digest
from schema.arrays.place import Area
from schema.arrays.store import ArrayStore
from schema.base import HIDDEN, OPEN
from schema.collection import Collection
from schema.database import Database, Role
from schema.errors import NotFound
from schema.finding import Finding, FindingRevision
from schema.integrity import arrays_alone, named_arrays
from schema.model_call import StageResult
from schema.release import Release, ReleaseLeaf, Withdrawal
from schema.release_digest import compute_digests
from schema.report import Report
from schema.scan import Patient, Scan, Study

_REVISIONS = "SELECT r.id FROM finding_revision r JOIN finding f ON f.id = r.finding_id WHERE f.scan_id = ANY(:scans)"
_FINDINGS = "SELECT id FROM finding WHERE scan_id = ANY(:scans)"
_REPORTS = "SELECT id FROM report WHERE study_id = ANY(:studies)"
_SENTENCES = f"SELECT id FROM sentence WHERE report_id IN ({_REPORTS})"
_READINGS = f"SELECT id FROM reading WHERE report_id IN ({_REPORTS})"
_REWRITTEN = f"SELECT id FROM rewritten_sentence WHERE reading_id IN ({_READINGS})"
_OBSERVATIONS = f"SELECT id FROM observation WHERE reading_id IN ({_READINGS})"

LEDGER = ("stage_result", "model_call")
"""What holds texts by their digest, children before parents."""

PUBLIC = (
    ("embedding", f"revision_id IN ({_REVISIONS})"),
    ("descriptor", f"revision_id IN ({_REVISIONS}) OR observation_id IN ({_OBSERVATIONS})"),
    ("finding_sentence", f"finding_id IN ({_FINDINGS}) OR sentence_id IN ({_SENTENCES})"),
    ("observation_source", f"observation_id IN ({_OBSERVATIONS})"),
    ("observation", f"reading_id IN ({_READINGS})"),
    ("rewritten_source", f"rewritten_id IN ({_REWRITTEN})"),
    ("rewritten_sentence", f"reading_id IN ({_READINGS})"),
    ("sentence_account", f"reading_id IN ({_READINGS})"),
    ("loss", f"reading_id IN ({_READINGS})"),
    ("reading", f"report_id IN ({_REPORTS})"),
    ("sentence_alignment", f"sentence_id IN ({_SENTENCES}) OR original_id IN ({_SENTENCES})"),
    ("sentence", f"report_id IN ({_REPORTS})"),
    ("report", "study_id = ANY(:studies)"),
    ("cohort_member", f"finding_id IN ({_FINDINGS})"),
    ("release_finding", "scan_id = ANY(:scans)"),
    ("release_scan", "scan_id = ANY(:scans)"),
    ("finding_revision", f"finding_id IN ({_FINDINGS})"),
    ("finding", "scan_id = ANY(:scans)"),
    ("abnormality", "scan_id = ANY(:scans)"),
    ("scan_metadata", "scan_id = ANY(:scans)"),
    ("organ_mask", "scan_id = ANY(:scans)"),
    ("volume", "scan_id = ANY(:scans)"),
    ("scan", "id = ANY(:scans)"),
    ("study", "id = ANY(:studies)"),
    ("patient", "id = :patient"),
)
"""What of a patient stands in `public`, children before parents."""


@dataclass(frozen=True)
class WithdrawalReport:
    """What was removed, or would be."""

    patient: str
    scans: tuple[str, ...]
    rows: dict[str, int]
    """By table; those of `open` and `hidden` together."""
    arrays: int
    releases: tuple[str, ...]
    """Releases that the patient stood in, whose digests stay."""

    def to_json(self) -> dict[str, Any]:
        """Give it as `--json` prints it."""
        return asdict(self)


def withdraw_patient(
    database: Database, store: ArrayStore, patient: str, *, collection: str, reason: str, dry_run: bool = False
) -> WithdrawalReport:
    """Remove a patient's rows and voxels, and log it; nothing is done with `dry_run`.

    Raises:
        NotFound: there is no such patient, or no such collection.
        ServerError: an import is running, whose arrays nobody may take away.
    """
    with arrays_alone(database):
        with database.transaction(Role.OWNER) as session:
            report, gone = _withdraw(session, patient, collection, reason)
            if dry_run:
                session.rollback()
        for area, digest in () if dry_run else gone:
            store.delete(area, digest)
    return report


def _withdraw(
    session: Session, patient: str, collection: str, reason: str
) -> tuple[WithdrawalReport, list[tuple[Area, str]]]:
    collection_id, key = _patient(session, patient, collection)
    studies = list(session.exec(select(Study.id).where(Study.patient_id == key)))
    found = session.exec(select(Scan.id, Scan.name).where(col(Scan.study_id).in_(studies)).order_by(Scan.name)).all()
    scans, names = [scan for scan, _ in found], tuple(name for _, name in found)
    releases = _releases(session, scans)
    before = named_arrays(session)
    rows = {**_forget_texts(session, scans, studies), **dict(_delete(session, scans, studies, key))}
    gone = sorted(before - named_arrays(session))
    for release, _ in releases:
        _mark_leaves(session, release)
    report = WithdrawalReport(patient, names, rows, len(gone), tuple(name for _, name in releases))
    removed = {"scans": len(scans), "arrays": len(gone), "rows": rows}
    session.add(Withdrawal(collection_id=collection_id, patient=patient, reason=reason, removed=removed))
    session.flush()
    return report, gone


def _patient(session: Session, patient: str, collection: str) -> tuple[int, int]:
    query = (
        select(Collection.id, Patient.id)
        .join(Patient, col(Patient.collection_id) == col(Collection.id))
        .where(Collection.name == collection, Patient.key == patient)
    )
    if (found := session.exec(query).one_or_none()) is None:
        raise NotFound(f"there is no patient {patient!r} in collection {collection!r}; a key is like 'train_1741'")
    return found


def _releases(session: Session, scans: Sequence[UUID]) -> list[tuple[int, str]]:
    """Give the releases that keep a leaf about one of the scans."""
    leaves = sa.select(col(ReleaseLeaf.release_id)).where(col(ReleaseLeaf.scan_id).in_(scans))
    found = session.exec(select(Release.id, Release.name).where(col(Release.id).in_(leaves)).order_by(Release.name))
    return list(found)


def _delete(session: Session, scans: Sequence[UUID], studies: Sequence[int], patient: int) -> Iterator[tuple[str, int]]:
    for table, where in reversed(MOVED):
        yield (
            table,
            sum(_delete_of_scan(session, schema, table, where, scan) for schema in (OPEN, HIDDEN) for scan in scans),
        )
    values = {"scans": list(scans), "studies": list(studies), "patient": patient}
    for table, where in PUBLIC:
        used = {name: value for name, value in values.items() if f":{name}" in where}
        yield table, _count(session, f"DELETE FROM {table} WHERE {where}", used)


def _delete_of_scan(session: Session, schema: str, table: str, where: str, scan: UUID) -> int:
    condition = where.format(schema=schema)
    return _count(session, f"DELETE FROM {schema}.{table} WHERE {condition}", {"scan": scan})


def _count(session: Session, statement: str, values: dict[str, Any]) -> int:
    done = session.execute(sa.text(statement), values)
    return int(done.rowcount)  # type: ignore[attr-defined]


def _forget_texts(session: Session, scans: Sequence[UUID], studies: Sequence[int]) -> dict[str, int]:
    """Delete what the stages of the report pipeline were given of these texts, and what they made of it."""
    digests = sorted(_input_digests(session, scans, studies))
    where = "input_sha256 = ANY(:digests)"
    return {table: _count(session, f"DELETE FROM {table} WHERE {where}", {"digests": digests}) for table in LEDGER}


def _input_digests(session: Session, scans: Sequence[UUID], studies: Sequence[int]) -> set[str]:
    reports = session.exec(select(Report.id).where(col(Report.study_id).in_(studies))).all()
    inputs: list[Strict] = [source.text for source in read_sources(session, reports)]
    for stage, kind in ((Stage.REWRITE, Rewrite), (Stage.EXTRACT, Extraction)):
        made = [kind.model_validate(output) for output in _outputs(session, stage, inputs)]
        for output in made:
            inputs += _passed_on(output)
    texts = select(FindingRevision.text).join(Finding, col(Finding.id) == col(FindingRevision.finding_id))
    inputs += [Phrase(text=text) for text in session.exec(texts.where(col(Finding.scan_id).in_(scans)))]
    named = select(Collection.name, Study.name).join(Study, col(Study.collection_id) == col(Collection.id))
    inputs += [source_input(*names) for names in session.exec(named.where(col(Study.id).in_(studies)))]
    return {input_digest(each) for each in inputs}


def _outputs(session: Session, stage: Stage, inputs: Sequence[Strict]) -> Sequence[Mapping[str, Any]]:
    digests = [input_digest(each) for each in inputs]
    query = select(StageResult.output).where(StageResult.stage == stage, col(StageResult.input_sha256).in_(digests))
    return session.exec(query).all()


def _passed_on(output: Rewrite | Extraction) -> list[Strict]:
    """Give what the next stages were given."""
    if isinstance(output, Rewrite):
        return [RewrittenReport(sentences=output.sentences)]
    return [Phrase(text=each.phrase) for each in output.observations]


def _mark_leaves(session: Session, release_id: int) -> None:
    """Mark the leaves that rows no longer give."""
    still = {leaf.sha256 for leaves in compute_digests(session, release_id).leaves.values() for leaf in leaves}
    statement = sa.update(ReleaseLeaf).where(col(ReleaseLeaf.release_id) == release_id)
    gone = col(ReleaseLeaf.sha256).not_in(sorted(still)) if still else sa.true()
    session.execute(statement.where(gone).values(withdrawn=True))

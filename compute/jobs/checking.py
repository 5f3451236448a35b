"""Checking words against masks: what has no checks or stale ones, batch by batch of scans."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import aliased
from sqlmodel import col

from compute.checks.attenuation import category_stranger
from compute.checks.checking import CHECKS, run_checks
from compute.checks.facts import FindingFacts
from compute.checks.thresholds import ONTOLOGY
from compute.jobs.copying import upsert_rows
from compute.jobs.facts import AnnotatedFinding, ScanRows, body_shares, read_scans
from compute.jobs.measuring import reason_of
from compute.jobs.pending import role_of
from compute.jobs.scan_batches import BatchResult, Progress, ScanBatch, batch_scans, run_batches
from compute.jobs.selection import Selection
from compute.kernels.body import BodyOutline
from schema.annotation import Annotation, Entity, Geometry
from schema.arrays.store import ArrayStore
from schema.database import Database
from schema.descriptor import Descriptor
from schema.errors import ArrayStoreError
from schema.finding import Finding, FindingRevision
from schema.integrity import LABEL_AREAS
from schema.location import Location
from schema.release import Visibility
from schema.text_check import CheckOutcome, TextCheck


@dataclass
class CheckingReport:
    """What a run checked, and what all checks of the selection say."""

    annotations: int = 0
    checked: int = 0
    outcomes: dict[str, dict[str, int]] = field(default_factory=dict)
    """By check: how many hold, contradict, or are unknown."""
    noted: dict[str, str] = field(default_factory=dict)
    """Annotations of which checks know too little for a reason that somebody can mend."""
    failed: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """Give the report as `--json` prints it."""
        return {
            "annotations": self.annotations,
            "checked": self.checked,
            "outcomes": self.outcomes,
            "noted": self.noted,
            "failed": len(self.failed),
            "failures": self.failed,
            "seconds": round(self.seconds, 3),
        }


@dataclass(frozen=True)
class _Job:
    """Checks a batch and writes it, in one transaction."""

    database: Database
    arrays: ArrayStore

    def __call__(self, batch: ScanBatch) -> BatchResult:
        result = BatchResult()
        rows: list[dict[str, Any]] = []
        with self.database.transaction(role_of(batch.visibility), batch.visibility) as session:
            for scan in read_scans(session, batch.scans):
                for one in scan.annotated(batch.annotations):
                    facts = self._in_body(scan, one, batch.visibility, result.failed)
                    rows += _rows(one.annotation.id, facts)
                    if facts.words.category is not None and facts.words.ontology != ONTOLOGY:
                        result.noted[one.name] = category_stranger(facts.words)
            upsert_rows(session, TextCheck, rows)
        return replace(result, done=len(rows) // len(CHECKS))

    def _in_body(
        self, scan: ScanRows, one: AnnotatedFinding, visibility: Visibility, failed: dict[str, str]
    ) -> FindingFacts:
        """Add how much of each entity lies in the body; what cannot be read fails by name, and is not known."""
        outline = scan.volume.body_outline if scan.volume else None
        if outline is None or not one.facts.entities:
            return one.facts
        digest = scan.arrays[one.annotation.label_array_id].digest
        try:
            labels = self.arrays.read_runs(digest, LABEL_AREAS[visibility], one.annotation.array_index)
            shares = body_shares(labels, BodyOutline.from_bytes(outline))
        except (ArrayStoreError, OSError, ValueError) as error:
            failed[one.name] = reason_of(error)
            return one.facts
        inside = (replace(entity, body_share=shares.get(entity.label)) for entity in one.facts.entities)
        return replace(one.facts, entities=tuple(inside))


def _rows(annotation: UUID, facts: FindingFacts) -> Iterator[dict[str, Any]]:
    for result in run_checks(facts):
        yield {
            "annotation_id": annotation,
            "revision_id": facts.revision_id,
            "name": result.name,
            "version": result.version,
            "outcome": result.outcome,
            "severity": result.severity,
            "evidence": dict(result.evidence),
        }


def compute_checks(
    database: Database,
    arrays: ArrayStore,
    *,
    selection: Selection = Selection(),  # noqa: B008
    force: bool = False,
    workers: int = 1,
    address: str | None = None,
    progress: Progress | None = None,
    announce: Callable[[str], None] | None = None,
) -> CheckingReport:
    """Check the annotations that have no checks, or of other versions, or of before anything they go by changed.

    Raises:
        NotFound: what the selection names is not there.
    """
    start, report = time.perf_counter(), CheckingReport()
    selection.require(database)
    places = selection.visibilities
    batches = [one for visibility in places for one in _pending(database, selection, visibility, force=force)]
    running: Any = {"workers": workers, "address": address, "progress": progress, "announce": announce}
    done = run_batches(_Job(database, arrays), batches, **running)
    report.checked, report.noted, report.failed = done.done, done.noted, done.failed
    _count(database, selection, report)
    report.seconds = time.perf_counter() - start
    return report


def _pending(database: Database, selection: Selection, visibility: Visibility, *, force: bool) -> Iterator[ScanBatch]:
    query = (
        sa.select(col(Annotation.scan_id), col(Annotation.id))
        .join(FindingRevision, LATEST)
        .where(*selection.conditions())
        .order_by(col(Annotation.scan_id))
    )
    with database.transaction(role_of(visibility), visibility) as session:
        found = session.execute(query if force else query.where(_fresh() < len(CHECKS))).all()
    return batch_scans(((scan, annotation) for scan, annotation in found), visibility)


LATEST = sa.and_(col(FindingRevision.finding_id) == col(Annotation.finding_id), col(FindingRevision.is_latest))


def _fresh() -> sa.ScalarSelect[int]:
    """How many checks of the enclosing statement's annotation say what they would say now."""
    versions = [(name, check.version) for name, check in CHECKS.items()]
    counted = sa.select(sa.func.count()).where(
        col(TextCheck.annotation_id) == col(Annotation.id),
        col(TextCheck.revision_id) == col(FindingRevision.id),
        sa.tuple_(col(TextCheck.name), col(TextCheck.version)).in_(versions),
        col(TextCheck.evidence)["described_by"].astext.is_not_distinct_from(described_by()),
        col(TextCheck.computed_at) >= last_change(),
    )
    return counted.correlate(Annotation, FindingRevision).scalar_subquery()


def described_by() -> sa.ScalarSelect[str]:
    """What read the descriptors of the enclosing statement's revision."""
    found = sa.select(sa.func.max(col(Descriptor.engine_version)))
    return (
        found.where(col(Descriptor.revision_id) == col(FindingRevision.id)).correlate(FindingRevision).scalar_subquery()
    )


def last_change() -> sa.ColumnElement[Any]:
    """When anything that the checks of the enclosing statement's annotation go by was last written."""
    own = sa.select(sa.func.max(sa.func.greatest(col(Geometry.computed_at), col(Location.computed_at))))
    own = own.select_from(Entity).outerjoin(Geometry, col(Geometry.entity_id) == col(Entity.id))
    own = own.outerjoin(Location, col(Location.entity_id) == col(Entity.id))
    own = own.where(col(Entity.annotation_id) == col(Annotation.id))
    beside, words = aliased(Annotation), aliased(FindingRevision)
    drawn = sa.select(sa.func.max(beside.created_at)).where(col(beside.scan_id) == col(Annotation.scan_id))
    said = sa.select(sa.func.max(words.created_at)).join(Finding, col(Finding.id) == col(words.finding_id))
    said = said.where(col(Finding.scan_id) == col(Annotation.scan_id))
    return sa.func.greatest(*(one.correlate(Annotation).scalar_subquery() for one in (own, drawn, said)))


def _count(database: Database, selection: Selection, report: CheckingReport) -> None:
    annotations = sa.select(sa.func.count()).select_from(Annotation).where(*selection.conditions())
    outcomes = (
        sa.select(col(TextCheck.name), col(TextCheck.outcome), sa.func.count())
        .join(Annotation, col(Annotation.id) == col(TextCheck.annotation_id))
        .where(*selection.conditions(), col(TextCheck.name).in_(CHECKS))
        .group_by(col(TextCheck.name), col(TextCheck.outcome))
    )
    report.outcomes = {name: {str(outcome): 0 for outcome in CheckOutcome} for name in CHECKS}
    for visibility in selection.visibilities:
        with database.transaction(role_of(visibility), visibility) as session:
            report.annotations += session.execute(annotations).scalar_one()
            for name, outcome, number in session.execute(outcomes):
                report.outcomes[name][str(outcome)] += number

"""Making chains of thought of our own: of findings that have none or a stale one, scan by scan."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import distinct_on
from sqlmodel import Session, col, select

from compute.checks.checking import run_checks
from compute.geometry import kernel_runs
from compute.jobs.checking import LATEST, described_by, last_change
from compute.jobs.facts import AnnotatedFinding, ScanRows, read_scans
from compute.jobs.measuring import reason_of
from compute.jobs.pending import role_of
from compute.jobs.scan_batches import BatchResult, Progress, ScanBatch, batch_scans, run_batches
from compute.jobs.selection import Selection
from compute.reasoning import VERSION, OrganBoxes, ScanSpace, Step, make_chain
from schema.annotation import Annotation, AnnotationState
from schema.arrays.store import ArrayStore
from schema.database import Database
from schema.errors import ArrayStoreError
from schema.finding import FindingRevision
from schema.identity import reasoning_id
from schema.ontology import Category
from schema.organ import OrganMask
from schema.reasoning import OWN_ORIGIN, Reasoning, ReasoningLevel, ReasoningStep
from schema.release import Visibility


@dataclass
class ReasoningReport:
    """What a run made, and what all chains of the selection claim in vain."""

    findings: int = 0
    """With an annotation to walk to."""
    made: int = 0
    steps: int = 0
    """Of all chains."""
    contradictions: dict[str, int] = field(default_factory=dict)
    """By level, over all chains."""
    failed: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """Give the report as `--json` prints it."""
        return {
            "findings": self.findings,
            "made": self.made,
            "steps": self.steps,
            "contradictions": self.contradictions,
            "failed": len(self.failed),
            "failures": self.failed,
            "seconds": round(self.seconds, 3),
        }


@dataclass(frozen=True)
class _Job:
    """Makes the chains of a batch and writes them, in one transaction."""

    database: Database
    arrays: ArrayStore

    def __call__(self, batch: ScanBatch) -> BatchResult:
        failed: dict[str, str] = {}
        made = 0
        with self.database.transaction(role_of(batch.visibility), batch.visibility) as session:
            names: dict[int, str] = dict(session.exec(select(Category.id, Category.name)).all())
            scans = read_scans(session, batch.scans)
            for scan in scans:
                space = _space(scan, self.arrays, failed)
                for one in scan.annotated(batch.annotations):
                    category = scan.words[one.annotation.finding_id][0].category_id
                    checks = {result.name: result for result in run_checks(one.facts)}
                    steps = make_chain(one.facts, checks, space, names.get(category or 0))
                    _save(session, one, steps, space)
                    made += 1
        return BatchResult(made, failed=failed)


def _space(scan: ScanRows, arrays: ArrayStore, failed: dict[str, str]) -> ScanSpace:
    """Give the scan with the boxes of its organ masks; one that cannot be used fails by name and is done without."""
    organs = []
    for mask in scan.organ_masks:
        try:
            organs.append(_organs(scan, mask, arrays))
        except (ArrayStoreError, OSError, ValueError) as error:
            failed[f"{scan.scan.name}, organ mask {mask.scheme}"] = reason_of(error)
    i, j, k = scan.scan.shape_vox
    if scan.volume is None:
        return ScanSpace((i, j, k), organs=tuple(organs))
    affine = np.array(scan.volume.affine_ras).reshape(4, 4)
    return ScanSpace((i, j, k), affine, scan.volume.body_midline_lps_mm, tuple(organs))


def _organs(scan: ScanRows, mask: OrganMask, arrays: ArrayStore) -> OrganBoxes:
    labels = arrays.read_runs(mask.digest, "labels", 0)
    if list(labels.shape_zyx[::-1]) != scan.scan.shape_vox:
        raise ValueError(
            f"it has the shape {list(labels.shape_zyx[::-1])} and the scan {scan.scan.shape_vox}; "
            "import the organs of this scan again"
        )
    return OrganBoxes.of(mask.scheme, mask.names, kernel_runs(labels), labels.shape_zyx[1])


def _save(session: Session, one: AnnotatedFinding, steps: list[Step], space: ScanSpace) -> None:
    """Write a chain in place of the one before."""
    finding = one.annotation.finding_id
    key = reasoning_id(finding, OWN_ORIGIN)
    session.execute(sa.delete(Reasoning).where(col(Reasoning.id) == key))
    words = one.facts.words.described_by
    version = VERSION if words is None else f"{VERSION}, {words}"
    row = {"id": key, "finding_id": finding, "origin": OWN_ORIGIN, "annotation_id": one.annotation.id}
    session.execute(sa.insert(Reasoning).values(**row, version=version))
    rows = [{"reasoning_id": key, "position": n, **step.row(space.affine_ras)} for n, step in enumerate(steps)]
    session.execute(sa.insert(ReasoningStep), rows)


def compute_reasoning(
    database: Database,
    arrays: ArrayStore,
    *,
    selection: Selection = Selection(),  # noqa: B008
    force: bool = False,
    workers: int = 1,
    address: str | None = None,
    progress: Progress | None = None,
    announce: Callable[[str], None] | None = None,
) -> ReasoningReport:
    """Make the chains of findings that have none, or one of before anything that it goes by changed.

    A chain walks to the accepted annotation, the latest of several, or to that of the round or release that is named.

    Raises:
        NotFound: what the selection names is not there.
    """
    start, report = time.perf_counter(), ReasoningReport()
    selection.require(database)
    places = selection.visibilities
    batches = [one for visibility in places for one in _pending(database, selection, visibility, force=force)]
    running: Any = {"workers": workers, "address": address, "progress": progress, "announce": announce}
    done = run_batches(_Job(database, arrays), batches, **running)
    report.made, report.failed = done.done, done.failed
    _count(database, selection, report)
    report.seconds = time.perf_counter() - start
    return report


def _chosen(selection: Selection) -> sa.Subquery:
    """The one annotation of each finding that its chain walks to."""
    query = sa.select(Annotation).where(*selection.conditions())
    if selection.round is None and selection.release is None:
        query = query.where(col(Annotation.state) == AnnotationState.ACCEPTED)
    newest = (col(Annotation.finding_id), col(Annotation.created_at).desc(), col(Annotation.id))
    return query.ext(distinct_on(col(Annotation.finding_id))).order_by(*newest).subquery()


def _pending(database: Database, selection: Selection, visibility: Visibility, *, force: bool) -> Iterator[ScanBatch]:
    chosen = _chosen(selection)
    own = sa.and_(col(Reasoning.finding_id) == col(Annotation.finding_id), col(Reasoning.origin) == OWN_ORIGIN)
    stale = sa.or_(
        col(Reasoning.id).is_(None),
        col(Reasoning.version) != sa.func.concat_ws(", ", VERSION, described_by()),
        col(Reasoning.annotation_id) != col(Annotation.id),
        col(Reasoning.created_at) < last_change(),
    )
    query = (
        sa.select(col(Annotation.scan_id), col(Annotation.id))
        .join(chosen, chosen.c.id == col(Annotation.id))
        .join(FindingRevision, LATEST)
        .outerjoin(Reasoning, own)
        .where(sa.true() if force else stale)
        .order_by(col(Annotation.scan_id))
    )
    with database.transaction(role_of(visibility), visibility) as session:
        found = session.execute(query).all()
    return batch_scans(((scan, annotation) for scan, annotation in found), visibility)


def _count(database: Database, selection: Selection, report: ReasoningReport) -> None:
    chosen = _chosen(selection)
    findings = sa.select(sa.func.count()).select_from(chosen)
    wrong = sa.func.count().filter(col(ReasoningStep.holds).is_(False))
    steps = (
        sa.select(col(ReasoningStep.level), sa.func.count(), wrong)
        .join(Reasoning, col(Reasoning.id) == col(ReasoningStep.reasoning_id))
        .join(chosen, chosen.c.id == col(Reasoning.annotation_id))
        .where(col(Reasoning.origin) == OWN_ORIGIN)
        .group_by(col(ReasoningStep.level))
    )
    report.contradictions = {str(level): 0 for level in ReasoningLevel}
    for visibility in selection.visibilities:
        with database.transaction(role_of(visibility), visibility) as session:
            report.findings += session.execute(findings).scalar_one()
            for level, number, contradictions in session.execute(steps):
                report.steps += number
                report.contradictions[str(level)] += contradictions

"""What should be looked at first: where readers disagree, and where words and masks contradict each other."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col

from schema.agreement import Agreement
from schema.annotation import Annotation, AnnotationState
from schema.finding import Finding, FindingRevision
from schema.review import Adjudication
from schema.round import Round
from schema.scan import Scan
from schema.text_check import CheckOutcome, TextCheck

WAITING = (AnnotationState.SUBMITTED, AnnotationState.IN_REVIEW)
"""What waits for a verdict, whatever is known of it."""
_CONTRADICTS = col(TextCheck.outcome) == CheckOutcome.CONTRADICTS


@dataclass(frozen=True)
class QueuedCheck:
    """A check that words and mask do not pass."""

    name: str
    severity: float
    evidence: dict[str, Any]


@dataclass(frozen=True)
class QueuedAnnotation:
    """An annotation that should be looked at, and why."""

    id: UUID
    scan: str
    scan_id: UUID
    finding: int
    text: str
    category: str | None
    round: str
    state: AnnotationState
    disagreement: float
    """1 less the mean Dice of the finding's readers; 0 where only one drew."""
    checks: tuple[QueuedCheck, ...]
    adjudication: bool = False
    """Whether its round's readers disagree more than the rule allows, so that an adjudicator decides."""

    @property
    def urgency(self) -> float:
        """What the queue is sorted by: disagreement, and the severities of what contradicts."""
        return self.disagreement + sum(check.severity for check in self.checks)

    def to_json(self) -> dict[str, Any]:
        """Give it as `--json` prints it."""
        return {**asdict(self), "id": str(self.id), "scan_id": str(self.scan_id), "urgency": self.urgency}


def review_queue(
    session: Session, *, round_name: str | None = None, scan: str | None = None, adjudication: bool = False
) -> list[QueuedAnnotation]:
    """Give what should be looked at, by scan, the most urgent scan first: what waits, and accepted contradictions.

    With `adjudication` only what an adjudicator decides.
    """
    checks = _checks(session)
    rows = session.execute(_annotations(round_name, scan)).all()
    found = [_queued(row, checks.get(row.id, ())) for row in rows]
    found = [each for each in found if each.adjudication or not adjudication]
    urgency: dict[str, float] = {}
    for each in found:
        urgency[each.scan] = max(urgency.get(each.scan, 0.0), each.urgency)
    return sorted(found, key=lambda each: (-urgency[each.scan], each.scan, -each.urgency, each.finding, str(each.id)))


def _annotations(round_name: str | None, scan: str | None) -> sa.Select[Any]:
    contradicted = sa.exists().where(col(TextCheck.annotation_id) == col(Annotation.id), _CONTRADICTS)
    holds = col(Annotation.state) == AnnotationState.ACCEPTED
    agreed = sa.and_(
        col(Agreement.finding_id) == col(Annotation.finding_id), col(Agreement.round_id) == col(Annotation.round_id)
    )
    query = (
        sa.select(col(Annotation.id), col(Scan.name).label("scan"), col(Scan.id).label("scan_id"))
        .add_columns(col(Finding.source_index).label("finding"), col(FindingRevision.text))
        .add_columns(col(FindingRevision.category_code).label("category"), col(Round.name).label("round"))
        .add_columns(col(Annotation.state), (1 - sa.func.coalesce(col(Agreement.dice), 1.0)).label("disagreement"))
        .add_columns(_disputed().label("adjudication"))
        .join(Finding, col(Finding.id) == col(Annotation.finding_id))
        .join(Scan, col(Scan.id) == col(Annotation.scan_id))
        .join(Round, col(Round.id) == col(Annotation.round_id))
        .join(FindingRevision, col(FindingRevision.finding_id) == col(Finding.id))
        .outerjoin(Agreement, agreed)
        .where(col(FindingRevision.is_latest))
        .where(sa.or_(col(Annotation.state).in_(WAITING), sa.and_(holds, contradicted)))
    )
    if round_name is not None:
        query = query.where(col(Round.name) == round_name)
    return query if scan is None else query.where(col(Scan.name) == scan.removesuffix(".nii.gz"))


def _disputed() -> sa.ColumnElement[bool]:
    return sa.exists().where(
        col(Adjudication.finding_id) == col(Annotation.finding_id),
        col(Adjudication.round_id) == col(Annotation.round_id),
        col(Adjudication.chosen_id).is_(None),
        col(Annotation.state).in_(WAITING),
    )


def _checks(session: Session) -> dict[UUID, tuple[QueuedCheck, ...]]:
    query = (
        sa.select(col(TextCheck.annotation_id), col(TextCheck.name), col(TextCheck.severity), col(TextCheck.evidence))
        .where(_CONTRADICTS)
        .order_by(col(TextCheck.name))
    )
    found: dict[UUID, tuple[QueuedCheck, ...]] = {}
    for annotation, name, severity, evidence in session.execute(query):
        found[annotation] = (*found.get(annotation, ()), QueuedCheck(name, severity or 0.0, evidence))
    return found


def _queued(row: Any, checks: tuple[QueuedCheck, ...]) -> QueuedAnnotation:
    facts = (row.id, row.scan, row.scan_id, row.finding, row.text, row.category, row.round, row.state)
    return QueuedAnnotation(*facts, float(row.disagreement), checks, row.adjudication)


def by_scan(queue: list[QueuedAnnotation]) -> Iterator[tuple[str, list[QueuedAnnotation]]]:
    """Group a queue by scan, in its order."""
    scans: dict[str, list[QueuedAnnotation]] = {}
    for each in queue:
        scans.setdefault(each.scan, []).append(each)
    yield from scans.items()

"""Verdicts on annotations: what one says, what it changes, and how a file of them comes in.

A verdict on the mask moves the annotation: accepted, it becomes what holds and supersedes what held before; rejected,
it no longer holds. Any other target that is not accepted sends an accepted annotation back into review. A correction of
words, category or side is a revision of the finding. Where blind readers disagree, only an adjudicator decides about
masks, and what is accepted settles it.
"""

import csv
import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, select

from compute.jobs.pending import role_of
from ingest.reviews.adjudicating import may_decide, settle, waiting_rounds
from ingest.rounds.saving import name_person
from schema import identity
from schema.annotation import Annotation, AnnotationState, Entity
from schema.database import Database
from schema.errors import NotFound, SourceError
from schema.finding import FindingRevision, RevisionSource, Side, side_in_text
from schema.ontology import Category, Ontology, assignable_codes, rexgroundingct_ontology
from schema.release import Visibility
from schema.review import Review, ReviewReason, ReviewTarget, Verdict
from schema.round import Person, PersonRole

COLUMNS = ("annotation", "target", "entity", "verdict", "reason", "words", "correction", "reviewer")
"""Of a file of verdicts; `entity` is a label, `correction` new words, a code or a side."""
_NEEDED = ("annotation", "target", "verdict", "reviewer")
_MOST_BYTES = 64 << 20
_CORRECTABLE = (ReviewTarget.TEXT, ReviewTarget.CATEGORY, ReviewTarget.SIDE)


class BadVerdict(SourceError):
    """A verdict that cannot be taken; the message says what is wrong with it."""


@dataclass(frozen=True)
class VerdictDraft:
    """What a reviewer says."""

    annotation: UUID
    target: ReviewTarget
    verdict: Verdict
    reviewer: str
    """The pseudonym."""
    entity: int | None = None
    """The label, where the target is an entity."""
    reason: str | None = None
    words: str | None = None
    correction: str | None = None
    """New words, a code or a side."""
    source_sha256: str | None = None


@dataclass
class ReviewsReport:
    """What a file of verdicts brought."""

    new: int = 0
    unchanged: int = 0
    problems: list[str] = field(default_factory=list)
    """One line for each row that cannot be taken."""

    def to_json(self) -> dict[str, Any]:
        """Give it as `--json` prints it."""
        return asdict(self)


def give_verdict(session: Session, draft: VerdictDraft) -> Review | None:
    """Take a verdict, and do what follows from it; None where its row of a file came before.

    Raises:
        BadVerdict: it contradicts itself, its reason is not one of its target's, its annotation cannot go there, or an
            adjudicator is to decide.
        NotFound: there is no such annotation that may be seen, no such entity, or no such reviewer.
    """
    if (
        draft.source_sha256
        and session.exec(select(Review.id).where(Review.source_sha256 == draft.source_sha256)).first()
    ):
        return None
    finding = session.exec(select(Annotation.finding_id).where(Annotation.id == draft.annotation)).one_or_none()
    if finding is None:
        raise NotFound(f"there is no annotation {draft.annotation} that may be seen here")
    reviewer = _reviewer(session, draft.reviewer)
    _check(session, draft)
    disputed = _disputed(session, finding, reviewer, draft)  # before the annotation: what settles it takes others too
    annotation = session.get_one(Annotation, draft.annotation, with_for_update=True)
    entity = _entity(session, draft)
    revision = _revise(session, annotation, draft) if draft.verdict is Verdict.CORRECT else None
    review = Review(
        annotation_id=annotation.id,
        entity_id=entity,
        reviewer_id=reviewer.id,
        target=draft.target,
        verdict=draft.verdict,
        reason=draft.reason,
        words=draft.words,
        correction_revision_id=revision,
        source_sha256=draft.source_sha256,
    )
    session.add(review)
    session.flush()
    _move(session, annotation, draft, disputed)
    return review


def _reviewer(session: Session, pseudonym: str) -> Person:
    found = session.exec(select(Person).where(Person.pseudonym == pseudonym)).one_or_none()
    if found is None or found.role not in (PersonRole.REVIEWER, PersonRole.ADJUDICATOR):
        raise NotFound(f"there is no reviewer {pseudonym!r}; `groundct person add {pseudonym} --role reviewer`")
    return found


def _disputed(session: Session, finding: UUID, reviewer: Person, draft: VerdictDraft) -> "_Disputed | None":
    """Give what a verdict on a mask may settle; None where nothing waits."""
    rounds = waiting_rounds(session, finding) if draft.target is ReviewTarget.MASK else []
    if rounds and not may_decide(reviewer):
        raise BadVerdict(
            f"readers disagree about its finding, so an adjudicator decides, and {draft.reviewer} is a {reviewer.role}"
        )
    return _Disputed(rounds, reviewer) if rounds else None


@dataclass(frozen=True)
class _Disputed:
    rounds: list[int]
    adjudicator: Person


def _check(session: Session, draft: VerdictDraft) -> None:
    if (draft.target is ReviewTarget.ENTITY) != (draft.entity is not None):
        raise BadVerdict("an entity's label is given where the target is `entity`, and nowhere else")
    if draft.verdict is not Verdict.ACCEPT:
        known = session.exec(select(ReviewReason.code).where(ReviewReason.target == draft.target)).all()
        if draft.reason not in known:
            raise BadVerdict(f"{draft.reason!r} is no reason about the {draft.target}; there are {', '.join(known)}")
    correctable = draft.verdict is Verdict.CORRECT and draft.target in _CORRECTABLE
    if draft.verdict is Verdict.CORRECT and not correctable:
        raise BadVerdict(f"a {draft.target} is corrected by drawing it anew: hand it out in a round, or reject it")
    if correctable != bool(draft.correction):
        raise BadVerdict("a correction of text, category or side says what is right, and no other verdict does")


def _entity(session: Session, draft: VerdictDraft) -> UUID | None:
    if draft.entity is None:
        return None
    query = select(Entity.id).where(Entity.annotation_id == draft.annotation, Entity.label == draft.entity)
    if (found := session.exec(query).one_or_none()) is None:
        raise NotFound(f"annotation {draft.annotation} has no entity with the label {draft.entity}")
    return found


def _revise(session: Session, annotation: Annotation, draft: VerdictDraft) -> UUID:
    """Add the revision that a correction is; two at a time take turns."""
    lock = sa.func.hashtextextended(str(annotation.finding_id), 0)
    session.execute(sa.select(sa.func.pg_advisory_xact_lock(lock)))
    query = select(FindingRevision).where(
        FindingRevision.finding_id == annotation.finding_id, col(FindingRevision.is_latest)
    )
    latest = session.exec(query).one()
    changes = _changes(session, draft)
    values = {
        name: getattr(latest, name)
        for name in ("text", "category_id", "category_code", "present", "refers_to_prior", "text_side")
    }
    number = latest.revision + 1
    key = identity.revision_id(annotation.finding_id, number)
    row = {**values, **changes, "id": key, "finding_id": annotation.finding_id, "revision": number}
    session.execute(sa.insert(FindingRevision).values(**row, source=RevisionSource.PERSON))
    return key


def _changes(session: Session, draft: VerdictDraft) -> dict[str, Any]:
    correction = draft.correction or ""
    if draft.target is ReviewTarget.TEXT:
        return {"text": correction, "text_side": side_in_text(correction)}
    if draft.target is ReviewTarget.SIDE:
        if correction.lower() not in set(Side):
            raise BadVerdict(f"{correction!r} is no side; sides are {', '.join(Side)}")
        return {"text_side": Side(correction.lower())}
    if correction not in assignable_codes():
        raise BadVerdict(f"{correction!r} is no code that a finding may have, such as 2d")
    draft_ontology = rexgroundingct_ontology()
    query = (
        select(Category.id)
        .join(Ontology, col(Ontology.id) == col(Category.ontology_id))
        .where(Ontology.name == draft_ontology.name, Ontology.version == draft_ontology.version)
        .where(Category.code == correction)
    )
    return {"category_id": session.exec(query).one(), "category_code": correction}


def _move(session: Session, annotation: Annotation, draft: VerdictDraft, disputed: _Disputed | None) -> None:
    """Change states as the verdict says, each change logged with the reviewer and the reason."""
    state = _next_state(annotation.state, draft)
    settles = disputed is not None and draft.verdict is Verdict.ACCEPT
    if state is None and not settles:
        return
    why = " ".join(filter(None, (str(draft.target), str(draft.verdict), draft.reason, draft.words)))
    name_person(session, draft.reviewer, why)
    if state is AnnotationState.ACCEPTED:
        _supersede_others(session, annotation)
    if state is not None:
        _set_state(session, [annotation.id], state)
    if disputed is not None and settles:
        settle(session, disputed.rounds, annotation, disputed.adjudicator, why)
    name_person(session, None, "")


def _next_state(now: AnnotationState, draft: VerdictDraft) -> AnnotationState | None:
    if draft.target is ReviewTarget.MASK:
        wanted = AnnotationState.ACCEPTED if draft.verdict is Verdict.ACCEPT else AnnotationState.REJECTED
        if now in (AnnotationState.DRAFT, AnnotationState.SUPERSEDED):
            raise BadVerdict(f"its annotation is {now}, and nobody decides about its mask any more, or yet")
        return wanted if wanted is not now else None
    entity_wrong = draft.target is ReviewTarget.ENTITY and draft.verdict is not Verdict.ACCEPT
    open_again = now in (AnnotationState.ACCEPTED, AnnotationState.SUBMITTED)
    return AnnotationState.IN_REVIEW if entity_wrong and open_again else None


def _supersede_others(session: Session, annotation: Annotation) -> None:
    others = select(Annotation.id).where(
        Annotation.finding_id == annotation.finding_id,
        Annotation.id != annotation.id,
        Annotation.state == AnnotationState.ACCEPTED,
    )
    _set_state(session, list(session.exec(others)), AnnotationState.SUPERSEDED)
    if annotation.state is AnnotationState.REJECTED:  # the way back leads through review
        _set_state(session, [annotation.id], AnnotationState.IN_REVIEW)


def _set_state(session: Session, annotations: list[UUID], state: AnnotationState) -> None:
    if annotations:
        session.execute(sa.update(Annotation).where(col(Annotation.id).in_(annotations)).values(state=state))


def ingest_verdicts(database: Database, path: Path, visibility: Visibility = Visibility.OPEN) -> ReviewsReport:
    """Take a CSV of verdicts, each row for itself; a row that came before changes nothing.

    Verdicts on hidden annotations need the owner.

    Raises:
        SourceError: the file cannot be read, or lacks a column.
    """
    report = ReviewsReport()
    for number, row in _rows(path):
        try:
            draft = _parse(row)
            with database.transaction(role_of(visibility), visibility) as session:
                new = give_verdict(session, draft) is not None
            report.new, report.unchanged = report.new + new, report.unchanged + (not new)
        except (BadVerdict, NotFound) as error:
            report.problems.append(f"{path}: line {number}: {error}")
    return report


def _rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise SourceError(f"{path}: is larger than any file of verdicts")
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"{path}: cannot be read ({error})") from error
    reader = csv.DictReader(text.splitlines())
    if missing := [name for name in _NEEDED if name not in (reader.fieldnames or ())]:
        raise SourceError(f"{path}: lacks the column {missing[0]}; it needs {', '.join(COLUMNS)}")
    yield from enumerate(reader, 2)


def _parse(row: dict[str, str]) -> VerdictDraft:
    said = {name: (row.get(name) or "").strip() for name in COLUMNS}
    digest = hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
    try:
        return VerdictDraft(
            annotation=UUID(said["annotation"]),
            target=ReviewTarget(said["target"]),
            verdict=Verdict(said["verdict"]),
            reviewer=said["reviewer"],
            entity=int(said["entity"]) if said["entity"] else None,
            reason=said["reason"] or None,
            words=said["words"] or None,
            correction=said["correction"] or None,
            source_sha256=digest,
        )
    except ValueError as error:
        raise BadVerdict(f"{error}; a row has {', '.join(COLUMNS)}") from None
